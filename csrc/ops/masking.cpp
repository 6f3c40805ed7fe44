// Elements that are not zero, and what a mask picks.
#include "ops/masking.h"

#include "ops/advanced_indexing.h"
#include "ops/copy.h"
#include "ops/copy_kernels.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/grad.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_select.h"
#include "ops/slices.h"
#include "ops/view.h"

namespace fb {
namespace {

Tensor true_where_nonzero(const Tensor& t) {
  return t.dtype() == DType::Bool ? t : ne(t, wrapped_number(0));
}

// --- nonzero -------------------------------------------------------------------------------------

Tensor nonzero_forward(const Tensor& input) {
  Tensor rows = true_indices(true_where_nonzero(input));
  return rows.alias(Dims{rows.sizes()[1], rows.sizes()[0]}, Dims{1, rows.sizes()[1]}, 0);
}

OP(nonzero) {
  .schema = "nonzero(Tensor input) -> Tensor",
  .names = "_nonzero, argwhere, Tensor.argwhere",
  .forward = boxed<nonzero_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4):int64@0..2 | (5,):bool | () | (0,3) | (2,3,4):bool",
  .doc =
      R"((count, dimensions): one row with the indices of each element that is not zero, in order.

Example::

    >>> torch.argwhere(torch.tensor([[0, 5], [7, 0]]))
    tensor([[0, 1],
            [1, 0]])
)",
};

// A 0-d tensor counts as 1-d.
Tensors nonzero_numpy_forward(const Tensor& input) {
  Tensor rows = true_indices(
      true_where_nonzero(input.dim() ? input : input.alias(Dims{1}, Dims{1}, input.offset())));
  Tensors out;
  const int64_t n = rows.sizes()[1];
  for (int64_t d = 0; d < rows.sizes()[0]; ++d) out.push_back(rows.alias(Dims{n}, Dims{1}, d * n));
  return out;
}

OP(nonzero_numpy) {
  .schema = "nonzero_numpy(Tensor input) -> Tensor[]",
  .names = "_nonzero_tuple",
  .forward = boxed<nonzero_numpy_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4):int64@0..2 | (5,):bool | ()",
  .doc = "The places of elements that are not 0, one tensor for each dimension.",
};

Tensor nonzero_static_forward(const Tensor& input, int64_t size, int64_t fill_value) {
  FB_CHECK(size >= 0, "nonzero_static: 'size' must be a non-negative integer, but got ", size);
  Tensor out = empty(Dims{size, input.dim()}, DType::Int64, input.device());
  kernels::fill(out, Scalar(fill_value));
  if (input.is_meta()) return out;
  Tensor rows = nonzero_forward(input);
  const int64_t n = std::min(size, rows.sizes()[0]);
  Dims sizes{n, input.dim()};
  kernels::copy(out.alias(sizes, out.strides(), 0), rows.alias(sizes, rows.strides(), 0));
  return out;
}

OP(nonzero_static) {
  .schema = "nonzero_static(Tensor input, *, int size, int fill_value=-1) -> Tensor",
  .forward = boxed<nonzero_static_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4):int64@0..2 size=5 | (3,4):bool size=20 fill_value=7 | () size=2",
  .doc = "As nonzero, cut off or filled up to ``size`` rows.",
};

OP(where_condition) {
  .schema = "where.condition(Tensor condition) -> Tensor[]",
  .names = "where",
  .forward = boxed<nonzero_numpy_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4):bool | (5,):int64@0..2",
};

// --- masked_select -------------------------------------------------------------------------------

void check_bool(const char* name, const Tensor& mask) {
  FB_CHECK(mask.dtype() == DType::Bool, name, ": expected BoolTensor for mask, but got ",
           dtype_class_name(mask.dtype()));
}

