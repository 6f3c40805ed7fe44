#include "ops/searching_kernels.h"

#include "core/error.h"
#include "cpu/cpu.h"

namespace fb {
namespace {

template <class T>
auto comparable(T v) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return static_cast<float>(v);
  } else {
    return v;
  }
}

// The first place whose boundary is not less than the value, or, to the right, greater. NaN counts
// as greatest.
template <class T>
int64_t place(const T* row, const int64_t* sorter, int64_t n, T given, bool right) {
  const auto value = comparable(given);
  auto beyond = [&](int64_t i) {
    const auto boundary = comparable(row[sorter ? sorter[i] : i]);
    return right ? !(boundary > value) : !(boundary >= value);
  };
  // Without branches: which way the search goes cannot be foreseen. Probes are PyTorch's, for
  // sequences that are not sorted.
  int64_t first = 0, last = n;
  while (first < last) {
    const int64_t middle = first + (last - first) / 2;
    const int64_t up = -static_cast<int64_t>(beyond(middle));
    first += (middle + 1 - first) & up;
    last -= (last - middle) & ~up;
  }
  return first;
}

template <class T, class Index>
void search(const Tensor& out, const Tensor& values, const Tensor& boundaries, const Tensor& sorter,
            bool right) {
  const int64_t n = boundaries.sizes().back(), total = values.numel();
  const int64_t per_row = boundaries.dim() == 1 ? total : values.sizes().back();
  const T *rows = boundaries.data<T>(), *v = values.data<T>();
  const int64_t* order = sorter.defined() ? sorter.data<int64_t>() : nullptr;
  auto* to = out.data<Index>();
  parallel_for(0, total, 2048, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t start = i / per_row * n;
      to[i] =
          static_cast<Index>(place(rows + start, order ? order + start : nullptr, n, v[i], right));
    }
  });
}

void search_sorted_cpu(const Tensor& out, const Tensor& values, const Tensor& boundaries,
                       const Tensor& sorter, bool right) {
  if (values.numel() == 0) return;
  FB_DISPATCH(values.dtype(), FB_REAL, "searchsorted", {
    if (out.dtype() == DType::Int32) {
      search<scalar_t, int32_t>(out, values, boundaries, sorter, right);
    } else {
      search<scalar_t, int64_t>(out, values, boundaries, sorter, right);
    }
  });
}

CPU_KERNEL(search_sorted, search_sorted_cpu)

}  // namespace
}  // namespace fb
