// What each distribution makes of a generator's draws: the numbers of PyTorch 2.13's CPU kernels,
// bit for bit, on machines with AVX2 and everywhere else.
//
// A sampler draws one element: `T operator()(Generator&)`. fill() runs one over an array, uniform()
// and normal() have faster ways that give the same numbers as PyTorch's contiguous path. Callers
// hold the generator's mutex. Checking the arguments is the operators' task.
//
// PyTorch's AVX2 kernels are compiled with fused multiply-adds, and where they fuse decides the
// last bit. So std::fma stands exactly where they fuse, and the compiler may fuse nothing else:
// files that include this are compiled with -ffp-contract=off.
//
// Everything has internal linkage, because kernels are compiled once per instruction set.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <type_traits>

#include "core/dtype.h"
#include "core/error.h"
#include "core/generator.h"

namespace fb::streams {
namespace {

// Digits of the significand.
template <class T>
constexpr int kDigits = std::is_same_v<T, Half>       ? 11
                        : std::is_same_v<T, BFloat16> ? 8
                                                      : std::numeric_limits<T>::digits;

// The 16-bit types are drawn and computed as float.
template <class T>
using Maths = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T, class V>
inline T convert(V value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value != V(0);
  } else if constexpr (std::is_integral_v<T> && std::is_floating_point_v<V>) {
    const bool fits = value >= V(-0x1p63) && value < V(0x1p63);
    return static_cast<T>(fits ? static_cast<int64_t>(value) : std::numeric_limits<int64_t>::min());
  } else if constexpr (std::is_arithmetic_v<T>) {
    return static_cast<T>(value);
  } else {
    return T(static_cast<float>(value));
  }
}

inline float unit_float(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word & 0xffffff)) * 0x1p-24f;
}
inline double unit_double(uint64_t word) {
  return static_cast<double>(static_cast<int64_t>(word & ((uint64_t{1} << 53) - 1))) * 0x1p-53;
}

// Uniform in [0, 1).
template <class M>
inline M unit(Generator& generator) {
  if constexpr (std::is_same_v<M, double>) {
    return unit_double(generator.random64());
  } else {
    return unit_float(generator.random());
  }
}

// ---- samplers ----------------------------------------------------------------------------------

template <class T>
struct Uniform {
  using M = Maths<T>;
  Uniform(double from, double to)
      : from_(static_cast<M>(from)),
        width_(static_cast<M>(to) - from_),
        low_(static_cast<M>(convert<T>(from))),
        high_(static_cast<M>(convert<T>(to))) {}
  T scale(M u) const {
    const M value = static_cast<M>(convert<T>(std::fma(u, width_, from_)));
    return convert<T>(value == high_ ? low_ : value);  // rounding may reach the excluded end
  }
  T operator()(Generator& generator) const { return scale(unit<M>(generator)); }

 private:
  M from_, width_;
  M low_, high_;  // the ends, as T has them
};

// Box-Muller in double precision, one at a time; always with the generator's second sample.
inline double standard_normal(Generator& generator) {
  std::optional<double>& waiting = generator.next_normal();
  if (waiting) {
    const double sample = *waiting;
    waiting.reset();
    return sample;
  }
  const double u1 = unit<double>(generator);
  const double u2 = unit<double>(generator);
  const double radius = std::sqrt(-2.0 * std::log1p(-u2));
  const double theta = 2.0 * std::numbers::pi * u1;
  waiting = radius * std::sin(theta);
  return radius * std::cos(theta);
}

template <class T>
struct Normal {
  double mean, std;
  T operator()(Generator& generator) const {
    return convert<T>(std::fma(standard_normal(generator), std, mean));
  }
};

template <class T>
struct LogNormal {
  double mean, std;
  T operator()(Generator& generator) const {
    return convert<T>(std::exp(std::fma(standard_normal(generator), std, mean)));
  }
};

template <class T>
struct Cauchy {
  double median, sigma;
  T transform(double u) const {
    return convert<T>(std::fma(sigma, std::tan(std::numbers::pi * (u - 0.5)), median));
  }
  T operator()(Generator& generator) const { return transform(unit<double>(generator)); }
};

template <class T>
struct Exponential {
  double lambda;
  T transform(double u) const { return convert<T>(-1.0 / lambda * std::log1p(-u)); }
  T operator()(Generator& generator) const { return transform(unit<double>(generator)); }
};

template <class T>
struct Geometric {
  double p;
  T transform(double u) const { return convert<T>(std::ceil(std::log(u) / std::log1p(-p))); }
  T operator()(Generator& generator) const { return transform(unit<double>(generator)); }
};

// M is the type of the probability: double for a number, else that of the tensor's elements.
template <class T, class M>
struct Bernoulli {
  M p;
  T operator()(Generator& generator) const { return convert<T>(unit<M>(generator) < p ? 1 : 0); }
};

