// Callers of the operators in pointwise_math.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor sqrt(const Tensor& input) {
  static const OpDef& op = find_op("sqrt");
  return call_op<Tensor>(op, input);
}
inline Tensor sqrt_(const Tensor& input) {
  static const OpDef& op = find_op("sqrt");
  return call_inplace(op, input);
}
inline Tensor rsqrt(const Tensor& input) {
  static const OpDef& op = find_op("rsqrt");
  return call_op<Tensor>(op, input);
}
inline Tensor rsqrt_(const Tensor& input) {
  static const OpDef& op = find_op("rsqrt");
  return call_inplace(op, input);
}
inline Tensor exp(const Tensor& input) {
  static const OpDef& op = find_op("exp");
  return call_op<Tensor>(op, input);
}
inline Tensor exp_(const Tensor& input) {
  static const OpDef& op = find_op("exp");
  return call_inplace(op, input);
}
inline Tensor exp2(const Tensor& input) {
  static const OpDef& op = find_op("exp2");
  return call_op<Tensor>(op, input);
}
inline Tensor exp2_(const Tensor& input) {
  static const OpDef& op = find_op("exp2");
  return call_inplace(op, input);
}
inline Tensor expm1(const Tensor& input) {
  static const OpDef& op = find_op("expm1");
  return call_op<Tensor>(op, input);
}
inline Tensor expm1_(const Tensor& input) {
  static const OpDef& op = find_op("expm1");
  return call_inplace(op, input);
}
inline Tensor log(const Tensor& input) {
  static const OpDef& op = find_op("log");
  return call_op<Tensor>(op, input);
}
inline Tensor log_(const Tensor& input) {
  static const OpDef& op = find_op("log");
  return call_inplace(op, input);
}
inline Tensor log2(const Tensor& input) {
  static const OpDef& op = find_op("log2");
  return call_op<Tensor>(op, input);
}
inline Tensor log2_(const Tensor& input) {
  static const OpDef& op = find_op("log2");
  return call_inplace(op, input);
}
inline Tensor log10(const Tensor& input) {
  static const OpDef& op = find_op("log10");
  return call_op<Tensor>(op, input);
}
inline Tensor log10_(const Tensor& input) {
  static const OpDef& op = find_op("log10");
  return call_inplace(op, input);
}
inline Tensor log1p(const Tensor& input) {
  static const OpDef& op = find_op("log1p");
  return call_op<Tensor>(op, input);
}
inline Tensor log1p_(const Tensor& input) {
  static const OpDef& op = find_op("log1p");
  return call_inplace(op, input);
}
inline Tensor sin(const Tensor& input) {
  static const OpDef& op = find_op("sin");
  return call_op<Tensor>(op, input);
}
inline Tensor sin_(const Tensor& input) {
  static const OpDef& op = find_op("sin");
  return call_inplace(op, input);
}
inline Tensor cos(const Tensor& input) {
  static const OpDef& op = find_op("cos");
  return call_op<Tensor>(op, input);
}
inline Tensor cos_(const Tensor& input) {
  static const OpDef& op = find_op("cos");
  return call_inplace(op, input);
}
inline Tensor tan(const Tensor& input) {
  static const OpDef& op = find_op("tan");
  return call_op<Tensor>(op, input);
}
inline Tensor tan_(const Tensor& input) {
  static const OpDef& op = find_op("tan");
  return call_inplace(op, input);
}
inline Tensor asin(const Tensor& input) {
  static const OpDef& op = find_op("asin");
  return call_op<Tensor>(op, input);
}
inline Tensor asin_(const Tensor& input) {
  static const OpDef& op = find_op("asin");
  return call_inplace(op, input);
}
inline Tensor acos(const Tensor& input) {
  static const OpDef& op = find_op("acos");
  return call_op<Tensor>(op, input);
}
inline Tensor acos_(const Tensor& input) {
  static const OpDef& op = find_op("acos");
  return call_inplace(op, input);
}
inline Tensor atan(const Tensor& input) {
  static const OpDef& op = find_op("atan");
  return call_op<Tensor>(op, input);
}
inline Tensor atan_(const Tensor& input) {
  static const OpDef& op = find_op("atan");
  return call_inplace(op, input);
}
inline Tensor sinh(const Tensor& input) {
  static const OpDef& op = find_op("sinh");
  return call_op<Tensor>(op, input);
}
inline Tensor sinh_(const Tensor& input) {
  static const OpDef& op = find_op("sinh");
  return call_inplace(op, input);
}
inline Tensor cosh(const Tensor& input) {
  static const OpDef& op = find_op("cosh");
  return call_op<Tensor>(op, input);
}
inline Tensor cosh_(const Tensor& input) {
  static const OpDef& op = find_op("cosh");
  return call_inplace(op, input);
}
inline Tensor asinh(const Tensor& input) {
  static const OpDef& op = find_op("asinh");
  return call_op<Tensor>(op, input);
}
inline Tensor asinh_(const Tensor& input) {
  static const OpDef& op = find_op("asinh");
  return call_inplace(op, input);
}
inline Tensor acosh(const Tensor& input) {
  static const OpDef& op = find_op("acosh");
  return call_op<Tensor>(op, input);
}
inline Tensor acosh_(const Tensor& input) {
  static const OpDef& op = find_op("acosh");
  return call_inplace(op, input);
}
inline Tensor atanh(const Tensor& input) {
  static const OpDef& op = find_op("atanh");
  return call_op<Tensor>(op, input);
}
inline Tensor atanh_(const Tensor& input) {
  static const OpDef& op = find_op("atanh");
  return call_inplace(op, input);
}
inline Tensor tanh(const Tensor& input) {
  static const OpDef& op = find_op("tanh");
  return call_op<Tensor>(op, input);
}
inline Tensor tanh_(const Tensor& input) {
  static const OpDef& op = find_op("tanh");
  return call_inplace(op, input);
}
inline Tensor sigmoid(const Tensor& input) {
  static const OpDef& op = find_op("sigmoid");
  return call_op<Tensor>(op, input);
}
inline Tensor sigmoid_(const Tensor& input) {
  static const OpDef& op = find_op("sigmoid");
  return call_inplace(op, input);
}
inline Tensor tanh_backward(const Tensor& grad, const Tensor& result) {
  static const OpDef& op = find_op("tanh_backward");
  return call_op<Tensor>(op, grad, result);
}
inline Tensor sigmoid_backward(const Tensor& grad, const Tensor& result) {
  static const OpDef& op = find_op("sigmoid_backward");
  return call_op<Tensor>(op, grad, result);
}
inline Tensor erf(const Tensor& input) {
  static const OpDef& op = find_op("erf");
  return call_op<Tensor>(op, input);
}
inline Tensor erf_(const Tensor& input) {
  static const OpDef& op = find_op("erf");
  return call_inplace(op, input);
}
inline Tensor erfc(const Tensor& input) {
  static const OpDef& op = find_op("erfc");
  return call_op<Tensor>(op, input);
}
inline Tensor erfc_(const Tensor& input) {
  static const OpDef& op = find_op("erfc");
  return call_inplace(op, input);
}
inline Tensor erfinv(const Tensor& input) {
  static const OpDef& op = find_op("erfinv");
  return call_op<Tensor>(op, input);
}
inline Tensor erfinv_(const Tensor& input) {
  static const OpDef& op = find_op("erfinv");
  return call_inplace(op, input);
}
inline Tensor lgamma(const Tensor& input) {
  static const OpDef& op = find_op("lgamma");
  return call_op<Tensor>(op, input);
}
inline Tensor lgamma_(const Tensor& input) {
  static const OpDef& op = find_op("lgamma");
  return call_inplace(op, input);
}
inline Tensor digamma(const Tensor& input) {
  static const OpDef& op = find_op("digamma");
  return call_op<Tensor>(op, input);
}
inline Tensor digamma_(const Tensor& input) {
  static const OpDef& op = find_op("digamma");
  return call_inplace(op, input);
}
inline Tensor polygamma(int64_t n, const Tensor& input) {
  static const OpDef& op = find_op("polygamma");
  return call_op<Tensor>(op, n, input);
}
inline Tensor sinc(const Tensor& input) {
  static const OpDef& op = find_op("sinc");
  return call_op<Tensor>(op, input);
}
inline Tensor sinc_(const Tensor& input) {
  static const OpDef& op = find_op("sinc");
  return call_inplace(op, input);
}
inline Tensor logit(const Tensor& input, std::optional<double> eps = std::nullopt) {
  static const OpDef& op = find_op("logit");
  return call_op<Tensor>(op, input, eps);
}
inline Tensor logit_(const Tensor& input, std::optional<double> eps = std::nullopt) {
  static const OpDef& op = find_op("logit");
  return call_inplace(op, input, eps);
}
inline Tensor ceil(const Tensor& input) {
  static const OpDef& op = find_op("ceil");
  return call_op<Tensor>(op, input);
}
inline Tensor ceil_(const Tensor& input) {
  static const OpDef& op = find_op("ceil");
  return call_inplace(op, input);
}
inline Tensor floor(const Tensor& input) {
  static const OpDef& op = find_op("floor");
  return call_op<Tensor>(op, input);
}
inline Tensor floor_(const Tensor& input) {
  static const OpDef& op = find_op("floor");
  return call_inplace(op, input);
}
inline Tensor trunc(const Tensor& input) {
  static const OpDef& op = find_op("trunc");
  return call_op<Tensor>(op, input);
}
inline Tensor trunc_(const Tensor& input) {
  static const OpDef& op = find_op("trunc");
  return call_inplace(op, input);
}
inline Tensor round(const Tensor& input, int64_t decimals = 0) {
  static const OpDef& op = find_op("round");
  return call_op<Tensor>(op, input, decimals);
}
inline Tensor round_(const Tensor& input, int64_t decimals = 0) {
  static const OpDef& op = find_op("round");
  return call_inplace(op, input, decimals);
}
inline Tensor frac(const Tensor& input) {
  static const OpDef& op = find_op("frac");
  return call_op<Tensor>(op, input);
}
inline Tensor frac_(const Tensor& input) {
  static const OpDef& op = find_op("frac");
  return call_inplace(op, input);
}
inline Tensor deg2rad(const Tensor& input) {
  static const OpDef& op = find_op("deg2rad");
  return call_op<Tensor>(op, input);
}
inline Tensor deg2rad_(const Tensor& input) {
  static const OpDef& op = find_op("deg2rad");
  return call_inplace(op, input);
}
inline Tensor rad2deg(const Tensor& input) {
  static const OpDef& op = find_op("rad2deg");
  return call_op<Tensor>(op, input);
}
inline Tensor rad2deg_(const Tensor& input) {
  static const OpDef& op = find_op("rad2deg");
  return call_inplace(op, input);
}
inline Tensor angle(const Tensor& input) {
  static const OpDef& op = find_op("angle");
  return call_op<Tensor>(op, input);
}
}  // namespace fb
