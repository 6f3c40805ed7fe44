// Elements picked or written along one dimension, each at an index of its own.
#include "ops/scatter.h"

#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/grad.h"
#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_select.h"
#include "ops/scatter_kernels.h"
#include "ops/scatter_shapes.h"
#include "ops/slices.h"
#include "ops/view.h"

namespace fb {
namespace {

// --- gather --------------------------------------------------------------------------------------

Tensor gather_forward(const Tensor& input, int64_t dim, const Tensor& index, bool, Out out) {
  const int64_t d = wrap_dim(dim, input.dim());
  check_scatter("gather", input, d, index, {});
  Tensor result = out.make(index.sizes(), input.dtype(), input.device());
  kernels::gather(at_least_vector(result), at_least_vector(input), d, scatter_index(index));
  return out.finish(result);
}
void gather_vjp(Grad& g) {
  if (!g.needs("input")) return;
  Tensor whole = zeros(g.sizes("input"), g.dout().dtype(), g.dout().device());
  g.set("input", scatter_add_(whole, g.arg<int64_t>("dim"), g.in("index"), g.dout()));
}

OP(gather) {
  .schema = "gather(Tensor input, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
  .forward = boxed<gather_forward>,
  .vjp = gather_vjp,
  .save = "index",
  .samples =
      "(3,4) 1 (3,2):int64@0..4 | (3,4) 0 (5,2):int64@0..3 | (2,3,4) -2 (2,1,4):int64@0..3 | () 0 ():int64@0..1"
      " | (3,4) 0 (0,4):int64",
  .errors =
      "(3,4) 1 (3,2):int64@4..5 -> RuntimeError: index 4 is out of bounds for dimension 1 with size 4"
      " | (3,4) 0 (3,5):int64@0..3 -> RuntimeError: to be no larger than self [3, 4] apart from dimension 0"
      " | (3,4) 0 (3,):int64@0..3 -> RuntimeError: Index tensor must have the same number of dimensions as input tensor",
  .doc = R"(Picks along dimension ``dim``: ``out[i][j] = input[index[i][j]][j]`` for ``dim=0``.

Args:
    index: integers, of as many dimensions as ``input`` and nowhere larger except along ``dim``; its shape is the result's.

Example::

    >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
)",
};

Tensor take_along_dim_forward(const Tensor& input, const Tensor& indices,
                              std::optional<int64_t> dim) {
  if (!dim) return take_along_dim(reshape(input, Dims{-1}), reshape(indices, Dims{-1}), 0);
  FB_CHECK(
      input.dim() == indices.dim(),
      "torch.take_along_dim(): input and indices should have the same number of dimensions, but got ",
      input.dim(), " dimensions for input, and ", indices.dim(), " dimensions for indices");
  FB_CHECK(indices.dtype() == DType::Int64 || indices.dtype() == DType::Int32,
           "torch.take_along_dim(): dtype of indices should be Int or Long but got ",
           dtype_class_name(indices.dtype()));
  const auto d = static_cast<size_t>(wrap_dim(*dim, input.dim()));
  Tensor counted = where(lt(indices, wrapped_number(0)),
                         indices + Scalar(input.dim() ? input.sizes()[d] : 1), indices);
  if (input.dim() == 0) return gather(input, 0, counted);
  Dims a(input.sizes()), b(indices.sizes());
  a[d] = b[d] = 1;
  Dims source = broadcast_shapes(a, b), places = source;
  source[d] = input.sizes()[d];
  places[d] = indices.sizes()[d];
  return gather(expand(input, source), static_cast<int64_t>(d), expand(counted, places));
}

OP(take_along_dim) {
  .schema = "take_along_dim(Tensor input, Tensor indices, int? dim=None) -> Tensor",
  .forward = boxed<take_along_dim_forward>,
  .vjp = composite(),
  .samples = "(3,4) (3,1):int64@0..4 1 | (3,4) (5,):int64@0..12 | (2,3,4) (1,3,2):int64@0..4 -1",
  .errors =
      "(3,4) (3,):int64@0..3 1 -> RuntimeError: input and indices should have the same number of dimensions",
  .doc =
      "As gather, the other dimensions broadcast; without ``dim`` both are taken as vectors. Negative indices count from the end.",
};

// --- scatter -------------------------------------------------------------------------------------

Tensor scatter_into(const char* name, const Tensor& input, int64_t dim, const Tensor& index,
                    const Tensor& src, ScatterMode mode, Out out) {
  const int64_t d = wrap_dim(dim, input.dim());
  check_scatter(name, input, d, index, src);
  check_overlap(out.given() ? *out.given() : input, src);
  if (index.numel() == 0) return out.finish(copied(input, out));
  Tensor base, target = to_change(input, out, base), places = scatter_index(index);
  kernels::scatter(at_least_vector(target), base, d, places, leading_part(src, places.sizes()),
                   mode);
  return out.finish(target);
}

// A number at each place of the index.
Tensor scatter_number(const char* name, const Tensor& input, int64_t dim, const Tensor& index,
                      const Scalar& value, ScatterMode mode, Out out) {
  const int64_t d = wrap_dim(dim, input.dim());
  check_scatter(name, input, d, index, {});
  Tensor number = full(Dims{}, value, input.dtype(), input.device());
  Tensor base, target = to_change(input, out, base), places = scatter_index(index);
  kernels::scatter(at_least_vector(target), base, d, places, expand(number, places.sizes()), mode);
  return out.finish(target);
}

Tensor scatter_forward(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src,
                       Out out) {
  return scatter_into("scatter", input, dim, index, src, ScatterMode::Assign, out);
}
void scatter_vjp(Grad& g) {
  const int64_t dim = g.arg<int64_t>("dim");
  Tensor index = g.in("index");
  if (g.needs("input")) g.set("input", scatter(g.dout(), dim, index, Scalar(0)));
  if (g.needs("src")) g.set("src", padded_to(gather(g.dout(), dim, index), g.sizes("src")));
}

OP(scatter) {
  .schema = "scatter(Tensor input, int dim, Tensor index, Tensor src) -> Tensor",
  .names = "scatter, Tensor.scatter, Tensor.scatter_",
  .forward = boxed<scatter_forward>,
  .vjp = scatter_vjp,
  .save = "index",
  .samples =
      "(3,4) 1 (3,1):int64@0..4 (3,2) | (3,4) 0 (1,4):int64@0..3 (1,4) | () 0 ():int64@0..1 () | (3,4) 0 (0,4):int64 (2,4)",
  .errors =
      "(3,4) 1 (3,2):int64@4..5 (3,2) -> RuntimeError: index 4 is out of bounds for dimension 1 with size 4"
      " | (3,4) 0 (3,5):int64@0..3 (3,5) -> RuntimeError: to be no larger than self [3, 4] apart from dimension 0"
      " | (3,4) 0 (3,4):int64@0..3 (3,4):int64 -> RuntimeError: Expected self.dtype to be equal to src.dtype",
  .doc = R"(A copy of ``input`` with ``out[index[i][j]][j] = src[i][j]`` (for ``dim=0``).

Where an index occurs several times the last value stays. ``src`` may be a number, and ``reduce="add"`` or ``"multiply"`` joins
the value with what is there.

Example::

    >>> torch.zeros(2, 3).scatter(1, torch.tensor([[2], [0]]), 5.0)
    tensor([[0., 0., 5.],
            [5., 0., 0.]])
)",
};

