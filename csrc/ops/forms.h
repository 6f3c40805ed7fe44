// Forward functions of the usual forms: the kernel writes the promoted type of its operands.
#pragma once
#include "ops/elementwise.h"
#include "ops/grad.h"

namespace fb {

template <class K>
Tensor unary(K& kernel, const Tensor& input, Out out) {
  Tensor result = pointwise_output(input.dtype(), out, input);
  kernel(result, input, input.dtype());
  return result;
}

// Integers give the default floating type.
template <class K>
Tensor unary_float(K& kernel, const Tensor& input, Out out) {
  DType type = float_type(input.dtype());
  Tensor result = pointwise_output(type, out, input);
  kernel(result, input, type);
  return result;
}

template <class K>
Tensor unary_to(K& kernel, DType result_type, const Tensor& input, Out out) {
  Tensor result = pointwise_output(result_type, out, input);
  kernel(result, input, input.dtype());
  return result;
}

template <class K>
Tensor binary(K& kernel, const Tensor& a, const Tensor& b, Out out) {
  DType type = result_type(a, b);
  Tensor result = pointwise_output(type, out, a, b);
  kernel(result, a, b, type);
  return result;
}

template <class K>
Tensor binary_float(K& kernel, const Tensor& a, const Tensor& b, Out out) {
  DType type = float_type(result_type(a, b));
  Tensor result = pointwise_output(type, out, a, b);
  kernel(result, a, b, type);
  return result;
}

template <class K>
Tensor binary_to(K& kernel, DType to, const Tensor& a, const Tensor& b, Out out) {
  Tensor result = pointwise_output(to, out, a, b);
  kernel(result, a, b, result_type(a, b));
  return result;
}

// A gradient of zeros: the function is flat wherever it has a derivative.
Tensor zero_gradient(const GradShape& shape);
inline void set_zero(Grad& g, std::string_view arg) {
  if (g.needs(arg)) g.set(arg, zero_gradient(g.shape(arg)));
}

}  // namespace fb
