// Callers of the operators in masking.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor nonzero(const Tensor& input) {
  static const OpDef& op = find_op("nonzero");
  return call_op<Tensor>(op, input);
}
inline Tensors nonzero_numpy(const Tensor& input) {
  static const OpDef& op = find_op("nonzero_numpy");
  return call_op<Tensors>(op, input);
}
inline Tensor nonzero_static(const Tensor& input, int64_t size, int64_t fill_value = -1) {
  static const OpDef& op = find_op("nonzero_static");
  return call_op<Tensor>(op, input, size, fill_value);
}
inline Tensors where(const Tensor& condition) {
  static const OpDef& op = find_op("where.condition");
  return call_op<Tensors>(op, condition);
}
inline Tensor masked_select(const Tensor& input, const Tensor& mask) {
  static const OpDef& op = find_op("masked_select");
  return call_op<Tensor>(op, input, mask);
}
inline Tensor masked_scatter(const Tensor& input, const Tensor& mask, const Tensor& source) {
  static const OpDef& op = find_op("masked_scatter");
  return call_op<Tensor>(op, input, mask, source);
}
inline Tensor masked_scatter_(const Tensor& input, const Tensor& mask, const Tensor& source) {
  static const OpDef& op = find_op("masked_scatter");
  return call_inplace(op, input, mask, source);
}
}  // namespace fb
