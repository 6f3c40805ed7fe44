// Counts of elements by value.
#include "ops/histogram.h"

#include <cmath>

#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/histogram_kernels.h"
#include "ops/reduce_extremes.h"
#include "ops/view.h"

namespace fb {
namespace {

Tensor bincount_forward(const Tensor& input, const Tensor& weights, int64_t minlength) {
  FB_CHECK_KIND(
      NotImplemented, !input.is_meta(),
      "bincount(): the size of the result depends on the data, which meta tensors do not have");
  if (!is_integral(input.dtype()) || input.dtype() == DType::Bool)
    raise_unsupported_dtype("bincount_cpu", input.dtype());
  FB_CHECK(minlength >= 0, "minlength should be >= 0");
  const bool given = weights.defined(), weighted = given && input.numel() > 0;
  FB_CHECK(input.dim() == 1 && (input.numel() == 0 || item(fb::min(input)).to<int64_t>() >= 0),
           "bincount only supports 1-d non-negative integral inputs.");
  FB_CHECK(!given || (weights.dim() == 1 && weights.numel() == input.numel()),
           "weights should be 1-d and have the same length as input");
  const int64_t found = input.numel() ? item(fb::max(input)).to<int64_t>() + 1 : 0;
  const DType type = !weighted                           ? DType::Int64
                     : weights.dtype() == DType::Float32 ? DType::Float32
                                                         : DType::Float64;
  Tensor out = zeros(Dims{std::max(found, minlength)}, type);
  Tensor bins = contiguous(input.dtype() == DType::Int64 ? input : _to_copy(input, DType::Int64)),
         w = weighted ? contiguous(_to_copy(weights, type)) : Tensor();
  if (bins.numel() > 0) kernels::bincount(out, bins, w);
  return out;
}

OP(bincount) {
  .schema = "bincount(Tensor input, Tensor? weights=None, int minlength=0) -> Tensor",
  .forward = boxed<bincount_forward>,
  .vjp = no_gradient(),
  .samples = "(9,):int64@0..5 | (9,):int64@0..5 (9,) 7 | (0,):int64 minlength=2",
  .errors =
      "(3,) -> NotImplementedError: not implemented for 'Float' | (2,2):int64 -> RuntimeError: bincount only supports 1-d",
  .doc =
      "How often each number from 0 on occurs among non-negative integers, or the sum of its ``weights``.",
};

Tensor histc_forward(const Tensor& input, int64_t bins, const Scalar& min, const Scalar& max) {
  if (!is_floating(input.dtype())) raise_unsupported_dtype("histogram_cpu", input.dtype());
  FB_CHECK(bins > 0, "torch.histogram(): bins must be > 0, but got ", bins, " for dimension 0");
  double low = min.to<double>(), high = max.to<double>();
  FB_CHECK(low <= high, "torch.histc: max must be larger than min");
  if (low == high && input.numel() > 0 && !input.is_meta()) {
    low = item(fb::min(input)).to<double>();
    high = item(fb::max(input)).to<double>();
  }
  FB_CHECK(std::isfinite(low) && std::isfinite(high), "torch.histc: range of [", low, ", ", high,
           "] is not finite");
  if (low == high) {
    low -= 1;
    high += 1;
  }
  const bool half = is_reduced(input.dtype());
  Tensor source = contiguous(half ? _to_copy(input, DType::Float32) : input);
  Tensor out = empty(Dims{bins}, source.dtype(), input.device());
  kernels::histc(out, source, low, high);
  return half ? _to_copy(out, input.dtype()) : out;
}

OP(histc) {
  .schema = "histc(Tensor input, int bins=100, Scalar min=0, Scalar max=0) -> Tensor",
  .forward = boxed<histc_forward>,
  .vjp = not_differentiable("counts do not change with small changes of the elements"),
  .samples = "(20,) 5 | (20,) 4 -1 1 | (0,) 3",
  .errors =
      "(3,) 0 -> RuntimeError: bins must be > 0 | (3,) 3 5 1 -> RuntimeError: max must be larger than min",
  .doc =
      "Counts of the elements in ``bins`` equal bins from ``min`` to ``max``; by default the range of the elements.",
};

}  // namespace
}  // namespace fb
