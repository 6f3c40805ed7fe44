// Callers of the operators in triangular.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor tril(const Tensor& input, int64_t diagonal = 0) {
  static const OpDef& op = find_op("tril");
  return call_op<Tensor>(op, input, diagonal);
}
inline Tensor tril_(const Tensor& input, int64_t diagonal = 0) {
  static const OpDef& op = find_op("tril");
  return call_inplace(op, input, diagonal);
}
inline Tensor triu(const Tensor& input, int64_t diagonal = 0) {
  static const OpDef& op = find_op("triu");
  return call_op<Tensor>(op, input, diagonal);
}
inline Tensor triu_(const Tensor& input, int64_t diagonal = 0) {
  static const OpDef& op = find_op("triu");
  return call_inplace(op, input, diagonal);
}
inline Tensor diag_embed(const Tensor& input, int64_t offset = 0, int64_t dim1 = -2, int64_t dim2 = -1) {
  static const OpDef& op = find_op("diag_embed");
  return call_op<Tensor>(op, input, offset, dim1, dim2);
}
inline Tensor diag(const Tensor& input, int64_t diagonal = 0) {
  static const OpDef& op = find_op("diag");
  return call_op<Tensor>(op, input, diagonal);
}
inline Tensor diagflat(const Tensor& input, int64_t offset = 0) {
  static const OpDef& op = find_op("diagflat");
  return call_op<Tensor>(op, input, offset);
}
inline Tensor trace(const Tensor& input) {
  static const OpDef& op = find_op("trace");
  return call_op<Tensor>(op, input);
}
inline Tensor fill_diagonal_(const Tensor& input, const Scalar& fill_value, bool wrap = false) {
  static const OpDef& op = find_op("fill_diagonal_");
  return call_op<Tensor>(op, input, fill_value, wrap);
}
inline Tensor fill_diagonal(const Tensor& input, const Scalar& fill_value, bool wrap = false) {
  static const OpDef& op = find_op("fill_diagonal");
  return call_op<Tensor>(op, input, fill_value, wrap);
}
}  // namespace fb
