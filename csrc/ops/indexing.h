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
}  // namespace fb
