#include "cpu/gemm.h"

#include <algorithm>
#include <cstring>

#include "core/interrupt.h"
#include "cpu/onednn.h"
#include "cpu/vector.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

// The classic blocking (Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication"): panels of a and b are copied so that the innermost loop reads both in order and
// keeps a block of c in registers.
#if defined(__AVX512F__)
constexpr int kBlockRows = 12;
#elif defined(__AVX2__)
constexpr int kBlockRows = 6;
#else
constexpr int kBlockRows = 4;
#endif
constexpr int64_t kDepth = 256;                  // of the panels
constexpr int64_t kPanelRows = 12 * kBlockRows;  // of a that stay in the second-level cache
constexpr int64_t kPanelColumns = 1024;          // of b

template <class T>
constexpr int kBlockColumns = 2 * kLanes<T>;

// c = alpha * a panel of kBlockRows rows @ a panel of kBlockColumns columns, or adds it to c.
template <class T>
void multiply_block(int64_t depth, const T* a, const T* b, T* c, int64_t ldc, T alpha, bool add) {
  Vector<T> sum[kBlockRows][2] = {};
  for (int64_t k = 0; k < depth; ++k) {
    Vector<T> b0 = load(b), b1 = load(b + kLanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < kBlockRows; ++i) {
      sum[i][0] += a[i] * b0;
      sum[i][1] += a[i] * b1;
    }
    a += kBlockRows;
    b += kBlockColumns<T>;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kBlockRows; ++i) {
    for (int half = 0; half < 2; ++half) {
      T* to = c + i * ldc + half * kLanes<T>;
      Vector<T> v = alpha * sum[i][half];
      if (add) v += load(to);
      std::memcpy(to, &v, sizeof(v));
    }
  }
}

// Copies `lines` lines of `depth` elements so that `width` lines lie interleaved; missing lines are
// zeros.
template <class T, int width>
void pack(T* to, const T* from, int64_t line_stride, int64_t depth_stride, int64_t lines,
          int64_t depth) {
  for (int64_t first = 0; first < lines; first += width) {
    const T* source = from + first * line_stride;
    int64_t count = std::min<int64_t>(width, lines - first);
    if (count < width) {
      for (int64_t k = 0; k < depth; ++k, to += width) {
        for (int64_t i = 0; i < count; ++i) to[i] = source[i * line_stride + k * depth_stride];
        for (int64_t i = count; i < width; ++i) to[i] = T(0);
      }
    } else if (line_stride == 1) {
      for (int64_t k = 0; k < depth; ++k, to += width)
        std::copy_n(source + k * depth_stride, width, to);
    } else {
      for (int64_t k = 0; k < depth; ++k, to += width)
        for (int i = 0; i < width; ++i) to[i] = source[i * line_stride + k * depth_stride];
    }
  }
}

template <class T>
void scale(int64_t m, int64_t n, T beta, Matrix<T> c) {
  if (beta == T(1)) return;
  for (int64_t i = 0; i < m; ++i) {
    T* row = c.data + i * c.row;
    if (beta == T(0)) {
      std::fill_n(row, n, T(0));
    } else {
      for (int64_t j = 0; j < n; ++j) row[j] *= beta;
    }
  }
}

// Multiplications after which a Ctrl-C is noticed: deeper products are cut.
constexpr int64_t kMostWork = int64_t{1} << 32;
int64_t depth_of_cuts(int64_t m, int64_t n) {
  return std::max<int64_t>(1024, kMostWork / (m * n) / 1024 * 1024);
}

constexpr int64_t kSmallDepth = 64;

// Up to kBlockColumns columns and kSmallDepth deep: b fits on the stack, with its rows padded to
// whole vectors.
template <class T>
void small_gemm(int64_t m, int64_t n, int64_t k, T alpha, Matrix<const T> a, Matrix<const T> b,
                T beta, Matrix<T> c) {
  constexpr int columns = kBlockColumns<T>, rows = 4;
  alignas(64) T rows_of_b[kSmallDepth * columns];
  alignas(64) T sums[rows][columns];
  for (int64_t l = 0; l < k; ++l) {
    T* to = rows_of_b + l * columns;
    for (int64_t j = 0; j < n; ++j) to[j] = b.data[l * b.row + j * b.col];
    for (int64_t j = n; j < columns; ++j) to[j] = T(0);
  }
  for (int64_t i = 0; i < m; i += rows) {
    const T* from[rows];
    for (int r = 0; r < rows; ++r) from[r] = a.data + std::min(i + r, m - 1) * a.row;
    Vector<T> sum[rows][2] = {};
    for (int64_t l = 0; l < k; ++l) {
      Vector<T> b0 = load(rows_of_b + l * columns), b1 = load(rows_of_b + l * columns + kLanes<T>);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) {
        T x = from[r][l * a.col];
        sum[r][0] += x * b0;
        sum[r][1] += x * b1;
      }
    }
    std::memcpy(sums, sum, sizeof(sums));
    for (int64_t r = 0, end = std::min<int64_t>(rows, m - i); r < end; ++r) {
      T* to = c.data + (i + r) * c.row;
      if (beta == T(0)) {
        for (int64_t j = 0; j < n; ++j) to[j] = alpha * sums[r][j];
      } else {
        for (int64_t j = 0; j < n; ++j) to[j] = alpha * sums[r][j] + beta * to[j];
      }
    }
  }
}

