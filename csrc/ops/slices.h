// Slices of a dimension that an index names: what the indexing rooms share.
#pragma once
#include "ops/indexing_kernels.h"
#include "ops/op.h"

namespace fb {

// A copy of `input` to change: the given tensor itself if it is changed in place.
Tensor copied(const Tensor& input, Out out);
// The same, with the copy left to the kernel that changes it: `base` is what that has to copy
// first, or stays undefined.
Tensor to_change(const Tensor& input, Out out, Tensor& base);
// `t` with dimension `dim` of size `count` and stride 0, to be displaced by offsets. A 0-d tensor
// counts as 1-d.
Tensor displaced(const Tensor& t, int64_t dim, int64_t count);
// Kernels read all their tensors on one device; on the meta device they read nothing.
void check_one_device(const Tensor& t, const Tensor& read);
// An integer tensor as contiguous int64.
Tensor long_index(const Tensor& index);
// Offsets of the slices of `t` along `dim`; `fail` raises for an index out of bounds.
Tensor slice_offsets(const Tensor& t, int64_t dim, const Tensor& index, bool negative,
                     IndexError fail);

// Where the true elements of a mask lie in a tensor of its shape and the given strides, in order.
Tensor true_offsets(const Tensor& mask, Ints strides);
// (dims, count): row d has the d-th index of each true element, in order.
Tensor true_indices(const Tensor& mask);

}  // namespace fb
