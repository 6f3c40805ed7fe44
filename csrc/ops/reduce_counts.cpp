// Truth values, counts, sums without NaN and products.
#include "ops/reduce_counts.h"

#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_select.h"
#include "ops/reduce.h"
#include "ops/reduce_counts_kernels.h"
#include "ops/reduction_grad.h"
#include "ops/scan.h"

namespace fb {
namespace {

constexpr uint64_t kAllDims = ~uint64_t{0};

// Complex numbers by whether they are zero; anything else as it is.
Tensor countable(const Tensor& input) {
  return is_complex(input.dtype()) ? ne(input, wrapped_number(0)) : input;
}

template <class K>
Tensor reduce_with(K& kernel, const Tensor& source, uint64_t mask, bool keepdim, DType result) {
  Tensor out = empty(kept_sizes(source.sizes(), mask), result, source.device());
  if (out.numel() > 0) kernel(out, source);
  return drop_reduced(out, mask, keepdim);
}

// --- any, all ------------------------------------------------------------------------------------

template <class K>
Tensor truth(K& kernel, const char* name, const Tensor& input, std::optional<Ints> dim,
             bool keepdim) {
  // No dimensions at all: every element by itself.
  const uint64_t mask = dim && dim->empty() ? 0 : reduced_dims(dim, input.dim(), name);
  return reduce_with(kernel, countable(input), mask, keepdim,
                     input.dtype() == DType::UInt8 ? DType::UInt8 : DType::Bool);
}
Tensor any_forward(const Tensor& input) {
  return truth(kernels::any_nonzero, "any", input, std::nullopt, false);
}
Tensor all_forward(const Tensor& input) {
  return truth(kernels::every_nonzero, "all", input, std::nullopt, false);
}
Tensor any_dim_forward(const Tensor& input, std::optional<Ints> dim, bool keepdim) {
  return truth(kernels::any_nonzero, "any", input, dim, keepdim);
}
Tensor all_dim_forward(const Tensor& input, std::optional<Ints> dim, bool keepdim) {
  return truth(kernels::every_nonzero, "all", input, dim, keepdim);
}

#define TRUTH(op, text)                                                                    \
  OP(op){                                                                                  \
      .schema = #op "(Tensor input) -> Tensor",                                            \
      .forward = boxed<op##_forward>,                                                      \
      .vjp = no_gradient(),                                                                \
      .samples = "(3,4) | (0,) | () | (3,4):bool | (3,):uint8 | (3,):complex64",           \
      .doc = text,                                                                         \
  };                                                                                       \
  OP(op##_dim){                                                                            \
      .schema = #op ".dims(Tensor input, int[1]? dim=None, bool keepdim=False) -> Tensor", \
      .names = #op ", Tensor." #op,                                                        \
      .forward = boxed<op##_dim_forward>,                                                  \
      .vjp = no_gradient(),                                                                \
      .samples = "(3,4):bool 0 | (3,4):int64@0..2 [0,1] True | (2,0) 1 | (3,4):bool []",   \
      .errors = "(3,4) 2 -> IndexError: Dimension out of range",                           \
  };
TRUTH(any, "Whether some element, of all or along ``dim``, is not zero.")
TRUTH(all, "Whether no element, of all or along ``dim``, is zero.")
#undef TRUTH

// --- counts --------------------------------------------------------------------------------------

Tensor count_nonzero_forward(const Tensor& input, std::optional<Ints> dim) {
  return reduce_with(kernels::count_nonzero, countable(input),
                     reduced_dims(dim, input.dim(), "count_nonzero"), false, DType::Int64);
}

OP(count_nonzero) {
  .schema = "count_nonzero(Tensor input, int[1]? dim=None) -> Tensor",
  .forward = boxed<count_nonzero_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4):int64@0..3 | (3,4) 0 | (3,4):bool [0,1] | (0,) | (3,):complex64",
  .doc = "The number of elements, of all or along ``dim``, that are not zero.",
};

// --- sums and means without NaN ------------------------------------------------------------------

Tensor nansum_forward(const Tensor& input, std::optional<Ints> dim, bool keepdim,
                      std::optional<DType> dtype) {
  FB_CHECK(!is_complex(input.dtype()), "nansum on CPU does not support complex inputs");
  if (is_integral(input.dtype())) return sum(input, dim, keepdim, dtype);
  const DType type = dtype.value_or(input.dtype()),
              compute = is_floating(type) && !is_reduced(type) ? type : DType::Float32;
  Tensor source = input.dtype() == compute ? input : _to_copy(input, compute);
  Tensor total = reduce_with(kernels::nansum, source, reduced_dims(dim, input.dim(), "nansum"),
                             keepdim, compute);
  return type == compute ? total : _to_copy(total, type);
}
void nansum_vjp(Grad& g) {
  Ints sizes = g.sizes("input");
  const uint64_t mask =
      reduced_dims(g.arg<std::optional<Ints>>("dim"), static_cast<int64_t>(sizes.size()), "nansum");
  Tensor full = expand(with_reduced(g.dout(), sizes, mask, g.arg<bool>("keepdim")), sizes);
  g.set("input", masked_fill(full, isnan(g.in("input")), wrapped_number(0)));
}

OP(nansum) {
  .schema =
      "nansum(Tensor input, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  .forward = boxed<nansum_forward>,
  .vjp = nansum_vjp,
  .save = "input",
  .samples = "(3,4) | (3,4) 0 | (2,3,4) [0,-1] True | (0,) | (3,):int64 | (3,) dtype=float64",
  .doc = "The sum of all elements, or along ``dim``, in which NaN counts as zero.",
};

Tensor nanmean_forward(const Tensor& input, std::optional<Ints> dim, bool keepdim,
                       std::optional<DType> dtype) {
  FB_CHECK(is_differentiable(input.dtype()),
           "nanmean(): expected input to have floating point or complex dtype but got ",
           dtype_class_name(input.dtype()));
  Tensor total = nansum(input, dim, keepdim, dtype);
  Tensor numbers = logical_not(isnan(input));
  return div(total, dim       ? sum(numbers, dim, keepdim)
                    : keepdim ? sum(numbers, std::optional<Ints>(), true)
                              : sum(numbers));
}

OP(nanmean) {
  .schema =
      "nanmean(Tensor input, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  .forward = boxed<nanmean_forward>,
  .vjp = composite(),
  .samples = "(3,4) | (3,4) 0 | (2,3,4) [0,-1] True",
  .errors = "(3,):int64 -> RuntimeError: expected input to have floating point or complex dtype",
  .doc = "The mean of the elements that are not NaN, of all or along ``dim``.",
};

// --- products ------------------------------------------------------------------------------------

Tensor product(const Tensor& input, uint64_t mask, bool keepdim, std::optional<DType> dtype) {
  const DType type = dtype.value_or(is_integral(input.dtype()) ? DType::Int64 : input.dtype());
  const DType compute = is_integral(type) ? DType::Int64 : is_reduced(type) ? DType::Float32 : type;
  Tensor source = input.dtype() == type ? input : _to_copy(input, type);
  if (type != compute) source = _to_copy(source, compute);
  Tensor total = reduce_with(kernels::prod, source, mask, keepdim, compute);
  return type == compute ? total : _to_copy(total, type);
}
Tensor prod_forward(const Tensor& input, std::optional<DType> dtype) {
  return product(input, kAllDims, false, dtype);
}
Tensor prod_dim_forward(const Tensor& input, int64_t dim, bool keepdim,
                        std::optional<DType> dtype) {
  return product(input, uint64_t{1} << wrap_dim(dim, input.dim()), keepdim, dtype);
}

// The products of all other elements: those before times those after.
Tensor products_of_others(const Tensor& x, int64_t dim) {
  return mul(_cumprod_of_others(x, dim, false), _cumprod_of_others(x, dim, true));
}

Tensor prod_input(Grad& g) {
  Tensor x = g.in("input");
  return x.dtype() == g.dout().dtype() ? x : _to_copy(x, g.dout().dtype());
}
void prod_vjp(Grad& g) {
  Tensor x = prod_input(g);
  if (x.dim() == 0) return g.set("input", g.dout());
  Tensor others = reshape(products_of_others(reshape(x, Dims{-1}), 0), x.sizes());
  g.set("input", g.dout() * conjugate(others));
}
void prod_dim_vjp(Grad& g) {
  Tensor x = prod_input(g);
  if (x.dim() == 0) return g.set("input", g.dout());
  const int64_t dim = wrap_dim(g.arg<int64_t>("dim"), x.dim());
  Tensor grad = with_reduced(g.dout(), x.sizes(), uint64_t{1} << dim, g.arg<bool>("keepdim"));
  g.set("input", grad * conjugate(products_of_others(x, dim)));
}

OP(prod) {
  .schema = "prod(Tensor input, *, ScalarType? dtype=None) -> Tensor",
  .forward = boxed<prod_forward>,
  .vjp = prod_vjp,
  .save = "input",
  .autocast = Autocast::Float32,
  .samples = "(3,4) | () | (0,) | (3,4):int64@-3..3 | (3,):bool | (3,) dtype=float64",
  .doc = "The product of all elements, or along ``dim``. Integers are multiplied in int64.",
};
OP(prod_dim) {
  .schema =
      "prod.dim_int(Tensor input, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  .names = "prod, Tensor.prod",
  .forward = boxed<prod_dim_forward>,
  .vjp = prod_dim_vjp,
  .save = "input",
  .autocast = Autocast::Float32,
  .samples = "(3,4) 0 | (3,4) -1 True | (2,0) 1 | () 0",
  .errors = "(3,4) 2 -> IndexError: Dimension out of range",
};

}  // namespace
}  // namespace fb
