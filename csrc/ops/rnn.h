// Callers of the operators in rnn.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor, Tensor> _lstm_cell(const Tensor& gates, const Tensor& c) {
  static const OpDef& op = find_op("_lstm_cell");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, gates, c);
}
inline std::tuple<Tensor, Tensor, Tensor> _lstm_layer(const Tensor& projected, const Tensor& h, const Tensor& c, const Tensor& weight, bool reverse = false) {
  static const OpDef& op = find_op("_lstm_layer");
  return call_op<std::tuple<Tensor, Tensor, Tensor>>(op, projected, h, c, weight, reverse);
}
inline std::tuple<Tensor, Tensor> _gru_cell(const Tensor& x, const Tensor& s, const Tensor& h) {
  static const OpDef& op = find_op("_gru_cell");
  return call_op<std::tuple<Tensor, Tensor>>(op, x, s, h);
}
}  // namespace fb
