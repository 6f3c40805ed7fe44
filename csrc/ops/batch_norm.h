// Callers of the operators in batch_norm.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor, Tensor> batch_norm_parts(const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var, bool training, double momentum, double eps) {
  static const OpDef& op = find_op("batch_norm_parts");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, input, weight, bias, running_mean, running_var, training, momentum, eps);
}
inline std::tuple<Tensor, Tensor, Tensor> batch_norm_backward(const Tensor& grad, const Tensor& input, const Tensor& mean, const Tensor& rstd, const Tensor& weight, bool training, double eps, bool for_input, bool for_weight, bool for_bias) {
  static const OpDef& op = find_op("batch_norm_backward");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, grad, input, mean, rstd, weight, training, eps, for_input, for_weight, for_bias);
}
inline Tensor batch_norm(const Tensor& input, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight = Tensor(), const Tensor& bias = Tensor(), bool training = false, double momentum = 0.1, double eps = 1e-05) {
  static const OpDef& op = find_op("batch_norm");
  return call_op<Tensor>(op, input, running_mean, running_var, weight, bias, training, momentum, eps);
}
inline std::tuple<Tensor, Tensor, Tensor> native_batch_norm(const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var, bool training, double momentum, double eps) {
  static const OpDef& op = find_op("native_batch_norm");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, input, weight, bias, running_mean, running_var, training, momentum, eps);
}
inline Tensor instance_norm(const Tensor& input, const Tensor& running_mean = Tensor(), const Tensor& running_var = Tensor(), const Tensor& weight = Tensor(), const Tensor& bias = Tensor(), bool use_input_stats = true, double momentum = 0.1, double eps = 1e-05) {
  static const OpDef& op = find_op("instance_norm");
  return call_op<Tensor>(op, input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps);
}
}  // namespace fb
