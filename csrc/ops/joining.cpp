// Tensors put together.
#include "ops/joining.h"

#include <algorithm>
#include <string>

#include "ops/copy.h"
#include "ops/copy_kernels.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/grad.h"
#include "ops/joining_kernels.h"
#include "ops/padding.h"
#include "ops/pointwise.h"
#include "ops/view.h"
#include "ops/view_backward.h"
#include "ops/view_shapes.h"

namespace fb {
namespace {

DType common_type(std::span<const Tensor> tensors) {
  if (std::ranges::all_of(tensors,
                          [&](const Tensor& t) { return t.dtype() == tensors[0].dtype(); }))
    return tensors[0].dtype();
  Promotion promotion;
  for (const Tensor& t : tensors) promotion.add(t);
  return promotion.type();
}

void check_same_device(const char* name, std::span<const Tensor> tensors) {
  for (const Tensor& t : tensors) {
    FB_CHECK_TYPE(t.defined(), "expected Tensor as element ", &t - tensors.data(),
                  " in argument 0, but got NoneType (in ", name, ")");
    FB_CHECK(t.device() == tensors[0].device(),
             "Expected all tensors to be on the same device, but found at least two "
             "devices, ",
             tensors[0].device(), " and ", t.device(), "! (in ", name, ")");
  }
}

// PyTorch has always let vectors of no elements be joined with anything.
bool is_skipped(const Tensor& t) { return t.dim() == 1 && t.sizes()[0] == 0; }

// Writes the tensors one after the other into `out` along `dim`.
void join(const Tensor& out, std::span<const Tensor> tensors, int64_t dim) {
  const bool plain = out.is_contiguous() && std::ranges::all_of(tensors, [&](const Tensor& t) {
                       return t.dtype() == out.dtype() && t.is_contiguous();
                     });
  if (plain) {
    kernels::join(out, tensors, dim);
    return;
  }
  const auto d = static_cast<size_t>(dim);
  Dims sizes(out.sizes());
  int64_t at = 0;
  for (const Tensor& t : tensors) {
    sizes[d] = t.sizes()[d];
    kernels::copy(out.alias(sizes, out.strides(), out.offset() + at * out.strides()[d]), t);
    at += sizes[d];
  }
}

// Dimensions put into the order in which they lie in memory, if that is channels-last.
Tensor channels_last_as_plain(const Tensor& t) {
  Dims sizes(t.sizes()), strides(t.strides());
  sizes.push_back(sizes[1]);
  strides.push_back(strides[1]);
  sizes.erase(1);
  strides.erase(1);
  return t.alias(sizes, strides, t.offset());
}

MemoryFormat common_format(std::span<const Tensor> tensors) {
  const int64_t ndim = tensors[0].dim();
  if (ndim != 4 && ndim != 5) return MemoryFormat::Contiguous;
  const MemoryFormat format = ndim == 4 ? MemoryFormat::ChannelsLast : MemoryFormat::ChannelsLast3d;
  const bool all = std::ranges::all_of(tensors, [](const Tensor& t) {
    return !t.is_contiguous() && is_channels_last(t.sizes(), t.strides());
  });
  return all ? format : MemoryFormat::Contiguous;
}

// `lengths` says for each tensor how much of `dim` it takes up: what the derivative has to know of
// all of them.
Tensor cat_lengths_forward(std::span<const Tensor> tensors, Ints lengths, int64_t dim) {
  const DType type = common_type(tensors);
  const Device device = tensors[0].device();
  Tensors kept;
  for (const Tensor& t : tensors) {
    if (!is_skipped(t)) kept.push_back(t);
  }
  if (kept.empty()) return empty(Dims{0}, type, device);
  const auto d = static_cast<size_t>(dim);
  Dims sizes(kept[0].sizes());
  sizes[d] = 0;
  for (int64_t length : lengths) sizes[d] += length;
  const MemoryFormat format = common_format(kept);
  Tensor result = empty(sizes, type, device, format);
  if (format == MemoryFormat::Contiguous) {
    join(result, kept, dim);
    return result;
  }
  for (Tensor& t : kept) t = channels_last_as_plain(t);
  join(channels_last_as_plain(result), kept, dim == 0 ? 0 : dim == 1 ? result.dim() - 1 : dim - 1);
  return result;
}
void cat_vjp(Grad& g) {
  const Ints lengths = g.arg<Ints>("lengths");
  int64_t from = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const int64_t to = from + lengths[i];
    if (g.needs("tensors", i)) {
      const GradShape& shape = g.shape("tensors", i);
      const bool skipped = shape.sizes.size() != g.dout().sizes().size();
      g.set("tensors", i,
            skipped ? zeros(shape.sizes, shape.dtype, shape.device)
                    : slice(g.dout(), g.arg<int64_t>("dim"), from, to, 1));
    }
    from = to;
  }
}
OP(cat_lengths) {
  .schema = "cat.lengths(Tensor[] tensors, int[] lengths, int dim) -> Tensor",
  .names = "",
  .forward = boxed<cat_lengths_forward>,
  .vjp = cat_vjp,
  .samples = "[(2,3),(4,3)] [2,4] 0",
};

Tensor cat_forward(std::span<const Tensor> tensors, int64_t dim) {
  FB_CHECK_VALUE(!tensors.empty(), "torch.cat(): expected a non-empty list of Tensors");
  check_same_device("torch.cat()", tensors);
  const Tensor* first = nullptr;
  for (size_t i = 0; i < tensors.size(); ++i) {
    FB_CHECK(tensors[i].dim() > 0, "zero-dimensional tensor (at position ", i,
             ") cannot be concatenated");
    if (!first && !is_skipped(tensors[i])) first = &tensors[i];
  }
  Dims lengths;
  const int64_t d = wrap_dim(dim, first ? first->dim() : 1);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    if (is_skipped(t)) {
      lengths.push_back(0);
      continue;
    }
    FB_CHECK(t.dim() == first->dim(), "Tensors must have same number of dimensions: got ",
             first->dim(), " and ", t.dim());
    for (int64_t k = 0; k < t.dim(); ++k) {
      const int64_t want = first->sizes()[static_cast<size_t>(k)],
                    got = t.sizes()[static_cast<size_t>(k)];
      FB_CHECK(k == d || want == got, "Sizes of tensors must match except in dimension ", d,
               ". Expected size ", want, " but got size ", got, " for tensor number ", i,
               " in the list.");
    }
    lengths.push_back(t.sizes()[static_cast<size_t>(d)]);
  }
  return cat(tensors, lengths, d);
}
OP(cat) {
  .schema = "cat(Tensor[] tensors, int dim=0) -> Tensor",
  .names = "cat, concat, concatenate",
  .forward = boxed<cat_forward>,
  .vjp = composite(),
  .autocast = Autocast::Promote,
  .samples =
      "[(2,3),(4,3)] | [(2,3),(2,1)] dim=-1 | [(0,),(2,3)] | [(2,):int64,(3,)] | [(0,3),(0,3)] | "
      "[(2,3,4,5)] 1",
  .errors =
      "[] -> ValueError: torch.cat(): expected a non-empty list of Tensors"
      " | [(2,3),(2,4)] -> RuntimeError: Sizes of tensors must match except in dimension 0."
      " | [(2,3),(2,)] -> RuntimeError: Tensors must have same number of dimensions: got 2 and 1"
      " | [()] -> RuntimeError: zero-dimensional tensor (at position 0) cannot be concatenated",
  .doc = R"(The tensors one after the other along a dimension; the other sizes must be equal.

Example::

    >>> torch.cat([torch.zeros(1, 2), torch.ones(2, 2)])
    tensor([[0., 0.],
            [1., 1.],
            [1., 1.]])
)",
};

