// Sampling from distributions whose parameters are tensors.
#include "ops/elementwise.h"
#include "ops/forms.h"
#include "ops/pointwise.h"
#include "ops/random.h"
#include "ops/random_checks.h"
#include "ops/random_kernels.h"
#include "ops/sampling_kernels.h"

namespace fb {
namespace {

// Samples do not change continuously with their parameters, or their density's gradient is not
// what PyTorch takes for theirs: it is zero.
void zero_input_vjp(Grad& g) { set_zero(g, "input"); }
void zero_mean_vjp(Grad& g) { set_zero(g, "mean"); }
void zero_std_vjp(Grad& g) { set_zero(g, "std"); }
void zero_mean_and_std_vjp(Grad& g) {
  set_zero(g, "mean");
  set_zero(g, "std");
}

// The given out=, resized, or a fresh contiguous tensor.
Tensor result_of(Ints sizes, DType dtype, Device device, Out out) {
  const Tensor* given = out.given();
  if (!given) return empty(sizes, dtype, device);
  resize(*given, sizes);
  return *given;
}

// ---- normal
// --------------------------------------------------------------------------------------

void check_std(const Tensor& std) {
  FB_CHECK(!is_complex(std.dtype()), "normal expects standard deviation to be non-complex");
  if (std.numel() == 0) return;
  kernels::check_std(std);
}

Tensor normal_of_mean(const Tensor& mean, double std, Generator* generator, Out out) {
  Tensor result = result_of(mean.sizes(), mean.dtype(), mean.device(), out);
  normal_(result, 0, std, generator);
  return add_(result, mean);
}

Tensor normal_of_std(double mean, const Tensor& std, Generator* generator, Out out) {
  check_std(std);
  Tensor result = result_of(std.sizes(), std.dtype(), std.device(), out);
  normal_(result, 0, 1, generator);
  mul_(result, std);
  return add_(result, scalar_tensor(Scalar(mean), result.dtype()));
}

Tensor normal_of_both(const Tensor& mean, const Tensor& std, Generator* generator, Out out) {
  check_std(std);
  Tensor result =
      result_of(broadcast_shapes(mean.sizes(), std.sizes()), mean.dtype(), mean.device(), out);
  normal_(result, 0, 1, generator);
  mul_(result, std);
  return add_(result, mean);
}

Tensor normal_of_numbers(double mean, double std, Ints size, Generator* generator,
                         std::optional<DType> dtype, std::optional<Device> device, Out out) {
  Tensor result = result_of(size, dtype.value_or(default_dtype()), device.value_or(Device{}), out);
  return normal_(result, mean, std, generator);
}

OP(normal_both) {
  .schema =
      "normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) "
      "-> Tensor",
  .names = "normal",
  .forward = boxed<normal_of_both>,
  .vjp = zero_mean_and_std_vjp,
  .errors =
      "(3,) (2,)@0.1..1 -> RuntimeError: must match the size of tensor b | "
      "(3,) (3,)@-2..-1 -> RuntimeError: normal expects all elements of std >= 0.0",
  .doc = R"(Draw normal numbers with the given means and standard deviations.

Args:
    mean: a number or a tensor.
    std: a number or a tensor that broadcasts with ``mean``; not negative.
    size: the shape, where both are numbers.
    generator: where the random numbers come from; the default generator if None.

Returns:
    A tensor of the broadcast shape.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.normal(torch.tensor([0.0, 100.0]), torch.tensor([1.0, 2.0]))
    tensor([ 1.5410, 99.4131]))"
};

OP(normal_mean) {
  .schema =
      "normal.Tensor_float(Tensor mean, float std=1, *, Generator? generator=None) "
      "-> Tensor",
  .names = "normal",
  .forward = boxed<normal_of_mean>,
  .vjp = zero_mean_vjp,
  .errors = "(3,) -1.0 -> RuntimeError: normal expects std >= 0.0, but found std -1",
  .doc = "See :func:`normal`."
};

OP(normal_std) {
  .schema =
      "normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) "
      "-> Tensor",
  .names = "normal",
  .forward = boxed<normal_of_std>,
  .vjp = zero_std_vjp,
  .doc = "See :func:`normal`."
};

OP(normal_numbers) {
  .schema =
      "normal.float_float(float mean, float std, int[] size, *, "
      "Generator? generator=None, ScalarType? dtype=None, Device? device=None) -> Tensor",
  .names = "normal",
  .forward = boxed<normal_of_numbers>,
  .vjp = no_gradient(),
  .doc = "See :func:`normal`."
};

// ---- Bernoulli, Poisson, binomial
// ----------------------------------------------------------------

Tensor bernoulli_forward(const Tensor& input, Generator* generator, Out out) {
  return bernoulli_(result_of(input.sizes(), input.dtype(), input.device(), out), input, generator);
}

Tensor bernoulli_p(const Tensor& input, double p, Generator* generator, Out out) {
  return bernoulli_(result_of(input.sizes(), input.dtype(), input.device(), out), p, generator);
}

OP(bernoulli) {
  .schema = "bernoulli(Tensor input, *, Generator? generator=None) -> Tensor",
  .forward = boxed<bernoulli_forward>,
  .vjp = zero_input_vjp,
  .errors =
      "(3,)@2..3 -> RuntimeError: Expected p_in >= 0 && p_in <= 1 | "
      "(3,):int64@0..2 -> NotImplementedError: not implemented for 'Long'",
  .doc = R"(Draw ones, with the given probabilities, and zeros.

Args:
    input: the probabilities of a one.
    p: one probability for all elements; then only shape and dtype of ``input`` count.
    generator: where the random numbers come from; the default generator if None.

Returns:
    A tensor of ``input``'s shape and dtype.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.bernoulli(torch.tensor([0.0, 0.5, 0.5, 1.0]))
    tensor([0., 0., 1., 1.]))"
};

