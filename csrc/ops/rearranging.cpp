// Elements in another order or several times: flip, roll, repeat and their relatives.
#include "ops/rearranging.h"

#include <algorithm>

#include "core/error.h"
#include "ops/copy.h"
#include "ops/copy_kernels.h"
#include "ops/grad.h"
#include "ops/indexing.h"
#include "ops/rearranging_kernels.h"
#include "ops/reduce.h"
#include "ops/view.h"

namespace fb {
namespace {

// --- flip ----------------------------------------------------------------------------------------

// Strides below zero: good for a kernel that reads, but no tensor that anybody else sees has them.
Tensor flipped(const Tensor& t, Ints dims) {
  Dims strides(t.strides());
  int64_t offset = t.offset();
  for (int64_t dim : dims) {
    const auto d = static_cast<size_t>(dim);
    offset += std::max<int64_t>(t.sizes()[d] - 1, 0) * strides[d];
    strides[d] = -strides[d];
  }
  return t.alias(t.sizes(), strides, offset);
}

Tensor flip_forward(const Tensor& input, Ints dims) {
  Dims wrapped;
  for (int64_t dim : dims) {
    const int64_t d = wrap_dim(dim, input.dim());
    FB_CHECK(std::ranges::find(wrapped, d) == wrapped.end(), "dim ", d,
             " appears multiple times in the list of dims");
    if (input.dim() > 0) wrapped.push_back(d);
  }
  Tensor out = empty_like(input);
  if (out.numel() > 0) kernels::copy(out, flipped(input, wrapped));
  return out;
}
void flip_vjp(Grad& g) { g.set("input", flip(g.dout(), g.arg<Ints>("dims"))); }
OP(flip) {
  .schema = "flip(Tensor input, int[1] dims) -> Tensor",
  .forward = boxed<flip_forward>,
  .vjp = flip_vjp,
  .samples = "(3,4) [0] | (3,4) [0,-1] | (2,3) [] | () [0] | (0,3) [0] | (2,3):int64 [1]",
  .errors = "(3,4) [0,0] -> RuntimeError: dim 0 appears multiple times in the list of dims",
  .doc = "A copy with the given dimensions in reverse order.",
};
Tensor fliplr_forward(const Tensor& input) {
  FB_CHECK(input.dim() >= 2, "Input must be >= 2-d.");
  return flip(input, Dims{1});
}
OP(fliplr) {
  .schema = "fliplr(Tensor input) -> Tensor",
  .forward = boxed<fliplr_forward>,
  .vjp = composite(),
  .samples = "(3,4)",
  .errors = "(3,) -> RuntimeError: Input must be >= 2-d.",
  .doc = "A copy with the second dimension in reverse order.",
};
Tensor flipud_forward(const Tensor& input) {
  FB_CHECK(input.dim() >= 1, "Input must be >= 1-d.");
  return flip(input, Dims{0});
}
OP(flipud) {
  .schema = "flipud(Tensor input) -> Tensor",
  .forward = boxed<flipud_forward>,
  .vjp = composite(),
  .samples = "(3,4) | (3,)",
  .errors = "() -> RuntimeError: Input must be >= 1-d.",
  .doc = "A copy with the first dimension in reverse order.",
};

Tensor rot90_forward(const Tensor& input, int64_t k, Ints dims) {
  const int64_t ndim = input.dim();
  FB_CHECK(dims.size() == 2, "expected total rotation dims == 2, but got dims = ", dims.size());
  FB_CHECK(ndim >= 2, "expected total dims >= 2, but got total dims = ", ndim);
  FB_CHECK(dims[0] != dims[1] && std::abs(dims[0] - dims[1]) != ndim,
           "expected rotation dims to be different, but got dim0 = ", dims[0],
           " and dim1 = ", dims[1]);
  for (int64_t d : dims) {
    FB_CHECK(d < ndim && d >= -ndim, "Rotation dim out of range, dim = ", d);
  }
  switch ((k % 4 + 4) % 4) {
    case 1:
      return transpose(flip(input, Dims{dims[1]}), dims[0], dims[1]);
    case 2:
      return flip(input, dims);
    case 3:
      return transpose(flip(input, Dims{dims[0]}), dims[0], dims[1]);
    default:
      return clone(input, MemoryFormat::Contiguous);
  }
}
OP(rot90) {
  .schema = "rot90(Tensor input, int k=1, int[] dims=[0,1]) -> Tensor",
  .forward = boxed<rot90_forward>,
  .vjp = composite(),
  .samples = "(2,3) | (2,3) 2 | (2,3,4) -1 [1,2] | (2,3) 0",
  .errors = "(2,3) 1 [0,0] -> RuntimeError: expected rotation dims to be different",
  .doc = "Turns the plane of two dimensions by ``k`` quarters, from the first towards the second.",
};

// --- roll ----------------------------------------------------------------------------------------

// Copies `from` into `to`, each dimension d >= `at` moved by shifts[d] around its end.
void roll_into(const Tensor& to, const Tensor& from, Ints shifts, size_t at) {
  while (at < shifts.size() && shifts[at] == 0) ++at;
  if (at == shifts.size()) return kernels::copy(to, from);
  auto part = [&](const Tensor& t, int64_t first, int64_t length) {
    Dims sizes(t.sizes());
    sizes[at] = length;
    return t.alias(sizes, t.strides(), t.offset() + first * t.strides()[at]);
  };
  const int64_t n = to.sizes()[at], shift = shifts[at];
  roll_into(part(to, shift, n - shift), part(from, 0, n - shift), shifts, at + 1);
  roll_into(part(to, 0, shift), part(from, n - shift, shift), shifts, at + 1);
}

Tensor roll_forward(const Tensor& input, Ints shifts, Ints dims) {
  FB_CHECK(!shifts.empty(), "`shifts` required");
  if (dims.empty() && shifts.size() == 1) {
    return reshape(roll(reshape(input, Dims{-1}), shifts, Dims{0}), input.sizes());
  }
  FB_CHECK(shifts.size() == dims.size(),
           "shifts and dimensions must align. shifts: ", shifts.size(), ", dims:", dims.size());
  FB_CHECK_INDEX(input.dim() > 0 || dims.empty(), "Dimension specified as ", dims[0],
                 " but tensor has no dimensions");
  Dims by(input.sizes().size(), 0);
  for (size_t i = 0; i < dims.size(); ++i) {
    const auto d = static_cast<size_t>(wrap_dim(dims[i], input.dim()));
    if (input.sizes()[d] == 0) continue;
    const int64_t n = input.sizes()[d];
    by[d] = (by[d] + shifts[i] % n + n) % n;
  }
  Tensor out = empty(input.sizes(), input.dtype(), input.device());
  if (out.numel() > 0) roll_into(out, input, by, 0);
  return out;
}
void roll_vjp(Grad& g) {
  Dims back(g.arg<Ints>("shifts"));
  for (int64_t& shift : back) shift = -shift;
  g.set("input", roll(g.dout(), back, g.arg<Ints>("dims")));
}
OP(roll) {
  .schema = "roll(Tensor input, int[1] shifts, int[1] dims=[]) -> Tensor",
  .forward = boxed<roll_forward>,
  .vjp = roll_vjp,
  .samples = "(3,4) 1 | (3,4) 1 0 | (3,4) [1,-2] [0,1] | (3,4) 5 -1 | (0,3) 1 0 | () 1",
  .errors = "(3,4) 1 [0,1] -> RuntimeError: shifts and dimensions must align. shifts: 1, dims:2",
  .doc =
      "A copy whose elements are moved along dimensions; what leaves at one end comes in at the "
      "other.",
};

// --- repeat --------------------------------------------------------------------------------------

// Sizes and repeats interleaved: (r0, s0, r1, s1, ...), leading repeats first.
Dims repeated_grid(Ints sizes, Ints repeats) {
  Dims grid;
  const size_t lead = repeats.size() - sizes.size();
  for (size_t d = 0; d < repeats.size(); ++d) {
    grid.push_back(repeats[d]);
    grid.push_back(d < lead ? 1 : sizes[d - lead]);
  }
  return grid;
}

Tensor repeat_forward(const Tensor& input, Ints repeats) {
  FB_CHECK(
      static_cast<int64_t>(repeats.size()) >= input.dim(),
      "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor");
  Dims grid = repeated_grid(input.sizes(), repeats), sizes, strides;
  for (size_t d = 0; d < repeats.size(); ++d) sizes.push_back(grid[2 * d] * grid[2 * d + 1]);
  for (int64_t s : sizes) {
    FB_CHECK(s >= 0, "Trying to create tensor with negative dimension ", s, ": ",
             shape_text(sizes));
  }
  Tensor out = empty(sizes, input.dtype(), input.device());
  if (out.numel() == 0) return out;
  const size_t lead = repeats.size() - input.sizes().size();
  for (size_t d = 0; d < repeats.size(); ++d) {
    strides.push_back(0);
    strides.push_back(d < lead ? 0 : input.strides()[d - lead]);
  }
  kernels::copy(out.alias(grid, contiguous_strides(grid), out.offset()),
                input.alias(grid, strides, input.offset()));
  return out;
}
void repeat_vjp(Grad& g) {
  const Ints repeats = g.arg<Ints>("repeats"), sizes = g.sizes("input");
  Dims copies;
  for (size_t d = 0; d < repeats.size(); ++d) copies.push_back(static_cast<int64_t>(2 * d));
  if (copies.empty()) {
    g.set("input", g.dout());
    return;
  }
  Tensor summed = sum(reshape(g.dout(), repeated_grid(sizes, repeats)), copies.span());
  g.set("input", reshape(summed, sizes));
}
OP(repeat) {
  .schema = "repeat(Tensor input, int[] repeats) -> Tensor",
  .names = "Tensor.repeat",
  .forward = boxed<repeat_forward>,
  .vjp = repeat_vjp,
  .samples = "(2,3) [2,2] | (3,) [2,1,3] | () [3] | (2,3) [0,1] | (2,) [1]",
  .errors = "(2,3) [2] -> RuntimeError: Number of dimensions of repeat dims can not be smaller",
  .doc = R"(The tensor laid side by side ``repeats[d]`` times along each dimension, as a copy.

Example::

    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
)",
};

Tensor tile_forward(const Tensor& input, Ints dims) {
  Dims repeats(dims);
  while (static_cast<int64_t>(repeats.size()) < input.dim()) repeats.insert(0, 1);
  return repeat(input, repeats);
}
OP(tile) {
  .schema = "tile(Tensor input, int[] dims) -> Tensor",
  .forward = boxed<tile_forward>,
  .vjp = composite(),
  .samples = "(2,3) [2] | (2,3) [2,1] | (3,) [2,2]",
  .doc = "As :meth:`Tensor.repeat`, with missing leading repeats taken as 1.",
};

// --- repeat_interleave ---------------------------------------------------------------------------

Tensor repeat_interleave_int(const Tensor& input, int64_t repeats, std::optional<int64_t> dim,
                             std::optional<int64_t> output_size) {
  FB_CHECK(repeats >= 0, "Repeats must be non-negative");
  const Tensor t = dim ? input : reshape(input, Dims{-1});
  const int64_t d = wrap_dim(dim.value_or(0), t.dim());
  const Tensor one = t.dim() == 0 ? unsqueeze(t, 0) : t;
  const int64_t n = one.sizes()[static_cast<size_t>(d)] * repeats;
  FB_CHECK(!output_size || *output_size == n, "repeat_interleave: Invalid output_size, expected ",
           n, " but got ", output_size.value_or(0));
  Dims sizes(one.sizes());
  sizes.insert(static_cast<size_t>(d) + 1, repeats);
  return flatten(clone(expand(unsqueeze(one, d + 1), sizes), MemoryFormat::Contiguous), d, d + 1);
}

Tensor interleave_index_forward(const Tensor& repeats, std::optional<int64_t> output_size) {
  FB_CHECK(repeats.dim() == 1, "repeat_interleave only accept 1D vector as repeat");
  FB_CHECK_KIND(NotImplemented, repeats.dtype() == DType::Int64 || repeats.dtype() == DType::Int32,
                "\"repeat_interleave_cpu\" not implemented for '",
                dtype_class_name(repeats.dtype()), "'");
  FB_CHECK(!repeats.is_meta() || output_size,
           "repeat_interleave: on the meta device output_size must be given");
  int64_t total = output_size.value_or(0);
  Tensor counts = contiguous(repeats);
  if (!repeats.is_meta()) {
    kernels::sum_counts(counts, &total);
    FB_CHECK(!output_size || *output_size == total, "allocated size does not match required size");
  }
  Tensor index = empty(Dims{total}, repeats.dtype(), repeats.device());
  kernels::interleave_index(index, counts);
  return index;
}
Tensor repeat_interleave_tensor(const Tensor& input, const Tensor& repeats,
                                std::optional<int64_t> dim, std::optional<int64_t> output_size) {
  const Tensor flat = dim ? input : reshape(input, Dims{-1});
  const Tensor t = flat.dim() == 0 ? reshape(flat, Dims{1}) : flat;
  const int64_t d = wrap_dim(dim.value_or(0), t.dim()), n = t.sizes()[static_cast<size_t>(d)];
  FB_CHECK(repeats.dim() <= 1, "repeats must be 0-dim or 1-dim tensor");
  const bool one = repeats.dim() == 0 || repeats.sizes()[0] == 1;
  FB_CHECK(one || repeats.sizes()[0] == n,
           "repeats must have the same size as input along dim, but got repeats.size(0) = ",
           one ? 1 : repeats.sizes()[0], " and input.size(", d, ") = ", n);
  const Tensor counts = one ? expand(reshape(repeats, Dims{1}), Dims{n}) : repeats;
  return index_select(t, d, repeat_interleave(counts, output_size));
}

OP(repeat_interleave) {
  .schema =
      "repeat_interleave.self_int(Tensor input, int repeats, int? dim=None, *, int? "
      "output_size=None) -> Tensor",
  .forward = boxed<repeat_interleave_int>,
  .vjp = composite(),
  .samples = "(2,3) 2 | (2,3) 2 dim=0 | (2,3) 3 dim=-1 | (3,) 0 | () 2",
  .errors = "(3,) -1 -> RuntimeError: Repeats must be non-negative",
  .doc = R"(Each element, or each slice of a dimension, several times in a row.

Args:
    repeats: a number, or one for each slice.
    dim: default: of the flattened input.
    output_size: the size of the result along ``dim``, if it is known.

Example::

    >>> torch.tensor([1, 2]).repeat_interleave(2)
    tensor([1, 1, 2, 2])
)",
};
OP(repeat_interleave_tensor) {
  .schema =
      "repeat_interleave.self_Tensor(Tensor input, Tensor repeats, int? dim=None, *, int? "
      "output_size=None)"
      " -> Tensor",
  .names = "repeat_interleave, Tensor.repeat_interleave",
  .forward = boxed<repeat_interleave_tensor>,
  .vjp = composite(),
  .samples = "(3,2) (3,):int64@0..4 dim=0 | (3,) (1,):int64@0..4",
};
OP(interleave_index) {
  .schema = "repeat_interleave(Tensor repeats, *, int? output_size=None) -> Tensor",
  .names = "repeat_interleave",
  .forward = boxed<interleave_index_forward>,
  .vjp = no_gradient(),
  .samples = "(3,):int64@0..4",
  .errors = "(3,) -> NotImplementedError: not implemented for 'Float'",
};

