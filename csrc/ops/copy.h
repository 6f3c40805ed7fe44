// Callers of the operators in copy.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor copy_(const Tensor& input, const Tensor& src, bool non_blocking = false) {
  static const OpDef& op = find_op("copy_");
  return call_op<Tensor>(op, input, src, non_blocking);
}
inline Tensor clone(const Tensor& input, std::optional<MemoryFormat> memory_format = std::nullopt) {
  static const OpDef& op = find_op("clone");
  return call_op<Tensor>(op, input, memory_format);
}
inline Tensor _to_copy(const Tensor& input, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, std::optional<MemoryFormat> memory_format = std::nullopt) {
  static const OpDef& op = find_op("_to_copy");
  return call_op<Tensor>(op, input, dtype, device, memory_format);
}
inline Tensor contiguous(const Tensor& input, MemoryFormat memory_format = MemoryFormat::Contiguous) {
  static const OpDef& op = find_op("contiguous");
  return call_op<Tensor>(op, input, memory_format);
}
inline Tensor fill_(const Tensor& input, const Tensor& value) {
  static const OpDef& op = find_op("fill_");
  return call_op<Tensor>(op, input, value);
}
inline Tensor fill(const Tensor& input, const Tensor& value) {
  static const OpDef& op = find_op("fill");
  return call_op<Tensor>(op, input, value);
}
inline Tensor zero_(const Tensor& input) {
  static const OpDef& op = find_op("zero_");
  return call_op<Tensor>(op, input);
}
}  // namespace fb
