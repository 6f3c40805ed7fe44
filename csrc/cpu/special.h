// Special functions in double precision; rare enough to be computed one number at a time.
#pragma once
#include "cpu/cpu.h"

namespace fb::inline FB_CPU_NAMESPACE {

double digamma(double x);
// The n-th derivative of digamma, n >= 1.
double polygamma(int64_t n, double x);
double erfinv(double y);
// Hurwitz's zeta function: the sum of (k + q)^-s over k >= 0.
double zeta(double s, double q);
double lgamma(double x);

}  // namespace fb::inline FB_CPU_NAMESPACE
