#include "ops/copy_kernels.h"

#include <cstring>

#include "cpu/by_size.h"
#include "cpu/convert.h"
#include "cpu/elementwise.h"
#include "cpu/vector.h"

namespace fb {
namespace {

constexpr int64_t kCopyGrain = 256 << 10;  // bytes

// Both are the same block of memory up to the offset.
bool laid_out_alike(const Tensor& out, const Tensor& src) {
  if (out.is_contiguous() && src.is_contiguous()) return out.numel() == src.numel();
  if (!same_shape(out.sizes(), src.sizes())) return false;
  for (size_t d = 0; d < out.sizes().size(); ++d) {
    if (out.sizes()[d] != 1 && out.strides()[d] != src.strides()[d]) return false;
  }
  return is_dense(out.sizes(), out.strides());
}

void copy_bytes(char* dst, const char* src, int64_t nbytes) {
  const bool stream = can_stream(dst, nbytes);
  const int64_t lines = (nbytes + 63) / 64;
  parallel_for(0, lines, kCopyGrain / 64, [&](int64_t begin, int64_t end) {
    int64_t from = begin * 64, n = std::min(end * 64, nbytes) - from;
    if (stream) {
      stream_copy(dst + from, src + from, n);
      stream_fence();
    } else {
      std::memcpy(dst + from, src + from, static_cast<size_t>(n));
    }
  });
}

void convert_dense(char* dst, DType to, const char* src, DType from, int64_t n) {
  constexpr int64_t kPiece = 4096;
  const int64_t to_size = item_size(to), from_size = item_size(from);
  if (n <= 4 * kPiece) return convert(dst, to, src, from, n);
  const bool stream = can_stream(dst, n * to_size);
  parallel_for(0, (n + kPiece - 1) / kPiece, 16, [&](int64_t begin, int64_t end) {
    alignas(64) char block[kPiece * 16];
    for (int64_t piece = begin; piece < end; ++piece) {
      int64_t at = piece * kPiece, m = std::min(kPiece, n - at);
      if (stream) {
        convert(block, to, src + at * from_size, from, m);
        stream_copy(dst + at * to_size, block, m * to_size);
      } else {
        convert(dst + at * to_size, to, src + at * from_size, from, m);
      }
    }
    if (stream) stream_fence();
  });
}

// --- transposition ---

// dst[i][j] = src[j][i]; strides in elements.
template <class T>
void transpose_square(T* dst, int64_t dst_stride, const T* src, int64_t src_stride,
                      bool past_caches) {
  Vector<T> rows[kLanes<T>];
#pragma GCC unroll 16
  for (int j = 0; j < kLanes<T>; ++j) rows[j] = load(src + j * src_stride);
  transpose<T>(rows);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes<T>; ++i) {
    T* to = dst + i * dst_stride;
    past_caches ? stream(to, rows[i]) : store(to, rows[i]);
  }
}

template <class T>
constexpr int kTile = sizeof(T) >= 4 ? kLanes<T> : 16;

template <class T>
void transpose_tile(T* dst, int64_t dst_stride, const T* src, int64_t src_stride, int64_t rows,
                    int64_t columns, bool past_caches) {
  constexpr int n = kTile<T>;
  if (rows == n && columns == n) {
    if constexpr (sizeof(T) >= 4) {
      return transpose_square(dst, dst_stride, src, src_stride, past_caches);
    } else {
      T tile[n][n];
      for (int j = 0; j < n; ++j) std::memcpy(tile[j], src + j * src_stride, sizeof(tile[j]));
      for (int i = 0; i < n; ++i) {
        T row[n];
        for (int j = 0; j < n; ++j) row[j] = tile[j][i];
        std::memcpy(dst + i * dst_stride, row, sizeof(row));
      }
      return;
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) dst[i * dst_stride + j] = src[j * src_stride + i];
  }
}

struct Plane {
  int64_t rows, columns;           // of dst: columns are contiguous there, rows in src
  int64_t dst_stride, src_stride;  // between rows of dst, between columns in src
};

// A few rows of the source become the columns of the result, in vector registers.
template <int kColumns, class T>
void interleave(T* dst, const T* src, int64_t src_stride, int64_t rows) {
#pragma GCC ivdep
  for (int64_t i = 0; i < rows; ++i) {
    for (int j = 0; j < kColumns; ++j) dst[i * kColumns + j] = src[j * src_stride + i];
  }
}

template <class T>
void transpose_plane(T* dst, const T* src, const Plane& p, bool past_caches) {
  if (p.columns == p.dst_stride && p.columns <= 4) {
    if (p.columns == 2) return interleave<2>(dst, src, p.src_stride, p.rows);
    if (p.columns == 3) return interleave<3>(dst, src, p.src_stride, p.rows);
    if (p.columns == 4) return interleave<4>(dst, src, p.src_stride, p.rows);
  }
  // Along the source's lines, for as long as lines of the result that two tiles share stay in the
  // first-level cache.
  const int64_t patch = past_caches ? p.rows : 64;
  for (int64_t r = 0; r < p.rows; r += patch) {
    const int64_t r_end = std::min(r + patch, p.rows);
    for (int64_t j = 0; j < p.columns; j += kTile<T>) {
      const int64_t columns = std::min<int64_t>(kTile<T>, p.columns - j);
      for (int64_t i = r; i < r_end; i += kTile<T>) {
        transpose_tile(dst + i * p.dst_stride + j, p.dst_stride, src + j * p.src_stride + i,
                       p.src_stride, std::min<int64_t>(kTile<T>, r_end - i), columns, past_caches);
      }
    }
  }
}

// Whether each vector of the result can be written past the caches.
template <class T>
bool streams_tiles(const Geometry& g, const T* dst) {
  if (sizeof(T) < 4 || !kStreamsVectors) return false;
  int64_t nbytes = 2 * sizeof(T), together = 0;
  for (size_t d = 0; d < g.sizes.size(); ++d) {
    nbytes *= g.sizes[d];
    if (d > 0) together |= g.strides[0][d];
  }
  return can_stream(dst, nbytes, together * static_cast<int64_t>(sizeof(T)));
}

template <class T>
void transpose(const Geometry& g, size_t row_dim, T* dst, const T* src) {
  constexpr int64_t kRows = 512, kColumns = 256;  // of a plane for one thread
  const Plane plane{g.sizes[row_dim], g.sizes[0], g.strides[0][row_dim], g.strides[1][0]};
  const int64_t bands = (plane.rows + kRows - 1) / kRows;
  const int64_t strips = (plane.columns + kColumns - 1) / kColumns;
  int64_t planes = 1;
  for (size_t d = 1; d < g.sizes.size(); ++d) {
    if (d != row_dim) planes *= g.sizes[d];
  }
  const int64_t largest = std::min(kRows, plane.rows) * std::min(kColumns, plane.columns);
  const bool past_caches = streams_tiles(g, dst);
  const int64_t grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(largest, 1));
  parallel_for(0, planes * bands * strips, grain, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t row = k % bands * kRows, column = k / bands % strips * kColumns;
      int64_t rest = k / bands / strips;
      int64_t to = row * plane.dst_stride + column, from = row + column * plane.src_stride;
      for (size_t d = 1; d < g.sizes.size(); ++d) {
        if (d == row_dim) continue;
        to += rest % g.sizes[d] * g.strides[0][d];
        from += rest % g.sizes[d] * g.strides[1][d];
        rest /= g.sizes[d];
      }
      Plane part = plane;
      part.rows = std::min(kRows, plane.rows - row);
      part.columns = std::min(kColumns, plane.columns - column);
      transpose_plane(dst + to, src + from, part, past_caches);
    }
    if (past_caches) stream_fence();
  });
}

