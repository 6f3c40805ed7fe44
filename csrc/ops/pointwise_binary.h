// Callers of the operators in pointwise_binary.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor atan2(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("atan2");
  return call_op<Tensor>(op, input, other);
}
inline Tensor atan2_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("atan2");
  return call_inplace(op, input, other);
}
inline Tensor hypot(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("hypot");
  return call_op<Tensor>(op, input, other);
}
inline Tensor hypot_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("hypot");
  return call_inplace(op, input, other);
}
inline Tensor copysign(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("copysign");
  return call_op<Tensor>(op, input, other);
}
inline Tensor copysign_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("copysign");
  return call_inplace(op, input, other);
}
inline Tensor nextafter(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("nextafter");
  return call_op<Tensor>(op, input, other);
}
inline Tensor nextafter_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("nextafter");
  return call_inplace(op, input, other);
}
inline Tensor heaviside(const Tensor& input, const Tensor& values) {
  static const OpDef& op = find_op("heaviside");
  return call_op<Tensor>(op, input, values);
}
inline Tensor heaviside_(const Tensor& input, const Tensor& values) {
  static const OpDef& op = find_op("heaviside");
  return call_inplace(op, input, values);
}
inline Tensor logaddexp(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("logaddexp");
  return call_op<Tensor>(op, input, other);
}
inline Tensor logaddexp2(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("logaddexp2");
  return call_op<Tensor>(op, input, other);
}
inline Tensor xlogy(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("xlogy");
  return call_op<Tensor>(op, input, other);
}
inline Tensor xlogy_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("xlogy");
  return call_inplace(op, input, other);
}
inline Tensor special_xlog1py(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("special_xlog1py");
  return call_op<Tensor>(op, input, other);
}
inline Tensor special_zeta(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("special_zeta");
  return call_op<Tensor>(op, input, other);
}
inline Tensor ldexp(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("ldexp");
  return call_op<Tensor>(op, input, other);
}
inline Tensor ldexp_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("ldexp");
  return call_inplace(op, input, other);
}
inline Tensor float_power(const Tensor& input, const Tensor& exponent) {
  static const OpDef& op = find_op("float_power");
  return call_op<Tensor>(op, input, exponent);
}
inline Tensor gcd(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("gcd");
  return call_op<Tensor>(op, input, other);
}
inline Tensor gcd_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("gcd");
  return call_inplace(op, input, other);
}
inline Tensor lcm(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("lcm");
  return call_op<Tensor>(op, input, other);
}
inline Tensor lcm_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("lcm");
  return call_inplace(op, input, other);
}
inline Tensor complex(const Tensor& real, const Tensor& imag) {
  static const OpDef& op = find_op("complex");
  return call_op<Tensor>(op, real, imag);
}
inline Tensor polar(const Tensor& abs, const Tensor& angle) {
  static const OpDef& op = find_op("polar");
  return call_op<Tensor>(op, abs, angle);
}
}  // namespace fb
