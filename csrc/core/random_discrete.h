// Samplers whose number of draws depends on what is drawn: Poisson, binomial, gamma, and
// categories with given weights. Same rules as core/random_streams.h.
#pragma once
#include <cmath>
#include <cstdint>

#include "core/random_streams.h"

namespace fb::streams {
namespace {

// Rates from 10 on: transformed rejection (Hoermann, 1993, PTRS). Below: products of uniforms.
inline int64_t poisson(Generator& generator, double rate) {
  if (rate == 0) return 0;
  if (rate < 10) {
    const double limit = std::exp(-rate);
    int64_t count = 0;
    for (double product = unit<double>(generator); product > limit; ++count) {
      product *= unit<double>(generator);
    }
    return count;
  }
  const double log_rate = std::log(rate);
  const double b = 0.931 + 2.53 * std::sqrt(rate);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double tight = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = unit<double>(generator) - 0.5;
    const double v = unit<double>(generator);
    const double us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= tight) return convert<int64_t>(k);
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b) <=
        -rate + k * log_rate - std::lgamma(k + 1)) {
      return convert<int64_t>(k);
    }
  }
}

// log(k!) minus Stirling's approximation of it.
inline double stirling_tail(double k) {
  constexpr double kSmall[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983,
                               0.02079067210376509, 0.0166446911898211, 0.0138761288230707,
                               0.0118967099458917,  0.0104112652619720, 0.00925546218271273,
                               0.00833056343336287};
  if (k < 10) return kSmall[static_cast<int>(k)];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// Fewer than 10 successes expected: skips from success to success by geometric steps.
template <class T>
T binomial_by_skipping(Generator& generator, T count, T p) {
  const double log_failure = std::log1p(-p);
  double trials = 0;
  for (T successes = 0;; successes = successes + 1) {
    trials += std::ceil(std::log(unit<double>(generator)) / log_failure);
    if (!(trials <= count)) return successes;
  }
}

// 10 and more: transformed rejection (Hoermann, 1993, BTRS). T is float or double and takes part
// in the arithmetic, which decides the last bits.
template <class T>
T binomial_by_rejection(Generator& generator, T count, T p) {
  const double stddev = std::sqrt(count * p * (1 - p));
  const double b = 1.15 + 2.53 * stddev;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = count * p + 0.5;
  const double tight = 0.92 - 4.2 / b;
  const double odds = p / (1 - p);
  const double alpha = (2.83 + 5.1 / b) * stddev;
  const double mode = std::floor((count + 1) * p);
  for (;;) {
    const double u = unit<double>(generator) - 0.5;
    double v = unit<double>(generator);
    const double us = 0.5 - std::abs(u);
    const T k = static_cast<T>(std::floor((2 * a / us + b) * u + c));
    if (k < 0 || k > count) continue;
    if (us >= 0.07 && v <= tight) return k;
    v = std::log(v * alpha / (a / (us * us) + b));
    const double bound = (mode + 0.5) * std::log((mode + 1) / (odds * (count - mode + 1))) +
                         (count + 1) * std::log((count - mode + 1) / (count - k + 1)) +
                         (k + 0.5) * std::log(odds * (count - k + 1) / (k + 1)) +
                         stirling_tail(mode) + stirling_tail(count - mode) - stirling_tail(k) -
                         stirling_tail(count - k);
    if (v <= bound) return k;
  }
}

template <class T>
T binomial(Generator& generator, T count, T p) {
  if (count <= 0 || p <= 0) return 0;
  if (p >= 1) return count;
  if (!(p <= 1) || std::isnan(count)) return std::numeric_limits<T>::quiet_NaN();
  if (p > T(0.5)) {
    const T q = static_cast<T>(1.0 - p);
    return count - (count * q >= 10 ? binomial_by_rejection(generator, count, q)
                                    : binomial_by_skipping(generator, count, q));
  }
  return count * p >= 10 ? binomial_by_rejection(generator, count, p)
                         : binomial_by_skipping(generator, count, p);
}

// Gamma(alpha, 1) by Marsaglia and Tsang (2000).
template <class T>
T standard_gamma(Generator& generator, T alpha) {
  double scale = 1;
  if (alpha < 1) {
    if (alpha == 0) return 0;
    scale *= std::pow(1 - unit<double>(generator), static_cast<double>(1.0f / alpha));
    alpha += 1;
  }
  const double d = alpha - 1.0f / 3.0f;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    double x, y;
    do {
      x = standard_normal(generator);
      y = 1.0 + c * x;
    } while (y <= 0);
    const double v = y * y * y;
    const double u = 1 - unit<double>(generator);
    const double square = x * x;
    if (u < 1.0 - 0.0331f * square * square ||
        std::log(u) < 0.5 * square + d * (1.0 - v + std::log(v))) {
      return static_cast<T>(scale * d * v);
    }
  }
}

// Draws `samples` categories with replacement. `cumulative` is room for `categories` numbers.
template <class T>
void categories_with_replacement(Generator& generator, const T* weights, int64_t weight_stride,
                                 int64_t categories, int64_t* out, int64_t out_stride,
                                 int64_t samples, Maths<T>* cumulative) {
  using M = Maths<T>;
  M sum = 0;
  for (int64_t j = 0; j < categories; ++j) {
    const M weight = static_cast<M>(weights[j * weight_stride]);
    FB_CHECK(weight >= 0, "invalid multinomial distribution (encountering probability entry < 0)");
    FB_CHECK(std::isfinite(weight),
             "invalid multinomial distribution (encountering probability entry = infinity or NaN)");
    cumulative[j] = sum += weight;
  }
  FB_CHECK(sum > 0, "invalid multinomial distribution (sum of probabilities <= 0)");
  for (int64_t j = 0; j < categories; ++j) cumulative[j] /= sum;
  cumulative[categories - 1] = 1;
  for (int64_t i = 0; i < samples; ++i) {
    const double u = unit<double>(generator);
    out[i * out_stride] = std::lower_bound(cumulative, cumulative + categories, u,
                                           [](M level, double x) { return level < x; }) -
                          cumulative;
  }
}

}  // namespace
}  // namespace fb::streams
