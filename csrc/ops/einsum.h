// Callers of the operators in einsum.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor einsum(std::string_view equation, std::span<const Tensor> operands) {
  static const OpDef& op = find_op("einsum");
  return call_op<Tensor>(op, equation, operands);
}
}  // namespace fb
