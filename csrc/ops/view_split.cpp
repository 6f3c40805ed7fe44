// Views that cut a tensor into several: split, chunk, unbind and their relatives.
#include "ops/view_split.h"

#include <algorithm>

#include "core/error.h"
#include "ops/adjacent.h"
#include "ops/grad.h"
#include "ops/joining.h"
#include "ops/view.h"

namespace fb {
namespace {

// --- pieces of given sizes -----------------------------------------------------------------------

int64_t split_dim(const char* name, const Tensor& input, int64_t dim) {
  FB_CHECK(input.dim() > 0, name, " expects at least a 1-dimensional tensor");
  return wrap_dim(dim, input.dim());
}

Tensor piece(const Tensor& input, int64_t dim, int64_t from, int64_t length) {
  Dims sizes(input.sizes());
  sizes[static_cast<size_t>(dim)] = length;
  const int64_t stride = input.strides()[static_cast<size_t>(dim)];
  return input.alias(sizes, input.strides(), input.offset() + from * stride);
}

Tensors split_forward(const Tensor& input, int64_t split_size, int64_t dim) {
  const int64_t d = split_dim("split", input, dim), n = input.sizes()[static_cast<size_t>(d)];
  FB_CHECK(split_size >= 0,
           "split expects split_size be non-negative, but got split_size=", split_size);
  FB_CHECK(split_size > 0 || n == 0,
           "split_size can only be 0 if dimension size is 0, but got dimension size of ", n);
  // An empty dimension is one empty piece.
  const int64_t count = split_size == 0 ? 1 : std::max<int64_t>((n - 1) / split_size + 1, 1);
  Tensors pieces;
  pieces.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t from = i * split_size;
    pieces.push_back(piece(input, d, from, std::min(split_size, n - from)));
  }
  return pieces;
}

Tensors split_sizes_forward(const Tensor& input, Ints sizes, int64_t dim) {
  const int64_t d = split_dim("split_with_sizes", input, dim),
                n = input.sizes()[static_cast<size_t>(d)];
  Tensors pieces;
  pieces.reserve(sizes.size());
  int64_t from = 0;
  for (int64_t length : sizes) {
    FB_CHECK(
        length >= 0,
        "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=",
        shape_text(sizes));
    if (length <= n - from) pieces.push_back(piece(input, d, from, length));
    from += std::min(length, n - from + 1);  // a sum that is too large stays so, without overflow
  }
  FB_CHECK(from == n, "split_with_sizes expects split_sizes to sum exactly to ", n,
           " (input tensor's size at dimension ", d, "), but got split_sizes=", shape_text(sizes));
  return pieces;
}

void split_vjp(Grad& g) {
  Tensors douts;
  for (size_t i = 0; i < g.dout_count(); ++i) douts.push_back(g.dout_or_zeros(i));
  g.set("input", cat(douts, g.arg<int64_t>("dim")));
}

OP(split) {
  .schema = "split(Tensor input, int split_size, int dim=0) -> Tensor[]",
  .names = "Tensor.split",
  .forward = boxed<split_forward>,
  .vjp = split_vjp,
  .view = true,
  .samples = "(5,3) 2 | (5,3) 3 -1 | (0,3) 2 | (0,3) 0",
  .errors =
      "(5,) -1 -> RuntimeError: split expects split_size be non-negative"
      " | () 1 -> RuntimeError: split expects at least a 1-dimensional tensor",
  .doc =
      "Views of ``split_size`` (or of each of the given sizes) along a dimension; the last may "
      "be smaller.",
};
OP(split_with_sizes) {
  .schema = "split_with_sizes(Tensor input, int[] split_sizes, int dim=0) -> Tensor[]",
  .forward = boxed<split_sizes_forward>,
  .vjp = split_vjp,
  .view = true,
  .samples = "(5,3) [2,3] | (5,3) [1,0,2] -1 | (0,3) [0,0]",
  .errors = "(5,) [2,2] -> RuntimeError: split_with_sizes expects split_sizes to sum exactly to 5",
  .doc = "Views of the given sizes along a dimension.",
};
OP(split_sizes) {
  .schema = "split.sizes(Tensor input, int[] split_size, int dim=0) -> Tensor[]",
  .names = "Tensor.split",
  .forward = boxed<split_with_sizes>,
  .vjp = composite(),
  .samples = "(5,3) [2,3] | (5,3) [1,0,2] 1",
};
// PyTorch's function names its arguments differently from the method.
OP(split_function) {
  .schema = "_split(Tensor tensor, int split_size_or_sections, int dim=0) -> Tensor[]",
  .names = "split",
  .forward = boxed<+[](const Tensor& t, int64_t size, int64_t dim) -> Tensors {
    return split(t, size, dim);
  }>,
  .vjp = composite(),
  .samples = "(5,3) 2",
  .doc = "Views of ``split_size_or_sections`` (or of each of the given sizes) along a dimension.",
};
OP(split_function_sizes) {
  .schema = "_split.sizes(Tensor tensor, int[] split_size_or_sections, int dim=0) -> Tensor[]",
  .names = "split",
  .forward = boxed<+[](const Tensor& t, Ints sizes, int64_t dim) -> Tensors {
    return split_with_sizes(t, sizes, dim);
  }>,
  .vjp = composite(),
  .samples = "(5,3) [2,3]",
};
Tensors chunk_forward(const Tensor& input, int64_t chunks, int64_t dim) {
  const int64_t d = split_dim("chunk", input, dim), n = input.sizes()[static_cast<size_t>(d)];
  FB_CHECK(chunks > 0, "chunk expects `chunks` to be greater than 0, got: ", chunks);
  if (n == 0) return split_with_sizes(input, Dims(static_cast<size_t>(chunks), 0), d);
  return split(input, (n - 1) / chunks + 1, d);
}
OP(chunk) {
  .schema = "chunk(Tensor input, int chunks, int dim=0) -> Tensor[]",
  .forward = boxed<chunk_forward>,
  .vjp = composite(),
  .samples = "(5,3) 2 | (6,3) 4 | (2,3) 3 1 | (0,2) 3",
  .errors = "(5,) 0 -> RuntimeError: chunk expects `chunks` to be greater than 0, got: 0",
  .doc = "At most ``chunks`` views of equal size along a dimension; the last may be smaller.",
};

// --- slices --------------------------------------------------------------------------------------

Tensors unbind_forward(const Tensor& input, int64_t dim) {
  FB_CHECK_INDEX(input.dim() > 0, "Dimension specified as ", dim, " but tensor has no dimensions");
  const auto d = static_cast<size_t>(wrap_dim(dim, input.dim()));
  Dims sizes(input.sizes()), strides(input.strides());
  const int64_t n = sizes[d], stride = strides[d];
  sizes.erase(d);
  strides.erase(d);
  Tensors slices;
  slices.reserve(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i)
    slices.push_back(input.alias(sizes, strides, input.offset() + i * stride));
  return slices;
}
void unbind_vjp(Grad& g) {
  Tensors douts;
  for (size_t i = 0; i < g.dout_count(); ++i) douts.push_back(g.dout_or_zeros(i));
  const int64_t dim = g.arg<int64_t>("dim");
  // Gradients may lie beside each other already, as those of attention do.
  Tensor whole = grad_enabled() ? Tensor() : whole_of_slices(douts, dim);
  g.set("input", whole.defined() ? whole : stack(douts, dim));
}
OP(unbind) {
  .schema = "unbind(Tensor input, int dim=0) -> Tensor[]",
  .forward = boxed<unbind_forward>,
  .vjp = unbind_vjp,
  .view = true,
  .samples = "(3,4) | (3,4) -1 | (2,0) | (0,2)",
  .errors = "() -> IndexError: Dimension specified as 0 but tensor has no dimensions",
  .doc = "All slices of a dimension, as views without it.",
};

// --- NumPy's ways of cutting ---------------------------------------------------------------------

int64_t tensor_split_dim(const Tensor& input, int64_t dim) {
  FB_CHECK(input.dim() > 0,
           "tensor_split expected at least a 1-dimensional tensor, but got a tensor with ",
           input.dim(), " dims");
  return wrap_dim(dim, input.dim());
}
Tensors tensor_split_sections(const Tensor& input, int64_t sections, int64_t dim) {
  const int64_t d = tensor_split_dim(input, dim), n = input.sizes()[static_cast<size_t>(d)];
  FB_CHECK(sections > 0, "number of sections must be larger than 0, got ", sections);
  Tensors pieces;
  for (int64_t i = 0, from = 0; i < sections; ++i) {
    const int64_t to = from + n / sections + (i < n % sections);
    pieces.push_back(slice(input, d, from, to, 1));
    from = to;
  }
  return pieces;
}
Tensors tensor_split_indices(const Tensor& input, Ints indices, int64_t dim) {
  const int64_t d = tensor_split_dim(input, dim);
  Tensors pieces;
  int64_t from = 0;
  for (int64_t to : indices) {
    pieces.push_back(slice(input, d, from, to, 1));
    from = to;
  }
  pieces.push_back(slice(input, d, from, std::nullopt, 1));
  return pieces;
}
Tensors tensor_split_tensor(const Tensor& input, const Tensor& where, int64_t dim) {
  FB_CHECK(where.dtype() == DType::Int64,
           "tensor_split expected tensor_indices_or_sections to have dtype of long, but got ",
           dtype_class_name(where.dtype()));
  FB_CHECK(where.dim() <= 1,
           "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
           "one-dimensional tensor, "
           "but got a tensor with ",
           where.dim(), " dims");
  FB_CHECK(
      !where.is_meta(),
      "tensor_split needs the values of tensor_indices_or_sections, but it is on the meta device");
  Dims values;
  for (int64_t i = 0; i < where.numel(); ++i)
    values.push_back(where.data<int64_t>()[where.dim() ? i * where.strides()[0] : 0]);
  return where.dim() == 0 ? tensor_split(input, values[0], dim) : tensor_split(input, values, dim);
}

// First: a tensor of one element would pass for a number.
OP(tensor_split_tensor) {
  .schema =
      "tensor_split.tensor_indices_or_sections(Tensor input, Tensor tensor_indices_or_sections, "
      "int dim=0)"
      " -> Tensor[]",
  .names = "tensor_split, Tensor.tensor_split",
  .forward = boxed<tensor_split_tensor>,
  .vjp = composite(),
  .samples = "(7,2) ():int64@2..4 | (7,) (2,):int64@0..9",
};
OP(tensor_split) {
  .schema = "tensor_split(Tensor input, int sections, int dim=0) -> Tensor[]",
  .forward = boxed<tensor_split_sections>,
  .vjp = composite(),
  .samples = "(7,2) 3 | (2,3) 4 | (2,3) 2 -1",
  .errors = "(3,) 0 -> RuntimeError: number of sections must be larger than 0, got 0",
  .doc = "Views cut into ``sections`` nearly equal parts, or before each of the given indices.",
};
OP(tensor_split_indices) {
  .schema = "tensor_split.indices(Tensor input, int[] indices, int dim=0) -> Tensor[]",
  .names = "tensor_split, Tensor.tensor_split",
  .forward = boxed<tensor_split_indices>,
  .vjp = composite(),
  .samples = "(7,2) [2,5] | (7,) [-2] | (4,) [3,1,9]",
};

// hsplit, vsplit, dsplit: along the second (of vectors: the first), first and third dimension.
struct Direction {
  const char* name;
  int64_t least, dim;
};
constexpr Direction kHorizontal{"hsplit", 1, 1}, kVertical{"vsplit", 2, 0}, kDepth{"dsplit", 3, 2};

int64_t dim_of(const Direction& direction, const Tensor& input) {
  FB_CHECK(input.dim() >= direction.least, "torch.", direction.name,
           " requires a tensor with at least ", direction.least,
           " dimension, but got a tensor with ", input.dim(), " dimensions!");
  return std::min(direction.dim, input.dim() - 1);
}
template <const Direction& kDirection>
Tensors direction_sections(const Tensor& input, int64_t sections) {
  const int64_t dim = dim_of(kDirection, input), n = input.sizes()[static_cast<size_t>(dim)];
  FB_CHECK(sections != 0 && n % sections == 0, "torch.", kDirection.name,
           " attempted to split along dimension ", dim, ", but the size of the dimension ", n,
           " is not divisible by the split_size ", sections, "!");
  return tensor_split(input, sections, dim);
}
template <const Direction& kDirection>
Tensors direction_indices(const Tensor& input, Ints indices) {
  return tensor_split(input, indices, dim_of(kDirection, input));
}

#define SPLIT_ALONG(name, direction, sample, text)                       \
  OP(name){                                                              \
      .schema = #name "(Tensor input, int sections) -> Tensor[]",        \
      .forward = boxed<direction_sections<direction>>,                   \
      .vjp = composite(),                                                \
      .samples = sample " 2",                                            \
      .errors = sample " 3 -> RuntimeError: is not divisible by",        \
      .doc = text,                                                       \
  };                                                                     \
  OP(name##_indices){                                                    \
      .schema = #name ".array(Tensor input, int[] indices) -> Tensor[]", \
      .names = #name ", Tensor." #name,                                  \
      .forward = boxed<direction_indices<direction>>,                    \
      .vjp = composite(),                                                \
      .samples = sample " [1,3]",                                        \
  };
SPLIT_ALONG(hsplit, kHorizontal, "(2,4)",
            "Views cut along the second dimension (of a vector: the first).")
SPLIT_ALONG(vsplit, kVertical, "(4,2)", "Views cut along the first dimension.")
SPLIT_ALONG(dsplit, kDepth, "(2,3,4)", "Views cut along the third dimension.")
#undef SPLIT_ALONG

}  // namespace
}  // namespace fb
