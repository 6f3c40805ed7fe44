#pragma once
#include "ops/kernel.h"

// The last dimensions, one for each map (int64, checked), are gathered: out[.., o, .. ] = input[..,
// map[o], ..]. Elements are blocks of `inner` elements; both tensors are contiguous when the blocks
// are taken as a last dimension.
FB_KERNEL(gather_box, const Tensor& out, const Tensor& input, std::span<const Tensor> maps,
          int64_t inner)
// The transpose: target[.., map[o], ..] += values[.., o, ..], floating or complex but no half type.
FB_KERNEL(add_box, const Tensor& target, const Tensor& values, std::span<const Tensor> maps,
          int64_t inner)
