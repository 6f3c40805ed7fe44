// Convolutions of contiguous float32 tensors as matrix products whose columns are pixels: those
// with a kernel of one element, and small ones, for which oneDNN's copies would take longer than
// the product.
#include <algorithm>

#include "core/interrupt.h"
#include "cpu/conv.h"
#include "cpu/conv_block.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {
namespace {

constexpr int64_t kTasks = 8;  // that are enough for balance
constexpr double kTaskFlops = 2e6;
constexpr int64_t kCopyElements = 1 << 14;  // of a task that copies

// out = finish(a @ x) for every image, where a is rows x depth and x is depth x columns.
struct Product {
  int64_t images, rows, columns;
  int64_t channels, taps;  // depth = channels * taps
  Matrix<const float> a;
  float* out;
  int64_t depth() const { return channels * taps; }
  int64_t tiles() const { return (columns + kBlockColumns - 1) / kBlockColumns; }
};

// Columns of one image that are computed together.
struct Tile {
  Tile(const Product& p, int64_t index)
      : image(index / p.tiles()),
        first(index % p.tiles() * kBlockColumns),
        count(std::min(kBlockColumns, p.columns - first)),
        vectors((count + kWidth - 1) / kWidth),
        width(vectors * kWidth) {}
  int64_t image, first, count, vectors, width;
};

// Rows [row, row + kBlockRows) of a @ x.
template <int vectors>
void multiply_rows(const Product& p, const Tile& t, int64_t row, const float* x,
                   const Finish& finish) {
  Sums<vectors> sum;
  multiply_block<vectors>(p.a, row, p.rows, p.depth(), x, sum);
#pragma GCC unroll 8
  for (int i = 0; i < kBlockRows; ++i) {
    if (row + i >= p.rows) break;
    float* to = p.out + (t.image * p.rows + row + i) * p.columns + t.first;
    for (int v = 0; v < vectors; ++v) {
      const Vector<float> y = finish(sum[i][v], row + i);
      if (t.count >= (v + 1) * kWidth) {
        store(to + v * kWidth, y);
      } else {
        std::memcpy(to + v * kWidth, &y, static_cast<size_t>(t.count - v * kWidth) * sizeof(float));
      }
    }
  }
}

void multiply_strips(const Product& p, const Tile& t, int64_t begin, int64_t end, const float* x,
                     const Finish& finish) {
  with_vectors(t.vectors, [&]<int vectors>() {
    for (int64_t s = begin; s < end; ++s) multiply_rows<vectors>(p, t, s * kBlockRows, x, finish);
  });
}

// load(tile, begin, end, to) copies the tile's columns of channels [begin, end), whose rows are
// tile.width long, to where the first channel's are to begin.
template <class Load>
void multiply(const Product& p, const Finish& finish, const Load& load) {
  const int64_t tiles = p.images * p.tiles(),
                size = std::max<int64_t>(1, p.depth()) * kBlockColumns,
                strips = (p.rows + kBlockRows - 1) / kBlockRows,
                parts = std::min(strips, (kTasks + tiles - 1) / tiles);
  const double flops = 2.0 * static_cast<double>(p.rows * size / parts);
  const int64_t grain = static_cast<int64_t>(kTaskFlops / flops) + 1;
  if (parts == 1) {
    parallel_for(0, tiles, grain, [&](int64_t begin, int64_t end) {
      Scratch<float> x(size);
      InterruptCheck<64> interrupted;
      for (int64_t i = begin; i < end; ++i) {
        interrupted.step();
        const Tile tile(p, i);
        load(tile, 0, p.channels, x.data());
        multiply_strips(p, tile, 0, strips, x, finish);
      }
    });
    return;
  }
  // Few tiles: their rows are shared out.
  Scratch<float> x(tiles * size);
  parallel_for(0, tiles * parts, kCopyElements * parts / size + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i % parts;
      load(Tile(p, i / parts), p.channels * part / parts, p.channels * (part + 1) / parts,
           x + i / parts * size);
    }
  });
  parallel_for(0, tiles * parts, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i % parts;
      multiply_strips(p, Tile(p, i / parts), strips * part / parts, strips * (part + 1) / parts,
                      x + i / parts * size, finish);
    }
  });
}

// --- kernels of one element ----------------------------------------------------------------------

void multiply_planes(const Product& p, const float* x, const Finish& finish) {
  multiply(p, finish, [&](const Tile& t, int64_t begin, int64_t end, float* to) {
    const float* from = x + (t.image * p.channels + begin) * p.columns + t.first;
    to += begin * t.width;
    for (int64_t k = begin; k < end; ++k, from += p.columns, to += t.width) {
      if (t.count == kBlockColumns) {
        for (int v = 0; v < kBlockVectors; ++v) store(to + v * kWidth, load(from + v * kWidth));
      } else {
        std::copy_n(from, t.count, to);
        std::fill(to + t.count, to + t.width, 0.f);
      }
    }
  });
}

bool is_pointwise(const Geometry& g) {
  bool plain =
      g.dtype == DType::Float32 && g.groups == 1 && !g.channels_last && g.kernel_pixels() == 1;
  for (size_t d = 0; d < g.in.size(); ++d) plain &= g.stride[d] == 1 && g.padding[d] == 0;
  return plain;
}

Product product(const Geometry& g, int64_t rows, int64_t channels, int64_t taps,
                const Operand& weight, int64_t row, int64_t col, const Operand& out) {
  return {g.batch,
          rows,
          g.out_pixels(),
          channels,
          taps,
          {static_cast<const float*>(weight.data), row, col},
          static_cast<float*>(out.data)};
}

// --- small convolutions --------------------------------------------------------------------------

