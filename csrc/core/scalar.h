// A number from Python: bool, int, float or complex.
#pragma once
#include "core/dtype.h"
#include "core/error.h"

namespace fb {

class Scalar {
 public:
  Scalar() : Scalar(int64_t{0}) {}
  Scalar(bool v) : kind_(DType::Bool), i_(v) {}
  Scalar(int v) : Scalar(static_cast<int64_t>(v)) {}
  Scalar(int64_t v) : kind_(DType::Int64), i_(v) {}
  Scalar(double v) : kind_(DType::Float64), re_(v) {}
  Scalar(float v) : Scalar(static_cast<double>(v)) {}
  Scalar(complex128 v) : kind_(DType::Complex128), re_(v.real()), im_(v.imag()) {}

  // Bool, Int64, Float64 or Complex128.
  DType dtype() const { return kind_; }
  bool is_bool() const { return kind_ == DType::Bool; }
  bool is_integral() const { return kind_ == DType::Bool || kind_ == DType::Int64; }
  bool is_floating() const { return kind_ == DType::Float64; }
  bool is_complex() const { return kind_ == DType::Complex128; }

  template <class T>
  T to() const {
    if constexpr (std::is_same_v<T, complex64> || std::is_same_v<T, complex128>) {
      using R = typename T::value_type;
      return is_integral() ? T(static_cast<R>(i_)) : T(static_cast<R>(re_), static_cast<R>(im_));
    } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
      return T(to<float>());
    } else if constexpr (std::is_same_v<T, bool>) {
      return is_integral() ? i_ != 0 : re_ != 0 || im_ != 0;
    } else if constexpr (std::is_integral_v<T>) {
      return is_integral() ? static_cast<T>(i_) : static_cast<T>(static_cast<int64_t>(re_));
    } else {
      return is_integral() ? static_cast<T>(i_) : static_cast<T>(re_);
    }
  }
  bool equal(double v) const {
    return is_integral() ? static_cast<double>(i_) == v : re_ == v && im_ == 0;
  }
  Scalar operator-() const {
    if (is_integral()) return Scalar(-i_);
    return is_complex() ? Scalar(complex128(-re_, -im_)) : Scalar(-re_);
  }
  Scalar conj() const { return is_complex() ? Scalar(complex128(re_, -im_)) : *this; }

 private:
  DType kind_;
  union {
    int64_t i_;
    double re_;
  };
  double im_ = 0;
};

}  // namespace fb
