// Convolutions by 3x3 kernels after Winograd (Lavin and Gray 2016): tiles of the input and the
// kernel are transformed by additions, multiplied place by place, and the sums transformed back.
// The transforms of a plane are those of a line, applied to columns and then to rows.
#pragma once
#include <algorithm>

#include "cpu/conv_pixels.h"
#include "cpu/scratch.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {

// How a line of pixels is computed: a tile of `window` inputs, `step` behind the one before it,
// becomes `places` numbers, which after the products become `outputs` numbers.

// F(2, 3): y[i] = sum of w[k] x[i + k] with 4 products in place of 6.
struct Tile2 {
  static constexpr int places = 4, window = 4, step = 2, outputs = 2;
  [[gnu::always_inline]] static void input(const Lanes* x, Lanes* to) {
    to[0] = x[0] - x[2], to[1] = x[1] + x[2], to[2] = x[2] - x[1], to[3] = x[3] - x[1];
  }
  [[gnu::always_inline]] static void kernel(const Lanes* w, Lanes* to) {
    const Lanes ends = w[0] + w[2];
    to[0] = w[0], to[1] = (ends + w[1]) * 0.5f, to[2] = (ends - w[1]) * 0.5f, to[3] = w[2];
  }
  [[gnu::always_inline]] static void output(const Lanes* m, Lanes* to) {
    to[0] = m[0] + m[1] + m[2], to[1] = m[1] - m[2] + m[3];
  }
  // The transposes of the last two.
  [[gnu::always_inline]] static void kernel_grad(const Lanes* m, Lanes* to) {
    const Lanes sum = (m[1] + m[2]) * 0.5f;
    to[0] = m[0] + sum, to[1] = (m[1] - m[2]) * 0.5f, to[2] = sum + m[3];
  }
  [[gnu::always_inline]] static void output_grad(const Lanes* y, Lanes* to) {
    to[0] = y[0], to[1] = y[0] + y[1], to[2] = y[0] - y[1], to[3] = y[1];
  }
};

// y[i] = sum of w[k] x[2i + k] with 5 products in place of 6: F(2, 2) for w[0] and w[2].
struct Strided {
  static constexpr int places = 5, window = 5, step = 4, outputs = 2;
  [[gnu::always_inline]] static void input(const Lanes* x, Lanes* to) {
    to[0] = x[0] - x[2], to[1] = x[2], to[2] = x[4] - x[2], to[3] = x[1], to[4] = x[3];
  }
  [[gnu::always_inline]] static void kernel(const Lanes* w, Lanes* to) {
    to[0] = w[0], to[1] = w[0] + w[2], to[2] = w[2], to[3] = w[1], to[4] = w[1];
  }
  [[gnu::always_inline]] static void output(const Lanes* m, Lanes* to) {
    to[0] = m[0] + m[1] + m[3], to[1] = m[1] + m[2] + m[4];
  }
  [[gnu::always_inline]] static void kernel_grad(const Lanes* m, Lanes* to) {
    to[0] = m[0] + m[1], to[1] = m[3] + m[4], to[2] = m[1] + m[2];
  }
  [[gnu::always_inline]] static void output_grad(const Lanes* y, Lanes* to) {
    to[0] = y[0], to[1] = y[0] + y[1], to[2] = y[1], to[3] = y[0], to[4] = y[1];
  }
};

// Its gradient with one zero before the input: y[2i] = w[1] x[i], y[2i + 1] = w[2] x[i] + w[0] x[i
// + 1].
struct StridedGrad {
  static constexpr int places = 5, window = 3, step = 2, outputs = 4;
  [[gnu::always_inline]] static void input(const Lanes* x, Lanes* to) {
    to[0] = x[0] - x[1], to[1] = x[1], to[2] = x[2] - x[1], to[3] = x[0], to[4] = x[1];
  }
  [[gnu::always_inline]] static void kernel(const Lanes* w, Lanes* to) {
    to[0] = w[2], to[1] = w[0] + w[2], to[2] = w[0], to[3] = w[1], to[4] = w[1];
  }
  [[gnu::always_inline]] static void output(const Lanes* m, Lanes* to) {
    to[0] = m[3], to[1] = m[0] + m[1], to[2] = m[4], to[3] = m[1] + m[2];
  }
};

