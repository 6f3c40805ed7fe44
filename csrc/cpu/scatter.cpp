#include "ops/scatter_kernels.h"

#include <cstring>

#include "core/error.h"
#include "cpu/by_size.h"
#include "ops/copy_kernels.h"

namespace fb {
namespace {

constexpr int64_t kGrain = 16384;          // elements
constexpr int64_t kLineBytes = 256 << 10;  // of a line that stays in a cache while it is read

[[noreturn, gnu::noinline]] void raise_bounds(int64_t index, int64_t dim, int64_t size) {
  raise(ErrorKind::Runtime, "index ", index, " is out of bounds for dimension ", dim, " with size ",
        size);
}

// How the index, the tensor of its shape and the tensor it points into are walked: lines along the
// last dimension, one after the other along `dim`, and independent of each other along the rest.
struct Walk {
  Walk(const Tensor& index, const Tensor& values, const Tensor& target, int64_t dim)
      : dim(dim), size(target.sizes()[dim]), step(target.strides()[dim]) {
    const int64_t last = index.dim() - 1;
    length = index.sizes()[last];
    index_inner = index.strides()[last];
    value_inner = values.strides()[last];
    target_inner = last == dim ? 0 : target.strides()[last];
    if (last != dim) {
      depth = index.sizes()[dim];
      index_depth = index.strides()[dim];
      value_depth = values.strides()[dim];
    }
    for (int64_t d = last; d-- > 0;) {
      if (d == dim) continue;
      outer *= index.sizes()[d];
      sizes.push_back(index.sizes()[d]);
      index_strides.push_back(index.strides()[d]);
      value_strides.push_back(values.strides()[d]);
      target_strides.push_back(target.strides()[d]);
    }
  }
  void locate(int64_t i, int64_t& at_index, int64_t& at_value, int64_t& at_target) const {
    for (size_t d = 0; d < sizes.size(); ++d) {
      const int64_t k = i % sizes[d];
      i /= sizes[d];
      at_index += k * index_strides[d];
      at_value += k * value_strides[d];
      at_target += k * target_strides[d];
    }
  }
  // Along a line the index is one number.
  bool whole_lines() const { return index_inner == 0 && (target_inner != 0 || length == 1); }

  int64_t dim, size, step;
  int64_t length, depth = 1, outer = 1;
  int64_t index_inner, value_inner, target_inner, index_depth = 0, value_depth = 0;
  SmallVector<int64_t, 6> sizes, index_strides, value_strides, target_strides;
};

// Checked before the elements are touched, in vector registers.
void check_line(const Walk& w, const int64_t* index, int64_t n) {
  uint64_t worst = 0;
  for (int64_t j = 0; j < n; ++j) worst = std::max(worst, static_cast<uint64_t>(index[j]));
  if (__builtin_expect(worst < static_cast<uint64_t>(w.size), 1)) return;
  for (int64_t j = 0; j < n; ++j) {
    if (static_cast<uint64_t>(index[j]) >= static_cast<uint64_t>(w.size))
      raise_bounds(index[j], w.dim, w.size);
  }
}

template <class T, class F>
void walk_line(const Walk& w, const int64_t* index, T* value, T* target, int64_t n, F f) {
  auto checked = [&](int64_t i) {
    if (__builtin_expect(static_cast<uint64_t>(i) >= static_cast<uint64_t>(w.size), 0))
      raise_bounds(i, w.dim, w.size);
    return i * w.step;
  };
  if (w.whole_lines()) {
    T* line = target + checked(*index);
    if (w.value_inner == 1 && w.target_inner == 1) {
      for (int64_t j = 0; j < n; ++j) f(value[j], line[j]);
    } else {
      for (int64_t j = 0; j < n; ++j) f(value[j * w.value_inner], line[j * w.target_inner]);
    }
    return;
  }
  if (w.target_inner == 0 && w.index_inner == 1 && w.value_inner == 1 && w.step == 1) {
    check_line(w, index, n);
    for (int64_t j = 0; j < n; ++j) f(value[j], target[index[j]]);
    return;
  }
  for (int64_t j = 0; j < n; ++j)
    f(value[j * w.value_inner], target[checked(index[j * w.index_inner]) + j * w.target_inner]);
}

// Lines whose elements may meet in the target stay with one thread, in order; `meet` is false for
// reading. begin(line) is called before the elements of a target's line are.
template <class T, class Begin, class F>
void walk(const Walk& w, const Tensor& index, const Tensor& values, const Tensor& target, bool meet,
          Begin begin_line, F f) {
  constexpr int64_t kColumns = 256;
  const bool split = w.outer < 64 && (!meet || w.target_inner != 0);
  const int64_t pieces = split ? std::max<int64_t>(1, w.length / kColumns) : 1;
  const int64_t per_piece = std::max<int64_t>(1, w.depth * w.length / pieces);
  parallel_for(0, w.outer * pieces, std::max<int64_t>(1, kGrain / per_piece),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t piece = i % pieces, first = w.length * piece / pieces,
                                 n = w.length * (piece + 1) / pieces - first;
                   int64_t at_index = first * w.index_inner, at_value = first * w.value_inner,
                           at_target = first * w.target_inner;
                   w.locate(i / pieces, at_index, at_value, at_target);
                   begin_line(at_target);
                   for (int64_t k = 0; k < w.depth; ++k) {
                     walk_line(w, index.data<int64_t>() + at_index + k * w.index_depth,
                               values.data<T>() + at_value + k * w.value_depth,
                               target.data<T>() + at_target, n, f);
                   }
                 }
               });
}

