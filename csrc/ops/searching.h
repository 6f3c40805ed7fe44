// Callers of the operators in searching.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor searchsorted(const Tensor& sorted_sequence, const Tensor& input, bool out_int32 = false, bool right = false, std::optional<std::string_view> side = std::nullopt, const Tensor& sorter = Tensor()) {
  static const OpDef& op = find_op("searchsorted");
  return call_op<Tensor>(op, sorted_sequence, input, out_int32, right, side, sorter);
}
inline Tensor bucketize(const Tensor& input, const Tensor& boundaries, bool out_int32 = false, bool right = false) {
  static const OpDef& op = find_op("bucketize");
  return call_op<Tensor>(op, input, boundaries, out_int32, right);
}
}  // namespace fb
