#include <limits>
#include <vector>

#include "cpu/cpu.h"
#include "cpu/gemm.h"
#include "ops/pool_kernels.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

constexpr int64_t kGrain = 16384;  // elements read

template <int64_t n>
using Constant = std::integral_constant<int64_t, n>;

// What elements are compared and added as.
template <class S>
using Wide = std::conditional_t<std::is_same_v<S, Half> || std::is_same_v<S, BFloat16>, float, S>;

// Elements [begin, end) of a dimension, a step apart, that a window holds.
struct Window {
  int64_t begin, end, length;
};

std::vector<Window> windows_of(const PoolAxis& axis) {
  std::vector<Window> windows(static_cast<size_t>(axis.out));
  for (int64_t o = 0; o < axis.out; ++o)
    windows[static_cast<size_t>(o)] = {axis.begin(o), axis.end(o), axis.length(o)};
  return windows;
}

// The outputs for which element k of a regular window lies within the input.
struct Span {
  int64_t from, to;
  Span(const PoolAxis& a, int64_t k) {
    int64_t shift = a.padding - k * a.dilation;
    from = std::clamp<int64_t>(shift <= 0 ? 0 : (shift + a.stride - 1) / a.stride, 0, a.out);
    int64_t last = a.in - 1 + shift;
    to = last < 0 ? from : std::clamp<int64_t>(last / a.stride + 1, from, a.out);
  }
};

// The windows of all outputs, and where they lie in memory. A channels-last tensor is a batch of
// images with `channels` numbers for each pixel, any other one of images with one.
struct Layout {
  Layout(const Tensor& small, const Tensor& large, const PoolWindows& w)
      : w(w), d(windows_of(w.d)), h(windows_of(w.h)), x(windows_of(w.w)) {
    for (int64_t k = 0; !w.w.adaptive && k < w.w.kernel; ++k) spans.emplace_back(w.w, k);
    lines_join = !w.w.adaptive && w.w.in == w.w.out * w.w.stride && w.w.padding == 0 &&
                 (w.w.kernel - 1) * w.w.dilation < w.w.stride;
    bool last = !small.is_contiguous() || !large.is_contiguous();
    channels = last ? large.sizes()[1] : 1;
    images = last ? large.sizes()[0] : large.numel() / w.in_pixels();
  }
  const PoolWindows& w;
  std::vector<Window> d, h, x;
  std::vector<Span> spans;  // of each element of a regular window across
  bool lines_join;          // the windows of a line follow those of the line before in memory
  int64_t channels, images;
  int64_t rows() const { return w.d.out * w.h.out; }
  const Window& depth(int64_t row) const { return d[static_cast<size_t>(row / w.h.out)]; }
  const Window& height(int64_t row) const { return h[static_cast<size_t>(row % w.h.out)]; }
  int64_t window_pixels() const {
    int64_t n = 1;
    for (const PoolAxis* a : {&w.d, &w.h, &w.w})
      n *= a->adaptive ? (a->in + a->out - 1) / a->out : a->kernel;
    return n;
  }
  int64_t divisor(int64_t row, const Window& across) const {
    if (w.divisor) return w.divisor;
    // A window that lies beyond the input has no elements.
    return std::max<int64_t>(1, depth(row).length) * std::max<int64_t>(1, height(row).length) *
           std::max<int64_t>(1, across.length);
  }
  // Runs f(from, to) in parallel for blocks of the rows of outputs of all images.
  template <class F>
  void each_block(int64_t block, F&& f) const {
    int64_t grain = kGrain / std::max<int64_t>(1, w.w.out * channels * window_pixels()) + 1;
    parallel_for(0, images * rows(), grain, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i += block) f(i, std::min(i + block, to));
    });
  }
  // Runs f(image, row) in parallel for all rows of outputs.
  template <class F>
  void each_row(F&& f) const {
    each_block(1, [&](int64_t i, int64_t) { f(i / rows(), i % rows()); });
  }
  // Calls f(offset of a row of inputs in pixels) for the input rows of an output row's windows.
  template <class F>
  void each_input_row(int64_t row, F&& f) const {
    const Window &a = depth(row), &b = height(row);
    for (int64_t z = a.begin; z < a.end; z += w.d.dilation)
      for (int64_t y = b.begin; y < b.end; y += w.h.dilation) f((z * w.h.in + y) * w.w.in);
  }
};

// --- maxima --------------------------------------------------------------------------------------

template <class T>
bool beats(T value, T best) {
  if constexpr (std::is_floating_point_v<T>) {
    return (value > best) | (value != value);  // NaN is the maximum
  } else {
    return value > best;
  }
}

