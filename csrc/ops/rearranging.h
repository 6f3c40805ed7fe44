// Callers of the operators in rearranging.cpp; written by tools/op_headers.py.
// clang-format off
#pragma once
#include "ops/op.h"

namespace fb {
inline Tensor flip(const Tensor& input, Ints dims) {
  static const OpDef& op = find_op("flip");
  return call_op<Tensor>(op, input, dims);
}
inline Tensor fliplr(const Tensor& input) {
  static const OpDef& op = find_op("fliplr");
  return call_op<Tensor>(op, input);
}
inline Tensor flipud(const Tensor& input) {
  static const OpDef& op = find_op("flipud");
  return call_op<Tensor>(op, input);
}
inline Tensor rot90(const Tensor& input, int64_t k = 1, Ints dims = Dims{0,1}) {
  static const OpDef& op = find_op("rot90");
  return call_op<Tensor>(op, input, k, dims);
}
inline Tensor roll(const Tensor& input, Ints shifts, Ints dims = Ints()) {
  static const OpDef& op = find_op("roll");
  return call_op<Tensor>(op, input, shifts, dims);
}
inline Tensor repeat(const Tensor& input, Ints repeats) {
  static const OpDef& op = find_op("repeat");
  return call_op<Tensor>(op, input, repeats);
}
inline Tensor tile(const Tensor& input, Ints dims) {
  static const OpDef& op = find_op("tile");
  return call_op<Tensor>(op, input, dims);
}
inline Tensor repeat_interleave(const Tensor& input, int64_t repeats, std::optional<int64_t> dim = std::nullopt, std::optional<int64_t> output_size = std::nullopt) {
  static const OpDef& op = find_op("repeat_interleave.self_int");
  return call_op<Tensor>(op, input, repeats, dim, output_size);
}
inline Tensor repeat_interleave(const Tensor& input, const Tensor& repeats, std::optional<int64_t> dim = std::nullopt, std::optional<int64_t> output_size = std::nullopt) {
  static const OpDef& op = find_op("repeat_interleave.self_Tensor");
  return call_op<Tensor>(op, input, repeats, dim, output_size);
}
inline Tensor repeat_interleave(const Tensor& repeats, std::optional<int64_t> output_size = std::nullopt) {
  static const OpDef& op = find_op("repeat_interleave");
  return call_op<Tensor>(op, repeats, output_size);
}
inline Tensor combinations(const Tensor& input, int64_t r = 2, bool with_replacement = false) {
  static const OpDef& op = find_op("combinations");
  return call_op<Tensor>(op, input, r, with_replacement);
}
inline Tensor pixel_shuffle(const Tensor& input, int64_t upscale_factor) {
  static const OpDef& op = find_op("pixel_shuffle");
  return call_op<Tensor>(op, input, upscale_factor);
}
inline Tensor pixel_unshuffle(const Tensor& input, int64_t downscale_factor) {
  static const OpDef& op = find_op("pixel_unshuffle");
  return call_op<Tensor>(op, input, downscale_factor);
}
}  // namespace fb
