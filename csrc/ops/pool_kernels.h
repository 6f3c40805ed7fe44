#pragma once
#include <algorithm>

#include "ops/kernel.h"

namespace fb {

// The windows of a pooling along one dimension.
struct PoolAxis {
  int64_t in = 1, out = 1;
  int64_t kernel = 1, stride = 1, padding = 0, dilation = 1;
  bool adaptive = false;       // windows of (almost) equal size cover the input
  bool count_padding = false;  // padding counts in averages

  int64_t start(int64_t o) const { return adaptive ? o * in / out : o * stride - padding; }
  // The first element within the input.
  int64_t begin(int64_t o) const {
    int64_t at = start(o);
    return at >= 0 ? at : at + (-at + dilation - 1) / dilation * dilation;
  }
  int64_t end(int64_t o) const {
    if (adaptive) return ((o + 1) * in + out - 1) / out;
    return std::min(start(o) + (kernel - 1) * dilation + 1, in);
  }
  // What an average is divided by.
  int64_t length(int64_t o) const {
    return count_padding ? std::min(start(o) + kernel, in + padding) - start(o) : end(o) - begin(o);
  }
};

struct PoolWindows {
  PoolAxis d, h, w;
  int64_t divisor = 0;  // in place of the windows' sizes, if not 0
  int64_t in_pixels() const { return d.in * h.in * w.in; }
  int64_t out_pixels() const { return d.out * h.out * w.out; }
};

}  // namespace fb

// Tensors are (..., spatial), contiguous or channels-last, all in the same format, with elements in
// `out`. Indices are int64 and count within a channel. indices may be undefined.
FB_KERNEL(max_pool, const Tensor& out, const Tensor& indices, const Tensor& input,
          const PoolWindows& windows)
FB_KERNEL(avg_pool, const Tensor& out, const Tensor& input, const PoolWindows& windows)
FB_KERNEL(avg_pool_backward, const Tensor& out, const Tensor& grad, const PoolWindows& windows)
// out[indices] += grad, out[...] = input[indices], channel by channel; `pixels` are those of a
// channel of the larger tensor.
FB_KERNEL(pool_scatter, const Tensor& out, const Tensor& grad, const Tensor& indices,
          int64_t pixels)
FB_KERNEL(pool_gather, const Tensor& out, const Tensor& input, const Tensor& indices,
          int64_t pixels)
