#include "ops/scatter_shapes.h"

#include "ops/copy_kernels.h"
#include "ops/slices.h"
#include "ops/view_backward.h"

namespace fb {

Tensor at_least_vector(const Tensor& t) {
  return t.dim() ? t : t.alias(Dims{1}, Dims{1}, t.offset());
}

Tensor scatter_index(const Tensor& index) {
  if (index.dtype() == DType::Int64) return at_least_vector(index);
  Tensor out = empty(index.sizes(), DType::Int64, index.device());
  kernels::copy(out, index);
  return at_least_vector(out);
}

namespace {

bool fits(const Tensor& index, const Tensor& t, int64_t dim) {
  if (std::max<int64_t>(index.dim(), 1) != std::max<int64_t>(t.dim(), 1)) return false;
  Tensor a = at_least_vector(index), b = at_least_vector(t);
  for (int64_t d = 0; d < a.dim(); ++d) {
    if (d != dim && a.sizes()[d] > b.sizes()[d]) return false;
  }
  return true;
}

}  // namespace

void check_scatter(const char* name, const Tensor& input, int64_t dim, const Tensor& index,
                   const Tensor& values) {
  check_one_device(input, index);
  check_one_device(input, values);
  FB_CHECK(!values.defined() || values.dtype() == input.dtype(), name,
           "(): Expected self.dtype to be equal to src.dtype");
  if (index.numel() == 0) return;
  FB_CHECK(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, name,
           "(): Expected dtype int32/int64 for index");
  auto dims = [](const Tensor& t) { return std::max<int64_t>(t.dim(), 1); };
  FB_CHECK(dims(index) == dims(input), "Index tensor must have the same number of dimensions as ",
           values.defined() ? "self" : "input", " tensor");
  FB_CHECK(!values.defined() || dims(index) == dims(values),
           "Index tensor must have the same number of dimensions as src tensor");
  if (!values.defined()) {
    FB_CHECK(fits(index, input, dim), "Size does not match: ", name, "() expected index ",
             shape_text(index.sizes()), " to be no larger than self ", shape_text(input.sizes()),
             " apart from dimension ", dim);
    return;
  }
  FB_CHECK(fits(index, input, dim) && fits(index, values, -1), "Expected index ",
           shape_text(index.sizes()), " to be no larger than self ", shape_text(input.sizes()),
           " apart from dimension ", dim, " and to be no larger size than src ",
           shape_text(values.sizes()));
}

Tensor leading_part(const Tensor& values, Ints sizes) {
  Tensor v = at_least_vector(values);
  return v.alias(sizes, v.strides(), v.offset());
}

Tensor padded_to(Tensor part, Ints sizes) {
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (part.sizes()[d] == sizes[d]) continue;
    Dims wider(part.sizes());
    wider[d] = sizes[d];
    part = slice_backward(part, wider, static_cast<int64_t>(d), 0, part.sizes()[d], 1);
  }
  return part;
}

}  // namespace fb
