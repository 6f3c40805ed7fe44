// Random numbers: the fills of given tensors (uniform_, normal_, ...) and the factories made of
// them. The streams are PyTorch's, bit for bit: core/random_streams.h.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/elementwise.h"
#include "ops/forms.h"
#include "ops/random_checks.h"
#include "ops/random_kernels.h"

namespace fb {
namespace {

// What is drawn does not depend on what was there before.
void zero_vjp(Grad& g) { set_zero(g, "input"); }

// ---- fills
// ---------------------------------------------------------------------------------------

Tensor fill_uniform(const Tensor& input, double from, double to, Generator* generator) {
  if (is_complex(input.dtype())) {
    fill_uniform(as_real(input), from, to, generator);
    return input;
  }
  check_uniform_bounds(input.dtype(), from, to);
  check_writable(input);
  if (input.numel()) kernels::fill_uniform(input, generator_or_default(generator), from, to);
  return input;
}

OP(uniform_) {
  .schema =
      "uniform_(Tensor(a!) input, float from=0, float to=1, *, Generator? generator=None) "
      "-> Tensor",
  .names = "Tensor.uniform_",
  .forward = boxed<fill_uniform>,
  .vjp = zero_vjp,
  .errors =
      "(3,) 3.0 1.0 -> RuntimeError: uniform_ expects to return a [from, to) range | "
      "(3,):int64 -> NotImplementedError: not implemented for 'Long'",
  .doc = R"(Fill the tensor with numbers drawn uniformly from ``[from, to)``.

Args:
    from: the smallest number that can be drawn.
    to: the end of the range, which is not drawn.
    generator: where the random numbers come from; the default generator if None.

Returns:
    The tensor itself.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.empty(3).uniform_(2, 4)
    tensor([2.9925, 3.5364, 2.1770]))"
};

Tensor fill_normal(const Tensor& input, double mean, double std, Generator* generator) {
  FB_CHECK(std >= 0, "normal expects std >= 0.0, but found std ", std);
  check_writable(input);
  if (!input.numel()) return input;
  Generator& source = generator_or_default(generator);
  if (is_complex(input.dtype())) {  // the variance is shared by the two parts
    kernels::fill_normal(as_real(input), source, mean, std / std::sqrt(2.0));
  } else {
    kernels::fill_normal(input, source, mean, std);
  }
  return input;
}

OP(normal_) {
  .schema =
      "normal_(Tensor(a!) input, float mean=0, float std=1, *, Generator? generator=None) "
      "-> Tensor",
  .names = "Tensor.normal_",
  .forward = boxed<fill_normal>,
  .vjp = zero_vjp,
  .errors =
      "(3,) 0.0 -1.0 -> RuntimeError: normal expects std >= 0.0, but found std -1 | "
      "(3,):int64 -> NotImplementedError: \"normal_kernel_cpu\" not implemented for 'Long'",
  .doc = R"(Fill the tensor with numbers of the normal distribution.

Args:
    mean: the distribution's mean.
    std: its standard deviation. Of a complex tensor, each part has ``std / sqrt(2)``.
    generator: where the random numbers come from; the default generator if None.

Returns:
    The tensor itself.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.empty(3).normal_()
    tensor([ 1.5410, -0.2934, -2.1788]))"
};

Tensor fill_log_normal(const Tensor& input, double mean, double std, Generator* generator) {
  FB_CHECK(std > 0, "log_normal_ expects std > 0.0, but found std=", std);
  check_writable(input);
  if (input.numel()) {
    kernels::fill_log_normal(input, generator_or_default(generator), mean, std);
  }
  return input;
}

OP(log_normal_) {
  .schema =
      "log_normal_(Tensor(a!) input, float mean=1, float std=2, *, "
      "Generator? generator=None) -> Tensor",
  .names = "Tensor.log_normal_",
  .forward = boxed<fill_log_normal>,
  .vjp = zero_vjp,
  .errors = "(3,) 1.0 0.0 -> RuntimeError: log_normal_ expects std > 0.0, but found std=0",
  .doc = R"(Fill the tensor with ``exp(x)`` of normal numbers ``x``.

Args:
    mean: the mean of ``x``.
    std: the standard deviation of ``x``, positive.
    generator: where the random numbers come from; the default generator if None.

Returns:
    The tensor itself.)"
};

