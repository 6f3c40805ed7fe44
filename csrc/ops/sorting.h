// Callers of the operators in sorting.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline std::tuple<Tensor, Tensor> sort(const Tensor& input, int64_t dim = -1, bool descending = false, std::optional<bool> stable = std::nullopt) {
  static const OpDef& op = find_op("sort");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim, descending, stable);
}
inline Tensor argsort(const Tensor& input, int64_t dim = -1, bool descending = false, bool stable = false) {
  static const OpDef& op = find_op("argsort");
  return call_op<Tensor>(op, input, dim, descending, stable);
}
inline Tensor msort(const Tensor& input) {
  static const OpDef& op = find_op("msort");
  return call_op<Tensor>(op, input);
}
inline std::tuple<Tensor, Tensor> topk(const Tensor& input, int64_t k, int64_t dim = -1, bool largest = true, bool sorted = true) {
  static const OpDef& op = find_op("topk");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, k, dim, largest, sorted);
}
inline std::tuple<Tensor, Tensor> kthvalue(const Tensor& input, int64_t k, int64_t dim = -1, bool keepdim = false) {
  static const OpDef& op = find_op("kthvalue");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, k, dim, keepdim);
}
inline Tensor median(const Tensor& input) {
  static const OpDef& op = find_op("median");
  return call_op<Tensor>(op, input);
}
inline std::tuple<Tensor, Tensor> median(const Tensor& input, int64_t dim, bool keepdim = false) {
  static const OpDef& op = find_op("median.dim");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim, keepdim);
}
inline Tensor nanmedian(const Tensor& input) {
  static const OpDef& op = find_op("nanmedian");
  return call_op<Tensor>(op, input);
}
inline std::tuple<Tensor, Tensor> nanmedian(const Tensor& input, int64_t dim, bool keepdim = false) {
  static const OpDef& op = find_op("nanmedian.dim");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim, keepdim);
}
inline std::tuple<Tensor, Tensor> mode(const Tensor& input, int64_t dim = -1, bool keepdim = false) {
  static const OpDef& op = find_op("mode");
  return call_op<std::tuple<Tensor, Tensor>>(op, input, dim, keepdim);
}
}  // namespace fb
