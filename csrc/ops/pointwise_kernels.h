#pragma once
#include "ops/kernel.h"

// `dtype` is the type to compute in; operands are converted to it and results from it.
#define FB_UNARY_KERNEL(name) FB_KERNEL(name, const Tensor& out, const Tensor& input, DType dtype)
#define FB_BINARY_KERNEL(name) \
  FB_KERNEL(name, const Tensor& out, const Tensor& a, const Tensor& b, DType dtype)
#define FB_TERNARY_KERNEL(name) \
  FB_KERNEL(name, const Tensor& out, const Tensor& a, const Tensor& b, const Tensor& c, DType dtype)

FB_BINARY_KERNEL(add)
FB_BINARY_KERNEL(sub)
FB_BINARY_KERNEL(mul)
FB_BINARY_KERNEL(div)
FB_BINARY_KERNEL(div_floor)
FB_BINARY_KERNEL(div_trunc)
FB_BINARY_KERNEL(remainder)
FB_BINARY_KERNEL(fmod)
FB_BINARY_KERNEL(pow)
FB_KERNEL(add_scaled, const Tensor& out, const Tensor& a, const Tensor& b, const Scalar& alpha,
          DType dtype)
FB_UNARY_KERNEL(neg)
FB_UNARY_KERNEL(abs)
FB_UNARY_KERNEL(sign)
FB_UNARY_KERNEL(sgn)
FB_UNARY_KERNEL(square)
FB_UNARY_KERNEL(reciprocal)
FB_UNARY_KERNEL(conj)
// a + value * b * c and a + value * b / c
FB_KERNEL(addcmul, const Tensor& out, const Tensor& a, const Tensor& b, const Tensor& c,
          const Scalar& value, DType dtype)
FB_KERNEL(addcdiv, const Tensor& out, const Tensor& a, const Tensor& b, const Tensor& c,
          const Scalar& value, DType dtype)
FB_TERNARY_KERNEL(lerp)
