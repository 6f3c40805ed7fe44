// Callers of the operators in reduce_counts.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor any(const Tensor& input) {
  static const OpDef& op = find_op("any");
  return call_op<Tensor>(op, input);
}
inline Tensor any(const Tensor& input, std::optional<Ints> dim = std::nullopt, bool keepdim = false) {
  static const OpDef& op = find_op("any.dims");
  return call_op<Tensor>(op, input, dim, keepdim);
}
inline Tensor all(const Tensor& input) {
  static const OpDef& op = find_op("all");
  return call_op<Tensor>(op, input);
}
inline Tensor all(const Tensor& input, std::optional<Ints> dim = std::nullopt, bool keepdim = false) {
  static const OpDef& op = find_op("all.dims");
  return call_op<Tensor>(op, input, dim, keepdim);
}
inline Tensor count_nonzero(const Tensor& input, std::optional<Ints> dim = std::nullopt) {
  static const OpDef& op = find_op("count_nonzero");
  return call_op<Tensor>(op, input, dim);
}
inline Tensor nansum(const Tensor& input, std::optional<Ints> dim = std::nullopt, bool keepdim = false, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("nansum");
  return call_op<Tensor>(op, input, dim, keepdim, dtype);
}
inline Tensor nanmean(const Tensor& input, std::optional<Ints> dim = std::nullopt, bool keepdim = false, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("nanmean");
  return call_op<Tensor>(op, input, dim, keepdim, dtype);
}
inline Tensor prod(const Tensor& input, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("prod");
  return call_op<Tensor>(op, input, dtype);
}
inline Tensor prod(const Tensor& input, int64_t dim, bool keepdim = false, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("prod.dim_int");
  return call_op<Tensor>(op, input, dim, keepdim, dtype);
}
}  // namespace fb