template <class T>
constexpr T kLeast = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                          : std::numeric_limits<T>::lowest();

// Places within an image, of the width of what they belong to where they fit.
template <class T>
using NarrowPlace = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;

// The maxima of the columns of a row's windows, as wide as the input: loops over whole lines, which
// vectorise however narrow the windows are.
template <class S, bool indexed, class Place>
void max_columns(const Layout& l, int64_t row, const S* image, Wide<S>* __restrict best,
                 Place* __restrict places) {
  using T = Wide<S>;
  const int64_t n = l.w.w.in;
  bool first = true;
  l.each_input_row(row, [&](int64_t offset) {
    const S* line = image + offset;
    const auto start = static_cast<Place>(offset);
    if (first) {
      for (int64_t i = 0; i < n; ++i) best[i] = static_cast<T>(line[i]);
      for (int64_t i = 0; indexed && i < n; ++i) places[i] = start + static_cast<Place>(i);
      first = false;
      return;
    }
    for (int64_t i = 0; i < n; ++i) {
      T v = static_cast<T>(line[i]);
      bool better = beats(v, best[i]);
      best[i] = better ? v : best[i];
      if (indexed) places[i] = better ? start + static_cast<Place>(i) : places[i];
    }
  });
  if (!first) return;
  std::fill_n(best, n, kLeast<T>);  // a window beyond the input
  if (indexed) std::fill_n(places, n, std::numeric_limits<Place>::max());
}

// Whether a column's maximum takes the place of another column's: of equal ones the first in memory
// is kept, of NaNs the last.
template <class T, class Place>
bool takes_over(T value, Place at, T best, Place place) {
  bool equal = (value == best) & (at < place);
  if constexpr (std::is_floating_point_v<T>)
    return (value > best) | equal | ((value != value) & ((best == best) | (at > place)));
  return (value > best) | equal;
}

// Element k of the windows of n outputs, which are a stride apart.
template <class T, bool indexed, class Place, class Stride>
[[gnu::always_inline]] inline void max_elements(int64_t n, Stride stride,
                                                const T* __restrict columns,
                                                const Place* __restrict column_places,
                                                T* __restrict best, Place* __restrict places) {
  for (int64_t o = 0; o < n; ++o) {
    T v = columns[o * stride];
    if constexpr (indexed) {
      Place at = column_places[o * stride];
      bool better = takes_over(v, at, best[o], places[o]);
      best[o] = better ? v : best[o];
      places[o] = better ? at : places[o];
    } else {
      best[o] = beats(v, best[o]) ? v : best[o];
    }
  }
}

// The maxima of windows along `lines` lines of columns, of which the first has `columns`.
template <class T, bool indexed, class Place>
void max_across(const Layout& l, int64_t lines, const T* columns, const Place* column_places,
                T* best, Place* places) {
  const PoolAxis& axis = l.w.w;
  if (axis.adaptive) {
    for (int64_t o = 0; o < axis.out; ++o) {
      const Window& window = l.x[static_cast<size_t>(o)];
      for (int64_t i = window.begin; i < window.end; ++i)
        max_elements<T, indexed>(1, Constant<1>(), columns + i, column_places + i, best + o,
                                 places + o);
    }
    return;
  }
  for (int64_t k = 0; k < axis.kernel; ++k) {
    const Span& span = l.spans[static_cast<size_t>(k)];
    int64_t n = span.to - span.from + (lines - 1) * axis.out,
            at = span.from * axis.stride + k * axis.dilation - axis.padding;
    auto elements = [&](auto stride) {
      max_elements<T, indexed>(n, stride, columns + at, column_places + at, best + span.from,
                               places + span.from);
    };
    if (axis.stride == 1) {
      elements(Constant<1>());
    } else if (axis.stride == 2) {
      elements(Constant<2>());
    } else {
      elements(axis.stride);
    }
  }
}

