// Callers of the operators in lu.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor, Tensor> _lu_factor(const Tensor& A, bool pivot) {
  static const OpDef& op = find_op("_lu_factor");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, A, pivot);
}
inline Tensor _lu_solve(const Tensor& LU, const Tensor& pivots, const Tensor& B, bool adjoint) {
  static const OpDef& op = find_op("_lu_solve");
  return call_op<Tensor>(op, LU, pivots, B, adjoint);
}
inline Tensor _lu_inverse(const Tensor& LU, const Tensor& pivots) {
  static const OpDef& op = find_op("_lu_inverse");
  return call_op<Tensor>(op, LU, pivots);
}
inline Tensor _lu_determinant(const Tensor& LU, const Tensor& pivots) {
  static const OpDef& op = find_op("_lu_determinant");
  return call_op<Tensor>(op, LU, pivots);
}
inline std::tuple<Tensor, Tensor> _lu_log_determinant(const Tensor& LU, const Tensor& pivots) {
  static const OpDef& op = find_op("_lu_log_determinant");
  return call_op<std::tuple<Tensor, Tensor>>(op, LU, pivots);
}
inline Tensor _lu_permutation(const Tensor& pivots, int64_t m, DType dtype) {
  static const OpDef& op = find_op("_lu_permutation");
  return call_op<Tensor>(op, pivots, m, dtype);
}
}  // namespace fb
