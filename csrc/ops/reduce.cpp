// Sums and means.
#include "ops/reduce.h"

#include "core/error.h"
#include "ops/copy.h"
#include "ops/grad.h"
#include "ops/pointwise.h"
#include "ops/reduce_kernels.h"
#include "ops/reduction.h"
#include "ops/view.h"

namespace fb {
namespace {

DType sum_type(const Tensor& t, std::optional<DType> dtype) {
  if (dtype) return *dtype;
  return is_integral(t.dtype()) ? DType::Int64 : t.dtype();
}

Tensor sum_over(const Tensor& input, uint64_t mask, bool keepdim, DType dtype) {
  // As in PyTorch the cast comes first: float32 asked for as float64 is summed in float64.
  Tensor source = dtype != sum_type(input, std::nullopt)
                      ? call_op<Tensor>(find_op("_to_copy"), input, std::optional(dtype),
                                        std::optional<Device>(), std::optional<MemoryFormat>())
                      : input;
  Tensor out = empty(kept_sizes(input.sizes(), mask), dtype, input.device());
  kernels::sum(out, source);
  return drop_reduced(out, mask, keepdim);
}

Tensor sum_forward(const Tensor& input, std::optional<DType> dtype) {
  return sum_over(input, ~uint64_t{0}, false, sum_type(input, dtype));
}
Tensor sum_dim_forward(const Tensor& input, std::optional<Ints> dim, bool keepdim,
                       std::optional<DType> dtype) {
  return sum_over(input, reduced_dims(dim, input.dim(), "sum"), keepdim, sum_type(input, dtype));
}

// Puts the reduced dimensions back and repeats along them.
Tensor spread(const Tensor& grad, Ints sizes, uint64_t mask, bool keepdim) {
  Tensor g = keepdim || sizes.empty() ? grad : reshape(grad, kept_sizes(sizes, mask));
  return expand(g, sizes);
}

void sum_vjp(Grad& g) { g.set("input", expand(g.dout(), g.sizes("input"))); }
void sum_dim_vjp(Grad& g) {
  Ints sizes = g.sizes("input");
  uint64_t mask =
      reduced_dims(g.arg<std::optional<Ints>>("dim"), static_cast<int64_t>(sizes.size()), "sum");
  g.set("input", spread(g.dout(), sizes, mask, g.arg<bool>("keepdim")));
}

OP(sum) {
  .schema = "sum(Tensor input, *, ScalarType? dtype=None) -> Tensor",
  .forward = boxed<sum_forward>,
  .vjp = sum_vjp,
  .samples = "(3,4) | (0,) | () | (3,4):int64 | (5,):bool",
  .doc = "The sum of all elements, or along ``dim``. Integers are summed in int64.",
};
OP(sum_dim) {
  .schema =
      "sum.dim(Tensor input, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  .names = "sum, Tensor.sum",
  .forward = boxed<sum_dim_forward>,
  .vjp = sum_dim_vjp,
  .samples = "(3,4) 0 | (3,4) [0,1] True | (2,0,3) 1 | (3,4) -1 dtype=float64",
  .errors =
      "(3,4) 2 -> IndexError: Dimension out of range | (3,4) [0,0] -> RuntimeError: appears multiple times",
};

double reduced_count(Ints sizes, uint64_t mask) {
  double n = 1;
  for (size_t d = 0; d < sizes.size(); ++d)
    if (mask >> d & 1) n *= static_cast<double>(sizes[d]);
  return n;
}

Tensor mean_over(const Tensor& input, uint64_t mask, bool keepdim, std::optional<DType> dtype) {
  DType type = dtype.value_or(input.dtype());
  FB_CHECK(is_floating(type) || is_complex(type), "mean(): could not infer output dtype. ",
           dtype ? "Optional dtype" : "Input dtype",
           " must be either a floating point or complex dtype. Got: ", dtype_class_name(type));
  Tensor total = sum_over(input, mask, keepdim, type);
  return div_(total, wrapped_number(reduced_count(input.sizes(), mask)));
}
Tensor mean_forward(const Tensor& input, std::optional<DType> dtype) {
  return mean_over(input, ~uint64_t{0}, false, dtype);
}
Tensor mean_dim_forward(const Tensor& input, std::optional<Ints> dim, bool keepdim,
                        std::optional<DType> dtype) {
  return mean_over(input, reduced_dims(dim, input.dim(), "mean"), keepdim, dtype);
}

void mean_vjp(Grad& g) {
  Ints sizes = g.sizes("input");
  g.set("input", expand(div(g.dout(), wrapped_number(reduced_count(sizes, ~uint64_t{0}))), sizes));
}
void mean_dim_vjp(Grad& g) {
  Ints sizes = g.sizes("input");
  uint64_t mask =
      reduced_dims(g.arg<std::optional<Ints>>("dim"), static_cast<int64_t>(sizes.size()), "mean");
  g.set("input", spread(div(g.dout(), wrapped_number(reduced_count(sizes, mask))), sizes, mask,
                        g.arg<bool>("keepdim")));
}

OP(mean) {
  .schema = "mean(Tensor input, *, ScalarType? dtype=None) -> Tensor",
  .forward = boxed<mean_forward>,
  .vjp = mean_vjp,
  .samples = "(3,4) | () | (0,)",
  .errors = "(3,):int64 -> RuntimeError: could not infer output dtype",
  .doc = "The mean of all elements, or along ``dim``.",
};
OP(mean_dim) {
  .schema =
      "mean.dim(Tensor input, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  .names = "mean, Tensor.mean",
  .forward = boxed<mean_dim_forward>,
  .vjp = mean_dim_vjp,
  .samples = "(3,4) 0 | (3,4) [0,1] True | (3,4) -1",
};

}  // namespace
}  // namespace fb