Tensor stack_forward(std::span<const Tensor> tensors, int64_t dim, Out out) {
  FB_CHECK(!tensors.empty(), "stack expects a non-empty TensorList");
  check_same_device("stack", tensors);
  const Tensor& first = tensors[0];
  const int64_t d = wrap_dim(dim, first.dim() + 1);
  for (size_t i = 1; i < tensors.size(); ++i) {
    FB_CHECK(same_shape(first.sizes(), tensors[i].sizes()),
             "stack expects each tensor to be equal size, but got ", shape_text(first.sizes()),
             " at entry 0 and ", shape_text(tensors[i].sizes()), " at entry ", i);
  }
  const DType type = common_type(tensors);
  FB_CHECK_TYPE(!out.given() || can_cast(type, out.given()->dtype()),
                "torch.cat(): input types can't be cast to the desired output type ",
                dtype_class_name(out.given()->dtype()));
  Tensors layers;
  layers.reserve(tensors.size());
  for (const Tensor& t : tensors) {
    Dims sizes(t.sizes()), strides(t.strides());
    const auto at = static_cast<size_t>(d);
    const int64_t stride = at < sizes.size() ? sizes[at] * strides[at] : 1;
    sizes.insert(at, 1);
    strides.insert(at, stride);
    layers.push_back(t.alias(sizes, strides, t.offset()));
  }
  Dims sizes(layers[0].sizes());
  sizes[static_cast<size_t>(d)] = static_cast<int64_t>(tensors.size());
  Tensor result = out.make(sizes, type, first.device());
  join(result, layers, d);
  return out.finish(result);
}
void stack_vjp(Grad& g) {
  for (size_t i = 0; i < g.count("tensors"); ++i) {
    if (g.needs("tensors", i)) {
      g.set("tensors", i, select(g.dout(), g.arg<int64_t>("dim"), static_cast<int64_t>(i)));
    }
  }
}
OP(stack) {
  .schema = "stack(Tensor[] tensors, int dim=0) -> Tensor",
  .names = "stack",
  .forward = boxed<stack_forward>,
  .vjp = stack_vjp,
  .autocast = Autocast::Promote,
  .samples = "[(2,3),(2,3)] | [(2,3),(2,3),(2,3)] dim=-1 | [(),()] | [(0,3)] 1 | [(2,):int64,(2,)]",
  .errors =
      "[] -> RuntimeError: stack expects a non-empty TensorList"
      " | [(2,),(3,)] -> RuntimeError: stack expects each tensor to be equal size, but got [2] "
      "at entry 0",
  .doc = "Tensors of one shape put side by side along a new dimension.",
};

