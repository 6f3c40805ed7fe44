// Sorted orders and what is picked from them.
#include "ops/sorting.h"

#include <limits>

#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_select.h"
#include "ops/reduce.h"
#include "ops/reduction_grad.h"
#include "ops/sorting_kernels.h"

namespace fb {
namespace {

using Pair = std::tuple<Tensor, Tensor>;

// Kernels work along the last dimension of contiguous tensors.
Tensor rows_of(const Tensor& input, int64_t d) {
  if (input.dim() <= 1 || d == input.dim() - 1) return contiguous(input);
  return contiguous(movedim(input, Dims{d}, Dims{-1}));
}
Tensor back_from_rows(const Tensor& t, int64_t d) {
  if (t.dim() <= 1 || d == t.dim() - 1) return t;
  return contiguous(movedim(t, Dims{-1}, Dims{d}));
}
int64_t length_along(const Tensor& t, int64_t d) {
  return t.dim() ? t.sizes()[static_cast<size_t>(d)] : 1;
}

// --- sort ----------------------------------------------------------------------------------------

Pair sorted(const Tensor& input, int64_t dim, bool descending, bool with_values) {
  const int64_t d = wrap_dim(dim, input.dim());
  FB_CHECK(!is_complex(input.dtype()), " Sort does not support complex dtypes on CPU");
  Tensor rows = rows_of(input, d);
  Tensor values = with_values ? empty(rows.sizes(), rows.dtype(), rows.device()) : Tensor();
  Tensor indices = empty(rows.sizes(), DType::Int64, rows.device());
  if (rows.numel() > 0) kernels::sort(rows, values, indices, descending);
  return {with_values ? back_from_rows(values, d) : values, back_from_rows(indices, d)};
}
Pair sort_forward(const Tensor& input, int64_t dim, bool descending, std::optional<bool>) {
  return sorted(input, dim, descending, true);
}
void sort_vjp(Grad& g) { picked_vjp(g, g.out(1), true); }

OP(sort) {
  .schema =
      "sort(Tensor input, int dim=-1, bool descending=False, *, bool? stable=None) -> (Tensor values, Tensor indices)",
  .forward = boxed<sort_forward>,
  .vjp = sort_vjp,
  .save = "indices",
  .samples =
      "(3,4) | (3,4) 0 True | (2,3,4) 1 stable=True | () | (0,3) | (70,):int64@0..9 stable=True",
  .errors = "(3,4) 2 -> IndexError: Dimension out of range",
  .doc =
      R"(The elements along ``dim`` in ascending (``descending``) order, and their places. NaN comes last (first).

The order is always stable: equal elements keep theirs.

Example::

    >>> torch.sort(torch.tensor([3, 1, 2])).indices
    tensor([1, 2, 0])
)",
};

Tensor argsort_forward(const Tensor& input, int64_t dim, bool descending, bool) {
  return std::get<1>(sorted(input, dim, descending, false));
}
OP(argsort) {
  .schema =
      "argsort(Tensor input, int dim=-1, bool descending=False, *, bool stable=False) -> Tensor",
  .forward = boxed<argsort_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4) | (3,4) 0 True | () | (70,):int64@0..9 stable=True",
  .doc = "The places of the elements along ``dim`` in sorted order; see ``sort``.",
};

Tensor msort_forward(const Tensor& input) { return std::get<0>(sort(input, 0)); }
OP(msort) {
  .schema = "msort(Tensor input) -> Tensor",
  .forward = boxed<msort_forward>,
  .vjp = composite(),
  .samples = "(3,4) | (5,)",
  .doc = "The elements sorted along the first dimension.",
};

// --- topk ----------------------------------------------------------------------------------------

Pair topk_forward(const Tensor& input, int64_t k, int64_t dim, bool largest, bool in_order) {
  const int64_t d = wrap_dim(dim, input.dim());
  FB_CHECK(k >= 0 && k <= length_along(input, d), "selected index k out of range");
  FB_CHECK(!is_complex(input.dtype()), " topk does not support complex dtypes on CPU");
  FB_CHECK(input.dtype() != DType::Bool, "topk does not support bool dtypes on CPU");
  Tensor rows = rows_of(input, d);
  Dims sizes(rows.sizes());
  if (!sizes.empty()) sizes.back() = k;
  Tensor values = empty(sizes, rows.dtype(), rows.device()),
         indices = empty(sizes, DType::Int64, rows.device());
  if (values.numel() > 0) kernels::topk(values, indices, rows, largest, in_order);
  return {back_from_rows(values, d), back_from_rows(indices, d)};
}

