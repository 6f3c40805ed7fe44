// Callers of the operators in householder.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor> _householder_factor(const Tensor& input) {
  static const OpDef& op = find_op("_householder_factor");
  return call_op<std::tuple<Tensor, Tensor>>(op, input);
}
inline Tensor _householder_product(const Tensor& input, const Tensor& tau, int64_t columns) {
  static const OpDef& op = find_op("_householder_product");
  return call_op<Tensor>(op, input, tau, columns);
}
inline Tensor _householder_apply(const Tensor& input, const Tensor& tau, const Tensor& other, bool adjoint) {
  static const OpDef& op = find_op("_householder_apply");
  return call_op<Tensor>(op, input, tau, other, adjoint);
}
}  // namespace fb
