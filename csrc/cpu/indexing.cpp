#include "ops/indexing_kernels.h"

#include <cstring>

#include "core/error.h"
#include "cpu/by_size.h"
#include "cpu/convert.h"
#include "cpu/elementwise.h"
#include "cpu/fold.h"
#include "ops/copy_kernels.h"

namespace fb {
namespace {

constexpr int64_t kGrain = 32768;  // elements

// to[k] = wrapped(from[k]); every one must be less than `size`. Without branches, so that it runs
// in vector registers.
template <class Wrap, class Fail>
void wrap_indices(int64_t* to, const int64_t* from, int64_t n, int64_t size, Wrap wrapped,
                  Fail fail) {
  uint64_t worst = 0;
  for (int64_t k = 0; k < n; ++k) {
    to[k] = wrapped(from[k]);
    worst = std::max(worst, static_cast<uint64_t>(to[k]));
  }
  if (__builtin_expect(n == 0 || worst < static_cast<uint64_t>(size), 1)) return;
  for (int64_t k = 0; k < n; ++k) {
    if (static_cast<uint64_t>(to[k]) >= static_cast<uint64_t>(size)) fail(from[k]);
  }
}

constexpr int64_t kBlock = 512;  // indices wrapped at a time

void index_offsets_cpu(const Tensor& offsets, std::span<const Tensor> indices, Ints sizes,
                       Ints strides, bool negative, IndexError fail) {
  parallel_for(0, offsets.numel(), kGrain, [&](int64_t begin, int64_t end) {
    int64_t block[kBlock];
    for (int64_t at = begin; at < end; at += kBlock) {
      const int64_t n = std::min(kBlock, end - at);
      auto* out = offsets.data<int64_t>() + at;
      for (size_t d = 0; d < indices.size(); ++d) {
        const int64_t size = sizes[d], stride = strides[d], shift = negative ? size : 0;
        wrap_indices(
            block, indices[d].data<int64_t>() + at, n, size,
            [&](int64_t i) { return i < 0 ? i + shift : i; },
            [&](int64_t i) { fail(i, d, sizes); });
        if (d == 0) {
          for (int64_t k = 0; k < n; ++k) out[k] = block[k] * stride;
        } else {
          for (int64_t k = 0; k < n; ++k) out[k] += block[k] * stride;
        }
      }
    }
  });
}

void element_offsets_cpu(const Tensor& offsets, const Tensor& index, Ints sizes, Ints strides,
                         IndexError fail) {
  const int64_t numel = count_elements(sizes);
  const bool plain = is_contiguous(sizes, strides);
  parallel_for(0, offsets.numel(), kGrain / 4, [&](int64_t begin, int64_t end) {
    auto* to = offsets.data<int64_t>();
    wrap_indices(
        to + begin, index.data<int64_t>() + begin, end - begin, numel,
        [&](int64_t i) { return i < 0 ? i + numel : i; }, [&](int64_t i) { fail(i, 0, sizes); });
    for (int64_t k = begin; k < end && !plain; ++k) {
      int64_t i = to[k];
      to[k] = 0;
      for (size_t d = sizes.size(); d-- > 0;) {
        to[k] += i % sizes[d] * strides[d];
        i /= sizes[d];
      }
    }
  });
}

// Dimensions of two tensors walked together, innermost first; neighbours are joined where both can
// be.
struct Axes {
  SmallVector<int64_t, 6> sizes, a, b;
  int64_t count = 1;

