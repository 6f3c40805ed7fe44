// Callers of the operators in class_loss.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor, Tensor> cross_entropy_classes(const Tensor& input, const Tensor& target, const Tensor& weight, int64_t ignore_index, std::string_view reduction, double label_smoothing, bool wide) {
  static const OpDef& op = find_op("cross_entropy_classes");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, input, target, weight, ignore_index, reduction, label_smoothing, wide);
}
inline Tensor cross_entropy_backward(const Tensor& grad, const Tensor& input, const Tensor& log_total, const Tensor& total_weight, const Tensor& target, const Tensor& weight, int64_t ignore_index, std::string_view reduction, double label_smoothing) {
  static const OpDef& op = find_op("cross_entropy_backward");
  return call_op<Tensor>(op, grad, input, log_total, total_weight, target, weight, ignore_index, reduction, label_smoothing);
}
inline Tensor cross_entropy_scale(const Tensor& input, const Tensor& total_weight, const Tensor& target, const Tensor& weight, int64_t ignore_index, std::string_view reduction, double label_smoothing) {
  static const OpDef& op = find_op("cross_entropy_scale");
  return call_op<Tensor>(op, input, total_weight, target, weight, ignore_index, reduction, label_smoothing);
}
inline Tensor cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight = Tensor(), int64_t ignore_index = -100, std::string_view reduction = "mean", double label_smoothing = 0.0) {
  static const OpDef& op = find_op("cross_entropy");
  return call_op<Tensor>(op, input, target, weight, ignore_index, reduction, label_smoothing);
}
inline std::tuple<Tensor, Tensor> nll_loss_classes(const Tensor& input, const Tensor& target, const Tensor& weight, int64_t ignore_index, std::string_view reduction) {
  static const OpDef& op = find_op("nll_loss_classes");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, target, weight, ignore_index, reduction);
}
inline Tensor nll_loss_backward(const Tensor& grad, const Tensor& total_weight, const Tensor& target, const Tensor& weight, Ints sizes, int64_t ignore_index, std::string_view reduction) {
  static const OpDef& op = find_op("nll_loss_backward");
  return call_op<Tensor>(op, grad, total_weight, target, weight, sizes, ignore_index, reduction);
}
inline Tensor nll_loss(const Tensor& input, const Tensor& target, const Tensor& weight = Tensor(), int64_t ignore_index = -100, std::string_view reduction = "mean") {
  static const OpDef& op = find_op("nll_loss");
  return call_op<Tensor>(op, input, target, weight, ignore_index, reduction);
}
}  // namespace fb
