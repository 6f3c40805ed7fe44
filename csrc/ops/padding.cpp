// Padding with a number, and classes as vectors of zeros and a one.
#include "ops/padding.h"

#include "core/error.h"
#include "ops/copy_kernels.h"
#include "ops/grad.h"
#include "ops/padding_kernels.h"

namespace fb {
namespace {

MemoryFormat format_of(const Tensor& t) {
  if (t.is_contiguous() || (t.dim() != 4 && t.dim() != 5) ||
      !is_channels_last(t.sizes(), t.strides()))
    return MemoryFormat::Contiguous;
  return t.dim() == 4 ? MemoryFormat::ChannelsLast : MemoryFormat::ChannelsLast3d;
}

// The part of dimension `d` from `from` on, `length` long.
Tensor part(const Tensor& t, size_t d, int64_t from, int64_t length) {
  Dims sizes(t.sizes());
  sizes[d] = length;
  return t.alias(sizes, t.strides(), t.offset() + from * t.strides()[d]);
}

Tensor constant_pad_forward(const Tensor& input, Ints pad, const Scalar& value) {
  FB_CHECK(pad.size() % 2 == 0, "Length of pad must be even but instead it equals ", pad.size());
  const size_t ndim = input.sizes().size(), count = pad.size() / 2;
  FB_CHECK(count <= ndim,
           "Length of pad should be no more than twice the number of dimensions of the input. Pad "
           "length is ",
           pad.size(), " while the input has ", ndim, " dimensions.");
  Dims sizes(input.sizes());
  for (size_t k = 0; k < count; ++k) {
    const size_t d = ndim - 1 - k;
    const int64_t before = pad[2 * k], after = pad[2 * k + 1];
    sizes[d] += before + after;
    FB_CHECK(input.sizes()[d] + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0) >= 0,
             "narrow(): length must be non-negative.");
  }
  Tensor out = empty(sizes, input.dtype(), input.device(), format_of(input));
  if (out.numel() == 0) return out;
  // Borders are filled from the outermost dimension in, each within what the ones before it left.
  Tensor rest = out, middle = input;
  for (size_t k = count; k-- > 0;) {
    const size_t d = ndim - 1 - k;
    const int64_t before = pad[2 * k], after = pad[2 * k + 1];
    const int64_t skip = std::max<int64_t>(-before, 0), crop = std::max<int64_t>(-after, 0);
    middle = part(middle, d, skip, middle.sizes()[d] - skip - crop);
    if (before > 0) kernels::fill(part(rest, d, 0, before), value);
    if (after > 0) kernels::fill(part(rest, d, sizes[d] - after, after), value);
    rest = part(rest, d, std::max<int64_t>(before, 0), middle.sizes()[d]);
  }
  if (middle.numel() > 0) kernels::copy(rest, middle);
  return out;
}
void constant_pad_vjp(Grad& g) {
  Dims back(g.arg<Ints>("pad"));
  for (int64_t& p : back) p = -p;
  g.set("input", constant_pad_nd(g.dout(), back, 0));
}
OP(constant_pad_nd) {
  .schema = "constant_pad_nd(Tensor input, int[] pad, Scalar value=0) -> Tensor",
  .names = "constant_pad_nd",
  .forward = boxed<constant_pad_forward>,
  .vjp = constant_pad_vjp,
  .samples =
      "(2,3) [1,2] | (2,3) [1,-1,0,2] 1.5 | (2,3) [-1,-1] | (2,) [0,0] | (2,3):int64 [1,1] 7 | "
      "(0,2) [1,1]",
  .errors =
      "(3,) [1] -> RuntimeError: Length of pad must be even but instead it equals 1"
      " | (3,) [1,1,1,1] -> RuntimeError: Length of pad should be no more than twice the number "
      "of dimensions",
  .doc = R"(Pads the last dimensions with a number; negative amounts crop.

Args:
    pad: before and after the last dimension, then the one before it, and so on.
)",
};

Tensor one_hot_forward(const Tensor& input, int64_t num_classes) {
  FB_CHECK(input.dtype() == DType::Int64,
           "one_hot is only applicable to index tensor of type LongTensor.");
  FB_CHECK(!input.is_meta() || num_classes > 0,
           "one_hot: on the meta device num_classes must be given");
  int64_t classes = num_classes;
  if (input.numel() == 0) {
    FB_CHECK(num_classes > 0, "Can not infer total number of classes from empty tensor.");
  } else {
    int64_t least = 0, most = 0;
    kernels::int_range(input, &least, &most);
    FB_CHECK(least >= 0, "Class values must be non-negative.");
    if (num_classes == -1) classes = most + 1;
    FB_CHECK(most < classes, "Class values must be smaller than num_classes.");
  }
  Dims sizes(input.sizes());
  sizes.push_back(classes);
  Tensor out = empty(sizes, DType::Int64, input.device());
  kernels::fill(out, 0);
  kernels::set_ones(out, input);
  return out;
}
OP(one_hot) {
  .schema = "one_hot(Tensor input, int num_classes=-1) -> Tensor",
  .names = "nn.functional.one_hot",
  .forward = boxed<one_hot_forward>,
  .vjp = no_gradient(),
  .samples = "(3,):int64@0..5 | (2,3):int64@0..4 6 | ():int64@0..3",
  .errors =
      "(3,) -> RuntimeError: one_hot is only applicable to index tensor of type LongTensor."
      " | (3,):int64@-5..-1 -> RuntimeError: Class values must be non-negative."
      " | (3,):int64@3..5 2 -> RuntimeError: Class values must be smaller than num_classes.",
  .doc =
      R"(For each class number a vector of zeros with a one at that place: (*) to (*, num_classes).

Args:
    input: int64, values from 0 to ``num_classes`` - 1.
    num_classes: default -1: one more than the largest value.

Example::

    >>> torch.nn.functional.one_hot(torch.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
)",
};

}  // namespace
}  // namespace fb
