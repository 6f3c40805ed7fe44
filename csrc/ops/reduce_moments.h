// Callers of the operators in reduce_moments.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor var(const Tensor& input, bool unbiased = true) {
  static const OpDef& op = find_op("var");
  return call_op<Tensor>(op, input, unbiased);
}
inline Tensor var(const Tensor& input, std::optional<Ints> dim, bool unbiased = true, bool keepdim = false) {
  static const OpDef& op = find_op("var.dim");
  return call_op<Tensor>(op, input, dim, unbiased, keepdim);
}
inline Tensor var(const Tensor& input, std::optional<Ints> dim = std::nullopt, std::optional<Scalar> correction = std::nullopt, bool keepdim = false) {
  static const OpDef& op = find_op("var.correction");
  return call_op<Tensor>(op, input, dim, correction, keepdim);
}
inline Tensor std(const Tensor& input, bool unbiased = true) {
  static const OpDef& op = find_op("std");
  return call_op<Tensor>(op, input, unbiased);
}
inline Tensor std(const Tensor& input, std::optional<Ints> dim, bool unbiased = true, bool keepdim = false) {
  static const OpDef& op = find_op("std.dim");
  return call_op<Tensor>(op, input, dim, unbiased, keepdim);
}
inline Tensor std(const Tensor& input, std::optional<Ints> dim = std::nullopt, std::optional<Scalar> correction = std::nullopt, bool keepdim = false) {
  static const OpDef& op = find_op("std.correction");
  return call_op<Tensor>(op, input, dim, correction, keepdim);
}
inline std::tuple<Tensor, Tensor> var_mean(const Tensor& input, bool unbiased = true) {
  static const OpDef& op = find_op("var_mean");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, unbiased);
}
inline std::tuple<Tensor, Tensor> var_mean(const Tensor& input, std::optional<Ints> dim, bool unbiased = true, bool keepdim = false) {
  static const OpDef& op = find_op("var_mean.dim");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim, unbiased, keepdim);
}
inline std::tuple<Tensor, Tensor> var_mean(const Tensor& input, std::optional<Ints> dim = std::nullopt, std::optional<Scalar> correction = std::nullopt, bool keepdim = false) {
  static const OpDef& op = find_op("var_mean.correction");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim, correction, keepdim);
}
inline std::tuple<Tensor, Tensor> std_mean(const Tensor& input, bool unbiased = true) {
  static const OpDef& op = find_op("std_mean");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, unbiased);
}
inline std::tuple<Tensor, Tensor> std_mean(const Tensor& input, std::optional<Ints> dim, bool unbiased = true, bool keepdim = false) {
  static const OpDef& op = find_op("std_mean.dim");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim, unbiased, keepdim);
}
inline std::tuple<Tensor, Tensor> std_mean(const Tensor& input, std::optional<Ints> dim = std::nullopt, std::optional<Scalar> correction = std::nullopt, bool keepdim = false) {
  static const OpDef& op = find_op("std_mean.correction");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim, correction, keepdim);
}
inline Tensor logsumexp(const Tensor& input, Ints dim, bool keepdim = false) {
  static const OpDef& op = find_op("logsumexp");
  return call_op<Tensor>(op, input, dim, keepdim);
}
}  // namespace fb
