// Values that meet at one place of a dimension, reduced to one.
#include "ops/scatter_reduce.h"

#include <limits>

#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/grad.h"
#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_select.h"
#include "ops/scatter.h"
#include "ops/scatter_kernels.h"
#include "ops/scatter_shapes.h"
#include "ops/slices.h"
#include "ops/view.h"

namespace fb {
namespace {

ScatterMode mode_of(std::string_view reduce) {
  if (reduce == "sum" || reduce == "mean") return ScatterMode::Add;
  if (reduce == "prod") return ScatterMode::Multiply;
  if (reduce == "amax") return ScatterMode::Max;
  FB_CHECK(reduce == "amin", "reduce argument must be either sum, prod, mean, amax or amin, got ",
           reduce);
  return ScatterMode::Min;
}

// What changes no value it is reduced with.
Scalar neutral(ScatterMode mode, DType dtype) {
  if (mode == ScatterMode::Add) return Scalar(0);
  if (mode == ScatterMode::Multiply) return Scalar(1);
  const bool least = mode == ScatterMode::Max;
  if (!is_integral(dtype))
    return Scalar(least ? -std::numeric_limits<double>::infinity()
                        : std::numeric_limits<double>::infinity());
  if (dtype == DType::Bool) return Scalar(!least);
  if (dtype == DType::UInt8) return Scalar(least ? 0 : 255);
  const int bits = static_cast<int>(item_size(dtype)) * 8 - 1;
  const auto greatest = static_cast<int64_t>((uint64_t{1} << bits) - 1);
  return Scalar(least ? -greatest - 1 : greatest);
}

// How many values each place is the mean of.
Tensor counts(const Tensor& like, int64_t dim, const Tensor& index, bool include_self,
              DType dtype) {
  Tensor n = include_self ? ones_like(like, dtype) : zeros_like(like, dtype);
  Tensor one = ones(Dims(index.sizes()), dtype, like.device());
  return clamp_min(scatter_add_(n, dim, index, one), wrapped_number(1));
}

Tensor scatter_reduce_forward(const Tensor& input, int64_t dim, const Tensor& index,
                              const Tensor& src, std::string_view reduce, bool include_self,
                              Out out) {
  const ScatterMode mode = mode_of(reduce);
  const int64_t d = wrap_dim(dim, input.dim());
  check_scatter("scatter_reduce", input, d, index, src);
  check_overlap(out.given() ? *out.given() : input, src);
  Tensor target = copied(input, out), places = scatter_index(index);
  if (index.numel() == 0) return out.finish(target);
  if (!include_self) {
    Tensor start = full(Dims{}, neutral(mode, input.dtype()), input.dtype(), input.device());
    kernels::scatter(at_least_vector(target), Tensor(), d, places,
                     leading_part(expand(start, places.sizes()), places.sizes()),
                     ScatterMode::Assign);
  }
  kernels::scatter(at_least_vector(target), Tensor(), d, places, leading_part(src, places.sizes()),
                   mode);
  if (reduce == "mean") {
    const bool whole = is_integral(input.dtype());
    copy_(target, div(target, counts(target, d, index, include_self, input.dtype()),
                      whole ? std::optional<std::string_view>("floor") : std::nullopt));
  }
  return out.finish(target);
}

struct Arguments {
  Arguments(const Grad& g, const char* values, Tensor index)
      : dim(g.arg<int64_t>("dim")),
        include_self(g.arg<bool>("include_self")),
        reduce(g.arg<std::string_view>("reduce")),
        values(values),
        index(std::move(index)) {}
  int64_t dim;
  bool include_self;
  std::string_view reduce, values;
  Tensor index;