// --- along given directions ----------------------------------------------------------------------

void check_some(const char* name, std::span<const Tensor> tensors) {
  FB_CHECK(!tensors.empty(), name, " expects a non-empty TensorList");
}

Tensor hstack_forward(std::span<const Tensor> tensors) {
  check_some("hstack", tensors);
  Tensors wide = atleast_1d(tensors);
  return cat(wide, wide[0].dim() == 1 ? 0 : 1);
}
Tensor vstack_forward(std::span<const Tensor> tensors) {
  check_some("vstack", tensors);
  return cat(atleast_2d(tensors), 0);
}
Tensor dstack_forward(std::span<const Tensor> tensors) {
  check_some("dstack", tensors);
  return cat(atleast_3d(tensors), 2);
}
Tensor column_stack_forward(std::span<const Tensor> tensors) {
  check_some("column_stack", tensors);
  Tensors columns;
  for (const Tensor& t : tensors)
    columns.push_back(t.dim() <= 1 ? reshape(t, Dims{t.numel(), 1}) : t);
  return hstack(columns);
}

OP(hstack) {
  .schema = "hstack(Tensor[] tensors) -> Tensor",
  .names = "hstack",
  .forward = boxed<hstack_forward>,
  .vjp = composite(),
  .samples = "[(2,3),(2,1)] | [(2,),(3,)] | [(),()]",
  .errors = "[] -> RuntimeError: hstack expects a non-empty TensorList",
  .doc = "Joins tensors along the second dimension, vectors along the first.",
};
OP(vstack) {
  .schema = "vstack(Tensor[] tensors) -> Tensor",
  .names = "vstack, row_stack",
  .forward = boxed<vstack_forward>,
  .vjp = composite(),
  .samples = "[(2,3),(1,3)] | [(3,),(3,)] | [(),()]",
  .errors = "[] -> RuntimeError: vstack expects a non-empty TensorList",
  .doc = "Joins tensors along the first dimension; vectors become rows.",
};
OP(dstack) {
  .schema = "dstack(Tensor[] tensors) -> Tensor",
  .names = "dstack",
  .forward = boxed<dstack_forward>,
  .vjp = composite(),
  .samples = "[(2,3),(2,3)] | [(3,),(3,)] | [(),()]",
  .errors = "[] -> RuntimeError: dstack expects a non-empty TensorList",
  .doc = "Joins tensors along the third dimension, which those with fewer get.",
};
OP(column_stack) {
  .schema = "column_stack(Tensor[] tensors) -> Tensor",
  .names = "column_stack",
  .forward = boxed<column_stack_forward>,
  .vjp = composite(),
  .samples = "[(2,3),(2,)] | [(3,),(3,)] | [(),()]",
  .errors = "[] -> RuntimeError: column_stack expects a non-empty TensorList",
  .doc = "Joins tensors along the second dimension; vectors become columns.",
};

