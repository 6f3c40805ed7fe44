// Arithmetic on tensors for derivatives and composites: every operation is a call of the public
// operator.
#pragma once
#include "ops/pointwise.h"

namespace fb {

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator+(const Tensor& a, const Scalar& b) { return add(a, wrapped_number(b)); }
inline Tensor operator-(const Tensor& a, const Scalar& b) { return sub(a, wrapped_number(b)); }
inline Tensor operator*(const Tensor& a, const Scalar& b) { return mul(a, wrapped_number(b)); }
inline Tensor operator/(const Tensor& a, const Scalar& b) { return div(a, wrapped_number(b)); }
inline Tensor operator+(const Scalar& a, const Tensor& b) { return add(b, wrapped_number(a)); }
inline Tensor operator-(const Scalar& a, const Tensor& b) { return sub(wrapped_number(a), b); }
inline Tensor operator*(const Scalar& a, const Tensor& b) { return mul(b, wrapped_number(a)); }
inline Tensor operator/(const Scalar& a, const Tensor& b) { return div(wrapped_number(a), b); }
inline Tensor operator-(const Tensor& a) { return neg(a); }

// The factor that a gradient is multiplied with: PyTorch's gradients are conjugate.
inline Tensor conjugate(const Tensor& t) { return is_complex(t.dtype()) ? conj_physical(t) : t; }

}  // namespace fb