  void add(int64_t size, int64_t stride_a, int64_t stride_b) {
    count *= size;
    if (size == 1) return;
    if (!sizes.empty() && stride_a == a.back() * sizes.back() &&
        stride_b == b.back() * sizes.back()) {
      sizes.back() *= size;
      return;
    }
    sizes.push_back(size);
    a.push_back(stride_a);
    b.push_back(stride_b);
  }
  // Steps to the i-th position, the innermost `skip` dimensions left out.
  void locate(int64_t i, size_t skip, int64_t& at_a, int64_t& at_b) const {
    for (size_t d = skip; d < sizes.size() && i; ++d) {
      const int64_t k = i % sizes[d];
      i /= sizes[d];
      at_a += k * a[d];
      at_b += k * b[d];
    }
  }
};

// `a` has the slices one after the other in dimension `dim`, `b` has them at offsets.
struct Slices {
  Slices(const Tensor& a, const Tensor& b, int64_t dim)
      : slices(a.sizes()[dim]), stride(a.strides()[dim]) {
    for (int64_t d = a.dim(); d-- > 0;) {
      if (d != dim) (d > dim ? inner : outer).add(a.sizes()[d], a.strides()[d], b.strides()[d]);
    }
    if (!inner.sizes.empty()) {
      row = inner.sizes[0];
      row_a = inner.a[0];
      row_b = inner.b[0];
    }
    rows = row ? inner.count / row : 0;
  }
  int64_t slices, stride;
  Axes outer, inner;
  int64_t row = 1, row_a = 1, row_b = 1;  // the innermost dimension
  int64_t rows;
};

// f(a, b, n, stride_a, stride_b) for the columns [first, last) of all rows of the k-th slice.
template <class A, class B, class F>
void each_row(const Slices& s, A* a, B* b, int64_t first, int64_t last, F&& f) {
  for (int64_t r = 0; r < s.rows; ++r) {
    int64_t at_a = first * s.row_a, at_b = first * s.row_b;
    s.inner.locate(r, 1, at_a, at_b);
    f(a + at_a, b + at_b, last - first, s.row_a, s.row_b);
  }
}

template <class T>
struct CopyRow {
  void operator()(T* to, const T* from) const { *to = *from; }
  void operator()(T* to, const T* from, int64_t n, int64_t step_to, int64_t step_from) const {
    if (step_to == 1 && step_from == 1) {
      std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
    } else if (step_to == 1 && step_from == 0) {
      std::fill_n(to, n, *from);
    } else {
      for (int64_t i = 0; i < n; ++i) to[i * step_to] = from[i * step_from];
    }
  }
};

template <class T>
T sum_of(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return a || b;
  } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(static_cast<float>(a) + static_cast<float>(b));
  } else {
    return static_cast<T>(a + b);
  }
}

template <class T>
struct AddRow {
  void operator()(T* to, const T* from) const { *to = sum_of(*to, *from); }
  void operator()(T* to, const T* from, int64_t n, int64_t step_to, int64_t step_from) const {
    if (step_to == 1 && step_from == 1) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) to[i] = sum_of(to[i], from[i]);
    } else {
      for (int64_t i = 0; i < n; ++i)
        to[i * step_to] = sum_of(to[i * step_to], from[i * step_from]);
    }
  }
};

// Asks for the beginning of a row that is used soon; the rest follows by itself.
inline void prefetch_row(const void* row, int64_t bytes) {
  const char* p = static_cast<const char*>(row);
  for (int64_t at = 0; at < std::min<int64_t>(bytes, 1024); at += 64) __builtin_prefetch(p + at);
}
constexpr int64_t kAhead = 6;  // slices

template <class T>
void read(const Tensor& out, const Tensor& source, int64_t dim, const int64_t* offsets) {
  const Slices s(out, source, dim);
  T* to = out.data<T>();
  const T* from = source.data<T>();
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(s.inner.count, 1));
  const int64_t bytes = s.row * static_cast<int64_t>(sizeof(T));
  const bool stream = s.rows == 1 && s.row_a == 1 && s.row_b == 1 && out.is_contiguous() &&
                      can_stream(to, out.numel() * out.item_size(), bytes);
  parallel_for(0, s.outer.count * s.slices, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      int64_t k = i % s.slices, a = 0, b = 0;
      const int64_t stop = std::min(s.slices, k + end - i);
      s.outer.locate(i / s.slices, 0, a, b);
      i += stop - k;
      if (s.inner.count == 1) {
        for (; k < stop; ++k) to[a + k * s.stride] = from[b + offsets[k]];
        continue;
      }
      for (; k < stop; ++k) {
        if (k + kAhead < stop) prefetch_row(from + b + offsets[k + kAhead], bytes);
        if (stream) {
          stream_copy(to + a + k * s.stride, from + b + offsets[k], bytes);
        } else {
          each_row(s, to + a + k * s.stride, from + b + offsets[k], 0, s.row, CopyRow<T>());
        }
      }
    }
    if (stream) stream_fence();
  });
}

