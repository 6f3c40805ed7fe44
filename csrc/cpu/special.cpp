#include "cpu/special.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kInf = __builtin_inf();
const double kNaN = __builtin_nan("");

// B_2k of Bernoulli, for k = 1...
constexpr double kBernoulli[] = {
    1.0 / 6, -1.0 / 30,     1.0 / 42,      -1.0 / 30,       5.0 / 66,       -691.0 / 2730,
    7.0 / 6, -3617.0 / 510, 43867.0 / 798, -174611.0 / 330, 854513.0 / 138, -236364091.0 / 2730};

}  // namespace

double digamma(double x) {
  if (x == 0) return __builtin_copysign(kInf, -x);
  if (x < 0) {
    if (x == __builtin_floor(x)) return kNaN;
    // psi(1 - x) - psi(x) = pi cot(pi x); the fraction first, so that pi x keeps its digits
    double fraction = x - __builtin_floor(x);
    return digamma(1 - x) - kPi / __builtin_tan(kPi * fraction);
  }
  double shifted = 0;
  for (; x < 10; x += 1) shifted -= 1 / x;
  double w = 1 / (x * x), sum = 0;
  for (int k = 7; k >= 1; --k) sum = w * (kBernoulli[k - 1] / (2 * k) + sum);
  return x > 1e17 ? __builtin_log(x) : shifted + __builtin_log(x) - 0.5 / x - sum;
}

// Euler-Maclaurin: the first terms one by one, the rest as an integral with corrections.
double zeta(double s, double q) {
  if (s == 1) return kInf;
  if (!(s > 1)) return kNaN;
  if (q <= 0) {
    if (q == __builtin_floor(q)) return kInf;
    if (s != __builtin_floor(s)) return kNaN;  // a negative number to a broken power
  }
  constexpr int kTerms = 10;
  double sum = 0, at = q;
  for (int k = 0; k < kTerms || at <= 9; ++k, at += 1) {
    double term = __builtin_pow(at, -s);
    sum += term;
    if (__builtin_fabs(term) < 1e-17 * __builtin_fabs(sum) && at > 0) return sum;
  }
  double power = __builtin_pow(at, -s);
  sum += power * at / (s - 1) + 0.5 * power;
  double factor = s, factorial = 2;
  power /= at;
  for (int k = 1; k <= 12; ++k) {
    double term = kBernoulli[k - 1] / factorial * factor * power;
    sum += term;
    if (__builtin_fabs(term) < 1e-17 * __builtin_fabs(sum)) break;
    factor *= (s + 2 * k - 1) * (s + 2 * k);
    factorial *= (2 * k + 1) * (2 * k + 2);
    power /= at * at;
  }
  return sum;
}

double polygamma(int64_t n, double x) {
  if (n == 0) return digamma(x);
  if (n == 1 && x < 0 &&
      x != __builtin_floor(x)) {  // reflected: the terms of the sum would grow without bound
    double s = __builtin_sin(kPi * (x - __builtin_floor(x)));
    return kPi * kPi / (s * s) - polygamma(1, 1 - x);
  }
  double sign = n % 2 == 0 ? -1 : 1;
  return sign * __builtin_tgamma(static_cast<double>(n) + 1) * zeta(static_cast<double>(n) + 1, x);
}

double erfinv(double y) {
  double a = __builtin_fabs(y);
  if (!(a <= 1)) return kNaN;
  if (a == 1) return __builtin_copysign(kInf, y);
  if (a == 0) return y;
  // Winitzki's closed approximation (2008), then Newton's and Halley's steps on erf, or on erfc
  // where erf is close to 1.
  double c = 2 / (kPi * 0.147), l = __builtin_log1p(-a * a), h = c + 0.5 * l;
  double x = __builtin_sqrt(__builtin_sqrt(h * h - l / 0.147) - h);
  for (int step = 0; step < 3; ++step) {
    double error = a < 0.5 ? __builtin_erf(x) - a : (1 - a) - __builtin_erfc(x);
    double newton = error / (2 / __builtin_sqrt(kPi) * __builtin_exp(-x * x));
    x -= newton / (1 + x * newton);
  }
  return __builtin_copysign(x, y);
}

double lgamma(double x) {
  int sign;
  return __builtin_lgamma_r(x, &sign);
}

}  // namespace fb::inline FB_CPU_NAMESPACE
