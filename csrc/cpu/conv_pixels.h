// Planes of float32 pixels brought into vectors of neighbouring channels and back: there a
// convolution needs no mask, however small the picture is.
#pragma once
#ifdef __AVX512F__
#include <immintrin.h>
#endif
#include <algorithm>

#include "cpu/vector.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {

using Lanes = Vector<float>;
constexpr int kWide = kLanes<float>;

// The first `count` lanes; zeros behind them.
inline Lanes load_some(const float* from, int64_t count) {
#ifdef __AVX512F__
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from);
#endif
  Lanes v{};
  std::memcpy(&v, from, static_cast<size_t>(count) * sizeof(float));
  return v;
}

inline void store_some(float* to, Lanes v, int64_t count) {
#ifdef __AVX512F__
  return _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), v);
#endif
  std::memcpy(to, &v, static_cast<size_t>(count) * sizeof(float));
}

// Some rows and columns of pixels, which may begin before the picture and end behind it.
struct Window {
  int64_t top, rows, left, columns;
};

// The planes of up to kWide neighbouring channels of a picture.
template <class T>
struct Planes {
  T* data;
  int64_t channels, height, width;
  T* plane(int64_t channel) const { return data + channel * height * width; }
  int64_t first_row(const Window& w) const { return std::clamp<int64_t>(w.top, 0, height); }
  int64_t last_row(const Window& w) const {
    return std::clamp<int64_t>(w.top + w.rows, first_row(w), height);
  }
};

// to[row][column][channel] for a window that begins at or before the first column; zeros beyond the
// picture and for missing channels.
inline void load_pixels(const Planes<const float>& p, const Window& w, float* to) {
  const int64_t first = p.first_row(w), last = p.last_row(w),
                columns = std::min(p.width, w.columns + w.left);
  for (int64_t y = w.top; y < w.top + w.rows; ++y) {
    float* line = to + (y - w.top) * w.columns * kWide;
    const bool inside = y >= first && y < last;
    const int64_t after = inside ? columns - w.left : 0;
    std::fill_n(line, inside ? -w.left * kWide : 0, 0.f);
    std::fill(line + after * kWide, line + w.columns * kWide, 0.f);
  }
  int64_t x = 0;
  float* line = to + ((first - w.top) * w.columns - w.left) * kWide;
  for (int64_t at = first * p.width; at < last * p.width; at += kWide) {
    const int64_t count = std::min<int64_t>(kWide, last * p.width - at);
    Lanes rows[kWide] = {};
    if (count == kWide && p.channels == kWide) {
#pragma GCC unroll 16
      for (int c = 0; c < kWide; ++c) rows[c] = load(p.plane(c) + at);
    } else {
      for (int64_t c = 0; c < p.channels; ++c) rows[c] = load_some(p.plane(c) + at, count);
    }
    transpose<float>(rows);
    for (int64_t i = 0; i < count; ++i) {
      if (x < columns) store(line + x * kWide, rows[i]);
      if (++x == p.width) {
        x = 0;
        line += w.columns * kWide;
      }
    }
  }
}

// The other way: what of from[row][column][channel] lies in the picture. The window holds all
// columns.
inline void store_pixels(const Planes<float>& p, const Window& w, const float* from) {
  const int64_t first = p.first_row(w), last = p.last_row(w);
  int64_t x = 0;
  const float* line = from + ((first - w.top) * w.columns - w.left) * kWide;
  for (int64_t at = first * p.width; at < last * p.width; at += kWide) {
    const int64_t count = std::min<int64_t>(kWide, last * p.width - at);
    Lanes rows[kWide] = {};
    for (int64_t i = 0; i < count; ++i) {
      rows[i] = load(line + x * kWide);
      if (++x == p.width) {
        x = 0;
        line += w.columns * kWide;
      }
    }
    transpose<float>(rows);
    if (count == kWide && p.channels == kWide) {
#pragma GCC unroll 16
      for (int c = 0; c < kWide; ++c) store(p.plane(c) + at, rows[c]);
    } else {
      for (int64_t c = 0; c < p.channels; ++c) store_some(p.plane(c) + at, rows[c], count);
    }
  }
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