Tensor fill_cauchy(const Tensor& input, double median, double sigma, Generator* generator) {
  FB_CHECK(sigma > 0, "cauchy_ expects sigma > 0.0, but found sigma=", sigma);
  FB_CHECK(is_floating(input.dtype()),
           "Cauchy distribution is a continuous probability distribution. dtype must be a floating "
           "point but you specified ",
           cpp_type_name(input.dtype()));
  check_writable(input);
  if (input.numel()) kernels::fill_cauchy(input, generator_or_default(generator), median, sigma);
  return input;
}

OP(cauchy_) {
  .schema =
      "cauchy_(Tensor(a!) input, float median=0, float sigma=1, *, "
      "Generator? generator=None) -> Tensor",
  .names = "Tensor.cauchy_",
  .forward = boxed<fill_cauchy>,
  .vjp = zero_vjp,
  .errors =
      "(3,) 0.0 -1.0 -> RuntimeError: cauchy_ expects sigma > 0.0 | "
      "(3,):int64 -> RuntimeError: dtype must be a floating point",
  .doc = R"(Fill the tensor with numbers of the Cauchy distribution, whose density is
``1 / (pi * sigma * (1 + ((x - median) / sigma)**2))``.

Args:
    median: where the density is highest.
    sigma: the half width at half of the height, positive.
    generator: where the random numbers come from; the default generator if None.

Returns:
    The tensor itself.)"
};

Tensor fill_exponential(const Tensor& input, double lambda, Generator* generator) {
  FB_CHECK(lambda > 0, "exponential_ expects lambda > 0.0, but found lambda=", lambda);
  check_writable(input);
  FB_CHECK(is_floating(input.dtype()) || !input.numel(),
           "Exponential distribution is a continuous probability distribution. dtype must be a "
           "floating point but you specified ",
           dtype_class_name(input.dtype()));
  if (input.numel()) kernels::fill_exponential(input, generator_or_default(generator), lambda);
  return input;
}

OP(exponential_) {
  .schema =
      "exponential_(Tensor(a!) input, float lambd=1, *, Generator? generator=None) "
      "-> Tensor",
  .names = "Tensor.exponential_",
  .forward = boxed<fill_exponential>,
  .vjp = zero_vjp,
  .errors =
      "(3,) 0.0 -> RuntimeError: exponential_ expects lambda > 0.0, but found lambda=0 | "
      "(3,):int64 -> RuntimeError: you specified Long",
  .doc = R"(Fill the tensor with numbers of the exponential distribution, whose density is
``lambd * exp(-lambd * x)`` for ``x > 0``.

Args:
    lambd: the rate, positive; the mean is ``1 / lambd``.
    generator: where the random numbers come from; the default generator if None.

Returns:
    The tensor itself.)"
};

Tensor fill_geometric(const Tensor& input, double p, Generator* generator) {
  FB_CHECK(0 < p && p < 1, "geometric_ expects p to be in (0, 1), but got p=", p);
  check_writable(input);
  if (input.numel()) kernels::fill_geometric(input, generator_or_default(generator), p);
  return input;
}

OP(geometric_) {
  .schema = "geometric_(Tensor(a!) input, float p, *, Generator? generator=None) -> Tensor",
  .names = "Tensor.geometric_",
  .forward = boxed<fill_geometric>,
  .vjp = zero_vjp,
  .errors =
      "(3,) 1.0 -> RuntimeError: geometric_ expects p to be in (0, 1), but got p=1 | "
      "(3,):bool 0.5 -> NotImplementedError: not implemented for 'Bool'",
  .doc = R"(Fill the tensor with numbers of trials up to the first success.

Args:
    p: the probability of success of one trial, in ``(0, 1)``.
    generator: where the random numbers come from; the default generator if None.

Returns:
    The tensor itself.)"
};

// ---- integers
// ------------------------------------------------------------------------------------

Tensor fill_integers_of_type(const Tensor& input, Generator* generator) {
  check_writable(input);
  if (input.numel()) kernels::fill_integers_of_type(input, generator_or_default(generator));
  return input;
}