// Slices in the order of the bands of the target they lie in, within a band as given. A band stays
// in the cache of the thread that changes it.
class Bands {
 public:
  // Slices of `width` elements lie at offsets less than `extent`; `work` elements are written.
  Bands(std::span<const int64_t> offsets, int64_t extent, int64_t width, int64_t work)
      : keys_(std::ssize(offsets)), order_(std::ssize(offsets)) {
    constexpr int64_t kElements = 1 << 16;
    const int64_t places = (extent + width - 1) / width;
    const int64_t wanted =
        std::min({std::max(extent / kElements, std::min<int64_t>(32, work / kGrain)),
                  std::ssize(offsets) / 8, places, kMost});
    span = (places / std::max<int64_t>(wanted, 1) + 1) * width;
    count = (extent + span - 1) / span;
    // A division in vector registers: the quotient may be off by one.
    const double inverse = 1.0 / static_cast<double>(span);
    uint16_t* keys = keys_.data();
    for (size_t k = 0; k < offsets.size(); ++k) {
      auto key = static_cast<int64_t>(static_cast<double>(offsets[k]) * inverse);
      key -= key * span > offsets[k];
      key += (key + 1) * span <= offsets[k];
      keys[k] = static_cast<uint16_t>(key);
    }
    for (size_t k = 0; k < offsets.size(); ++k) ++ends_[keys[k] + 1];
    for (int64_t band = 0; band < count; ++band) ends_[band + 1] += ends_[band];
    for (int64_t k = 0; k < std::ssize(offsets); ++k) order_[ends_[keys_[k]]++] = k;
  }
  std::span<const int64_t> slices(int64_t band) const {
    const int64_t first = band ? ends_[band - 1] : 0;
    return {order_.data() + first, order_.data() + ends_[band]};
  }
  int64_t count, span;  // span: elements of a band

 private:
  static constexpr int64_t kMost = 4096;
  Scratch<uint16_t> keys_;
  Scratch<int64_t> order_;
  int64_t ends_[kMost + 1] = {};
};

// For slices of neighbouring elements in one dimension.
template <class T, class Row>
struct BandWriter {
  const Slices& s;
  const T* from;
  T* to;
  std::span<const int64_t> offsets;
  Row row;

  int64_t bytes() const { return s.row * static_cast<int64_t>(sizeof(T)); }
  void change(T* place, int64_t k) const { row(place, from + k * s.stride, s.row, 1, s.row_a); }

  void run(const T* base, int64_t extent) const {
    const Bands bands(offsets, extent, s.row, s.slices * s.row);
    const bool stream = base && can_stream(to, extent * static_cast<int64_t>(sizeof(T)), bytes());
    parallel_for(0, bands.count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t band = begin; band < end; ++band) {
        const int64_t first = band * bands.span, n = std::min(bands.span, extent - first);
        if (stream) {
          fill(bands.slices(band), base, first, n);
        } else {
          if (base) std::memcpy(to + first, base + first, static_cast<size_t>(n) * sizeof(T));
          change_all(bands.slices(band));
        }
      }
      if (stream) stream_fence();
    });
  }
  void change_all(std::span<const int64_t> slices) const {
    for (size_t i = 0; i < slices.size(); ++i) {
      if (i + kAhead < slices.size()) {
        const int64_t next = slices[i + kAhead];
        prefetch_row(from + next * s.stride, bytes());
        prefetch_row(to + offsets[next], bytes());
      }
      change(to + offsets[slices[i]], slices[i]);
    }
  }
  // The target becomes a copy of `base` in [first, first + n), place by place: each is changed by
  // its slices and then written past the caches.
  void fill(std::span<const int64_t> slices, const T* base, int64_t first, int64_t n) const {
    const int64_t places = n / s.row;
    Scratch<int64_t> ends(places + 1), sorted(std::ssize(slices));
    std::fill_n(ends.data(), places + 1, 0);
    auto place_of = [&](int64_t k) { return (offsets[k] - first) / s.row; };
    for (int64_t k : slices) ++ends[place_of(k) + 1];
    for (int64_t p = 0; p < places; ++p) ends[p + 1] += ends[p];
    for (int64_t k : slices) sorted[ends[place_of(k)]++] = k;
    Scratch<T> place(s.row);
    for (int64_t p = 0, i = 0; p < places; ++p) {
      const int64_t at = first + p * s.row;
      std::memcpy(place.data(), base + at, static_cast<size_t>(bytes()));
      for (; i < ends[p]; ++i) {
        if (i + kAhead < std::ssize(slices))
          prefetch_row(from + sorted[i + kAhead] * s.stride, bytes());
        change(place.data(), sorted[i]);
      }
      stream_copy(to + at, place.data(), bytes());
    }
  }
};

