// Convolutions as matrix products: the inputs that each output pixel sees are copied side by side
// ("im2col"), a tile at a time.
#include <algorithm>

#include "core/interrupt.h"
#include "cpu/conv.h"
#include "cpu/gemm.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {
namespace {

constexpr int64_t kTileElements = 1 << 16;  // of the copied inputs
constexpr int64_t kTasks = 8;               // that are enough for balance
constexpr double kTaskFlops = 1e6;

// What sums are kept in.
template <class S>
using Sum = std::conditional_t<std::is_integral_v<S> && sizeof(S) < 4, int32_t, S>;

// One spatial dimension.
struct Axis {
  int64_t in = 1, out = 1, kernel = 1, stride = 1, padding = 0, dilation = 1;
  int64_t step = 0;  // between input elements in memory
  int64_t at(int64_t output, int64_t k) const { return output * stride - padding + k * dilation; }
  // The outputs [first, end) for which the k-th element of the kernel lies within the input.
  std::pair<int64_t, int64_t> within(int64_t k) const {
    int64_t shift = padding - k * dilation;
    int64_t first = std::clamp<int64_t>(shift <= 0 ? 0 : (shift + stride - 1) / stride, 0, out);
    int64_t last = in - 1 + shift;
    return {first, last < 0 ? first : std::clamp(last / stride + 1, first, out)};
  }
};

struct Axes {
  Axis d, h, w;
  Axes(const Geometry& g, const Operand& input) {
    Axis* all[] = {&d, &h, &w};
    size_t lead = 3 - g.in.size();
    for (size_t i = 0; i < g.in.size(); ++i) {
      *all[lead + i] = {g.in[i],      g.out[i],      g.kernel[i],         g.stride[i],
                        g.padding[i], g.dilation[i], input.strides[2 + i]};
    }
  }
  int64_t lines() const { return d.out * h.out; }  // rows of output pixels

  // Calls f(row of columns, line, input row or -1, kernel's place in the row) for output lines
  // [first, end).
  template <class F>
  void each_row(int64_t first, int64_t end, F&& f) const {
    int64_t row = 0;
    for (int64_t kd = 0; kd < d.kernel; ++kd)
      for (int64_t kh = 0; kh < h.kernel; ++kh)
        for (int64_t kw = 0; kw < w.kernel; ++kw, ++row)
          for (int64_t line = first; line < end; ++line) {
            int64_t z = d.at(line / h.out, kd), y = h.at(line % h.out, kh);
            bool inside = z >= 0 && z < d.in && y >= 0 && y < h.in;
            f(row, line - first, inside ? z * d.step + y * h.step : -1, kw);
          }
  }
};

// columns[c * kernel + k][pixel] for output lines [first, end).
template <class S, class T>
void gather_columns(const Axes& x, const S* image, int64_t channel_step, int64_t channels,
                    int64_t first, int64_t end, T* columns) {
  int64_t width = x.w.out, pixels = (end - first) * width,
          kernel = x.d.kernel * x.h.kernel * x.w.kernel;
  for (int64_t c = 0; c < channels; ++c, image += channel_step, columns += kernel * pixels) {
    x.each_row(first, end, [&](int64_t row, int64_t line, int64_t offset, int64_t kw) {
      T* to = columns + row * pixels + line * width;
      auto [from, until] = offset < 0 ? std::pair<int64_t, int64_t>(0, 0) : x.w.within(kw);
      std::fill(to, to + from, T(0));
      const S* source = image + std::max<int64_t>(offset, 0) + x.w.at(from, kw) * x.w.step;
      int64_t step = x.w.stride * x.w.step;
      for (int64_t i = from; i < until; ++i, source += step) to[i] = static_cast<T>(*source);
      std::fill(to + until, to + width, T(0));
    });
  }
}

// The transpose of gather_columns: adds to the image.
template <class S, class T>
void scatter_columns(const Axes& x, S* image, int64_t channel_step, int64_t channels, int64_t first,
                     int64_t end, const T* columns) {
  int64_t width = x.w.out, pixels = (end - first) * width,
          kernel = x.d.kernel * x.h.kernel * x.w.kernel;
  for (int64_t c = 0; c < channels; ++c, image += channel_step, columns += kernel * pixels) {
    x.each_row(first, end, [&](int64_t row, int64_t line, int64_t offset, int64_t kw) {
      if (offset < 0) return;
      const T* from = columns + row * pixels + line * width;
      auto [begin, until] = x.w.within(kw);
      S* target = image + offset + x.w.at(begin, kw) * x.w.step;
      int64_t step = x.w.stride * x.w.step;
      for (int64_t i = begin; i < until; ++i, target += step)
        *target = static_cast<S>(*target + from[i]);
    });
  }
}

// The problem with elements S and sums T.
template <class S, class T>
struct Problem {
  Problem(const Geometry& g, const Operand& input) : g(g), axes(g, input), input(input) {}
  const Geometry& g;
  Axes axes;
  const Operand& input;
  int64_t in_group = g.in_channels / g.groups, out_group = g.out_channels / g.groups;
  int64_t kernel = g.kernel_pixels(), depth = in_group * kernel;

