#pragma once
#include "ops/pointwise_kernels.h"

FB_BINARY_KERNEL(atan2)
FB_BINARY_KERNEL(hypot)
FB_BINARY_KERNEL(copysign)
FB_BINARY_KERNEL(nextafter)
FB_BINARY_KERNEL(heaviside)
FB_BINARY_KERNEL(logaddexp)
FB_BINARY_KERNEL(logaddexp2)
FB_BINARY_KERNEL(xlogy)
FB_BINARY_KERNEL(xlog1py)
FB_BINARY_KERNEL(gcd)
FB_BINARY_KERNEL(lcm)
FB_BINARY_KERNEL(zeta)
// Complex results from real operands; dtype is that of the parts.
FB_BINARY_KERNEL(complex)
FB_BINARY_KERNEL(polar)
