// Shrinking activations, and those made of other operators.
#include "ops/activation_shrink.h"

#include "ops/activation.h"
#include "ops/activation_kernels.h"
#include "ops/forms.h"
#include "ops/operators.h"
#include "ops/pointwise_math.h"
#include "ops/view.h"

namespace fb {
namespace {

Tensor hardshrink_forward(const Tensor& input, double lambd, Out out) {
  Tensor result = pointwise_output(input.dtype(), out, input);
  kernels::hardshrink(result, input, lambd, input.dtype());
  return result;
}
void shrink_vjp(Grad& g) {
  g.set("input", shrink_backward(g.dout(), g.in("input"), g.arg<double>("lambd")));
}

OP(hardshrink) {
  .schema = "hardshrink(Tensor input, float lambd=0.5) -> Tensor",
  .names = "hardshrink, Tensor.hardshrink, nn.functional.hardshrink",
  .forward = boxed<hardshrink_forward>,
  .vjp = shrink_vjp,
  .save = "input",
  .samples = "(3,4) | (3,) 0.1",
  .doc = "Elements between ``-lambd`` and ``lambd`` become 0.",
};

Tensor softshrink_forward(const Tensor& input, double lambd, Out out) {
  FB_CHECK(lambd >= 0, "lambda must be greater or equal to 0, but found to be ", lambd, ".");
  Tensor result = pointwise_output(input.dtype(), out, input);
  kernels::softshrink(result, input, lambd, input.dtype());
  return result;
}

OP(softshrink) {
  .schema = "softshrink(Tensor input, float lambd=0.5) -> Tensor",
  .names = "nn.functional.softshrink",
  .forward = boxed<softshrink_forward>,
  .vjp = shrink_vjp,
  .save = "input",
  .samples = "(3,4) | (3,) 0.1",
  .errors = "(3,) -1.0 -> RuntimeError: lambda must be greater or equal to 0",
  .doc = "Elements move towards 0 by ``lambd`` and stop there.",
};

Tensor shrink_backward_forward(const Tensor& grad, const Tensor& input, double lambd) {
  DType type = result_type(grad, input);
  Tensor result = pointwise_output(type, Out(nullptr), grad, input);
  kernels::hardshrink_backward(result, grad, input, lambd, type);
  return result;
}
void shrink_backward_vjp(Grad& g) {
  if (g.needs("grad"))
    g.set("grad", shrink_backward(g.dout(), g.in("input"), g.arg<double>("lambd")));
  set_zero(g, "input");
}

OP(shrink_backward) {
  .schema = "shrink_backward(Tensor grad, Tensor input, float lambd) -> Tensor",
  .names = "",
  .forward = boxed<shrink_backward_forward>,
  .vjp = shrink_backward_vjp,
  .save = "input",
  .samples = "(3,4) (3,4) 0.5",
  .doc = "``grad`` where ``|input| > lambd``, 0 elsewhere.",
};

Tensor softsign_forward(const Tensor& input) { return input / (abs(input) + 1); }

OP(softsign) {
  .schema = "softsign(Tensor input) -> Tensor",
  .names = "nn.functional.softsign",
  .forward = boxed<softsign_forward>,
  .vjp = composite(),
  .samples = "(3,4) | ()",
  .doc = "``input / (1 + |input|)``.",
};

Tensor tanhshrink_forward(const Tensor& input) { return input - tanh(input); }

OP(tanhshrink) {
  .schema = "tanhshrink(Tensor input) -> Tensor",
  .names = "nn.functional.tanhshrink",
  .forward = boxed<tanhshrink_forward>,
  .vjp = composite(),
  .samples = "(3,4) | ()",
  .doc = "``input - tanh(input)``.",
};

Tensor glu_forward(const Tensor& input, int64_t dim) {
  if (!is_floating(input.dtype())) raise_unsupported_dtype("glu_cpu", input.dtype());
  FB_CHECK(input.dim() > 0, "glu does not support 0-dimensional tensors");
  const int64_t d = wrap_dim(dim, input.dim()), size = input.sizes()[d];
  FB_CHECK(size % 2 == 0, "Halving dimension must be even, but dimension ", d, " is size ", size);
  return narrow(input, d, 0, size / 2) * sigmoid(narrow(input, d, size / 2, size / 2));
}

OP(glu) {
  .schema = "glu(Tensor input, int dim=-1) -> Tensor",
  .names = "nn.functional.glu",
  .forward = boxed<glu_forward>,
  .vjp = composite(),
  .samples = "(3,4) | (4,3) 0 | (2,6,5) 1",
  .errors = "(3,3) -> RuntimeError: Halving dimension must be even",
  .doc =
      "``a * sigmoid(b)``, where ``a`` and ``b`` are the halves of ``input`` along ``dim`` (Dauphin et al. 2016).",
};

}  // namespace
}  // namespace fb
