// Callers of the operators in unique.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor, Tensor> _distinct(const Tensor& input, std::optional<int64_t> dim = std::nullopt, bool consecutive = false) {
  static const OpDef& op = find_op("_distinct");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, input, dim, consecutive);
}
}  // namespace fb
