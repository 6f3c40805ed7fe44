// Distinct elements and slices.
#include "ops/unique.h"

#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/indexing.h"
#include "ops/sorting.h"
#include "ops/unique_kernels.h"
#include "ops/view.h"

namespace fb {
namespace {

using Three = std::tuple<Tensor, Tensor, Tensor>;

// Distinct rows of a contiguous matrix: their first places, the group of each row, the size of each
// group.
Three distinct_rows(const Tensor& matrix, bool consecutive) {
  const int64_t n = matrix.sizes()[0];
  Tensor order;
  if (consecutive) {
    order = arange(Scalar(n), DType::Int64);
  } else if (matrix.sizes()[1] == 1) {
    order = argsort(reshape(matrix, Dims{-1}), 0);
  } else {
    order = empty(Dims{n}, DType::Int64);
    kernels::order_slices(order, matrix);
  }
  Tensor groups = empty(Dims{n}, DType::Int64), inverse = empty(Dims{n}, DType::Int64);
  kernels::group_slices(groups, matrix, order);
  const int64_t found = n == 0 ? 0 : groups.data<int64_t>()[n - 1] + 1;
  Tensor firsts = empty(Dims{found}, DType::Int64), counts = empty(Dims{found}, DType::Int64);
  kernels::collect_groups(firsts, counts, inverse, groups, order);
  return {firsts, inverse, counts};
}

Three unique_forward(const Tensor& input, std::optional<int64_t> dim, bool consecutive) {
  FB_CHECK_KIND(
      NotImplemented, !input.is_meta(),
      "unique(): the size of the result depends on the data, which meta tensors do not have");
  if (is_complex(input.dtype())) raise_unsupported_dtype("unique", input.dtype());
  if (!dim) {
    Tensor flat = contiguous(reshape(input, Dims{-1}));
    auto [firsts, inverse, counts] =
        distinct_rows(reshape(flat, Dims{flat.numel(), 1}), consecutive);
    return {index_select(flat, 0, firsts), reshape(inverse, input.sizes()), counts};
  }
  FB_CHECK_INDEX(input.dim() > 0, "Dimension specified as ", *dim, " but tensor has no dimensions");
  const int64_t d = wrap_dim(*dim, input.dim()), n = input.sizes()[static_cast<size_t>(d)];
  if (input.numel() == 0) {
    bool others = true;
    for (int64_t i = 0; i < input.dim(); ++i)
      others &= i == d || input.sizes()[static_cast<size_t>(i)] != 0;
    FB_CHECK(n == 0 && others,
             "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied");
    return {clone(input), empty(Dims{0}, DType::Int64), empty(Dims{0}, DType::Int64)};
  }
  Tensor slices = contiguous(movedim(input, Dims{d}, Dims{0}));
  auto [firsts, inverse, counts] =
      distinct_rows(reshape(slices, Dims{n, input.numel() / n}), consecutive);
  return {index_select(input, d, firsts), inverse, counts};
}

OP(_distinct) {
  .schema =
      "_distinct(Tensor input, int? dim=None, bool consecutive=False) -> (Tensor, Tensor, Tensor)",
  .names = "_distinct",
  .forward = boxed<unique_forward>,
  .vjp = not_differentiable("the number of distinct elements depends on the data"),
  .samples = "(9,):int64@0..4 | (3,4):int64@0..2 0 | (9,):int64@0..2 None True | (0,) | ()",
  .errors = "() 0 -> IndexError: Dimension specified as 0 but tensor has no dimensions",
  .doc =
      "Distinct elements, or slices of ``dim``, in order (as they come, where neighbours are compared), which of them each one"
      " is, and how often each occurs. See ``unique`` and ``unique_consecutive``.",
};

}  // namespace
}  // namespace fb
