// Callers of the operators in optim.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline void _fused_sgd_(std::span<const Tensor> self, std::span<const Tensor> grads, std::span<const Tensor> momentum_buffer_list, double weight_decay, double momentum, const Tensor& lr, double dampening, bool nesterov, bool maximize, bool is_first_step, const Tensor& grad_scale = Tensor(), const Tensor& found_inf = Tensor()) {
  static const OpDef& op = find_op("_fused_sgd_");
  return call_op<void>(op, self, grads, momentum_buffer_list, weight_decay, momentum, lr, dampening, nesterov, maximize, is_first_step, grad_scale, found_inf);
}
inline void _fused_adam_(std::span<const Tensor> self, std::span<const Tensor> grads, std::span<const Tensor> exp_avgs, std::span<const Tensor> exp_avg_sqs, std::span<const Tensor> max_exp_avg_sqs, std::span<const Tensor> state_steps, const Tensor& lr, double beta1, double beta2, double weight_decay, double eps, bool amsgrad, bool maximize, const Tensor& grad_scale = Tensor(), const Tensor& found_inf = Tensor(), bool advance = false) {
  static const OpDef& op = find_op("_fused_adam_");
  return call_op<void>(op, self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, lr, beta1, beta2, weight_decay, eps, amsgrad, maximize, grad_scale, found_inf, advance);
}
inline void _fused_adamw_(std::span<const Tensor> self, std::span<const Tensor> grads, std::span<const Tensor> exp_avgs, std::span<const Tensor> exp_avg_sqs, std::span<const Tensor> max_exp_avg_sqs, std::span<const Tensor> state_steps, const Tensor& lr, double beta1, double beta2, double weight_decay, double eps, bool amsgrad, bool maximize, const Tensor& grad_scale = Tensor(), const Tensor& found_inf = Tensor(), bool advance = false) {
  static const OpDef& op = find_op("_fused_adamw_");
  return call_op<void>(op, self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, lr, beta1, beta2, weight_decay, eps, amsgrad, maximize, grad_scale, found_inf, advance);
}
inline void _fused_rmsprop_(std::span<const Tensor> self, std::span<const Tensor> grads, std::span<const Tensor> square_avgs, std::span<const Tensor> grad_avgs, std::span<const Tensor> momentum_buffer_list, std::span<const Tensor> state_steps, const Tensor& lr, double alpha, double eps, double weight_decay, double momentum, bool centered, bool maximize, const Tensor& grad_scale = Tensor(), const Tensor& found_inf = Tensor(), bool advance = false) {
  static const OpDef& op = find_op("_fused_rmsprop_");
  return call_op<void>(op, self, grads, square_avgs, grad_avgs, momentum_buffer_list, state_steps, lr, alpha, eps, weight_decay, momentum, centered, maximize, grad_scale, found_inf, advance);
}
inline void _fused_adagrad_(std::span<const Tensor> self, std::span<const Tensor> grads, std::span<const Tensor> state_sums, std::span<const Tensor> state_steps, const Tensor& lr, double lr_decay, double weight_decay, double eps, bool maximize, const Tensor& grad_scale = Tensor(), const Tensor& found_inf = Tensor(), bool advance = false) {
  static const OpDef& op = find_op("_fused_adagrad_");
  return call_op<void>(op, self, grads, state_sums, state_steps, lr, lr_decay, weight_decay, eps, maximize, grad_scale, found_inf, advance);
}
}  // namespace fb