// --- matrices out of parts -----------------------------------------------------------------------

Tensor block_diag_forward(std::span<const Tensor> tensors) {
  if (tensors.empty()) return empty(Dims{1, 0}, default_dtype());
  int64_t columns = 0;
  Tensors blocks;
  for (size_t i = 0; i < tensors.size(); ++i) {
    FB_CHECK(tensors[i].dim() <= 2,
             "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input ", i, " has ",
             tensors[i].dim(), " dimensions");
    blocks.push_back(atleast_2d(tensors[i]));
    columns += blocks[i].size(1);
  }
  int64_t left = 0;
  for (Tensor& block : blocks) {
    const int64_t width = block.size(1);
    block = constant_pad_nd(block, Dims{left, columns - left - width});
    left += width;
  }
  return cat(blocks, 0);
}
OP(block_diag) {
  .schema = "block_diag(Tensor[] tensors) -> Tensor",
  .names = "block_diag",
  .forward = boxed<block_diag_forward>,
  .vjp = composite(),
  .samples = "[(2,3),(1,2)] | [(),(3,),(2,2)]",
  .errors =
      "[(1,1,1)] -> RuntimeError: torch.block_diag: Input tensors must have 2 or fewer dimensions",
  .doc = "A matrix of zeros with the given matrices along its diagonal; vectors count as rows.",
};

Tensor cartesian_prod_forward(std::span<const Tensor> tensors) {
  FB_CHECK(!tensors.empty(), "meshgrid expects a non-empty TensorList");
  for (const Tensor& t : tensors)
    FB_CHECK(t.dim() == 1, "Expect a 1D vector, but got shape ", shape_text(t.sizes()));
  if (tensors.size() == 1) return tensors[0];
  Tensors columns;
  for (const Tensor& grid : meshgrid(tensors, "ij")) columns.push_back(flatten(grid));
  return stack(columns, 1);
}
OP(cartesian_prod) {
  .schema = "cartesian_prod(Tensor[] tensors) -> Tensor",
  .names = "cartesian_prod",
  .forward = boxed<cartesian_prod_forward>,
  .vjp = composite(),
  .samples = "[(2,),(3,)] | [(2,)] | [(2,),(0,)]",
  .errors = "[(2,3)] -> RuntimeError: Expect a 1D vector, but got shape [2, 3]",
  .doc = "All combinations of one element of each vector, one per row.",
};

Tensor vander_forward(const Tensor& x, std::optional<int64_t> n, bool increasing) {
  FB_CHECK(x.dim() == 1, "x must be a one-dimensional tensor.");
  const int64_t columns = n.value_or(x.numel());
  FB_CHECK(columns >= 0, "N must be non-negative.");
  const DType type = is_integral(x.dtype()) ? DType::Int64 : x.dtype();
  if (columns == 0) return empty(Dims{x.numel(), 0}, type, x.device());
  const Tensor base = x.dtype() == type ? x : _to_copy(x, type);
  Tensors powers{ones(x.sizes(), type, x.device())};
  while (static_cast<int64_t>(powers.size()) < columns) {
    powers.push_back(powers.size() == 1 ? base : mul(powers.back(), base));
  }
  if (!increasing) std::ranges::reverse(powers);
  return stack(powers, 1);
}
OP(vander) {
  .schema = "vander(Tensor x, int? N=None, bool increasing=False) -> Tensor",
  .names = "vander",
  .forward = boxed<vander_forward>,
  .vjp = composite(),
  .samples = "(3,) | (3,) 5 | (3,) 2 increasing=True | (3,):int64",
  .errors = "(2,3) -> RuntimeError: x must be a one-dimensional tensor.",
  .doc = "Powers of a vector's elements as columns: highest first, or last with ``increasing``.",
};

}  // namespace
}  // namespace fb
