// Softmax and its logarithm.
#include "ops/softmax.h"

#include "ops/copy.h"
#include "ops/dense.h"
#include "ops/grad.h"
#include "ops/operators.h"
#include "ops/pointwise_math.h"
#include "ops/reduce.h"
#include "ops/softmax_kernels.h"

namespace fb {
namespace {

DType softmax_type(const Tensor& input, std::optional<DType> dtype, const DimSplit& split,
                   bool log) {
  DType type = dtype.value_or(input.dtype());
  if (!is_floating(type))
    raise_unsupported_dtype(
        std::string(log ? "log_" : "") +
            (split.inner == 1 ? "softmax_lastdim_kernel_impl" : "softmax_kernel_impl"),
        type);
  return type;
}

// Kernels take half types along the last dimension only; elsewhere the whole tensor is widened.
DType working_type(DType type, const DimSplit& split) {
  return is_reduced(type) && split.inner > 1 ? DType::Float32 : type;
}

Tensor normalise(const Tensor& input, int64_t dim, std::optional<DType> dtype, bool log) {
  DimSplit split(input.sizes(), wrap_dim(dim, input.dim()));
  DType type = softmax_type(input, dtype, split, log), working = working_type(type, split);
  Tensor out = empty(input.sizes(), working, input.device());
  kernels::softmax(out, dense(input, working), split.size, split.inner, log);
  return dense(out, type);
}

Tensor softmax_forward(const Tensor& input, int64_t dim, std::optional<DType> dtype) {
  return normalise(input, dim, dtype, false);
}
void softmax_vjp(Grad& g) {
  g.set("input", softmax_backward(g.dout(), g.out(), g.arg<int64_t>("dim")));
}

OP(softmax) {
  .schema = "softmax(Tensor input, int dim, ScalarType? dtype=None) -> Tensor",
  .names = "softmax, Tensor.softmax, special.softmax",
  .forward = boxed<softmax_forward>,
  .vjp = softmax_vjp,
  .save = "result",
  .samples =
      "(3,4,5) dim=-1 | (3,4,5) 1 | (7,) dim=0 | (0,4) dim=1 | (2,70) -1 | () 0 | (3,4) 0 "
      "dtype=float64",
  .errors =
      "(3,) dim=2 -> IndexError: Dimension out of range"
      " | (3,):int64 0 -> RuntimeError: \"softmax_lastdim_kernel_impl\" not implemented for "
      "'Long'",
  .doc =
      R"(Rescale along ``dim`` so that entries lie in [0, 1] and sum to 1: ``exp(x_i) / sum_j exp(x_j)``.

Args:
    dtype: the type to compute in and to return; keeps small types from overflow.

Example::

    >>> torch.softmax(torch.tensor([0., 0., 0., 0.]), 0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
)",
};

Tensor log_softmax_forward(const Tensor& input, int64_t dim, std::optional<DType> dtype) {
  return normalise(input, dim, dtype, true);
}
void log_softmax_vjp(Grad& g) {
  g.set("input", log_softmax_backward(g.dout(), g.out(), g.arg<int64_t>("dim")));
}

OP(log_softmax) {
  .schema = "log_softmax(Tensor input, int dim, ScalarType? dtype=None) -> Tensor",
  .names = "log_softmax, Tensor.log_softmax, special.log_softmax",
  .forward = boxed<log_softmax_forward>,
  .vjp = log_softmax_vjp,
  .save = "result",
  .samples =
      "(3,4,5) dim=-1 | (3,4,5) 1 | (7,) dim=0 | (0,4) dim=1 | (2,70) -1 | () 0 | (3,4) 0 "
      "dtype=float64",
  .errors = "(3,) dim=2 -> IndexError: Dimension out of range",
  .doc =
      "``log(softmax(input, dim))``, computed without its loss of digits: ``x_i - log(sum_j "
      "exp(x_j))``.",
};

Tensor pull_back(const Tensor& grad, const Tensor& result, int64_t dim, bool log) {
  DimSplit split(result.sizes(), wrap_dim(dim, result.dim()));
  DType working = working_type(result.dtype(), split);
  Tensor out = empty(result.sizes(), working, result.device());
  kernels::softmax_backward(out, dense(grad, working), dense(result, working), split.size,
                            split.inner, log);
  return dense(out, result.dtype());
}
Tensor sum_along(const Tensor& t, int64_t dim) { return sum(t, Dims{dim}, true); }

Tensor softmax_backward_forward(const Tensor& grad, const Tensor& result, int64_t dim) {
  return pull_back(grad, result, dim, false);
}
void softmax_backward_vjp(Grad& g) {
  Tensor y = g.in("result"), dy = g.in("grad"), up = g.dout();
  int64_t dim = g.arg<int64_t>("dim");
  if (g.needs("grad")) g.set("grad", softmax_backward(up, y, dim));
  if (g.needs("result"))
    g.set("result", up * (dy - sum_along(dy * y, dim)) - dy * sum_along(up * y, dim));
}

OP(softmax_backward) {
  .schema = "softmax_backward(Tensor grad, Tensor result, int dim) -> Tensor",
  .names = "",
  .forward = boxed<softmax_backward_forward>,
  .vjp = softmax_backward_vjp,
  .save = "result, grad for result",
  .samples = "(3,4) (3,4)@0..1 1 | (5,) (5,)@0..1 0",
  .doc = "The gradient of softmax: ``result * (grad - sum(result * grad))``.",
};

Tensor log_softmax_backward_forward(const Tensor& grad, const Tensor& result, int64_t dim) {
  return pull_back(grad, result, dim, true);
}
void log_softmax_backward_vjp(Grad& g) {
  Tensor p = exp(g.in("result")), up = g.dout();
  int64_t dim = g.arg<int64_t>("dim");
  if (g.needs("grad")) g.set("grad", up - sum_along(up * p, dim));
  if (g.needs("result")) g.set("result", -(up * p * sum_along(g.in("grad"), dim)));
}

OP(log_softmax_backward) {
  .schema = "log_softmax_backward(Tensor grad, Tensor result, int dim) -> Tensor",
  .names = "",
  .forward = boxed<log_softmax_backward_forward>,
  .vjp = log_softmax_backward_vjp,
  .save = "result, grad for result",
  .samples = "(3,4) (3,4)@-3..0 1 | (5,) (5,)@-3..0 -1",
  .doc = "The gradient of log_softmax: ``grad - exp(result) * sum(grad)``.",
};

// PyTorch's names of the two above.
Tensor to_type(const Tensor& t, DType dtype) { return t.dtype() == dtype ? t : _to_copy(t, dtype); }
Tensor softmax_data_forward(const Tensor& grad, const Tensor& output, int64_t dim, DType type) {
  return to_type(softmax_backward(grad, output, dim), type);
}
Tensor log_softmax_data_forward(const Tensor& grad, const Tensor& output, int64_t dim, DType type) {
  return to_type(log_softmax_backward(grad, output, dim), type);
}

OP(softmax_data) {
  .schema =
      "_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
  .names = "_softmax_backward_data",
  .forward = boxed<softmax_data_forward>,
  .vjp = composite(),
  .samples = "(3,4):float64 (3,4):float64@0.1..0.9 1 input_dtype=float64",
  .doc = "The gradient of softmax from its result.",
};
OP(log_softmax_data) {
  .schema =
      "_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
  .names = "_log_softmax_backward_data",
  .forward = boxed<log_softmax_data_forward>,
  .vjp = composite(),
  .samples = "(3,4):float64 (3,4):float64@-3..-0.1 1 input_dtype=float64",
  .doc = "The gradient of log_softmax from its result.",
};

}  // namespace
}  // namespace fb
