// Callers of the operators in embedding_bag.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor embedding_bag_sum(const Tensor& weight, const Tensor& indices, const Tensor& offsets, const Tensor& per_sample_weights, bool mean, bool scale_grad_by_freq, int64_t padding_idx) {
  static const OpDef& op = find_op("embedding_bag_sum");
  return call_op<Tensor>(op, weight, indices, offsets, per_sample_weights, mean, scale_grad_by_freq, padding_idx);
}
inline std::tuple<Tensor, Tensor> embedding_bag_max(const Tensor& weight, const Tensor& indices, const Tensor& offsets, int64_t padding_idx) {
  static const OpDef& op = find_op("embedding_bag_max");
  return call_op<std::tuple<Tensor, Tensor>>(op, weight, indices, offsets, padding_idx);
}
inline Tensor embedding_bag(const Tensor& input, const Tensor& weight, const Tensor& offsets = Tensor(), std::optional<double> max_norm = std::nullopt, double norm_type = 2.0, bool scale_grad_by_freq = false, std::string_view mode = "mean", bool sparse = false, const Tensor& per_sample_weights = Tensor(), bool include_last_offset = false, std::optional<int64_t> padding_idx = std::nullopt) {
  static const OpDef& op = find_op("embedding_bag");
  return call_op<Tensor>(op, input, weight, offsets, max_norm, norm_type, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx);
}
}  // namespace fb
