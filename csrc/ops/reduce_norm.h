// Callers of the operators in reduce_norm.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor linalg_vector_norm(const Tensor& input, const Scalar& ord = 2, std::optional<Ints> dim = std::nullopt, bool keepdim = false, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("linalg_vector_norm");
  return call_op<Tensor>(op, input, ord, dim, keepdim, dtype);
}
inline Tensor norm(const Tensor& input, std::optional<Scalar> p = 2, std::optional<Ints> dim = std::nullopt, bool keepdim = false, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("norm");
  return call_op<Tensor>(op, input, p, dim, keepdim, dtype);
}
inline Tensor norm(const Tensor& input, std::string_view p, std::optional<Ints> dim = std::nullopt, bool keepdim = false, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("norm.str");
  return call_op<Tensor>(op, input, p, dim, keepdim, dtype);
}
}  // namespace fb
