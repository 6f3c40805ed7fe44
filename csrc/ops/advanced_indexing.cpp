// Elements picked or changed by tensors of indices and by masks: x[i, :, mask] and its like.
#include "ops/advanced_indexing.h"

#include <algorithm>

#include "ops/copy.h"
#include "ops/copy_kernels.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/grad.h"
#include "ops/slices.h"
#include "ops/view.h"

namespace fb {
namespace {

using TensorSpan = std::span<const Tensor>;

[[noreturn]] void fail_index(int64_t index, size_t d, Ints sizes) {
  if (sizes[d] == 0) raise(ErrorKind::Index, "index is out of bounds for dimension with size 0");
  raise(ErrorKind::Index, "index ", index, " is out of bounds for dimension ", d, " with size ",
        sizes[d]);
}

bool is_mask(const Tensor& t) { return t.dtype() == DType::Bool || t.dtype() == DType::UInt8; }

void check_mask(const Tensor& mask, const Tensor& input, size_t at) {
  FB_CHECK_INDEX(mask.dim() > 0, "a mask of zero dimensions cannot be one of several indices");
  for (size_t d = 0; d < mask.sizes().size(); ++d) {
    FB_CHECK_INDEX(at + d < input.sizes().size(), "too many indices for tensor of dimension ",
                   input.dim());
    FB_CHECK_INDEX(mask.sizes()[d] == input.sizes()[at + d], "The shape of the mask ",
                   shape_text(mask.sizes()), " at index ", d,
                   " does not match the shape of the indexed tensor ", shape_text(input.sizes()),
                   " at index ", at + d);
  }
}

// What an index means for a tensor: the indexed dimensions become one, whose k-th slice lies at
// offsets[k].
struct Places {
  Dims kept_sizes, kept_strides;  // dimensions that stay
  size_t at = 0;                  // how many of them come before the indexed ones
  Dims index_sizes;
  Tensor offsets;

