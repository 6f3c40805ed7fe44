// Reads every `stride`-th element of a row that has zeros on both sides, in AVX-512.
#pragma once
#ifdef __AVX512F__
#include <immintrin.h>

#include <algorithm>

#include "cpu/cpu.h"

namespace fb::inline FB_CPU_NAMESPACE::conv {

constexpr int kColumns = 16;  // of a vector

// Lanes [begin, end) of a vector.
inline __mmask16 lanes(int64_t begin, int64_t end) {
  begin = std::clamp<int64_t>(begin, 0, kColumns);
  end = std::clamp<int64_t>(end, begin, kColumns);
  return static_cast<__mmask16>((1u << end) - (1u << begin));
}

// For 16 neighbouring outputs, the inputs under each of the `kernel` columns of a kernel.
template <int kernel, int stride>
class Columns {
 public:
  // `first` is the row's element under the first column, `width` the row's length.
  Columns(int64_t first, int64_t width) : first_(first) {
    for (int k = 0; k < kernel; ++k)
      for (int half = 0; half < stride; ++half) {
        const int64_t at = first + k + half * kColumns;
        masks_[k][half] = lanes(-at, width - at);
      }
  }
  __m512 load(const float* row, int k) const {
    const float* from = row + first_ + k;
    const __m512 low = _mm512_maskz_loadu_ps(masks_[k][0], from);
    if constexpr (stride == 1) return low;
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(low, even,
                                  _mm512_maskz_loadu_ps(masks_[k][stride - 1], from + kColumns));
  }

 private:
  int64_t first_;
  __mmask16 masks_[kernel][stride];
};

}  // namespace fb::inline FB_CPU_NAMESPACE::conv
#endif
