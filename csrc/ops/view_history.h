// History of views and of in-place changes through them.
#pragma once
#include "ops/op.h"

namespace fb {

// After a view operator: remembers what the result is a view of.
void mark_view(const Tensor& view, const Tensor& of);
// as_strided of `input` with history: gradients are scattered back into the input's geometry.
Tensor strided_view(const Tensor& input, Ints sizes, Ints strides, int64_t offset);
// Errors that PyTorch raises before a tensor is written in place.
void check_inplace(const Tensor& self, bool needs_grad);
// `self` was written by `node`: its history, and that of the tensor it is a view of, go through the
// node.
void rebase_history(const Tensor& self, const Ref<Node>& node);

}  // namespace fb
