// Running sums, products, extremes and their like.
#include "ops/scan.h"

#include "ops/indexing.h"
#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_math.h"
#include "ops/pointwise_select.h"
#include "ops/reduce.h"
#include "ops/reduction_grad.h"
#include "ops/scan_kernels.h"

namespace fb {
namespace {

Tensor as_type(const Tensor& t, DType dtype) { return t.dtype() == dtype ? t : _to_copy(t, dtype); }

// --- neighbours ----------------------------------------------------------------------------------

// Every element becomes the one before it (after it, with `after`) along `dim`; the first (last)
// becomes `fill`.
Tensor neighbour(const Tensor& x, int64_t dim, bool after, double fill) {
  const int64_t n = x.sizes()[static_cast<size_t>(dim)];
  if (n == 0) return x;
  Tensor at = arange(Scalar(n), std::optional(DType::Int64), std::optional(x.device()));
  Tensor edge = eq(at, wrapped_number(after ? n - 1 : 0));
  Tensor index =
      clamp(at + Scalar(after ? 1 : -1), std::optional<Scalar>(0), std::optional<Scalar>(n - 1));
  Dims shape(static_cast<size_t>(x.dim()), 1);
  shape[static_cast<size_t>(dim)] = n;
  return masked_fill(index_select(x, dim, index), reshape(edge, shape), wrapped_number(fill));
}

Tensor reversed(const Tensor& x, int64_t dim) {
  const int64_t n = x.sizes()[static_cast<size_t>(dim)];
  Tensor at = arange(Scalar(n), std::optional(DType::Int64), std::optional(x.device()));
  return index_select(x, dim, Scalar(n - 1) - at);
}

// --- linear recurrence ---------------------------------------------------------------------------

Tensor recurrence_forward(const Tensor& a, const Tensor& b, int64_t dim, bool reverse) {
  FB_CHECK(same_shape(a.sizes(), b.sizes()) && a.dtype() == b.dtype(),
           "_linear_recurrence(): expected two tensors of one shape and dtype, got ",
           shape_text(a.sizes()), " and ", shape_text(b.sizes()));
  const int64_t d = wrap_dim(dim, a.dim());
  const bool half = is_reduced(a.dtype());
  Tensor factor = contiguous(half ? _to_copy(a, DType::Float32) : a),
         term = contiguous(half ? _to_copy(b, DType::Float32) : b);
  Tensor out = empty(a.sizes(), factor.dtype(), a.device());
  if (out.numel() > 0) kernels::linear_recurrence(out, factor, term, d, reverse);
  return as_type(out, a.dtype());
}
// The adjoint of a recurrence runs the other way: db[t] = dh[t] + a[t+1] db[t+1], da[t] = db[t]
// h[t-1].
void recurrence_vjp(Grad& g) {
  Tensor a = g.in("a");
  const int64_t dim = wrap_dim(g.arg<int64_t>("dim"), a.dim());
  const bool reverse = g.arg<bool>("reverse");
  Tensor db =
      _linear_recurrence(conjugate(neighbour(a, dim, !reverse, 0)), g.dout(), dim, !reverse);
  if (g.needs("a")) g.set("a", db * conjugate(neighbour(g.out(), dim, reverse, 0)));
  g.set("b", db);
}

OP(_linear_recurrence) {
  .schema = "_linear_recurrence(Tensor a, Tensor b, int dim, bool reverse=False) -> Tensor",
  .names = "",
  .forward = boxed<recurrence_forward>,
  .vjp = recurrence_vjp,
  .save = "a, result for a",
  .samples = "(3,4) (3,4) 0 | (3,4) (3,4) -1 True | (0,2) (0,2) 1",
  .doc =
      "``h[t] = a[t] h[t-1] + b[t]`` along ``dim``, from ``h[-1] = 0``; with ``reverse`` from the end.",
};

// --- sums and products ---------------------------------------------------------------------------

template <class K>
Tensor scan_with(K& kernel, const Tensor& input, int64_t dim, std::optional<DType> dtype) {
  const int64_t d = wrap_dim(dim, input.dim());
  const DType type = dtype.value_or(is_integral(input.dtype()) ? DType::Int64 : input.dtype());
  Tensor source = contiguous(as_type(input, type));
  Tensor out = empty(input.sizes(), type, input.device());
  if (out.numel() > 0) kernel(out, source, d);
  return out;
}

Tensor cumsum_forward(const Tensor& input, int64_t dim, std::optional<DType> dtype) {
  return scan_with(kernels::cumsum, input, dim, dtype);
}
void cumsum_vjp(Grad& g) {
  const Tensor& grad = g.dout();
  if (grad.dim() == 0) return g.set("input", grad);
  const int64_t dim = wrap_dim(g.arg<int64_t>("dim"), grad.dim());
  g.set("input", reversed(cumsum(reversed(grad, dim), dim), dim));
}

OP(cumsum) {
  .schema = "cumsum(Tensor input, int dim, *, ScalarType? dtype=None) -> Tensor",
  .names = "cumsum, Tensor.cumsum, Tensor.cumsum_",
  .forward = boxed<cumsum_forward>,
  .vjp = cumsum_vjp,
  .samples =
      "(3,4) 0 | (3,4) -1 | () 0 | (0,3) 0 | (3,4):int32 1 | (3,):bool 0 | (3,4) 0 dtype=float64",
  .errors = "(3,4) 2 -> IndexError: Dimension out of range",
  .doc = R"(The running sum along ``dim``.

Example::

    >>> torch.cumsum(torch.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
)",
};

Tensor cumprod_forward(const Tensor& input, int64_t dim, std::optional<DType> dtype) {
  return scan_with(kernels::cumprod, input, dim, dtype);
}
// dx[k] = (product before k) * sum over i >= k of grad[i] * (product of what lies between); zeros
// need no special case.
void cumprod_vjp(Grad& g) {
  const Tensor& grad = g.dout();
  if (grad.dim() == 0) return g.set("input", grad);
  const int64_t dim = wrap_dim(g.arg<int64_t>("dim"), grad.dim());
  Tensor x = as_type(g.in("input"), grad.dtype());
  Tensor before = neighbour(cumprod(x, dim), dim, false, 1);
  Tensor rest = _linear_recurrence(conjugate(neighbour(x, dim, true, 0)), grad, dim, true);
  g.set("input", conjugate(before) * rest);
}

OP(cumprod) {
  .schema = "cumprod(Tensor input, int dim, *, ScalarType? dtype=None) -> Tensor",
  .names = "cumprod, Tensor.cumprod, Tensor.cumprod_",
  .forward = boxed<cumprod_forward>,
  .vjp = cumprod_vjp,
  .save = "input",
  .samples = "(3,4) 0 | (3,4) -1 | () 0 | (0,3) 0 | (3,4):int32@-3..3 1 | (3,4) 0 dtype=float64",
  .errors = "(3,4) 2 -> IndexError: Dimension out of range",
  .doc = "The running product along ``dim``.",
};

// The product of the elements before each one; of those after it, with `reverse`.
Tensor cumprod_of_others_forward(const Tensor& input, int64_t dim, bool reverse) {
  const int64_t d = wrap_dim(dim, input.dim());
  if (!reverse) return cumprod(neighbour(input, d, false, 1), d);
  return reversed(cumprod(neighbour(reversed(input, d), d, false, 1), d), d);
}

OP(_cumprod_of_others) {
  .schema = "_cumprod_of_others(Tensor input, int dim, bool reverse=False) -> Tensor",
  .names = "",
  .forward = boxed<cumprod_of_others_forward>,
  .vjp = composite(),
  .samples = "(3,4) 0 | (3,4) -1 True",
};

// --- extremes ------------------------------------------------------------------------------------

using Pair = std::tuple<Tensor, Tensor>;
Pair cumulative_extreme(const Tensor& input, int64_t dim, bool largest) {
  const int64_t d = wrap_dim(dim, input.dim());
  if (is_complex(input.dtype()))
    raise_unsupported_dtype(largest ? "cummax_cpu" : "cummin_cpu", input.dtype());
  Tensor source = contiguous(input);
  Tensor values = empty(input.sizes(), input.dtype(), input.device()),
         indices = empty(input.sizes(), DType::Int64, input.device());
  if (values.numel() > 0) kernels::cumulative_extreme(values, indices, source, d, largest);
  return {values, indices};
}
Pair cummax_forward(const Tensor& input, int64_t dim) {
  return cumulative_extreme(input, dim, true);
}
Pair cummin_forward(const Tensor& input, int64_t dim) {
  return cumulative_extreme(input, dim, false);
}
void cumulative_extreme_vjp(Grad& g) { picked_vjp(g, g.out(1), true); }

#define CUMULATIVE_EXTREME(op, word)                                              \
  OP(op){                                                                         \
      .schema = #op "(Tensor input, int dim) -> (Tensor values, Tensor indices)", \
      .forward = boxed<op##_forward>,                                             \
      .vjp = cumulative_extreme_vjp,                                              \
      .save = "indices",                                                          \
      .samples = "(3,4) 0 | (3,4) -1 | () 0 | (0,3) 0 | (3,4):int64@0..3 1",      \
      .errors = "(3,4) 2 -> IndexError: Dimension out of range",                  \
      .doc = "The " word " element so far along ``dim``, and its last place.",    \
  };
CUMULATIVE_EXTREME(cummax, "largest")
CUMULATIVE_EXTREME(cummin, "smallest")
#undef CUMULATIVE_EXTREME

// --- logcumsumexp --------------------------------------------------------------------------------

Tensor logcumsumexp_forward(const Tensor& input, int64_t dim) {
  const int64_t d = wrap_dim(dim, input.dim());
  if (!is_floating(input.dtype())) raise_unsupported_dtype("logcumsumexp_out_cpu", input.dtype());
  Tensor source = contiguous(is_reduced(input.dtype()) ? _to_copy(input, DType::Float32) : input);
  Tensor out = empty(input.sizes(), source.dtype(), input.device());
  if (out.numel() > 0) kernels::logcumsumexp(out, source, d);
  return as_type(out, input.dtype());
}
// dx[k] = exp(x[k] - y[k]) s[k] with s[k] = grad[k] + exp(y[k] - y[k+1]) s[k+1]: no factor
// exceeds 1.
void logcumsumexp_vjp(Grad& g) {
  const Tensor& grad = g.dout();
  if (grad.dim() == 0) return g.set("input", grad);
  const int64_t dim = wrap_dim(g.arg<int64_t>("dim"), grad.dim());
  Tensor x = g.in("input"), y = g.out(), next = neighbour(y, dim, true, 0);
  Tensor zero = wrapped_number(0.0);
  Tensor factor = exp(masked_fill(y - next, eq(y, next), zero));
  // Shifted to where the recurrence expects it: a[k] multiplies s[k+1].
  Tensor s = _linear_recurrence(factor, grad, dim, true);
  g.set("input", exp(x - y) * s);
}

OP(logcumsumexp) {
  .schema = "logcumsumexp(Tensor input, int dim) -> Tensor",
  .names = "logcumsumexp, Tensor.logcumsumexp",
  .forward = boxed<logcumsumexp_forward>,
  .vjp = logcumsumexp_vjp,
  .save = "input, result",
  .samples = "(3,4) 0 | (3,4) -1 | () 0 | (0,3) 0",
  .errors =
      "(3,4) 2 -> IndexError: Dimension out of range | (3,):int64 0 -> NotImplementedError: not implemented for 'Long'",
  .doc =
      "The logarithm of the running sum of exponentials along ``dim``, computed without overflow.",
};

// --- differences ---------------------------------------------------------------------------------

Tensor difference(const Tensor& x, int64_t d) {
  const int64_t n = x.sizes()[static_cast<size_t>(d)];
  if (n <= 1) return narrow(x, d, 0, 0);
  Tensor high = narrow(x, d, 1, n - 1), low = narrow(x, d, 0, n - 1);
  return x.dtype() == DType::Bool ? logical_xor(high, low) : high - low;
}

Tensor diff_forward(const Tensor& input, int64_t n, int64_t dim, const Tensor& prepend,
                    const Tensor& append) {
  FB_CHECK(input.dim() > 0, "diff expects input to be at least one-dimensional");
  FB_CHECK(n >= 0, "order must be non-negative but got ", n);
  const int64_t d = wrap_dim(dim, input.dim());
  if (n == 0) return clone(input);
  Tensor x = input;
  if (prepend.defined() || append.defined()) {
    Tensors parts;
    if (prepend.defined()) parts.push_back(prepend);
    parts.push_back(input);
    if (append.defined()) parts.push_back(append);
    static const OpDef& cat = find_op("cat");
    x = call_op<Tensor>(cat, parts, d);
  }
  for (int64_t i = 0; i < n; ++i) x = difference(x, d);
  return x;
}

OP(diff) {
  .schema =
      "diff(Tensor input, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor",
  .forward = boxed<diff_forward>,
  .vjp = composite(),
  .samples = "(5,) | (3,4) 2 | (3,4) 1 0 | (4,):bool | (1,)",
  .errors =
      "() -> RuntimeError: at least one-dimensional | (3,) -1 -> RuntimeError: order must be non-negative",
  .doc =
      "The ``n``-th difference of neighbours along ``dim``; ``prepend`` and ``append`` are put before and after first.",
};

}  // namespace
}  // namespace fb