Tensor masked_select_forward(const Tensor& input, const Tensor& mask, Out out) {
  check_bool("masked_select", mask);
  check_one_device(input, mask);
  Dims sizes = broadcast_shapes(input.sizes(), mask.sizes());
  Tensor wide = expand(input, sizes), offsets = true_offsets(expand(mask, sizes), wide.strides());
  const int64_t n = offsets.numel();
  Tensor result = out.make(Dims{n}, input.dtype(), input.device());
  kernels::read_slices(result, wide.alias(Dims{n}, Dims{0}, wide.offset()), 0, offsets);
  return out.finish(result);
}
void masked_select_vjp(Grad& g) {
  if (!g.needs("input")) return;
  Tensor mask = g.in("mask");
  Tensor whole =
      zeros(broadcast_shapes(g.sizes("input"), mask.sizes()), g.dout().dtype(), g.dout().device());
  g.set("input", masked_scatter(whole, mask, g.dout()));
}

OP(masked_select) {
  .schema = "masked_select(Tensor input, Tensor mask) -> Tensor",
  .forward = boxed<masked_select_forward>,
  .vjp = masked_select_vjp,
  .save = "mask",
  .samples = "(3,4) (3,4):bool | (3,4) (4,):bool | (4,) (3,4):bool | () ():bool | (0,3) (0,3):bool",
  .errors = "(3,) (3,) -> RuntimeError: masked_select: expected BoolTensor for mask",
  .doc = "The elements of ``input`` where ``mask`` is true, as a vector; both broadcast.",
};

// --- masked_scatter ------------------------------------------------------------------------------

Tensor masked_scatter_forward(const Tensor& input, const Tensor& mask, const Tensor& source,
                              Out out) {
  FB_CHECK(input.dtype() == source.dtype(),
           "masked_scatter: expected self and source to have same dtypes but got ",
           dtype_class_name(input.dtype()), " and ", dtype_class_name(source.dtype()));
  check_bool("masked_scatter_", mask);
  check_one_device(input, mask);
  check_one_device(input, source);
  Tensor target = copied(
      out.inplace() ? input : expand(input, broadcast_shapes(input.sizes(), mask.sizes())), out);
  FB_CHECK(broadcasts_to(mask.sizes(), target.sizes()), "masked_scatter: the mask of shape ",
           shape_text(mask.sizes()), " does not broadcast to the tensor of shape ",
           shape_text(target.sizes()));
  Tensor offsets = true_offsets(expand(mask, target.sizes()), target.strides());
  const int64_t n = offsets.numel();
  FB_CHECK(source.numel() >= n,
           "masked_scatter: expected the source to have at least as many elements as the mask has "
           "ones, but got ",
           source.numel(), " and ", n);
  Tensor values = source.is_contiguous() && source.storage() != target.storage()
                      ? source
                      : clone(source, MemoryFormat::Contiguous);
  kernels::write_slices(target.alias(Dims{n}, Dims{0}, target.offset()), Tensor(),
                        values.alias(Dims{n}, Dims{1}, values.offset()), 0, offsets);
  return out.finish(target);
}
void masked_scatter_vjp(Grad& g) {
  Tensor mask = g.in("mask");
  if (g.needs("input")) g.set("input", masked_fill(g.dout(), mask, wrapped_number(0)));
  if (!g.needs("source")) return;
  Tensor used = masked_select(g.dout(), mask);
  Ints sizes = g.sizes("source");
  Tensor all = zeros(Dims{count_elements(sizes)}, used.dtype(), used.device());
  copy_(narrow(all, 0, 0, used.numel()), used);
  g.set("source", reshape(all, sizes));
}

OP(masked_scatter) {
  .schema = "masked_scatter(Tensor input, Tensor mask, Tensor source) -> Tensor",
  .names = "masked_scatter, Tensor.masked_scatter, Tensor.masked_scatter_",
  .forward = boxed<masked_scatter_forward>,
  .vjp = masked_scatter_vjp,
  .save = "mask",
  .samples = "(3,4) (3,4):bool (12,) | (3,4) (4,):bool (3,5) | (0,) (0,):bool (0,)",
  .errors =
      "(3,) (3,):bool (4,):int64 -> RuntimeError: masked_scatter: expected self and source to "
      "have same dtypes",
  .doc =
      "A copy of ``input`` with the elements where ``mask`` is true taken from ``source``, in "
      "order.",
};

}  // namespace
}  // namespace fb
