// Callers of the operators in random.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor uniform_(const Tensor& input, double from = 0, double to = 1, Generator* generator = nullptr) {
  static const OpDef& op = find_op("uniform_");
  return call_op<Tensor>(op, input, from, to, generator);
}
inline Tensor normal_(const Tensor& input, double mean = 0, double std = 1, Generator* generator = nullptr) {
  static const OpDef& op = find_op("normal_");
  return call_op<Tensor>(op, input, mean, std, generator);
}
inline Tensor log_normal_(const Tensor& input, double mean = 1, double std = 2, Generator* generator = nullptr) {
  static const OpDef& op = find_op("log_normal_");
  return call_op<Tensor>(op, input, mean, std, generator);
}
inline Tensor cauchy_(const Tensor& input, double median = 0, double sigma = 1, Generator* generator = nullptr) {
  static const OpDef& op = find_op("cauchy_");
  return call_op<Tensor>(op, input, median, sigma, generator);
}
inline Tensor exponential_(const Tensor& input, double lambd = 1, Generator* generator = nullptr) {
  static const OpDef& op = find_op("exponential_");
  return call_op<Tensor>(op, input, lambd, generator);
}
inline Tensor geometric_(const Tensor& input, double p, Generator* generator = nullptr) {
  static const OpDef& op = find_op("geometric_");
  return call_op<Tensor>(op, input, p, generator);
}
inline Tensor random_(const Tensor& input, Generator* generator = nullptr) {
  static const OpDef& op = find_op("random_");
  return call_op<Tensor>(op, input, generator);
}
inline Tensor random_(const Tensor& input, int64_t to, Generator* generator = nullptr) {
  static const OpDef& op = find_op("random_.to");
  return call_op<Tensor>(op, input, to, generator);
}
inline Tensor random_(const Tensor& input, int64_t from, std::optional<int64_t> to, Generator* generator = nullptr) {
  static const OpDef& op = find_op("random_.from");
  return call_op<Tensor>(op, input, from, to, generator);
}
inline Tensor bernoulli_(const Tensor& input, const Tensor& p, Generator* generator = nullptr) {
  static const OpDef& op = find_op("bernoulli_.Tensor");
  return call_op<Tensor>(op, input, p, generator);
}
inline Tensor bernoulli_(const Tensor& input, double p = 0.5, Generator* generator = nullptr) {
  static const OpDef& op = find_op("bernoulli_.float");
  return call_op<Tensor>(op, input, p, generator);
}
inline Tensor rand(Ints size, Generator* generator = nullptr, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt) {
  static const OpDef& op = find_op("rand");
  return call_op<Tensor>(op, size, generator, dtype, device);
}
inline Tensor rand_like(const Tensor& input, Generator* generator = nullptr, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, MemoryFormat memory_format = MemoryFormat::Preserve) {
  static const OpDef& op = find_op("rand_like");
  return call_op<Tensor>(op, input, generator, dtype, device, memory_format);
}
inline Tensor randn(Ints size, Generator* generator = nullptr, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt) {
  static const OpDef& op = find_op("randn");
  return call_op<Tensor>(op, size, generator, dtype, device);
}
inline Tensor randn_like(const Tensor& input, Generator* generator = nullptr, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, MemoryFormat memory_format = MemoryFormat::Preserve) {
  static const OpDef& op = find_op("randn_like");
  return call_op<Tensor>(op, input, generator, dtype, device, memory_format);
}
inline Tensor randint(int64_t high, Ints size, Generator* generator = nullptr, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt) {
  static const OpDef& op = find_op("randint");
  return call_op<Tensor>(op, high, size, generator, dtype, device);
}
inline Tensor randint(int64_t low, int64_t high, Ints size, Generator* generator = nullptr, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt) {
  static const OpDef& op = find_op("randint.low");
  return call_op<Tensor>(op, low, high, size, generator, dtype, device);
}
inline Tensor randint_like(const Tensor& input, int64_t high, Generator* generator = nullptr, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, MemoryFormat memory_format = MemoryFormat::Preserve) {
  static const OpDef& op = find_op("randint_like");
  return call_op<Tensor>(op, input, high, generator, dtype, device, memory_format);
}
inline Tensor randint_like(const Tensor& input, int64_t low, int64_t high, Generator* generator = nullptr, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt, MemoryFormat memory_format = MemoryFormat::Preserve) {
  static const OpDef& op = find_op("randint_like.low");
  return call_op<Tensor>(op, input, low, high, generator, dtype, device, memory_format);
}
inline Tensor randperm(int64_t n, Generator* generator = nullptr, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt) {
  static const OpDef& op = find_op("randperm");
  return call_op<Tensor>(op, n, generator, dtype, device);
}
}  // namespace fb