void gather_cpu(const Tensor& out, const Tensor& source, int64_t dim, const Tensor& index) {
  if (index.numel() == 0) return;
  const Walk w(index, out, source, dim);
  // A line read here and there comes into the cache sooner as a whole.
  const int64_t bytes = w.size * source.item_size();
  const bool whole = w.step == 1 && w.length >= w.size / 4 && bytes <= kLineBytes;
  by_size(out.item_size(), [&]<class T>(T) {
    walk<T>(
        w, index, out, source, false,
        [&](int64_t at) {
          const auto* from = reinterpret_cast<const char*>(source.data<T>() + at);
          for (int64_t byte = 0; whole && byte < bytes; byte += 64) __builtin_prefetch(from + byte);
        },
        [](T& to, const T& from) { to = from; });
  });
}

// Half types are computed in float32.
template <class T, class F>
T computed(T a, T b, F f) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(f(static_cast<float>(a), static_cast<float>(b)));
  } else {
    return static_cast<T>(f(a, b));
  }
}

template <class T, class F>
void change(const Tensor& target, const Tensor& base, int64_t dim, const Tensor& index,
            const Tensor& values, F f) {
  auto copy = [&] {
    if (base.defined())
      kernels::copy(target, base.alias(target.sizes(), target.strides(), base.offset()));
  };
  if (index.numel() == 0) return copy();
  const Walk w(index, values, target, dim);
  // Each line of the target is copied when its turn comes, if all of them have one.
  const bool by_line = base.defined() && dim == index.dim() - 1 && base.is_contiguous() &&
                       w.outer * w.size == target.numel();
  if (!by_line) copy();
  walk<T>(
      w, index, values, target, true,
      [&](int64_t at) {
        if (by_line) std::copy_n(base.data<T>() + at, w.size, target.data<T>() + at);
      },
      f);
}

template <class T, class F>
void change_with(const Tensor& target, const Tensor& base, int64_t dim, const Tensor& index,
                 const Tensor& values, F f) {
  change<T>(target, base, dim, index, values,
            [&](const T& from, T& to) { to = computed(to, from, f); });
}

void scatter_cpu(const Tensor& target, const Tensor& base, int64_t dim, const Tensor& index,
                 const Tensor& values, ScatterMode mode) {
  auto reduce = [&]<class T>(T, auto f) { change_with<T>(target, base, dim, index, values, f); };
  switch (mode) {
    case ScatterMode::Assign:
      by_size(target.item_size(), [&]<class T>(T) {
        change<T>(target, base, dim, index, values, [](const T& from, T& to) { to = from; });
      });
      break;
    case ScatterMode::Add:
      FB_DISPATCH(target.dtype(), FB_ALL, "scatter_add_",
                  { reduce(scalar_t(), [](auto a, auto b) { return a + b; }); });
      break;
    case ScatterMode::Multiply:
      FB_DISPATCH(target.dtype(), FB_ALL, "scatter_multiply_",
                  { reduce(scalar_t(), [](auto a, auto b) { return a * b; }); });
      break;
    case ScatterMode::Max:  // a NaN stays
      FB_DISPATCH(target.dtype(), FB_REAL_BOOL, "scatter_amax_",
                  { reduce(scalar_t(), [](auto a, auto b) { return b > a || b != b ? b : a; }); });
      break;
    case ScatterMode::Min:
      FB_DISPATCH(target.dtype(), FB_REAL_BOOL, "scatter_amin_",
                  { reduce(scalar_t(), [](auto a, auto b) { return b < a || b != b ? b : a; }); });
      break;
  }
}

CPU_KERNEL(gather, gather_cpu)
CPU_KERNEL(scatter, scatter_cpu)

}  // namespace
}  // namespace fb
