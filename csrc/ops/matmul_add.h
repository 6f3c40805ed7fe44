// Callers of the operators in matmul_add.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor addmm(const Tensor& input, const Tensor& mat1, const Tensor& mat2, const Scalar& beta = 1, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("addmm");
  return call_op<Tensor>(op, input, mat1, mat2, beta, alpha);
}
inline Tensor addmm_(const Tensor& input, const Tensor& mat1, const Tensor& mat2, const Scalar& beta = 1, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("addmm");
  return call_inplace(op, input, mat1, mat2, beta, alpha);
}
inline Tensor addmv(const Tensor& input, const Tensor& mat, const Tensor& vec, const Scalar& beta = 1, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("addmv");
  return call_op<Tensor>(op, input, mat, vec, beta, alpha);
}
inline Tensor addmv_(const Tensor& input, const Tensor& mat, const Tensor& vec, const Scalar& beta = 1, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("addmv");
  return call_inplace(op, input, mat, vec, beta, alpha);
}
inline Tensor baddbmm(const Tensor& input, const Tensor& batch1, const Tensor& batch2, const Scalar& beta = 1, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("baddbmm");
  return call_op<Tensor>(op, input, batch1, batch2, beta, alpha);
}
inline Tensor baddbmm_(const Tensor& input, const Tensor& batch1, const Tensor& batch2, const Scalar& beta = 1, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("baddbmm");
  return call_inplace(op, input, batch1, batch2, beta, alpha);
}
inline Tensor addbmm(const Tensor& input, const Tensor& batch1, const Tensor& batch2, const Scalar& beta = 1, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("addbmm");
  return call_op<Tensor>(op, input, batch1, batch2, beta, alpha);
}
inline Tensor addbmm_(const Tensor& input, const Tensor& batch1, const Tensor& batch2, const Scalar& beta = 1, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("addbmm");
  return call_inplace(op, input, batch1, batch2, beta, alpha);
}
inline Tensor outer(const Tensor& input, const Tensor& vec2) {
  static const OpDef& op = find_op("outer");
  return call_op<Tensor>(op, input, vec2);
}
inline Tensor addr(const Tensor& input, const Tensor& vec1, const Tensor& vec2, const Scalar& beta = 1, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("addr");
  return call_op<Tensor>(op, input, vec1, vec2, beta, alpha);
}
inline Tensor addr_(const Tensor& input, const Tensor& vec1, const Tensor& vec2, const Scalar& beta = 1, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("addr");
  return call_inplace(op, input, vec1, vec2, beta, alpha);
}
}  // namespace fb
