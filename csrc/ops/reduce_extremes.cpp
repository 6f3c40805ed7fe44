// Largest and smallest elements and their places.
#include "ops/reduce_extremes.h"

#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_select.h"
#include "ops/reduce.h"
#include "ops/reduce_extremes_kernels.h"
#include "ops/reduction_grad.h"

namespace fb {
namespace {

constexpr uint64_t kAllDims = ~uint64_t{0};

void check_real(const char* kernel, const Tensor& input) {
  if (is_complex(input.dtype())) raise_unsupported_dtype(kernel, input.dtype());
}

Tensor extreme_over(const Tensor& input, uint64_t mask, bool keepdim, bool largest) {
  Tensor out = empty(kept_sizes(input.sizes(), mask), input.dtype(), input.device());
  if (out.numel() > 0) kernels::extreme(out, input, largest);
  return drop_reduced(out, mask, keepdim);
}

// --- over all elements ---------------------------------------------------------------------------

Tensor extreme_all(const char* name, const char* kernel, const Tensor& input, bool largest) {
  check_real(kernel, input);
  FB_CHECK(input.numel() > 0, name,
           "(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
           "reduction dim with the 'dim' argument.");
  return extreme_over(input, kAllDims, false, largest);
}
Tensor max_forward(const Tensor& input) { return extreme_all("max", "max_all", input, true); }
Tensor min_forward(const Tensor& input) { return extreme_all("min", "min_all", input, false); }

// Equal extremes share the gradient.
void extreme_all_vjp(Grad& g) {
  Tensor x = g.in("input"), y = g.out();
  Tensor places = logical_or(eq(x, y), logical_and(isnan(x), isnan(y)));
  Tensor share = g.dout() / sum(places);
  g.set("input", where(places, share, zeros({}, share.dtype(), share.device())));
}

#define EXTREME_ALL(op, word)                                                                    \
  OP(op){                                                                                        \
      .schema = #op "(Tensor input) -> Tensor",                                                  \
      .forward = boxed<op##_forward>,                                                            \
      .vjp = extreme_all_vjp,                                                                    \
      .save = "input, result",                                                                   \
      .samples = "(3,4) | () | (3,4):int64 | (5,):bool",                                         \
      .errors =                                                                                  \
          "(0,) -> RuntimeError: Expected reduction dim to be specified for input.numel() == 0", \
      .doc = "The " word                                                                         \
             " element; along ``dim`` a pair of values and indices; of two tensors the " word    \
             " of each pair. NaN outranks every number.",                                        \
  };
EXTREME_ALL(max, "largest")
EXTREME_ALL(min, "smallest")
#undef EXTREME_ALL

// --- along one dimension: values and places ------------------------------------------------------

std::tuple<Tensor, Tensor> extreme_dim(const char* name, const Tensor& input, int64_t dim,
                                       bool keepdim, bool largest) {
  const int64_t d = wrap_dim(dim, input.dim());
  FB_CHECK(!is_complex(input.dtype()), name, "(): does not support complex input");
  const uint64_t mask = uint64_t{1} << d;
  check_not_empty(name, input, mask);
  const Dims sizes = kept_sizes(input.sizes(), mask);
  Tensor values = empty(sizes, input.dtype(), input.device()),
         indices = empty(sizes, DType::Int64, input.device());
  if (indices.numel() > 0) kernels::extreme_index(indices, values, input, d, largest);
  return {drop_reduced(values, mask, keepdim), drop_reduced(indices, mask, keepdim)};
}
std::tuple<Tensor, Tensor> max_dim_forward(const Tensor& input, int64_t dim, bool keepdim) {
  return extreme_dim("max", input, dim, keepdim, true);
}
std::tuple<Tensor, Tensor> min_dim_forward(const Tensor& input, int64_t dim, bool keepdim) {
  return extreme_dim("min", input, dim, keepdim, false);
}
void extreme_dim_vjp(Grad& g) { picked_vjp(g, g.out(1), g.arg<bool>("keepdim")); }

Tensor max_other_forward(const Tensor& input, const Tensor& other) { return maximum(input, other); }
Tensor min_other_forward(const Tensor& input, const Tensor& other) { return minimum(input, other); }

// Before the form with a dimension: a 0-d integer tensor is an operand, not a dimension.
#define EXTREME_OTHER(op)                                           \
  OP(op##_other){                                                   \
      .schema = #op ".other(Tensor input, Tensor other) -> Tensor", \
      .names = #op ", Tensor." #op,                                 \
      .forward = boxed<op##_other_forward>,                         \
      .vjp = composite(),                                           \
      .samples = "(3,4) (4,)",                                      \
  };
EXTREME_OTHER(max)
EXTREME_OTHER(min)
#undef EXTREME_OTHER

#define EXTREME_DIM(op)                                                                     \
  OP(op##_dim){                                                                             \
      .schema = #op                                                                         \
      ".dim(Tensor input, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", \
      .names = #op ", Tensor." #op,                                                         \
      .forward = boxed<op##_dim_forward>,                                                   \
      .vjp = extreme_dim_vjp,                                                               \
      .save = "indices",                                                                    \
      .samples = "(3,4) 0 | (3,4) -1 True | () 0 | (2,0,3) 0 | (2,3,4):int64 1",            \
      .errors = "(2,0) 1 -> IndexError: Expected reduction dim 1 to have non-zero size",    \
  };

EXTREME_DIM(max)
EXTREME_DIM(min)
#undef EXTREME_DIM

// --- along several dimensions --------------------------------------------------------------------

Tensor extreme_dims(const char* name, const Tensor& input, std::optional<Ints> dim, bool keepdim,
                    bool largest) {
  const uint64_t mask = reduced_dims(dim, input.dim(), name);
  check_real(largest ? "max_values_cpu" : "min_values_cpu", input);
  FB_CHECK(input.numel() > 0 || mask != kAllDims, name,
           "(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
           "reduction dim with the 'dim' argument.");
  check_not_empty(name, input, mask);
  return extreme_over(input, mask, keepdim, largest);
}
Tensor amax_forward(const Tensor& input, std::optional<Ints> dim, bool keepdim) {
  return extreme_dims("amax", input, dim, keepdim, true);
}
Tensor amin_forward(const Tensor& input, std::optional<Ints> dim, bool keepdim) {
  return extreme_dims("amin", input, dim, keepdim, false);
}

Tensor extreme_grad(Grad& g, const Tensor& grad, const Tensor& result, uint64_t mask) {
  Ints sizes = g.sizes("input");
  const bool keepdim = g.arg<bool>("keepdim");
  Tensor places = eq(g.in("input"), with_reduced(result, sizes, mask, keepdim));
  Dims dims;
  for (size_t d = 0; d < sizes.size(); ++d)
    if (mask >> d & 1) dims.push_back(static_cast<int64_t>(d));
  Tensor count =
      sizes.empty() ? _to_copy(places, DType::Int64) : sum(places, std::optional<Ints>(dims), true);
  return with_reduced(grad, sizes, mask, keepdim) * places / count;
}
void extreme_dims_vjp(Grad& g) {
  const uint64_t mask = reduced_dims(g.arg<std::optional<Ints>>("dim"),
                                     static_cast<int64_t>(g.sizes("input").size()), "amax");
  g.set("input", extreme_grad(g, g.dout(), g.out(), mask));
}

#define EXTREME_DIMS(op, word)                                                                   \
  OP(op){                                                                                        \
      .schema = #op "(Tensor input, int[1]? dim=None, bool keepdim=False) -> Tensor",            \
      .forward = boxed<op##_forward>,                                                            \
      .vjp = extreme_dims_vjp,                                                                   \
      .save = "input, result",                                                                   \
      .samples = "(3,4) | (3,4) 0 | (2,3,4) [0,-1] True | (0,3) 1 | () | (3,4):int64 1",         \
      .errors =                                                                                  \
          "(2,0) 1 -> IndexError: Expected reduction dim 1 to have non-zero size"                \
          " | (3,4) [0,0] -> RuntimeError: appears multiple times",                              \
      .doc = "The " word                                                                         \
             " element along ``dim`` (one, several or all). Equal elements share the gradient.", \
  };
EXTREME_DIMS(amax, "largest")
EXTREME_DIMS(amin, "smallest")
#undef EXTREME_DIMS

std::tuple<Tensor, Tensor> aminmax_forward(const Tensor& input, std::optional<int64_t> dim,
                                           bool keepdim) {
  check_real("aminmax_cpu", input);
  FB_CHECK(dim || input.numel() > 0,
           "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
           "identity.");
  const uint64_t mask = dim ? uint64_t{1} << wrap_dim(*dim, input.dim()) : kAllDims;
  check_not_empty("aminmax", input, mask);
  return {extreme_over(input, mask, keepdim, false), extreme_over(input, mask, keepdim, true)};
}
void aminmax_vjp(Grad& g) {
  auto dim = g.arg<std::optional<int64_t>>("dim");
  const uint64_t mask =
      dim ? uint64_t{1} << wrap_dim(*dim, static_cast<int64_t>(g.sizes("input").size())) : kAllDims;
  Tensor total;
  for (size_t i = 0; i < 2; ++i) {
    if (!g.dout(i).defined()) continue;
    Tensor part = extreme_grad(g, g.dout(i), g.out(i), mask);
    total = total.defined() ? total + part : part;
  }
  if (total.defined()) g.set("input", total);
}

OP(aminmax) {
  .schema =
      "aminmax(Tensor input, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)",
  .forward = boxed<aminmax_forward>,
  .vjp = aminmax_vjp,
  .save = "input, min, max",
  .samples = "(3,4) | (3,4) dim=0 | (3,4) dim=-1 keepdim=True | ()",
  .errors = "(0,) -> RuntimeError: cannot compute aminmax over an empty dimension",
  .doc = "The smallest and the largest element, of all or along ``dim``.",
};

// --- places --------------------------------------------------------------------------------------

Tensor place_of(const char* name, const Tensor& input, std::optional<int64_t> dim, bool keepdim,
                bool largest) {
  FB_CHECK(!is_complex(input.dtype()), name, "(): does not support complex input");
  FB_CHECK(input.dtype() != DType::Bool, name, "(): does not support bool input");
  if (dim) return std::get<1>(extreme_dim(name, input, *dim, keepdim, largest));
  FB_CHECK_INDEX(input.numel() > 0, name,
                 "(): Expected reduction dim to be specified for input.numel() == 0.");
  Tensor flat = reshape(input, Dims{-1});
  Tensor index = std::get<1>(extreme_dim(name, flat, 0, false, largest));
  if (keepdim) {
    const Dims ones(static_cast<size_t>(input.dim()), 1);
    index.impl()->set_geometry(ones, contiguous_strides(ones));
  }
  return index;
}
Tensor argmax_forward(const Tensor& input, std::optional<int64_t> dim, bool keepdim) {
  return place_of("argmax", input, dim, keepdim, true);
}
Tensor argmin_forward(const Tensor& input, std::optional<int64_t> dim, bool keepdim) {
  return place_of("argmin", input, dim, keepdim, false);
}

#define PLACE(op, word)                                                                           \
  OP(op){                                                                                         \
      .schema = #op "(Tensor input, int? dim=None, bool keepdim=False) -> Tensor",                \
      .forward = boxed<op##_forward>,                                                             \
      .vjp = no_gradient(),                                                                       \
      .samples = "(3,4) | (3,4) 0 | (3,4) -1 True | () | (2,3):int64 keepdim=True",               \
      .errors = "(0,) -> IndexError: Expected reduction dim to be specified",                     \
      .doc = "The place of the first " word " element, in the flattened input or along ``dim``.", \
  };
PLACE(argmax, "largest")
PLACE(argmin, "smallest")
#undef PLACE

}  // namespace
}  // namespace fb
