// Convolutions of contiguous float32 planes by 3x3 kernels at stride 1, after Winograd (Lavin and
// Gray 2016, F(2x2, 3x3)): tiles of 2x2 outputs take 16 multiplications per channel in place of 36.
// The transforms are additions in the registers, in AVX-512; other machines leave it to oneDNN.
#include <atomic>

#include "core/interrupt.h"
#include "cpu/conv.h"
#include "cpu/conv_block.h"
#include "cpu/conv_columns.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {
#ifdef __AVX512F__
namespace {

constexpr int kPlaces = 16;  // of a transformed tile
using V = Vector<float>;

// Sizes as seen from the side that is computed: `rows` are its channels, `depth` the other side's.
struct Problem {
  int64_t images, rows, depth;
  int64_t height, width, out_height, out_width, top,
      left;  // the last two are zeros before the input
  const float *input, *weight;
  int64_t weight_row, weight_depth, weight_y, weight_x;  // steps
  float* out;
  int64_t tiles_down() const { return (out_height + 1) / 2; }
  int64_t tiles_across() const { return (out_width + 1) / 2; }
  int64_t tiles() const { return images * tiles_down() * tiles_across(); }
};

// Tiles of one line that are worked on together.
struct Run {
  int64_t image, y, x, count, at;  // `at` is the first one's place in its block
};

// Calls f(run) for tiles [begin, end).
template <class F>
void each_run(const Problem& p, int64_t begin, int64_t end, F&& f) {
  const int64_t across = p.tiles_across(), down = p.tiles_down();
  for (int64_t t = begin; t < end;) {
    const int64_t x = t % across, line = t / across;
    const int64_t count = std::min({end - t, across - x, int64_t{kColumns}});
    f(Run{line / down, line % down, x, count, t - begin});
    t += count;
  }
}

// --- weights -------------------------------------------------------------------------------------

// (a, b, c) -> a, (a + b + c) / 2, (a - b + c) / 2, c.
void transform_kernel_line(V a, V b, V c, V* to, int step) {
  to[0] = a;
  to[step] = 0.5f * (a + b + c);
  to[2 * step] = 0.5f * (a - b + c);
  to[3 * step] = c;
}

// to[place][row][depth]
void transform_weights(const Problem& p, float* to) {
  const int64_t plane = p.rows * p.depth;
  parallel_for(
      0, p.rows, std::max<int64_t>(1, (1 << 13) / p.depth), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          for (int64_t first = 0; first < p.depth; first += kWidth) {
            const int64_t count = std::min<int64_t>(kWidth, p.depth - first);
            const float* from = p.weight + row * p.weight_row + first * p.weight_depth;
            alignas(64) float taps[9][kWidth] = {};
            for (int64_t i = 0; i < count; ++i)
              for (int y = 0; y < 3; ++y)
                for (int x = 0; x < 3; ++x)
                  taps[3 * y + x][i] = from[i * p.weight_depth + y * p.weight_y + x * p.weight_x];
            V half[4][3], whole[kPlaces];
            for (int x = 0; x < 3; ++x)
              transform_kernel_line(load(taps[x]), load(taps[3 + x]), load(taps[6 + x]),
                                    &half[0][x], 3);
            for (int y = 0; y < 4; ++y)
              transform_kernel_line(half[y][0], half[y][1], half[y][2], whole + 4 * y, 1);
            for (int i = 0; i < kPlaces; ++i)
              _mm512_mask_storeu_ps(to + i * plane + row * p.depth + first, lanes(0, count),
                                    whole[i]);
          }
        }
      });
}

// --- tiles ---------------------------------------------------------------------------------------

