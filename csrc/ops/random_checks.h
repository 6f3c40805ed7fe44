// What the random rooms check and prepare alike.
#pragma once
#include <optional>

#include "core/generator.h"
#include "core/tensor.h"

namespace fb {

inline Generator& generator_or_default(Generator* generator) {
  return generator ? *generator : default_generator();
}

// A complex tensor seen as a real one with a last dimension of 2.
Tensor as_real(const Tensor& t);
// `t` broadcast to the given shape, without history.
Tensor expanded(const Tensor& t, Ints sizes);

// The C++ type of a dtype, as some of PyTorch's messages have it ("unsigned char").
const char* cpp_type_name(DType dtype);

void check_uniform_bounds(DType dtype, double from, double to);
void check_permutation(int64_t n, DType dtype);

struct IntegerBounds {
  int64_t from = 0;
  uint64_t range = 0;
};
// The range to draw from, so that every number in it can be held by the dtype. Floating-point
// types round, so the ends move inwards to numbers that stay within the range. Without `to`, the
// largest number of the type is the last one.
IntegerBounds integer_bounds(DType dtype, int64_t from, std::optional<int64_t> to);

}  // namespace fb
