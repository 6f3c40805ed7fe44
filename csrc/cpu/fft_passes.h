// The passes of a Fourier transform, over real and imaginary parts in arrays of their own.
#pragma once
#include "cpu/fft_butterfly.h"
#include "ops/fft_plan.h"

namespace fb::inline FB_CPU_NAMESPACE::fft {

template <class T>
struct Split {
  T* re;
  T* im;
  operator Split<const T>() const { return {re, im}; }
  Split operator+(int64_t n) const { return {re + n, im + n}; }
};

// One pass from x to y over `inner` interleaved transforms: Stockham's autosort, decimation in
// frequency (C. Van Loan, Computational Frameworks for the Fast Fourier Transform, 1992, 1.7).
// Element j of transform c is number j * inner + c.
void stockham_pass(const FftPlan<float>& plan, const FftPass& pass, int64_t inner,
                   Split<const float> x, Split<float> y);
void stockham_pass(const FftPlan<double>& plan, const FftPass& pass, int64_t inner,
                   Split<const double> x, Split<double> y);
// The first pass over a single transform: vectors run along the groups, and are transposed.
void stockham_first_pass(const FftPlan<float>& plan, const FftPass& pass, Split<const float> x,
                         Split<float> y);
void stockham_first_pass(const FftPlan<double>& plan, const FftPass& pass, Split<const double> x,
                         Split<double> y);

// The same from complex numbers as tensors hold them, `swapped`: real and imaginary parts
// exchanged. False, and nothing done, where there is no code for that.
bool stockham_first_pass(const FftPlan<float>& plan, const FftPass& pass, const float* x,
                         bool swapped, Split<float> y);
bool stockham_first_pass(const FftPlan<double>& plan, const FftPass& pass, const double* x,
                         bool swapped, Split<double> y);

}  // namespace fb::inline FB_CPU_NAMESPACE::fft
