// What a Fourier transform of a length needs beside its data: the way it is taken apart and the
// roots of unity. Made once per length and precision, and kept.
#pragma once
#include <memory>

#include "core/dtype.h"
#include "core/small_vector.h"

namespace fb {

// Transforms that kernels run side by side; from how many on, and up to which length, as many as
// stay in the cache.
constexpr int64_t kFftTile = 16, kFftFewestInTiles = 6, kFftLongestInTiles = 2048;
// Primes up to this one are radices; lengths with a larger prime factor become convolutions.
// Side by side, larger ones still pay.
constexpr int64_t kLargestFftRadix = 61, kLargestFftRadixInTiles = 199;
// Bytes of each part of the longest transform done in passes over one buffer; longer ones are taken
// apart in two, each of which fits the first cache.
constexpr int64_t kLongestFftInPasses = 1 << 15;

// One pass: transforms of `radix` points for `groups` x `stride` places. Offsets into the table.
struct FftPass {
  int64_t radix, groups, stride;
  int64_t twiddles;       // [group][1 <= k < radix] of (cos, sin) pairs
  int64_t lane_twiddles;  // of the first pass: [1 <= k < radix] of cos[group], sin[group]
  int64_t roots = -1;     // (cos, sin)[radix] of radices without code of their own
};

struct FftPlanBase {
  virtual ~FftPlanBase() = default;
};

template <class T>
struct FftPlan : FftPlanBase {
  enum class Method : uint8_t {
    Passes,
    // length = columns * rows: transforms of columns, factors, transforms of rows (D. H. Bailey,
    // FFTs in external or hierarchical memory, 1990).
    FourStep,
    // A convolution of a smooth length (L. Bluestein, A linear filtering approach to the
    // computation of the discrete Fourier transform, 1970).
    Convolution,
  };
  int64_t length;
  Method method = Method::Passes;
  std::unique_ptr<T[]> table;
  size_t table_size = 0;

  SmallVector<FftPass, 8> passes;

  std::shared_ptr<const FftPlan> columns, rows;
  int64_t lane_factors = 0;  // exp(-2 pi i k c / n), c < kFftTile: cos[k][c], then sin[k][c]
  int64_t tile_factors = 0;  // exp(-2 pi i k kFftTile t / n): (cos, sin)[t][k]

  std::shared_ptr<const FftPlan> convolution;
  int64_t chirp = 0;     // exp(-pi i j^2 / n): cos[n], then sin[n]
  int64_t spectrum = 0;  // transform of the conjugate chirp, by the convolution's length: re, im

  int64_t half_turns = 0;  // exp(-pi i k / n), k <= n / 2: cos, then sin; where asked for

  const T* at(int64_t offset) const { return table.get() + offset; }
};

// The plan of transforms of `length` points; `half_turns` also for real transforms of twice the
// points.
template <class T>
std::shared_ptr<const FftPlan<T>> find_fft_plan(int64_t length, bool half_turns = false,
                                                int64_t largest_radix = kLargestFftRadix);

}  // namespace fb
