// Views: other sizes and strides over the same memory.
#include "ops/view.h"

#include <algorithm>

#include "core/error.h"
#include "ops/copy.h"
#include "ops/grad.h"
#include "ops/view_backward.h"
#include "ops/view_history.h"

namespace fb {
namespace {

Dims without(Ints dims, int64_t d) {
  Dims out(dims);
  out.erase(static_cast<size_t>(d));
  return out;
}

// --- view, reshape -------------------------------------------------------------------------------

Tensor view_forward(const Tensor& input, Ints size) {
  Dims sizes = infer_size(size, input.numel());
  if (input.is_contiguous()) return input.alias(sizes, contiguous_strides(sizes), input.offset());
  auto strides = view_strides(input.sizes(), input.strides(), sizes);
  FB_CHECK(
      strides,
      "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
      "subspaces). Use .reshape(...) instead.");
  return input.alias(sizes, *strides, input.offset());
}
void reshape_back(Grad& g) { g.set("input", reshape(g.dout(), g.sizes("input"))); }

OP(view) {
  .schema = "view(Tensor input, int[] size) -> Tensor",
  .names = "Tensor.view",
  .forward = boxed<view_forward>,
  .vjp = reshape_back,
  .view = true,
  .samples = "(2,6) [3,4] | (2,3) [-1] | (0,3) [3,0] | () [1,1]",
  .errors = "(2,3) [4] -> RuntimeError: invalid for input of size 6",
  .doc = "The same elements under other sizes, without copying; one size may be -1.",
};

Tensor view_dtype_forward(const Tensor& input, DType dtype) {
  int64_t from = input.item_size(), to = item_size(dtype);
  Dims sizes(input.sizes()), strides(input.strides());
  int64_t offset = input.offset();
  if (from != to) {
    FB_CHECK(!sizes.empty(), "self.dim() cannot be 0 to view ", dtype_class_name(input.dtype()),
             " as ", dtype_class_name(dtype), " (different element sizes)");
    FB_CHECK(strides.back() == 1, "self.stride(-1) must be 1 to view ",
             dtype_class_name(input.dtype()), " as ", dtype_class_name(dtype),
             " (different element sizes), but got ", strides.back());
    FB_CHECK(sizes.back() * from % to == 0, "self.size(-1) must be divisible by ", to / from,
             " to view ", dtype_class_name(input.dtype()), " as ", dtype_class_name(dtype),
             " (different element sizes), but got ", sizes.back());
    FB_CHECK(offset * from % to == 0, "self.storage_offset() must be divisible by ", to / from,
             " to view ", dtype_class_name(input.dtype()), " as ", dtype_class_name(dtype));
    sizes.back() = sizes.back() * from / to;
    for (size_t d = 0; d + 1 < strides.size(); ++d) {
      FB_CHECK(strides[d] * from % to == 0, "self.stride(", d, ") must be divisible by ", to / from,
               " to view ", dtype_class_name(input.dtype()), " as ", dtype_class_name(dtype));
      strides[d] = strides[d] * from / to;
    }
    offset = offset * from / to;
  }
  Tensor out = input.alias(input.sizes(), input.strides(), offset);
  out.impl()->dtype = dtype;
  out.impl()->set_geometry(sizes, strides);
  return out;
}

OP(view_dtype) {
  .schema = "view.dtype(Tensor input, ScalarType dtype) -> Tensor",
  .names = "Tensor.view",
  .forward = boxed<view_dtype_forward>,
  .vjp = no_gradient(),
  .view = true,
  .samples = "(3,4) int32 | (3,4):float64 float32 | (2,4):int32 int64",
};

Tensor reshape_forward(const Tensor& input, Ints shape) {
  Dims sizes = infer_size(shape, input.numel());
  if (view_strides(input.sizes(), input.strides(), sizes)) return view(input, sizes);
  return view(clone(input, MemoryFormat::Contiguous), sizes);
}

OP(reshape) {
  .schema = "reshape(Tensor input, int[] shape) -> Tensor",
  .forward = boxed<reshape_forward>,
  .vjp = composite(),
  .samples = "(2,6) [3,4] | (2,3) [-1] | (0,3) [3,0]",
  .errors = "(2,3) [4] -> RuntimeError: invalid for input of size 6",
  .doc = "The same elements under other sizes; a view where possible, else a copy.",
};

Tensor alias_forward(const Tensor& input) { return input.alias(); }
void alias_vjp(Grad& g) { g.set("input", g.dout()); }

OP(alias) {
  .schema = "alias(Tensor input) -> Tensor",
  .names = "",
  .forward = boxed<alias_forward>,
  .vjp = alias_vjp,
  .view = true,
  .samples = "(3,4) | ()",
};

Tensor flatten_forward(const Tensor& input, int64_t start_dim, int64_t end_dim) {
  int64_t start = wrap_dim(start_dim, input.dim()), end = wrap_dim(end_dim, input.dim());
  FB_CHECK(start <= end, "flatten() has invalid args: start_dim cannot come after end_dim");
  if (input.dim() == 0) return reshape(input, Dims{1});
  if (start == end) return input;
  Dims sizes;
  int64_t run = 1;
  for (int64_t d = 0; d < input.dim(); ++d) {
    if (d >= start && d <= end) {
      run *= input.sizes()[d];
      if (d == end) sizes.push_back(run);
    } else {
      sizes.push_back(input.sizes()[d]);
    }
  }
  return reshape(input, sizes);
}

OP(flatten) {
  .schema = "flatten(Tensor input, int start_dim=0, int end_dim=-1) -> Tensor",
  .forward = boxed<flatten_forward>,
  .vjp = composite(),
  .samples = "(2,3,4) | (2,3,4) 1 | (2,3,4) 0 1 | ()",
  .errors = "(2,3) 1 0 -> RuntimeError: start_dim cannot come after end_dim",
  .doc = "Joins the dimensions from ``start_dim`` to ``end_dim``.",
};

// --- order of dimensions -------------------------------------------------------------------------

Tensor transpose_forward(const Tensor& input, int64_t dim0, int64_t dim1) {
  int64_t a = wrap_dim(dim0, input.dim()), b = wrap_dim(dim1, input.dim());
  Dims sizes(input.sizes()), strides(input.strides());
  if (a != b) {
    std::swap(sizes[a], sizes[b]);
    std::swap(strides[a], strides[b]);
  }
  return input.alias(sizes, strides, input.offset());
}
void transpose_vjp(Grad& g) {
  g.set("input", transpose(g.dout(), g.arg<int64_t>("dim0"), g.arg<int64_t>("dim1")));
}

OP(transpose) {
  .schema = "transpose(Tensor input, int dim0, int dim1) -> Tensor",
  .names = "transpose, Tensor.transpose, swapaxes, Tensor.swapaxes, swapdims, Tensor.swapdims",
  .forward = boxed<transpose_forward>,
  .vjp = transpose_vjp,
  .view = true,
  .samples = "(2,3) 0 1 | (2,3,4) -1 0 | (0,3) 0 1",
  .errors = "(2,3) 0 2 -> IndexError: Dimension out of range",
  .doc = "Swaps two dimensions.",
};

Tensor t_forward(const Tensor& input) {
  FB_CHECK(input.dim() <= 2, "t() expects a tensor with <= 2 dimensions, but self is ", input.dim(),
           "D");
  return input.dim() < 2 ? alias(input) : transpose(input, 0, 1);
}

OP(t) {
  .schema = "t(Tensor input) -> Tensor",
  .forward = boxed<t_forward>,
  .vjp = composite(),
  .samples = "(2,3) | (3,)",
  .errors = "(2,3,4) -> RuntimeError: expects a tensor with <= 2 dimensions",
  .doc = "The transpose of a matrix; vectors stay as they are.",
};

Tensor permute_forward(const Tensor& input, Ints dims) {
  int64_t ndim = input.dim();
  FB_CHECK(
      static_cast<int64_t>(dims.size()) == ndim,
      "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
      "desired ordering of dimensions i.e. input.dim() = ",
      ndim, " is not equal to len(dims) = ", dims.size());
  Dims sizes(static_cast<size_t>(ndim)), strides(static_cast<size_t>(ndim));
  uint64_t seen = 0;
  for (int64_t i = 0; i < ndim; ++i) {
    int64_t d = wrap_dim(dims[i], ndim);
    FB_CHECK(!(seen >> d & 1), "permute(): duplicate dims are not allowed.");
    seen |= uint64_t{1} << d;
    sizes[i] = input.sizes()[d];
    strides[i] = input.strides()[d];
  }
  return input.alias(sizes, strides, input.offset());
}
void permute_vjp(Grad& g) {
  Ints dims = g.arg<Ints>("dims");
  Dims back(dims.size());
  for (size_t i = 0; i < dims.size(); ++i)
    back[wrap_dim(dims[i], static_cast<int64_t>(dims.size()))] = static_cast<int64_t>(i);
  g.set("input", permute(g.dout(), back));
}

OP(permute) {
  .schema = "permute(Tensor input, int[] dims) -> Tensor",
  .forward = boxed<permute_forward>,
  .vjp = permute_vjp,
  .view = true,
  .samples = "(2,3,4) [2,0,1] | (2,3) [1,-2] | () []",
  .errors =
      "(2,3) [0,0] -> RuntimeError: duplicate dims | (2,3) [0] -> RuntimeError: number of dimensions",
  .doc = "Reorders the dimensions.",
};

Tensor movedim_forward(const Tensor& input, Ints source, Ints destination) {
  FB_CHECK(source.size() == destination.size(),
           "movedim: Invalid source or destination dims: source (", shape_text(source),
           " dims) should contain the same number of dims as destination (",
           shape_text(destination), " dims)");
  int64_t ndim = input.dim();
  Dims order(static_cast<size_t>(ndim), -1);
  uint64_t taken = 0, placed = 0;
  for (size_t i = 0; i < source.size(); ++i) {
    int64_t from = wrap_dim(source[i], ndim), to = wrap_dim(destination[i], ndim);
    if (ndim == 0) return alias(input);
    FB_CHECK(!(taken >> from & 1), "movedim: repeated dim in `source` (", shape_text(source), ")");
    FB_CHECK(!(placed >> to & 1), "movedim: repeated dim in `destination` (",
             shape_text(destination), ")");
    taken |= uint64_t{1} << from;
    placed |= uint64_t{1} << to;
    order[to] = from;
  }
  int64_t next = 0;
  for (int64_t& slot : order) {
    if (slot >= 0) continue;
    while (taken >> next & 1) ++next;
    slot = next++;
  }
  return permute(input, order);
}

OP(movedim) {
  .schema = "movedim(Tensor input, int[1] source, int[1] destination) -> Tensor",
  .names = "movedim, Tensor.movedim, moveaxis, Tensor.moveaxis",
  .forward = boxed<movedim_forward>,
  .vjp = composite(),
  .samples = "(2,3,4) 0 2 | (2,3,4) [0,1] [-1,0]",
  .errors = "(2,3) [0,0] [0,1] -> RuntimeError: repeated dim",
  .doc = "Moves dimensions to other places; the rest keep their order.",
};

// --- expand --------------------------------------------------------------------------------------

Tensor expand_forward(const Tensor& input, Ints size) {
  int64_t lead = static_cast<int64_t>(size.size()) - input.dim();
  FB_CHECK(lead >= 0, "expand(", input.dtype(), "{", shape_text(input.sizes()),
           "}, size=", shape_text(size), "): the number of sizes provided (", size.size(),
           ") must be greater or equal to the number of dimensions in the tensor (", input.dim(),
           ")");
  Dims sizes(size), strides(size.size(), 0);
  for (int64_t d = 0; d < static_cast<int64_t>(size.size()); ++d) {
    if (d < lead) {
      FB_CHECK(size[d] >= 0, "The expanded size of the tensor (", size[d],
               ") isn't allowed in a leading, non-existing dimension ", d);
      continue;
    }
    int64_t have = input.sizes()[d - lead];
    if (size[d] == -1 || size[d] == have) {
      sizes[d] = have;
      strides[d] = input.strides()[d - lead];
    } else {
      FB_CHECK(have == 1, "The expanded size of the tensor (", size[d],
               ") must match the existing size (", have, ") at non-singleton dimension ", d,
               ".  Target sizes: ", shape_text(size),
               ".  Tensor sizes: ", shape_text(input.sizes()));
      FB_CHECK(size[d] >= 0, "The expanded size of the tensor (", size[d],
               ") must not be negative at dimension ", d);
    }
  }
  return input.alias(sizes, strides, input.offset());
}
// The engine sums what was broadcast.
void expand_vjp(Grad& g) { g.set("input", g.dout()); }

OP(expand) {
  .schema = "expand(Tensor input, int[] size) -> Tensor",
  .names = "Tensor.expand",
  .forward = boxed<expand_forward>,
  .vjp = expand_vjp,
  .view = true,
  .samples = "(3,1) [3,4] | (3,) [2,3] | (1,3) [-1,3] | () [2,2] | (1,0) [5,0]",
  .errors = "(3,) [4] -> RuntimeError: must match the existing size (3)",
  .doc = "Repeats dimensions of size 1 without copying; -1 leaves a size as it is.",
};

OP(broadcast_to) {
  .schema = "broadcast_to(Tensor input, int[] size) -> Tensor",
  .forward = boxed<expand>,
  .vjp = composite(),
  .samples = "(3,1) [3,4]",
  .doc = "Broadcasts to the given sizes, as a view.",
};

Tensor expand_as_forward(const Tensor& input, const Tensor& other) {
  return expand(input, other.sizes());
}
OP(expand_as) {
  .schema = "expand_as(Tensor input, Tensor other) -> Tensor",
  .names = "Tensor.expand_as",
  .forward = boxed<expand_as_forward>,
  .vjp = composite(),
  .samples = "(3,1) (3,4) | () (2,)",
  .doc = "``input.expand(other.size())``.",
};
Tensor view_as_forward(const Tensor& input, const Tensor& other) {
  return view(input, other.sizes());
}
OP(view_as) {
  .schema = "view_as(Tensor input, Tensor other) -> Tensor",
  .names = "Tensor.view_as",
  .forward = boxed<view_as_forward>,
  .vjp = composite(),
  .samples = "(2,6) (3,4)",
  .doc = "``input.view(other.size())``.",
};
Tensor reshape_as_forward(const Tensor& input, const Tensor& other) {
  return reshape(input, other.sizes());
}
OP(reshape_as) {
  .schema = "reshape_as(Tensor input, Tensor other) -> Tensor",
  .names = "Tensor.reshape_as",
  .forward = boxed<reshape_as_forward>,
  .vjp = composite(),
  .samples = "(2,6) (3,4)",
  .doc = "``input.reshape(other.size())``.",
};

// --- squeeze, unsqueeze --------------------------------------------------------------------------

Tensor squeezed(const Tensor& input, uint64_t which) {
  Dims sizes, strides;
  for (int64_t d = 0; d < input.dim(); ++d) {
    if (input.sizes()[d] == 1 && which >> d & 1) continue;
    sizes.push_back(input.sizes()[d]);
    strides.push_back(input.strides()[d]);
  }
  return input.alias(sizes, strides, input.offset());
}
Tensor squeeze_all_forward(const Tensor& input) { return squeezed(input, ~uint64_t{0}); }
Tensor squeeze_dims_forward(const Tensor& input, Ints dim) {
  uint64_t which = 0;
  for (int64_t d : dim) which |= uint64_t{1} << wrap_dim(d, input.dim());
  return squeezed(input, which);
}

OP(squeeze) {
  .schema = "squeeze(Tensor input) -> Tensor",
  .forward = boxed<squeeze_all_forward>,
  .vjp = reshape_back,
  .view = true,
  .samples = "(1,3,1) | (2,3) | ()",
  .doc = "Removes all dimensions of size 1.",
};
OP(squeeze_dims) {
  .schema = "squeeze.dims(Tensor input, int[1] dim) -> Tensor",
  .names = "squeeze, Tensor.squeeze",
  .forward = boxed<squeeze_dims_forward>,
  .vjp = reshape_back,
  .view = true,
  .samples = "(1,3,1) 0 | (1,3,1) [0,2] | (2,3) 1",
  .errors = "(2,3) 2 -> IndexError: Dimension out of range",
};

Tensor unsqueeze_forward(const Tensor& input, int64_t dim) {
  int64_t d = wrap_dim(dim, input.dim() + 1);
  Dims sizes(input.sizes()), strides(input.strides());
  int64_t stride = d < input.dim() ? sizes[d] * strides[d] : 1;
  sizes.insert(static_cast<size_t>(d), 1);
  strides.insert(static_cast<size_t>(d), stride);
  return input.alias(sizes, strides, input.offset());
}

OP(unsqueeze) {
  .schema = "unsqueeze(Tensor input, int dim) -> Tensor",
  .forward = boxed<unsqueeze_forward>,
  .vjp = reshape_back,
  .view = true,
  .samples = "(2,3) 0 | (2,3) -1 | () 0",
  .errors = "(2,3) 3 -> IndexError: Dimension out of range",
  .doc = "Inserts a dimension of size 1.",
};

// --- parts ---------------------------------------------------------------------------------------

Tensor select_forward(const Tensor& input, int64_t dim, int64_t index) {
  FB_CHECK_INDEX(input.dim() > 0, "select() cannot be applied to a 0-dim tensor.");
  int64_t d = wrap_dim(dim, input.dim()), n = input.sizes()[d];
  FB_CHECK_INDEX(index >= -n && index < n, "select(): index ", index,
                 " out of range for tensor of size ", shape_text(input.sizes()), " at dimension ",
                 d);
  int64_t i = index < 0 ? index + n : index;
  return input.alias(without(input.sizes(), d), without(input.strides(), d),
                     input.offset() + i * input.strides()[d]);
}
void select_vjp(Grad& g) {
  g.set("input", select_backward(g.dout(), g.sizes("input"), g.arg<int64_t>("dim"),
                                 g.arg<int64_t>("index")));
}

OP(select) {
  .schema = "select(Tensor input, int dim, int index) -> Tensor",
  .forward = boxed<select_forward>,
  .vjp = select_vjp,
  .view = true,
  .samples = "(3,4) 0 1 | (3,4) -1 -1",
  .errors = "(3,4) 0 3 -> IndexError: out of range",
  .doc = "The slice at one index of a dimension, which disappears.",
};

Tensor slice_forward(const Tensor& input, int64_t dim, std::optional<int64_t> start,
                     std::optional<int64_t> end, int64_t step) {
  FB_CHECK(input.dim() > 0, "slice() cannot be applied to a 0-dim tensor.");
  FB_CHECK(step > 0, "slice step must be positive");
  int64_t d = wrap_dim(dim, input.dim()), n = input.sizes()[d];
  auto clamp = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n); };
  int64_t from = clamp(start.value_or(0)), to = std::max(clamp(end.value_or(n)), from);
  Dims sizes(input.sizes()), strides(input.strides());
  sizes[d] = (to - from + step - 1) / step;
  int64_t offset = input.offset() + from * strides[d];
  strides[d] *= step;
  return input.alias(sizes, strides, offset);
}
void slice_vjp(Grad& g) {
  g.set("input", slice_backward(g.dout(), g.sizes("input"), g.arg<int64_t>("dim"),
                                g.arg<std::optional<int64_t>>("start"),
                                g.arg<std::optional<int64_t>>("end"), g.arg<int64_t>("step")));
}

