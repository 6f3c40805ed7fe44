// Callers of the operators in padding.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor constant_pad_nd(const Tensor& input, Ints pad, const Scalar& value = 0) {
  static const OpDef& op = find_op("constant_pad_nd");
  return call_op<Tensor>(op, input, pad, value);
}
inline Tensor one_hot(const Tensor& input, int64_t num_classes = -1) {
  static const OpDef& op = find_op("one_hot");
  return call_op<Tensor>(op, input, num_classes);
}
}  // namespace fb
