// Callers of the operators in cholesky.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor> _cholesky_factor(const Tensor& A) {
  static const OpDef& op = find_op("_cholesky_factor");
  return call_op<std::tuple<Tensor, Tensor>>(op, A);
}
}  // namespace fb