OP(slice) {
  .schema = "slice(Tensor input, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
  .names = "",
  .forward = boxed<slice_forward>,
  .vjp = slice_vjp,
  .view = true,
  .samples = "(5,4) 0 1 4 2 | (5,4) 1 -3 None 1 | (5,) 0 4 2 1",
  .errors = "(5,) 0 0 5 0 -> RuntimeError: step must be positive",
  .doc = "Every ``step``-th slice of a dimension from ``start`` up to ``end``.",
};

Tensor narrow_forward(const Tensor& input, int64_t dim, int64_t start, int64_t length) {
  FB_CHECK(input.dim() > 0, "narrow() cannot be applied to a 0-dim tensor.");
  FB_CHECK(length >= 0, "narrow(): length must be non-negative.");
  int64_t d = wrap_dim(dim, input.dim()), n = input.sizes()[d];
  FB_CHECK_INDEX(start >= -n && start <= n, "start out of range (expected to be in range of [", -n,
                 ", ", n, "], but got ", start, ")");
  if (start < 0) start += n;
  FB_CHECK(start + length <= n, "start (", start, ") + length (", length,
           ") exceeds dimension size (", n, ").");
  return slice(input, d, start, start + length, 1);
}
OP(narrow) {
  .schema = "narrow(Tensor input, int dim, int start, int length) -> Tensor",
  .forward = boxed<narrow_forward>,
  .vjp = composite(),
  .samples = "(5,4) 0 1 3 | (5,4) 1 -2 2",
  .errors = "(5,) 0 3 4 -> RuntimeError: exceeds dimension size",
  .doc = "``length`` slices of a dimension from ``start`` on.",
};