Tensor scatter_value_forward(const Tensor& input, int64_t dim, const Tensor& index,
                             const Scalar& value, Out out) {
  return scatter_number("scatter", input, dim, index, value, ScatterMode::Assign, out);
}
void scatter_value_vjp(Grad& g) {
  g.set("input", scatter(g.dout(), g.arg<int64_t>("dim"), g.in("index"), Scalar(0)));
}

OP(scatter_value) {
  .schema = "scatter.value(Tensor input, int dim, Tensor index, Scalar value) -> Tensor",
  .names = "scatter, Tensor.scatter, Tensor.scatter_",
  .forward = boxed<scatter_value_forward>,
  .vjp = scatter_value_vjp,
  .save = "index",
  .samples = "(3,4) 1 (3,2):int64@0..4 1.5 | (3,4) 0 (0,4):int64 2",
};

ScatterMode mode_of(std::string_view reduce) {
  FB_CHECK(reduce == "add" || reduce == "multiply",
           "reduce argument must be either add or multiply.");
  return reduce == "add" ? ScatterMode::Add : ScatterMode::Multiply;
}

Tensor scatter_joined_forward(const Tensor& input, int64_t dim, const Tensor& index,
                              const Tensor& src, std::string_view reduce, Out out) {
  return scatter_into("scatter", input, dim, index, src, mode_of(reduce), out);
}

OP(scatter_joined) {
  .schema =
      "scatter.reduce(Tensor input, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor",
  .names = "scatter, Tensor.scatter, Tensor.scatter_",
  .forward = boxed<scatter_joined_forward>,
  .vjp = not_differentiable("scatter_reduce and scatter_add are"),
  .samples = "(3,4) 1 (3,2):int64@0..4 (3,2) reduce='add'",
};

Tensor scatter_number_joined_forward(const Tensor& input, int64_t dim, const Tensor& index,
                                     const Scalar& value, std::string_view reduce, Out out) {
  return scatter_number("scatter", input, dim, index, value, mode_of(reduce), out);
}

OP(scatter_number_joined) {
  .schema =
      "scatter.value_reduce(Tensor input, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor",
  .names = "scatter, Tensor.scatter, Tensor.scatter_",
  .forward = boxed<scatter_number_joined_forward>,
  .vjp = not_differentiable("scatter_reduce and scatter_add are"),
  .samples = "(3,4) 1 (3,2):int64@0..4 2 reduce='multiply'",
};

// --- scatter_add ---------------------------------------------------------------------------------

Tensor scatter_add_forward(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src,
                           Out out) {
  return scatter_into("scatter_add", input, dim, index, src, ScatterMode::Add, out);
}
void scatter_add_vjp(Grad& g) {
  g.set("input", g.dout());
  if (g.needs("src"))
    g.set("src", padded_to(gather(g.dout(), g.arg<int64_t>("dim"), g.in("index")), g.sizes("src")));
}

OP(scatter_add) {
  .schema = "scatter_add(Tensor input, int dim, Tensor index, Tensor src) -> Tensor",
  .names = "scatter_add, Tensor.scatter_add, Tensor.scatter_add_",
  .forward = boxed<scatter_add_forward>,
  .vjp = scatter_add_vjp,
  .save = "index for src",
  .samples =
      "(3,4) 1 (3,2):int64@0..4 (3,2) | (3,4) 0 (5,3):int64@0..3 (6,4) | () 0 ():int64@0..1 ()",
  .errors =
      "(3,4) 1 (3,2):int64@4..5 (3,2) -> RuntimeError: index 4 is out of bounds for dimension 1 with size 4",
  .doc = "A copy of ``input`` with ``out[index[i][j]][j] += src[i][j]`` (for ``dim=0``).",
};

}  // namespace
}  // namespace fb
