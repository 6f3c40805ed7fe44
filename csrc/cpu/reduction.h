// How reductions walk their input: rows (the reduced run is contiguous), columns (a kept run is) or
// any strides. The order of additions depends on the sizes alone, never on the number of threads.
#pragma once
#include <algorithm>
#include <vector>

#include "cpu/cpu.h"

namespace fb::FB_CPU_NAMESPACE {

// Input strides of kept and reduced dimensions, joined where they can be, innermost first.
struct ReduceLayout {
  ReduceLayout(const Tensor& out, const Tensor& input) {
    for (int64_t d = input.dim(); d-- > 0;) {
      int64_t n = input.sizes()[d], stride = input.strides()[d];
      if (n == 1) continue;
      bool is_reduced = out.sizes()[d] == 1;
      add(is_reduced ? reduced_sizes : kept_sizes, is_reduced ? reduced_strides : kept_strides, n,
          stride);
    }
    for (int64_t n : kept_sizes) kept *= n;
    for (int64_t n : reduced_sizes) reduced *= n;
  }
  static void add(Dims& sizes, Dims& strides, int64_t n, int64_t stride) {
    if (!sizes.empty() && stride == strides.back() * sizes.back()) {
      sizes.back() *= n;
    } else {
      sizes.push_back(n);
      strides.push_back(stride);
    }
  }
  // Offset of the i-th index of a list of dimensions.
  static int64_t offset(const Dims& sizes, const Dims& strides, int64_t i) {
    int64_t at = 0;
    for (size_t d = 0; d < sizes.size(); ++d) {
      if (d + 1 == sizes.size()) return at + i * strides[d];
      at += i % sizes[d] * strides[d];
      i /= sizes[d];
    }
    return at;
  }
  Dims kept_sizes, kept_strides, reduced_sizes, reduced_strides;
  int64_t kept = 1, reduced = 1;
};

}  // namespace fb::FB_CPU_NAMESPACE
