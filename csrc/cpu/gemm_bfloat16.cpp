// Products of bfloat16, by oneDNN: it knows the instructions for them.
#include <algorithm>

#include "core/error.h"
#include "core/interrupt.h"
#include "cpu/gemm.h"
#include "cpu/onednn.h"

namespace fb::inline FB_CPU_NAMESPACE {

#ifdef FB_ONEDNN
namespace {

// Multiplications after which a Ctrl-C is noticed: deeper products are cut.
constexpr int64_t kMostWork = int64_t{1} << 32;
int64_t depth_of_cuts(int64_t m, int64_t n) {
  return std::max<int64_t>(1024, kMostWork / (m * n) / 1024 * 1024);
}

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

}  // namespace

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
