// Gradients of views that show a part: zeros with the gradient put where the view looked.
#include "ops/view_backward.h"

#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/grad.h"
#include "ops/indexing.h"
#include "ops/view.h"

namespace fb {
namespace {

Tensor zeros_for(const Tensor& grad, Ints sizes) {
  return zeros(sizes, grad.dtype(), grad.device());
}

Tensor select_backward_forward(const Tensor& grad, Ints sizes, int64_t dim, int64_t index) {
  Tensor whole = zeros_for(grad, sizes);
  copy_(select(whole, dim, index), grad);
  return whole;
}
void select_backward_vjp(Grad& g) {
  g.set("grad", select(g.dout(), g.arg<int64_t>("dim"), g.arg<int64_t>("index")));
}
OP(select_backward) {
  .schema = "select_backward(Tensor grad, int[] sizes, int dim, int index) -> Tensor",
  .names = "",
  .forward = boxed<select_backward_forward>,
  .vjp = select_backward_vjp,
  .samples = "(4,) [3,4] 0 1",
};

Tensor slice_backward_forward(const Tensor& grad, Ints sizes, int64_t dim,
                              std::optional<int64_t> start, std::optional<int64_t> end,
                              int64_t step) {
  Tensor whole = zeros_for(grad, sizes);
  copy_(slice(whole, dim, start, end, step), grad);
  return whole;
}
void slice_backward_vjp(Grad& g) {
  g.set("grad", slice(g.dout(), g.arg<int64_t>("dim"), g.arg<std::optional<int64_t>>("start"),
                      g.arg<std::optional<int64_t>>("end"), g.arg<int64_t>("step")));
}
OP(slice_backward) {
  .schema =
      "slice_backward(Tensor grad, int[] sizes, int dim, int? start, int? end, int step) -> Tensor",
  .names = "",
  .forward = boxed<slice_backward_forward>,
  .vjp = slice_backward_vjp,
  .samples = "(2,4) [5,4] 0 1 4 2",
};

Tensor diagonal_backward_forward(const Tensor& grad, Ints sizes, int64_t offset, int64_t dim1,
                                 int64_t dim2) {
  Tensor whole = zeros_for(grad, sizes);
  copy_(diagonal(whole, offset, dim1, dim2), grad);
  return whole;
}
void diagonal_backward_vjp(Grad& g) {
  g.set("grad", diagonal(g.dout(), g.arg<int64_t>("offset"), g.arg<int64_t>("dim1"),
                         g.arg<int64_t>("dim2")));
}
OP(diagonal_backward) {
  .schema = "diagonal_backward(Tensor grad, int[] sizes, int offset, int dim1, int dim2) -> Tensor",
  .names = "",
  .forward = boxed<diagonal_backward_forward>,
  .vjp = diagonal_backward_vjp,
  .samples = "(3,) [3,4] 0 0 1",
};

// Windows overlap, so their gradients add up.
Tensor unfold_backward_forward(const Tensor& grad, Ints sizes, int64_t dim, int64_t size,
                               int64_t step) {
  if (sizes.empty()) return reshape(grad, sizes);
  int64_t d = wrap_dim(dim, static_cast<int64_t>(sizes.size()));
  Tensor positions = unfold(arange(sizes[d], DType::Int64, grad.device()), 0, size, step);
  Tensor windows = flatten(movedim(grad, Dims{-1}, Dims{d + 1}), d, d + 1);
  return index_add(zeros_for(grad, sizes), d, reshape(positions, Dims{-1}), windows);
}
void unfold_backward_vjp(Grad& g) {
  g.set("grad",
        unfold(g.dout(), g.arg<int64_t>("dim"), g.arg<int64_t>("size"), g.arg<int64_t>("step")));
}
OP(unfold_backward) {
  .schema = "unfold_backward(Tensor grad, int[] sizes, int dim, int size, int step) -> Tensor",
  .names = "",
  .forward = boxed<unfold_backward_forward>,
  .vjp = unfold_backward_vjp,
  .samples = "(3,3) [7] 0 3 2",
};

}  // namespace
}  // namespace fb
