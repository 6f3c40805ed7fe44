// Callers of the operators in view_copy.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor alias_copy(const Tensor& input) {
  static const OpDef& op = find_op("alias_copy");
  return call_op<Tensor>(op, input);
}
inline Tensor as_strided_copy(const Tensor& input, Ints size, Ints stride, std::optional<int64_t> storage_offset = std::nullopt) {
  static const OpDef& op = find_op("as_strided_copy");
  return call_op<Tensor>(op, input, size, stride, storage_offset);
}
inline Tensor detach_copy(const Tensor& input) {
  static const OpDef& op = find_op("detach_copy");
  return call_op<Tensor>(op, input);
}
inline Tensor diagonal_copy(const Tensor& input, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) {
  static const OpDef& op = find_op("diagonal_copy");
  return call_op<Tensor>(op, input, offset, dim1, dim2);
}
inline Tensor expand_copy(const Tensor& input, Ints size, bool implicit = false) {
  static const OpDef& op = find_op("expand_copy");
  return call_op<Tensor>(op, input, size, implicit);
}
inline Tensor permute_copy(const Tensor& input, Ints dims) {
  static const OpDef& op = find_op("permute_copy");
  return call_op<Tensor>(op, input, dims);
}
inline Tensor select_copy(const Tensor& input, int64_t dim, int64_t index) {
  static const OpDef& op = find_op("select_copy");
  return call_op<Tensor>(op, input, dim, index);
}
inline Tensor slice_copy(const Tensor& input, int64_t dim = 0, std::optional<int64_t> start = std::nullopt, std::optional<int64_t> end = std::nullopt, int64_t step = 1) {
  static const OpDef& op = find_op("slice_copy");
  return call_op<Tensor>(op, input, dim, start, end, step);
}
inline Tensor squeeze_copy(const Tensor& input) {
  static const OpDef& op = find_op("squeeze_copy");
  return call_op<Tensor>(op, input);
}
inline Tensor squeeze_copy(const Tensor& input, Ints dim) {
  static const OpDef& op = find_op("squeeze_copy.dims");
  return call_op<Tensor>(op, input, dim);
}
inline Tensor t_copy(const Tensor& input) {
  static const OpDef& op = find_op("t_copy");
  return call_op<Tensor>(op, input);
}
inline Tensor transpose_copy(const Tensor& input, int64_t dim0, int64_t dim1) {
  static const OpDef& op = find_op("transpose_copy");
  return call_op<Tensor>(op, input, dim0, dim1);
}
inline Tensor unfold_copy(const Tensor& input, int64_t dimension, int64_t size, int64_t step) {
  static const OpDef& op = find_op("unfold_copy");
  return call_op<Tensor>(op, input, dimension, size, step);
}
inline Tensor unsqueeze_copy(const Tensor& input, int64_t dim) {
  static const OpDef& op = find_op("unsqueeze_copy");
  return call_op<Tensor>(op, input, dim);
}
inline Tensor view_copy(const Tensor& input, Ints size) {
  static const OpDef& op = find_op("view_copy");
  return call_op<Tensor>(op, input, size);
}
inline Tensor view_copy(const Tensor& input, DType dtype) {
  static const OpDef& op = find_op("view_copy.dtype");
  return call_op<Tensor>(op, input, dtype);
}
inline Tensor view_as_complex_copy(const Tensor& input) {
  static const OpDef& op = find_op("view_as_complex_copy");
  return call_op<Tensor>(op, input);
}
inline Tensor view_as_real_copy(const Tensor& input) {
  static const OpDef& op = find_op("view_as_real_copy");
  return call_op<Tensor>(op, input);
}
inline Tensors split_copy(const Tensor& input, int64_t split_size, int64_t dim = 0) {
  static const OpDef& op = find_op("split_copy");
  return call_op<Tensors>(op, input, split_size, dim);
}
inline Tensors split_with_sizes_copy(const Tensor& input, Ints split_sizes, int64_t dim = 0) {
  static const OpDef& op = find_op("split_with_sizes_copy");
  return call_op<Tensors>(op, input, split_sizes, dim);
}
inline Tensors unbind_copy(const Tensor& input, int64_t dim = 0) {
  static const OpDef& op = find_op("unbind_copy");
  return call_op<Tensors>(op, input, dim);
}
inline Tensor narrow_copy(const Tensor& input, int64_t dim, int64_t start, int64_t length) {
  static const OpDef& op = find_op("narrow_copy");
  return call_op<Tensor>(op, input, dim, start, length);
}
inline Tensors unsafe_split(const Tensor& input, int64_t split_size, int64_t dim = 0) {
  static const OpDef& op = find_op("unsafe_split");
  return call_op<Tensors>(op, input, split_size, dim);
}
inline Tensors unsafe_split_with_sizes(const Tensor& input, Ints split_sizes, int64_t dim = 0) {
  static const OpDef& op = find_op("unsafe_split_with_sizes");
  return call_op<Tensors>(op, input, split_sizes, dim);
}
inline Tensors unsafe_chunk(const Tensor& input, int64_t chunks, int64_t dim = 0) {
  static const OpDef& op = find_op("unsafe_chunk");
  return call_op<Tensors>(op, input, chunks, dim);
}
}  // namespace fb
