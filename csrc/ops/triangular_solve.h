// Callers of the operators in triangular_solve.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor _triangular_solve(const Tensor& A, const Tensor& B, bool upper, bool unitriangular) {
  static const OpDef& op = find_op("_triangular_solve");
  return call_op<Tensor>(op, A, B, upper, unitriangular);
}
}  // namespace fb
