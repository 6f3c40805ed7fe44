// Callers of the operators in fft_functions.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor fft_fft(const Tensor& input, std::optional<int64_t> n = std::nullopt, int64_t dim = -1, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_fft");
  return call_op<Tensor>(op, input, n, dim, norm);
}
inline Tensor fft_ifft(const Tensor& input, std::optional<int64_t> n = std::nullopt, int64_t dim = -1, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_ifft");
  return call_op<Tensor>(op, input, n, dim, norm);
}
inline Tensor fft_rfft(const Tensor& input, std::optional<int64_t> n = std::nullopt, int64_t dim = -1, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_rfft");
  return call_op<Tensor>(op, input, n, dim, norm);
}
inline Tensor fft_irfft(const Tensor& input, std::optional<int64_t> n = std::nullopt, int64_t dim = -1, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_irfft");
  return call_op<Tensor>(op, input, n, dim, norm);
}
inline Tensor fft_hfft(const Tensor& input, std::optional<int64_t> n = std::nullopt, int64_t dim = -1, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_hfft");
  return call_op<Tensor>(op, input, n, dim, norm);
}
inline Tensor fft_ihfft(const Tensor& input, std::optional<int64_t> n = std::nullopt, int64_t dim = -1, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_ihfft");
  return call_op<Tensor>(op, input, n, dim, norm);
}
inline Tensor fft_fftn(const Tensor& input, std::optional<Ints> s = std::nullopt, std::optional<Ints> dim = std::nullopt, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_fftn");
  return call_op<Tensor>(op, input, s, dim, norm);
}
inline Tensor fft_fft2(const Tensor& input, std::optional<Ints> s = std::nullopt, Ints dim = Dims{-2,-1}, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_fft2");
  return call_op<Tensor>(op, input, s, dim, norm);
}
inline Tensor fft_ifftn(const Tensor& input, std::optional<Ints> s = std::nullopt, std::optional<Ints> dim = std::nullopt, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_ifftn");
  return call_op<Tensor>(op, input, s, dim, norm);
}
inline Tensor fft_ifft2(const Tensor& input, std::optional<Ints> s = std::nullopt, Ints dim = Dims{-2,-1}, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_ifft2");
  return call_op<Tensor>(op, input, s, dim, norm);
}
inline Tensor fft_rfftn(const Tensor& input, std::optional<Ints> s = std::nullopt, std::optional<Ints> dim = std::nullopt, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_rfftn");
  return call_op<Tensor>(op, input, s, dim, norm);
}
inline Tensor fft_rfft2(const Tensor& input, std::optional<Ints> s = std::nullopt, Ints dim = Dims{-2,-1}, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_rfft2");
  return call_op<Tensor>(op, input, s, dim, norm);
}
inline Tensor fft_irfftn(const Tensor& input, std::optional<Ints> s = std::nullopt, std::optional<Ints> dim = std::nullopt, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_irfftn");
  return call_op<Tensor>(op, input, s, dim, norm);
}
inline Tensor fft_irfft2(const Tensor& input, std::optional<Ints> s = std::nullopt, Ints dim = Dims{-2,-1}, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_irfft2");
  return call_op<Tensor>(op, input, s, dim, norm);
}
inline Tensor fft_hfftn(const Tensor& input, std::optional<Ints> s = std::nullopt, std::optional<Ints> dim = std::nullopt, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_hfftn");
  return call_op<Tensor>(op, input, s, dim, norm);
}
inline Tensor fft_hfft2(const Tensor& input, std::optional<Ints> s = std::nullopt, Ints dim = Dims{-2,-1}, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_hfft2");
  return call_op<Tensor>(op, input, s, dim, norm);
}
inline Tensor fft_ihfftn(const Tensor& input, std::optional<Ints> s = std::nullopt, std::optional<Ints> dim = std::nullopt, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_ihfftn");
  return call_op<Tensor>(op, input, s, dim, norm);
}
inline Tensor fft_ihfft2(const Tensor& input, std::optional<Ints> s = std::nullopt, Ints dim = Dims{-2,-1}, std::optional<std::string_view> norm = std::nullopt) {
  static const OpDef& op = find_op("fft_ihfft2");
  return call_op<Tensor>(op, input, s, dim, norm);
}
}  // namespace fb
