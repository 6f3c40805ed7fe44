#pragma once
#include "ops/kernel.h"

// Tables are (rows, width) with contiguous rows of numbers, indices contiguous int64 and within
// bounds.

// table[indices[k]] += grad[k], for float32 and float64, both contiguous. Rows of `padding` are
// left out; with `counts` (int64, one for each row) each is divided by how often its index occurs.
FB_KERNEL(embedding_backward, const Tensor& table, const Tensor& grad, const Tensor& indices,
          int64_t padding, const Tensor& counts)
// counts[i] = how often i occurs.
FB_KERNEL(count_indices, const Tensor& counts, const Tensor& indices)
// Rows that are named are scaled down to a p-norm of at most max_norm.
FB_KERNEL(embedding_renorm, const Tensor& table, const Tensor& indices, double max_norm, double p)
// out[b] = sum of weights[k] * table[indices[k]] over the k of bag b, from offsets[b] to offsets[b
// + 1]; `weights` may be undefined. `mean` divides by how many indices the bag has, those of
// `padding` left out.
FB_KERNEL(embedding_bag_sum, const Tensor& out, const Tensor& table, const Tensor& indices,
          const Tensor& offsets, const Tensor& weights, int64_t padding, bool mean)
// Greatest elements and the rows they come from; 0 and -1 for an empty bag.
FB_KERNEL(embedding_bag_max, const Tensor& out, const Tensor& rows, const Tensor& table,
          const Tensor& indices, const Tensor& offsets, int64_t padding)