  S* image(int64_t n, int64_t channel) const {
    return static_cast<S*>(input.data) + n * input.strides[0] + channel * input.strides[1];
  }
  // Output channels of a group by the pixels of the given lines.
  Matrix<S> outputs(const Operand& out, int64_t n, int64_t group, int64_t first_line) const {
    int64_t pixels = g.out_pixels(), pixel = first_line * axes.w.out, channel = group * out_group;
    S* data = static_cast<S*>(out.data) + n * g.out_channels * pixels;
    if (g.channels_last) return {data + pixel * g.out_channels + channel, 1, g.out_channels};
    return {data + channel * pixels + pixel, pixels, 1};
  }
  int64_t lines_per_tile(int64_t rows) const {
    return std::clamp<int64_t>(kTileElements / std::max<int64_t>(1, rows * axes.w.out), 1,
                               axes.lines());
  }
};

// The weight as a contiguous (out channels, depth) matrix of T.
template <class S, class T>
void pack_weight(const Geometry& g, const Operand& weight, int64_t in_group, T* to) {
  int64_t size[3] = {1, 1, 1}, step[3] = {0, 0, 0};
  for (size_t i = 0, lead = 3 - g.kernel.size(); i < g.kernel.size(); ++i) {
    size[lead + i] = g.kernel[i];
    step[lead + i] = weight.strides[2 + i];
  }
  for (int64_t o = 0; o < g.out_channels; ++o)
    for (int64_t c = 0; c < in_group; ++c)
      for (int64_t z = 0; z < size[0]; ++z)
        for (int64_t y = 0; y < size[1]; ++y)
          for (int64_t x = 0; x < size[2]; ++x) {
            const S* from =
                static_cast<const S*>(weight.data) + o * weight.strides[0] + c * weight.strides[1];
            *to++ = static_cast<T>(from[z * step[0] + y * step[1] + x * step[2]]);
          }
}

// The matrix with elements T: a copy in `room` where they are others.
template <class S, class T>
Matrix<const T> with_type(Matrix<S> x, int64_t rows, int64_t cols, T* room) {
  if constexpr (std::is_same_v<S, T>) {
    return {x.data, x.row, x.col};
  } else {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j)
        room[i * cols + j] = static_cast<T>(x.data[i * x.row + j * x.col]);
    return {room, cols, 1};
  }
}

