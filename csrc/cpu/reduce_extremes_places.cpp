// Extremes with their places.
#include "cpu/reduce_extremes.h"
#include "ops/reduce_extremes_kernels.h"

namespace fb {
namespace {

// Whether x takes the place of the best so far; false where that is NaN.
template <bool kLargest, class C>
bool beats(C x, C best) {
  return (kLargest ? x > best : x < best) | ((x != x) & (best == best));
}

// Elements of a run in the type they are compared in.
template <class T, class C>
void load(C* to, const T* from, int64_t n, int64_t stride) {
  if (stride != 1) {
    for (int64_t i = 0; i < n; ++i) to[i] = static_cast<C>(from[i * stride]);
  } else if constexpr (std::is_same_v<T, Half>) {
    convert(to, DType::Float32, from, DType::Float16, n);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = static_cast<C>(from[i]);
  }
}

// The first place of `best` in a run; of a NaN, if it is one.
template <class T, class C>
int64_t find_first(const T* p, int64_t n, int64_t stride, C best) {
  constexpr int64_t kStretch = 64;
  const bool nan = best != best;
  for (int64_t i = 0; i < n; i += kStretch) {
    const int64_t width = std::min(kStretch, n - i);
    C x[kStretch];
    load(x, p + i * stride, width, stride);
    int found = 0;
    for (int64_t k = 0; k < width; ++k) found |= nan ? x[k] != x[k] : x[k] == best;
    if (!found) continue;
    for (int64_t k = 0; k < width; ++k)
      if (nan ? x[k] != x[k] : x[k] == best) return i + k;
  }
  return 0;
}

// The first place of the extreme of a short run.
template <bool kLargest, class C, class T>
int64_t extreme_place(const T* p, int64_t n, int64_t stride) {
  C best = static_cast<C>(p[0]);
  int64_t place = 0;
  for (int64_t i = 1; i < n; ++i) {
    const C x = static_cast<C>(p[i * stride]);
    const bool better = beats<kLargest>(x, best);
    best = better ? x : best;
    place = better ? i : place;
  }
  return place;
}

template <bool kLargest, class T>
struct ExtremeIndex {
  using C = Compute<T>;
  using I = std::conditional_t<sizeof(C) >= 8, int64_t, int32_t>;
  static constexpr int64_t kColumns = 64;
  const T* in;
  int64_t n, stride;  // of the reduced dimension
  int64_t* indices;
  T* values;

  template <class E>
  static void compare(const E* row, int64_t width, I k, C* best, I* near) {
    for (int64_t c = 0; c < width; ++c) {
      const C x = static_cast<C>(row[c]);
      const bool better = beats<kLargest>(x, best[c]);
      best[c] = better ? x : best[c];
      near[c] = better ? k : near[c];
    }
  }
  // Many results beside each other, all rows in turn.
  void columns(int64_t first_result, const T* p, int64_t width) const {
    C best[kColumns];
    int64_t place[kColumns];
    for (int64_t c = 0; c < width; ++c) {
      best[c] = static_cast<C>(p[c]);
      place[c] = 0;
    }
    constexpr int64_t kStretch = int64_t{1} << 30;
    for (int64_t start = 0; start < n; start += kStretch) {
      I near[kColumns];
      for (int64_t c = 0; c < width; ++c) near[c] = -1;
      const int64_t end = std::min(n, start + kStretch);
      for (int64_t r = start; r < end; ++r) {
        const T* row = p + r * stride;
        const I k = static_cast<I>(r - start);
        if constexpr (std::is_same_v<T, Half>) {
          C wide[kColumns];
          load(wide, row, width, 1);
          compare(wide, width, k, best, near);
        } else {
          compare(row, width, k, best, near);
        }
      }
      for (int64_t c = 0; c < width; ++c)
        if (near[c] >= 0) place[c] = start + near[c];
    }
    for (int64_t c = 0; c < width; ++c) store(first_result + c, place[c], p[place[c] * stride + c]);
  }
  void store(int64_t i, int64_t place, T value) const {
    indices[i] = place;
    values[i] = value;
  }
};

template <bool kLargest, class T>
void extreme_index(const Tensor& indices, const Tensor& values, const Tensor& input, int64_t dim) {
  ReduceLayout l(indices, input);
  const bool zero_dim = input.dim() == 0;
  ExtremeIndex<kLargest, T> e{input.data<T>(), zero_dim ? 1 : input.sizes()[dim],
                              zero_dim ? 1 : input.strides()[dim], indices.data<int64_t>(),
                              values.data<T>()};
  constexpr int64_t kGrain = 32768, kColumns = ExtremeIndex<kLargest, T>::kColumns;
  if (!l.kept_sizes.empty() && l.kept_strides[0] == 1 && e.stride != 1) {
    const int64_t width = l.kept_sizes[0], strips = (width + kColumns - 1) / kColumns;
    parallel_for(0, l.kept / width * strips,
                 std::max<int64_t>(1, kGrain / (std::min(width, kColumns) * e.n)),
                 [&](int64_t from, int64_t to) {
                   for (int64_t unit = from; unit < to; ++unit) {
                     const int64_t at = unit % strips * kColumns, row = unit / strips * width;
                     e.columns(row + at,
                               e.in + ReduceLayout::offset(l.kept_sizes, l.kept_strides, row) + at,
                               std::min(kColumns, width - at));
                   }
                 });
    return;
  }
  // Along a run, first the extreme, then its place.
  using C = Compute<T>;
  using Run = Folder<Extreme<kLargest>, T, C, NoParam>;
  constexpr int64_t kShort = 24;
  const bool few = l.kept < 4 && e.n > kGrain;  // several threads for each
  if (few) kernels::extreme(values, input, kLargest);
  parallel_for(0, l.kept, std::max<int64_t>(1, kGrain / e.n), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      const T* p = e.in + ReduceLayout::offset(l.kept_sizes, l.kept_strides, i);
      int64_t place;
      if (e.n <= kShort) {
        place = extreme_place<kLargest, C>(p, e.n, e.stride);
      } else {
        const C best =
            few ? static_cast<C>(e.values[i]) : Run::fold_run(p, e.n, e.stride, NoParam());
        place = find_first(p, e.n, e.stride, best);
      }
      e.store(i, place, p[place * e.stride]);
    }
  });
}

void extreme_index_cpu(const Tensor& indices, const Tensor& values, const Tensor& input,
                       int64_t dim, bool largest) {
  if (indices.numel() == 0) return;
  DISPATCH_ORDERED(input.dtype(), largest ? "max" : "min", {
    if (largest) {
      extreme_index<true, scalar_t>(indices, values, input, dim);
    } else {
      extreme_index<false, scalar_t>(indices, values, input, dim);
    }
  });
}
CPU_KERNEL(extreme_index, extreme_index_cpu)

}  // namespace
}  // namespace fb
