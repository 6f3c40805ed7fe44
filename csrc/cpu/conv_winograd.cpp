// Convolutions of contiguous float32 planes by 3x3 kernels at strides 1 and 2, and their gradients
// towards the input, with Winograd's tiles.
#include <atomic>

#include "core/interrupt.h"
#include "cpu/conv.h"
#include "cpu/conv_block.h"
#include "cpu/conv_tiles.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {
namespace {

// 3x3 kernels: `row` leads to the next channel that is computed, `depth` to the next one of the
// pictures.
struct Kernels {
  const float* data;
  int64_t rows, depth;
  int64_t row_step, depth_step, y_step, x_step;
};

// What is computed.
struct Result {
  float* data;
  int64_t height, width;
};

// The taps of kernels [row, row + count) for one channel of the pictures.
void load_taps(const Kernels& k, int64_t row, int64_t depth, int64_t count, Lanes* taps) {
  const float* from = k.data + row * k.row_step + depth * k.depth_step;
  if constexpr (kWide > 9) {
    const bool forth = k.x_step == 1 && k.y_step == 3, back = k.x_step == -1 && k.y_step == -3;
    if (forth || back) {
      Lanes rows[kWide] = {};
      for (int64_t i = 0; i < count; ++i)
        rows[i] = load_some(from + i * k.row_step - (back ? 8 : 0), 9);
      transpose<float>(rows);
      for (int i = 0; i < 9; ++i) taps[i] = rows[back ? 8 - i : i];
      return;
    }
  }
  alignas(64) float numbers[9][kWide] = {};
  for (int64_t i = 0; i < count; ++i)
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 3; ++x)
        numbers[3 * y + x][i] = from[i * k.row_step + y * k.y_step + x * k.x_step];
  for (int i = 0; i < 9; ++i) taps[i] = load(numbers[i]);
}

template <class Line>
void transform_kernels(const Kernels& k, const Places& to) {
  const int64_t groups = to.channels / kWide;
  parallel_for(0, groups * k.depth, (1 << 13) / kWide, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / k.depth * kWide, depth = i % k.depth;
      Lanes taps[9];
      load_taps(k, row, depth, std::min<int64_t>(kWide, k.rows - row), taps);
      float* target = to.at(depth, row);
      transform<3, Line::places, Line::kernel>(
          [&](int y, int x) { return taps[3 * y + x]; },
          [&](int y, int x, Lanes v) {
            store(target + (y * Line::places + x) * to.place_step(), v);
          });
    }
  });
}

// sums[place][tile][row] for `count` tiles from `tile` on, and the panel of rows from `row` on.
void multiply(const Places& tiles, const Places& kernels, int64_t places, int64_t depth,
              int64_t tile, int64_t count, int64_t row, float* sums) {
  const int64_t width = kernels.width(row);
  for (int64_t place = 0; place < places; ++place) {
    const float* x = tiles.at(tile, 0) + place * tiles.place_step();
    const float* w = kernels.at(0, row) + place * kernels.place_step();
    for (int64_t t = 0; t < count; t += kBlockRows) {
      float* to = sums + (place * count + t) * width;
      with_vectors(width / kWide, [&]<int n>() {
        Sums<n> sum;
        multiply_block<n>({x, tiles.channels, 1}, t, count, depth, w, sum);
        for (int i = 0; i < std::min<int64_t>(kBlockRows, count - t); ++i)
          for (int v = 0; v < n; ++v) store(to + i * width + v * kWide, sum[i][v]);
      });
    }
  }
}

// Lines [begin, end) of tiles of the result, for kWide rows from `row` on, out of their sums, which
// are `step` apart. Adds zeros to `check`, or NaN where an output is not finite.
template <class Line>
void finish_lines(const Pictures& p, const Result& r, int64_t rows, int64_t begin, int64_t end,
                  int64_t row, const float* sums, int64_t step, const Finish& finish,
                  Lanes& check) {
  constexpr int64_t kPixels = 1024;
  constexpr int outputs = Line::outputs, places = Line::places;
  const int64_t columns = p.across * outputs, place_step = (end - begin) * p.across * step,
                most = std::max<int64_t>(1, kPixels / (outputs * columns));
  Scratch<float> pixels(most * outputs * columns * kWide);
  each_image(begin, end, p.down, most, [&](int64_t image, int64_t y, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      float* to = pixels + i * outputs * columns * kWide;
      for (int64_t x = 0; x < p.across; ++x, to += outputs * kWide, sums += step)
        transform<places, outputs, Line::output>(
            [&](int a, int b) { return load(sums + (a * places + b) * place_step); },
            [&](int a, int b, Lanes v) {
              const Lanes whole = finish.across(v, row);
              check += whole - whole;
              store(to + (a * columns + b) * kWide, whole);
            });
    }
    store_pixels({r.data + (image * rows + row) * r.height * r.width,
                  std::min<int64_t>(kWide, rows - row), r.height, r.width},
                 {y * outputs, count * outputs, 0, columns}, pixels);
  });
}

