// Other sizes for what is there: in place, by summing, or of an index.
#include "ops/resizing.h"

#include <algorithm>

#include "core/error.h"
#include "ops/copy.h"
#include "ops/grad.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/view.h"
#include "ops/view_split.h"

namespace fb {
namespace {

Tensor resize_forward(const Tensor& input, Ints size, std::optional<MemoryFormat> format) {
  FB_CHECK(!requires_grad(input), "cannot resize variables that require grad");
  count_elements(size);
  resize(input, size);
  if (!format || *format == MemoryFormat::Contiguous) return input;
  FB_CHECK(*format != MemoryFormat::Preserve, "Unsupported memory format Preserve");
  const Dims sizes(size), strides = strides_for(sizes, *format);
  input.impl()->set_geometry(sizes, strides);
  return input;
}
OP(resize_) {
  .schema = "resize_(Tensor(a!) input, int[] size, *, MemoryFormat? memory_format=None) -> Tensor",
  .names = "Tensor.resize_",
  .forward = boxed<resize_forward>,
  .vjp = composite(),
  .samples = "(2,3) [3,2] | (2,3) [2]",
  .errors = "(2,3) [-1] -> RuntimeError: negative dimension",
  .doc = "Gives this tensor other sizes. Elements beyond those there were are not set.",
};
OP(resize_as_) {
  .schema =
      "resize_as_(Tensor(a!) input, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor",
  .names = "resize_as_, Tensor.resize_as_",
  .forward =
      boxed<+[](const Tensor& t, const Tensor& like, std::optional<MemoryFormat> format) -> Tensor {
        return resize_(t, like.sizes(), format);
      }>,
  .vjp = composite(),
  .samples = "(2,3) (4,)",
  .doc = "Gives this tensor the sizes of another.",
};

Tensor sum_to_size_forward(const Tensor& input, Ints size) {
  FB_CHECK(broadcasts_to(size, input.sizes()), "size {", shape_text(size),
           "} is not expandable to size {", shape_text(input.sizes()), "}.");
  const size_t lead = input.sizes().size() - size.size();
  Dims dims;
  for (size_t d = 0; d < input.sizes().size(); ++d) {
    if (d < lead || (size[d - lead] == 1 && input.sizes()[d] != 1))
      dims.push_back(static_cast<int64_t>(d));
  }
  if (size.empty()) return sum(input);
  if (dims.empty()) return input;
  Tensor summed = sum(input, dims.span(), true);
  return lead ? view(summed, size) : summed;
}
OP(sum_to_size) {
  .schema = "sum_to_size(Tensor input, int[] size) -> Tensor",
  .names = "Tensor.sum_to_size",
  .forward = boxed<sum_to_size_forward>,
  .vjp = composite(),
  .samples = "(2,3) [1,3] | (2,3) [3] | (2,3) [2,3]",
  .errors = "(2,3) [2] -> RuntimeError: is not expandable to size",
  .doc = "Sums over the dimensions along which ``size`` would broadcast to this tensor's sizes.",
};

Tensor vector_of(Ints numbers, Device device) {
  Tensor t = empty(Dims{static_cast<int64_t>(numbers.size())}, DType::Int64, device);
  if (!t.is_meta()) std::ranges::copy(numbers, t.data<int64_t>());
  return t;
}

Tensors unravel_index_forward(const Tensor& indices, Ints shape) {
  FB_CHECK_TYPE(is_integral(indices.dtype()) && indices.dtype() != DType::Bool,
                "expected 'indices' to be integer dtype, but got torch.", indices.dtype());
  for (int64_t n : shape) {
    FB_CHECK_VALUE(n >= 0, "'shape' cannot have negative values, but got ", tuple_text(shape));
  }
  Dims steps(shape.size());
  for (int64_t d = static_cast<int64_t>(shape.size()) - 1, step = 1; d >= 0; --d) {
    steps[static_cast<size_t>(d)] = step;
    step *= shape[static_cast<size_t>(d)];
  }
  const Device device = indices.device();
  const Tensor turns = floor_divide(unsqueeze(indices, -1), vector_of(steps, device));
  return unbind(remainder(turns, vector_of(shape, device)), -1);
}
OP(unravel_index) {
  .schema = "unravel_index(Tensor indices, int[1] shape) -> Tensor[]",
  .names = "unravel_index",
  .forward = boxed<unravel_index_forward>,
  .vjp = composite(),
  .samples = "(3,):int64@0..6 [2,3]",
  .errors = "(3,) [2,3] -> TypeError: expected 'indices' to be integer dtype",
  .doc = "Coordinates in a tensor of the given shape for indices into its flattened form.",
};

}  // namespace
}  // namespace fb
