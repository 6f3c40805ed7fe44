// Slices that lie beside each other, as those of one tensor do.
#pragma once
#include <algorithm>
#include <span>

#include "core/tensor.h"

namespace fb {

// The tensor without gaps whose slices along `dim` these are, in their order; undefined if there is
// none. It has no history.
inline Tensor whole_of_slices(std::span<const Tensor> slices, int64_t dim) {
  if (slices.size() < 2) return {};
  const Tensor& first = slices[0];
  const int64_t step = slices[1].offset() - first.offset();
  int64_t expected = first.offset();
  for (const Tensor& t : slices) {
    if (t.storage() != first.storage() || t.dtype() != first.dtype() || t.offset() != expected ||
        !std::ranges::equal(t.sizes(), first.sizes()) ||
        !std::ranges::equal(t.strides(), first.strides()))
      return {};
    expected += step;
  }
  const auto d = static_cast<size_t>(wrap_dim(dim, first.dim() + 1));
  Dims sizes(first.sizes()), strides(first.strides());
  sizes.insert(d, static_cast<int64_t>(slices.size()));
  strides.insert(d, step);
  if (step <= 0 || first.numel() == 0 || !is_dense(sizes, strides)) return {};
  return first.alias(sizes, strides, first.offset());
}

}  // namespace fb
