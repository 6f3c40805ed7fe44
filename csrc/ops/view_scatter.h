// Callers of the operators in view_scatter.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor select_scatter(const Tensor& input, const Tensor& src, int64_t dim, int64_t index) {
  static const OpDef& op = find_op("select_scatter");
  return call_op<Tensor>(op, input, src, dim, index);
}
inline Tensor slice_scatter(const Tensor& input, const Tensor& src, int64_t dim = 0, std::optional<int64_t> start = std::nullopt, std::optional<int64_t> end = std::nullopt, int64_t step = 1) {
  static const OpDef& op = find_op("slice_scatter");
  return call_op<Tensor>(op, input, src, dim, start, end, step);
}
inline Tensor diagonal_scatter(const Tensor& input, const Tensor& src, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) {
  static const OpDef& op = find_op("diagonal_scatter");
  return call_op<Tensor>(op, input, src, offset, dim1, dim2);
}
inline Tensor as_strided_scatter(const Tensor& input, const Tensor& src, Ints size, Ints stride, std::optional<int64_t> storage_offset = std::nullopt) {
  static const OpDef& op = find_op("as_strided_scatter");
  return call_op<Tensor>(op, input, src, size, stride, storage_offset);
}
}  // namespace fb