OP(random_) {
  .schema = "random_(Tensor(a!) input, *, Generator? generator=None) -> Tensor",
  .names = "Tensor.random_",
  .forward = boxed<fill_integers_of_type>,
  .vjp = zero_vjp,
  .doc = R"(Fill the tensor with integers drawn uniformly.

Without bounds, an integer tensor gets numbers from 0 to the largest of its dtype, a floating-point
one from 0 to the largest ``n`` up to which it can hold all integers.

Args:
    from: the smallest number that can be drawn.
    to: the end of the range, which is not drawn. If None, the largest of the dtype is the last.
    generator: where the random numbers come from; the default generator if None.

Returns:
    The tensor itself.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.empty(5).random_(10)
    tensor([4., 9., 3., 0., 3.]))"
};

Tensor fill_integers(const Tensor& input, int64_t from, std::optional<int64_t> to,
                     Generator* generator) {
  check_writable(input);
  const bool all = !to && from == std::numeric_limits<int64_t>::min();
  const IntegerBounds bounds = all ? IntegerBounds{} : integer_bounds(input.dtype(), from, to);
  if (!input.numel()) return input;
  Generator& source = generator_or_default(generator);
  if (all) {
    kernels::fill_integers_full(input, source);
  } else {
    kernels::fill_integers(input, source, bounds.range, bounds.from);
  }
  return input;
}

Tensor fill_integers_to(const Tensor& input, int64_t to, Generator* generator) {
  return fill_integers(input, 0, to, generator);
}

OP(random_to) {
  .schema = "random_.to(Tensor(a!) input, int to, *, Generator? generator=None) -> Tensor",
  .names = "Tensor.random_",
  .forward = boxed<fill_integers_to>,
  .vjp = zero_vjp,
  .errors = "(3,) 0 -> RuntimeError: random_ expects 'from' to be less than 'to'",
  .doc = "See :meth:`Tensor.random_`."
};

OP(random_from) {
  .schema =
      "random_.from(Tensor(a!) input, int from, int? to, *, Generator? generator=None) "
      "-> Tensor",
  .names = "Tensor.random_",
  .forward = boxed<fill_integers>,
  .vjp = zero_vjp,
  .errors =
      "(3,) 5 3 -> RuntimeError: random_ expects 'from' to be less than 'to' | "
      "(3,):uint8 0 257 -> RuntimeError: to - 1 is out of bounds for unsigned char",
  .doc = "See :meth:`Tensor.random_`."
};

// ---- Bernoulli
// -----------------------------------------------------------------------------------

Tensor fill_bernoulli(const Tensor& input, double p, Generator* generator) {
  FB_CHECK(0 <= p && p <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", p);
  check_writable(input);
  if (input.numel()) kernels::fill_bernoulli(input, generator_or_default(generator), p);
  return input;
}

Tensor fill_bernoulli_tensor(const Tensor& input, const Tensor& p, Generator* generator) {
  if (!input.numel()) return input;
  check_writable(input);
  kernels::fill_bernoulli_tensor(input, expanded(p, input.sizes()),
                                 generator_or_default(generator));
  return input;
}

void bernoulli_tensor_vjp(Grad& g) {
  set_zero(g, "input");
  set_zero(g, "p");
}

OP(bernoulli_tensor_) {
  .schema =
      "bernoulli_.Tensor(Tensor(a!) input, Tensor p, *, Generator? generator=None) "
      "-> Tensor",
  .names = "Tensor.bernoulli_",
  .forward = boxed<fill_bernoulli_tensor>,
  .vjp = bernoulli_tensor_vjp,
  .doc = "See :meth:`Tensor.bernoulli_`; ``p`` has a probability for every element."
};

OP(bernoulli_float_) {
  .schema =
      "bernoulli_.float(Tensor(a!) input, float p=0.5, *, Generator? generator=None) "
      "-> Tensor",
  .names = "Tensor.bernoulli_",
  .forward = boxed<fill_bernoulli>,
  .vjp = zero_vjp,
  .errors = "(3,) 2.0 -> RuntimeError: bernoulli_ expects p to be in [0, 1], but got p=2",
  .doc = R"(Fill the tensor with ones, drawn with probability ``p``, and zeros.

Args:
    p: the probability of a one; a number or a tensor that broadcasts to this one's shape.
    generator: where the random numbers come from; the default generator if None.

Returns:
    The tensor itself.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.empty(6).bernoulli_(0.5)
    tensor([0., 0., 1., 0., 0., 0.]))"
};

// ---- factories
// -----------------------------------------------------------------------------------