  Tensor at(const Tensor& t) const { return gather(t, dim, index); }
  // Places that hold reduced values only have no gradient for what was there before.
  Tensor for_input(const Tensor& grad) const {
    return include_self ? grad : scatter(grad, dim, index, Scalar(0));
  }
};

// The part of the values that the index reads, with its history.
Tensor used_part(Tensor t, Ints sizes) {
  for (size_t d = 0; d < sizes.size(); ++d) t = narrow(t, static_cast<int64_t>(d), 0, sizes[d]);
  return t;
}

void set_both(Grad& g, const Arguments& a, const Tensor& grad_input, const Tensor& grad_src) {
  if (g.needs("input")) g.set("input", a.for_input(grad_input));
  if (g.needs(a.values)) g.set(a.values, padded_to(grad_src, g.sizes(a.values)));
}

// The gradient is shared equally by all that equal the extremum.
void extremum_vjp(Grad& g, const Arguments& a) {
  Tensor input = g.in("input"), src = used_part(g.in(a.values), a.index.sizes()), result = g.out();
  DType type = g.dout().dtype();
  Tensor from_input = _to_copy(eq(input, result), type),
         from_src = _to_copy(eq(src, a.at(result)), type);
  Tensor share =
      g.dout() /
      clamp_min(scatter_add(a.for_input(from_input), a.dim, a.index, from_src), wrapped_number(1));
  set_both(g, a, from_input * share, from_src * a.at(share));
}

// A factor's gradient is the product of the others: the result divided by it, or, where it is the
// only zero, the product with 1 in its stead.
void product_vjp(Grad& g, const Arguments& a) {
  Tensor input = g.in("input"), src = used_part(g.in(a.values), a.index.sizes()), result = g.out();
  auto reduced = [&](const Tensor& self, const Tensor& values) {
    return scatter_reduce(self, a.dim, a.index, values, "prod", a.include_self);
  };
  Tensor zero_input = eq(input, wrapped_number(0)), zero_src = eq(src, wrapped_number(0));
  Tensor other_input = masked_fill(input, zero_input, wrapped_number(1));
  Tensor grad_input = g.dout() * reduced(other_input, src) / other_input;
  Tensor zeros_at =
      scatter_add(zeros_like(input), a.dim, a.index, _to_copy(zero_src, input.dtype()));
  Tensor only_zero = logical_and(zero_src, eq(a.at(zeros_at), wrapped_number(1)));
  Tensor without = reduced(input, masked_fill(src, only_zero, wrapped_number(1)));
  Tensor divided = a.at(g.dout() * result) / masked_fill(src, zero_src, wrapped_number(1));
  set_both(g, a, grad_input, where(only_zero, a.at(g.dout() * without), divided));
}

void reduced_vjp(Grad& g, const Arguments& a) {
  if (a.reduce == "sum") return set_both(g, a, g.dout(), a.at(g.dout()));
  if (a.reduce == "mean") {
    Tensor part =
        g.dout() / counts(g.in("input"), a.dim, a.index, a.include_self, g.dout().dtype());
    return set_both(g, a, part, a.at(part));
  }
  a.reduce == "prod" ? product_vjp(g, a) : extremum_vjp(g, a);
}

void scatter_reduce_vjp(Grad& g) { reduced_vjp(g, Arguments(g, "src", g.in("index"))); }

OP(scatter_reduce) {
  .schema =
      "scatter_reduce(Tensor input, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor",
  .names = "scatter_reduce, Tensor.scatter_reduce, Tensor.scatter_reduce_",
  .forward = boxed<scatter_reduce_forward>,
  .vjp = scatter_reduce_vjp,
  .save = "input, index, src, result",
  .samples =
      "(3,4) 1 (3,2):int64@0..4 (3,2) 'sum' | (3,4) 0 (5,3):int64@0..3 (6,4) 'mean' | (3,4) 1 (3,6):int64@0..4 (3,6) 'prod'"
      " | (3,4) 1 (3,6):int64@0..4 (3,6) 'amax' include_self=False | (3,4) 1 (3,6):int64@0..4 (3,6) 'amin'",
  .errors =
      "(3,4) 1 (3,2):int64@0..4 (3,2) 'max' -> RuntimeError: reduce argument must be either sum, prod, mean, amax or amin",
  .doc =
      R"(A copy of ``input`` in which the values of ``src`` that ``index`` sends to one place are reduced.

Args:
    reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
    include_self: whether the value of ``input`` at the place is reduced with them.

Example::

    >>> torch.zeros(3).scatter_reduce(0, torch.tensor([0, 2, 2]), torch.tensor([1., 5., 3.]), "amax")
    tensor([1., 0., 5.])
)",
};

// --- index_reduce --------------------------------------------------------------------------------

// One index for each element of the source.
Tensor spread_index(const Tensor& index, int64_t dim, const Tensor& source) {
  if (source.dim() == 0) return reshape(index, source.sizes());
  Dims sizes(source.sizes().size(), 1);
  sizes[static_cast<size_t>(dim)] = index.numel();
  return expand(reshape(index, sizes), source.sizes());
}

Tensor index_reduce_forward(const Tensor& input, int64_t dim, const Tensor& index,
                            const Tensor& source, std::string_view reduce, bool include_self,
                            Out out) {
  FB_CHECK(reduce == "prod" || reduce == "mean" || reduce == "amax" || reduce == "amin",
           "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got ", reduce,
           ".");
  const int64_t d = wrap_dim(dim, input.dim());
  FB_CHECK_INDEX(index.dim() <= 1,
                 "index_reduce_(): Index is supposed to be a vector, but got dim: ", index.dim());
  FB_CHECK(index.numel() == (source.dim() ? source.size(d) : 1),
           "index_reduce_(): Number of indices (", index.numel(),
           ") should be equal to source.size(dim): (", source.dim() ? source.size(d) : 1,
           "), for dim: ", d);
  bool same = input.dim() == source.dim();
  for (size_t i = 0; same && i < input.sizes().size(); ++i) {
    same = static_cast<int64_t>(i) == d || input.sizes()[i] == source.sizes()[i];
  }
  FB_CHECK(
      same,
      "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = ",
      shape_text(input.sizes()), " source.shape = ", shape_text(source.sizes()));
  return scatter_reduce_forward(input, dim, spread_index(index, d, source), source, reduce,
                                include_self, out);
}
void index_reduce_vjp(Grad& g) {
  Tensor source = g.in("source");
  const int64_t d = wrap_dim(g.arg<int64_t>("dim"), source.dim());
  reduced_vjp(g, Arguments(g, "source", spread_index(g.in("index"), d, source)));
}

OP(index_reduce) {
  .schema =
      "index_reduce(Tensor input, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor",
  .names = "index_reduce, Tensor.index_reduce, Tensor.index_reduce_",
  .forward = boxed<index_reduce_forward>,
  .vjp = index_reduce_vjp,
  .save = "input, index, source, result",
  .samples =
      "(5,3) 0 (4,):int64@0..5 (4,3) 'prod' | (2,3,4) -1 (2,):int64@0..4 (2,3,2) 'mean' | (5,) 0 (6,):int64@0..5 (6,) 'amax'"
      " | (5,3) 0 (4,):int64@0..5 (4,3) 'amin' include_self=False",
  .errors =
      "(5,3) 0 (4,):int64@0..5 (4,3) 'sum' -> RuntimeError: Expected reduce to be one of prod, mean, amax or amin"
      " | (3,4) 0 (1,):int64@7..8 (1,4) 'prod' -> RuntimeError: index 7 is out of bounds for dimension 0 with size 3",
  .doc =
      "A copy of ``input`` with the slices that ``index`` names reduced with those of ``source``; see scatter_reduce.",
};

}  // namespace
}  // namespace fb