// Where the source runs along another dimension than the result: NCHW <-> NHWC, transposed
// matrices.
bool copy_transposed(const Geometry& g, const Tensor& out, const Tensor& src) {
  if (g.strides[0][0] != 1 || g.strides[1][0] <= 1) return false;
  const int64_t fewest_rows = g.sizes[0] < 4 ? 32 : 4;
  size_t row_dim = 0;
  for (size_t d = 1; d < g.sizes.size(); ++d) {
    if (g.strides[1][d] == 1 && g.sizes[d] >= fewest_rows) row_dim = d;
  }
  if (row_dim == 0) return false;
  switch (out.item_size()) {
    case 1:
      transpose(g, row_dim, out.data<uint8_t>(), src.data<uint8_t>());
      return true;
    case 2:
      transpose(g, row_dim, out.data<uint16_t>(), src.data<uint16_t>());
      return true;
    case 4:
      transpose(g, row_dim, out.data<uint32_t>(), src.data<uint32_t>());
      return true;
    case 8:
      transpose(g, row_dim, out.data<uint64_t>(), src.data<uint64_t>());
      return true;
    default:
      return false;
  }
}

// --- rows ---

template <class T>
void copy_row(T* dst, const T* src, int64_t stride, int64_t n) {
  if (stride == 1) {
    std::memmove(dst, src, static_cast<size_t>(n) * sizeof(T));
  } else if (stride == 0) {
    std::fill_n(dst, n, *src);
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i] = src[-i];
  }
}

