// Callers of the operators in embedding.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor embedding_renorm_(const Tensor& input, const Tensor& indices, double max_norm, double norm_type) {
  static const OpDef& op = find_op("embedding_renorm_");
  return call_op<Tensor>(op, input, indices, max_norm, norm_type);
}
inline Tensor embedding(const Tensor& input, const Tensor& weight, std::optional<int64_t> padding_idx = std::nullopt, std::optional<double> max_norm = std::nullopt, double norm_type = 2.0, bool scale_grad_by_freq = false, bool sparse = false) {
  static const OpDef& op = find_op("embedding");
  return call_op<Tensor>(op, input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse);
}
inline Tensor embedding_lookup(const Tensor& weight, const Tensor& indices, int64_t padding_idx = -1, bool scale_grad_by_freq = false, bool sparse = false) {
  static const OpDef& op = find_op("embedding_lookup");
  return call_op<Tensor>(op, weight, indices, padding_idx, scale_grad_by_freq, sparse);
}
inline Tensor embedding_dense_backward(const Tensor& grad, const Tensor& indices, int64_t num_weights, int64_t padding_idx, bool scale_grad_by_freq) {
  static const OpDef& op = find_op("embedding_dense_backward");
  return call_op<Tensor>(op, grad, indices, num_weights, padding_idx, scale_grad_by_freq);
}
}  // namespace fb