constexpr int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

template <class T>
void blocked_gemm(int64_t m, int64_t n, int64_t k, T alpha, Matrix<const T> a, Matrix<const T> b,
                  T beta, Matrix<T> c) {
  constexpr int rows = kBlockRows, columns = kBlockColumns<T>;
  if (beta != T(0)) scale(m, n, beta, c);
  int64_t depth = std::min(k, kDepth);
  Scratch<T> a_panel(round_up(std::min(m, kPanelRows), rows) * depth);
  Scratch<T> b_panel(round_up(std::min(n, kPanelColumns), columns) * depth);
  for (int64_t j0 = 0; j0 < n; j0 += kPanelColumns) {
    int64_t nj = std::min(kPanelColumns, n - j0);
    for (int64_t k0 = 0; k0 < k; k0 += kDepth) {
      int64_t nk = std::min(kDepth, k - k0);
      if (j0 + k0 > 0) check_interrupt();
      bool add = beta != T(0) || k0 > 0;
      pack<T, columns>(b_panel, b.at(k0, j0).data, b.col, b.row, nj, nk);
      for (int64_t i0 = 0; i0 < m; i0 += kPanelRows) {
        int64_t ni = std::min(kPanelRows, m - i0);
        pack<T, rows>(a_panel, a.at(i0, k0).data, a.row, a.col, ni, nk);
        for (int64_t j = 0; j < nj; j += columns) {
          for (int64_t i = 0; i < ni; i += rows) {
            T* block = c.data + (i0 + i) * c.row + j0 + j;
            const T *pa = a_panel + i * nk, *pb = b_panel + j * nk;
            int64_t mi = std::min<int64_t>(rows, ni - i), mj = std::min<int64_t>(columns, nj - j);
            if (mi == rows && mj == columns) {
              multiply_block<T>(nk, pa, pb, block, c.row, alpha, add);
              continue;
            }
            alignas(64) T edge[rows * columns];
            multiply_block<T>(nk, pa, pb, edge, columns, alpha, false);
            for (int64_t y = 0; y < mi; ++y)
              for (int64_t x = 0; x < mj; ++x) {
                T& out = block[y * c.row + x];
                out = add ? out + edge[y * columns + x] : edge[y * columns + x];
              }
          }
        }
      }
    }
  }
}

#ifdef FB_ONEDNN
// c = a @ b, or adds it to c. oneDNN's fast kernels want the rows of c one after the other.
template <class S, class C>
void dense_product(int64_t m, int64_t n, int64_t k, Matrix<const S> a, Matrix<const S> b, bool add,
                   C* c) {
  using namespace onednn;
  using dnnl::memory;
  constexpr int64_t kMatmul = 1;
  constexpr auto type = [](int64_t bytes) {
    return bytes == 4 ? memory::data_type::f32 : memory::data_type::bf16;
  };
  Key key{kMatmul, sizeof(S), sizeof(C), add, m, n, k, a.row, a.col, b.row, b.col};
  Executable& product = cached(key, [&] {
    memory::desc la({m, k}, type(sizeof(S)), memory::dims{a.row, a.col}),
        lb({k, n}, type(sizeof(S)), memory::dims{b.row, b.col});
    memory::desc lc({m, n}, type(sizeof(C)), memory::dims{n, 1});
    dnnl::primitive_attr attr = attributes();
    if (add) {
      dnnl::post_ops sum;
      sum.append_sum(1.f);
      attr.set_post_ops(sum);
    }
    dnnl::matmul::primitive_desc made(engine(), la, lb, lc, attr);
    return Recipe{dnnl::matmul(made),
                  {{DNNL_ARG_SRC, la}, {DNNL_ARG_WEIGHTS, lb}, {DNNL_ARG_DST, lc}},
                  made.scratchpad_desc()};
  });
  product.run({a.data, b.data, c});
}