// The innermost dimension in pieces, so that a few long rows are work for several threads.
template <class T>
void copy_rows(const Geometry& g, T* dst, const T* src) {
  constexpr int64_t kPiece = kCopyGrain / static_cast<int64_t>(sizeof(T));
  const int64_t n = g.sizes[0], stride = g.strides[1][0];
  const int64_t pieces = (n + kPiece - 1) / kPiece, length = std::min(n, kPiece);
  const size_t ndim = g.sizes.size();
  parallel_for(0, g.numel / n * pieces, kPiece / length, [&](int64_t begin, int64_t end) {
    SmallVector<int64_t, 6> at(ndim, 0);
    int64_t to = 0, from = 0, row = begin / pieces;
    for (size_t d = 1; d < ndim; ++d) {
      at[d] = row % g.sizes[d];
      row /= g.sizes[d];
      to += at[d] * g.strides[0][d];
      from += at[d] * g.strides[1][d];
    }
    for (int64_t k = begin, piece = begin % pieces; k < end; ++k) {
      const int64_t first = piece * kPiece;
      copy_row(dst + to + first, src + from + first * stride, stride, std::min(length, n - first));
      if (++piece < pieces) continue;
      piece = 0;
      for (size_t d = 1; d < ndim; ++d) {
        to += g.strides[0][d];
        from += g.strides[1][d];
        if (++at[d] < g.sizes[d]) break;
        to -= g.sizes[d] * g.strides[0][d];
        from -= g.sizes[d] * g.strides[1][d];
        at[d] = 0;
      }
    }
  });
}

// Where elements lie side by side in the result, and in the source side by side too, in reverse, or
// all in one place.
bool copy_rows(const Geometry& g, const Tensor& out, const Tensor& src) {
  const int64_t stride = g.strides[1][0];
  if (g.strides[0][0] != 1 || stride < -1 || stride > 1 || g.sizes[0] < 4) return false;
  by_size(out.item_size(), [&]<class T>(T) { copy_rows(g, out.data<T>(), src.data<T>()); });
  return true;
}

template <class T>
void copy_loop_run(char* const* data, int64_t n, const void*) {
  std::memcpy(data[0], data[1], static_cast<size_t>(n) * sizeof(T));
}

void copy_cpu(const Tensor& out, const Tensor& src) {
  const int64_t n = out.numel();
  if (n == 0) return;
  const bool same = out.dtype() == src.dtype();
  if (laid_out_alike(out, src)) {
    char *to = static_cast<char*>(out.raw()), *from = static_cast<char*>(src.raw());
    if (same) {
      if (to != from) copy_bytes(to, from, n * out.item_size());
    } else {
      convert_dense(to, out.dtype(), from, src.dtype(), n);
    }
    return;
  }
  if (same) {
    const Tensor* inputs[] = {&src};
    Geometry g(out, inputs);
    if (copy_rows(g, out, src)) return;
    if (src.numel() == n && copy_transposed(g, out, src)) return;
  }
  Loop loop;
  by_size(out.item_size(), [&]<class T>(T) { loop.run = copy_loop_run<T>; });
  loop.types[0] = loop.types[1] = out.dtype();
  const Tensor* inputs[] = {&src};
  run_loop(loop, out.dtype(), 1, out, inputs, nullptr);
}

void fill_cpu(const Tensor& out, const Scalar& value) {
  const int64_t n = out.numel();
  if (n == 0) return;
  alignas(16) char element[16];
  FB_DISPATCH(out.dtype(), FB_ALL, "fill_", {
    scalar_t v = value.to<scalar_t>();
    std::memcpy(element, &v, sizeof(v));
  });
  const int64_t size = out.item_size();
  if (out.is_contiguous() || is_dense(out.sizes(), out.strides())) {
    char* data = static_cast<char*>(out.raw());
    bool zero = true;
    for (int64_t i = 0; i < size; ++i) zero &= element[i] == 0;
    parallel_for(0, n, kCopyGrain / size, [&](int64_t begin, int64_t end) {
      if (zero) {
        std::memset(data + begin * size, 0, static_cast<size_t>((end - begin) * size));
      } else {
        fill_block(data + begin * size, element, size, end - begin);
      }
    });
    return;
  }
  copy_cpu(out, scalar_tensor(value, out.dtype()));
}

CPU_KERNEL(copy, copy_cpu)
CPU_KERNEL(fill, fill_cpu)

}  // namespace
}  // namespace fb
