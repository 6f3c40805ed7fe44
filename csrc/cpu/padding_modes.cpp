#include <cstring>

#include "cpu/by_size.h"
#include "ops/padding_modes_kernels.h"

namespace fb {
namespace {

constexpr int64_t kGrain = 64 << 10;  // bytes

// What a map does to the innermost dimension: a run of neighbours, and single places around it.
struct Run {
  explicit Run(const Tensor& map) : source(map.data<int64_t>()), length(map.numel()) {
    for (int64_t o = 0; o < length;) {
      int64_t last = o + 1;
      while (last < length && source[last] == source[last - 1] + 1) ++last;
      if (last - o > end - begin) {
        begin = o;
        end = last;
      }
      o = last;
    }
  }
  const int64_t* source;
  int64_t length, begin = 0, end = 0;
};

// Sizes and maps of a box of up to any number of dimensions, the innermost apart.
struct Walk {
  Walk(std::span<const Tensor> maps, const Tensor& small, int64_t inner)
      : row(maps.back()), inner(inner) {
    const auto first = static_cast<size_t>(small.dim()) - maps.size();
    sizes.assign(small.sizes().data() + first, maps.size());
    for (size_t k = 0; k + 1 < maps.size(); ++k) {
      outer.push_back(maps[k].numel());
      tables.push_back(maps[k].data<int64_t>());
      rows *= maps[k].numel();
    }
    for (int64_t n : sizes) small_plane *= n;
  }
  // Where the r-th row of a plane of the large tensor has its source, in elements of the small
  // plane.
  int64_t source_row(int64_t r) const {
    int64_t at = 0, step = sizes.back();
    for (size_t k = outer.size(); k-- > 0;) {
      at += tables[k][r % outer[k]] * step;
      r /= outer[k];
      step *= sizes[k];
    }
    return at;
  }
  Run row;
  int64_t inner, rows = 1, small_plane = 1;
  Dims sizes, outer;
  SmallVector<const int64_t*, 3> tables;
};

template <class T>
void gather_row(T* out, const T* in, const Run& row, int64_t inner) {
  if (inner == 1) {
    for (int64_t o = 0; o < row.begin; ++o) out[o] = in[row.source[o]];
    for (int64_t o = row.end; o < row.length; ++o) out[o] = in[row.source[o]];
  } else {
    const auto bytes = static_cast<size_t>(inner) * sizeof(T);
    auto copy = [&](int64_t o) { std::memcpy(out + o * inner, in + row.source[o] * inner, bytes); };
    for (int64_t o = 0; o < row.begin; ++o) copy(o);
    for (int64_t o = row.end; o < row.length; ++o) copy(o);
  }
  if (row.end > row.begin) {
    std::memcpy(out + row.begin * inner, in + row.source[row.begin] * inner,
                static_cast<size_t>((row.end - row.begin) * inner) * sizeof(T));
  }
}

template <class T>
void gather(const Tensor& out, const Tensor& input, const Walk& walk) {
  const int64_t row = walk.row.length * walk.inner;
  auto* to = out.data<T>();
  const auto* from = input.data<T>();
  parallel_for(
      0, out.numel() / row, std::max<int64_t>(1, kGrain / (row * static_cast<int64_t>(sizeof(T)))),
      [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t source = r / walk.rows * walk.small_plane + walk.source_row(r % walk.rows);
          gather_row(to + r * row, from + source * walk.inner, walk.row, walk.inner);
        }
      });
}

void gather_box_cpu(const Tensor& out, const Tensor& input, std::span<const Tensor> maps,
                    int64_t inner) {
  const Walk walk(maps, input, inner);
  by_size(out.item_size(), [&]<class T>(T) { gather<T>(out, input, walk); });
}

template <class T>
void add_row(T* to, const T* values, const Run& row, int64_t inner) {
  auto add = [&](int64_t o, int64_t n) {
    T* target = to + row.source[o] * inner;
    const T* from = values + o * inner;
    for (int64_t i = 0; i < n * inner; ++i) target[i] += from[i];
  };
  for (int64_t o = 0; o < row.begin; ++o) add(o, 1);
  add(row.begin, row.end - row.begin);
  for (int64_t o = row.end; o < row.length; ++o) add(o, 1);
}

template <class T>
void add(const Tensor& target, const Tensor& values, const Walk& walk) {
  const int64_t row = walk.row.length * walk.inner, plane = walk.rows * row;
  auto* to = target.data<T>();
  const auto* from = values.data<T>();
  // Several places of a plane have one source, so a plane is not shared between threads.
  parallel_for(0, values.numel() / plane,
               std::max<int64_t>(1, kGrain / (plane * static_cast<int64_t>(sizeof(T)))),
               [&](int64_t begin, int64_t end) {
                 for (int64_t p = begin; p < end; ++p) {
                   for (int64_t r = 0; r < walk.rows; ++r) {
                     add_row(to + (p * walk.small_plane + walk.source_row(r)) * walk.inner,
                             from + p * plane + r * row, walk.row, walk.inner);
                   }
                 }
               });
}

void add_box_cpu(const Tensor& target, const Tensor& values, std::span<const Tensor> maps,
                 int64_t inner) {
  const Walk walk(maps, target, inner);
  switch (target.dtype()) {
    case DType::Float32:
      return add<float>(target, values, walk);
    case DType::Float64:
      return add<double>(target, values, walk);
    case DType::Complex64:
      return add<complex64>(target, values, walk);
    case DType::Complex128:
      return add<complex128>(target, values, walk);
    default:
      raise_unsupported_dtype("pad_backward", target.dtype());
  }
}

CPU_KERNEL(gather_box, gather_box_cpu)
CPU_KERNEL(add_box, add_box_cpu)

}  // namespace
}  // namespace fb
