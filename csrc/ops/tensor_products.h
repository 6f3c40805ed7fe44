// Callers of the operators in tensor_products.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor _tensordot(const Tensor& input, const Tensor& other, Ints dims_self, Ints dims_other) {
  static const OpDef& op = find_op("_tensordot");
  return call_op<Tensor>(op, input, other, dims_self, dims_other);
}
inline Tensor inner(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("inner");
  return call_op<Tensor>(op, input, other);
}
inline Tensor kron(const Tensor& input, const Tensor& other) {
  static const OpDef& op = find_op("kron");
  return call_op<Tensor>(op, input, other);
}
}  // namespace fb