Tensor diagonal_forward(const Tensor& input, int64_t offset, int64_t dim1, int64_t dim2) {
  int64_t a = wrap_dim(dim1, input.dim()), b = wrap_dim(dim2, input.dim());
  FB_CHECK(a != b, "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  Ints sizes = input.sizes(), strides = input.strides();
  int64_t length =
      offset >= 0 ? std::min(sizes[a], sizes[b] - offset) : std::min(sizes[a] + offset, sizes[b]);
  length = std::max<int64_t>(length, 0);
  int64_t first = input.offset();
  if (length > 0) first += offset >= 0 ? offset * strides[b] : -offset * strides[a];
  Dims out_sizes, out_strides;
  for (int64_t d = 0; d < input.dim(); ++d) {
    if (d == a || d == b) continue;
    out_sizes.push_back(sizes[d]);
    out_strides.push_back(strides[d]);
  }
  out_sizes.push_back(length);
  out_strides.push_back(strides[a] + strides[b]);
  return input.alias(out_sizes, out_strides, first);
}
void diagonal_vjp(Grad& g) {
  g.set("input", diagonal_backward(g.dout(), g.sizes("input"), g.arg<int64_t>("offset"),
                                   g.arg<int64_t>("dim1"), g.arg<int64_t>("dim2")));
}

OP(diagonal) {
  .schema = "diagonal(Tensor input, int offset=0, int dim1=0, int dim2=1) -> Tensor",
  .names = "diagonal, Tensor.diagonal",
  .forward = boxed<diagonal_forward>,
  .vjp = diagonal_vjp,
  .view = true,
  .samples = "(3,4) | (3,4) 1 | (3,4) -1 | (2,3,4) 0 -2 -1",
  .errors = "(3,4) 0 1 1 -> RuntimeError: cannot be identical",
  .doc = "The elements where two indices differ by ``offset``, as the last dimension of a view.",
};

Tensor unfold_forward(const Tensor& input, int64_t dimension, int64_t size, int64_t step) {
  int64_t d = wrap_dim(dimension, input.dim()), n = input.dim() ? input.sizes()[d] : 1;
  FB_CHECK(size >= 0, "size is ", size, " but must be >= 0");
  FB_CHECK(size <= n, "maximum size for tensor at dimension ", d, " is ", n, " but size is ", size);
  FB_CHECK(step > 0, "step is ", step, " but must be > 0");
  Dims sizes(input.sizes()), strides(input.strides());
  int64_t stride = input.dim() ? strides[d] : 1;
  if (input.dim()) {
    sizes[d] = (n - size) / step + 1;
    strides[d] = stride * step;
  }
  sizes.push_back(size);
  strides.push_back(stride);
  return input.alias(sizes, strides, input.offset());
}
void unfold_vjp(Grad& g) {
  g.set("input", unfold_backward(g.dout(), g.sizes("input"), g.arg<int64_t>("dimension"),
                                 g.arg<int64_t>("size"), g.arg<int64_t>("step")));
}

OP(unfold) {
  .schema = "unfold(Tensor input, int dimension, int size, int step) -> Tensor",
  .names = "Tensor.unfold",
  .forward = boxed<unfold_forward>,
  .vjp = unfold_vjp,
  .view = true,
  .samples = "(7,) 0 3 2 | (2,6) 1 2 1 | (5,) 0 5 1",
  .errors = "(3,) 0 4 1 -> RuntimeError: maximum size for tensor",
  .doc = "All windows of ``size`` along a dimension, ``step`` apart, as a new last dimension.",
};

Tensor as_strided_forward(const Tensor& input, Ints size, Ints stride,
                          std::optional<int64_t> storage_offset) {
  int64_t offset = storage_offset.value_or(input.offset());
  FB_CHECK(size.size() == stride.size(), "mismatch in length of strides and shape");
  FB_CHECK(offset >= 0, "Tensor: invalid storage offset ", offset);
  for (int64_t s : stride)
    FB_CHECK(s >= 0, "as_strided: Negative strides are not supported at the moment, got strides: ",
             shape_text(stride));
  count_elements(size);
  int64_t extent = storage_extent(size, stride);
  auto needed = static_cast<size_t>((offset + extent) * input.item_size());
  FB_CHECK(extent == 0 || needed <= input.storage()->nbytes(), "setStorage: sizes ",
           shape_text(size), ", strides ", shape_text(stride), ", storage offset ", offset,
           ", and itemsize ", input.item_size(), " requiring a storage size of ", needed,
           " are out of bounds for storage of size ", input.storage()->nbytes());
  return strided_view(input, size, stride, offset);
}

OP(as_strided) {
  .schema =
      "as_strided(Tensor input, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
  .forward = boxed<as_strided_forward>,
  .vjp = composite(),
  .samples = "(12,) [3,2] [4,1] | (12,) [3,2] [2,1] 1 | (4,) [2,3] [1,1] 0",
  .errors = "(4,) [5] [1] -> RuntimeError: out of bounds for storage",
  .doc = "A view with any sizes, strides and offset, all counted in elements of the storage.",
};

// --- complex numbers as pairs --------------------------------------------------------------------

Tensor view_as_real_forward(const Tensor& input) {
  FB_CHECK(is_complex(input.dtype()), "view_as_real is only supported for complex tensors");
  Dims sizes(input.sizes()), strides(input.strides());
  for (int64_t& s : strides) s *= 2;
  sizes.push_back(2);
  strides.push_back(1);
  Tensor out = input.alias();
  out.impl()->dtype = real_dtype(input.dtype());
  out.impl()->offset *= 2;
  out.impl()->set_geometry(sizes, strides);
  return out;
}
void view_as_real_vjp(Grad& g) { g.set("input", view_as_complex(contiguous(g.dout()))); }
OP(view_as_real) {
  .schema = "view_as_real(Tensor input) -> Tensor",
  .names = "view_as_real",
  .forward = boxed<view_as_real_forward>,
  .vjp = view_as_real_vjp,
  .view = true,
  .samples = "(3,):complex64",
  .errors = "(3,) -> RuntimeError: only supported for complex",
  .doc = "Real and imaginary parts as a last dimension of size 2.",
};

Tensor view_as_complex_forward(const Tensor& input) {
  FB_CHECK(
      input.dtype() == DType::Float32 || input.dtype() == DType::Float64,
      "view_as_complex is only supported for half, float and double tensors, but got a tensor of "
      "scalar type: ",
      input.dtype());
  FB_CHECK(input.dim() > 0, "Input tensor must have one or more dimensions");
  FB_CHECK(input.sizes().back() == 2, "Tensor must have a last dimension of size 2");
  FB_CHECK(input.strides().back() == 1, "Tensor must have a last dimension with stride 1");
  Dims sizes(input.sizes()), strides(input.strides());
  sizes.pop_back();
  strides.pop_back();
  for (int64_t& s : strides) {
    FB_CHECK(s % 2 == 0, "Tensor must have a stride divisible by 2 for all but last dimension");
    s /= 2;
  }
  FB_CHECK(input.offset() % 2 == 0, "Tensor must have a storage_offset divisible by 2");
  Tensor out = input.alias();
  out.impl()->dtype = complex_dtype(input.dtype());
  out.impl()->offset /= 2;
  out.impl()->set_geometry(sizes, strides);
  return out;
}
void view_as_complex_vjp(Grad& g) { g.set("input", view_as_real(g.dout())); }
OP(view_as_complex) {
  .schema = "view_as_complex(Tensor input) -> Tensor",
  .names = "view_as_complex",
  .forward = boxed<view_as_complex_forward>,
  .vjp = view_as_complex_vjp,
  .view = true,
  .autocast = Autocast::Float32,
  .samples = "(3,2)",
  .errors = "(3,3) -> RuntimeError: last dimension of size 2",
  .doc = "The last dimension of size 2 read as real and imaginary part.",
};

Tensor real_forward(const Tensor& input) {
  return is_complex(input.dtype()) ? select(view_as_real(input), -1, 0) : input;
}
Tensor imag_forward(const Tensor& input) {
  FB_CHECK(is_complex(input.dtype()),
           "imag is not implemented for tensors with non-complex dtypes.");
  return select(view_as_real(input), -1, 1);
}
OP(real) {
  .schema = "real(Tensor input) -> Tensor",
  .names = "real",
  .forward = boxed<real_forward>,
  .vjp = composite(),
  .samples = "(3,):complex64 | (3,)",
  .doc = "The real part, as a view.",
};
OP(imag) {
  .schema = "imag(Tensor input) -> Tensor",
  .names = "imag",
  .forward = boxed<imag_forward>,
  .vjp = composite(),
  .samples = "(3,):complex64",
  .errors = "(3,) -> RuntimeError: non-complex",
  .doc = "The imaginary part, as a view.",
};

}  // namespace
}  // namespace fb