// The tensor to fill: the given out=, resized, or a fresh one.
Tensor target(Ints size, std::optional<DType> dtype, std::optional<Device> device, Out out,
              DType fallback = default_dtype()) {
  const Tensor* given = out.given();
  if (!given) return empty(size, dtype.value_or(fallback), device.value_or(Device{}));
  FB_CHECK(!dtype || *dtype == given->dtype(), "dtype ", dtype_class_name(*dtype),
           " does not match dtype of out parameter (", dtype_class_name(given->dtype()), ")");
  resize(*given, size);
  return *given;
}

Tensor target_like(const Tensor& input, std::optional<DType> dtype, std::optional<Device> device,
                   MemoryFormat format) {
  const DType type = dtype.value_or(input.dtype());
  const Device where = device.value_or(input.device());
  if (format != MemoryFormat::Preserve) return empty(input.sizes(), type, where, format);
  if (where == input.device()) return empty_like(input, type);
  return empty(input.sizes(), type, where);
}

#define FB_FACTORY_TAIL \
  "Generator? generator=None, ScalarType? dtype=None, Device? device=None) -> Tensor"
#define FB_LIKE_TAIL                                                         \
  "Generator? generator=None, ScalarType? dtype=None, Device? device=None, " \
  "MemoryFormat memory_format=preserve_format) -> Tensor"

Tensor rand_forward(Ints size, Generator* generator, std::optional<DType> dtype,
                    std::optional<Device> device, Out out) {
  return fill_uniform(target(size, dtype, device, out), 0, 1, generator);
}

OP(rand) {
  .schema = "rand(int[] size, *, " FB_FACTORY_TAIL,
  .names = "rand",
  .forward = boxed<rand_forward>,
  .vjp = no_gradient(),
  .doc = R"(Make a tensor of numbers drawn uniformly from ``[0, 1)``.

Args:
    size: the shape, as integers or one list of them.
    generator: where the random numbers come from; the default generator if None.
    dtype: a floating-point or complex dtype; the default dtype if None.

Returns:
    The tensor. The numbers are those of PyTorch's CPU generator for the same seed.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.rand(2, 3)
    tensor([[0.4963, 0.7682, 0.0885],
            [0.1320, 0.3074, 0.6341]]))"
};

Tensor rand_like_forward(const Tensor& input, Generator* generator, std::optional<DType> dtype,
                         std::optional<Device> device, MemoryFormat format) {
  return fill_uniform(target_like(input, dtype, device, format), 0, 1, generator);
}

OP(rand_like) {
  .schema = "rand_like(Tensor input, *, " FB_LIKE_TAIL,
  .names = "rand_like",
  .forward = boxed<rand_like_forward>,
  .vjp = no_gradient(),
  .doc =
      "Make a tensor like ``input`` of numbers drawn uniformly from ``[0, 1)``; see "
      ":func:`rand`."
};

Tensor randn_forward(Ints size, Generator* generator, std::optional<DType> dtype,
                     std::optional<Device> device, Out out) {
  return fill_normal(target(size, dtype, device, out), 0, 1, generator);
}

OP(randn) {
  .schema = "randn(int[] size, *, " FB_FACTORY_TAIL,
  .names = "randn",
  .forward = boxed<randn_forward>,
  .vjp = no_gradient(),
  .doc = R"(Make a tensor of numbers of the standard normal distribution (mean 0, variance 1).

Args:
    size: the shape, as integers or one list of them.
    generator: where the random numbers come from; the default generator if None.
    dtype: a floating-point or complex dtype; the default dtype if None. The real and the imaginary
        part of a complex number have the variance 1/2 each.

Returns:
    The tensor. The numbers are those of PyTorch's CPU generator for the same seed.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.randn(2, 3)
    tensor([[ 1.5410, -0.2934, -2.1788],
            [ 0.5684, -1.0845, -1.3986]]))"
};

Tensor randn_like_forward(const Tensor& input, Generator* generator, std::optional<DType> dtype,
                          std::optional<Device> device, MemoryFormat format) {
  return fill_normal(target_like(input, dtype, device, format), 0, 1, generator);
}

OP(randn_like) {
  .schema = "randn_like(Tensor input, *, " FB_LIKE_TAIL,
  .names = "randn_like",
  .forward = boxed<randn_like_forward>,
  .vjp = no_gradient(),
  .doc = "Make a tensor like ``input`` of standard normal numbers; see :func:`randn`."
};

