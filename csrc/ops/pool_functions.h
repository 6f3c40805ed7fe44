// Callers of the operators in pool_functions.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor> max_pool1d_with_indices(const Tensor& input, Ints kernel_size, std::optional<Ints> stride = std::nullopt, Ints padding = Dims{0}, Ints dilation = Dims{1}, bool ceil_mode = false, bool return_indices = false) {
  static const OpDef& op = find_op("max_pool1d_with_indices");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices);
}
inline std::tuple<Tensor, Tensor> max_pool2d_with_indices(const Tensor& input, Ints kernel_size, std::optional<Ints> stride = std::nullopt, Ints padding = Dims{0}, Ints dilation = Dims{1}, bool ceil_mode = false, bool return_indices = false) {
  static const OpDef& op = find_op("max_pool2d_with_indices");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices);
}
inline std::tuple<Tensor, Tensor> max_pool3d_with_indices(const Tensor& input, Ints kernel_size, std::optional<Ints> stride = std::nullopt, Ints padding = Dims{0}, Ints dilation = Dims{1}, bool ceil_mode = false, bool return_indices = false) {
  static const OpDef& op = find_op("max_pool3d_with_indices");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices);
}
inline Tensor max_pool1d(const Tensor& input, Ints kernel_size, std::optional<Ints> stride = std::nullopt, Ints padding = Dims{0}, Ints dilation = Dims{1}, bool ceil_mode = false) {
  static const OpDef& op = find_op("max_pool1d");
  return call_op<Tensor>(op, input, kernel_size, stride, padding, dilation, ceil_mode);
}
inline Tensor max_pool2d(const Tensor& input, Ints kernel_size, std::optional<Ints> stride = std::nullopt, Ints padding = Dims{0}, Ints dilation = Dims{1}, bool ceil_mode = false) {
  static const OpDef& op = find_op("max_pool2d");
  return call_op<Tensor>(op, input, kernel_size, stride, padding, dilation, ceil_mode);
}
inline Tensor max_pool3d(const Tensor& input, Ints kernel_size, std::optional<Ints> stride = std::nullopt, Ints padding = Dims{0}, Ints dilation = Dims{1}, bool ceil_mode = false) {
  static const OpDef& op = find_op("max_pool3d");
  return call_op<Tensor>(op, input, kernel_size, stride, padding, dilation, ceil_mode);
}
inline Tensor avg_pool1d(const Tensor& input, Ints kernel_size, std::optional<Ints> stride = std::nullopt, Ints padding = Dims{0}, bool ceil_mode = false, bool count_include_pad = true) {
  static const OpDef& op = find_op("avg_pool1d");
  return call_op<Tensor>(op, input, kernel_size, stride, padding, ceil_mode, count_include_pad);
}
inline Tensor avg_pool2d(const Tensor& input, Ints kernel_size, std::optional<Ints> stride = std::nullopt, Ints padding = Dims{0}, bool ceil_mode = false, bool count_include_pad = true, std::optional<int64_t> divisor_override = std::nullopt) {
  static const OpDef& op = find_op("avg_pool2d");
  return call_op<Tensor>(op, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override);
}
inline Tensor avg_pool3d(const Tensor& input, Ints kernel_size, std::optional<Ints> stride = std::nullopt, Ints padding = Dims{0}, bool ceil_mode = false, bool count_include_pad = true, std::optional<int64_t> divisor_override = std::nullopt) {
  static const OpDef& op = find_op("avg_pool3d");
  return call_op<Tensor>(op, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override);
}
inline Tensor adaptive_avg_pool1d(const Tensor& input, Ints output_size) {
  static const OpDef& op = find_op("adaptive_avg_pool1d");
  return call_op<Tensor>(op, input, output_size);
}
inline Tensor _adaptive_avg_pool2d(const Tensor& input, Ints output_size) {
  static const OpDef& op = find_op("_adaptive_avg_pool2d");
  return call_op<Tensor>(op, input, output_size);
}
inline Tensor _adaptive_avg_pool3d(const Tensor& input, Ints output_size) {
  static const OpDef& op = find_op("_adaptive_avg_pool3d");
  return call_op<Tensor>(op, input, output_size);
}
inline std::tuple<Tensor, Tensor> adaptive_max_pool1d(const Tensor& input, Ints output_size, bool return_indices = false) {
  static const OpDef& op = find_op("adaptive_max_pool1d");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, output_size, return_indices);
}
inline std::tuple<Tensor, Tensor> _adaptive_max_pool2d(const Tensor& input, Ints output_size, bool return_indices = false) {
  static const OpDef& op = find_op("_adaptive_max_pool2d");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, output_size, return_indices);
}
inline std::tuple<Tensor, Tensor> _adaptive_max_pool3d(const Tensor& input, Ints output_size, bool return_indices = false) {
  static const OpDef& op = find_op("_adaptive_max_pool3d");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, output_size, return_indices);
}
}  // namespace fb