// c = a @ b, where one of c's strides is 1.
template <class S, class T>
void multiply(int64_t m, int64_t n, int64_t k, Matrix<const T> a, Matrix<const T> b, Matrix<S> c) {
  if (c.col != 1) {
    std::swap(m, n);
    std::swap(a, b);
    a = a.transposed();
    b = b.transposed();
    c = c.transposed();
  }
  if constexpr (std::is_same_v<S, T>) {
    gemm<T>(m, n, k, T(1), a, b, T(0), c);
  } else {
    Scratch<T> product(m * n);
    gemm<T>(m, n, k, T(1), a, b, T(0), {product, n, 1});
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) c.data[i * c.row + j] = static_cast<S>(product[i * n + j]);
  }
}

template <class F>
void run_tasks(int64_t tasks, double flops, F&& body) {
  auto grain = static_cast<int64_t>(kTaskFlops * static_cast<double>(tasks) / std::max(flops, 1.0));
  parallel_for(0, tasks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) body(task);
  });
}

template <class S>
void forward(const Geometry& g, const Operand& out, const Operand& input, const Operand& weight) {
  using T = Sum<S>;
  Problem<S, T> p(g, input);
  Scratch<T> w(g.out_channels * p.depth);
  pack_weight<S, T>(g, weight, p.in_group, w);
  int64_t per_tile = p.lines_per_tile(p.depth), tiles = (p.axes.lines() + per_tile - 1) / per_tile;
  run_tasks(g.batch * g.groups * tiles, g.flops(), [&](int64_t task) {
    int64_t n = task / (g.groups * tiles), group = task / tiles % g.groups,
            first = task % tiles * per_tile;
    int64_t end = std::min(first + per_tile, p.axes.lines()), pixels = (end - first) * p.axes.w.out;
    Scratch<T> columns(p.depth * pixels);
    gather_columns<S, T>(p.axes, p.image(n, group * p.in_group), input.strides[1], p.in_group,
                         first, end, columns);
    multiply<S, T>(p.out_group, pixels, p.depth, {w + group * p.out_group * p.depth, p.depth, 1},
                   {columns, pixels, 1}, p.outputs(out, n, group, first));
  });
}

// Blocks of input channels, enough of them to keep all threads busy.
struct ChannelBlocks {
  ChannelBlocks(int64_t channels, int64_t other_tasks)
      : size(std::max<int64_t>(
            1, channels / std::max<int64_t>(1, (kTasks + other_tasks - 1) / other_tasks))),
        count((channels + size - 1) / size) {}
  int64_t size, count;
};

template <class S>
void input_grad(const Geometry& g, const Operand& out, const Operand& grad, const Operand& weight) {
  using T = Sum<S>;
  Problem<S, T> p(g, out);
  Scratch<T> w(g.out_channels * p.depth);
  pack_weight<S, T>(g, weight, p.in_group, w);
  ChannelBlocks blocks(p.in_group, g.batch * g.groups);
  std::fill_n(static_cast<S*>(out.data), g.batch * g.in_channels * g.in_pixels(), S(0));
  run_tasks(g.batch * g.groups * blocks.count, g.flops(), [&](int64_t task) {
    int64_t n = task / (g.groups * blocks.count), group = task / blocks.count % g.groups;
    int64_t channel = task % blocks.count * blocks.size,
            channels = std::min(blocks.size, p.in_group - channel);
    int64_t rows = channels * p.kernel, per_tile = p.lines_per_tile(rows),
            most = per_tile * p.axes.w.out;
    Scratch<T> columns(rows * most), room(std::is_same_v<S, T> ? 0 : p.out_group * most);
    Matrix<const T> weights{w + group * p.out_group * p.depth + channel * p.kernel, 1, p.depth};
    for (int64_t first = 0; first < p.axes.lines(); first += per_tile) {
      int64_t end = std::min(first + per_tile, p.axes.lines()),
              pixels = (end - first) * p.axes.w.out;
      Matrix<const T> dy =
          with_type<S, T>(p.outputs(grad, n, group, first), p.out_group, pixels, room);
      gemm<T>(rows, pixels, p.out_group, T(1), weights, dy, T(0), {columns, pixels, 1});
      scatter_columns<S, T>(p.axes, p.image(n, group * p.in_group + channel), out.strides[1],
                            channels, first, end, columns);
    }
  });
}