// The outputs of images of one channel, in blocks of rows that stay in the cache.
template <class S, bool indexed, class Place>
void max_rows(const Layout& l, const S* from, S* to, int64_t* indices) {
  using T = Wide<S>;
  const int64_t in = l.w.w.in, out = l.w.w.out;
  const int64_t block = std::max<int64_t>(1, 2048 / in);
  l.each_block(block, [&](int64_t first, int64_t last) {
    int64_t rows = last - first, lines = l.lines_join ? rows : 1;
    Scratch<T> columns(block * in), best(block * out);
    Scratch<Place> column_places(indexed ? block * in : 0), places(indexed ? block * out : 0);
    std::fill_n(best.data(), rows * out, kLeast<T>);
    for (int64_t i = 0; i < rows; ++i) {
      int64_t image = (first + i) / l.rows(), row = (first + i) % l.rows();
      max_columns<S, indexed>(l, row, from + image * l.w.in_pixels(), columns.data() + i * in,
                              indexed ? column_places.data() + i * in : nullptr);
      int64_t corner = (l.depth(row).begin * l.w.h.in + l.height(row).begin) * in;
      for (int64_t o = 0; indexed && o < out; ++o)
        places[i * out + o] = static_cast<Place>(corner + l.x[static_cast<size_t>(o)].begin);
    }
    for (int64_t i = 0; i < rows; i += lines)
      max_across<T, indexed, Place>(
          l, lines, columns.data() + i * in, indexed ? column_places.data() + i * in : nullptr,
          best.data() + i * out, indexed ? places.data() + i * out : nullptr);
    for (int64_t o = 0; o < rows * out; ++o) to[first * out + o] = static_cast<S>(best[o]);
    for (int64_t o = 0; indexed && o < rows * out; ++o) indices[first * out + o] = places[o];
  });
}

// An output pixel of all channels.
template <class S, bool indexed>
void max_pixel(const Layout& l, int64_t row, const Window& across, const S* image, Wide<S>* best,
               int64_t* place) {
  using T = Wide<S>;
  int64_t n = l.channels,
          corner = (l.depth(row).begin * l.w.h.in + l.height(row).begin) * l.w.w.in + across.begin;
  for (int64_t c = 0; c < n; ++c) {
    best[c] = kLeast<T>;
    if (indexed) place[c] = corner;
  }
  l.each_input_row(row, [&](int64_t offset) {
    for (int64_t i = across.begin; i < across.end; i += l.w.w.dilation) {
      const S* pixel = image + (offset + i) * n;
      for (int64_t c = 0; c < n; ++c) {
        T v = static_cast<T>(pixel[c]);
        bool better = beats(v, best[c]);
        best[c] = better ? v : best[c];
        if (indexed) place[c] = better ? offset + i : place[c];
      }
    }
  });
}

template <class S, bool indexed>
void max_pool_of(const Tensor& out, const Tensor& indices, const Tensor& input,
                 const PoolWindows& windows) {
  using T = Wide<S>;
  Layout l(out, input, windows);
  const S* from = input.data<S>();
  S* to = out.data<S>();
  int64_t* places = indexed ? indices.data<int64_t>() : nullptr;
  if (l.channels == 1) {
    if (indexed && windows.in_pixels() > std::numeric_limits<int32_t>::max())
      return max_rows<S, indexed, int64_t>(l, from, to, places);
    return max_rows<S, indexed, NarrowPlace<T>>(l, from, to, places);
  }
  l.each_row([&](int64_t image, int64_t row) {
    const S* source = from + image * windows.in_pixels() * l.channels;
    int64_t first = (image * l.rows() + row) * windows.w.out * l.channels, n = l.channels;
    constexpr bool direct = std::is_same_v<S, T>;
    Scratch<T> room(direct ? 0 : n);
    auto store = [&](S* target) {
      if constexpr (!direct)
        for (int64_t i = 0; i < n; ++i) target[i] = S(room[i]);
    };
    auto best_at = [&](S* target) { return direct ? reinterpret_cast<T*>(target) : room.data(); };
    for (const Window& across : l.x) {
      max_pixel<S, indexed>(l, row, across, source, best_at(to + first),
                            indexed ? places + first : nullptr);
      store(to + first);
      first += n;
    }
  });
}

void max_pool(const Tensor& out, const Tensor& indices, const Tensor& input,
              const PoolWindows& windows) {
  FB_DISPATCH(out.dtype(), FB_REAL, "max_pool2d", {
    if (indices.defined()) {
      max_pool_of<scalar_t, true>(out, indices, input, windows);
    } else {
      max_pool_of<scalar_t, false>(out, indices, input, windows);
    }
  });
}

// --- picking by index ----------------------------------------------------------------------------

// Runs f(large offset, small offset, channel step, first pixel, channels) in parallel for images,
// or blocks of their channels.
struct Picks {
  Picks(const Tensor& small, const Tensor& large, int64_t pixels) : large_pixels(pixels) {
    bool last = !small.is_contiguous() || !large.is_contiguous();
    channels = last ? large.sizes()[1] : 1;
    images = large.numel() / (pixels * channels);
    small_pixels = small.numel() / (images * channels);
  }
  int64_t channels, images, small_pixels, large_pixels;
  template <class F>
  void run(F&& f) const {
    constexpr int64_t kBlock = 64;
    int64_t blocks = (channels + kBlock - 1) / kBlock;
    int64_t grain = kGrain / std::max<int64_t>(1, large_pixels * std::min(channels, kBlock)) + 1;
    parallel_for(0, images * blocks, grain, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        int64_t image = i / blocks, first = i % blocks * kBlock;
        f(image * large_pixels * channels + first, image * small_pixels * channels + first,
          std::min(kBlock, channels - first));
      }
    });
  }
};

