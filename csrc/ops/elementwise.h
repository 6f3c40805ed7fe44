// What operators that work element by element share on every device: type promotion, broadcasting,
// outputs, and the order in which operands are walked.
#pragma once
#include "ops/op.h"

namespace fb {

using Operands = std::span<const Tensor* const>;

// PyTorch's promotion: tensors with dimensions outrank 0-d tensors, which outrank Python numbers; a
// lower category counts only by bringing in a higher kind (integer, floating, complex).
class Promotion {
 public:
  Promotion& add(const Tensor& t);
  Promotion& add(const Scalar& s);
  Promotion& add_number(DType kind);
  DType type() const;

 private:
  DType dimensioned_ = DType::Undefined, zero_dim_ = DType::Undefined, number_ = DType::Undefined;
};

DType result_type_slow(const Tensor& a, const Tensor& b);
inline DType result_type(const Tensor& a, const Tensor& b) {
  DType x = a.dtype(), y = b.dtype();
  if (x == y && !a.impl()->wrapped_number && !b.impl()->wrapped_number) return x;
  if (b.impl()->wrapped_number && !a.impl()->wrapped_number && is_floating(x) && !is_complex(y))
    return x;
  return result_type_slow(a, b);
}
inline DType result_type(const Tensor& a, const Scalar& b) {
  return Promotion().add(a).add(b).type();
}
DType result_type(Operands operands);
// The type of sin(x), x / y, ...: integers become the default floating type.
inline DType float_type(DType t) { return is_integral(t) ? default_dtype() : t; }

// The tensor to write the result of the operands into: the given target (checked; resized for out=)
// or a fresh one of the broadcast shape and, as PyTorch has it, the operands' order of dimensions.
// The given one may be of another type than `type`, to which it can be cast: elementwise kernels
// convert as they write.
Tensor pointwise_output(DType type, Out out, Operands operands, uint32_t i = 0);
Tensor pointwise_output_fresh(DType type, Operands operands);

inline Tensor pointwise_output(DType type, Out out, const Tensor& a) {
  if (!out.given() && a.is_contiguous()) return empty_like(a, type);
  const Tensor* list[] = {&a};
  return pointwise_output(type, out, list);
}
inline bool plain_pair(const Tensor& a, const Tensor& b) {
  return a.is_contiguous() &&
         ((b.is_contiguous() && same_shape(a.sizes(), b.sizes())) || b.dim() == 0) &&
         a.device() == b.device();
}
inline Tensor pointwise_output(DType type, Out out, const Tensor& a, const Tensor& b) {
  if (!out.given() && plain_pair(a, b)) return empty_like(a, type);
  const Tensor* list[] = {&a, &b};
  return pointwise_output(type, out, list);
}
inline Tensor pointwise_output(DType type, Out out, const Tensor& a, const Tensor& b,
                               const Tensor& c) {
  const Tensor* list[] = {&a, &b, &c};
  return pointwise_output(type, out, list);
}

// Errors of a tensor that is about to be written while `inputs` are read.
void check_writable(const Tensor& target);

// A number that is written into a tensor must be one that its type can hold; elements of other
// tensors are converted as always.
void check_fits(const Scalar& value, DType dtype);
void check_overlap(const Tensor& target, const Tensor& input);
void check_castable(DType result, const Tensor& target);

// Output and operands walked together. Dimensions that can be are joined; the innermost comes
// first. Strides are in elements and 0 where an operand is broadcast.
constexpr int kMaxOperands = 5;
struct Geometry {
  Geometry(const Tensor& out, Operands inputs);
  int64_t numel;
  int operands;  // the output is number 0
  SmallVector<int64_t, 6> sizes;
  SmallVector<int64_t, 6> strides[kMaxOperands];
};

}  // namespace fb