OP(topk) {
  .schema =
      "topk(Tensor input, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
  .forward = boxed<topk_forward>,
  .vjp = sort_vjp,
  .save = "indices",
  .samples = "(3,40) 2 | (6,4) 3 0 False | () 1 | (3,4) 0 | (300,) 20",
  .errors = "(3,4) 5 -> RuntimeError: selected index k out of range",
  .doc = "The ``k`` largest (smallest) elements along ``dim``, and their places, in order.",
};

// --- k-th value, median, mode --------------------------------------------------------------------

Pair finish_picked(const Tensor& values, const Tensor& indices, const Tensor& input, int64_t d,
                   bool keepdim) {
  if (!keepdim || input.dim() == 0) return {values, indices};
  const Dims sizes = kept_sizes(input.sizes(), uint64_t{1} << d);
  for (const Tensor* t : {&values, &indices})
    t->impl()->set_geometry(sizes, contiguous_strides(sizes));
  return {values, indices};
}

// The element at position k (one number, or one for each row) of the order along d.
Pair select_kth(const Tensor& input, const Tensor& rows, const Tensor& k, int64_t d, bool keepdim) {
  Dims sizes(rows.sizes());
  if (!sizes.empty()) sizes.pop_back();
  Tensor values = empty(sizes, rows.dtype(), rows.device()),
         indices = empty(sizes, DType::Int64, rows.device());
  if (values.numel() > 0) kernels::select_kth(values, indices, rows, k);
  return finish_picked(values, indices, input, d, keepdim);
}

Pair kthvalue_forward(const Tensor& input, int64_t k, int64_t dim, bool keepdim) {
  const int64_t d = wrap_dim(dim, input.dim());
  check_not_empty("kthvalue", input, uint64_t{1} << d);
  FB_CHECK(k >= 1 && k <= length_along(input, d),
           "kthvalue(): selected number k out of range for dimension ", d);
  if (is_complex(input.dtype()) || input.dtype() == DType::Bool)
    raise_unsupported_dtype("kthvalue_cpu", input.dtype());
  return select_kth(input, rows_of(input, d), scalar_tensor(Scalar(k - 1), DType::Int64), d,
                    keepdim);
}
void kthvalue_vjp(Grad& g) { picked_vjp(g, g.out(1), g.arg<bool>("keepdim")); }

OP(kthvalue) {
  .schema =
      "kthvalue(Tensor input, int k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
  .forward = boxed<kthvalue_forward>,
  .vjp = kthvalue_vjp,
  .save = "indices",
  .samples = "(3,4) 2 | (3,4) 1 0 True | () 1 | (50,):int64 20",
  .errors =
      "(3,4) 5 -> RuntimeError: selected number k out of range for dimension 1"
      " | (0,) 1 -> IndexError: Expected reduction dim 0 to have non-zero size",
  .doc = "The ``k``-th smallest element along ``dim``, counted from 1, and its place.",
};

// Which position of the order is the median; with NaN its first one, or, left out, the median of
// the numbers.
Tensor median_position(const Tensor& rows, bool skip_nan) {
  const int64_t n = rows.dim() ? rows.sizes().back() : 1;
  Tensor middle = scalar_tensor(Scalar((n - 1) / 2), DType::Int64);
  if (!is_floating(rows.dtype()) || rows.is_meta()) return middle;
  Tensor nans = isnan(rows);
  nans = contiguous(rows.dim() ? sum(nans, std::optional<Ints>(Dims{-1})) : sum(nans));
  Tensor numbers = Scalar(n) - nans;
  if (skip_nan)
    return clamp(div(numbers - Scalar(1), wrapped_number(2), std::string_view("floor")),
                 std::optional<Scalar>(0));
  return contiguous(where(gt(nans, wrapped_number(0)), numbers, middle));
}

