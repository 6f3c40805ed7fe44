// Callers of the operators in normalization.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor, Tensor> layer_norm_parts(const Tensor& input, Ints normalized_shape, const Tensor& weight, const Tensor& bias, double eps) {
  static const OpDef& op = find_op("layer_norm_parts");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, input, normalized_shape, weight, bias, eps);
}
inline std::tuple<Tensor, Tensor, Tensor> layer_norm_backward(const Tensor& grad, const Tensor& input, const Tensor& mean, const Tensor& rstd, const Tensor& weight, Ints normalized_shape, double eps, bool for_input, bool for_weight, bool for_bias) {
  static const OpDef& op = find_op("layer_norm_backward");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, grad, input, mean, rstd, weight, normalized_shape, eps, for_input, for_weight, for_bias);
}
inline Tensor layer_norm(const Tensor& input, Ints normalized_shape, const Tensor& weight = Tensor(), const Tensor& bias = Tensor(), double eps = 1e-05) {
  static const OpDef& op = find_op("layer_norm");
  return call_op<Tensor>(op, input, normalized_shape, weight, bias, eps);
}
inline std::tuple<Tensor, Tensor, Tensor> native_layer_norm(const Tensor& input, Ints normalized_shape, const Tensor& weight, const Tensor& bias, double eps) {
  static const OpDef& op = find_op("native_layer_norm");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, input, normalized_shape, weight, bias, eps);
}
inline std::tuple<Tensor, Tensor> rms_norm_parts(const Tensor& input, Ints normalized_shape, const Tensor& weight, double eps) {
  static const OpDef& op = find_op("rms_norm_parts");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, normalized_shape, weight, eps);
}
inline std::tuple<Tensor, Tensor> rms_norm_backward(const Tensor& grad, const Tensor& input, const Tensor& rstd, const Tensor& weight, Ints normalized_shape, double eps, bool for_input, bool for_weight) {
  static const OpDef& op = find_op("rms_norm_backward");
  return call_op<std::tuple<Tensor, Tensor>>(op, grad, input, rstd, weight, normalized_shape, eps, for_input, for_weight);
}
inline Tensor rms_norm(const Tensor& input, Ints normalized_shape, const Tensor& weight = Tensor(), std::optional<double> eps = std::nullopt) {
  static const OpDef& op = find_op("rms_norm");
  return call_op<Tensor>(op, input, normalized_shape, weight, eps);
}
inline std::tuple<Tensor, Tensor, Tensor> group_norm_parts(const Tensor& input, const Tensor& weight, const Tensor& bias, int64_t num_groups, double eps) {
  static const OpDef& op = find_op("group_norm_parts");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, input, weight, bias, num_groups, eps);
}
inline std::tuple<Tensor, Tensor, Tensor> group_norm_backward(const Tensor& grad, const Tensor& input, const Tensor& mean, const Tensor& rstd, const Tensor& weight, int64_t num_groups, double eps, bool for_input, bool for_weight, bool for_bias) {
  static const OpDef& op = find_op("group_norm_backward");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, grad, input, mean, rstd, weight, num_groups, eps, for_input, for_weight, for_bias);
}
inline Tensor group_norm(const Tensor& input, int64_t num_groups, const Tensor& weight = Tensor(), const Tensor& bias = Tensor(), double eps = 1e-05) {
  static const OpDef& op = find_op("group_norm");
  return call_op<Tensor>(op, input, num_groups, weight, bias, eps);
}
inline std::tuple<Tensor, Tensor, Tensor> native_group_norm(const Tensor& input, const Tensor& weight, const Tensor& bias, int64_t N, int64_t C, int64_t HxW, int64_t group, double eps) {
  static const OpDef& op = find_op("native_group_norm");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, input, weight, bias, N, C, HxW, group, eps);
}
}  // namespace fb