// to[i] = from[i * step], a run of `count` numbers of which only those at [0, size) exist, seen
// from `first` on; zeros stand for the others.
void load_line(const float* from, int64_t first, int64_t size, int64_t step, int64_t count,
               float* to) {
  const int64_t before = first < 0 ? std::min(count, (step - 1 - first) / step) : 0,
                last = std::clamp<int64_t>((size - first + step - 1) / step, before, count);
  from += first;
  std::fill_n(to, before, 0.f);
  if (step == 1) {
    std::copy(from + before, from + last, to + before);
  } else if (step == 2) {
    for (int64_t k = before; k < last; ++k) to[k] = from[2 * k];
  } else {
    for (int64_t k = before; k < last; ++k) to[k] = from[k * step];
  }
  std::fill(to + last, to + count, 0.f);
}

// The inputs under each tap of the kernel, with zeros where there are none.
void load_taps(const Geometry& g, const float* input, const Tile& t, int64_t begin, int64_t end,
               float* to) {
  for (int64_t at = 0; at < t.count;) {  // outputs of one line at a time
    const int64_t y = (t.first + at) / g.out[1], x = (t.first + at) % g.out[1],
                  count = std::min(g.out[1] - x, t.count - at), step = g.stride[1];
    for (int64_t c = begin; c < end; ++c) {
      const float* plane = input + (t.image * g.in_channels + c) * g.in_pixels();
      float* line = to + c * g.kernel_pixels() * t.width + at;
      for (int64_t i = 0; i < g.kernel[0]; ++i) {
        const int64_t row = y * g.stride[0] - g.padding[0] + i * g.dilation[0];
        const bool inside = row >= 0 && row < g.in[0];
        for (int64_t j = 0; j < g.kernel[1]; ++j, line += t.width) {
          const int64_t first = x * step - g.padding[1] + j * g.dilation[1];
          if (inside) {
            load_line(plane + row * g.in[1], first, g.in[1], step, count, line);
          } else {
            std::fill_n(line, count, 0.f);
          }
        }
      }
    }
    at += count;
  }
  for (int64_t k = begin * g.kernel_pixels(); k < end * g.kernel_pixels(); ++k)
    std::fill(to + k * t.width + t.count, to + (k + 1) * t.width, 0.f);
}

// A kernel of one element that leaves out pixels.
bool skips_pixels(const Geometry& g) {
  return g.dtype == DType::Float32 && g.spatial() == 2 && g.groups == 1 && !g.channels_last &&
         g.kernel_pixels() == 1 && g.padding[0] == 0 && g.padding[1] == 0;
}

// The zeros around a picture must not meet an infinity.
bool is_finite(const Operand& weight, int64_t count) {
  float sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += 0 * static_cast<const float*>(weight.data)[i];
  return sum == 0;
}

// Few pixels for the size of the weight, or few products per pixel.
bool is_small(const Geometry& g, const Operand& weight) {
  constexpr int64_t kFewPixels = 256, kManyRows = 128, kFewProducts = 32;
  const bool dense = weight.strides[3] == 1 && weight.strides[2] == g.kernel[1] &&
                     weight.strides[1] == g.kernel_pixels();
  return g.dtype == DType::Float32 && g.groups == 1 && !g.channels_last && dense &&
         ((g.batch * g.out_pixels() <= kFewPixels && g.out_channels >= kManyRows) ||
          (g.in_channels * g.kernel_pixels() <= kFewProducts && g.out_channels >= kBlockRows &&
           is_finite(weight, g.out_channels * weight.strides[0])) ||
          skips_pixels(g));
}

// out[y * stride][x * stride] = grad[y][x], and the bias elsewhere.
void spread_planes(const Geometry& g, const float* grad, const Finish& finish, float* out) {
  const int64_t planes = g.batch * g.in_channels;
  parallel_for(0, planes, kCopyElements / g.in_pixels() + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      std::fill_n(out + i * g.in_pixels(), g.in_pixels(),
                  finish(Vector<float>{}, i % g.in_channels)[0]);
      const float* from = grad + i * g.out_pixels();
      for (int64_t y = 0; y < g.out[0]; ++y, from += g.out[1]) {
        float* to = out + i * g.in_pixels() + y * g.stride[0] * g.in[1];
        for (int64_t x = 0; x < g.out[1]; ++x) to[x * g.stride[1]] = from[x];
      }
    }
  });
}

}  // namespace

bool product_forward(const Geometry& g, const Operand& out, const Operand& input,
                     const Operand& weight, const Finish& finish) {
  const auto* x = static_cast<const float*>(input.data);
  const int64_t taps = g.kernel_pixels(), row = weight.strides[0];
  if (is_pointwise(g)) {
    multiply_planes(
        product(g, g.out_channels, g.in_channels, 1, weight, row, weight.strides[1], out), x,
        finish);
    return true;
  }
  if (g.spatial() != 2 || !is_small(g, weight)) return false;
  multiply(product(g, g.out_channels, g.in_channels, taps, weight, row, 1, out), finish,
           [&](const Tile& t, int64_t begin, int64_t end, float* to) {
             load_taps(g, x, t, begin, end, to);
           });
  return true;
}

bool product_input_grad(const Geometry& g, const Operand& out, const Operand& grad,
                        const Operand& weight, const Finish& finish) {
  const bool skips = skips_pixels(g) && !is_pointwise(g);
  if (!is_pointwise(g) && !skips) return false;
  Product p = product(g, g.in_channels, g.out_channels, 1, weight, weight.strides[1],
                      weight.strides[0], out);
  Scratch<float> room(skips ? p.images * p.rows * p.columns : 0);
  if (skips) p.out = room;
  multiply_planes(p, static_cast<const float*>(grad.data), finish);
  if (skips) spread_planes(g, room, finish, static_cast<float*>(out.data));
  return true;
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
