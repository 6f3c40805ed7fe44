// Callers of the operators in resizing.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor resize_(const Tensor& input, Ints size, std::optional<MemoryFormat> memory_format = std::nullopt) {
  static const OpDef& op = find_op("resize_");
  return call_op<Tensor>(op, input, size, memory_format);
}
inline Tensor resize_as_(const Tensor& input, const Tensor& the_template, std::optional<MemoryFormat> memory_format = std::nullopt) {
  static const OpDef& op = find_op("resize_as_");
  return call_op<Tensor>(op, input, the_template, memory_format);
}
inline Tensor sum_to_size(const Tensor& input, Ints size) {
  static const OpDef& op = find_op("sum_to_size");
  return call_op<Tensor>(op, input, size);
}
inline Tensors unravel_index(const Tensor& indices, Ints shape) {
  static const OpDef& op = find_op("unravel_index");
  return call_op<Tensors>(op, indices, shape);
}
}  // namespace fb
