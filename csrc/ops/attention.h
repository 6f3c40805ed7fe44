// Callers of the operators in attention.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor> attention_parts(const Tensor& query, const Tensor& key, const Tensor& value, double scale, bool is_causal) {
  static const OpDef& op = find_op("attention_parts");
  return call_op<std::tuple<Tensor, Tensor>>(op, query, key, value, scale, is_causal);
}
inline Tensor scaled_dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& attn_mask = Tensor(), double dropout_p = 0.0, bool is_causal = false, std::optional<double> scale = std::nullopt, bool enable_gqa = false) {
  static const OpDef& op = find_op("scaled_dot_product_attention");
  return call_op<Tensor>(op, query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa);
}
}  // namespace fb
