// Callers of the operators in matmul.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor mm(const Tensor& input, const Tensor& mat2) {
  static const OpDef& op = find_op("mm");
  return call_op<Tensor>(op, input, mat2);
}
inline Tensor bmm(const Tensor& input, const Tensor& mat2) {
  static const OpDef& op = find_op("bmm");
  return call_op<Tensor>(op, input, mat2);
}
inline Tensor mv(const Tensor& input, const Tensor& vec) {
  static const OpDef& op = find_op("mv");
  return call_op<Tensor>(op, input, vec);
}
inline Tensor dot(const Tensor& input, const Tensor& tensor) {
  static const OpDef& op = find_op("dot");
  return call_op<Tensor>(op, input, tensor);
}
inline Tensor vdot(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("vdot");
  return call_op<Tensor>(op, input, other);
}
inline Tensor matmul(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("matmul");
  return call_op<Tensor>(op, input, other);
}
inline Tensor linear(const Tensor& input, const Tensor& weight, const Tensor& bias = Tensor()) {
  static const OpDef& op = find_op("linear");
  return call_op<Tensor>(op, input, weight, bias);
}
}  // namespace fb