Pair median_along(const char* name, const Tensor& input, int64_t dim, bool keepdim, bool skip_nan) {
  const int64_t d = wrap_dim(dim, input.dim());
  check_not_empty(name, input, uint64_t{1} << d);
  if (is_complex(input.dtype()) || input.dtype() == DType::Bool)
    raise_unsupported_dtype("median_out", input.dtype());
  Tensor rows = rows_of(input, d);
  return select_kth(input, rows, median_position(rows, skip_nan), d, keepdim);
}
Pair median_dim_forward(const Tensor& input, int64_t dim, bool keepdim) {
  return median_along("median", input, dim, keepdim, false);
}
Pair nanmedian_dim_forward(const Tensor& input, int64_t dim, bool keepdim) {
  return median_along("nanmedian", input, dim, keepdim, true);
}

Tensor median_of_all(const char* name, const Tensor& input, bool skip_nan) {
  if (input.numel() == 0)
    return full({}, Scalar(std::numeric_limits<double>::quiet_NaN()), input.dtype(),
                input.device());
  return std::get<0>(median_along(name, reshape(input, Dims{-1}), 0, false, skip_nan));
}
Tensor median_forward(const Tensor& input) { return median_of_all("median", input, false); }
Tensor nanmedian_forward(const Tensor& input) { return median_of_all("nanmedian", input, true); }
// Elements equal to the median share the gradient.
void median_vjp(Grad& g) {
  Tensor x = g.in("input"), y = g.out();
  Tensor places = logical_or(eq(x, y), logical_and(isnan(x), isnan(y)));
  Tensor share = g.dout() / _to_copy(sum(places), g.dout().dtype());
  g.set("input", where(places, share, zeros({}, share.dtype(), share.device())));
}

#define MEDIAN(op, text)                                                                    \
  OP(op){                                                                                   \
      .schema = #op "(Tensor input) -> Tensor",                                             \
      .forward = boxed<op##_forward>,                                                       \
      .vjp = median_vjp,                                                                    \
      .save = "input, result",                                                              \
      .samples = "(3,4) | (5,) | () | (7,):int64",                                          \
      .doc = text,                                                                          \
  };                                                                                        \
  OP(op##_dim){                                                                             \
      .schema = #op                                                                         \
      ".dim(Tensor input, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", \
      .names = #op ", Tensor." #op,                                                         \
      .forward = boxed<op##_dim_forward>,                                                   \
      .vjp = kthvalue_vjp,                                                                  \
      .save = "indices",                                                                    \
      .samples = "(3,4) 0 | (2,3,4) -1 True | () 0 | (2,3,4) 1",                            \
      .errors = "(0,2) 0 -> IndexError: Expected reduction dim 0 to have non-zero size",    \
  };
MEDIAN(
    median,
    "The median, of all elements or along ``dim`` with its place: of an even number the lower middle one; NaN if there is any.")
MEDIAN(nanmedian, "The median of the elements that are not NaN; see ``median``.")
#undef MEDIAN

Pair mode_forward(const Tensor& input, int64_t dim, bool keepdim) {
  const int64_t d = wrap_dim(dim, input.dim());
  check_not_empty("mode", input, uint64_t{1} << d);
  if (is_complex(input.dtype())) raise_unsupported_dtype("mode", input.dtype());
  Tensor rows = rows_of(input, d);
  Dims sizes(rows.sizes());
  if (!sizes.empty()) sizes.pop_back();
  Tensor values = empty(sizes, rows.dtype(), rows.device()),
         indices = empty(sizes, DType::Int64, rows.device());
  if (values.numel() > 0) kernels::mode(values, indices, rows);
  return finish_picked(values, indices, input, d, keepdim);
}

OP(mode) {
  .schema = "mode(Tensor input, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
  .forward = boxed<mode_forward>,
  .vjp = kthvalue_vjp,
  .save = "indices",
  .samples = "(3,4):int64@0..3 | (3,4) 0 True | ()",
  .errors = "(0,2) 0 -> IndexError: Expected reduction dim 0 to have non-zero size",
  .doc = "The most frequent element along ``dim`` (of several the smallest), and its last place.",
};

}  // namespace
}  // namespace fb