// --- combinations --------------------------------------------------------------------------------

Tensor combinations_forward(const Tensor& input, int64_t r, bool with_replacement) {
  FB_CHECK(input.dim() == 1, "Expect a 1D vector, but got shape ", shape_text(input.sizes()));
  FB_CHECK(r >= 0, "Expect a non-negative number, but got ", r);
  if (r == 0) return empty(Dims{0}, input.dtype(), input.device());
  const int64_t n = input.sizes()[0];
  std::vector<int64_t> found, at(static_cast<size_t>(r));
  for (size_t k = 1; k < at.size(); ++k) at[k] = with_replacement ? 0 : static_cast<int64_t>(k);
  auto limit = [&](size_t k) {
    return with_replacement ? n : n - (r - 1 - static_cast<int64_t>(k));
  };
  while (at[0] < limit(0)) {
    found.insert(found.end(), at.begin(), at.end());
    size_t k = at.size();
    while (k-- > 0) {
      if (++at[k] < limit(k) || k == 0) break;
    }
    for (size_t j = k + 1; j < at.size(); ++j) at[j] = with_replacement ? at[j - 1] : at[j - 1] + 1;
  }
  const auto count = static_cast<int64_t>(found.size());
  Tensor index = empty(Dims{count}, DType::Int64);
  std::ranges::copy(found, index.data<int64_t>());
  if (input.is_meta()) index = empty(Dims{count}, DType::Int64, input.device());
  return reshape(index_select(input, 0, index), Dims{count / r, r});
}
OP(combinations) {
  .schema = "combinations(Tensor input, int r=2, bool with_replacement=False) -> Tensor",
  .forward = boxed<combinations_forward>,
  .vjp = composite(),
  .samples = "(4,) | (4,) 3 | (3,) with_replacement=True | (2,) 3 | (3,) 0",
  .errors =
      "(2,3) -> RuntimeError: Expect a 1D vector, but got shape [2, 3] | (3,) -1 -> "
      "RuntimeError: non-negative",
  .doc = "All choices of ``r`` elements of a vector in their order, one per row.",
};

