// Callers of the operators in advanced_indexing.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor index(const Tensor& input, std::span<const Tensor> indices) {
  static const OpDef& op = find_op("index");
  return call_op<Tensor>(op, input, indices);
}
inline Tensor index_put(const Tensor& input, std::span<const Tensor> indices, const Tensor& values, bool accumulate = false) {
  static const OpDef& op = find_op("index_put");
  return call_op<Tensor>(op, input, indices, values, accumulate);
}
inline Tensor index_put_(const Tensor& input, std::span<const Tensor> indices, const Tensor& values, bool accumulate = false) {
  static const OpDef& op = find_op("index_put");
  return call_inplace(op, input, indices, values, accumulate);
}
}  // namespace fb
