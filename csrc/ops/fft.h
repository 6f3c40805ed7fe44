// Callers of the operators in fft.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor _fft_c2c(const Tensor& input, Ints dim, int64_t scale, bool forward) {
  static const OpDef& op = find_op("_fft_c2c");
  return call_op<Tensor>(op, input, dim, scale, forward);
}
inline Tensor _fft_r2c(const Tensor& input, Ints dim, int64_t scale) {
  static const OpDef& op = find_op("_fft_r2c");
  return call_op<Tensor>(op, input, dim, scale);
}
inline Tensor _fft_c2r(const Tensor& input, Ints dim, int64_t scale, int64_t last_size) {
  static const OpDef& op = find_op("_fft_c2r");
  return call_op<Tensor>(op, input, dim, scale, last_size);
}
}  // namespace fb
