// Callers of the operators in softmax.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor softmax(const Tensor& input, int64_t dim, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("softmax");
  return call_op<Tensor>(op, input, dim, dtype);
}
inline Tensor log_softmax(const Tensor& input, int64_t dim, std::optional<DType> dtype = std::nullopt) {
  static const OpDef& op = find_op("log_softmax");
  return call_op<Tensor>(op, input, dim, dtype);
}
inline Tensor softmax_backward(const Tensor& grad, const Tensor& result, int64_t dim) {
  static const OpDef& op = find_op("softmax_backward");
  return call_op<Tensor>(op, grad, result, dim);
}
inline Tensor log_softmax_backward(const Tensor& grad, const Tensor& result, int64_t dim) {
  static const OpDef& op = find_op("log_softmax_backward");
  return call_op<Tensor>(op, grad, result, dim);
}
inline Tensor _softmax_backward_data(const Tensor& grad_output, const Tensor& output, int64_t dim, DType input_dtype) {
  static const OpDef& op = find_op("_softmax_backward_data");
  return call_op<Tensor>(op, grad_output, output, dim, input_dtype);
}
inline Tensor _log_softmax_backward_data(const Tensor& grad_output, const Tensor& output, int64_t dim, DType input_dtype) {
  static const OpDef& op = find_op("_log_softmax_backward_data");
  return call_op<Tensor>(op, grad_output, output, dim, input_dtype);
}
}  // namespace fb
