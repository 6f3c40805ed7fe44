// Callers of the operators in basic_indexing.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor index_view(const Tensor& input, Ints key) {
  static const OpDef& op = find_op("index_view");
  return call_op<Tensor>(op, input, key);
}
inline Tensor index_view_backward(const Tensor& grad, Ints sizes, Ints key) {
  static const OpDef& op = find_op("index_view_backward");
  return call_op<Tensor>(op, grad, sizes, key);
}
}  // namespace fb
