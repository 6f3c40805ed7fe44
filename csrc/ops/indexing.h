// Callers of the operators in indexing.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor index_select(const Tensor& input, int64_t dim, const Tensor& index) {
  static const OpDef& op = find_op("index_select");
  return call_op<Tensor>(op, input, dim, index);
}
inline Tensor index_add(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& source, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("index_add");
  return call_op<Tensor>(op, input, dim, index, source, alpha);
}
inline Tensor index_add_(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& source, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("index_add");
  return call_inplace(op, input, dim, index, source, alpha);
}
inline Tensor index_copy(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& source) {
  static const OpDef& op = find_op("index_copy");
  return call_op<Tensor>(op, input, dim, index, source);
}
inline Tensor index_copy_(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& source) {
  static const OpDef& op = find_op("index_copy");
  return call_inplace(op, input, dim, index, source);
}
inline Tensor index_fill(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& value) {
  static const OpDef& op = find_op("index_fill");
  return call_op<Tensor>(op, input, dim, index, value);
}
inline Tensor index_fill_(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& value) {
  static const OpDef& op = find_op("index_fill");
  return call_inplace(op, input, dim, index, value);
}
inline Tensor take(const Tensor& input, const Tensor& index) {
  static const OpDef& op = find_op("take");
  return call_op<Tensor>(op, input, index);
}
inline Tensor put(const Tensor& input, const Tensor& index, const Tensor& source, bool accumulate = false) {
  static const OpDef& op = find_op("put");
  return call_op<Tensor>(op, input, index, source, accumulate);
}
inline Tensor put_(const Tensor& input, const Tensor& index, const Tensor& source, bool accumulate = false) {
  static const OpDef& op = find_op("put");
  return call_inplace(op, input, index, source, accumulate);
}
}  // namespace fb
