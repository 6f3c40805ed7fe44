// Variances, standard deviations and log-sum-exp.
#include "ops/reduce_moments.h"

#include <limits>

#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_math.h"
#include "ops/pointwise_select.h"
#include "ops/reduce.h"
#include "ops/reduce_moments_kernels.h"
#include "ops/reduction_grad.h"

namespace fb {
namespace {

constexpr uint64_t kAllDims = ~uint64_t{0};

// Half types are reduced in float32.
Tensor widened(const Tensor& t) { return is_reduced(t.dtype()) ? _to_copy(t, DType::Float32) : t; }
Tensor as_type(const Tensor& t, DType dtype) { return t.dtype() == dtype ? t : _to_copy(t, dtype); }

// --- variance ------------------------------------------------------------------------------------

struct Moments {
  Tensor spread, mean;
};

Moments moments(const char* name, const Tensor& input, std::optional<Ints> dim, double correction,
                bool keepdim, bool root, bool with_mean) {
  FB_CHECK(is_differentiable(input.dtype()), name,
           " only support floating point and complex dtypes");
  const uint64_t mask = reduced_dims(dim, input.dim(), name);
  if (is_complex(input.dtype())) {
    // The parts vary independently.
    Dims dims;
    for (int64_t d = 0; d < input.dim(); ++d)
      if (mask >> d & 1) dims.push_back(d);
    if (dims.empty()) dims.push_back(0);
    Tensor re = real(input), im = imag(input);
    Moments a = moments(name, re, dims, correction, keepdim, false, false),
            b = moments(name, im, dims, correction, keepdim, false, false);
    Tensor v = add(a.spread, b.spread);
    return {root ? sqrt(v) : v,
            with_mean ? mean(input, std::optional<Ints>(dims), keepdim) : Tensor()};
  }
  Tensor source = widened(input);
  const Dims sizes = kept_sizes(input.sizes(), mask);
  Tensor spread = empty(sizes, source.dtype(), source.device());
  Tensor middle = with_mean ? empty(sizes, source.dtype(), source.device()) : Tensor();
  if (spread.numel() > 0) kernels::variance(spread, middle, source, correction, root);
  spread = as_type(drop_reduced(spread, mask, keepdim), input.dtype());
  if (with_mean) middle = as_type(drop_reduced(middle, mask, keepdim), input.dtype());
  return {spread, middle};
}

double correction_of(const std::optional<Scalar>& correction) {
  return correction ? correction->to<double>() : 1.0;
}

// One function of each kind for each of PyTorch's three ways to call it.
template <bool kRoot>
Tensor spread_all(const Tensor& input, bool unbiased) {
  return moments("std and var", input, std::nullopt, unbiased, false, kRoot, false).spread;
}
template <bool kRoot>
Tensor spread_dim(const Tensor& input, std::optional<Ints> dim, bool unbiased, bool keepdim) {
  return moments("std and var", input, dim, unbiased, keepdim, kRoot, false).spread;
}
template <bool kRoot>
Tensor spread_correction(const Tensor& input, std::optional<Ints> dim,
                         std::optional<Scalar> correction, bool keepdim) {
  return moments("std and var", input, dim, correction_of(correction), keepdim, kRoot, false)
      .spread;
}
using Pair = std::tuple<Tensor, Tensor>;
template <bool kRoot>
Pair spread_mean_correction(const Tensor& input, std::optional<Ints> dim,
                            std::optional<Scalar> correction, bool keepdim) {
  Moments m =
      moments("std_mean and var_mean", input, dim, correction_of(correction), keepdim, kRoot, true);
  return {m.spread, m.mean};
}

// d var / dx = 2 (x - mean) / (n - correction)
Tensor variance_grad(const Tensor& grad, const Tensor& x, uint64_t mask, double correction,
                     bool keepdim) {
  Ints sizes = x.sizes();
  double n = 1;
  Dims dims;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (!(mask >> d & 1)) continue;
    n *= static_cast<double>(sizes[d]);
    dims.push_back(static_cast<int64_t>(d));
  }
  Tensor center = sizes.empty() ? x : mean(x, std::optional<Ints>(dims), true);
  Tensor full = with_reduced(grad, sizes, mask, keepdim);
  if (mask == kAllDims && n - correction <= 0) {
    // Infinite away from the mean, undefined at it.
    const double nan = std::numeric_limits<double>::quiet_NaN(),
                 inf = std::numeric_limits<double>::infinity();
    return full * where(eq(x, center), wrapped_number(nan), wrapped_number(inf));
  }
  return full * Scalar(2.0 / (n - correction)) * (x - center);
}
Tensor deviation_grad(const Tensor& grad, const Tensor& result, const Tensor& x, uint64_t mask,
                      double correction, bool keepdim) {
  Tensor by_variance =
      masked_fill(grad / (result * 2), eq(result, wrapped_number(0)), wrapped_number(0));
  return variance_grad(by_variance, x, mask, correction, keepdim);
}

struct SpreadArgs {
  uint64_t mask;
  double correction;
  bool keepdim;
};
SpreadArgs spread_args(Grad& g) {
  const OpDef& op = g.op();
  SpreadArgs a{kAllDims, 1, false};
  if (op.param("dim") >= 0) {
    a.mask = reduced_dims(g.arg<std::optional<Ints>>("dim"),
                          static_cast<int64_t>(g.sizes("input").size()), "var");
    a.keepdim = g.arg<bool>("keepdim");
  }
  if (op.param("unbiased") >= 0) a.correction = g.arg<bool>("unbiased");
  if (op.param("correction") >= 0)
    a.correction = correction_of(g.arg<std::optional<Scalar>>("correction"));
  return a;
}
void var_vjp(Grad& g) {
  SpreadArgs a = spread_args(g);
  g.set("input", variance_grad(g.dout(), g.in("input"), a.mask, a.correction, a.keepdim));
}
void std_vjp(Grad& g) {
  SpreadArgs a = spread_args(g);
  g.set("input", deviation_grad(g.dout(), g.out(), g.in("input"), a.mask, a.correction, a.keepdim));
}

void with_mean_vjp(Grad& g, bool root) {
  SpreadArgs a = spread_args(g);
  Tensor x = g.in("input"), total;
  if (g.dout(0).defined()) {
    total = root ? deviation_grad(g.dout(0), g.out(0), x, a.mask, a.correction, a.keepdim)
                 : variance_grad(g.dout(0), x, a.mask, a.correction, a.keepdim);
  }
  if (g.dout(1).defined()) {
    Ints sizes = g.sizes("input");
    double n = 1;
    for (size_t d = 0; d < sizes.size(); ++d)
      if (a.mask >> d & 1) n *= static_cast<double>(sizes[d]);
    Tensor part = expand(with_reduced(g.dout(1), sizes, a.mask, a.keepdim) / Scalar(n), sizes);
    total = total.defined() ? total + part : part;
  }
  if (total.defined()) g.set("input", total);
}
void var_mean_vjp(Grad& g) { with_mean_vjp(g, false); }
void std_mean_vjp(Grad& g) { with_mean_vjp(g, true); }

#define SPREAD(op, root, saves, text)                                                              \
  OP(op){                                                                                          \
      .schema = #op "(Tensor input, bool unbiased=True) -> Tensor",                                \
      .forward = boxed<spread_all<root>>,                                                          \
      .vjp = op##_vjp,                                                                             \
      .save = saves,                                                                               \
      .samples = "(3,4) | (3,4) False | (5,)",                                                     \
      .errors = "(3,):int64 -> RuntimeError: only support floating point",                         \
      .doc = text,                                                                                 \
  };                                                                                               \
  OP(op##_dim){                                                                                    \
      .schema =                                                                                    \
          #op ".dim(Tensor input, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor", \
      .names = #op ", Tensor." #op,                                                                \
      .forward = boxed<spread_dim<root>>,                                                          \
      .vjp = op##_vjp,                                                                             \
      .save = saves,                                                                               \
      .samples = "(3,4) 0 | (2,3,4) [0,-1] False True | (3,4) 1 False",                            \
      .errors = "(3,4) 2 -> IndexError: Dimension out of range",                                   \
  };                                                                                               \
  OP(op##_correction){                                                                             \
      .schema = #op                                                                                \
      ".correction(Tensor input, int[1]? dim=None, *, Scalar? correction=None, bool "              \
      "keepdim=False) -> Tensor",                                                                  \
      .names = #op ", Tensor." #op,                                                                \
      .forward = boxed<spread_correction<root>>,                                                   \
      .vjp = op##_vjp,                                                                             \
      .save = saves,                                                                               \
      .samples =                                                                                   \
          "(3,4) correction=0 | (3,4) 0 correction=2 keepdim=True | (3,4) -1 correction=0.5",      \
  };
SPREAD(var, false, "input",
       R"(The variance: the sum of squared distances from the mean, divided by ``n - correction``.

The correction is 1 (``unbiased=True``, Bessel's) unless said otherwise.)")
SPREAD(std, true, "input, result",
       "The standard deviation: the square root of the variance; see ``var``.")
#undef SPREAD

#define SPREAD_MEAN(op, root, saves, text)                                                   \
  Pair op##_all_forward(const Tensor& input, bool unbiased) {                                \
    static const OpDef& whole = find_op(#op ".correction");                                  \
    return call_op<Pair>(whole, input, std::optional<Ints>(), Scalar(unbiased), false);      \
  }                                                                                          \
  Pair op##_dim_forward(const Tensor& input, std::optional<Ints> dim, bool unbiased,         \
                        bool keepdim) {                                                      \
    static const OpDef& whole = find_op(#op ".correction");                                  \
    return call_op<Pair>(whole, input, dim, Scalar(unbiased), keepdim);                      \
  }                                                                                          \
  OP(op){                                                                                    \
      .schema = #op "(Tensor input, bool unbiased=True) -> (Tensor, Tensor)",                \
      .names = #op,                                                                          \
      .forward = boxed<op##_all_forward>,                                                    \
      .vjp = composite(),                                                                    \
      .samples = "(3,4) | (3,4) False",                                                      \
      .doc = text,                                                                           \
  };                                                                                         \
  OP(op##_dim){                                                                              \
      .schema = #op                                                                          \
      ".dim(Tensor input, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, " \
      "Tensor)",                                                                             \
      .names = #op,                                                                          \
      .forward = boxed<op##_dim_forward>,                                                    \
      .vjp = composite(),                                                                    \
      .samples = "(3,4) 0 | (3,4) 1 False True",                                             \
  };                                                                                         \
  OP(op##_correction){                                                                       \
      .schema = #op                                                                          \
      ".correction(Tensor input, int[1]? dim=None, *, Scalar? correction=None, bool "        \
      "keepdim=False) -> (Tensor, Tensor)",                                                  \
      .names = #op,                                                                          \
      .forward = boxed<spread_mean_correction<root>>,                                        \
      .vjp = op##_vjp,                                                                       \
      .save = saves,                                                                         \
      .samples = "(3,4) correction=0 | (3,4) 0 correction=2 keepdim=True",                   \
  };
SPREAD_MEAN(var_mean, false, "input",
            "The variance and the mean, in one pass over the dimensions; see ``var``.")
SPREAD_MEAN(std_mean, true, "input, result0", "The standard deviation and the mean; see ``var``.")
#undef SPREAD_MEAN

// --- logsumexp -----------------------------------------------------------------------------------

Tensor logsumexp_forward(const Tensor& input, Ints dim, bool keepdim) {
  const uint64_t mask = reduced_dims(dim, input.dim(), "logsumexp");
  const DType type = float_type(input.dtype());
  Dims dims;
  for (int64_t d = 0; d < input.dim(); ++d)
    if (mask >> d & 1) dims.push_back(d);
  if (is_complex(type)) {
    // Shifted by the largest real part.
    Tensor shift =
        input.dim() ? call_op<Tensor>(find_op("amax"), real(input), dims, true) : real(input);
    shift = masked_fill(shift, isinf(shift), wrapped_number(0));
    Tensor total = exp(sub(input, shift));
    if (input.dim()) total = sum(total, std::optional<Ints>(dims), true);
    return drop_reduced(contiguous(add(log(total), shift)), mask, keepdim);
  }
  Tensor source = widened(as_type(input, type));
  Tensor out = empty(kept_sizes(input.sizes(), mask), source.dtype(), source.device());
  if (out.numel() > 0) kernels::logsumexp(out, source);
  return as_type(drop_reduced(out, mask, keepdim), type);
}
void logsumexp_vjp(Grad& g) {
  Ints sizes = g.sizes("input");
  const uint64_t mask =
      reduced_dims(g.arg<Ints>("dim"), static_cast<int64_t>(sizes.size()), "logsumexp");
  const bool keepdim = g.arg<bool>("keepdim");
  Tensor share = exp(g.in("input") - with_reduced(g.out(), sizes, mask, keepdim));
  g.set("input", with_reduced(g.dout(), sizes, mask, keepdim) * conjugate(share));
}

OP(logsumexp) {
  .schema = "logsumexp(Tensor input, int[1] dim, bool keepdim=False) -> Tensor",
  .names = "logsumexp, Tensor.logsumexp, special.logsumexp",
  .forward = boxed<logsumexp_forward>,
  .vjp = logsumexp_vjp,
  .save = "input, result",
  .samples = "(3,4) 0 | (2,3,4) [0,-1] True | (3,4) -1 | (0,) 0 | () 0",
  .errors = "(3,4) 2 -> IndexError: Dimension out of range",
  .doc = R"(``log(sum(exp(input)))`` along ``dim``, computed without overflow.

Example::

    >>> torch.logsumexp(torch.tensor([1000.0, 1000.0]), 0)
    tensor(1000.6932)
)",
};

}  // namespace
}  // namespace fb