// Slices may meet in the target. Work is divided so that all writes to one element are of one
// thread, in order of k.
template <class T, class Row>
void write(const Tensor& target, const Tensor& base, const Tensor& values, int64_t dim,
           std::span<const int64_t> offsets, Row row) {
  const Slices s(values, target, dim);
  const T* from = values.data<T>();
  T* to = target.data<T>();
  const int64_t work = s.slices * s.inner.count;
  int64_t extent = base.defined() ? base.numel() : 0;
  if (!base.defined())
    for (int64_t offset : offsets) extent = std::max(extent, offset + 1);
  const bool apart = s.outer.count == 1 && s.rows == 1 && s.row_b == 1 && s.row >= 16;
  if (apart && work >= 2 * kGrain && extent >= 32 * s.row &&
      (!base.defined() || base.is_contiguous())) {
    return BandWriter<T, Row>{s, from, to, offsets, row}.run(
        base.defined() ? base.data<T>() : nullptr, extent);
  }
  if (base.defined())
    kernels::copy(target.alias(base.sizes(), base.strides(), target.offset()), base);
  if (values.numel() == 0) return;
  auto write_row = [&](const T* value, T* place, int64_t n, int64_t step_value,
                       int64_t step_place) { row(place, value, n, step_place, step_value); };
  auto columns = [&](int64_t o, int64_t first, int64_t last) {
    int64_t a = 0, b = 0;
    s.outer.locate(o, 0, a, b);
    if (s.inner.count == 1) {
      for (int64_t k = 0; k < s.slices; ++k) row(to + b + offsets[k], from + a + k * s.stride);
      return;
    }
    for (int64_t k = 0; k < s.slices; ++k) {
      each_row(s, from + a + k * s.stride, to + b + offsets[k], first, last, write_row);
    }
  };
  if (s.outer.count > 1) {
    parallel_for(0, s.outer.count, std::max<int64_t>(1, kGrain / work),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t o = begin; o < end; ++o) columns(o, 0, s.row);
                 });
    return;
  }
  constexpr int64_t kColumns = 32;  // whole cache lines
  const int64_t pieces = s.row / kColumns, per_piece = work / std::max<int64_t>(pieces, 1);
  if (pieces < 2) return columns(0, 0, s.row);
  parallel_for(0, pieces, std::max<int64_t>(1, kGrain / std::max<int64_t>(per_piece, 1)),
               [&](int64_t begin, int64_t end) {
                 columns(0, begin * kColumns, end == pieces ? s.row : end * kColumns);
               });
}

std::span<const int64_t> numbers(const Tensor& offsets) {
  return {offsets.data<int64_t>(), static_cast<size_t>(offsets.numel())};
}

void read_slices_cpu(const Tensor& out, const Tensor& source, int64_t dim, const Tensor& offsets) {
  if (out.numel() == 0) return;
  by_size(out.item_size(), [&]<class T>(T) { read<T>(out, source, dim, offsets.data<int64_t>()); });
}

void write_slices_cpu(const Tensor& target, const Tensor& base, const Tensor& values, int64_t dim,
                      const Tensor& offsets) {
  by_size(target.item_size(),
          [&]<class T>(T) { write<T>(target, base, values, dim, numbers(offsets), CopyRow<T>()); });
}

void add_slices_cpu(const Tensor& target, const Tensor& base, const Tensor& values, int64_t dim,
                    const Tensor& offsets) {
  FB_DISPATCH(target.dtype(), FB_ALL, "index_add", {
    write<scalar_t>(target, base, values, dim, numbers(offsets), AddRow<scalar_t>());
  });
}

CPU_KERNEL(index_offsets, index_offsets_cpu)
CPU_KERNEL(element_offsets, element_offsets_cpu)
CPU_KERNEL(read_slices, read_slices_cpu)
CPU_KERNEL(write_slices, write_slices_cpu)
CPU_KERNEL(add_slices, add_slices_cpu)

}  // namespace
}  // namespace fb