[[noreturn, gnu::cold]] void raise_bad_index(int64_t index, int64_t pixels) {
  raise(ErrorKind::Index, "pooling: index ", index, " is out of bounds for ", pixels, " elements");
}

int64_t checked(int64_t index, int64_t pixels) {
  if (static_cast<uint64_t>(index) >= static_cast<uint64_t>(pixels)) raise_bad_index(index, pixels);
  return index;
}

void pool_scatter(const Tensor& out, const Tensor& grad, const Tensor& indices, int64_t pixels) {
  Picks p(grad, out, pixels);
  FB_DISPATCH(out.dtype(), FB_REAL, "max_pool2d_backward", {
    using T = Wide<scalar_t>;
    p.run([&](int64_t large, int64_t small, int64_t channels) {
      scalar_t* to = out.data<scalar_t>() + large;
      const scalar_t* from = grad.data<scalar_t>() + small;
      const int64_t* index = indices.data<int64_t>() + small;
      for (int64_t i = 0; i < p.small_pixels; ++i, from += p.channels, index += p.channels)
        for (int64_t c = 0; c < channels; ++c) {
          scalar_t& sum = to[checked(index[c], pixels) * p.channels + c];
          sum = static_cast<scalar_t>(static_cast<T>(sum) + static_cast<T>(from[c]));
        }
    });
  });
}

void pool_gather(const Tensor& out, const Tensor& input, const Tensor& indices, int64_t pixels) {
  Picks p(out, input, pixels);
  FB_DISPATCH(out.dtype(), FB_REAL, "max_pool2d", {
    p.run([&](int64_t large, int64_t small, int64_t channels) {
      const scalar_t* from = input.data<scalar_t>() + large;
      scalar_t* to = out.data<scalar_t>() + small;
      const int64_t* index = indices.data<int64_t>() + small;
      for (int64_t i = 0; i < p.small_pixels; ++i, to += p.channels, index += p.channels)
        for (int64_t c = 0; c < channels; ++c)
          to[c] = from[checked(index[c], pixels) * p.channels + c];
    });
  });
}

// --- averages ------------------------------------------------------------------------------------

// Sums of every kLanes-th element side by side, then of those.
template <class S>
Wide<S> sum_of_line(const S* line, int64_t n) {
  constexpr int64_t kLanes = 16;
  Wide<S> lanes[kLanes] = {}, total = 0;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t k = 0; k < kLanes; ++k) lanes[k] += static_cast<Wide<S>>(line[i + k]);
  for (; i < n; ++i) total += static_cast<Wide<S>>(line[i]);
  for (Wide<S> lane : lanes) total += lane;
  return total;
}

template <class S>
void sum_row(const Layout& l, int64_t row, const S* image, Wide<S>* sums) {
  using T = Wide<S>;
  const PoolAxis& across = l.w.w;
  std::fill_n(sums, across.out, T(0));
  l.each_input_row(row, [&](int64_t offset) {
    const S* line = image + offset;
    if (across.adaptive) {
      for (int64_t o = 0; o < across.out; ++o) {
        const Window& window = l.x[static_cast<size_t>(o)];
        sums[o] += sum_of_line(line + window.begin, window.end - window.begin);
      }
      return;
    }
    for (int64_t k = 0; k < across.kernel; ++k) {
      Span span(across, k);
      int64_t shift = k - across.padding, step = across.stride;
      for (int64_t o = span.from; o < span.to; ++o)
        sums[o] += static_cast<T>(line[o * step + shift]);
    }
  });
}

