// Callers of the operators in scan.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor _linear_recurrence(const Tensor& a, const Tensor& b, int64_t dim, bool reverse = false) {
  static const OpDef& op = find_op("_linear_recurrence");
  return call_op<Tensor>(op, a, b, dim, reverse);
}
inline Tensor cumsum(const Tensor& input, int64_t dim, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("cumsum");
  return call_op<Tensor>(op, input, dim, dtype);
}
inline Tensor cumsum_(const Tensor& input, int64_t dim, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("cumsum");
  return call_inplace(op, input, dim, dtype);
}
inline Tensor cumprod(const Tensor& input, int64_t dim, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("cumprod");
  return call_op<Tensor>(op, input, dim, dtype);
}
inline Tensor cumprod_(const Tensor& input, int64_t dim, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("cumprod");
  return call_inplace(op, input, dim, dtype);
}
inline Tensor _cumprod_of_others(const Tensor& input, int64_t dim, bool reverse = false) {
  static const OpDef& op = find_op("_cumprod_of_others");
  return call_op<Tensor>(op, input, dim, reverse);
}
inline std::tuple<Tensor, Tensor> cummax(const Tensor& input, int64_t dim) {
  static const OpDef& op = find_op("cummax");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim);
}
inline std::tuple<Tensor, Tensor> cummin(const Tensor& input, int64_t dim) {
  static const OpDef& op = find_op("cummin");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim);
}
inline Tensor logcumsumexp(const Tensor& input, int64_t dim) {
  static const OpDef& op = find_op("logcumsumexp");
  return call_op<Tensor>(op, input, dim);
}
inline Tensor diff(const Tensor& input, int64_t n = 1, int64_t dim = -1, const Tensor& prepend = Tensor(), const Tensor& append = Tensor()) {
  static const OpDef& op = find_op("diff");
  return call_op<Tensor>(op, input, n, dim, prepend, append);
}
}  // namespace fb