  int64_t count() const { return offsets.numel(); }
  Dims with(Ints middle) const {
    Dims sizes(kept_sizes.span().first(at));
    for (int64_t n : middle) sizes.push_back(n);
    for (size_t d = at; d < kept_sizes.size(); ++d) sizes.push_back(kept_sizes[d]);
    return sizes;
  }
  Dims result_sizes() const { return with(index_sizes); }
  Dims joined_sizes() const { return with(Dims{count()}); }
  // The indexed tensor, to be displaced by offsets.
  Tensor displaced(const Tensor& t) const {
    Dims strides = kept_strides;
    strides.insert(at, 0);
    return t.alias(joined_sizes(), strides, t.offset());
  }
};

// Dimensions `indexed` are taken together; unless they are neighbours, the result has theirs first.
void keep_others(Places& p, const Tensor& input, const std::vector<bool>& indexed) {
  size_t runs = 0, before = 0;
  for (size_t d = 0; d < indexed.size(); ++d) {
    if (!indexed[d]) {
      p.kept_sizes.push_back(input.sizes()[d]);
      p.kept_strides.push_back(input.strides()[d]);
    } else if (d == 0 || !indexed[d - 1]) {
      before = p.kept_sizes.size();
      ++runs;
    }
  }
  p.at = runs == 1 ? before : 0;
}

Places places_of_mask(const Tensor& input, const Tensor& mask, size_t at) {
  check_mask(mask, input, at);
  const auto dims = static_cast<size_t>(mask.dim());
  std::vector<bool> indexed(input.sizes().size());
  std::fill_n(indexed.begin() + static_cast<int64_t>(at), dims, true);
  Places p;
  keep_others(p, input, indexed);
  p.offsets = true_offsets(mask, input.strides().subspan(at, dims));
  p.index_sizes = Dims{p.count()};
  return p;
}

// Each mask becomes as many lists of places as it has dimensions; undefined where a dimension
// stays.
Tensors without_masks(const Tensor& input, TensorSpan indices) {
  Tensors out;
  for (const Tensor& index : indices) {
    if (!index.defined()) {
      out.emplace_back();
    } else if (is_mask(index)) {
      check_mask(index, input, out.size());
      Tensor rows = true_indices(index);
      for (int64_t d = 0; d < index.dim(); ++d) {
        out.push_back(
            rows.alias(Dims{rows.sizes()[1]}, Dims{1}, rows.offset() + d * rows.strides()[0]));
      }
    } else {
      FB_CHECK_INDEX(index.dtype() == DType::Int64 || index.dtype() == DType::Int32,
                     "tensors used as indices must be long, int, byte or bool tensors");
      out.push_back(index);
    }
  }
  FB_CHECK_INDEX(out.size() <= input.sizes().size(), "too many indices for tensor of dimension ",
                 input.dim(), " (got ", out.size(), ")");
  out.resize(input.sizes().size());
  return out;
}

Dims index_shape(const Tensors& indices) {
  Dims shape;
  for (const Tensor& index : indices) {
    if (!index.defined()) continue;
    if (broadcasts_to(index.sizes(), shape)) continue;
    try {
      shape = broadcast_shapes(shape, index.sizes());
    } catch (const Error&) {
      std::string shapes;
      for (const Tensor& t : indices) {
        if (t.defined()) shapes += (shapes.empty() ? "" : ", ") + shape_text(t.sizes());
      }
      raise(ErrorKind::Index,
            "shape mismatch: indexing tensors could not be broadcast together with shapes ",
            shapes);
    }
  }
  return shape;
}

Tensor spread(const Tensor& index, Ints sizes) {
  if (same_shape(index.sizes(), sizes)) return long_index(index);
  Tensor out = empty(sizes, DType::Int64, index.device());
  kernels::copy(out, index);
  return out;
}

Places places_of(const Tensor& input, TensorSpan given) {
  size_t defined = 0, last = 0;
  for (size_t i = 0; i < given.size(); ++i) {
    if (given[i].defined()) last = i, ++defined;
    check_one_device(input, given[i]);
  }
  FB_CHECK_INDEX(defined > 0, "index: at least one tensor of indices is needed");
  if (defined == 1 && is_mask(given[last]) && given[last].dim() > 0)
    return places_of_mask(input, given[last], last);

  Tensors indices = without_masks(input, given), lists;
  Places p;
  p.index_sizes = index_shape(indices);
  std::vector<bool> indexed(indices.size());
  Dims sizes, strides;
  for (size_t d = 0; d < indices.size(); ++d) {
    if (!indices[d].defined()) continue;
    indexed[d] = true;
    lists.push_back(spread(indices[d], p.index_sizes));
    sizes.push_back(input.sizes()[d]);
    strides.push_back(input.strides()[d]);
  }
  keep_others(p, input, indexed);
  p.offsets = empty(Dims{count_elements(p.index_sizes)}, DType::Int64, input.device());
  // As in PyTorch, indices into rows without elements are not looked at.
  const bool reads = input.numel() > 0 || std::ranges::find(sizes, 0) != sizes.end();
  if (reads) kernels::index_offsets(p.offsets, lists, sizes, strides, true, fail_index);
  return p;
}

// --- index ---------------------------------------------------------------------------------------

Tensor index_forward(const Tensor& input, TensorSpan indices) {
  Places p = places_of(input, indices);
  Tensor out = empty(p.result_sizes(), input.dtype(), input.device());
  Dims joined = p.joined_sizes();
  kernels::read_slices(out.alias(joined, contiguous_strides(joined), out.offset()),
                       p.displaced(input), static_cast<int64_t>(p.at), p.offsets);
  return out;
}

Tensors saved_indices(const Grad& g) {
  Tensors indices;
  for (size_t j = 0; j < g.count("indices"); ++j) indices.push_back(g.in("indices", j));
  return indices;
}

// A mask names no element twice.
bool may_repeat(TensorSpan indices) {
  for (const Tensor& index : indices) {
    if (index.defined() && !is_mask(index)) return true;
  }
  return false;
}

void index_vjp(Grad& g) {
  if (!g.needs("input")) return;
  Tensor whole = zeros(g.sizes("input"), g.dout().dtype(), g.dout().device());
  Tensors indices = saved_indices(g);
  g.set("input", index_put_(whole, indices, g.dout(), may_repeat(indices)));
}

OP(index) {
  .schema = "index(Tensor input, Tensor?[] indices) -> Tensor",
  .names = "",
  .forward = boxed<index_forward>,
  .vjp = index_vjp,
  .save = "indices",
  .samples =
      "(5,3) [(4,):int64@0..5] | (2,3,4) [None,(2,1):int64@0..3,(3,):int64@0..4]"
      " | (2,3,4) [(2,):int64@0..2,None,(2,):int64@0..4] | (3,4) [(3,):bool] | (3,4) "
      "[(3,4):bool]",
  .errors =
      "(3,4) [(1,):int64@7..8] -> IndexError: index 7 is out of bounds for dimension 0 with size "
      "3"
      " | (3,4) [(2,):bool] -> IndexError: The shape of the mask [2] at index 0 does not match",
};

// --- index_put -----------------------------------------------------------------------------------

// `values` broadcast to the result of the index, the indexed dimensions joined.
Tensor joined_values(const Places& p, const Tensor& values) {
  Dims sizes = p.result_sizes(), joined = p.joined_sizes();
  FB_CHECK(broadcasts_to(values.sizes(), sizes), "shape mismatch: value tensor of shape ",
           shape_text(values.sizes()), " cannot be broadcast to indexing result of shape ",
           shape_text(sizes));
  Tensor wide = expand(values, sizes);
  if (auto strides = view_strides(wide.sizes(), wide.strides(), joined))
    return wide.alias(joined, *strides, wide.offset());
  Tensor copy = empty(sizes, values.dtype(), values.device());
  kernels::copy(copy, wide);
  return copy.alias(joined, contiguous_strides(joined), copy.offset());
}

Tensor index_put_forward(const Tensor& input, TensorSpan indices, const Tensor& values,
                         bool accumulate, Out out) {
  FB_CHECK(input.dtype() == values.dtype(),
           "Index put requires the source and destination dtypes match, got ",
           dtype_class_name(input.dtype()), " for the destination and ",
           dtype_class_name(values.dtype()), " for the source.");
  check_one_device(input, values);
  Tensor base, target = to_change(input, out, base);
  Places p = places_of(target, indices);
  Tensor from = joined_values(p, values.storage() == target.storage() ? clone(values) : values);
  const auto dim = static_cast<int64_t>(p.at);
  if (accumulate) {
    kernels::add_slices(p.displaced(target), base, from, dim, p.offsets);
  } else {
    kernels::write_slices(p.displaced(target), base, from, dim, p.offsets);
  }
  return out.finish(target);
}
void index_put_vjp(Grad& g) {
  Tensors indices = saved_indices(g);
  if (g.needs("input")) {
    g.set("input",
          g.arg<bool>("accumulate")
              ? g.dout()
              : index_put(g.dout(), indices, zeros(Dims{}, g.dout().dtype(), g.dout().device())));
  }
  if (g.needs("values")) g.set("values", index(g.dout(), indices));
}

OP(index_put) {
  .schema =
      "index_put(Tensor input, Tensor?[] indices, Tensor values, bool accumulate=False) -> "
      "Tensor",
  .names = "index_put, Tensor.index_put, Tensor.index_put_, index_put_",
  .forward = boxed<index_put_forward>,
  .vjp = index_put_vjp,
  .save = "indices",
  .samples =
      "(5,3) [(2,1):int64@0..5,(1,):int64@0..3] (2,1) | (5,3) [(4,):int64@0..5] (3,) "
      "accumulate=True | (3,4) [(3,):bool] ()"
      " | (2,3,4) [None,(2,):int64@0..3] (2,2,4) True",
  .errors =
      "(3,4) [(1,):int64@7..8] (4,) -> IndexError: index 7 is out of bounds for dimension 0 with "
      "size 3"
      " | (3,4) [(2,):int64@0..3] (3,) -> RuntimeError: shape mismatch: value tensor of shape "
      "[3] cannot be broadcast",
  .doc =
      R"(Puts ``values`` where the tuple of index tensors points, as ``input[indices] = values`` does.

Args:
    indices: tensors of integers or masks, one for each indexed dimension; None leaves one out.
    values: broadcast to the shape of ``input[indices]``.
    accumulate: add instead; places named several times get each of their values.
)",
};

}  // namespace
}  // namespace fb
