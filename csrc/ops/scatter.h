// Callers of the operators in scatter.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor gather(const Tensor& input, int64_t dim, const Tensor& index, bool sparse_grad = false) {
  static const OpDef& op = find_op("gather");
  return call_op<Tensor>(op, input, dim, index, sparse_grad);
}
inline Tensor take_along_dim(const Tensor& input, const Tensor& indices, std::optional<int64_t> dim = std::nullopt) {
  static const OpDef& op = find_op("take_along_dim");
  return call_op<Tensor>(op, input, indices, dim);
}
inline Tensor scatter(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src) {
  static const OpDef& op = find_op("scatter");
  return call_op<Tensor>(op, input, dim, index, src);
}
inline Tensor scatter_(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src) {
  static const OpDef& op = find_op("scatter");
  return call_inplace(op, input, dim, index, src);
}
inline Tensor scatter(const Tensor& input, int64_t dim, const Tensor& index, const Scalar& value) {
  static const OpDef& op = find_op("scatter.value");
  return call_op<Tensor>(op, input, dim, index, value);
}
inline Tensor scatter_(const Tensor& input, int64_t dim, const Tensor& index, const Scalar& value) {
  static const OpDef& op = find_op("scatter.value");
  return call_inplace(op, input, dim, index, value);
}
inline Tensor scatter(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce) {
  static const OpDef& op = find_op("scatter.reduce");
  return call_op<Tensor>(op, input, dim, index, src, reduce);
}
inline Tensor scatter_(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce) {
  static const OpDef& op = find_op("scatter.reduce");
  return call_inplace(op, input, dim, index, src, reduce);
}
inline Tensor scatter(const Tensor& input, int64_t dim, const Tensor& index, const Scalar& value, std::string_view reduce) {
  static const OpDef& op = find_op("scatter.value_reduce");
  return call_op<Tensor>(op, input, dim, index, value, reduce);
}
inline Tensor scatter_(const Tensor& input, int64_t dim, const Tensor& index, const Scalar& value, std::string_view reduce) {
  static const OpDef& op = find_op("scatter.value_reduce");
  return call_inplace(op, input, dim, index, value, reduce);
}
inline Tensor scatter_add(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src) {
  static const OpDef& op = find_op("scatter_add");
  return call_op<Tensor>(op, input, dim, index, src);
}
inline Tensor scatter_add_(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src) {
  static const OpDef& op = find_op("scatter_add");
  return call_inplace(op, input, dim, index, src);
}
}  // namespace fb
