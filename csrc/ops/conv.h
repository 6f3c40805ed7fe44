// Callers of the operators in conv.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor convolution(const Tensor& input, const Tensor& weight, const Tensor& bias, Ints stride, Ints padding, Ints dilation, bool transposed, Ints output_padding, int64_t groups) {
  static const OpDef& op = find_op("convolution");
  return call_op<Tensor>(op, input, weight, bias, stride, padding, dilation, transposed, output_padding, groups);
}
inline Tensor _convolution_input_grad(const Tensor& grad, const Tensor& weight, Ints input_size, Ints stride, Ints padding, Ints dilation, int64_t groups) {
  static const OpDef& op = find_op("_convolution_input_grad");
  return call_op<Tensor>(op, grad, weight, input_size, stride, padding, dilation, groups);
}
inline Tensor _convolution_weight_grad(const Tensor& input, const Tensor& grad, Ints weight_size, Ints stride, Ints padding, Ints dilation, int64_t groups) {
  static const OpDef& op = find_op("_convolution_weight_grad");
  return call_op<Tensor>(op, input, grad, weight_size, stride, padding, dilation, groups);
}
}  // namespace fb
