#include "ops/reduce_kernels.h"

#include "cpu/reduction.h"

namespace fb::FB_CPU_NAMESPACE {
namespace {

// Type in which elements are added up.
template <class T> struct Sum {
  using type = T;
};
template <> struct Sum<Half> {
  using type = float;
};
template <> struct Sum<BFloat16> {
  using type = float;
};
template <> struct Sum<uint8_t> {
  using type = int64_t;
};
template <> struct Sum<int8_t> {
  using type = int64_t;
};
template <> struct Sum<int16_t> {
  using type = int64_t;
};
template <> struct Sum<int32_t> {
  using type = int64_t;
};
template <> struct Sum<bool> {
  using type = int64_t;
};

constexpr int64_t kBlock = 2048;   // elements that are added straight on
constexpr int64_t kColumns = 128;  // columns that are added side by side

template <class A, class T>
A sum_block(const T* p, int64_t n, int64_t stride) {
  constexpr int kLanes = sizeof(A) >= 16 ? 8 : 64;
  A lanes[kLanes] = {};
  int64_t i = 0;
  if (stride == 1) {
    for (; i + kLanes <= n; i += kLanes)
      for (int k = 0; k < kLanes; ++k) lanes[k] += static_cast<A>(p[i + k]);
  } else {
    for (; i + kLanes <= n; i += kLanes)
      for (int k = 0; k < kLanes; ++k) lanes[k] += static_cast<A>(p[(i + k) * stride]);
  }
  for (int k = 0; i < n; ++i, ++k) lanes[k] += static_cast<A>(p[i * stride]);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int k = 0; k < width; ++k) lanes[k] += lanes[k + width];
  return lanes[0];
}

// Pairwise over blocks: the error grows with the logarithm of n.
template <class A, class T>
A sum_run(const T* p, int64_t n, int64_t stride) {
  if (n <= kBlock) return sum_block<A>(p, n, stride);
  int64_t half = (n / 2 + kBlock - 1) / kBlock * kBlock;
  return sum_run<A>(p, half, stride) + sum_run<A>(p + half * stride, n - half, stride);
}

// One output: pairwise over the runs of the innermost reduced dimension.
template <class A, class T>
A sum_runs(const T* p, const ReduceLayout& l, int64_t first, int64_t count) {
  if (count == 1) {
    Ints sizes = l.reduced_sizes, strides = l.reduced_strides;
    if (sizes.empty()) return static_cast<A>(*p);
    int64_t at = 0, i = first;
    for (size_t d = 1; d < sizes.size(); ++d) {
      at += i % sizes[d] * strides[d];
      i /= sizes[d];
    }
    return sum_run<A>(p + at, sizes[0], strides[0]);
  }
  int64_t half = count / 2;
  return sum_runs<A>(p, l, first, half) + sum_runs<A>(p, l, first + half, count - half);
}

template <class A, class T>
void add_rows(const T* p, const ReduceLayout& l, int64_t first, int64_t count, int64_t width,
              A* sum) {
  constexpr int64_t kRows = 256;
  if (count > kRows) {
    int64_t half = (count / 2 + kRows - 1) / kRows * kRows;
    A right[kColumns];
    add_rows(p, l, first, half, width, sum);
    add_rows(p, l, first + half, count - half, width, right);
    for (int64_t c = 0; c < width; ++c) sum[c] += right[c];
    return;
  }
  for (int64_t c = 0; c < width; ++c) sum[c] = A();
  for (int64_t r = first; r < first + count; ++r) {
    const T* row = p + ReduceLayout::offset(l.reduced_sizes, l.reduced_strides, r);
    for (int64_t c = 0; c < width; ++c) sum[c] += static_cast<A>(row[c]);
  }
}

template <class T, class R>
void sum_into(R* out, const T* in, const ReduceLayout& l) {
  using A = typename Sum<T>::type;
  if (l.reduced == 0) {
    std::fill(out, out + l.kept, R());
    return;
  }
  constexpr int64_t kGrain = 32768;
  bool columns = !l.kept_sizes.empty() && l.kept_strides[0] == 1 &&
                 (l.reduced_sizes.empty() || l.reduced_strides[0] != 1);
  if (columns) {
    int64_t width = l.kept_sizes[0], strips = (width + kColumns - 1) / kColumns,
            outer = l.kept / width;
    parallel_for(0, outer * strips, std::max<int64_t>(1, kGrain / (kColumns * l.reduced)),
                 [&](int64_t from, int64_t to) {
                   for (int64_t s = from; s < to; ++s) {
                     int64_t start = s % strips * kColumns, n = std::min(kColumns, width - start),
                             row = s / strips * width;
                     A sums[kColumns];
                     add_rows(in + ReduceLayout::offset(l.kept_sizes, l.kept_strides, row) + start,
                              l, 0, l.reduced, n, sums);
                     for (int64_t c = 0; c < n; ++c) out[row + start + c] = static_cast<R>(sums[c]);
                   }
                 });
    return;
  }
  int64_t runs = l.reduced_sizes.empty() ? 1 : l.reduced / l.reduced_sizes[0];
  constexpr int64_t kPart = 1 << 16;
  if (l.kept == 1 && runs == 1 && l.reduced > 2 * kPart) {
    // One long run: parts of a fixed size, combined in order.
    int64_t parts = (l.reduced + kPart - 1) / kPart, stride = l.reduced_strides[0];
    std::vector<A> partial(static_cast<size_t>(parts));
    parallel_for(0, parts, 1, [&](int64_t from, int64_t to) {
      for (int64_t p = from; p < to; ++p)
        partial[static_cast<size_t>(p)] =
            sum_run<A>(in + p * kPart * stride, std::min(kPart, l.reduced - p * kPart), stride);
    });
    out[0] = static_cast<R>(sum_run<A>(partial.data(), parts, 1));
    return;
  }
  parallel_for(0, l.kept, std::max<int64_t>(1, kGrain / l.reduced), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i)
      out[i] = static_cast<R>(
          sum_runs<A>(in + ReduceLayout::offset(l.kept_sizes, l.kept_strides, i), l, 0, runs));
  });
}

// The result is of the input's type, or int64 for integers.
void sum_cpu(const Tensor& out, const Tensor& input) {
  if (out.numel() == 0) return;
  ReduceLayout layout(out, input);
  FB_DISPATCH(input.dtype(), FB_ALL, "sum", {
    if (out.dtype() == dtype_of<scalar_t>) {
      sum_into(out.data<scalar_t>(), input.data<scalar_t>(), layout);
    } else {
      sum_into(out.data<typename Sum<scalar_t>::type>(), input.data<scalar_t>(), layout);
    }
  });
}
CPU_KERNEL(sum, sum_cpu)

}  // namespace
}  // namespace fb::FB_CPU_NAMESPACE