// --- pixels and channels -------------------------------------------------------------------------

void check_image(const char* name, const Tensor& input) {
  FB_CHECK(input.dim() >= 3, name,
           " expects input to have at least 3 dimensions, but got input with ", input.dim(),
           " dimension(s)");
}

Tensor pixel_shuffle_forward(const Tensor& input, int64_t r) {
  check_image("pixel_shuffle", input);
  FB_CHECK(r > 0, "pixel_shuffle expects a positive upscale_factor, but got ", r);
  const int64_t channels = input.size(-3), h = input.size(-2), w = input.size(-1);
  FB_CHECK(channels % (r * r) == 0,
           "pixel_shuffle expects its input's 'channel' dimension to be divisible by the "
           "square of upscale_factor, but input.size(-3)=",
           channels, " is not divisible by ", r * r);
  Dims parts(input.sizes().subspan(0, input.sizes().size() - 3)), order, sizes(parts);
  const auto lead = static_cast<int64_t>(parts.size());
  for (int64_t size : {channels / (r * r), r, r, h, w}) parts.push_back(size);
  for (int64_t d = 0; d < lead; ++d) order.push_back(d);
  for (int64_t d : {0, 3, 1, 4, 2}) order.push_back(lead + d);
  for (int64_t size : {channels / (r * r), h * r, w * r}) sizes.push_back(size);
  return reshape(clone(permute(reshape(input, parts), order), MemoryFormat::Contiguous), sizes);
}
OP(pixel_shuffle) {
  .schema = "pixel_shuffle(Tensor input, int upscale_factor) -> Tensor",
  .names = "pixel_shuffle, nn.functional.pixel_shuffle",
  .forward = boxed<pixel_shuffle_forward>,
  .vjp = composite(),
  .samples = "(1,8,2,3) 2 | (9,2,2) 3 | (2,1,4,1,1) 2",
  .errors =
      "(2,3) 2 -> RuntimeError: pixel_shuffle expects input to have at least 3 dimensions"
      " | (1,3,2,2) 2 -> RuntimeError: is not divisible by 4",
  .doc = R"(Deals channels out into space: (*, C r^2, H, W) to (*, C, H r, W r).

Source: Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
convolutional neural network", 2016.
)",
};

