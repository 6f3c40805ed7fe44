// Callers of the operators in pair_loss.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor pair_loss(const Tensor& input, const Tensor& target, int64_t kind, double parameter, std::string_view reduction) {
  static const OpDef& op = find_op("pair_loss");
  return call_op<Tensor>(op, input, target, kind, parameter, reduction);
}
inline Tensor pair_loss_backward(const Tensor& grad, const Tensor& input, const Tensor& target, int64_t kind, double parameter, std::string_view reduction, bool by_target) {
  static const OpDef& op = find_op("pair_loss_backward");
  return call_op<Tensor>(op, grad, input, target, kind, parameter, reduction, by_target);
}
inline Tensor mse_loss(const Tensor& input, const Tensor& target, std::string_view reduction = "mean") {
  static const OpDef& op = find_op("mse_loss");
  return call_op<Tensor>(op, input, target, reduction);
}
inline Tensor l1_loss(const Tensor& input, const Tensor& target, std::string_view reduction = "mean") {
  static const OpDef& op = find_op("l1_loss");
  return call_op<Tensor>(op, input, target, reduction);
}
inline Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, std::string_view reduction = "mean", double beta = 1.0) {
  static const OpDef& op = find_op("smooth_l1_loss");
  return call_op<Tensor>(op, input, target, reduction, beta);
}
inline Tensor huber_loss(const Tensor& input, const Tensor& target, std::string_view reduction = "mean", double delta = 1.0) {
  static const OpDef& op = find_op("huber_loss");
  return call_op<Tensor>(op, input, target, reduction, delta);
}
inline Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight = Tensor(), std::string_view reduction = "mean") {
  static const OpDef& op = find_op("binary_cross_entropy");
  return call_op<Tensor>(op, input, target, weight, reduction);
}
inline Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target, const Tensor& weight = Tensor(), const Tensor& pos_weight = Tensor(), std::string_view reduction = "mean") {
  static const OpDef& op = find_op("binary_cross_entropy_with_logits");
  return call_op<Tensor>(op, input, target, weight, pos_weight, reduction);
}
}  // namespace fb
