// Callers of the operators in view.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor view(const Tensor& input, Ints size) {
  static const OpDef& op = find_op("view");
  return call_op<Tensor>(op, input, size);
}
inline Tensor view(const Tensor& input, DType dtype) {
  static const OpDef& op = find_op("view.dtype");
  return call_op<Tensor>(op, input, dtype);
}
inline Tensor reshape(const Tensor& input, Ints shape) {
  static const OpDef& op = find_op("reshape");
  return call_op<Tensor>(op, input, shape);
}
inline Tensor alias(const Tensor& input) {
  static const OpDef& op = find_op("alias");
  return call_op<Tensor>(op, input);
}
inline Tensor flatten(const Tensor& input, int64_t start_dim = 0, int64_t end_dim = -1) {
  static const OpDef& op = find_op("flatten");
  return call_op<Tensor>(op, input, start_dim, end_dim);
}
inline Tensor transpose(const Tensor& input, int64_t dim0, int64_t dim1) {
  static const OpDef& op = find_op("transpose");
  return call_op<Tensor>(op, input, dim0, dim1);
}
inline Tensor t(const Tensor& input) {
  static const OpDef& op = find_op("t");
  return call_op<Tensor>(op, input);
}
inline Tensor permute(const Tensor& input, Ints dims) {
  static const OpDef& op = find_op("permute");
  return call_op<Tensor>(op, input, dims);
}
inline Tensor movedim(const Tensor& input, Ints source, Ints destination) {
  static const OpDef& op = find_op("movedim");
  return call_op<Tensor>(op, input, source, destination);
}
inline Tensor expand(const Tensor& input, Ints size) {
  static const OpDef& op = find_op("expand");
  return call_op<Tensor>(op, input, size);
}
inline Tensor broadcast_to(const Tensor& input, Ints size) {
  static const OpDef& op = find_op("broadcast_to");
  return call_op<Tensor>(op, input, size);
}
inline Tensor expand_as(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("expand_as");
  return call_op<Tensor>(op, input, other);
}
inline Tensor view_as(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("view_as");
  return call_op<Tensor>(op, input, other);
}
inline Tensor reshape_as(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("reshape_as");
  return call_op<Tensor>(op, input, other);
}
inline Tensor squeeze(const Tensor& input) {
  static const OpDef& op = find_op("squeeze");
  return call_op<Tensor>(op, input);
}
inline Tensor squeeze(const Tensor& input, Ints dim) {
  static const OpDef& op = find_op("squeeze.dims");
  return call_op<Tensor>(op, input, dim);
}
inline Tensor unsqueeze(const Tensor& input, int64_t dim) {
  static const OpDef& op = find_op("unsqueeze");
  return call_op<Tensor>(op, input, dim);
}
inline Tensor select(const Tensor& input, int64_t dim, int64_t index) {
  static const OpDef& op = find_op("select");
  return call_op<Tensor>(op, input, dim, index);
}
inline Tensor slice(const Tensor& input, int64_t dim = 0, std::optional<int64_t> start = std::nullopt, std::optional<int64_t> end = std::nullopt, int64_t step = 1) {
  static const OpDef& op = find_op("slice");
  return call_op<Tensor>(op, input, dim, start, end, step);
}
inline Tensor narrow(const Tensor& input, int64_t dim, int64_t start, int64_t length) {
  static const OpDef& op = find_op("narrow");
  return call_op<Tensor>(op, input, dim, start, length);
}
inline Tensor diagonal(const Tensor& input, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) {
  static const OpDef& op = find_op("diagonal");
  return call_op<Tensor>(op, input, offset, dim1, dim2);
}
inline Tensor unfold(const Tensor& input, int64_t dimension, int64_t size, int64_t step) {
  static const OpDef& op = find_op("unfold");
  return call_op<Tensor>(op, input, dimension, size, step);
}
inline Tensor as_strided(const Tensor& input, Ints size, Ints stride, std::optional<int64_t> storage_offset = std::nullopt) {
  static const OpDef& op = find_op("as_strided");
  return call_op<Tensor>(op, input, size, stride, storage_offset);
}
inline Tensor view_as_real(const Tensor& input) {
  static const OpDef& op = find_op("view_as_real");
  return call_op<Tensor>(op, input);
}
inline Tensor view_as_complex(const Tensor& input) {
  static const OpDef& op = find_op("view_as_complex");
  return call_op<Tensor>(op, input);
}
inline Tensor real(const Tensor& input) {
  static const OpDef& op = find_op("real");
  return call_op<Tensor>(op, input);
}
inline Tensor imag(const Tensor& input) {
  static const OpDef& op = find_op("imag");
  return call_op<Tensor>(op, input);
}
}  // namespace fb
