// What reductions share: which dimensions, which sizes, which type.
#pragma once
#include "ops/op.h"

namespace fb {

// Which dimensions are reduced, as bits; no dims means all.
inline uint64_t reduced_dims(std::optional<Ints> dims, int64_t ndim, std::string_view name) {
  if (!dims || dims->empty()) return ~uint64_t{0};
  FB_CHECK(ndim <= 64, "only tensors with up to 64 dims are supported");
  uint64_t mask = 0;
  for (int64_t d : *dims) {
    int64_t at = wrap_dim(d, ndim);
    FB_CHECK(!(mask >> at & 1), name, "(): dim ", at,
             " appears multiple times in the list of dims");
    mask |= uint64_t{1} << at;
  }
  return mask;
}

// The sizes with 1 for each reduced dimension.
inline Dims kept_sizes(Ints sizes, uint64_t mask) {
  FB_CHECK(sizes.size() <= 64, "only tensors with up to 64 dims are supported");
  Dims out(sizes);
  for (size_t d = 0; d < out.size(); ++d)
    if (mask >> d & 1) out[d] = 1;
  return out;
}

// A contiguous result with the reduced dimensions of size 1, as the caller wants to see it.
inline Tensor drop_reduced(const Tensor& t, uint64_t mask, bool keepdim) {
  if (keepdim || t.dim() == 0) return t;
  Dims sizes;
  for (int64_t d = 0; d < t.dim(); ++d)
    if (!(mask >> d & 1)) sizes.push_back(t.sizes()[d]);
  t.impl()->set_geometry(sizes, contiguous_strides(sizes));
  return t;
}

}  // namespace fb
