// Padding with what is there: mirrored, repeated or from the other end.
#include "ops/padding_modes.h"

#include <algorithm>

#include "core/error.h"
#include "ops/copy.h"
#include "ops/copy_kernels.h"
#include "ops/grad.h"
#include "ops/padding_modes_kernels.h"

namespace fb {
namespace {

// For every place along a padded dimension of `n` the one it is filled from.
Tensor source_map(int64_t n, int64_t before, int64_t after, std::string_view mode) {
  const int64_t length = n + before + after;
  FB_CHECK(length >= 0, "pad: the amounts (", before, ", ", after, ") take away more than the ", n,
           " elements that there are");
  Tensor map = empty(Dims{length}, DType::Int64);
  auto* source = map.data<int64_t>();
  // Around the end goes only what was not cropped.
  const int64_t low = std::max<int64_t>(-before, 0), high = n - std::max<int64_t>(-after, 0);
  for (int64_t o = 0; o < length; ++o) {
    int64_t i = o - before;
    if (mode == "reflect") {
      i = i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
    } else if (mode == "replicate") {
      i = std::clamp<int64_t>(i, 0, n - 1);
    } else if (high > low) {
      i = low + ((i - low) % (high - low) + (high - low)) % (high - low);
    }
    FB_CHECK(i >= 0 && i < n, "pad: the amounts (", before, ", ", after,
             ") are too large for mode '", mode, "' and a dimension of ", n, " elements");
    source[o] = i;
  }
  return map;
}

struct Box {
  Tensors maps;  // of the padded dimensions, in their order
  Dims padded;   // sizes of the result
};

Box make_box(Ints sizes, Ints pad, std::string_view mode) {
  FB_CHECK_VALUE(mode == "reflect" || mode == "replicate" || mode == "circular",
                 "Unrecognised padding mode ", mode);
  const size_t count = pad.size() / 2;
  FB_CHECK(pad.size() % 2 == 0 && count <= sizes.size(), "pad: two amounts for each of at most ",
           sizes.size(), " dimensions were expected, but got ", pad.size(), " amounts");
  Box box{{}, Dims(sizes)};
  for (size_t d = sizes.size() - count; d < sizes.size(); ++d) {
    const size_t k = 2 * (sizes.size() - 1 - d);
    box.maps.push_back(source_map(sizes[d], pad[k], pad[k + 1], mode));
    box.padded[d] += pad[k] + pad[k + 1];
  }
  return box;
}

// Channels-last images are walked pixel by pixel, a block of channels each.
MemoryFormat walk_format(const Tensor& t, size_t spatial) {
  if (t.is_contiguous() || t.dim() != static_cast<int64_t>(spatial) + 2 ||
      (t.dim() != 4 && t.dim() != 5) || !is_channels_last(t.sizes(), t.strides()))
    return MemoryFormat::Contiguous;
  return t.dim() == 4 ? MemoryFormat::ChannelsLast : MemoryFormat::ChannelsLast3d;
}
int64_t block_of(MemoryFormat format, Ints sizes) {
  return format == MemoryFormat::Contiguous ? 1 : sizes[1];
}

Tensor in_format(const Tensor& t, MemoryFormat format, DType dtype) {
  if (t.dtype() == dtype && t.is_contiguous(format)) return t;
  Tensor made = empty(t.sizes(), dtype, t.device(), format);
  kernels::copy(made, t);
  return made;
}

Tensor pad_forward(const Tensor& input, Ints pad, std::string_view mode) {
  const Box box = make_box(input.sizes(), pad, mode);
  const MemoryFormat format = walk_format(input, box.maps.size());
  Tensor out = empty(box.padded, input.dtype(), input.device(), format);
  if (out.numel() > 0)
    kernels::gather_box(out, in_format(input, format, input.dtype()), box.maps,
                        block_of(format, input.sizes()));
  return out;
}
void pad_vjp(Grad& g) {
  g.set("input", _pad_modes_backward(g.dout(), g.sizes("input"), g.arg<Ints>("pad"),
                                     g.arg<std::string_view>("mode")));
}
OP(pad_modes) {
  .schema = "_pad_modes(Tensor input, int[] pad, str mode) -> Tensor",
  .names = "_pad_modes",
  .forward = boxed<pad_forward>,
  .vjp = pad_vjp,
  .samples =
      "(2,3) [1,2] 'reflect' | (2,3,4) [1,2,0,5] 'replicate' | (2,3,4) [3,-1,2,2] 'circular'"
      " | (1,2,3,2,3) [1,1,1,0,2,2] 'reflect'",
  .errors =
      "(2,3) [3,0] 'reflect' -> RuntimeError: too large for mode 'reflect'"
      " | (2,3) [-4,0] 'replicate' -> RuntimeError: take away more than the 3 elements"
      " | (2,3) [1,1] 'mirror' -> ValueError: Unrecognised padding mode mirror",
  .doc = "Pads the last dimensions with what is there: mode 'reflect', 'replicate' or 'circular'.",
};

Tensor pad_backward_forward(const Tensor& grad, Ints sizes, Ints pad, std::string_view mode) {
  const Box box = make_box(sizes, pad, mode);
  FB_CHECK(same_shape(grad.sizes(), box.padded), "_pad_modes_backward: a gradient of shape ",
           shape_text(box.padded), " was expected, but got ", shape_text(grad.sizes()));
  const MemoryFormat format = walk_format(grad, box.maps.size());
  const DType type = is_reduced(grad.dtype()) ? DType::Float32 : grad.dtype();
  Tensor whole = empty(sizes, type, grad.device(), format);
  kernels::fill(whole, 0);
  if (grad.numel() > 0)
    kernels::add_box(whole, in_format(grad, format, type), box.maps, block_of(format, sizes));
  return in_format(whole, format, grad.dtype());
}
void pad_backward_vjp(Grad& g) {
  g.set("grad", _pad_modes(g.dout(), g.arg<Ints>("pad"), g.arg<std::string_view>("mode")));
}
OP(pad_modes_backward) {
  .schema = "_pad_modes_backward(Tensor grad, int[] sizes, int[] pad, str mode) -> Tensor",
  .names = "",
  .forward = boxed<pad_backward_forward>,
  .vjp = pad_backward_vjp,
  .samples = "(2,6) [2,3] [1,2] 'reflect' | (2,8,7) [2,3,4] [1,2,0,5] 'replicate'",
};

}  // namespace
}  // namespace fb
