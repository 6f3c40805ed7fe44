// Callers of the operators in pool.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor> _max_pool(const Tensor& input, Ints kernel_size, Ints stride, Ints padding, Ints dilation, bool ceil_mode) {
  static const OpDef& op = find_op("_max_pool");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, kernel_size, stride, padding, dilation, ceil_mode);
}
inline std::tuple<Tensor, Tensor> _adaptive_max_pool(const Tensor& input, Ints output_size) {
  static const OpDef& op = find_op("_adaptive_max_pool");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, output_size);
}
inline Tensor _max_pool_values(const Tensor& input, Ints kernel_size, Ints stride, Ints padding, Ints dilation, bool ceil_mode) {
  static const OpDef& op = find_op("_max_pool_values");
  return call_op<Tensor>(op, input, kernel_size, stride, padding, dilation, ceil_mode);
}
inline Tensor _pool_scatter(const Tensor& grad, const Tensor& indices, Ints input_size, int64_t spatial) {
  static const OpDef& op = find_op("_pool_scatter");
  return call_op<Tensor>(op, grad, indices, input_size, spatial);
}
inline Tensor _pool_gather(const Tensor& input, const Tensor& indices, int64_t spatial) {
  static const OpDef& op = find_op("_pool_gather");
  return call_op<Tensor>(op, input, indices, spatial);
}
inline Tensor _avg_pool(const Tensor& input, Ints kernel_size, Ints stride, Ints padding, bool ceil_mode, bool count_include_pad, int64_t divisor) {
  static const OpDef& op = find_op("_avg_pool");
  return call_op<Tensor>(op, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor);
}
inline Tensor _avg_pool_backward(const Tensor& grad, Ints input_size, Ints kernel_size, Ints stride, Ints padding, bool ceil_mode, bool count_include_pad, int64_t divisor) {
  static const OpDef& op = find_op("_avg_pool_backward");
  return call_op<Tensor>(op, grad, input_size, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor);
}
inline Tensor _adaptive_avg_pool(const Tensor& input, Ints output_size) {
  static const OpDef& op = find_op("_adaptive_avg_pool");
  return call_op<Tensor>(op, input, output_size);
}
inline Tensor _adaptive_avg_pool_backward(const Tensor& grad, Ints input_size, int64_t spatial) {
  static const OpDef& op = find_op("_adaptive_avg_pool_backward");
  return call_op<Tensor>(op, grad, input_size, spatial);
}
}  // namespace fb
