// Scalar mathematics, written once: branch-free where it can be, so that loops over it vectorise,
// and without standard headers, so that the same text compiles for other devices. float functions
// are good to about 2 units in the last place over their whole range, denormals, infinities and NaN
// included; double functions are the C library's unless said otherwise. Polynomials are
// near-minimax fits (Lawson's iteration) on the ranges given.
#pragma once

#ifndef FB_MATH
#define FB_MATH [[gnu::always_inline]] inline
#endif

namespace fb::math {

using int64_t = __INT64_TYPE__;
constexpr float kInfinity = __builtin_inff();
constexpr double kPi = 3.14159265358979323846;

template <class To, class From>
FB_MATH To bits(From x) {
  return __builtin_bit_cast(To, x);
}
FB_MATH float abs(float x) { return __builtin_fabsf(x); }
FB_MATH double abs(double x) { return __builtin_fabs(x); }
FB_MATH float fma(float a, float b, float c) { return a * b + c; }
FB_MATH double fma(double a, double b, double c) { return a * b + c; }
FB_MATH float copysign(float x, float s) { return __builtin_copysignf(x, s); }
FB_MATH double copysign(double x, double s) { return __builtin_copysign(x, s); }
template <class T> FB_MATH bool isnan(T x) { return x != x; }
template <class T> FB_MATH T min(T a, T b) { return b < a ? b : a; }
template <class T> FB_MATH T max(T a, T b) { return a < b ? b : a; }

FB_MATH float sqrt(float x) { return __builtin_sqrtf(x); }
FB_MATH double sqrt(double x) { return __builtin_sqrt(x); }
FB_MATH float floor(float x) { return __builtin_floorf(x); }
FB_MATH double floor(double x) { return __builtin_floor(x); }
FB_MATH float ceil(float x) { return __builtin_ceilf(x); }
FB_MATH double ceil(double x) { return __builtin_ceil(x); }
FB_MATH float trunc(float x) { return __builtin_truncf(x); }
FB_MATH double trunc(double x) { return __builtin_trunc(x); }
// Halves go to the even neighbour.
FB_MATH float round(float x) { return __builtin_rintf(x); }
FB_MATH double round(double x) { return __builtin_rint(x); }

namespace detail {

// c[0] + c[1] x + ... + c[n] x^n
template <class T> FB_MATH T poly(T, T c) { return c; }
template <class T, class... C>
FB_MATH T poly(T x, T c, C... rest) {
  return fma(x, poly(x, static_cast<T>(rest)...), c);
}

constexpr float kLog2e = 1.44269504f;
constexpr float kLn2High = 0.693145752f,
                kLn2Low = 1.42860677e-6f;  // the high part has zeros to spare: n * high is exact

// x = n ln 2 + r with |r| <= ln(2)/2.
struct Reduced {
  float r;
  int n;
};
FB_MATH Reduced reduce_exp(float x) {
  const float shift = 12582912.0f;  // 1.5 * 2^23: the sum's low bits are the nearest integer
  float shifted = x * kLog2e + shift;
  float n = shifted - shift;
  float r = fma(-n, kLn2Low, fma(-n, kLn2High, x));
  return {r, bits<int>(shifted) - bits<int>(shift)};
}
FB_MATH float power_of_two(int n) { return bits<float>((n + 127) << 23); }  // -126 <= n <= 127

// exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2)/2
FB_MATH float exp_tail(float r) {
  return poly(r, 0.500000005f, 0.166666668f, 0.0416663547f, 0.00833327344f, 0.00139410025f,
              0.00019913956f);
}

// x = 2^e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2); x positive and finite.
struct Split {
  float f, e;
};
FB_MATH Split split_log(float x) {
  bool tiny = x < 1.17549435e-38f;
  float scaled = tiny ? x * 8388608.0f : x;
  int i = bits<int>(scaled) - 0x3f3504f3;  // sqrt(1/2)
  int e = i >> 23;
  float m = bits<float>((i & 0x007fffff) + 0x3f3504f3);
  return {m - 1.0f, static_cast<float>(e) - (tiny ? 23.0f : 0.0f)};
}
// log(1 + f) = f - f^2/2 + f^3 p(f)
FB_MATH float log_tail(float f) {
  return poly(f, 0.333333104f, -0.249999866f, 0.200022267f, -0.166692493f, 0.142186552f,
              -0.123843724f, 0.1187302f, -0.117896849f, 0.0691512588f);
}
// Results for what is not positive and finite.
FB_MATH float log_special(float x, float regular) {
  float r = x == 0.0f ? -kInfinity : regular;
  r = x < 0.0f ? __builtin_nanf("") : r;
  return (x == kInfinity) | (x != x) ? x : r;
}

}  // namespace detail

FB_MATH float exp(float x) {
  // Beyond these the result is infinite or zero; comparisons are false for NaN, which passes
  // through.
  x = x > 89.0f ? 89.0f : x;
  x = x < -104.0f ? -104.0f : x;
  auto [r, n] = detail::reduce_exp(x);
  float p = 1.0f + fma(r * r, detail::exp_tail(r), r);
  int half = n >> 1;  // 2^n itself may be out of range
  return p * detail::power_of_two(half) * detail::power_of_two(n - half);
}
FB_MATH double exp(double x) { return __builtin_exp(x); }

FB_MATH float expm1(float x) {
  x = x > 89.0f ? 89.0f : x;
  x = x < -30.0f ? -30.0f : x;
  auto [r, n] = detail::reduce_exp(x);
  float m = fma(r * r, detail::exp_tail(r), r);  // exp(r) - 1
  float scale = detail::power_of_two(n - 1);
  return 2.0f * fma(scale, m, scale - 0.5f);
}
FB_MATH double expm1(double x) { return __builtin_expm1(x); }

FB_MATH float exp2(float x) {
  x = x > 129.0f ? 129.0f : x;
  x = x < -151.0f ? -151.0f : x;
  float n = round(x);
  float r = (x - n) * 0.693147181f;
  float p = 1.0f + fma(r * r, detail::exp_tail(r), r);
  int i = static_cast<int>(n == n ? n : 0.0f);
  return p * detail::power_of_two(i >> 1) * detail::power_of_two(i - (i >> 1));
}
FB_MATH double exp2(double x) { return __builtin_exp2(x); }

FB_MATH float log(float x) {
  auto [f, e] = detail::split_log(x);
  float f2 = f * f;
  float tail = fma(f2 * f, detail::log_tail(f), fma(e, detail::kLn2Low, -0.5f * f2));
  return detail::log_special(x, fma(e, detail::kLn2High, f + tail));
}
FB_MATH double log(double x) { return __builtin_log(x); }

FB_MATH float log1p(float x) {
  float u = 1.0f + x;
  float lost = (x - (u - 1.0f)) / u;  // what the sum rounded away
  float r = log(u) + (u == kInfinity ? 0.0f : lost);
  return (x == 0.0f) | (x == -1.0f) ? (x == 0.0f ? x : -kInfinity) : r;
}
FB_MATH double log1p(double x) { return __builtin_log1p(x); }

namespace detail {
// log(x) in double for positive finite floats: enough for any base.
FB_MATH double wide_log(float x) {
  auto [f, e] = split_log(x);
  double z = f, z2 = z * z;
  double p =
      poly(z, 0.33333332863453385, -0.24999966035900784, 0.20000035799557034, -0.16669434642193176,
           0.14286944760260886, -0.12425091863859702, 0.11012038295339967, -0.10794035767316074,
           0.10743453855216796, -0.061515412978005495);
  return e * 0.69314718055994531 + (z - 0.5 * z2 + z2 * z * p);
}
}  // namespace detail

FB_MATH float log2(float x) {
  auto [f, e] = detail::split_log(x);
  double fraction = detail::wide_log(1.0f + f) * 1.4426950408889634;
  return detail::log_special(x, static_cast<float>(static_cast<double>(e) + fraction));
}
FB_MATH double log2(double x) { return __builtin_log2(x); }
FB_MATH float log10(float x) {
  return detail::log_special(x, static_cast<float>(detail::wide_log(x) * 0.43429448190325183));
}
FB_MATH double log10(double x) { return __builtin_log10(x); }

namespace detail {
// x = n pi/2 + r with |r| <= pi/4, in double: exact enough for floats up to kTrigLimit.
constexpr float kTrigLimit = 1.0e6f;
struct Quadrant {
  double r;
  int64_t n;
};
FB_MATH Quadrant reduce_trig(float x) {
  const double shift = 6755399441055744.0;  // 1.5 * 2^52
  double d = x, shifted = d * 0.63661977236758134 + shift, n = shifted - shift;
  // pi/2 in three parts, the first two of 33 bits, so that their products with n are exact
  double r = ((d - n * 1.57079632673412561417) - n * 6.07710050630396597660e-11) -
             n * 2.02226624879595063154e-21;
  return {r, bits<int64_t>(shifted)};
}
FB_MATH double sin_tail(double r) {
  double z = r * r;
  return r + r * z *
                 poly(z, -0.16666666641626685, 0.0083333293859174824, -0.00019839334846900037,
                      2.7183116092218104e-06);
}
FB_MATH double cos_tail(double r) {
  double z = r * r;
  return 1.0 - 0.5 * z +
         z * z *
             poly(z, 0.041666666622827538, -0.0013888883753379578, 2.4799520003196516e-05,
                  -2.7210237451396598e-07);
}
}  // namespace detail

// |x| <= detail::kTrigLimit or not finite; the C library's for what lies between.
FB_MATH float sin(float x) {
  auto [r, n] = detail::reduce_trig(x);
  double v = n & 1 ? detail::cos_tail(r) : detail::sin_tail(r);
  float f = static_cast<float>(n & 2 ? -v : v);
  return x == 0.0f ? x : f;
}
FB_MATH double sin(double x) { return __builtin_sin(x); }
FB_MATH float cos(float x) {
  auto [r, n] = detail::reduce_trig(x);
  double v = n & 1 ? detail::sin_tail(r) : detail::cos_tail(r);
  return static_cast<float>((n + 1) & 2 ? -v : v);
}
FB_MATH double cos(double x) { return __builtin_cos(x); }
FB_MATH float tan(float x) {
  auto [r, n] = detail::reduce_trig(x);
  double s = detail::sin_tail(r), c = detail::cos_tail(r);
  float f = static_cast<float>(n & 1 ? -c / s : s / c);
  return x == 0.0f ? x : f;
}
FB_MATH double tan(double x) { return __builtin_tan(x); }

#define FB_LIBRARY_FUNCTION(name)                                \
  FB_MATH float name(float x) { return __builtin_##name##f(x); } \
  FB_MATH double name(double x) { return __builtin_##name(x); }
FB_LIBRARY_FUNCTION(asin)
FB_LIBRARY_FUNCTION(acos)
FB_LIBRARY_FUNCTION(atan)
FB_LIBRARY_FUNCTION(sinh)
FB_LIBRARY_FUNCTION(cosh)
FB_LIBRARY_FUNCTION(asinh)
FB_LIBRARY_FUNCTION(acosh)
FB_LIBRARY_FUNCTION(atanh)
#undef FB_LIBRARY_FUNCTION
#define FB_LIBRARY_FUNCTION(name)                                            \
  FB_MATH float name(float x, float y) { return __builtin_##name##f(x, y); } \
  FB_MATH double name(double x, double y) { return __builtin_##name(x, y); }
FB_LIBRARY_FUNCTION(atan2)
FB_LIBRARY_FUNCTION(hypot)
FB_LIBRARY_FUNCTION(nextafter)
FB_LIBRARY_FUNCTION(fmod)
#undef FB_LIBRARY_FUNCTION

FB_MATH float tanh(float x) {
  float t = abs(x);
  t = t > 10.0f ? 10.0f : t;
  float m = expm1(2.0f * t);
  return copysign(m / (m + 2.0f), x);
}
FB_MATH double tanh(double x) { return __builtin_tanh(x); }

template <class T>
FB_MATH T sigmoid(T x) {
  T t = exp(-abs(x));
  return (x < T(0) ? t : T(1)) / (T(1) + t);
}

FB_MATH float erf(float x) {
  float t = abs(x);
  t = t > 4.0f ? 4.0f : t;
  float s = t * t;
  // erf(t) = t + t p(t^2) below 1; above, 1 - exp(t p(t))
  float small = fma(t,
                    detail::poly(s, 0.128379166f, -0.376126271f, 0.112836002f, -0.0268544446f,
                                 0.00518953539f, -0.000802084175f, 7.88912112e-5f),
                    t);
  float exponent =
      t * detail::poly(t, -1.12854144f, -0.635673152f, -0.10516949f, 0.0225756107f, -0.00286911770f,
                       2.74339298e-5f, 4.99407305e-5f, -5.29702344e-6f);
  float large = 1.0f - exp(exponent);
  return copysign(t < 0.9f ? small : large, x);
}
FB_MATH double erf(double x) { return __builtin_erf(x); }
FB_MATH float erfc(float x) { return static_cast<float>(__builtin_erfc(static_cast<double>(x))); }
FB_MATH double erfc(double x) { return __builtin_erfc(x); }

// The normal distribution's function Phi(x), and exp(-x^2/2) = sqrt(2 pi) Phi'(x).
template <class T>
struct Normal {
  T cdf, bell;
};
FB_MATH Normal<float> normal(float x) {
  // erfc(t) = exp(-t^2) p(z) with z = 1 / (1 + 0.4 t), t = |x| / sqrt(2): the lower tail keeps its
  // digits.
  float t = abs(x) * 0.707106781f, bell = exp(-0.5f * x * x), z = 1.0f / (1.0f + 0.4f * t);
  float tail =
      0.5f * bell *
      detail::poly(z, 2.6405638e-05f, 0.225082568f, 0.231355232f, 0.177415893f, 0.268638971f,
                   -0.0685693001f, 0.275791233f, -0.0636884641f, -0.0747481064f, 0.0286955995f);
  return {x < 0.0f ? tail : 1.0f - tail, bell};
}
FB_MATH Normal<double> normal(double x) {
  return {0.5 * __builtin_erfc(x * -0.70710678118654752), __builtin_exp(-0.5 * x * x)};
}

namespace detail {
// 2^t in double with 10 digits; zero or infinite beyond a float's range.
FB_MATH double wide_exp2(double t) {
  t = t > 200.0 ? 200.0 : t;
  t = t < -200.0 ? -200.0 : t;
  const double shift = 6755399441055744.0;
  double shifted = t + shift, f = t - (shifted - shift);
  double p = 1.0 + f * poly(f, 0.69314718054164925, 0.24022651075852922, 0.05550410962584048,
                            0.0096180369108314727, 0.0013333430779176589, 0.00015467110357184855,
                            1.5314948299556772e-05);
  return p * bits<double>((bits<int64_t>(shifted) + 1023)
                          << 52);  // the shift drops all but the integer's low bits
}
}  // namespace detail

// |x|^y = 2^(y log2|x|) in double, then the cases that the C standard names.
FB_MATH float pow(float x, float y) {
  float a = abs(x);
  auto [f, e] = detail::split_log(a);
  double log2 = static_cast<double>(e) + detail::wide_log(1.0f + f) * 1.4426950408889634;
  log2 = a == 0.0f ? -__builtin_inf() : a == kInfinity ? __builtin_inf() : log2;
  float r = static_cast<float>(detail::wide_exp2(static_cast<double>(y) * log2));
  r = (a != a) | (y != y) ? __builtin_nanf("") : r;
  float half = y * 0.5f;
  bool whole = trunc(y) == y, odd = whole & (trunc(half) != half);
  bool negative = bits<int>(x) < 0;
  r = negative & odd ? -r : r;
  r = negative & !whole & (a > 0.0f) & (a < kInfinity) ? __builtin_nanf("") : r;
  r = (a == 1.0f) & (abs(y) == kInfinity) ? 1.0f : r;
  return (x == 1.0f) | (y == 0.0f) ? 1.0f : r;
}
FB_MATH double pow(double x, double y) { return __builtin_pow(x, y); }

}  // namespace fb::math
