// Callers of the operators in padding_modes.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor _pad_modes(const Tensor& input, Ints pad, std::string_view mode) {
  static const OpDef& op = find_op("_pad_modes");
  return call_op<Tensor>(op, input, pad, mode);
}
inline Tensor _pad_modes_backward(const Tensor& grad, Ints sizes, Ints pad, std::string_view mode) {
  static const OpDef& op = find_op("_pad_modes_backward");
  return call_op<Tensor>(op, grad, sizes, pad, mode);
}
}  // namespace fb
