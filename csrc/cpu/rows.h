// Kernels that work on runs of contiguous elements, in float or double: half types are converted
// run by run.
#pragma once
#include "cpu/convert.h"
#include "cpu/elementwise.h"
#include "cpu/math.h"
#include "cpu/scratch.h"
#include "cpu/vector.h"

namespace fb::inline FB_CPU_NAMESPACE {

// A contiguous tensor that is read as numbers of type C.
template <class C>
class Source {
 public:
  explicit Source(const Tensor& t)
      : data_(t.defined() ? static_cast<const char*>(t.raw()) : nullptr),
        dtype_(t.defined() ? t.dtype() : dtype_of<C>),
        size_(fb::item_size(dtype_)) {}
  bool given() const { return data_ != nullptr; }
  bool direct() const { return dtype_ == dtype_of<C>; }
  // n elements from `at` on: where they lie, or converted into `buffer`.
  const C* run(int64_t at, int64_t n, C* buffer) const {
    if (direct()) return reinterpret_cast<const C*>(data_) + at;
    convert(buffer, dtype_of<C>, data_ + at * size_, dtype_, n);
    return buffer;
  }
  void copy(C* to, int64_t at, int64_t n) const {
    convert(to, dtype_of<C>, data_ + at * size_, dtype_, n);
  }

 private:
  const char* data_;
  DType dtype_;
  int64_t size_;
};

// A contiguous tensor that is written with numbers of type C.
template <class C>
class Target {
 public:
  explicit Target(const Tensor& t)
      : data_(static_cast<char*>(t.raw())), dtype_(t.dtype()), size_(t.item_size()) {}
  bool direct() const { return dtype_ == dtype_of<C>; }
  // Where to write elements from `at` on; put() brings them home.
  C* run(int64_t at, C* buffer) const {
    return direct() ? reinterpret_cast<C*>(data_) + at : buffer;
  }
  void put(int64_t at, int64_t n, const C* buffer) const {
    if (!direct()) store(at, n, buffer);
  }
  void store(int64_t at, int64_t n, const C* numbers) const {
    convert(data_ + at * size_, dtype_, numbers, dtype_of<C>, n);
  }
  void put_all(const C* numbers, int64_t n) const {
    convert(data_, dtype_, numbers, dtype_of<C>, n);
  }

 private:
  char* data_;
  DType dtype_;
  int64_t size_;
};

// Numbers of a small tensor for the whole call, or `fallback` for each of n where there is none.
template <class C>
class Numbers {
 public:
  Numbers(const Tensor& t, int64_t n, C fallback = C())
      : buffer_(t.defined() && t.dtype() == dtype_of<C> ? 0 : n) {
    if (t.defined()) {
      data_ = Source<C>(t).run(0, n, buffer_);
    } else {
      for (int64_t i = 0; i < n; ++i) buffer_[i] = fallback;
      data_ = buffer_;
    }
  }
  operator const C*() const { return data_; }

