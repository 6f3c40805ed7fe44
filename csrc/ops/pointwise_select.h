// Callers of the operators in pointwise_select.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor maximum(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("maximum");
  return call_op<Tensor>(op, input, other);
}
inline Tensor minimum(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("minimum");
  return call_op<Tensor>(op, input, other);
}
inline Tensor fmax(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("fmax");
  return call_op<Tensor>(op, input, other);
}
inline Tensor fmin(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("fmin");
  return call_op<Tensor>(op, input, other);
}
inline Tensor clamp(const Tensor& input, std::optional<Scalar> min = std::nullopt, std::optional<Scalar> max = std::nullopt) {
  static const OpDef& op = find_op("clamp");
  return call_op<Tensor>(op, input, min, max);
}
inline Tensor clamp_(const Tensor& input, std::optional<Scalar> min = std::nullopt, std::optional<Scalar> max = std::nullopt) {
  static const OpDef& op = find_op("clamp");
  return call_inplace(op, input, min, max);
}
inline Tensor clamp(const Tensor& input, const Tensor& min = Tensor(), const Tensor& max = Tensor()) {
  static const OpDef& op = find_op("clamp.Tensor");
  return call_op<Tensor>(op, input, min, max);
}
inline Tensor clamp_(const Tensor& input, const Tensor& min = Tensor(), const Tensor& max = Tensor()) {
  static const OpDef& op = find_op("clamp.Tensor");
  return call_inplace(op, input, min, max);
}
inline Tensor clamp_min(const Tensor& input, const Tensor& min) {
  static const OpDef& op = find_op("clamp_min");
  return call_op<Tensor>(op, input, min);
}
inline Tensor clamp_min_(const Tensor& input, const Tensor& min) {
  static const OpDef& op = find_op("clamp_min");
  return call_inplace(op, input, min);
}
inline Tensor clamp_max(const Tensor& input, const Tensor& max) {
  static const OpDef& op = find_op("clamp_max");
  return call_op<Tensor>(op, input, max);
}
inline Tensor clamp_max_(const Tensor& input, const Tensor& max) {
  static const OpDef& op = find_op("clamp_max");
  return call_inplace(op, input, max);
}
inline Tensor where(const Tensor& condition, const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("where");
  return call_op<Tensor>(op, condition, input, other);
}
inline Tensor where_method(const Tensor& input, const Tensor& condition, const Tensor& other) {
  static const OpDef& op = find_op("where_method");
  return call_op<Tensor>(op, input, condition, other);
}
inline Tensor masked_fill(const Tensor& input, const Tensor& mask, const Tensor& value) {
  static const OpDef& op = find_op("masked_fill");
  return call_op<Tensor>(op, input, mask, value);
}
inline Tensor masked_fill_(const Tensor& input, const Tensor& mask, const Tensor& value) {
  static const OpDef& op = find_op("masked_fill");
  return call_inplace(op, input, mask, value);
}
inline Tensor nan_to_num(const Tensor& input, std::optional<double> nan = std::nullopt, std::optional<double> posinf = std::nullopt, std::optional<double> neginf = std::nullopt) {
  static const OpDef& op = find_op("nan_to_num");
  return call_op<Tensor>(op, input, nan, posinf, neginf);
}
inline Tensor nan_to_num_(const Tensor& input, std::optional<double> nan = std::nullopt, std::optional<double> posinf = std::nullopt, std::optional<double> neginf = std::nullopt) {
  static const OpDef& op = find_op("nan_to_num");
  return call_inplace(op, input, nan, posinf, neginf);
}
}  // namespace fb