// put(y, x, v) for the n x n results of transforming m x m numbers that get(y, x) reads.
template <int m, int n, auto line, class Get, class Put>
[[gnu::always_inline]] inline void transform(const Get& get, const Put& put) {
  Lanes half[n][m];
#pragma GCC unroll 8
  for (int x = 0; x < m; ++x) {
    Lanes from[m], to[n];
#pragma GCC unroll 8
    for (int y = 0; y < m; ++y) from[y] = get(y, x);
    line(from, to);
#pragma GCC unroll 8
    for (int y = 0; y < n; ++y) half[y][x] = to[y];
  }
#pragma GCC unroll 8
  for (int y = 0; y < n; ++y) {
    Lanes to[n];
    line(half[y], to);
#pragma GCC unroll 8
    for (int x = 0; x < n; ++x) put(y, x, to[x]);
  }
}

inline int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// Channels side by side in a block of products, so that all blocks have about as many.
inline int64_t panel_of(int64_t channels) {
  const int64_t vectors = channels / kWide, panels = (vectors + 2) / 3;
  return (vectors + panels - 1) / panels * kWide;
}

// Transformed tiles or kernels of one side: up to `panel` channels side by side, then `count` tiles
// or channels of the other side, then panels, places.
struct Places {
  float* data;
  int64_t channels, count, panel;  // channels are whole vectors
  // Not a power of two, for the caches.
  int64_t place_step() const { return channels * count + kWide; }
  int64_t width(int64_t channel) const { return std::min(panel, channels - panel_begin(channel)); }
  int64_t panel_begin(int64_t channel) const { return channel / panel * panel; }
  // The vector of `channel` at place 0.
  float* at(int64_t index, int64_t channel) const {
    const int64_t begin = panel_begin(channel);
    return data + begin * count + index * width(channel) + (channel - begin);
  }
};

// Pictures that are cut into tiles. Lines of tiles are counted over all images.
struct Pictures {
  const float* data;
  int64_t images, channels, height, width;
  int64_t top = 0, left = 0;     // zeros before each picture
  int64_t down = 0, across = 0;  // tiles
  int64_t lines() const { return images * down; }
  int64_t tiles() const { return lines() * across; }
};

// Calls f(image, y, count) for runs of lines [begin, end) of the same image, up to `most` long.
template <class F>
void each_image(int64_t begin, int64_t end, int64_t down, int64_t most, F&& f) {
  while (begin < end) {
    const int64_t y = begin % down, count = std::min({end - begin, down - y, most});
    f(begin / down, y, count);
    begin += count;
  }
}

// Transforms lines [begin, end) of tiles of kWide channels from `channel` on; tile 0 of `to` is the
// first of line `origin`. A tile is `window` pixels wide, `step` behind the one before it.
template <int window, int step, int places, auto line>
void transform_lines(const Pictures& p, int64_t origin, int64_t begin, int64_t end, int64_t channel,
                     const Places& to) {
  constexpr int64_t kPixels = 1024;
  const int64_t columns = (p.across - 1) * step + window,
                most = std::max<int64_t>(1, kPixels / (step * columns)), width = to.width(channel),
                place_step = to.place_step();
  Scratch<float> pixels(((most - 1) * step + window) * columns * kWide);
  float* target = to.at((begin - origin) * p.across, channel);
  each_image(begin, end, p.down, most, [&](int64_t image, int64_t y, int64_t count) {
    const float* planes = p.data + (image * p.channels + channel) * p.height * p.width;
    load_pixels({planes, std::min<int64_t>(kWide, p.channels - channel), p.height, p.width},
                {y * step - p.top, (count - 1) * step + window, -p.left, columns}, pixels);
    for (int64_t i = 0; i < count; ++i) {
      const float* from = pixels + i * step * columns * kWide;
      for (int64_t x = 0; x < p.across; ++x, from += step * kWide, target += width)
        transform<window, places, line>(
            [&](int r, int c) { return load(from + (r * columns + c) * kWide); },
            [&](int r, int c, Lanes v) { store(target + (r * places + c) * place_step, v); });
    }
  });
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
