// Gradients of 3x3 kernels at strides 1 and 2, with Winograd's tiles: at each place the products of
// all tiles are one matrix product whose depth is the number of tiles.
#include <atomic>

#include "cpu/conv.h"
#include "cpu/conv_block.h"
#include "cpu/conv_tiles.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {
namespace {

constexpr int64_t kLinesTogether = 8;       // of tiles that are transformed at once
constexpr int64_t kTileElements = 1 << 20;  // of transformed tiles that are multiplied at once
constexpr int64_t kRowsTogether = 64;       // of a task of the product

// sums[row][column] = or += over the tiles of grads[tile][row] * inputs[tile][column] at one place,
// for rows [begin, end).
void multiply(const Places& grads, const Places& inputs, int64_t place, int64_t begin, int64_t end,
              int64_t tiles, bool add, float* sums) {
  for (int64_t column = 0; column < inputs.channels; column += inputs.panel) {
    const float* x = inputs.at(0, column) + place * inputs.place_step();
    for (int64_t row = begin; row < end; row += kBlockRows) {
      const Matrix<const float> dy{grads.at(0, row) + place * grads.place_step(), 1, kWide};
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

// One row of the weight's gradient out of the sums at each place, which are `place_step` apart;
// whether all of it is finite.
template <class Line>
bool finish_row(const float* sums, int64_t place_step, int64_t inputs, float* to) {
  Lanes check{};
  for (int64_t first = 0; first < inputs; first += kWide, sums += kWide) {
    Lanes taps[std::max(9, kWide)] = {};
    transform<Line::places, 3, Line::kernel_grad>(
        [&](int y, int x) { return load(sums + (y * Line::places + x) * place_step); },
        [&](int y, int x, Lanes v) { taps[3 * y + x] = v; });
    for (const Lanes& tap : taps) check += tap - tap;
    const int64_t count = std::min<int64_t>(kWide, inputs - first);
    if constexpr (kWide > 9) {
      transpose<float>(taps);
      for (int64_t c = 0; c < count; ++c) store_some(to + (first + c) * 9, taps[c], 9);
    } else {
      for (int64_t c = 0; c < count; ++c)
        for (int i = 0; i < 9; ++i) to[(first + c) * 9 + i] = taps[i][c];
    }
  }
  for (int i = 0; i < kWide; ++i)
    if (check[i] != 0) return false;
  return true;
}

template <class Line>
bool run(const Pictures& x, const Pictures& dy, float* out) {
  constexpr int64_t places = Line::places * Line::places;
  const int64_t inputs = round_up(x.channels, kWide), outputs = round_up(dy.channels, kWide),
                lines_together = std::clamp<int64_t>(
                    kTileElements / (places * (inputs + outputs) * x.across), 1, x.lines()),
                count = lines_together * x.across;
  Places xs{nullptr, inputs, count, panel_of(inputs)}, dys{nullptr, outputs, count, kWide};
  Scratch<float> x_room(places * xs.place_step()), dy_room(places * dys.place_step());
  xs.data = x_room, dys.data = dy_room;
  const int64_t sum_step = outputs * inputs + kWide;  // not a power of two, for the caches
  Scratch<float> sums(places * sum_step);
  const int64_t x_groups = inputs / kWide, groups = x_groups + outputs / kWide;
  for (int64_t origin = 0; origin < x.lines(); origin += lines_together) {
    const int64_t end = std::min(origin + lines_together, x.lines()),
                  chunks = (end - origin + kLinesTogether - 1) / kLinesTogether;
    parallel_for(0, groups * chunks, 1, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        const int64_t group = i / chunks, line = origin + i % chunks * kLinesTogether,
                      last = std::min(line + kLinesTogether, end);
        if (group < x_groups) {
          transform_lines<Line::window, Line::step, Line::places, Line::input>(
              x, origin, line, last, group * kWide, xs);
        } else {
          transform_lines<Line::outputs, Line::outputs, Line::places, Line::output_grad>(
              dy, origin, line, last, (group - x_groups) * kWide, dys);
        }
      }
    });
    const int64_t parts = (outputs + kRowsTogether - 1) / kRowsTogether;
    parallel_for(0, places * parts, 1, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        const int64_t place = i / parts, row = i % parts * kRowsTogether;
        multiply(dys, xs, place, row, std::min(row + kRowsTogether, outputs),
                 (end - origin) * x.across, origin > 0, sums + place * sum_step);
      }
    });
  }
  std::atomic<bool> finite = true;
  parallel_for(0, dy.channels, std::max<int64_t>(1, (1 << 12) / inputs),
               [&](int64_t from, int64_t to) {
                 for (int64_t row = from; row < to; ++row)
                   if (!finish_row<Line>(sums + row * inputs, sum_step, x.channels,
                                         out + row * x.channels * 9))
                     finite = false;
               });
  return finite;
}

}  // namespace

bool winograd_weight_grad(const Geometry& g, const Operand& out, const Operand& input,
                          const Operand& grad) {
  constexpr int64_t kFewChannels = 16, kMostWeights = 1 << 19, kFewTiles = 48;
  if (!has_tiles(g) || std::min(g.in_channels, g.out_channels) < kFewChannels ||
      g.in_channels * g.out_channels > kMostWeights)
    return false;
  Pictures dy{static_cast<const float*>(grad.data), g.batch, g.out_channels, g.out[0], g.out[1]};
  dy.down = (g.out[0] + 1) / 2, dy.across = (g.out[1] + 1) / 2;
  if (dy.tiles() < kFewTiles) return false;
  Pictures x = dy;
  x.data = static_cast<const float*>(input.data);
  x.channels = g.in_channels, x.height = g.in[0], x.width = g.in[1];
  x.top = g.padding[0], x.left = g.padding[1];
  auto* to = static_cast<float*>(out.data);
  return g.stride[0] == 1 ? run<Tile2>(x, dy, to) : run<Strided>(x, dy, to);
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
