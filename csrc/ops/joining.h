// Callers of the operators in joining.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor cat(std::span<const Tensor> tensors, Ints lengths, int64_t dim) {
  static const OpDef& op = find_op("cat.lengths");
  return call_op<Tensor>(op, tensors, lengths, dim);
}
inline Tensor cat(std::span<const Tensor> tensors, int64_t dim = 0) {
  static const OpDef& op = find_op("cat");
  return call_op<Tensor>(op, tensors, dim);
}
inline Tensor stack(std::span<const Tensor> tensors, int64_t dim = 0) {
  static const OpDef& op = find_op("stack");
  return call_op<Tensor>(op, tensors, dim);
}
inline Tensor hstack(std::span<const Tensor> tensors) {
  static const OpDef& op = find_op("hstack");
  return call_op<Tensor>(op, tensors);
}
inline Tensor vstack(std::span<const Tensor> tensors) {
  static const OpDef& op = find_op("vstack");
  return call_op<Tensor>(op, tensors);
}
inline Tensor dstack(std::span<const Tensor> tensors) {
  static const OpDef& op = find_op("dstack");
  return call_op<Tensor>(op, tensors);
}
inline Tensor column_stack(std::span<const Tensor> tensors) {
  static const OpDef& op = find_op("column_stack");
  return call_op<Tensor>(op, tensors);
}
inline Tensor block_diag(std::span<const Tensor> tensors) {
  static const OpDef& op = find_op("block_diag");
  return call_op<Tensor>(op, tensors);
}
inline Tensor cartesian_prod(std::span<const Tensor> tensors) {
  static const OpDef& op = find_op("cartesian_prod");
  return call_op<Tensor>(op, tensors);
}
inline Tensor vander(const Tensor& x, std::optional<int64_t> N = std::nullopt, bool increasing = false) {
  static const OpDef& op = find_op("vander");
  return call_op<Tensor>(op, x, N, increasing);
}
}  // namespace fb