template <class S>
void avg_pool_of(const Tensor& out, const Tensor& input, const PoolWindows& windows) {
  using T = Wide<S>;
  Layout l(out, input, windows);
  l.each_row([&](int64_t image, int64_t row) {
    const S* source = input.data<S>() + image * windows.in_pixels() * l.channels;
    S* to = out.data<S>() + (image * l.rows() + row) * windows.w.out * l.channels;
    Scratch<T> sums(std::max(windows.w.out, l.channels));
    if (l.channels == 1) {
      sum_row<S>(l, row, source, sums);
      for (int64_t o = 0; o < windows.w.out; ++o)
        to[o] =
            static_cast<S>(sums[o] / static_cast<T>(l.divisor(row, l.x[static_cast<size_t>(o)])));
      return;
    }
    for (const Window& across : l.x) {
      std::fill_n(sums.data(), l.channels, T(0));
      l.each_input_row(row, [&](int64_t offset) {
        for (int64_t i = across.begin; i < across.end; ++i) {
          const S* pixel = source + (offset + i) * l.channels;
          for (int64_t c = 0; c < l.channels; ++c) sums[c] += static_cast<T>(pixel[c]);
        }
      });
      auto divisor = static_cast<T>(l.divisor(row, across));
      for (int64_t c = 0; c < l.channels; ++c) to[c] = static_cast<S>(sums[c] / divisor);
      to += l.channels;
    }
  });
}

#define FB_AVERAGE_TYPES(...) FB_FLOATS_HALVES(__VA_ARGS__) FB_CASE(Int64, int64_t, __VA_ARGS__)

void avg_pool(const Tensor& out, const Tensor& input, const PoolWindows& windows) {
  FB_DISPATCH(out.dtype(), FB_AVERAGE_TYPES, "avg_pool2d",
              { avg_pool_of<scalar_t>(out, input, windows); });
}

// Adds the gradient of one image.
template <class T, class S>
void spread_image(const Layout& l, const S* grad, T* to) {
  int64_t channels = l.channels;
  const PoolAxis& across = l.w.w;
  Scratch<T> shares(std::max(across.out, channels));
  for (int64_t row = 0; row < l.rows(); ++row, grad += across.out * l.channels) {
    if (l.channels == 1) {
      for (int64_t o = 0; o < across.out; ++o)
        shares[o] =
            static_cast<T>(grad[o]) / static_cast<T>(l.divisor(row, l.x[static_cast<size_t>(o)]));
      l.each_input_row(row, [&](int64_t offset) {
        T* line = to + offset;
        if (across.adaptive) {
          for (int64_t o = 0; o < across.out; ++o)
            for (int64_t i = l.x[static_cast<size_t>(o)].begin; i < l.x[static_cast<size_t>(o)].end;
                 ++i)
              line[i] += shares[o];
          return;
        }
        for (int64_t k = 0; k < across.kernel; ++k) {
          Span span(across, k);
          for (int64_t o = span.from; o < span.to; ++o)
            line[o * across.stride + k - across.padding] += shares[o];
        }
      });
      continue;
    }
    for (int64_t o = 0; o < across.out; ++o) {
      const Window& window = l.x[static_cast<size_t>(o)];
      auto divisor = static_cast<T>(l.divisor(row, window));
      for (int64_t c = 0; c < channels; ++c)
        shares[c] = static_cast<T>(grad[o * l.channels + c]) / divisor;
      l.each_input_row(row, [&](int64_t offset) {
        for (int64_t i = window.begin; i < window.end; ++i) {
          T* pixel = to + (offset + i) * l.channels;
          for (int64_t c = 0; c < channels; ++c) pixel[c] += shares[c];
        }
      });
    }
  }
}

void avg_pool_backward(const Tensor& out, const Tensor& grad, const PoolWindows& windows) {
  Layout l(grad, out, windows);
  int64_t in = windows.in_pixels() * l.channels, outputs = windows.out_pixels() * l.channels;
  FB_DISPATCH(out.dtype(), FB_AVERAGE_TYPES, "avg_pool2d_backward", {
    using T = Wide<scalar_t>;
    parallel_for(0, l.images, kGrain / in + 1, [&](int64_t from, int64_t to) {
      constexpr bool direct = std::is_same_v<scalar_t, T>;
      Scratch<T> room(direct ? 0 : in);
      for (int64_t i = from; i < to; ++i) {
        scalar_t* target = out.data<scalar_t>() + i * in;
        const scalar_t* source = grad.data<scalar_t>() + i * outputs;
        if constexpr (direct) {
          spread_image<T>(l, source, reinterpret_cast<T*>(target));
        } else {
          std::fill_n(room.data(), in, T(0));
          spread_image<T>(l, source, room.data());
          for (int64_t k = 0; k < in; ++k) target[k] = scalar_t(room[k]);
        }
      }
    });
  });
}

CPU_KERNEL(max_pool, max_pool)
CPU_KERNEL(avg_pool, avg_pool)
CPU_KERNEL(avg_pool_backward, avg_pool_backward)
CPU_KERNEL(pool_scatter, pool_scatter)
CPU_KERNEL(pool_gather, pool_gather)

}  // namespace
}  // namespace fb::inline FB_CPU_NAMESPACE
