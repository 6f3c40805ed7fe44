#pragma once
#include "ops/kernel.h"

namespace fb {

// Raises the error of one operator for an index that is out of bounds; `dim` counts the indexed
// dimensions.
using IndexError = void (*)(int64_t index, size_t dim, Ints sizes);

}  // namespace fb

// offsets[k] = sum over d of indices[d][k] * strides[d]; every index is checked against sizes[d].
// All are contiguous int64.
FB_KERNEL(index_offsets, const Tensor& offsets, std::span<const Tensor> indices, Ints sizes,
          Ints strides, bool negative, IndexError fail)
// Slices of memory at given offsets. The strided side has size K and stride 0 in `dim`: its k-th
// slice lies offsets[k] elements further on. Reading: out[.., k, ..] = source at offsets[k].
// Writing: target at offsets[k] = values[.., k, ..], in order of k. Before, the whole target, which
// has the strides of `base`, becomes a copy of that, unless it is undefined.
FB_KERNEL(read_slices, const Tensor& out, const Tensor& source, int64_t dim, const Tensor& offsets)
FB_KERNEL(write_slices, const Tensor& target, const Tensor& base, const Tensor& values, int64_t dim,
          const Tensor& offsets)
FB_KERNEL(add_slices, const Tensor& target, const Tensor& base, const Tensor& values, int64_t dim,
          const Tensor& offsets)
// offsets[k] = where the element index[k] of a tensor of these sizes and strides, counted in order,
// lies.
FB_KERNEL(element_offsets, const Tensor& offsets, const Tensor& index, Ints sizes, Ints strides,
          IndexError fail)
