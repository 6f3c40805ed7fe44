// Slices of a dimension that an index names: what the indexing rooms share.
#pragma once
#include "ops/indexing_kernels.h"

namespace fb {

// `t` with dimension `dim` of size `count` and stride 0, to be displaced by offsets. A 0-d tensor
// counts as 1-d.
Tensor displaced(const Tensor& t, int64_t dim, int64_t count);
// An integer tensor as contiguous int64.
Tensor long_index(const Tensor& index);
// Offsets of the slices of `t` along `dim`; `fail` raises for an index out of bounds.
Tensor slice_offsets(const Tensor& t, int64_t dim, const Tensor& index, bool negative,
                     IndexError fail);

}  // namespace fb
