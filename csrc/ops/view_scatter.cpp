// Copies of a tensor in which what a view shows is replaced.
#include "ops/view_scatter.h"
#include "core/error.h"
#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/grad.h"
#include "ops/view.h"

namespace fb {
namespace {

using MaybeInt = std::optional<int64_t>;

template <class View>
Tensor replaced(const Tensor& input, const Tensor& src, View&& view) {
  Tensor whole = clone(input);
  const Tensor part = view(whole);
  FB_CHECK(same_shape(part.sizes(), src.sizes()),
           "expected src to have a size equal to the slice of self. src size = ",
           shape_text(src.sizes()), ", slice size = ", shape_text(part.sizes()));
  copy_(part, src);
  return whole;
}
Tensor zeros_in(Ints sizes, const Tensor& like) {
  return zeros(sizes, like.dtype(), like.device());
}

// --- select --------------------------------------------------------------------------------------

Tensor select_scatter_forward(const Tensor& input, const Tensor& src, int64_t dim, int64_t index) {
  return replaced(input, src, [&](const Tensor& t) { return select(t, dim, index); });
}
void select_scatter_vjp(Grad& g) {
  const auto dim = g.arg<int64_t>("dim"), index = g.arg<int64_t>("index");
  const Tensor part = select(g.dout(), dim, index);
  if (g.needs("src")) g.set("src", part);
  if (g.needs("input"))
    g.set("input", select_scatter(g.dout(), zeros_in(part.sizes(), part), dim, index));
}
OP(select_scatter) {
  .schema = "select_scatter(Tensor input, Tensor src, int dim, int index) -> Tensor",
  .forward = boxed<select_scatter_forward>,
  .vjp = select_scatter_vjp,
  .samples = "(3,4) (4,) 0 1 | (3,4) (3,) -1 -1",
  .errors =
      "(3,4) (3,) 0 1 -> RuntimeError: expected src to have a size equal to the slice of self",
  .doc = "A copy of ``input`` with one slice of a dimension replaced by ``src``.",
};

// --- slice ---------------------------------------------------------------------------------------

Tensor slice_scatter_forward(const Tensor& input, const Tensor& src, int64_t dim, MaybeInt start,
                             MaybeInt end, int64_t step) {
  return replaced(input, src, [&](const Tensor& t) { return slice(t, dim, start, end, step); });
}
void slice_scatter_vjp(Grad& g) {
  const auto dim = g.arg<int64_t>("dim"), step = g.arg<int64_t>("step");
  const auto start = g.arg<MaybeInt>("start"), end = g.arg<MaybeInt>("end");
  const Tensor part = slice(g.dout(), dim, start, end, step);
  if (g.needs("src")) g.set("src", part);
  if (g.needs("input"))
    g.set("input", slice_scatter(g.dout(), zeros_in(part.sizes(), part), dim, start, end, step));
}
OP(slice_scatter) {
  .schema =
      "slice_scatter(Tensor input, Tensor src, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
  .forward = boxed<slice_scatter_forward>,
  .vjp = slice_scatter_vjp,
  .samples = "(5,2) (2,2) 0 1 3 | (4,3) (4,2) 1 0 3 2 | (3,) (3,)",
  .errors =
      "(3,4) (3,4) 0 1 -> RuntimeError: expected src to have a size equal to the slice of self",
  .doc = "A copy of ``input`` with a range of a dimension replaced by ``src``.",
};

// --- diagonal ------------------------------------------------------------------------------------

Tensor diagonal_scatter_forward(const Tensor& input, const Tensor& src, int64_t offset,
                                int64_t dim1, int64_t dim2) {
  return replaced(input, src, [&](const Tensor& t) { return diagonal(t, offset, dim1, dim2); });
}
void diagonal_scatter_vjp(Grad& g) {
  const auto offset = g.arg<int64_t>("offset"), dim1 = g.arg<int64_t>("dim1"),
             dim2 = g.arg<int64_t>("dim2");
  const Tensor part = diagonal(g.dout(), offset, dim1, dim2);
  if (g.needs("src")) g.set("src", part);
  if (g.needs("input"))
    g.set("input", diagonal_scatter(g.dout(), zeros_in(part.sizes(), part), offset, dim1, dim2));
}
OP(diagonal_scatter) {
  .schema =
      "diagonal_scatter(Tensor input, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
  .forward = boxed<diagonal_scatter_forward>,
  .vjp = diagonal_scatter_vjp,
  .samples = "(3,4) (3,) | (3,4) (3,) 1 | (2,3,4) (2,3) 0 1 2",
  .errors = "(3,4) (2,) -> RuntimeError: expected src to have a size equal to the slice of self",
  .doc = "A copy of ``input`` with a diagonal replaced by ``src``.",
};

// --- as_strided ----------------------------------------------------------------------------------

Tensor as_strided_scatter_forward(const Tensor& input, const Tensor& src, Ints size, Ints stride,
                                  MaybeInt offset) {
  return replaced(input, src, [&](const Tensor& t) { return as_strided(t, size, stride, offset); });
}
void as_strided_scatter_vjp(Grad& g) {
  const auto size = g.arg<Ints>("size"), stride = g.arg<Ints>("stride");
  const auto offset = g.arg<MaybeInt>("storage_offset");
  const Tensor dout = contiguous(g.dout());
  if (g.needs("src")) g.set("src", as_strided(dout, size, stride, offset));
  if (g.needs("input"))
    g.set("input", as_strided_scatter(dout, zeros_in(size, dout), size, stride, offset));
}
OP(as_strided_scatter) {
  .schema =
      "as_strided_scatter(Tensor input, Tensor src, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
  .forward = boxed<as_strided_scatter_forward>,
  .vjp = as_strided_scatter_vjp,
  .samples = "(3,4) (2,2) [2,2] [4,1] | (6,) (3,) [3] [2] 1",
  .errors =
      "(3,4) (2,) [2,2] [4,1] -> RuntimeError: expected src to have a size equal to the slice of self",
  .doc = "A copy of ``input`` with the elements of a strided view replaced by ``src``.",
};

}  // namespace
}  // namespace fb
