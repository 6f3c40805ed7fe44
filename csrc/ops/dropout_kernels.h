#pragma once
#include "core/generator.h"
#include "ops/kernel.h"

// Draws the mask, of which an element is true with probability `keep`, then does masked_scale.
FB_KERNEL(draw_dropout, const Tensor& out, const Tensor& input, const Tensor& mask,
          Generator& generator, double keep, double scale)
// out = input * (mask ? scale : 0)
FB_KERNEL(masked_scale, const Tensor& out, const Tensor& input, const Tensor& mask, double scale)
// noise = a number from [lower, upper) where input <= 0, else 1; out = input * noise
FB_KERNEL(draw_rrelu, const Tensor& out, const Tensor& input, const Tensor& noise,
          Generator& generator, double lower, double upper)