Tensor pixel_unshuffle_forward(const Tensor& input, int64_t r) {
  check_image("pixel_unshuffle", input);
  FB_CHECK(r > 0, "pixel_unshuffle expects a positive downscale_factor, but got ", r);
  const int64_t channels = input.size(-3), h = input.size(-2), w = input.size(-1);
  FB_CHECK(
      h % r == 0,
      "pixel_unshuffle expects height to be divisible by downscale_factor, but input.size(-2)=", h,
      " is not divisible by ", r);
  FB_CHECK(w % r == 0,
           "pixel_unshuffle expects width to be divisible by downscale_factor, but input.size(-1)=",
           w, " is not divisible by ", r);
  Dims parts(input.sizes().subspan(0, input.sizes().size() - 3)), order, sizes(parts);
  const auto lead = static_cast<int64_t>(parts.size());
  for (int64_t size : {channels, h / r, r, w / r, r}) parts.push_back(size);
  for (int64_t d = 0; d < lead; ++d) order.push_back(d);
  for (int64_t d : {0, 2, 4, 1, 3}) order.push_back(lead + d);
  for (int64_t size : {channels * r * r, h / r, w / r}) sizes.push_back(size);
  return reshape(clone(permute(reshape(input, parts), order), MemoryFormat::Contiguous), sizes);
}
OP(pixel_unshuffle) {
  .schema = "pixel_unshuffle(Tensor input, int downscale_factor) -> Tensor",
  .names = "pixel_unshuffle, nn.functional.pixel_unshuffle",
  .forward = boxed<pixel_unshuffle_forward>,
  .vjp = composite(),
  .samples = "(1,2,4,6) 2 | (1,3,3) 3",
  .errors =
      "(2,3) 2 -> RuntimeError: pixel_unshuffle expects input to have at least 3 dimensions"
      " | (1,3,2) 2 -> RuntimeError: expects height to be divisible by downscale_factor",
  .doc = "Gathers blocks of pixels into channels: the inverse of :func:`pixel_shuffle`.",
};

}  // namespace
}  // namespace fb
