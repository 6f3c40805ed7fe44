// Callers of the operators in creation.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor zeros(Ints size, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("zeros");
  return call_op<Tensor>(op, size, dtype, device, requires_grad);
}
inline Tensor ones(Ints size, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("ones");
  return call_op<Tensor>(op, size, dtype, device, requires_grad);
}
inline Tensor full(Ints size, const Scalar& fill_value, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("full");
  return call_op<Tensor>(op, size, fill_value, dtype, device, requires_grad);
}
inline Tensor _empty(Ints size, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false, MemoryFormat memory_format = MemoryFormat::Contiguous) {
  static const OpDef& op = find_op("_empty");
  return call_op<Tensor>(op, size, dtype, device, requires_grad, memory_format);
}
inline Tensor _empty_strided(Ints size, Ints stride, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("_empty_strided");
  return call_op<Tensor>(op, size, stride, dtype, device, requires_grad);
}
inline Tensor empty_permuted(Ints size, Ints physical_layout, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("empty_permuted");
  return call_op<Tensor>(op, size, physical_layout, dtype, device, requires_grad);
}
inline Tensor _scalar_tensor(const Scalar& s, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("_scalar_tensor");
  return call_op<Tensor>(op, s, dtype, device, requires_grad);
}
inline Tensor _empty_like(const Tensor& input, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false, MemoryFormat memory_format = MemoryFormat::Preserve) {
  static const OpDef& op = find_op("_empty_like");
  return call_op<Tensor>(op, input, dtype, device, requires_grad, memory_format);
}
inline Tensor zeros_like(const Tensor& input, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false, MemoryFormat memory_format = MemoryFormat::Preserve) {
  static const OpDef& op = find_op("zeros_like");
  return call_op<Tensor>(op, input, dtype, device, requires_grad, memory_format);
}
inline Tensor ones_like(const Tensor& input, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false, MemoryFormat memory_format = MemoryFormat::Preserve) {
  static const OpDef& op = find_op("ones_like");
  return call_op<Tensor>(op, input, dtype, device, requires_grad, memory_format);
}
inline Tensor full_like(const Tensor& input, const Scalar& fill_value, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false, MemoryFormat memory_format = MemoryFormat::Preserve) {
  static const OpDef& op = find_op("full_like");
  return call_op<Tensor>(op, input, fill_value, dtype, device, requires_grad, memory_format);
}
inline Tensor new_empty(const Tensor& input, Ints size, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("new_empty");
  return call_op<Tensor>(op, input, size, dtype, device, requires_grad);
}
inline Tensor new_empty_strided(const Tensor& input, Ints size, Ints stride, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("new_empty_strided");
  return call_op<Tensor>(op, input, size, stride, dtype, device, requires_grad);
}
inline Tensor new_zeros(const Tensor& input, Ints size, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("new_zeros");
  return call_op<Tensor>(op, input, size, dtype, device, requires_grad);
}
inline Tensor new_ones(const Tensor& input, Ints size, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("new_ones");
  return call_op<Tensor>(op, input, size, dtype, device, requires_grad);
}
inline Tensor new_full(const Tensor& input, Ints size, const Scalar& fill_value, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("new_full");
  return call_op<Tensor>(op, input, size, fill_value, dtype, device, requires_grad);
}
inline Tensor arange(const Scalar& end, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("arange");
  return call_op<Tensor>(op, end, dtype, device, requires_grad);
}
inline Tensor arange(const Scalar& start, const Scalar& end, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("arange.start");
  return call_op<Tensor>(op, start, end, dtype, device, requires_grad);
}
inline Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("arange.start_step");
  return call_op<Tensor>(op, start, end, step, dtype, device, requires_grad);
}
inline Tensor range(const Scalar& start, const Scalar& end, const Scalar& step = 1, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("range");
  return call_op<Tensor>(op, start, end, step, dtype, device, requires_grad);
}
inline Tensor linspace(const Scalar& start, const Scalar& end, int64_t steps, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("linspace");
  return call_op<Tensor>(op, start, end, steps, dtype, device, requires_grad);
}
inline Tensor logspace(const Scalar& start, const Scalar& end, int64_t steps, double base = 10.0, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("logspace");
  return call_op<Tensor>(op, start, end, steps, base, dtype, device, requires_grad);
}
inline Tensor eye(int64_t n, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("eye");
  return call_op<Tensor>(op, n, dtype, device, requires_grad);
}
inline Tensor eye(int64_t n, int64_t m, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("eye.m");
  return call_op<Tensor>(op, n, m, dtype, device, requires_grad);
}
inline Tensor tril_indices(int64_t row, int64_t col, int64_t offset = 0, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("tril_indices");
  return call_op<Tensor>(op, row, col, offset, dtype, device, requires_grad);
}
inline Tensor triu_indices(int64_t row, int64_t col, int64_t offset = 0, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, bool requires_grad = false) {
  static const OpDef& op = find_op("triu_indices");
  return call_op<Tensor>(op, row, col, offset, dtype, device, requires_grad);
}
}  // namespace fb