// Integers in [base, base + range).
template <class T>
struct IntegerRange {
  uint64_t range;
  int64_t base;
  T operator()(Generator& generator) const {
    // One 32-bit draw would favour some numbers noticeably from about here on.
    const uint64_t above = range >= uint64_t{1} << 28
                               ? generator.random64() % range
                               : generator.random() % static_cast<uint32_t>(range);
    return convert<T>(static_cast<int64_t>(above + static_cast<uint64_t>(base)));
  }
};

// All of int64.
template <class T>
struct IntegerFull {
  T operator()(Generator& generator) const {
    return convert<T>(static_cast<int64_t>(generator.random64()));
  }
};

// From 0 to the largest number of an integer type, or to 2^digits of a floating-point type.
template <class T>
struct IntegerOfType {
  T operator()(Generator& generator) const {
    if constexpr (std::is_same_v<T, bool>) {
      return generator.random() & 1;
    } else if constexpr (std::is_integral_v<T>) {
      constexpr uint64_t kCount = static_cast<uint64_t>(std::numeric_limits<T>::max()) + 1;
      return static_cast<T>(draw(generator) % kCount);
    } else {
      return convert<T>(static_cast<int64_t>(draw(generator) % ((uint64_t{1} << kDigits<T>)+1)));
    }
  }

 private:
  static uint64_t draw(Generator& generator) {
    if constexpr (sizeof(T) == 8) {
      return generator.random64();
    } else {
      return generator.random();
    }
  }
};

// ---- whole arrays ------------------------------------------------------------------------------

template <class T, class Sampler>
void fill(Generator& generator, T* out, int64_t n, const Sampler& sampler) {
  for (int64_t i = 0; i < n; ++i) out[i] = sampler(generator);
}

// Writes the next n words, as random() returns them.
inline void draw_words(Generator& generator, uint32_t* out, int64_t n) {
  for (int64_t i = 0; i < n;) {
    int64_t count;
    const uint32_t* words = generator.take(n - i, count);
    for (int64_t j = 0; j < count; ++j) out[i + j] = Generator::temper(words[j]);
    i += count;
  }
}

constexpr int64_t kChunk = 512;

// Calls use(offset, count, u) for stretches of the n next numbers in [0, 1).
template <class M, class Use>
void each_unit(Generator& generator, int64_t n, const Use& use) {
  constexpr int64_t kWords = sizeof(M) / 4;
  uint32_t words[kChunk * kWords];
  M units[kChunk];
  for (int64_t i = 0; i < n; i += kChunk) {
    const int64_t count = std::min(kChunk, n - i);
    draw_words(generator, words, count * kWords);
    for (int64_t j = 0; j < count; ++j) {
      if constexpr (kWords == 1) {
        units[j] = unit_float(words[j]);
      } else {
        units[j] = unit_double(uint64_t{words[2 * j]} << 32 | words[2 * j + 1]);
      }
    }
    use(i, count, units);
  }
}

template <class T>
void uniform(Generator& generator, T* out, int64_t n, double from, double to) {
  const Uniform<T> sampler(from, to);
  each_unit<Maths<T>>(generator, n, [=](int64_t at, int64_t count, const Maths<T>* units) {
    for (int64_t j = 0; j < count; ++j) out[at + j] = sampler.scale(units[j]);
  });
}

// The numbers of a Bernoulli<T, double> sampler.
template <class T>
void bernoulli(Generator& generator, T* out, int64_t n, double p) {
  each_unit<double>(generator, n, [=](int64_t at, int64_t count, const double* units) {
    for (int64_t j = 0; j < count; ++j) {
      if constexpr (std::is_arithmetic_v<T>) {
        out[at + j] = static_cast<T>(units[j] < p);
      } else {
        out[at + j] = convert<T>(units[j] < p ? 1.0f : 0.0f);
      }
    }
  });
}

// log(x) for normal x > 0: the polynomial of Cephes' logf.
inline float cephes_log(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  float exponent = static_cast<float>(static_cast<int32_t>(bits >> 23) - 127) + 1.0f;
  x = std::bit_cast<float>((bits & 0x807fffffu) | 0x3f000000u);
  const bool small = x < 0.707106781186547524f;
  const float again = small ? x : 0.0f;
  exponent -= small ? 1.0f : 0.0f;
  x = (x - 1.0f) + again;
  const float square = x * x;
  float y = 7.0376836292e-2f;
  y = std::fma(y, x, -1.1514610310e-1f);
  y = std::fma(y, x, 1.1676998740e-1f);
  y = std::fma(y, x, -1.2420140846e-1f);
  y = std::fma(y, x, 1.4249322787e-1f);
  y = std::fma(y, x, -1.6668057665e-1f);
  y = std::fma(y, x, 2.0000714765e-1f);
  y = std::fma(y, x, -2.4999993993e-1f);
  y = std::fma(y, x, 3.3333331174e-1f);
  y = std::fma(y * x, square, exponent * -2.12194440e-4f);
  y = std::fma(-square, 0.5f, y);
  return std::fma(exponent, 0.693359375f, x + y);
}