// One call for all: a block of pictures, and the kernels they are multiplied with.
template <class Line>
class Convolution {
 public:
  Convolution(const Pictures& p, const Kernels& k, const Result& r, const Finish& finish)
      : p_(p),
        k_(k),
        r_(r),
        finish_(finish),
        depth_(round_up(k.depth, kWide)),
        chunk_(std::max<int64_t>(1, kTilesTogether / p.across)),
        kernels_{nullptr, round_up(k.rows, kWide), k.depth, panel_of(round_up(k.rows, kWide))},
        room_(kPlaces * kernels_.place_step()) {
    kernels_.data = room_;
    transform_kernels<Line>(k, kernels_);
  }

  // Whether all of the result is finite.
  bool run() {
    const int64_t chunks = ceil_div(p_.lines(), chunk_);
    if (chunks >= kTasks && kPlaces * depth_ * chunk_ * p_.across <= kCachedElements) {
      run_chunks(chunks);
      return finite_;
    }
    const int64_t together =
        std::clamp<int64_t>(kTileElements / (kPlaces * depth_ * p_.across), 1, p_.lines());
    for (int64_t begin = 0; begin < p_.lines(); begin += together)
      run_shared(begin, std::min(begin + together, p_.lines()));
    return finite_;
  }

 private:
  static constexpr int64_t kPlaces = Line::places * Line::places;
  static constexpr int64_t kTasks = 8;                 // that are enough for balance
  static constexpr int64_t kTilesTogether = 48;        // of a task
  static constexpr int64_t kCachedElements = 1 << 17;  // that fit the second-level cache
  static constexpr int64_t kTileElements = 1 << 20;    // of tiles that tasks share

  static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

  Places tiles(int64_t lines) const { return {nullptr, depth_, lines * p_.across, depth_}; }

  void transform_inputs(const Places& to, int64_t origin, int64_t begin, int64_t end,
                        int64_t group) const {
    transform_lines<Line::window, Line::step, Line::places, Line::input>(p_, origin, begin, end,
                                                                         group * kWide, to);
  }

  // The panel of rows from `row` on.
  void compute(const Places& tiles, int64_t origin, int64_t begin, int64_t end, int64_t row,
               float* sums) {
    Lanes check{};
    const int64_t width = kernels_.width(row);
    multiply(tiles, kernels_, kPlaces, k_.depth, (begin - origin) * p_.across,
             (end - begin) * p_.across, row, sums);
    for (int64_t lane = 0; lane < width; lane += kWide)
      finish_lines<Line>(p_, r_, k_.rows, begin, end, row + lane, sums + lane, width, finish_,
                         check);
    for (int i = 0; i < kWide; ++i)
      if (check[i] != 0) finite_ = false;
  }

  int64_t sum_count() const { return kPlaces * chunk_ * p_.across * kernels_.panel; }

  // Each task transforms its own tiles.
  void run_chunks(int64_t chunks) {
    parallel_for(0, chunks, 1, [&](int64_t from, int64_t to) {
      Places part = tiles(chunk_);
      Scratch<float> room(kPlaces * part.place_step()), sums(sum_count());
      part.data = room;
      InterruptCheck<8> interrupted;
      for (int64_t i = from; i < to; ++i) {
        interrupted.step();
        const int64_t begin = i * chunk_, end = std::min(begin + chunk_, p_.lines());
        for (int64_t g = 0; g < depth_ / kWide; ++g) transform_inputs(part, begin, begin, end, g);
        for (int64_t row = 0; row < kernels_.channels; row += kernels_.panel)
          compute(part, begin, begin, end, row, sums);
      }
    });
  }

