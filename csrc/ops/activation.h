// Callers of the operators in activation.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor relu(const Tensor& input) {
  static const OpDef& op = find_op("relu");
  return call_op<Tensor>(op, input);
}
inline Tensor relu_(const Tensor& input) {
  static const OpDef& op = find_op("relu");
  return call_inplace(op, input);
}
inline Tensor functional_relu(const Tensor& input, bool inplace = false) {
  static const OpDef& op = find_op("functional_relu");
  return call_op<Tensor>(op, input, inplace);
}
inline Tensor threshold(const Tensor& input, const Scalar& threshold, const Scalar& value) {
  static const OpDef& op = find_op("threshold");
  return call_op<Tensor>(op, input, threshold, value);
}
inline Tensor threshold_(const Tensor& input, const Scalar& threshold, const Scalar& value) {
  static const OpDef& op = find_op("threshold");
  return call_inplace(op, input, threshold, value);
}
inline Tensor functional_threshold(const Tensor& input, double threshold, double value, bool inplace = false) {
  static const OpDef& op = find_op("functional_threshold");
  return call_op<Tensor>(op, input, threshold, value, inplace);
}
inline Tensor threshold_backward(const Tensor& grad, const Tensor& input, const Scalar& threshold) {
  static const OpDef& op = find_op("threshold_backward");
  return call_op<Tensor>(op, grad, input, threshold);
}
inline Tensor leaky_relu(const Tensor& input, double negative_slope = 0.01) {
  static const OpDef& op = find_op("leaky_relu");
  return call_op<Tensor>(op, input, negative_slope);
}
inline Tensor leaky_relu_(const Tensor& input, double negative_slope = 0.01) {
  static const OpDef& op = find_op("leaky_relu");
  return call_inplace(op, input, negative_slope);
}
inline Tensor functional_leaky_relu(const Tensor& input, double negative_slope = 0.01, bool inplace = false) {
  static const OpDef& op = find_op("functional_leaky_relu");
  return call_op<Tensor>(op, input, negative_slope, inplace);
}
inline Tensor leaky_relu_backward(const Tensor& grad, const Tensor& input, double negative_slope) {
  static const OpDef& op = find_op("leaky_relu_backward");
  return call_op<Tensor>(op, grad, input, negative_slope);
}
inline Tensor prelu_kernel(const Tensor& input, const Tensor& weight) {
  static const OpDef& op = find_op("prelu_kernel");
  return call_op<Tensor>(op, input, weight);
}
inline Tensor prelu(const Tensor& input, const Tensor& weight) {
  static const OpDef& op = find_op("prelu");
  return call_op<Tensor>(op, input, weight);
}
inline Tensor elu(const Tensor& input, double alpha = 1.0, double scale = 1.0, double input_scale = 1.0) {
  static const OpDef& op = find_op("elu");
  return call_op<Tensor>(op, input, alpha, scale, input_scale);
}
inline Tensor elu_(const Tensor& input, double alpha = 1.0, double scale = 1.0, double input_scale = 1.0) {
  static const OpDef& op = find_op("elu");
  return call_inplace(op, input, alpha, scale, input_scale);
}
inline Tensor functional_elu(const Tensor& input, double alpha = 1.0, bool inplace = false) {
  static const OpDef& op = find_op("functional_elu");
  return call_op<Tensor>(op, input, alpha, inplace);
}
inline Tensor elu_backward(const Tensor& grad, const Tensor& input, double alpha, double scale, double input_scale) {
  static const OpDef& op = find_op("elu_backward");
  return call_op<Tensor>(op, grad, input, alpha, scale, input_scale);
}
inline Tensor selu(const Tensor& input) {
  static const OpDef& op = find_op("selu");
  return call_op<Tensor>(op, input);
}
inline Tensor selu_(const Tensor& input) {
  static const OpDef& op = find_op("selu");
  return call_inplace(op, input);
}
inline Tensor functional_selu(const Tensor& input, bool inplace = false) {
  static const OpDef& op = find_op("functional_selu");
  return call_op<Tensor>(op, input, inplace);
}
inline Tensor celu(const Tensor& input, double alpha = 1.0) {
  static const OpDef& op = find_op("celu");
  return call_op<Tensor>(op, input, alpha);
}
inline Tensor celu_(const Tensor& input, double alpha = 1.0) {
  static const OpDef& op = find_op("celu");
  return call_inplace(op, input, alpha);
}
inline Tensor functional_celu(const Tensor& input, double alpha = 1.0, bool inplace = false) {
  static const OpDef& op = find_op("functional_celu");
  return call_op<Tensor>(op, input, alpha, inplace);
}
inline Tensor hardtanh(const Tensor& input, double min_val = -1.0, double max_val = 1.0) {
  static const OpDef& op = find_op("hardtanh");
  return call_op<Tensor>(op, input, min_val, max_val);
}
inline Tensor hardtanh_(const Tensor& input, double min_val = -1.0, double max_val = 1.0) {
  static const OpDef& op = find_op("hardtanh");
  return call_inplace(op, input, min_val, max_val);
}
inline Tensor functional_hardtanh(const Tensor& input, double min_val = -1.0, double max_val = 1.0, bool inplace = false) {
  static const OpDef& op = find_op("functional_hardtanh");
  return call_op<Tensor>(op, input, min_val, max_val, inplace);
}
inline Tensor hardtanh_backward(const Tensor& grad, const Tensor& input, double min_val, double max_val) {
  static const OpDef& op = find_op("hardtanh_backward");
  return call_op<Tensor>(op, grad, input, min_val, max_val);
}
inline Tensor relu6(const Tensor& input, bool inplace = false) {
  static const OpDef& op = find_op("relu6");
  return call_op<Tensor>(op, input, inplace);
}
inline Tensor hardswish(const Tensor& input) {
  static const OpDef& op = find_op("hardswish");
  return call_op<Tensor>(op, input);
}
inline Tensor hardswish_(const Tensor& input) {
  static const OpDef& op = find_op("hardswish");
  return call_inplace(op, input);
}
inline Tensor hardswish_backward(const Tensor& grad, const Tensor& input) {
  static const OpDef& op = find_op("hardswish_backward");
  return call_op<Tensor>(op, grad, input);
}
inline Tensor functional_hardswish(const Tensor& input, bool inplace = false) {
  static const OpDef& op = find_op("functional_hardswish");
  return call_op<Tensor>(op, input, inplace);
}
inline Tensor hardsigmoid(const Tensor& input) {
  static const OpDef& op = find_op("hardsigmoid");
  return call_op<Tensor>(op, input);
}
inline Tensor hardsigmoid_(const Tensor& input) {
  static const OpDef& op = find_op("hardsigmoid");
  return call_inplace(op, input);
}
inline Tensor hardsigmoid_backward(const Tensor& grad, const Tensor& input) {
  static const OpDef& op = find_op("hardsigmoid_backward");
  return call_op<Tensor>(op, grad, input);
}
inline Tensor functional_hardsigmoid(const Tensor& input, bool inplace = false) {
  static const OpDef& op = find_op("functional_hardsigmoid");
  return call_op<Tensor>(op, input, inplace);
}
inline Tensor silu(const Tensor& input) {
  static const OpDef& op = find_op("silu");
  return call_op<Tensor>(op, input);
}
inline Tensor silu_(const Tensor& input) {
  static const OpDef& op = find_op("silu");
  return call_inplace(op, input);
}
inline Tensor silu_backward(const Tensor& grad, const Tensor& input) {
  static const OpDef& op = find_op("silu_backward");
  return call_op<Tensor>(op, grad, input);
}
inline Tensor functional_silu(const Tensor& input, bool inplace = false) {
  static const OpDef& op = find_op("functional_silu");
  return call_op<Tensor>(op, input, inplace);
}
inline Tensor mish(const Tensor& input) {
  static const OpDef& op = find_op("mish");
  return call_op<Tensor>(op, input);
}
inline Tensor mish_(const Tensor& input) {
  static const OpDef& op = find_op("mish");
  return call_inplace(op, input);
}
inline Tensor mish_backward(const Tensor& grad, const Tensor& input) {
  static const OpDef& op = find_op("mish_backward");
  return call_op<Tensor>(op, grad, input);
}
inline Tensor functional_mish(const Tensor& input, bool inplace = false) {
  static const OpDef& op = find_op("functional_mish");
  return call_op<Tensor>(op, input, inplace);
}
inline Tensor logsigmoid(const Tensor& input) {
  static const OpDef& op = find_op("logsigmoid");
  return call_op<Tensor>(op, input);
}
inline Tensor logsigmoid_backward(const Tensor& grad, const Tensor& input) {
  static const OpDef& op = find_op("logsigmoid_backward");
  return call_op<Tensor>(op, grad, input);
}
inline Tensor gelu(const Tensor& input, std::string_view approximate = "none") {
  static const OpDef& op = find_op("gelu");
  return call_op<Tensor>(op, input, approximate);
}
inline Tensor gelu_(const Tensor& input, std::string_view approximate = "none") {
  static const OpDef& op = find_op("gelu");
  return call_inplace(op, input, approximate);
}
inline Tensor gelu_backward(const Tensor& grad, const Tensor& input, std::string_view approximate) {
  static const OpDef& op = find_op("gelu_backward");
  return call_op<Tensor>(op, grad, input, approximate);
}
inline Tensor softplus(const Tensor& input, double beta = 1, double threshold = 20) {
  static const OpDef& op = find_op("softplus");
  return call_op<Tensor>(op, input, beta, threshold);
}
inline Tensor softplus_backward(const Tensor& grad, const Tensor& input, double beta, double threshold) {
  static const OpDef& op = find_op("softplus_backward");
  return call_op<Tensor>(op, grad, input, beta, threshold);
}
}  // namespace fb
