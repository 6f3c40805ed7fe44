// Callers of the operators in reduce.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor sum(const Tensor& input, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("sum");
  return call_op<Tensor>(op, input, dtype);
}
inline Tensor sum(const Tensor& input, std::optional<Ints> dim, bool keepdim = false, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("sum.dim");
  return call_op<Tensor>(op, input, dim, keepdim, dtype);
}
inline Tensor mean(const Tensor& input, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("mean");
  return call_op<Tensor>(op, input, dtype);
}
inline Tensor mean(const Tensor& input, std::optional<Ints> dim, bool keepdim = false, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("mean.dim");
  return call_op<Tensor>(op, input, dim, keepdim, dtype);
}
}  // namespace fb