template <class S, class C>
void product(int64_t m, int64_t n, int64_t k, Matrix<const S> a, Matrix<const S> b, bool add,
             Matrix<C> c) {
  a = with_sound_strides(a, m, k);
  b = with_sound_strides(b, k, n);
  if (m == 1 || c.row == n) return dense_product<S, C>(m, n, k, a, b, add, c.data);
  Scratch<C> tile(m * n);
  dense_product<S, C>(m, n, k, a, b, false, tile);
  for (int64_t i = 0; i < m; ++i) {
    C* to = c.data + i * c.row;
    const C* from = tile + i * n;
    if (!add) {
      std::copy_n(from, n, to);
    } else if constexpr (std::is_same_v<C, float>) {
      for (int64_t j = 0; j < n; ++j) to[j] += from[j];
    }
  }
}

// Below this many multiplications making a primitive for each new shape does not pay.
constexpr int64_t kPrimitiveWork = 1 << 20;
#endif

}  // namespace

// In pieces along k. Of its own, so that small products need not save what only this needs.
template <class T>
[[gnu::noinline]] void deep_gemm(int64_t m, int64_t n, int64_t k, T alpha, Matrix<const T> a,
                                 Matrix<const T> b, T beta, Matrix<T> c) {
  const int64_t depth = depth_of_cuts(m, n);
  for (int64_t k0 = 0; k0 < k; k0 += depth, beta = T(1)) {
    check_interrupt();
    gemm<T>(m, n, std::min(depth, k - k0), alpha, a.at(0, k0), b.at(k0, 0), beta, c);
  }
}

template <class T>
void gemm(int64_t m, int64_t n, int64_t k, T alpha, Matrix<const T> a, Matrix<const T> b, T beta,
          Matrix<T> c, [[maybe_unused]] bool returns) {
  if (m == 0 || n == 0) return;
  if (k == 0) return scale(m, n, beta, c);
  if (n <= kBlockColumns<T> && k <= kSmallDepth && m * n * k <= 8192)
    return small_gemm(m, n, k, alpha, a, b, beta, c);
  if (m * n * k > kMostWork && k > depth_of_cuts(m, n))
    return deep_gemm(m, n, k, alpha, a, b, beta, c);
#ifdef FB_ONEDNN
  if constexpr (std::is_same_v<T, float>) {
    a = with_sound_strides(a, m, k);
    b = with_sound_strides(b, k, n);
    if (blas_layout(a, m, k) && blas_layout(b, k, n) && (m == 1 || c.row >= n)) {
      if (returns && m * n * k >= kPrimitiveWork && alpha == 1 && (beta == 0 || beta == 1))
        return product<T, T>(m, n, k, a, b, beta == 1, c);
      int64_t ldc = std::max(c.row, n);
      bool ta = a.col != 1, tb = b.col != 1;
      return onednn::sgemm(ta, tb, m, n, k, alpha, a.data, ta ? a.col : a.row, b.data,
                           tb ? b.col : b.row, beta, c.data, ldc);
    }
  }
#endif
  blocked_gemm(m, n, k, alpha, a, b, beta, c);
}

#define FB_INSTANTIATE(T)                                                                  \
  template void gemm<T>(int64_t, int64_t, int64_t, T, Matrix<const T>, Matrix<const T>, T, \
                        Matrix<T>, bool);
FB_INSTANTIATE(float)
FB_INSTANTIATE(double)
FB_INSTANTIATE(int32_t)
FB_INSTANTIATE(int64_t)
#undef FB_INSTANTIATE

#ifdef FB_ONEDNN
bool native_bfloat16() { return onednn::fast_bfloat16(); }

template <class C>
void gemm_bfloat16(int64_t m, int64_t n, int64_t k, Matrix<const BFloat16> a,
                   Matrix<const BFloat16> b, Matrix<C> c) {
  const int64_t depth = depth_of_cuts(m, n);
  if (k <= depth) return product<BFloat16, C>(m, n, k, a, b, false, c);
  Scratch<float> sum(m * n);
  for (int64_t k0 = 0; k0 < k; k0 += depth) {
    check_interrupt();
    product<BFloat16, float>(m, n, std::min(depth, k - k0), a.at(0, k0), b.at(k0, 0), k0 > 0,
                             Matrix<float>{sum, n, 1});
  }
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) c.data[i * c.row + j] = static_cast<C>(sum[i * n + j]);
}
#else
bool native_bfloat16() { return false; }

template <class C>
void gemm_bfloat16(int64_t, int64_t, int64_t, Matrix<const BFloat16>, Matrix<const BFloat16>,
                   Matrix<C>) {
  FB_ASSERT(!"bfloat16 products are not native here");
}
#endif

template void gemm_bfloat16(int64_t, int64_t, int64_t, Matrix<const BFloat16>,
                            Matrix<const BFloat16>, Matrix<float>);
template void gemm_bfloat16(int64_t, int64_t, int64_t, Matrix<const BFloat16>,
                            Matrix<const BFloat16>, Matrix<BFloat16>);

}  // namespace fb::inline FB_CPU_NAMESPACE
