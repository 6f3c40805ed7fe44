// Callers of the operators in scatter_reduce.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor scatter_reduce(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce, bool include_self = true) {
  static const OpDef& op = find_op("scatter_reduce");
  return call_op<Tensor>(op, input, dim, index, src, reduce, include_self);
}
inline Tensor scatter_reduce_(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce, bool include_self = true) {
  static const OpDef& op = find_op("scatter_reduce");
  return call_inplace(op, input, dim, index, src, reduce, include_self);
}
inline Tensor index_reduce(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& source, std::string_view reduce, bool include_self = true) {
  static const OpDef& op = find_op("index_reduce");
  return call_op<Tensor>(op, input, dim, index, source, reduce, include_self);
}
inline Tensor index_reduce_(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& source, std::string_view reduce, bool include_self = true) {
  static const OpDef& op = find_op("index_reduce");
  return call_inplace(op, input, dim, index, source, reduce, include_self);
}
}  // namespace fb
