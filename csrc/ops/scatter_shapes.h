// What gather and the scatter operators share.
#pragma once
#include "ops/op.h"

namespace fb {

// A 0-d tensor as a vector.
Tensor at_least_vector(const Tensor& t);
// The index as int64, expanded dimensions left as they are.
Tensor scatter_index(const Tensor& index);
// PyTorch's errors; `values` may be undefined.
void check_scatter(const char* name, const Tensor& input, int64_t dim, const Tensor& index,
                   const Tensor& values);
// The part of `values` that an index of these sizes reads.
Tensor leading_part(const Tensor& values, Ints sizes);
// The gradient of the values, of which the index used only the leading part.
Tensor padded_to(Tensor part, Ints sizes);

}  // namespace fb
