// Lets nanobind functions take and return tensors, dtypes and devices.
#pragma once
#include <nanobind/nanobind.h>

#include "python/py.h"

namespace nb = nanobind;

namespace nanobind::detail {

template <>
struct type_caster<fb::Tensor> {
  NB_TYPE_CASTER(fb::Tensor, const_name("flambeau.Tensor"))
  bool from_python(handle src, uint8_t, cleanup_list*) noexcept {
    if (src.is_none()) return true;  // undefined
    if (!fb::py::is_tensor(src.ptr())) return false;
    value = fb::py::tensor_of(src.ptr());
    return true;
  }
  static handle from_cpp(const fb::Tensor& t, rv_policy, cleanup_list*) noexcept {
    return fb::py::wrap(t);
  }
};

template <>
struct type_caster<fb::DType> {
  NB_TYPE_CASTER(fb::DType, const_name("flambeau.dtype"))
  bool from_python(handle src, uint8_t, cleanup_list*) noexcept {
    return fb::py::as_dtype(src.ptr(), value);
  }
  static handle from_cpp(fb::DType t, rv_policy, cleanup_list*) noexcept { return fb::py::wrap(t); }
};

}  // namespace nanobind::detail