// to[place][depth][column] for the run's tiles and channels [begin, end).
void transform_inputs(const Problem& p, const Run& r, int64_t begin, int64_t end, int64_t columns,
                      float* to) {
  const Columns<4, 2> column(2 * r.x - p.left, p.width);
  const __mmask16 kept = lanes(0, r.count);
  const int64_t top = 2 * r.y - p.top, plane = p.height * p.width, place = p.depth * columns;
  for (int64_t c = begin; c < end; ++c) {
    const float* image = p.input + (r.image * p.depth + c) * plane;
    V d[4][4];
    for (int y = 0; y < 4; ++y) {
      const bool inside = top + y >= 0 && top + y < p.height;
      for (int x = 0; x < 4; ++x)
        d[y][x] = inside ? V(column.load(image + (top + y) * p.width, x)) : V{};
    }
    V half[4][4];
    for (int x = 0; x < 4; ++x) {
      half[0][x] = d[0][x] - d[2][x];
      half[1][x] = d[1][x] + d[2][x];
      half[2][x] = d[2][x] - d[1][x];
      half[3][x] = d[1][x] - d[3][x];
    }
    float* target = to + c * columns + r.at;
    for (int y = 0; y < 4; ++y) {
      const V* h = half[y];
      const V whole[4] = {h[0] - h[2], h[1] + h[2], h[2] - h[1], h[1] - h[3]};
      for (int x = 0; x < 4; ++x)
        _mm512_mask_storeu_ps(target + (4 * y + x) * place, kept, whole[x]);
    }
  }
}

// Two lines of outputs of one row of the block. `sums` has a vector of each place, `step` apart.
// Adds zeros to `check`, or NaN where an output is not finite.
void transform_outputs(const Problem& p, const Run& r, const float* sums, int64_t step,
                       const Finish& finish, int64_t row, V& check) {
  V half[2][4];
  for (int x = 0; x < 4; ++x) {
    const V m0 = load(sums + x * step), m1 = load(sums + (4 + x) * step),
            m2 = load(sums + (8 + x) * step), m3 = load(sums + (12 + x) * step);
    half[0][x] = m0 + m1 + m2;
    half[1][x] = m1 - m2 - m3;
  }
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
                high =
                    _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const int64_t width = std::min(2 * r.count, p.out_width - 2 * r.x);
  const __mmask16 first = lanes(0, width), second = lanes(0, width - kColumns);
  float* to = p.out + ((r.image * p.rows + row) * p.out_height + 2 * r.y) * p.out_width + 2 * r.x;
  for (int64_t y = 0; y < std::min<int64_t>(2, p.out_height - 2 * r.y); ++y, to += p.out_width) {
    const V* h = half[y];
    const V even = finish(h[0] + h[1] + h[2], row), odd = finish(h[1] - h[2] - h[3], row);
    const __m512 left = _mm512_permutex2var_ps(even, low, odd),
                 right = _mm512_permutex2var_ps(even, high, odd);
    check += V(_mm512_maskz_sub_ps(first, left, left));
    check += V(_mm512_maskz_sub_ps(second, right, right));
    _mm512_mask_storeu_ps(to, first, left);
    _mm512_mask_storeu_ps(to + kColumns, second, right);
  }
}

// Tiles [begin, end).
struct Block {
  Block(const Problem& p, int64_t index)
      : begin(index * kBlockColumns),
        end(std::min(begin + kBlockColumns, p.tiles())),
        vectors((end - begin + kWidth - 1) / kWidth) {}
  int64_t begin, end, vectors;
  int64_t columns() const { return vectors * kWidth; }
};

void transform_inputs(const Problem& p, const Block& b, int64_t begin, int64_t end, float* to) {
  each_run(p, b.begin, b.end,
           [&](const Run& r) { transform_inputs(p, r, begin, end, b.columns(), to); });
}

// Rows [begin, end) of the block, the first a multiple of kBlockRows; whether all are finite.
bool run_rows(const Problem& p, const Block& b, int64_t begin, int64_t end, const float* weights,
              const float* inputs, const Finish& finish) {
  constexpr int64_t kStep = kBlockRows * kBlockColumns;
  alignas(64) float sums[kPlaces * kStep + kWidth];
  V check = {};
  for (int64_t row = begin; row < end; row += kBlockRows) {
    with_vectors(b.vectors, [&]<int n>() {
      for (int i = 0; i < kPlaces; ++i) {
        Sums<n> sum;
        multiply_block<n>({weights + i * p.rows * p.depth, p.depth, 1}, row, p.rows, p.depth,
                          inputs + i * p.depth * b.columns(), sum);
        for (int k = 0; k < kBlockRows; ++k)
          for (int v = 0; v < n; ++v)
            store(sums + i * kStep + k * kBlockColumns + v * kWidth, sum[k][v]);
      }
    });
    each_run(p, b.begin, b.end, [&](const Run& r) {
      for (int64_t k = 0; k < std::min<int64_t>(kBlockRows, end - row); ++k)
        transform_outputs(p, r, sums + k * kBlockColumns + r.at, kStep, finish, row + k, check);
    });
  }
  for (int i = 0; i < kWidth; ++i)
    if (check[i] != 0) return false;
  return true;
}

