// Membership.
#include "ops/membership.h"

#include "ops/copy.h"
#include "ops/elementwise.h"
#include "ops/membership_kernels.h"
#include "ops/pointwise_compare.h"
#include "ops/sorting.h"
#include "ops/view.h"

namespace fb {
namespace {

Tensor as_type(const Tensor& t, DType dtype) { return t.dtype() == dtype ? t : _to_copy(t, dtype); }

// Zero-dimensional tensors on the CPU go with any device.
Device common_device(const Tensor& a, const Tensor& b) {
  auto wanders = [](const Tensor& t) { return t.dim() == 0 && t.device().type == DeviceType::CPU; };
  FB_CHECK(a.device() == b.device() || wanders(a) || wanders(b),
           "Expected all tensors to be on the same device, but found at least two devices, ",
           a.device(), " and ", b.device(), "!");
  return wanders(a) ? b.device() : a.device();
}

Tensor isin_forward(const Tensor& elements, const Tensor& test_elements, bool, bool invert) {
  const DType type = result_type(elements, test_elements);
  if (is_complex(type)) raise_unsupported_dtype("isin", type);
  Tensor sorted = std::get<0>(sort(reshape(as_type(test_elements, type), Dims{-1}), 0));
  Tensor out = empty(elements.sizes(), DType::Bool, common_device(elements, test_elements));
  if (out.numel() > 0) kernels::isin(out, contiguous(as_type(elements, type)), contiguous(sorted));
  return invert ? logical_not(out) : out;
}

OP(isin) {
  .schema =
      "isin(Tensor|Number elements, Tensor|Number test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
  .names = "isin",
  .forward = boxed<isin_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4):int64@0..5 (3,):int64@0..5 | (3,):int64@0..5 2 invert=True | (3,) (0,)",
  .doc =
      "Whether each element occurs among ``test_elements`` (with ``invert``: whether it does not).",
};

}  // namespace
}  // namespace fb
