// Callers of the operators in view_backward.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor select_backward(const Tensor& grad, Ints sizes, int64_t dim, int64_t index) {
  static const OpDef& op = find_op("select_backward");
  return call_op<Tensor>(op, grad, sizes, dim, index);
}
inline Tensor slice_backward(const Tensor& grad, Ints sizes, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  static const OpDef& op = find_op("slice_backward");
  return call_op<Tensor>(op, grad, sizes, dim, start, end, step);
}
inline Tensor diagonal_backward(const Tensor& grad, Ints sizes, int64_t offset, int64_t dim1, int64_t dim2) {
  static const OpDef& op = find_op("diagonal_backward");
  return call_op<Tensor>(op, grad, sizes, offset, dim1, dim2);
}
inline Tensor unfold_backward(const Tensor& grad, Ints sizes, int64_t dim, int64_t size, int64_t step) {
  static const OpDef& op = find_op("unfold_backward");
  return call_op<Tensor>(op, grad, sizes, dim, size, step);
}
}  // namespace fb
