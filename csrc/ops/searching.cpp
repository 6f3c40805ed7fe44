// Places of values in sorted sequences.
#include "ops/searching.h"

#include <limits>

#include "ops/copy_kernels.h"
#include "ops/elementwise.h"
#include "ops/searching_kernels.h"

namespace fb {
namespace {

Tensor contiguous_as(const Tensor& t, DType dtype) {
  if (t.is_contiguous() && t.dtype() == dtype) return t;
  Tensor out = empty(t.sizes(), dtype, t.device());
  kernels::copy(out, t);
  return out;
}

bool rows_match(const Tensor& boundaries, const Tensor& values) {
  return boundaries.dim() == 1 ||
         (boundaries.dim() == values.dim() && boundaries.dim() > 0 &&
          same_shape(boundaries.sizes().first(boundaries.sizes().size() - 1),
                     values.sizes().first(values.sizes().size() - 1)));
}

void check_sorter(const Tensor& boundaries, const Tensor& sorter) {
  FB_CHECK(same_shape(boundaries.sizes(), sorter.sizes()),
           "torch.searchsorted(): boundary and sorter must have the same size, but got ",
           "boundary tensor ", shape_text(boundaries.sizes()), "and got sorter tensor ",
           shape_text(sorter.sizes()));
  FB_CHECK(sorter.dtype() == DType::Int64,
           "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype ",
           dtype_class_name(sorter.dtype()));
  if (sorter.is_meta()) return;
  Tensor places = contiguous_as(sorter, DType::Int64);
  const int64_t n = boundaries.sizes().back();
  for (int64_t i = 0; i < places.numel(); ++i) {
    const int64_t at = places.data<int64_t>()[i];
    FB_CHECK_INDEX(at >= 0 && at < n, "torch.searchsorted(): sorter index out of range");
  }
}

Tensor search(const Tensor& boundaries, const Tensor& values, const Tensor& sorter, bool right,
              bool out_int32, Out out) {
  FB_CHECK(!out_int32 || boundaries.sizes().back() < std::numeric_limits<int32_t>::max(),
           "torch.searchsorted(): the size of boundaries' last dimension should be less than ",
           std::numeric_limits<int32_t>::max(), ", but we got ", boundaries.sizes().back());
  const bool number = values.dim() == 0 && values.device().type == DeviceType::CPU;
  FB_CHECK(
      number || values.device() == boundaries.device(),
      "torch.searchsorted(): boundaries and input value tensors should have same device type, ",
      "but got boundaries tensor device type ", boundaries.device(),
      " and input value tensor device type ", values.device());
  const DType type = result_type(boundaries, values);
  Tensor result =
      out.make(values.sizes(), out_int32 ? DType::Int32 : DType::Int64, boundaries.device());
  kernels::search_sorted(result, contiguous_as(values, type), contiguous_as(boundaries, type),
                         sorter.defined() ? contiguous_as(sorter, DType::Int64) : sorter, right);
  return out.finish(result);
}

Tensor searchsorted_forward(const Tensor& boundaries, const Tensor& values, bool out_int32,
                            bool right, std::optional<std::string_view> side, const Tensor& sorter,
                            Out out) {
  FB_CHECK(!side || *side == "left" || *side == "right",
           "torch.searchsorted(): side can only be 'left' or 'right' but got ", *side);
  FB_CHECK(!(side && *side == "left" && right),
           "torch.searchsorted(): side and right can't be set to opposites, got side of left while "
           "right was True");
  FB_CHECK(boundaries.dim() > 0,
           "torch.searchsorted(): boundaries tensor should have at least one dimension");
  FB_CHECK(
      rows_match(boundaries, values),
      "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
      "boundaries tensor and input value tensor must match, but we got boundaries tensor ",
      shape_text(boundaries.sizes()), " and input value tensor ", shape_text(values.sizes()));
  if (sorter.defined()) check_sorter(boundaries, sorter);
  return search(boundaries, values, sorter, right || (side && *side == "right"), out_int32, out);
}

OP(searchsorted) {
  .schema =
      "searchsorted(Tensor sorted_sequence, Tensor|Number input, *, bool out_int32=False, bool right=False, str? side=None, "
      "Tensor? sorter=None) -> Tensor",
  .names = "searchsorted",
  .forward = boxed<searchsorted_forward>,
  .vjp = no_gradient(),
  .samples =
      "(5,) (2,3) | (2,5) (2,3) right=True | (5,) 0.5 | (5,) (0,) | (5,):int64 (3,):int64 side='right'",
  .errors =
      "(2,5) (3,3) -> RuntimeError: the first N-1 dimensions of boundaries tensor and input value tensor must match"
      " | (5,) (3,) right=True side='left' -> RuntimeError: side and right can't be set to opposites",
  .doc =
      R"(Where values would go into an ascending sequence: the index of the first element that is not less than the value.

Args:
    sorted_sequence: ascending along the last dimension; one row for all values, or one per row of ``input``.
    right: the first element that is greater instead.
    sorter: indices that sort ``sorted_sequence``.

Example::

    >>> torch.searchsorted(torch.tensor([1, 3, 5, 7]), torch.tensor([3, 6]))
    tensor([1, 3])
)",
};

Tensor bucketize_forward(const Tensor& input, const Tensor& boundaries, bool out_int32, bool right,
                         Out out) {
  FB_CHECK(boundaries.dim() == 1,
           "bucketize(): boundaries tensor must be 1 dimension, but got dim(", boundaries.dim(),
           ")");
  return search(boundaries, input, {}, right, out_int32, out);
}

OP(bucketize) {
  .schema =
      "bucketize(Tensor|Number input, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
  .names = "bucketize",
  .forward = boxed<bucketize_forward>,
  .vjp = no_gradient(),
  .samples = "(2,3) (5,) | 0.5 (5,) | (4,) (0,)",
  .errors = "(2,3) (2,5) -> RuntimeError: boundaries tensor must be 1 dimension, but got dim(2)",
  .doc =
      "The index of the bucket between ascending ``boundaries`` that each value falls into; a boundary belongs to the bucket "
      "that it ends, or, with ``right``, to the next.",
};

}  // namespace
}  // namespace fb