template <class S>
void weight_grad(const Geometry& g, const Operand& out, const Operand& input, const Operand& grad) {
  using T = Sum<S>;
  Problem<S, T> p(g, input);
  int64_t count = g.out_channels * p.depth, parts = std::min(g.batch, kTasks);
  ChannelBlocks blocks(p.in_group, parts * g.groups);
  Scratch<T> sums(parts * count);
  std::fill_n(sums.data(), parts * count, T(0));
  run_tasks(parts * g.groups * blocks.count, g.flops(), [&](int64_t task) {
    int64_t part = task / (g.groups * blocks.count), group = task / blocks.count % g.groups;
    int64_t channel = task % blocks.count * blocks.size,
            channels = std::min(blocks.size, p.in_group - channel);
    int64_t rows = channels * p.kernel, per_tile = p.lines_per_tile(rows),
            most = per_tile * p.axes.w.out;
    Scratch<T> columns(rows * most), room(std::is_same_v<S, T> ? 0 : p.out_group * most);
    InterruptCheck<8> interrupted;  // by images
    Matrix<T> sum{sums + part * count + group * p.out_group * p.depth + channel * p.kernel, p.depth,
                  1};
    for (int64_t n = part * g.batch / parts; n < (part + 1) * g.batch / parts; ++n) {
      interrupted.step();
      const S* image = p.image(n, group * p.in_group + channel);
      for (int64_t first = 0; first < p.axes.lines(); first += per_tile) {
        int64_t end = std::min(first + per_tile, p.axes.lines()),
                pixels = (end - first) * p.axes.w.out;
        gather_columns<S, T>(p.axes, image, input.strides[1], channels, first, end, columns);
        Matrix<const T> dy =
            with_type<S, T>(p.outputs(grad, n, group, first), p.out_group, pixels, room);
        gemm<T>(p.out_group, rows, pixels, T(1), dy, {columns, 1, pixels}, T(1), sum);
      }
    }
  });
  auto* to = static_cast<S*>(out.data);
  parallel_for(0, count, 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t part = 1; part < parts; ++part) {
      const T* more = sums + part * count;
      for (int64_t i = begin; i < end; ++i) sums[i] += more[i];
    }
    for (int64_t i = begin; i < end; ++i) to[i] = static_cast<S>(sums[i]);
  });
}

}  // namespace

#define FB_CONV_TYPES(...) FB_INTEGERS(__VA_ARGS__) FB_FLOATS(__VA_ARGS__)

void plain_forward(const Geometry& g, const Operand& out, const Operand& input,
                   const Operand& weight, const Tensor& bias) {
  FB_DISPATCH(g.dtype, FB_CONV_TYPES, "slow_conv2d_cpu",
              { forward<scalar_t>(g, out, input, weight); });
  add_bias(g, out, g.out_channels, g.out_pixels(), 0, g.batch, 0, g.out_channels, bias);
}

void plain_input_grad(const Geometry& g, const Operand& out, const Operand& grad,
                      const Operand& weight, const Tensor& bias) {
  FB_DISPATCH(g.dtype, FB_CONV_TYPES, "slow_conv_transpose2d_out_cpu",
              { input_grad<scalar_t>(g, out, grad, weight); });
  add_bias(g, out, g.in_channels, g.in_pixels(), 0, g.batch, 0, g.in_channels, bias);
}

void plain_weight_grad(const Geometry& g, const Operand& out, const Operand& input,
                       const Operand& grad) {
  FB_DISPATCH(g.dtype, FB_CONV_TYPES, "slow_conv2d_cpu",
              { weight_grad<scalar_t>(g, out, input, grad); });
}

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