 private:
  Scratch<C> buffer_;
  const C* data_;
};

template <class C>
constexpr int kSideBySide = 128 / sizeof(C);

template <class C, class F>
[[gnu::always_inline]] inline C fold_lanes(const C (&lanes)[kSideBySide<C>], F f) {
  typename LanesOf<C, kSideBySide<C>>::Type v;
  std::memcpy(&v, lanes, sizeof(v));
  return fold_halves<C>(v, f, std::make_index_sequence<kSideBySide<C> / 2>());
}

// f(0) + ... + f(n - 1), added side by side in a fixed order.
template <class C, class F>
[[gnu::always_inline]] inline C sum_of(int64_t n, F f) {
  C lanes[kSideBySide<C>] = {};
  int64_t i = 0;
  for (; i + kSideBySide<C> <= n; i += kSideBySide<C>)
    for (int k = 0; k < kSideBySide<C>; ++k) lanes[k] += f(i + k);
  for (int k = 0; i < n; ++i, ++k) lanes[k] += f(i);
  return fold_lanes(lanes, [](auto& a, const auto& b) { a += b; });
}

// Mean of n numbers and the sum of the squares of their deviations, in two passes: the second does
// not cancel, and corrects the rounding of the first.
template <class C>
struct Deviations {
  C mean, squares;
};
template <class C>
[[gnu::always_inline]] inline Deviations<C> deviations(const C* x, int64_t n) {
  const C count = static_cast<C>(n), mean = sum_of<C>(n, [&](int64_t i) { return x[i]; }) / count;
  C sums[kSideBySide<C>] = {}, squares[kSideBySide<C>] = {};
  auto add = [&](int k, C d) {
    sums[k] += d;
    squares[k] += d * d;
  };
  int64_t i = 0;
  for (; i + kSideBySide<C> <= n; i += kSideBySide<C>)
    for (int k = 0; k < kSideBySide<C>; ++k) add(k, x[i + k] - mean);
  for (int k = 0; i < n; ++i, ++k) add(k, x[i] - mean);
  for (int width = kSideBySide<C> / 2; width > 0; width /= 2) {
    for (int k = 0; k < width; ++k) {
      sums[k] += sums[k + width];
      squares[k] += squares[k + width];
    }
  }
  return {mean + sums[0] / count, squares[0] - sums[0] * sums[0] / count};
}

// The largest of n numbers; NaN is passed over.
template <class C>
[[gnu::always_inline]] inline C max_of(const C* x, int64_t n) {
  C lanes[kSideBySide<C>];
  for (C& lane : lanes) lane = -static_cast<C>(math::kInfinity);
  int64_t i = 0;
  for (; i + kSideBySide<C> <= n; i += kSideBySide<C>)
    for (int k = 0; k < kSideBySide<C>; ++k) lanes[k] = math::max(lanes[k], x[i + k]);
  for (int k = 0; i < n; ++i, ++k) lanes[k] = math::max(lanes[k], x[i]);
  return fold_lanes(lanes, [](auto& a, const auto& b) { a = a < b ? b : a; });
}

// Runs body<float> or body<double> for a floating type; `name` is what an error says of any other.
template <class F>
void in_compute_type(DType dtype, const char* name, F body) {
  if (dtype == DType::Float64) {
    body(double());
  } else if (is_floating(dtype)) {
    body(float());
  } else {
    raise_unsupported_dtype(name, dtype);
  }
}

constexpr int64_t kRowGrain = 16384;  // elements of a piece of work
constexpr int64_t kStrip = 128;       // columns that are worked on side by side

// Runs row(r, out, inputs) over rows of n elements. Where the result and the inputs together do not
// stay in the caches, it is written past them.
template <class C, size_t N, class F>
void each_row(const Tensor& out, const Tensor (&inputs)[N], int64_t n, F row) {
  const int64_t rows = out.numel() / n, bytes = n * static_cast<int64_t>(sizeof(C));
  const Target<C> target(out);
  const bool streams =
      target.direct() && can_stream(out.raw(), static_cast<int64_t>(N + 1) * rows * bytes, bytes);
  parallel_for(0, rows, std::max<int64_t>(1, kRowGrain / n), [&](int64_t from, int64_t to) {
    Scratch<C> result(streams || !target.direct() ? n : 0);
    Scratch<C> read(inputs[0].dtype() == dtype_of<C> ? 0 : n * static_cast<int64_t>(N));
    for (int64_t r = from; r < to; ++r) {
      const C* in[N];
      for (size_t k = 0; k < N; ++k)
        in[k] = Source<C>(inputs[k]).run(r * n, n, read + static_cast<int64_t>(k) * n);
      C* to_row = streams ? result : target.run(r * n, result);
      row(r, to_row, in);
      if (streams) {
        stream_copy(static_cast<C*>(out.raw()) + r * n, to_row, bytes);
      } else {
        target.put(r * n, n, to_row);
      }
    }
    if (streams) stream_fence();
  });
}

// Runs strip(offset, cell, width) over runs of neighbouring columns of outer x n x inner elements;
// `cell` counts columns.
template <class F>
void each_strip(int64_t outer, int64_t n, int64_t inner, F strip) {
  const int64_t strips = (inner + kStrip - 1) / kStrip, width = std::min(inner, kStrip);
  parallel_for(0, outer * strips, std::max<int64_t>(1, kRowGrain / std::max<int64_t>(1, n * width)),
               [&](int64_t from, int64_t to) {
                 for (int64_t s = from; s < to; ++s) {
                   const int64_t start = s % strips * kStrip, block = s / strips;
                   strip(block * n * inner + start, block * inner + start,
                         std::min(kStrip, inner - start));
                 }
               });
}

}  // namespace fb::inline FB_CPU_NAMESPACE