OP(bernoulli_p) {
  .schema = "bernoulli.p(Tensor input, float p, *, Generator? generator=None) -> Tensor",
  .forward = boxed<bernoulli_p>,
  .vjp = no_gradient(),
  .doc = "See :func:`bernoulli`."
};

Tensor poisson_forward(const Tensor& input, Generator* generator, Out out) {
  Tensor result = out.make(input.sizes(), input.dtype(), input.device());
  if (result.numel()) kernels::sample_poisson(result, input, generator_or_default(generator));
  return out.finish(result);
}

OP(poisson) {
  .schema = "poisson(Tensor input, Generator? generator=None) -> Tensor",
  .names = "poisson",
  .forward = boxed<poisson_forward>,
  .vjp = zero_input_vjp,
  .errors =
      "(3,)@-2..-1 -> RuntimeError: invalid Poisson rate, expected rate to be non-negative | "
      "(3,):int64@0..3 -> NotImplementedError: not implemented for 'Long'",
  .doc = R"(Draw numbers of events with the given rates (Poisson distribution).

Args:
    input: the rates, not negative.
    generator: where the random numbers come from; the default generator if None.

Returns:
    A tensor of ``input``'s shape and dtype.)"
};

Tensor binomial_forward(const Tensor& count, const Tensor& prob, Generator* generator, Out out) {
  FB_CHECK_VALUE(is_floating(count.dtype()),
                 "binomial only supports floating-point dtypes for count, got: ",
                 dtype_class_name(count.dtype()));
  FB_CHECK_VALUE(is_floating(prob.dtype()),
                 "binomial only supports floating-point dtypes for prob, got: ",
                 dtype_class_name(prob.dtype()));
  FB_CHECK(count.dtype() == prob.dtype(), "Found dtype ", dtype_class_name(prob.dtype()),
           " but expected ", dtype_class_name(count.dtype()));
  Dims sizes = broadcast_shapes(count.sizes(), prob.sizes());
  Tensor result = out.make(sizes, count.dtype(), count.device());
  if (result.numel()) {
    kernels::sample_binomial(result, expanded(count, sizes), expanded(prob, sizes),
                             generator_or_default(generator));
  }
  return out.finish(result);
}

