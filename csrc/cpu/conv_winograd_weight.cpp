// Gradients of 3x3 kernels at stride 1, after Winograd (Lavin and Gray 2016, F(3x3, 2x2)): a tile
// of 4x4 inputs and 2x2 gradients takes 16 multiplications per pair of channels in place of 36.
// Tiles are transformed with channels side by side in the vectors; at each of the 16 places their
// products are then one matrix product whose depth is the number of tiles.
#include <atomic>

#include "cpu/conv.h"
#include "cpu/conv_block.h"
#include "cpu/conv_pixels.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {
namespace {

constexpr int kPlaces = 16;                 // of a transformed tile
constexpr int64_t kLinesTogether = 8;       // of tiles that are transformed at once
constexpr int64_t kTileElements = 1 << 20;  // of transformed tiles that are multiplied at once
constexpr int64_t kRowsTogether = 64;       // of a task of the product

int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

struct Problem {
  int64_t images, inputs, outputs;                          // the last two are channels
  int64_t height, width, out_height, out_width, top, left;  // zeros before the input
  const float *input, *grad;
  int64_t down() const { return (out_height + 1) / 2; }
  int64_t across() const { return (out_width + 1) / 2; }
  int64_t lines() const { return images * down(); }
};

// Transformed tiles of one side: `width` channels side by side, then tiles, then channels, places.
struct Tiles {
  float* data;
  int64_t channels, tiles;  // channels are whole vectors
  int64_t panel;            // the most channels side by side
  float* at(int64_t place, int64_t channel) const {
    return data + (place * channels + channel) * tiles;
  }
  int64_t width(int64_t channel) const { return std::min(panel, channels - channel); }
};

// (a, b, c, d) -> a - c, b + c, c - b, d - b.
template <class F>
void transform_line(Lanes a, Lanes b, Lanes c, Lanes d, F&& put) {
  put(0, a - c), put(1, b + c), put(2, c - b), put(3, d - b);
}

// (a, b) -> a, a + b, a - b, b.
template <class F>
void transform_line(Lanes a, Lanes b, F&& put) {
  put(0, a), put(1, a + b), put(2, a - b), put(3, b);
}

// Tiles of `side` rows and columns, two pixels apart, out of `pixels`, whose lines are `columns`
// long. Writes a vector of each place, `place` elements apart, for every tile, `step` apart.
template <int side>
void transform_tiles(const float* pixels, int64_t columns, int64_t count, float* to, int64_t step,
                     int64_t place) {
  for (int64_t t = 0; t < count; ++t, pixels += 2 * kWide, to += step) {
    Lanes half[4][side];
    for (int x = 0; x < side; ++x) {
      auto pixel = [&](int y) { return load(pixels + (y * columns + x) * kWide); };
      auto put = [&](int i, Lanes v) { half[i][x] = v; };
      if constexpr (side == 4) {
        transform_line(pixel(0), pixel(1), pixel(2), pixel(3), put);
      } else {
        transform_line(pixel(0), pixel(1), put);
      }
    }
    for (int y = 0; y < 4; ++y) {
      const Lanes* h = half[y];
      auto put = [&](int i, Lanes v) { store(to + (4 * y + i) * place, v); };
      if constexpr (side == 4) {
        transform_line(h[0], h[1], h[2], h[3], put);
      } else {
        transform_line(h[0], h[1], put);
      }
    }
  }
}

// Lines [begin, end) of tiles, the first of the block being `first`, of channels from `channel` on.
template <int side>
void transform_lines(const Problem& p, int64_t first, int64_t begin, int64_t end, int64_t channel,
                     const Tiles& to) {
  constexpr bool of_input = side == 4;
  const int64_t channels = of_input ? p.inputs : p.outputs,
                height = of_input ? p.height : p.out_height,
                width = of_input ? p.width : p.out_width, columns = 2 * p.across() + side - 2,
                panel = channel / to.panel * to.panel, step = to.width(panel);
  Scratch<float> pixels((2 * kLinesTogether + 2) * columns * kWide);
  for (int64_t line = begin; line < end;) {
    const int64_t image = line / p.down(), y = line % p.down(),
                  count = std::min({end - line, p.down() - y, kLinesTogether});
    const float* planes =
        (of_input ? p.input : p.grad) + (image * channels + channel) * height * width;
    load_pixels(
        planes, std::min<int64_t>(kWide, channels - channel), height, width,
        {2 * y - (of_input ? p.top : 0), 2 * count + side - 2, of_input ? -p.left : 0, columns},
        pixels);
    for (int64_t i = 0; i < count; ++i)
      transform_tiles<side>(
          pixels + 2 * i * columns * kWide, columns, p.across(),
          to.at(0, panel) + (line + i - first) * p.across() * step + (channel - panel), step,
          to.channels * to.tiles);
    line += count;
  }
}

// sums[row][column] = or += over the tiles of grads[tile][row] * inputs[tile][column] at one place,
// for rows [begin, end).
void multiply(const Tiles& grads, const Tiles& inputs, int64_t place, int64_t begin, int64_t end,
              int64_t tiles, bool add, float* sums) {
  for (int64_t column = 0; column < inputs.channels; column += inputs.panel) {
    const float* x = inputs.at(place, column);
    for (int64_t row = begin; row < end; row += kBlockRows) {
      const int64_t panel = row / kWide * kWide;
      const Matrix<const float> dy{grads.at(place, panel) + (row - panel), 1, kWide};
      with_vectors(inputs.width(column) / kWide, [&]<int n>() {
        Sums<n> sum;
        multiply_block<n>(dy, 0, kBlockRows, tiles, x, sum);
        for (int i = 0; i < kBlockRows; ++i) {
          float* to = sums + (row + i) * inputs.channels + column;
          for (int v = 0; v < n; ++v)
            store(to + v * kWide, add ? load(to + v * kWide) + sum[i][v] : sum[i][v]);
        }
      });
    }
  }
}

// (a, b, c, d) -> a + (b + c) / 2, (b - c) / 2, (b + c) / 2 + d.
void finish_line(const Lanes* v, int step, Lanes* to) {
  const Lanes sum = (v[step] + v[2 * step]) * 0.5f, difference = (v[step] - v[2 * step]) * 0.5f;
  to[0] = v[0] + sum, to[1] = difference, to[2] = sum + v[3 * step];
}

// One row of the weight's gradient out of the sums at each place, which are `place` apart; whether
// all of it is finite.
bool finish_row(const float* sums, int64_t place, int64_t inputs, float* to) {
  Lanes check{};
  for (int64_t first = 0; first < inputs; first += kWide) {
    Lanes whole[kPlaces], half[3][4], taps[9];
    for (int i = 0; i < kPlaces; ++i) whole[i] = load(sums + i * place + first);
    for (int x = 0; x < 4; ++x) {
      Lanes column[3];
      finish_line(whole + x, 4, column);
      for (int y = 0; y < 3; ++y) half[y][x] = column[y];
    }
    for (int y = 0; y < 3; ++y) finish_line(half[y], 1, taps + 3 * y);
    for (const Lanes& tap : taps) check += tap - tap;
    const int64_t count = std::min<int64_t>(kWide, inputs - first);
    for (int64_t c = 0; c < count; ++c)
      for (int i = 0; i < 9; ++i) to[(first + c) * 9 + i] = taps[i][c];
  }
  for (int i = 0; i < kWide; ++i)
    if (check[i] != 0) return false;
  return true;
}

bool run(const Problem& p, float* out) {
  const int64_t inputs = round_up(p.inputs, kWide), outputs = round_up(p.outputs, kWide),
                lines_together = std::max<int64_t>(
                    1, std::min(p.lines(),
                                kTileElements / (kPlaces * (inputs + outputs)) / p.across())),
                tiles = lines_together * p.across();
  Scratch<float> room(kPlaces * (inputs + outputs) * tiles), sums(kPlaces * outputs * inputs);
  const Tiles xs{room, inputs, tiles, kBlockColumns},
      dys{room + kPlaces * inputs * tiles, outputs, tiles, kWide};
  const int64_t x_groups = inputs / kWide, groups = x_groups + outputs / kWide,
                chunks = (lines_together + kLinesTogether - 1) / kLinesTogether;
  for (int64_t first = 0; first < p.lines(); first += lines_together) {
    const int64_t end = std::min(first + lines_together, p.lines());
    parallel_for(0, groups * chunks, 1, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        const int64_t group = i / chunks, line = first + i % chunks * kLinesTogether,
                      last = std::min(line + kLinesTogether, end);
        if (group < x_groups) {
          transform_lines<4>(p, first, line, last, group * kWide, xs);
        } else {
          transform_lines<2>(p, first, line, last, (group - x_groups) * kWide, dys);
        }
      }
    });
    const int64_t parts = (outputs + kRowsTogether - 1) / kRowsTogether;
    parallel_for(0, kPlaces * parts, 1, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        const int64_t place = i / parts, row = i % parts * kRowsTogether;
        multiply(dys, xs, place, row, std::min(row + kRowsTogether, outputs),
                 (end - first) * p.across(), first > 0, sums + place * outputs * inputs);
      }
    });
  }
  std::atomic<bool> finite = true;
  parallel_for(0, p.outputs, std::max<int64_t>(1, (1 << 12) / inputs),
               [&](int64_t from, int64_t to) {
                 for (int64_t row = from; row < to; ++row)
                   if (!finish_row(sums + row * inputs, outputs * inputs, p.inputs,
                                   out + row * p.inputs * 9))
                     finite = false;
               });
  return finite;
}

bool fits(const Geometry& g) {
  constexpr int64_t kFewChannels = 16, kMostWeights = 1 << 19, kFewTiles = 48;
  if (g.dtype != DType::Float32 || g.channels_last || g.spatial() != 2 || g.groups != 1)
    return false;
  for (size_t d = 0; d < 2; ++d)
    if (g.kernel[d] != 3 || g.stride[d] != 1 || g.dilation[d] != 1 || g.padding[d] > 2)
      return false;
  return std::min(g.in_channels, g.out_channels) >= kFewChannels &&
         g.in_channels * g.out_channels <= kMostWeights &&
         g.batch * ((g.out[0] + 1) / 2) * ((g.out[1] + 1) / 2) >= kFewTiles;
}

}  // namespace

bool winograd_weight_grad(const Geometry& g, const Operand& out, const Operand& input,
                          const Operand& grad) {
  if (!fits(g)) return false;
  return run(
      {g.batch, g.in_channels, g.out_channels, g.in[0], g.in[1], g.out[0], g.out[1], g.padding[0],
       g.padding[1], static_cast<const float*>(input.data), static_cast<const float*>(grad.data)},
      static_cast<float*>(out.data));
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
