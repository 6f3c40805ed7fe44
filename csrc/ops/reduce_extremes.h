// Callers of the operators in reduce_extremes.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor max(const Tensor& input) {
  static const OpDef& op = find_op("max");
  return call_op<Tensor>(op, input);
}
inline Tensor min(const Tensor& input) {
  static const OpDef& op = find_op("min");
  return call_op<Tensor>(op, input);
}
inline Tensor max(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("max.other");
  return call_op<Tensor>(op, input, other);
}
inline Tensor min(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("min.other");
  return call_op<Tensor>(op, input, other);
}
inline std::tuple<Tensor, Tensor> max(const Tensor& input, int64_t dim, bool keepdim = false) {
  static const OpDef& op = find_op("max.dim");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim, keepdim);
}
inline std::tuple<Tensor, Tensor> min(const Tensor& input, int64_t dim, bool keepdim = false) {
  static const OpDef& op = find_op("min.dim");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim, keepdim);
}
inline Tensor amax(const Tensor& input, std::optional<Ints> dim = std::nullopt, bool keepdim = false) {
  static const OpDef& op = find_op("amax");
  return call_op<Tensor>(op, input, dim, keepdim);
}
inline Tensor amin(const Tensor& input, std::optional<Ints> dim = std::nullopt, bool keepdim = false) {
  static const OpDef& op = find_op("amin");
  return call_op<Tensor>(op, input, dim, keepdim);
}
inline std::tuple<Tensor, Tensor> aminmax(const Tensor& input, std::optional<int64_t> dim = std::nullopt, bool keepdim = false) {
  static const OpDef& op = find_op("aminmax");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim, keepdim);
}
inline Tensor argmax(const Tensor& input, std::optional<int64_t> dim = std::nullopt, bool keepdim = false) {
  static const OpDef& op = find_op("argmax");
  return call_op<Tensor>(op, input, dim, keepdim);
}
inline Tensor argmin(const Tensor& input, std::optional<int64_t> dim = std::nullopt, bool keepdim = false) {
  static const OpDef& op = find_op("argmin");
  return call_op<Tensor>(op, input, dim, keepdim);
}
}  // namespace fb
