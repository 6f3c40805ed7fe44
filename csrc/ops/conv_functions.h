// Callers of the operators in conv_functions.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor conv1d(const Tensor& input, const Tensor& weight, const Tensor& bias = Tensor(), Ints stride = Dims{1}, Ints padding = Dims{0}, Ints dilation = Dims{1}, int64_t groups = 1) {
  static const OpDef& op = find_op("conv1d");
  return call_op<Tensor>(op, input, weight, bias, stride, padding, dilation, groups);
}
inline Tensor conv1d(const Tensor& input, const Tensor& weight, const Tensor& bias = Tensor(), Ints stride = Dims{1}, std::string_view padding = "valid", Ints dilation = Dims{1}, int64_t groups = 1) {
  static const OpDef& op = find_op("conv1d.padding");
  return call_op<Tensor>(op, input, weight, bias, stride, padding, dilation, groups);
}
inline Tensor conv2d(const Tensor& input, const Tensor& weight, const Tensor& bias = Tensor(), Ints stride = Dims{1}, Ints padding = Dims{0}, Ints dilation = Dims{1}, int64_t groups = 1) {
  static const OpDef& op = find_op("conv2d");
  return call_op<Tensor>(op, input, weight, bias, stride, padding, dilation, groups);
}
inline Tensor conv2d(const Tensor& input, const Tensor& weight, const Tensor& bias = Tensor(), Ints stride = Dims{1}, std::string_view padding = "valid", Ints dilation = Dims{1}, int64_t groups = 1) {
  static const OpDef& op = find_op("conv2d.padding");
  return call_op<Tensor>(op, input, weight, bias, stride, padding, dilation, groups);
}
inline Tensor conv3d(const Tensor& input, const Tensor& weight, const Tensor& bias = Tensor(), Ints stride = Dims{1}, Ints padding = Dims{0}, Ints dilation = Dims{1}, int64_t groups = 1) {
  static const OpDef& op = find_op("conv3d");
  return call_op<Tensor>(op, input, weight, bias, stride, padding, dilation, groups);
}
inline Tensor conv3d(const Tensor& input, const Tensor& weight, const Tensor& bias = Tensor(), Ints stride = Dims{1}, std::string_view padding = "valid", Ints dilation = Dims{1}, int64_t groups = 1) {
  static const OpDef& op = find_op("conv3d.padding");
  return call_op<Tensor>(op, input, weight, bias, stride, padding, dilation, groups);
}
inline Tensor conv_transpose1d(const Tensor& input, const Tensor& weight, const Tensor& bias = Tensor(), Ints stride = Dims{1}, Ints padding = Dims{0}, Ints output_padding = Dims{0}, int64_t groups = 1, Ints dilation = Dims{1}) {
  static const OpDef& op = find_op("conv_transpose1d");
  return call_op<Tensor>(op, input, weight, bias, stride, padding, output_padding, groups, dilation);
}
inline Tensor conv_transpose2d(const Tensor& input, const Tensor& weight, const Tensor& bias = Tensor(), Ints stride = Dims{1}, Ints padding = Dims{0}, Ints output_padding = Dims{0}, int64_t groups = 1, Ints dilation = Dims{1}) {
  static const OpDef& op = find_op("conv_transpose2d");
  return call_op<Tensor>(op, input, weight, bias, stride, padding, output_padding, groups, dilation);
}
inline Tensor conv_transpose3d(const Tensor& input, const Tensor& weight, const Tensor& bias = Tensor(), Ints stride = Dims{1}, Ints padding = Dims{0}, Ints output_padding = Dims{0}, int64_t groups = 1, Ints dilation = Dims{1}) {
  static const OpDef& op = find_op("conv_transpose3d");
  return call_op<Tensor>(op, input, weight, bias, stride, padding, output_padding, groups, dilation);
}
}  // namespace fb
