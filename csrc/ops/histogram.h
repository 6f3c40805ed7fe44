// Callers of the operators in histogram.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor bincount(const Tensor& input, const Tensor& weights = Tensor(), int64_t minlength = 0) {
  static const OpDef& op = find_op("bincount");
  return call_op<Tensor>(op, input, weights, minlength);
}
inline Tensor histc(const Tensor& input, int64_t bins = 100, const Scalar& min = 0, const Scalar& max = 0) {
  static const OpDef& op = find_op("histc");
  return call_op<Tensor>(op, input, bins, min, max);
}
}  // namespace fb