OP(binomial) {
  .schema = "binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor",
  .names = "binomial",
  .forward = boxed<binomial_forward>,
  .vjp = not_differentiable("the number of successes is not a continuous function of them"),
  .errors =
      "(3,)@1..9 (3,):float64@0.1..0.9 -> RuntimeError: Found dtype Double | "
      "(3,):int64@1..9 (3,)@0.1..0.9 -> ValueError: binomial only supports floating-point",
  .doc = R"(Draw numbers of successes in ``count`` trials of probability ``prob`` each.

Args:
    count: the numbers of trials, of a floating-point dtype.
    prob: the probabilities of success; of the same dtype, broadcasts with ``count``.
    generator: where the random numbers come from; the default generator if None.

Returns:
    A tensor of the broadcast shape and the same dtype.)"
};

// ---- categories
// ----------------------------------------------------------------------------------

void check_multinomial(const Tensor& input, int64_t samples, bool replacement) {
  FB_CHECK(input.dim() == 1 || input.dim() == 2, "prob_dist must be 1 or 2 dim");
  FB_CHECK(is_floating(input.dtype()),
           "multinomial only supports floating-point dtypes for input, got: ",
           dtype_class_name(input.dtype()));
  FB_CHECK(samples > 0, "cannot sample n_sample <= 0 samples");
  const int64_t categories = input.size(-1);
  FB_CHECK(replacement || samples <= categories,
           "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  FB_CHECK(categories <= int64_t{1} << 24, "number of categories cannot exceed 2^24");
  FB_CHECK(categories > 0 || input.numel() != 0 || input.size(0) == 0 || input.dim() == 1,
           "multinomial expects at least one category, but got shape ", shape_text(input.sizes()));
}

Tensor multinomial_forward(const Tensor& input, int64_t samples, bool replacement,
                           Generator* generator, Out out) {
  check_multinomial(input, samples, replacement);
  const Tensor* given = out.given();
  FB_CHECK(!given || given->dtype() == DType::Int64,
           "multinomial expects Long tensor out, got: ", dtype_class_name(given->dtype()));
  Dims sizes(input.sizes());
  sizes.back() = samples;
  Tensor result = out.make(sizes, DType::Int64, input.device());
  if (result.numel() == 0) return out.finish(result);
  kernels::check_weights(input);
  Generator& source = generator_or_default(generator);
  if (replacement) {
    kernels::sample_with_replacement(result, input, source);
  } else {
    Tensor noise = empty_like(input);
    kernels::fill_exponential(noise, source, 1);
    kernels::sample_without_replacement(result, input, noise);
  }
  return out.finish(result);
}

OP(multinomial) {
  .schema =
      "multinomial(Tensor input, int num_samples, bool replacement=False, *, "
      "Generator? generator=None) -> Tensor",
  .forward = boxed<multinomial_forward>,
  .vjp = not_differentiable("the drawn categories are integers"),
  .errors =
      "(3,)@0.1..1 4 -> RuntimeError: cannot sample n_sample > prob_dist.size(-1) samples | "
      "(3,)@0.1..1 0 -> RuntimeError: cannot sample n_sample <= 0 samples | "
      "(3,)@-2..-1 1 -> RuntimeError: probability tensor contains either | "
      "(1,1,3)@0.1..1 1 -> RuntimeError: prob_dist must be 1 or 2 dim",
  .doc = R"(Draw categories with probabilities proportional to the given weights.

Args:
    input: the weights, of shape ``(categories,)`` or ``(rows, categories)``; finite, not negative
        and not all zero in a row. They need not sum to one.
    num_samples: how many to draw for each row.
    replacement: whether a category can be drawn again.
    generator: where the random numbers come from; the default generator if None.

Returns:
    An int64 tensor of shape ``(num_samples,)`` or ``(rows, num_samples)``.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.multinomial(torch.tensor([0.0, 10.0, 3.0, 0.0]), 2)
    tensor([1, 2]))"
};

}  // namespace
}  // namespace fb
