// Convolutions with a kernel of one element, on contiguous float32: matrix products whose columns
// are pixels, computed where the tensors lie.
#include <algorithm>

#include "core/interrupt.h"
#include "cpu/conv.h"
#include "cpu/conv_block.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {
namespace {

constexpr int64_t kTasks = 8;  // that are enough for balance
constexpr double kTaskFlops = 2e6;

// Pixels of one image side by side: `depth` rows of up to kBlockColumns, zeros after them.
struct Tile {
  Tile(int64_t depth) : depth(depth), data(depth * kBlockColumns) {}
  void load(const float* from, int64_t row, int64_t columns) {
    vectors = (columns + kWidth - 1) / kWidth;
    const int64_t width = vectors * kWidth;
    float* to = data;
    for (int64_t k = 0; k < depth; ++k, from += row, to += width) {
      if (columns == kBlockColumns) {
        for (int v = 0; v < kBlockVectors; ++v)
          store(to + v * kWidth, fb::FB_CPU_NAMESPACE::load(from + v * kWidth));
      } else {
        std::copy_n(from, columns, to);
        std::fill(to + columns, to + width, 0.f);
      }
    }
  }
  int64_t depth, vectors = 0;
  Scratch<float> data;
};

// Rows [row, row + kBlockRows) of a @ tile, of which those that there are and `columns` are kept.
template <int vectors>
void multiply_rows(Matrix<const float> a, int64_t row, int64_t rows, const Tile& tile,
                   const Finish& finish, float* out, int64_t out_row, int64_t columns) {
  Sums<vectors> sum;
  multiply_block<vectors>(a, row, rows, tile.depth, tile.data, sum);
#pragma GCC unroll 8
  for (int i = 0; i < kBlockRows; ++i) {
    if (row + i >= rows) break;
    float* to = out + (row + i) * out_row;
    for (int v = 0; v < vectors; ++v) {
      const Vector<float> y = finish(sum[i][v], row + i);
      if (columns >= (v + 1) * kWidth) {
        store(to + v * kWidth, y);
      } else {
        std::memcpy(to + v * kWidth, &y, static_cast<size_t>(columns - v * kWidth) * sizeof(float));
      }
    }
  }
}

// out = finish(a @ x) for every image: a is rows x depth, x is depth x columns.
void multiply_images(int64_t images, int64_t rows, int64_t columns, Matrix<const float> a,
                     int64_t depth, const float* x, const Finish& finish, float* out) {
  const int64_t tiles = (columns + kBlockColumns - 1) / kBlockColumns;
  const int64_t strips = (rows + kBlockRows - 1) / kBlockRows;
  const int64_t parts = std::min(strips, (kTasks + images * tiles - 1) / (images * tiles));
  const double flops = 2.0 * static_cast<double>(rows * depth * kBlockColumns / parts);
  parallel_for(0, images * tiles * parts, static_cast<int64_t>(kTaskFlops / flops) + 1,
               [&](int64_t begin, int64_t end) {
                 Tile tile(depth);
                 InterruptCheck<64> interrupted;
                 for (int64_t task = begin; task < end; ++task) {
                   interrupted.step();
                   const int64_t part = task % parts, image = task / parts / tiles,
                                 first = task / parts % tiles * kBlockColumns,
                                 count = std::min(kBlockColumns, columns - first);
                   if (part == 0 || task == begin)
                     tile.load(x + image * depth * columns + first, columns, count);
                   float* to = out + image * rows * columns + first;
                   for (int64_t s = strips * part / parts; s < strips * (part + 1) / parts; ++s) {
                     with_vectors(tile.vectors, [&]<int vectors>() {
                       multiply_rows<vectors>(a, s * kBlockRows, rows, tile, finish, to, columns,
                                              count);
                     });
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

}  // namespace

bool pointwise_forward(const Geometry& g, const Operand& out, const Operand& input,
                       const Operand& weight, const Finish& finish) {
  if (!is_pointwise(g)) return false;
  multiply_images(g.batch, g.out_channels, g.out_pixels(),
                  {static_cast<const float*>(weight.data), weight.strides[0], weight.strides[1]},
                  g.in_channels, static_cast<const float*>(input.data), finish,
                  static_cast<float*>(out.data));
  return true;
}

bool pointwise_input_grad(const Geometry& g, const Operand& out, const Operand& grad,
                          const Operand& weight, const Finish& finish) {
  if (!is_pointwise(g)) return false;
  multiply_images(g.batch, g.in_channels, g.out_pixels(),
                  {static_cast<const float*>(weight.data), weight.strides[1], weight.strides[0]},
                  g.out_channels, static_cast<const float*>(grad.data), finish,
                  static_cast<float*>(out.data));
  return true;
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
