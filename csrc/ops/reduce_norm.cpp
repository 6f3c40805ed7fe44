// Norms of vectors.
#include "ops/reduce_norm.h"

#include <cmath>
#include <limits>

#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_select.h"
#include "ops/reduce.h"
#include "ops/reduce_norm_kernels.h"
#include "ops/reduction_grad.h"

namespace fb {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

void check_identity(const Tensor& input, std::optional<Ints> dim, double p) {
  if (input.numel() != 0 || (p >= 0 && p != kInf)) return;
  FB_CHECK(dim && !dim->empty(), "linalg.vector_norm cannot compute the ", p,
           " norm on an empty tensor because the operation does not have an identity");
  for (int64_t d : *dim) {
    FB_CHECK(input.size(d) != 0, "linalg.vector_norm cannot compute the ", p,
             " norm on the dimension ", d,
             " because this dimension is empty and the operation does not have an identity");
  }
}

void check_norm_type(const Tensor& input, std::optional<DType> dtype) {
  FB_CHECK(is_differentiable(input.dtype()),
           "linalg.vector_norm: Expected a floating point or complex tensor as input. Got ",
           dtype_class_name(input.dtype()));
  if (!dtype) return;
  FB_CHECK(is_differentiable(*dtype),
           "linalg.vector_norm: dtype should be floating point or complex, but got ",
           dtype_class_name(*dtype));
  FB_CHECK(is_complex(*dtype) == is_complex(input.dtype()), "linalg.vector_norm: dtype should be ",
           is_complex(input.dtype()) ? "complex" : "real", " for ",
           is_complex(input.dtype()) ? "complex" : "real", " inputs, but got ",
           dtype_class_name(*dtype));
  FB_CHECK(promote_types(input.dtype(), *dtype) == *dtype,
           "linalg.vector_norm: the dtype of the input (", dtype_class_name(input.dtype()),
           ") should be convertible without narrowing to the specified dtype (",
           dtype_class_name(*dtype), ")");
}

Tensor vector_norm_forward(const Tensor& input, const Scalar& ord, std::optional<Ints> dim,
                           bool keepdim, std::optional<DType> dtype) {
  check_norm_type(input, dtype);
  FB_CHECK(!ord.is_complex(),
           "linalg.vector_norm: Expected a non-complex scalar as the order of norm.");
  const double p = ord.to<double>();
  check_identity(input, dim, p);
  const uint64_t mask = reduced_dims(dim, input.dim(), "linalg.vector_norm");
  const DType type = real_dtype(dtype.value_or(input.dtype()));
  Tensor source = is_complex(input.dtype()) ? abs(input) : input;
  const DType compute = is_reduced(type) ? DType::Float32 : type;
  if (source.dtype() != compute) source = _to_copy(source, compute);
  Tensor out = empty(kept_sizes(input.sizes(), mask), compute, input.device());
  if (out.numel() > 0) kernels::vector_norm(out, source, p);
  out = drop_reduced(out, mask, keepdim);
  return type == compute ? out : _to_copy(out, type);
}

// sign(x) |x|^(p-1) grad norm^(1-p), with its limits.
void vector_norm_vjp(Grad& g) {
  Ints sizes = g.sizes("input");
  const double p = g.arg<Scalar>("ord").to<double>();
  const uint64_t mask = reduced_dims(g.arg<std::optional<Ints>>("dim"),
                                     static_cast<int64_t>(sizes.size()), "linalg.vector_norm");
  const bool keepdim = g.arg<bool>("keepdim");
  Tensor x = g.in("input"), norm = with_reduced(g.out(), sizes, mask, keepdim),
         grad = with_reduced(g.dout(), sizes, mask, keepdim);
  const Tensor zero = wrapped_number(0);
  auto power = [](const Tensor& t, double exponent) { return pow(t, wrapped_number(exponent)); };
  if (p == 0) return g.set("input", zeros(sizes, g.dtype("input"), x.device()));
  if (p == 1) return g.set("input", sgn(x) * grad);
  if (p == 2) return g.set("input", x * masked_fill(grad / norm, eq(norm, zero), zero));
  if (std::isinf(p)) {
    Tensor places = logical_or(eq(abs(x), norm), logical_and(isnan(x), isnan(norm)));
    Dims dims;
    for (size_t d = 0; d < sizes.size(); ++d)
      if (mask >> d & 1) dims.push_back(static_cast<int64_t>(d));
    Tensor count = sizes.empty() ? _to_copy(places, DType::Int64)
                                 : sum(places, std::optional<Ints>(dims), true);
    Tensor share =
        where(places, grad / _to_copy(count, grad.dtype()), zeros({}, grad.dtype(), grad.device()));
    return g.set("input", sgn(x) * share);
  }
  if (p < 1) {
    Tensor slope = sgn(x) * masked_fill(power(abs(x), p - 1), eq(x, zero), zero);
    return g.set("input", slope * grad * power(norm, 1 - p));
  }
  Tensor slope = p < 2 ? sgn(x) * power(abs(x), p - 1) : x * power(abs(x), p - 2);
  g.set("input", slope * masked_fill(grad / power(norm, p - 1), eq(norm, zero), zero));
}

OP(linalg_vector_norm) {
  .schema =
      "linalg_vector_norm(Tensor input, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, "
      "ScalarType? dtype=None) -> Tensor",
  .names = "linalg.vector_norm",
  .forward = boxed<vector_norm_forward>,
  .vjp = vector_norm_vjp,
  .save = "input, result",
  .samples =
      "(3,4) | (3,4) 1 0 | (3,4) 3 -1 True | (2,3,4) inf [0,2] | (3,4) -inf | (5,) 0 | (3,4) 1.5 "
      "| (3,) 0.5 | (0,) | (3,4) dtype=float64",
  .errors =
      "(3,):int64 -> RuntimeError: Expected a floating point or complex tensor | (0,) inf -> "
      "RuntimeError: does not have an identity",
  .doc = R"(The norm ``(sum |x|^ord)^(1/ord)`` of all elements or along ``dim``.

``inf`` is the largest, ``-inf`` the smallest absolute value, 0 the number of elements that are not zero.)",
};

