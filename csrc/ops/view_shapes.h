// Callers of the operators in view_shapes.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor unflatten(const Tensor& input, int64_t dim, Ints sizes) {
  static const OpDef& op = find_op("unflatten");
  return call_op<Tensor>(op, input, dim, sizes);
}
inline Tensor ravel(const Tensor& input) {
  static const OpDef& op = find_op("ravel");
  return call_op<Tensor>(op, input);
}
inline Tensor adjoint(const Tensor& input) {
  static const OpDef& op = find_op("adjoint");
  return call_op<Tensor>(op, input);
}
inline Tensor atleast_1d(const Tensor& input) {
  static const OpDef& op = find_op("atleast_1d");
  return call_op<Tensor>(op, input);
}
inline Tensors atleast_1d(std::span<const Tensor> tensors) {
  static const OpDef& op = find_op("atleast_1d.Sequence");
  return call_op<Tensors>(op, tensors);
}
inline Tensor atleast_2d(const Tensor& input) {
  static const OpDef& op = find_op("atleast_2d");
  return call_op<Tensor>(op, input);
}
inline Tensors atleast_2d(std::span<const Tensor> tensors) {
  static const OpDef& op = find_op("atleast_2d.Sequence");
  return call_op<Tensors>(op, tensors);
}
inline Tensor atleast_3d(const Tensor& input) {
  static const OpDef& op = find_op("atleast_3d");
  return call_op<Tensor>(op, input);
}
inline Tensors atleast_3d(std::span<const Tensor> tensors) {
  static const OpDef& op = find_op("atleast_3d.Sequence");
  return call_op<Tensors>(op, tensors);
}
inline Tensors broadcast_tensors(std::span<const Tensor> tensors) {
  static const OpDef& op = find_op("broadcast_tensors");
  return call_op<Tensors>(op, tensors);
}
inline Tensors meshgrid(std::span<const Tensor> tensors, std::optional<std::string_view> indexing = std::nullopt) {
  static const OpDef& op = find_op("meshgrid");
  return call_op<Tensors>(op, tensors, indexing);
}
}  // namespace fb
