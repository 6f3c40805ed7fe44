// Callers of the operators in sampling.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor normal(const Tensor& mean, const Tensor& std, Generator* generator = nullptr) {
  static const OpDef& op = find_op("normal.Tensor_Tensor");
  return call_op<Tensor>(op, mean, std, generator);
}
inline Tensor normal(const Tensor& mean, double std = 1, Generator* generator = nullptr) {
  static const OpDef& op = find_op("normal.Tensor_float");
  return call_op<Tensor>(op, mean, std, generator);
}
inline Tensor normal(double mean, const Tensor& std, Generator* generator = nullptr) {
  static const OpDef& op = find_op("normal.float_Tensor");
  return call_op<Tensor>(op, mean, std, generator);
}
inline Tensor normal(double mean, double std, Ints size, Generator* generator = nullptr, std::optional<DType> dtype = std::nullopt, std::optional<Device> device = std::nullopt) {
  static const OpDef& op = find_op("normal.float_float");
  return call_op<Tensor>(op, mean, std, size, generator, dtype, device);
}
inline Tensor bernoulli(const Tensor& input, Generator* generator = nullptr) {
  static const OpDef& op = find_op("bernoulli");
  return call_op<Tensor>(op, input, generator);
}
inline Tensor bernoulli(const Tensor& input, double p, Generator* generator = nullptr) {
  static const OpDef& op = find_op("bernoulli.p");
  return call_op<Tensor>(op, input, p, generator);
}
inline Tensor poisson(const Tensor& input, Generator* generator = nullptr) {
  static const OpDef& op = find_op("poisson");
  return call_op<Tensor>(op, input, generator);
}
inline Tensor binomial(const Tensor& count, const Tensor& prob, Generator* generator = nullptr) {
  static const OpDef& op = find_op("binomial");
  return call_op<Tensor>(op, count, prob, generator);
}
inline Tensor multinomial(const Tensor& input, int64_t num_samples, bool replacement = false, Generator* generator = nullptr) {
  static const OpDef& op = find_op("multinomial");
  return call_op<Tensor>(op, input, num_samples, replacement, generator);
}
}  // namespace fb
