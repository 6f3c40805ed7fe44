// Callers of the operators in pointwise_compare.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor eq(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("eq");
  return call_op<Tensor>(op, input, other);
}
inline Tensor eq_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("eq");
  return call_inplace(op, input, other);
}
inline Tensor ne(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("ne");
  return call_op<Tensor>(op, input, other);
}
inline Tensor ne_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("ne");
  return call_inplace(op, input, other);
}
inline Tensor lt(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("lt");
  return call_op<Tensor>(op, input, other);
}
inline Tensor lt_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("lt");
  return call_inplace(op, input, other);
}
inline Tensor le(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("le");
  return call_op<Tensor>(op, input, other);
}
inline Tensor le_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("le");
  return call_inplace(op, input, other);
}
inline Tensor gt(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("gt");
  return call_op<Tensor>(op, input, other);
}
inline Tensor gt_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("gt");
  return call_inplace(op, input, other);
}
inline Tensor ge(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("ge");
  return call_op<Tensor>(op, input, other);
}
inline Tensor ge_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("ge");
  return call_inplace(op, input, other);
}
inline bool equal(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("equal");
  return call_op<bool>(op, input, other);
}
inline Tensor isclose(const Tensor& input, const Tensor& other, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false) {
  static const OpDef& op = find_op("isclose");
  return call_op<Tensor>(op, input, other, rtol, atol, equal_nan);
}
inline bool allclose(const Tensor& input, const Tensor& other, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false) {
  static const OpDef& op = find_op("allclose");
  return call_op<bool>(op, input, other, rtol, atol, equal_nan);
}
inline Tensor logical_and(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("logical_and");
  return call_op<Tensor>(op, input, other);
}
inline Tensor logical_and_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("logical_and");
  return call_inplace(op, input, other);
}
inline Tensor logical_or(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("logical_or");
  return call_op<Tensor>(op, input, other);
}
inline Tensor logical_or_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("logical_or");
  return call_inplace(op, input, other);
}
inline Tensor logical_xor(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("logical_xor");
  return call_op<Tensor>(op, input, other);
}
inline Tensor logical_xor_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("logical_xor");
  return call_inplace(op, input, other);
}
inline Tensor logical_not(const Tensor& input) {
  static const OpDef& op = find_op("logical_not");
  return call_op<Tensor>(op, input);
}
inline Tensor logical_not_(const Tensor& input) {
  static const OpDef& op = find_op("logical_not");
  return call_inplace(op, input);
}
inline Tensor bitwise_and(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("bitwise_and");
  return call_op<Tensor>(op, input, other);
}
inline Tensor bitwise_and_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("bitwise_and");
  return call_inplace(op, input, other);
}
inline Tensor bitwise_or(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("bitwise_or");
  return call_op<Tensor>(op, input, other);
}
inline Tensor bitwise_or_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("bitwise_or");
  return call_inplace(op, input, other);
}
inline Tensor bitwise_xor(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("bitwise_xor");
  return call_op<Tensor>(op, input, other);
}
inline Tensor bitwise_xor_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("bitwise_xor");
  return call_inplace(op, input, other);
}
inline Tensor bitwise_left_shift(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("bitwise_left_shift");
  return call_op<Tensor>(op, input, other);
}
inline Tensor bitwise_left_shift_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("bitwise_left_shift");
  return call_inplace(op, input, other);
}
inline Tensor bitwise_right_shift(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("bitwise_right_shift");
  return call_op<Tensor>(op, input, other);
}
inline Tensor bitwise_right_shift_(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("bitwise_right_shift");
  return call_inplace(op, input, other);
}
inline Tensor bitwise_not(const Tensor& input) {
  static const OpDef& op = find_op("bitwise_not");
  return call_op<Tensor>(op, input);
}
inline Tensor bitwise_not_(const Tensor& input) {
  static const OpDef& op = find_op("bitwise_not");
  return call_inplace(op, input);
}
inline Tensor isnan(const Tensor& input) {
  static const OpDef& op = find_op("isnan");
  return call_op<Tensor>(op, input);
}
inline Tensor isinf(const Tensor& input) {
  static const OpDef& op = find_op("isinf");
  return call_op<Tensor>(op, input);
}
inline Tensor isfinite(const Tensor& input) {
  static const OpDef& op = find_op("isfinite");
  return call_op<Tensor>(op, input);
}
inline Tensor isposinf(const Tensor& input) {
  static const OpDef& op = find_op("isposinf");
  return call_op<Tensor>(op, input);
}
inline Tensor isneginf(const Tensor& input) {
  static const OpDef& op = find_op("isneginf");
  return call_op<Tensor>(op, input);
}
inline Tensor signbit(const Tensor& input) {
  static const OpDef& op = find_op("signbit");
  return call_op<Tensor>(op, input);
}
inline Tensor isreal(const Tensor& input) {
  static const OpDef& op = find_op("isreal");
  return call_op<Tensor>(op, input);
}
}  // namespace fb
