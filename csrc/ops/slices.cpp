#include "ops/slices.h"

#include "ops/copy_kernels.h"

namespace fb {

Tensor displaced(const Tensor& t, int64_t dim, int64_t count) {
  if (t.dim() == 0) return t.alias(Dims{count}, Dims{0}, t.offset());
  Dims sizes(t.sizes()), strides(t.strides());
  sizes[static_cast<size_t>(dim)] = count;
  strides[static_cast<size_t>(dim)] = 0;
  return t.alias(sizes, strides, t.offset());
}

Tensor long_index(const Tensor& index) {
  if (index.dtype() == DType::Int64 && index.is_contiguous()) return index;
  Tensor out = empty(index.sizes(), DType::Int64, index.device());
  kernels::copy(out, index);
  return out;
}

Tensor slice_offsets(const Tensor& t, int64_t dim, const Tensor& index, bool negative,
                     IndexError fail) {
  Tensor offsets = empty(Dims{index.numel()}, DType::Int64, t.device()),
         list[] = {long_index(index)};
  const int64_t size = t.dim() ? t.sizes()[static_cast<size_t>(dim)] : 1;
  const int64_t stride = t.dim() ? t.strides()[static_cast<size_t>(dim)] : 1;
  kernels::index_offsets(offsets, list, {&size, 1}, {&stride, 1}, negative, fail);
  return offsets;
}

}  // namespace fb