Tensor vector_norm(const Tensor& input, const Scalar& p, std::optional<Ints> dim, bool keepdim,
                   std::optional<DType> dtype) {
  return linalg_vector_norm(input, p, dim, keepdim, dtype);
}

Tensor norm_forward(const Tensor& input, std::optional<Scalar> p, std::optional<Ints> dim,
                    bool keepdim, std::optional<DType> dtype) {
  return vector_norm(input, p.value_or(Scalar(2)), dim, keepdim, dtype);
}
// Singular values are a room written in Python, which may not have been loaded.
const OpDef& singular_values() {
  for (const OpDef* op : all_ops())
    if (op->full_name == "linalg_svdvals") return *op;
  raise(
      ErrorKind::Runtime,
      "norm(): p='nuc' sums the singular values of flambeau.linalg: import flambeau.linalg first");
}

Tensor norm_named_forward(const Tensor& input, std::string_view p, std::optional<Ints> dim,
                          bool keepdim, std::optional<DType> dtype) {
  if (p == "fro") return vector_norm(input, Scalar(2), dim, keepdim, dtype);
  FB_CHECK(p == "nuc", "linalg.matrix_norm: Order ", p, " not supported.");
  FB_CHECK((dim ? static_cast<int64_t>(dim->size()) : input.dim()) == 2,
           "linalg.matrix_norm: dim must be a 2-tuple. Got ",
           dim ? shape_text(*dim) : shape_text(input.sizes()));
  Tensor source = dtype && *dtype != input.dtype() ? _to_copy(input, *dtype) : input;
  const Dims dims = dim ? Dims(*dim) : Dims{0, 1};
  Tensor matrix = movedim(source, dims, Dims{-2, -1});
  static const OpDef& values = singular_values();
  Tensor total = sum(call_op<Tensor>(values, matrix, std::optional<std::string_view>()),
                     std::optional<Ints>(Dims{-1}), false);
  if (!keepdim) return total;
  uint64_t mask = reduced_dims(dims, input.dim(), "norm");
  return reshape(total, kept_sizes(input.sizes(), mask));
}

OP(norm) {
  .schema =
      "norm(Tensor input, Scalar? p=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? "
      "dtype=None) -> Tensor",
  .forward = boxed<norm_forward>,
  .vjp = composite(),
  .samples = "(3,4) | (3,4) 1 0 | (3,4) 3 -1 True | (3,4) p=inf",
  .errors = "(3,):int64 -> RuntimeError: Expected a floating point or complex tensor",
  .doc =
      "The p-norm of all elements or along ``dim``; ``p`` may also be 'fro' (2) or, of matrices, "
      "'nuc'. See ``linalg.vector_norm``.",
};
OP(norm_named) {
  .schema =
      "norm.str(Tensor input, str p, int[1]? dim=None, bool keepdim=False, *, ScalarType? "
      "dtype=None) -> Tensor",
  .names = "norm, Tensor.norm",
  .forward = boxed<norm_named_forward>,
  .vjp = composite(),
  .samples = "(3,4) 'fro' | (3,4) 'fro' [0,1] True",
  .errors = "(3,) 'abc' -> RuntimeError: Order abc not supported",
};

}  // namespace
}  // namespace fb
