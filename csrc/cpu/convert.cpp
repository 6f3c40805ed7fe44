#include "cpu/convert.h"

#include "cpu/by_size.h"

#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

// Half types pass through float; vector instructions do eight at a time.
struct HalfLoops {
  static void widen(float* dst, const Half* src, int64_t n) {
    int64_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= n; i += 8) {
      _mm256_storeu_ps(dst + i,
                       _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src + i))));
    }
#endif
    for (; i < n; ++i) dst[i] = static_cast<float>(src[i]);
  }
  static void narrow(Half* dst, const float* src, int64_t n) {
    int64_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= n; i += 8) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i),
                       _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
    }
#endif
    for (; i < n; ++i) dst[i] = Half(src[i]);
  }
  static void widen(float* dst, const BFloat16* src, int64_t n) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dst[i] = static_cast<float>(src[i]);
  }
  static void narrow(BFloat16* dst, const float* src, int64_t n) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) {
      uint32_t u = std::bit_cast<uint32_t>(src[i]);
      uint32_t rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
      dst[i].bits = static_cast<uint16_t>((u & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
    }
  }
};

template <class T> constexpr bool is_half_type =
    std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

template <class To, class From>
To convert_one(From v) {
  if constexpr (is_complex_type<To>) {
    if constexpr (is_complex_type<From>) {
      return To(v);
    } else {
      return To(convert_one<typename To::Real>(v));
    }
  } else if constexpr (std::is_same_v<To, bool>) {
    if constexpr (is_complex_type<From>) {
      return v.re != 0 || v.im != 0;
    } else {
      return v != 0;
    }
  } else if constexpr (is_complex_type<From>) {
    return convert_one<To>(v.re);
  } else if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, uint8_t>) {
    return static_cast<To>(static_cast<int64_t>(v));  // negative numbers wrap
  } else if constexpr (std::is_floating_point_v<From> &&
                       (std::is_same_v<To, int8_t> || std::is_same_v<To, int16_t>)) {
    return static_cast<To>(static_cast<int32_t>(v));
  } else {
    return static_cast<To>(v);
  }
}

template <class To, class From>
void convert_loop(void* dst_, const void* src_, int64_t n) {
  auto* dst = static_cast<To*>(dst_);
  auto* src = static_cast<const From*>(src_);
  if constexpr (is_half_type<From> || is_half_type<To>) {
    constexpr int64_t kPiece = 512;
    float piece[kPiece];
    for (int64_t i = 0; i < n; i += kPiece) {
      int64_t m = n - i < kPiece ? n - i : kPiece;
      if constexpr (std::is_same_v<To, float>) {
        HalfLoops::widen(dst + i, src + i, m);
      } else if constexpr (std::is_same_v<From, float>) {
        HalfLoops::narrow(dst + i, src + i, m);
      } else if constexpr (is_half_type<From>) {
        HalfLoops::widen(piece, src + i, m);
        convert_loop<To, float>(dst + i, piece, m);
      } else {
        convert_loop<float, From>(piece, src + i, m);
        HalfLoops::narrow(dst + i, piece, m);
      }
    }
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dst[i] = convert_one<To>(src[i]);
  }
}

using ConvertLoop = void (*)(void*, const void*, int64_t);

template <class From>
ConvertLoop loop_from(DType to) {
  switch (to) {
    case DType::UInt8:
      return convert_loop<uint8_t, From>;
    case DType::Int8:
      return convert_loop<int8_t, From>;
    case DType::Int16:
      return convert_loop<int16_t, From>;
    case DType::Int32:
      return convert_loop<int32_t, From>;
    case DType::Int64:
      return convert_loop<int64_t, From>;
    case DType::Float16:
      return convert_loop<Half, From>;
    case DType::Float32:
      return convert_loop<float, From>;
    case DType::Float64:
      return convert_loop<double, From>;
    case DType::Complex64:
      return convert_loop<Complex<float>, From>;
    case DType::Complex128:
      return convert_loop<Complex<double>, From>;
    case DType::Bool:
      return convert_loop<bool, From>;
    default:
      return convert_loop<BFloat16, From>;
  }
}

ConvertLoop loop_for(DType to, DType from) {
  switch (from) {
    case DType::UInt8:
      return loop_from<uint8_t>(to);
    case DType::Int8:
      return loop_from<int8_t>(to);
    case DType::Int16:
      return loop_from<int16_t>(to);
    case DType::Int32:
      return loop_from<int32_t>(to);
    case DType::Int64:
      return loop_from<int64_t>(to);
    case DType::Float16:
      return loop_from<Half>(to);
    case DType::Float32:
      return loop_from<float>(to);
    case DType::Float64:
      return loop_from<double>(to);
    case DType::Complex64:
      return loop_from<Complex<float>>(to);
    case DType::Complex128:
      return loop_from<Complex<double>>(to);
    case DType::Bool:
      return loop_from<bool>(to);
    default:
      return loop_from<BFloat16>(to);
  }
}

}  // namespace

void convert(void* dst, DType to, const void* src, DType from, int64_t n) {
  if (to == from) {
    if (dst != src) std::memcpy(dst, src, static_cast<size_t>(n * item_size(to)));
    return;
  }
  loop_for(to, from)(dst, src, n);
}

void gather(void* dst, const void* src, int64_t stride, int64_t size, int64_t n) {
  by_size(size, [&]<class T>(T) {
    auto* d = static_cast<T*>(dst);
    auto* s = static_cast<const T*>(src);
    for (int64_t i = 0; i < n; ++i) d[i] = s[i * stride];
  });
}

void scatter(void* dst, int64_t stride, const void* src, int64_t size, int64_t n) {
  by_size(size, [&]<class T>(T) {
    auto* d = static_cast<T*>(dst);
    auto* s = static_cast<const T*>(src);
    for (int64_t i = 0; i < n; ++i) d[i * stride] = s[i];
  });
}

void fill_block(void* dst, const void* element, int64_t size, int64_t n) {
  by_size(size, [&]<class T>(T) {
    T value = *static_cast<const T*>(element);
    auto* d = static_cast<T*>(dst);
    for (int64_t i = 0; i < n; ++i) d[i] = value;
  });
}

void stream_copy(void* dst, const void* src, int64_t nbytes) {
  int64_t i = 0;
#if defined(__AVX512F__)
  auto* d = static_cast<char*>(dst);
  auto* s = static_cast<const char*>(src);
  for (; i + 64 <= nbytes; i += 64)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(d + i), _mm512_loadu_si512(s + i));
#elif defined(__AVX2__)
  auto* d = static_cast<char*>(dst);
  auto* s = static_cast<const char*>(src);
  for (; i + 32 <= nbytes; i += 32) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(d + i),
                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(s + i)));
  }
#endif
  if (i < nbytes)
    std::memcpy(static_cast<char*>(dst) + i, static_cast<const char*>(src) + i,
                static_cast<size_t>(nbytes - i));
}

void stream_fence() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}

}  // namespace fb::inline FB_CPU_NAMESPACE
