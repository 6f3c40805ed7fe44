// Views that a tensor becomes itself: squeeze_, transpose_ and their relatives.
#include "core/error.h"
#include "ops/grad.h"
#include "ops/view.h"
#include "ops/view_history.h"

namespace fb {
namespace {

// `self` takes on the sizes, strides and history of `view`, which shows the same elements.
Tensor become(const Tensor& self, const Tensor& view) {
  TensorImpl* t = self.impl();
  const Ref<Node> history = grad_fn(view);
  t->set_geometry(view.sizes(), view.strides());
  t->offset = view.offset();
  // What was saved of this tensor had another shape.
  self.bump_version();
  if (t->base) {
    // A view's history follows from its base and its geometry.
    if (auto* meta = autograd_meta(t)) meta->grad_fn = {};
    t->view_version = self.version() - 1;
    if (!autograd_meta(t->base.get())) t->view_version = self.version();
  } else if (history) {
    auto& meta = autograd_meta_or_new(self);
    meta.slot = autograd_meta(view)->slot;
    meta.grad_fn = history;
  }
  return self;
}

template <class F>
Tensor change(const Tensor& self, F&& to_view) {
  check_inplace(self, requires_grad(self));
  return become(self, to_view());
}

Tensor transpose_inplace(const Tensor& input, int64_t dim0, int64_t dim1) {
  return change(input, [&] { return transpose(input, dim0, dim1); });
}
OP(transpose_) {
  .schema = "transpose_(Tensor(a!) input, int dim0, int dim1) -> Tensor",
  .names = "Tensor.transpose_, Tensor.swapaxes_, Tensor.swapdims_",
  .forward = boxed<transpose_inplace>,
  .vjp = composite(),
  .samples = "(2,3) 0 1 | (2,3,4) -1 0",
  .errors = "(2,3) 0 2 -> IndexError: Dimension out of range",
  .doc = "Swaps two dimensions of this tensor.",
};

Tensor t_inplace(const Tensor& input) {
  FB_CHECK(input.dim() <= 2, "t_() expects a tensor with <= 2 dimensions, but self is ",
           input.dim(), "D");
  return change(input, [&] { return t(input); });
}
OP(t_) {
  .schema = "t_(Tensor(a!) input) -> Tensor",
  .names = "Tensor.t_",
  .forward = boxed<t_inplace>,
  .vjp = composite(),
  .samples = "(2,3) | (3,)",
  .errors = "(2,3,4) -> RuntimeError: expects a tensor with <= 2 dimensions",
  .doc = "Transposes this matrix.",
};

Tensor squeeze_inplace(const Tensor& input) {
  return change(input, [&] { return squeeze(input); });
}
OP(squeeze_) {
  .schema = "squeeze_(Tensor(a!) input) -> Tensor",
  .names = "Tensor.squeeze_",
  .forward = boxed<squeeze_inplace>,
  .vjp = composite(),
  .samples = "(1,3,1) | (2,3)",
  .doc = "Removes dimensions of size 1 from this tensor.",
};
Tensor squeeze_dims_inplace(const Tensor& input, Ints dim) {
  return change(input, [&] { return squeeze(input, dim); });
}
OP(squeeze_dims_) {
  .schema = "squeeze_.dims(Tensor(a!) input, int[1] dim) -> Tensor",
  .names = "Tensor.squeeze_",
  .forward = boxed<squeeze_dims_inplace>,
  .vjp = composite(),
  .samples = "(1,3,1) 0 | (1,3,1) [0,2]",
  .errors = "(2,3) 2 -> IndexError: Dimension out of range",
};

Tensor unsqueeze_inplace(const Tensor& input, int64_t dim) {
  return change(input, [&] { return unsqueeze(input, dim); });
}
OP(unsqueeze_) {
  .schema = "unsqueeze_(Tensor(a!) input, int dim) -> Tensor",
  .names = "Tensor.unsqueeze_",
  .forward = boxed<unsqueeze_inplace>,
  .vjp = composite(),
  .samples = "(2,3) 0 | (2,3) -1 | () 0",
  .errors = "(2,3) 3 -> IndexError: Dimension out of range",
  .doc = "Inserts a dimension of size 1 into this tensor.",
};

Tensor as_strided_inplace(const Tensor& input, Ints size, Ints stride,
                          std::optional<int64_t> storage_offset) {
  return change(input, [&] { return as_strided(input, size, stride, storage_offset); });
}
OP(as_strided_) {
  .schema =
      "as_strided_(Tensor(a!) input, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
  .names = "as_strided_, Tensor.as_strided_",
  .forward = boxed<as_strided_inplace>,
  .vjp = composite(),
  .samples = "(12,) [3,2] [4,1] | (12,) [3,2] [2,1] 1",
  .errors = "(4,) [5] [1] -> RuntimeError: out of bounds for storage",
  .doc = "Gives this tensor any sizes, strides and offset within its storage.",
};

}  // namespace
}  // namespace fb
