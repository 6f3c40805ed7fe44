// Callers of the operators in membership.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor isin(const Tensor& elements, const Tensor& test_elements, bool assume_unique = false, bool invert = false) {
  static const OpDef& op = find_op("isin");
  return call_op<Tensor>(op, elements, test_elements, assume_unique, invert);
}
}  // namespace fb