// sin and cos of 0 <= x < 2 pi: the polynomials of Cephes' sinf and cosf, one for each half of
// the octants, after subtracting a multiple of pi/4 that is stored in three parts.
inline void cephes_sincos(float x, float& sine, float& cosine) {
  const int32_t octant = (static_cast<int32_t>(x * 1.27323954473516f) + 1) & ~1;
  const float multiple = static_cast<float>(octant);
  x = std::fma(multiple, -0.78515625f, x);
  x = std::fma(multiple, -2.4187564849853515625e-4f, x);
  x = std::fma(multiple, -3.77489497744594108e-8f, x);
  const float square = x * x;
  float even = std::fma(2.443315711809948e-5f, square, -1.388731625493765e-3f);
  even = std::fma(even, square, 4.166664568298827e-2f);
  even = std::fma(even * square, square, -(square * 0.5f)) + 1.0f;
  float odd = std::fma(-1.9515295891e-4f, square, 8.3321608736e-3f);
  odd = std::fma(odd, square, -1.6666654611e-1f);
  odd = std::fma(odd * square, x, x);
  const bool direct = (octant & 2) == 0;
  const uint32_t sine_sign = static_cast<uint32_t>(octant & 4) << 29;
  const uint32_t cosine_sign = static_cast<uint32_t>(~(octant - 2) & 4) << 29;
  sine = std::bit_cast<float>(std::bit_cast<uint32_t>(direct ? odd : even) ^ sine_sign);
  cosine = std::bit_cast<float>(std::bit_cast<uint32_t>(direct ? even : odd) ^ cosine_sign);
}

// Box-Muller on 16 numbers in [0, 1): eight radii, then eight angles.
template <class M>
void box_muller(M* data, M mean, M std) {
  for (int j = 0; j < 8; ++j) {
    const M u1 = M(1) - data[j];  // in (0, 1], for the logarithm
    const M u2 = data[j + 8];
    M radius, sine, cosine;
    if constexpr (std::is_same_v<M, float>) {
      radius = std::sqrt(-2.0f * cephes_log(u1));
      cephes_sincos(static_cast<float>(2.0 * std::numbers::pi) * u2, sine, cosine);
    } else {
      radius = std::sqrt(-2.0 * std::log(u1));
      const double theta = 2.0 * std::numbers::pi * u2;
      sine = std::sin(theta);
      cosine = std::cos(theta);
    }
    data[j] = std::fma(radius * cosine, std, mean);
    data[j + 8] = std::fma(radius * sine, std, mean);
  }
}

// Turns `count` numbers in [0, 1), a multiple of 16, into normal ones and stores them.
template <class T>
void box_muller_blocks(T* out, int64_t count, Maths<T>* units, Maths<T> mean, Maths<T> std) {
  for (int64_t j = 0; j < count; j += 16) box_muller(units + j, mean, std);
  for (int64_t j = 0; j < count; ++j) out[j] = convert<T>(units[j]);
}

// Where the size of an array is no multiple of 16, its last 16 numbers are drawn anew.
template <class T>
void normal_tail(Generator& generator, T* out, Maths<T> mean, Maths<T> std) {
  each_unit<Maths<T>>(generator, 16, [=](int64_t, int64_t, Maths<T>* units) {
    box_muller_blocks(out, 16, units, mean, std);
  });
}

// Normal numbers for a contiguous array of at least 16. float and double draw for all elements
// before the tail is drawn anew, the 16-bit types only for whole blocks.
template <class T>
void normal_blocks(Generator& generator, T* out, int64_t n, Maths<T> mean, Maths<T> std) {
  using M = Maths<T>;
  static_assert(kChunk % 16 == 0);
  const int64_t remainder = n % 16;
  each_unit<M>(generator, sizeof(T) == sizeof(M) ? n : n - remainder,
               [=](int64_t at, int64_t count, M* units) {
                 box_muller_blocks(out + at, count / 16 * 16, units, mean, std);
               });
  if (remainder != 0) normal_tail(generator, out + n - 16, mean, std);
}

// Normal numbers for a contiguous array.
template <class T>
void normal(Generator& generator, T* out, int64_t n, double mean, double std) {
  if (n >= 16) {
    normal_blocks(generator, out, n, static_cast<Maths<T>>(mean), static_cast<Maths<T>>(std));
  } else {
    fill(generator, out, n, Normal<T>{mean, std});
  }
}

// A random permutation of 0 .. n-1 (Fisher and Yates).
template <class T>
void permutation(Generator& generator, T* out, int64_t n, int64_t stride = 1) {
  if (n < std::numeric_limits<uint32_t>::max() / 20) {
    for (int64_t i = 0; i < n; ++i) out[i * stride] = convert<T>(i);
    for (int64_t i = 0; i < n - 1; ++i) {
      const int64_t other = i + generator.random() % (n - i);
      std::swap(out[i * stride], out[other * stride]);
    }
  } else {  // 32-bit draws would be visibly uneven
    for (int64_t i = 0; i < n; ++i) {
      const int64_t other =
          static_cast<int64_t>(generator.random64() % static_cast<uint64_t>(i + 1));
      out[i * stride] = out[other * stride];
      out[other * stride] = convert<T>(i);
    }
  }
}

}  // namespace
}  // namespace fb::streams