// Transforming the weights must pay, and neither they nor a block's transformed inputs may become
// too large.
constexpr int64_t kFewChannels = 16, kManyChannels = 512;
int64_t few_tiles(const Problem& p) { return std::max<int64_t>(48, p.rows / 6); }
constexpr int64_t kTasks = 8;  // that are enough for balance

bool run(const Problem& p, const Finish& finish) {
  if (p.tiles() < few_tiles(p) || std::min(p.rows, p.depth) < kFewChannels ||
      p.depth > kManyChannels || p.rows > 4 * kManyChannels)
    return false;
  Scratch<float> weights(kPlaces * p.rows * p.depth);
  transform_weights(p, weights);
  std::atomic<bool> finite = true;
  const int64_t blocks = (p.tiles() + kBlockColumns - 1) / kBlockColumns,
                parts = (kTasks + blocks - 1) / blocks, size = kPlaces * p.depth * kBlockColumns,
                strips = (p.rows + kBlockRows - 1) / kBlockRows;
  if (parts == 1) {
    parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
      Scratch<float> inputs(size);
      InterruptCheck<8> interrupted;
      for (int64_t i = begin; i < end; ++i) {
        interrupted.step();
        const Block block(p, i);
        transform_inputs(p, block, 0, p.depth, inputs);
        if (!run_rows(p, block, 0, p.rows, weights, inputs, finish)) finite = false;
      }
    });
    return finite;
  }
  // Few blocks: their rows are shared out.
  Scratch<float> inputs(blocks * size);
  parallel_for(0, blocks * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i % parts;
      transform_inputs(p, Block(p, i / parts), p.depth * part / parts, p.depth * (part + 1) / parts,
                       inputs + i / parts * size);
    }
  });
  parallel_for(0, blocks * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i % parts, first = strips * part / parts * kBlockRows,
                    last = std::min(strips * (part + 1) / parts * kBlockRows, p.rows);
      if (!run_rows(p, Block(p, i / parts), first, last, weights, inputs + i / parts * size,
                    finish))
        finite = false;
    }
  });
  return finite;
}

bool fits(const Geometry& g) {
  if (g.dtype != DType::Float32 || g.channels_last || g.spatial() != 2 || g.groups != 1)
    return false;
  for (size_t d = 0; d < 2; ++d)
    if (g.kernel[d] != 3 || g.stride[d] != 1 || g.dilation[d] != 1 || g.padding[d] > 2)
      return false;
  return true;
}

}  // namespace

bool winograd_forward(const Geometry& g, const Operand& out, const Operand& input,
                      const Operand& weight, const Finish& finish) {
  if (!fits(g)) return false;
  const Dims& s = weight.strides;
  return run(
      {g.batch, g.out_channels, g.in_channels, g.in[0], g.in[1], g.out[0], g.out[1], g.padding[0],
       g.padding[1], static_cast<const float*>(input.data), static_cast<const float*>(weight.data),
       s[0], s[1], s[2], s[3], static_cast<float*>(out.data)},
      finish);
}

bool winograd_input_grad(const Geometry& g, const Operand& out, const Operand& grad,
                         const Operand& weight, const Finish& finish) {
  if (!fits(g)) return false;
  const Dims& s = weight.strides;  // the kernel is turned round
  return run({g.batch, g.in_channels, g.out_channels, g.out[0], g.out[1], g.in[0], g.in[1],
              2 - g.padding[0], 2 - g.padding[1], static_cast<const float*>(grad.data),
              static_cast<const float*>(weight.data) + 2 * s[2] + 2 * s[3], s[1], s[0], -s[2],
              -s[3], static_cast<float*>(out.data)},
             finish);
}
#else
bool winograd_forward(const Geometry&, const Operand&, const Operand&, const Operand&,
                      const Finish&) {
  return false;
}
bool winograd_input_grad(const Geometry&, const Operand&, const Operand&, const Operand&,
                         const Finish&) {
  return false;
}
#endif
}  // namespace fb::inline FB_CPU_NAMESPACE::conv
