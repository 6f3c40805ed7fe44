// Callers of the operators in view_split.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensors split(const Tensor& input, int64_t split_size, int64_t dim = 0) {
  static const OpDef& op = find_op("split");
  return call_op<Tensors>(op, input, split_size, dim);
}
inline Tensors split_with_sizes(const Tensor& input, Ints split_sizes, int64_t dim = 0) {
  static const OpDef& op = find_op("split_with_sizes");
  return call_op<Tensors>(op, input, split_sizes, dim);
}
inline Tensors split(const Tensor& input, Ints split_size, int64_t dim = 0) {
  static const OpDef& op = find_op("split.sizes");
  return call_op<Tensors>(op, input, split_size, dim);
}
inline Tensors _split(const Tensor& tensor, int64_t split_size_or_sections, int64_t dim = 0) {
  static const OpDef& op = find_op("_split");
  return call_op<Tensors>(op, tensor, split_size_or_sections, dim);
}
inline Tensors _split(const Tensor& tensor, Ints split_size_or_sections, int64_t dim = 0) {
  static const OpDef& op = find_op("_split.sizes");
  return call_op<Tensors>(op, tensor, split_size_or_sections, dim);
}
inline Tensors chunk(const Tensor& input, int64_t chunks, int64_t dim = 0) {
  static const OpDef& op = find_op("chunk");
  return call_op<Tensors>(op, input, chunks, dim);
}
inline Tensors unbind(const Tensor& input, int64_t dim = 0) {
  static const OpDef& op = find_op("unbind");
  return call_op<Tensors>(op, input, dim);
}
inline Tensors tensor_split(const Tensor& input, const Tensor& tensor_indices_or_sections, int64_t dim = 0) {
  static const OpDef& op = find_op("tensor_split.tensor_indices_or_sections");
  return call_op<Tensors>(op, input, tensor_indices_or_sections, dim);
}
inline Tensors tensor_split(const Tensor& input, int64_t sections, int64_t dim = 0) {
  static const OpDef& op = find_op("tensor_split");
  return call_op<Tensors>(op, input, sections, dim);
}
inline Tensors tensor_split(const Tensor& input, Ints indices, int64_t dim = 0) {
  static const OpDef& op = find_op("tensor_split.indices");
  return call_op<Tensors>(op, input, indices, dim);
}
inline Tensors hsplit(const Tensor& input, int64_t sections) {
  static const OpDef& op = find_op("hsplit");
  return call_op<Tensors>(op, input, sections);
}
inline Tensors hsplit(const Tensor& input, Ints indices) {
  static const OpDef& op = find_op("hsplit.array");
  return call_op<Tensors>(op, input, indices);
}
inline Tensors vsplit(const Tensor& input, int64_t sections) {
  static const OpDef& op = find_op("vsplit");
  return call_op<Tensors>(op, input, sections);
}
inline Tensors vsplit(const Tensor& input, Ints indices) {
  static const OpDef& op = find_op("vsplit.array");
  return call_op<Tensors>(op, input, indices);
}
inline Tensors dsplit(const Tensor& input, int64_t sections) {
  static const OpDef& op = find_op("dsplit");
  return call_op<Tensors>(op, input, sections);
}
inline Tensors dsplit(const Tensor& input, Ints indices) {
  static const OpDef& op = find_op("dsplit.array");
  return call_op<Tensors>(op, input, indices);
}
}  // namespace fb
