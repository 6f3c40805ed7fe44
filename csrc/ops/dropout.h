// Callers of the operators in dropout.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor _masked_scale(const Tensor& input, const Tensor& mask, double scale) {
  static const OpDef& op = find_op("_masked_scale");
  return call_op<Tensor>(op, input, mask, scale);
}
inline std::tuple<Tensor, Tensor> _dropout(const Tensor& input, double p) {
  static const OpDef& op = find_op("_dropout");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, p);
}
inline Tensor dropout(const Tensor& input, double p, bool train) {
  static const OpDef& op = find_op("dropout");
  return call_op<Tensor>(op, input, p, train);
}
inline Tensor dropout_(const Tensor& input, double p, bool train) {
  static const OpDef& op = find_op("dropout_");
  return call_op<Tensor>(op, input, p, train);
}
inline Tensor functional_dropout(const Tensor& input, double p = 0.5, bool training = true, bool inplace = false) {
  static const OpDef& op = find_op("functional_dropout");
  return call_op<Tensor>(op, input, p, training, inplace);
}
inline Tensor native_dropout_backward(const Tensor& grad_output, const Tensor& mask, double scale) {
  static const OpDef& op = find_op("native_dropout_backward");
  return call_op<Tensor>(op, grad_output, mask, scale);
}
inline std::tuple<Tensor, Tensor> native_dropout(const Tensor& input, double p, std::optional<bool> train) {
  static const OpDef& op = find_op("native_dropout");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, p, train);
}
inline Tensor feature_dropout(const Tensor& input, double p, bool train) {
  static const OpDef& op = find_op("feature_dropout");
  return call_op<Tensor>(op, input, p, train);
}
inline Tensor feature_dropout_(const Tensor& input, double p, bool train) {
  static const OpDef& op = find_op("feature_dropout_");
  return call_op<Tensor>(op, input, p, train);
}
inline Tensor alpha_dropout(const Tensor& input, double p, bool train) {
  static const OpDef& op = find_op("alpha_dropout");
  return call_op<Tensor>(op, input, p, train);
}
inline Tensor alpha_dropout_(const Tensor& input, double p, bool train) {
  static const OpDef& op = find_op("alpha_dropout_");
  return call_op<Tensor>(op, input, p, train);
}
inline Tensor feature_alpha_dropout(const Tensor& input, double p, bool train) {
  static const OpDef& op = find_op("feature_alpha_dropout");
  return call_op<Tensor>(op, input, p, train);
}
inline Tensor feature_alpha_dropout_(const Tensor& input, double p, bool train) {
  static const OpDef& op = find_op("feature_alpha_dropout_");
  return call_op<Tensor>(op, input, p, train);
}
inline Tensor functional_alpha_dropout(const Tensor& input, double p = 0.5, bool training = false, bool inplace = false) {
  static const OpDef& op = find_op("functional_alpha_dropout");
  return call_op<Tensor>(op, input, p, training, inplace);
}
inline Tensor functional_feature_alpha_dropout(const Tensor& input, double p = 0.5, bool training = false, bool inplace = false) {
  static const OpDef& op = find_op("functional_feature_alpha_dropout");
  return call_op<Tensor>(op, input, p, training, inplace);
}
inline Tensor functional_dropout1d(const Tensor& input, double p = 0.5, bool training = true, bool inplace = false) {
  static const OpDef& op = find_op("functional_dropout1d");
  return call_op<Tensor>(op, input, p, training, inplace);
}
inline Tensor functional_dropout2d(const Tensor& input, double p = 0.5, bool training = true, bool inplace = false) {
  static const OpDef& op = find_op("functional_dropout2d");
  return call_op<Tensor>(op, input, p, training, inplace);
}
inline Tensor functional_dropout3d(const Tensor& input, double p = 0.5, bool training = true, bool inplace = false) {
  static const OpDef& op = find_op("functional_dropout3d");
  return call_op<Tensor>(op, input, p, training, inplace);
}
inline std::tuple<Tensor, Tensor> _rrelu(const Tensor& input, double lower, double upper, Generator* generator = nullptr) {
  static const OpDef& op = find_op("_rrelu");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, lower, upper, generator);
}
inline Tensor rrelu(const Tensor& input, double lower = 0.125, double upper = 0.3333333333333333, bool training = false, Generator* generator = nullptr) {
  static const OpDef& op = find_op("rrelu");
  return call_op<Tensor>(op, input, lower, upper, training, generator);
}
inline Tensor rrelu_(const Tensor& input, double lower = 0.125, double upper = 0.3333333333333333, bool training = false, Generator* generator = nullptr) {
  static const OpDef& op = find_op("rrelu_");
  return call_op<Tensor>(op, input, lower, upper, training, generator);
}
inline Tensor functional_rrelu(const Tensor& input, double lower = 0.125, double upper = 0.3333333333333333, bool training = false, bool inplace = false) {
  static const OpDef& op = find_op("functional_rrelu");
  return call_op<Tensor>(op, input, lower, upper, training, inplace);
}
}  // namespace fb
