#include "ops/slices.h"

#include "ops/copy_kernels.h"
#include "ops/elementwise.h"
#include "ops/masking_kernels.h"

namespace fb {

Tensor to_change(const Tensor& input, Out out, Tensor& base) {
  const Tensor* given = out.given();
  if (given && given->is(input)) {
    check_writable(input);
    return input;
  }
  Tensor t = given ? out.make(input.sizes(), input.dtype(), input.device()) : empty_like(input);
  if (std::ranges::equal(t.strides(), input.strides())) {
    base = input;
  } else {
    kernels::copy(t, input);
  }
  return t;
}

Tensor copied(const Tensor& input, Out out) {
  Tensor base, t = to_change(input, out, base);
  if (base.defined()) kernels::copy(t, base);
  return t;
}

Tensor displaced(const Tensor& t, int64_t dim, int64_t count) {
  if (t.dim() == 0) return t.alias(Dims{count}, Dims{0}, t.offset());
  Dims sizes(t.sizes()), strides(t.strides());
  sizes[static_cast<size_t>(dim)] = count;
  strides[static_cast<size_t>(dim)] = 0;
  return t.alias(sizes, strides, t.offset());
}

void check_one_device(const Tensor& t, const Tensor& read) {
  FB_CHECK(!read.defined() || read.device() == t.device() || t.is_meta(),
           "Expected all tensors to be on the same device, but found at least two devices, ",
           t.device(), " and ", read.device(), "!");
}

Tensor long_index(const Tensor& index) {
  if (index.dtype() == DType::Int64 && index.is_contiguous()) return index;
  Tensor out = empty(index.sizes(), DType::Int64, index.device());
  kernels::copy(out, index);
  return out;
}

Tensor slice_offsets(const Tensor& t, int64_t dim, const Tensor& index, bool negative,
                     IndexError fail) {
  check_one_device(t, index);
  Tensor offsets = empty(Dims{index.numel()}, DType::Int64, t.device()),
         list[] = {long_index(index)};
  const int64_t size = t.dim() ? t.sizes()[static_cast<size_t>(dim)] : 1;
  const int64_t stride = t.dim() ? t.strides()[static_cast<size_t>(dim)] : 1;
  kernels::index_offsets(offsets, list, {&size, 1}, {&stride, 1}, negative, fail);
  return offsets;
}

namespace {

Tensor plain_mask(const Tensor& mask) {
  FB_CHECK_KIND(NotImplemented, !mask.is_meta(),
                "the number of true elements of a mask on the meta device is not known");
  if (mask.dtype() == DType::Bool && mask.is_contiguous()) return mask;
  Tensor out = empty(mask.sizes(), DType::Bool, mask.device());
  kernels::copy(out, mask);
  return out;
}

int64_t count_true(const Tensor& mask) {
  int64_t count = 0;
  if (mask.numel() > 0) kernels::count_true(mask, count);
  return count;
}

}  // namespace

Tensor true_offsets(const Tensor& given, Ints strides) {
  Tensor mask = plain_mask(given),
         offsets = empty(Dims{count_true(mask)}, DType::Int64, mask.device());
  kernels::true_offsets(offsets, mask, strides);
  return offsets;
}

Tensor true_indices(const Tensor& given) {
  Tensor mask = plain_mask(given),
         out = empty(Dims{mask.dim(), count_true(mask)}, DType::Int64, mask.device());
  kernels::true_indices(out, mask);
  return out;
}

}  // namespace fb
