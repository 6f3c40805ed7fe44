// Callers of the operators in view_inplace.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor transpose_(const Tensor& input, int64_t dim0, int64_t dim1) {
  static const OpDef& op = find_op("transpose_");
  return call_op<Tensor>(op, input, dim0, dim1);
}
inline Tensor t_(const Tensor& input) {
  static const OpDef& op = find_op("t_");
  return call_op<Tensor>(op, input);
}
inline Tensor squeeze_(const Tensor& input) {
  static const OpDef& op = find_op("squeeze_");
  return call_op<Tensor>(op, input);
}
inline Tensor squeeze_(const Tensor& input, Ints dim) {
  static const OpDef& op = find_op("squeeze_.dims");
  return call_op<Tensor>(op, input, dim);
}
inline Tensor unsqueeze_(const Tensor& input, int64_t dim) {
  static const OpDef& op = find_op("unsqueeze_");
  return call_op<Tensor>(op, input, dim);
}
inline Tensor as_strided_(const Tensor& input, Ints size, Ints stride, std::optional<int64_t> storage_offset = std::nullopt) {
  static const OpDef& op = find_op("as_strided_");
  return call_op<Tensor>(op, input, size, stride, storage_offset);
}
}  // namespace fb
