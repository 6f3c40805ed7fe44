// Callers of the operators in activation_shrink.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor hardshrink(const Tensor& input, double lambd = 0.5) {
  static const OpDef& op = find_op("hardshrink");
  return call_op<Tensor>(op, input, lambd);
}
inline Tensor softshrink(const Tensor& input, double lambd = 0.5) {
  static const OpDef& op = find_op("softshrink");
  return call_op<Tensor>(op, input, lambd);
}
inline Tensor shrink_backward(const Tensor& grad, const Tensor& input, double lambd) {
  static const OpDef& op = find_op("shrink_backward");
  return call_op<Tensor>(op, grad, input, lambd);
}
inline Tensor softsign(const Tensor& input) {
  static const OpDef& op = find_op("softsign");
  return call_op<Tensor>(op, input);
}
inline Tensor tanhshrink(const Tensor& input) {
  static const OpDef& op = find_op("tanhshrink");
  return call_op<Tensor>(op, input);
}
inline Tensor glu(const Tensor& input, int64_t dim = -1) {
  static const OpDef& op = find_op("glu");
  return call_op<Tensor>(op, input, dim);
}
}  // namespace fb