Tensor randint_low(int64_t low, int64_t high, Ints size, Generator* generator,
                   std::optional<DType> dtype, std::optional<Device> device, Out out) {
  return fill_integers(target(size, dtype, device, out, DType::Int64), low, high, generator);
}

Tensor randint_high(int64_t high, Ints size, Generator* generator, std::optional<DType> dtype,
                    std::optional<Device> device, Out out) {
  return randint_low(0, high, size, generator, dtype, device, out);
}

OP(randint) {
  .schema = "randint(int high, int[] size, *, " FB_FACTORY_TAIL,
  .names = "randint",
  .forward = boxed<randint_high>,
  .vjp = no_gradient(),
  .errors = "0 [3] -> RuntimeError: random_ expects 'from' to be less than 'to'",
  .doc = R"(Make a tensor of integers drawn uniformly from ``[low, high)``.

Args:
    low: the smallest number that can be drawn; 0 if left out.
    high: the end of the range, which is not drawn.
    size: the shape, a list of integers.
    generator: where the random numbers come from; the default generator if None.
    dtype: any real dtype that holds the range; int64 if None.

Returns:
    The tensor.

Raises:
    RuntimeError: if ``low >= high``, or the dtype cannot hold the range.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.randint(3, 10, (2, 2))
    tensor([[7, 6],
            [3, 5]]))"
};

OP(randint_low) {
  .schema = "randint.low(int low, int high, int[] size, *, " FB_FACTORY_TAIL,
  .names = "randint",
  .forward = boxed<randint_low>,
  .vjp = no_gradient(),
  .errors = "5 5 [3] -> RuntimeError: random_ expects 'from' to be less than 'to'",
  .doc = "See :func:`randint`."
};

Tensor randint_like_low(const Tensor& input, int64_t low, int64_t high, Generator* generator,
                        std::optional<DType> dtype, std::optional<Device> device,
                        MemoryFormat format) {
  return fill_integers(target_like(input, dtype, device, format), low, high, generator);
}

Tensor randint_like_high(const Tensor& input, int64_t high, Generator* generator,
                         std::optional<DType> dtype, std::optional<Device> device,
                         MemoryFormat format) {
  return randint_like_low(input, 0, high, generator, dtype, device, format);
}

OP(randint_like) {
  .schema = "randint_like(Tensor input, int high, *, " FB_LIKE_TAIL,
  .names = "randint_like",
  .forward = boxed<randint_like_high>,
  .vjp = no_gradient(),
  .doc = "Make a tensor like ``input`` of integers from ``[low, high)``; see :func:`randint`."
};

OP(randint_like_low) {
  .schema = "randint_like.low(Tensor input, int low, int high, *, " FB_LIKE_TAIL,
  .names = "randint_like",
  .forward = boxed<randint_like_low>,
  .vjp = no_gradient(),
  .doc = "See :func:`randint_like`."
};

Tensor randperm_forward(int64_t n, Generator* generator, std::optional<DType> dtype,
                        std::optional<Device> device, Out out) {
  const Tensor* given = out.given();
  check_permutation(n, dtype.value_or(given ? given->dtype() : DType::Int64));
  const int64_t size[] = {n};
  Tensor result = target(size, dtype, device, out, DType::Int64);
  check_writable(result);
  kernels::fill_permutation(result, generator_or_default(generator));
  return result;
}

OP(randperm) {
  .schema = "randperm(int n, *, " FB_FACTORY_TAIL,
  .names = "randperm",
  .forward = boxed<randperm_forward>,
  .vjp = no_gradient(),
  .errors =
      "-1 -> RuntimeError: Trying to create tensor with negative dimension -1 | "
      "3000 dtype=float16 -> RuntimeError: n cannot be greater than 2049 for Half type",
  .doc = R"(Make a random permutation of the integers from 0 to ``n - 1``.

Args:
    n: how many.
    generator: where the random numbers come from; the default generator if None.
    dtype: a real dtype that holds them; int64 if None.

Returns:
    A tensor of shape ``(n,)``.

Example::

    >>> _ = torch.manual_seed(0)
    >>> torch.randperm(4)
    tensor([0, 1, 3, 2]))"
};

}  // namespace
}  // namespace fb