  // Lines [begin, end): their tiles are transformed first, and then multiplied.
  void run_shared(int64_t begin, int64_t end) {
    const int64_t lines = end - begin, groups = depth_ / kWide,
                  parts = std::min(lines, ceil_div(2 * kTasks, groups));
    Places all = tiles(lines);
    Scratch<float> room(kPlaces * all.place_step());
    all.data = room;
    parallel_for(0, groups * parts, 1, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        const int64_t part = i % parts;
        transform_inputs(all, begin, begin + lines * part / parts,
                         begin + lines * (part + 1) / parts, i / parts);
      }
    });
    const int64_t panels = ceil_div(kernels_.channels, kernels_.panel);
    parallel_for(0, ceil_div(lines, chunk_) * panels, 1, [&](int64_t from, int64_t to) {
      Scratch<float> sums(sum_count());
      for (int64_t i = from; i < to; ++i) {
        const int64_t line = begin + i / panels * chunk_;
        compute(all, begin, line, std::min(line + chunk_, end), i % panels * kernels_.panel, sums);
      }
    });
  }

  const Pictures& p_;
  const Kernels& k_;
  const Result& r_;
  const Finish& finish_;
  const int64_t depth_, chunk_;  // lines of tiles in a task
  Places kernels_;
  Scratch<float> room_;
  std::atomic<bool> finite_ = true;
};

template <class Line>
bool run(const Pictures& p, const Kernels& k, const Result& r, const Finish& finish) {
  return Convolution<Line>(p, k, r, finish).run();
}

// Transforming the kernels must pay, and neither they nor the tiles may become too large.
bool pays(const Pictures& p, const Kernels& k) {
  constexpr int64_t kFewChannels = 16, kManyChannels = 512, kFewTiles = 48;
  return p.tiles() >= kFewTiles && std::min(k.rows, k.depth) >= kFewChannels &&
         k.depth <= kManyChannels && k.rows <= 4 * kManyChannels;
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

bool has_tiles(const Geometry& g) {
  if (g.dtype != DType::Float32 || g.channels_last || g.spatial() != 2 || g.groups != 1)
    return false;
  for (size_t d = 0; d < 2; ++d)
    if (g.kernel[d] != 3 || g.stride[d] > 2 || g.dilation[d] != 1 || g.padding[d] > 2) return false;
  return g.stride[0] == g.stride[1];
}

bool winograd_forward(const Geometry& g, const Operand& out, const Operand& input,
                      const Operand& weight, const Finish& finish) {
  if (!has_tiles(g)) return false;
  const Dims& s = weight.strides;
  const Pictures p{static_cast<const float*>(input.data),
                   g.batch,
                   g.in_channels,
                   g.in[0],
                   g.in[1],
                   g.padding[0],
                   g.padding[1],
                   ceil_div(g.out[0], 2),
                   ceil_div(g.out[1], 2)};
  const Kernels k{static_cast<const float*>(weight.data),
                  g.out_channels,
                  g.in_channels,
                  s[0],
                  s[1],
                  s[2],
                  s[3]};
  const Result r{static_cast<float*>(out.data), g.out[0], g.out[1]};
  if (!pays(p, k)) return false;
  return g.stride[0] == 1 ? run<Tile2>(p, k, r, finish) : run<Strided>(p, k, r, finish);
}

bool winograd_input_grad(const Geometry& g, const Operand& out, const Operand& grad,
                         const Operand& weight, const Finish& finish) {
  if (!has_tiles(g)) return false;
  const bool turned = g.stride[0] == 1;  // the kernel, by half a circle
  const Dims& s = weight.strides;
  auto* data = static_cast<const float*>(weight.data);
  const Kernels k{turned ? data + 2 * s[2] + 2 * s[3] : data,
                  g.in_channels,
                  g.out_channels,
                  s[1],
                  s[0],
                  turned ? -s[2] : s[2],
                  turned ? -s[3] : s[3]};
  Pictures p{static_cast<const float*>(grad.data), g.batch, g.out_channels, g.out[0], g.out[1]};
  const Result r{static_cast<float*>(out.data), g.in[0], g.in[1]};
  if (turned) {
    p.top = 2 - g.padding[0], p.left = 2 - g.padding[1];
    p.down = ceil_div(g.in[0], 2), p.across = ceil_div(g.in[1], 2);
    return pays(p, k) && run<Tile2>(p, k, r, finish);
  }
  p.down = ceil_div(g.in[0], 4), p.across = ceil_div(g.in[1], 4);
  return g.padding[0] == 1 && g.padding[1] == 1 && pays(p, k) && run<StridedGrad>(p, k, r, finish);
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
