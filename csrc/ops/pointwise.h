// Callers of the operators in pointwise.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor add(const Tensor& input, const Tensor& other, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("add");
  return call_op<Tensor>(op, input, other, alpha);
}
inline Tensor add_(const Tensor& input, const Tensor& other, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("add");
  return call_inplace(op, input, other, alpha);
}
inline Tensor sub(const Tensor& input, const Tensor& other, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("sub");
  return call_op<Tensor>(op, input, other, alpha);
}
inline Tensor sub_(const Tensor& input, const Tensor& other, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("sub");
  return call_inplace(op, input, other, alpha);
}
inline Tensor rsub(const Tensor& input, const Tensor& other, const Scalar& alpha = 1) {
  static const OpDef& op = find_op("rsub");
  return call_op<Tensor>(op, input, other, alpha);
}
inline Tensor mul(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("mul");
  return call_op<Tensor>(op, input, other);
}
inline Tensor mul_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("mul");
  return call_inplace(op, input, other);
}
inline Tensor div(const Tensor& input, const Tensor& other, std::optional<std::string_view> rounding_mode = std::nullopt) {
  static const OpDef& op = find_op("div");
  return call_op<Tensor>(op, input, other, rounding_mode);
}
inline Tensor div_(const Tensor& input, const Tensor& other, std::optional<std::string_view> rounding_mode = std::nullopt) {
  static const OpDef& op = find_op("div");
  return call_inplace(op, input, other, rounding_mode);
}
inline Tensor floor_divide(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("floor_divide");
  return call_op<Tensor>(op, input, other);
}
inline Tensor floor_divide_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("floor_divide");
  return call_inplace(op, input, other);
}
inline Tensor remainder(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("remainder");
  return call_op<Tensor>(op, input, other);
}
inline Tensor remainder_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("remainder");
  return call_inplace(op, input, other);
}
inline Tensor fmod(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("fmod");
  return call_op<Tensor>(op, input, other);
}
inline Tensor fmod_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("fmod");
  return call_inplace(op, input, other);
}
inline Tensor pow(const Tensor& input, const Tensor& exponent) {
  static const OpDef& op = find_op("pow");
  return call_op<Tensor>(op, input, exponent);
}
inline Tensor pow_(const Tensor& input, const Tensor& exponent) {
  static const OpDef& op = find_op("pow");
  return call_inplace(op, input, exponent);
}
inline Tensor neg(const Tensor& input) {
  static const OpDef& op = find_op("neg");
  return call_op<Tensor>(op, input);
}
inline Tensor neg_(const Tensor& input) {
  static const OpDef& op = find_op("neg");
  return call_inplace(op, input);
}
inline Tensor abs(const Tensor& input) {
  static const OpDef& op = find_op("abs");
  return call_op<Tensor>(op, input);
}
inline Tensor abs_(const Tensor& input) {
  static const OpDef& op = find_op("abs");
  return call_inplace(op, input);
}
inline Tensor sign(const Tensor& input) {
  static const OpDef& op = find_op("sign");
  return call_op<Tensor>(op, input);
}
inline Tensor sign_(const Tensor& input) {
  static const OpDef& op = find_op("sign");
  return call_inplace(op, input);
}
inline Tensor sgn(const Tensor& input) {
  static const OpDef& op = find_op("sgn");
  return call_op<Tensor>(op, input);
}
inline Tensor sgn_(const Tensor& input) {
  static const OpDef& op = find_op("sgn");
  return call_inplace(op, input);
}
inline Tensor square(const Tensor& input) {
  static const OpDef& op = find_op("square");
  return call_op<Tensor>(op, input);
}
inline Tensor square_(const Tensor& input) {
  static const OpDef& op = find_op("square");
  return call_inplace(op, input);
}
inline Tensor reciprocal(const Tensor& input) {
  static const OpDef& op = find_op("reciprocal");
  return call_op<Tensor>(op, input);
}
inline Tensor reciprocal_(const Tensor& input) {
  static const OpDef& op = find_op("reciprocal");
  return call_inplace(op, input);
}
inline Tensor positive(const Tensor& input) {
  static const OpDef& op = find_op("positive");
  return call_op<Tensor>(op, input);
}
inline Tensor conj_physical(const Tensor& input) {
  static const OpDef& op = find_op("conj_physical");
  return call_op<Tensor>(op, input);
}
inline Tensor conj_physical_(const Tensor& input) {
  static const OpDef& op = find_op("conj_physical");
  return call_inplace(op, input);
}
inline Tensor conj(const Tensor& input) {
  static const OpDef& op = find_op("conj");
  return call_op<Tensor>(op, input);
}
inline Tensor resolve_conj(const Tensor& input) {
  static const OpDef& op = find_op("resolve_conj");
  return call_op<Tensor>(op, input);
}
inline Tensor resolve_neg(const Tensor& input) {
  static const OpDef& op = find_op("resolve_neg");
  return call_op<Tensor>(op, input);
}
inline Tensor addcmul(const Tensor& input, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value = 1) {
  static const OpDef& op = find_op("addcmul");
  return call_op<Tensor>(op, input, tensor1, tensor2, value);
}
inline Tensor addcmul_(const Tensor& input, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value = 1) {
  static const OpDef& op = find_op("addcmul");
  return call_inplace(op, input, tensor1, tensor2, value);
}
inline Tensor addcdiv(const Tensor& input, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value = 1) {
  static const OpDef& op = find_op("addcdiv");
  return call_op<Tensor>(op, input, tensor1, tensor2, value);
}
inline Tensor addcdiv_(const Tensor& input, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value = 1) {
  static const OpDef& op = find_op("addcdiv");
  return call_inplace(op, input, tensor1, tensor2, value);
}
inline Tensor lerp(const Tensor& input, const Tensor& end, const Tensor& weight) {
  static const OpDef& op = find_op("lerp");
  return call_op<Tensor>(op, input, end, weight);
}
inline Tensor lerp_(const Tensor& input, const Tensor& end, const Tensor& weight) {
  static const OpDef& op = find_op("lerp");
  return call_inplace(op, input, end, weight);
}
}  // namespace fb
