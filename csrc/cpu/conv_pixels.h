// Planes of float32 pixels brought into vectors of neighbouring channels, where a convolution needs
// no mask however small the picture is.
#pragma once
#include <algorithm>

#include "cpu/vector.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {

using Lanes = Vector<float>;
constexpr int kWide = kLanes<float>;

typedef int32_t LaneIndex __attribute__((vector_size(kVectorBytes)));

// Swaps the off-diagonal blocks of `step` lanes of each pair of rows that is `step` apart.
template <int step>
inline void swap_blocks(Lanes (&rows)[kWide]) {
  LaneIndex low, high;
  for (int i = 0; i < kWide; ++i) {
    low[i] = i & step ? kWide + i - step : i;
    high[i] = i & step ? kWide + i : i + step;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kWide; ++i) {
    if (i & step) continue;
    const Lanes a = rows[i], b = rows[i + step];
    rows[i] = __builtin_shuffle(a, b, low);
    rows[i + step] = __builtin_shuffle(a, b, high);
  }
}

inline void transpose(Lanes (&rows)[kWide]) {
  if constexpr (kWide > 8) swap_blocks<8 % kWide>(rows);
  if constexpr (kWide > 4) swap_blocks<4 % kWide>(rows);
  swap_blocks<2>(rows);
  swap_blocks<1>(rows);
}

// Some rows and columns of pixels, which may reach beyond the picture.
struct Window {
  int64_t top, rows, left, columns;
};

// to[row][column][channel] for the window of `channels` planes, up to kWide, that lie one after the
// other; zeros beyond the picture and for missing channels. The window is as wide as the picture.
inline void load_pixels(const float* planes, int64_t channels, int64_t height, int64_t width,
                        const Window& w, float* to) {
  const int64_t first = std::clamp<int64_t>(w.top, 0, height),
                last = std::clamp<int64_t>(w.top + w.rows, first, height), plane = height * width;
  for (int64_t y = w.top; y < w.top + w.rows; ++y) {
    float* line = to + (y - w.top) * w.columns * kWide;
    const bool inside = y >= first && y < last;
    const int64_t before = inside ? -w.left : w.columns,
                  after = inside ? width - w.left : w.columns;
    std::fill_n(line, before * kWide, 0.f);
    std::fill_n(line + after * kWide, (w.columns - after) * kWide, 0.f);
  }
  int64_t y = first, x = 0;
  float* line = to + ((y - w.top) * w.columns - w.left) * kWide;
  for (int64_t at = first * width; at < last * width; at += kWide) {
    const int64_t count = std::min<int64_t>(kWide, last * width - at);
    Lanes rows[kWide];
    if (count == kWide && channels == kWide) {
#pragma GCC unroll 16
      for (int c = 0; c < kWide; ++c) rows[c] = load(planes + c * plane + at);
    } else {
      for (int64_t c = 0; c < kWide; ++c) {
        rows[c] = Lanes{};
        if (c < channels)
          std::memcpy(&rows[c], planes + c * plane + at,
                      static_cast<size_t>(count) * sizeof(float));
      }
    }
    transpose(rows);
    for (int64_t i = 0; i < count; ++i) {
      store(line + x * kWide, rows[i]);
      if (++x == width) {
        x = 0;
        ++y;
        line += w.columns * kWide;
      }
    }
  }
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
