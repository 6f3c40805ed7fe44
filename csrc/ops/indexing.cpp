// Slices of one dimension, picked or changed by an index.
#include "ops/indexing.h"

#include "ops/copy_kernels.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/grad.h"
#include "ops/operators.h"
#include "ops/slices.h"
#include "ops/view.h"

namespace fb {
namespace {

[[noreturn]] void fail_in_self(int64_t, size_t, Ints) {
  raise(ErrorKind::Index, "index out of range in self");
}
[[noreturn]] void fail_runtime(int64_t index, size_t d, Ints sizes) {
  raise(ErrorKind::Runtime, "index ", index, " is out of bounds for dimension ", d, " with size ",
        sizes[d]);
}

// --- index_select --------------------------------------------------------------------------------

Tensor index_select_forward(const Tensor& input, int64_t dim, const Tensor& index, Out out) {
  FB_CHECK_INDEX(index.dim() <= 1, "index_select(): Index is supposed to be a vector");
  FB_CHECK(index.dtype() == DType::Int64 || index.dtype() == DType::Int32,
           "index_select(): Expected dtype int32 or int64 for index");
  const int64_t d = wrap_dim(dim, input.dim()), n = index.numel();
  FB_CHECK(input.dim() > 0 || n == 1, "index_select(): Index to scalar can have only 1 value, got ",
           n, " value(s)");
  Dims sizes(input.sizes());
  if (!sizes.empty()) sizes[static_cast<size_t>(d)] = n;
  Tensor result = out.make(sizes, input.dtype(), input.device());
  Tensor offsets = slice_offsets(input, d, index, false, fail_in_self);
  Tensor shown = input.dim() ? result : result.alias(Dims{1}, Dims{1}, result.offset());
  kernels::read_slices(shown, displaced(input, d, n), d, offsets);
  return out.finish(result);
}
void index_select_vjp(Grad& g) {
  Tensor zero = zeros(g.sizes("input"), g.dout().dtype(), g.dout().device());
  g.set("input", index_add(zero, g.arg<int64_t>("dim"), g.in("index"), g.dout()));
}

OP(index_select) {
  .schema = "index_select(Tensor input, int dim, Tensor index) -> Tensor",
  .forward = boxed<index_select_forward>,
  .vjp = index_select_vjp,
  .save = "index",
  .samples =
      "(5,3) 0 (4,):int64@0..5 | (2,3,4) -1 (2,):int64@0..4 | () 0 (1,):int64@0..1 | (5,0) 0 (2,):int64@0..5",
  .errors =
      "(3,4) 0 (1,):int64@7..9 -> IndexError: index out of range in self"
      " | (3,4) 0 (1,1):int64@0..1 -> IndexError: Index is supposed to be a vector",
  .doc = "The slices of dimension ``dim`` that a vector of indices names, in its order.",
};

// --- index_add -----------------------------------------------------------------------------------

void check_slices(const char* name, const Tensor& input, int64_t d, const Tensor& index,
                  const Tensor& source) {
  FB_CHECK_INDEX(
      index.dim() <= 1, name, "(): Index is supposed to be a vector, but got dim: ", index.dim(),
      " with type: ", dtype_class_name(index.dtype()), " and size: ", shape_text(index.sizes()));
  FB_CHECK(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, name,
           "(): Expected dtype int32/int64 for index but got: ", dtype_class_name(index.dtype()));
  FB_CHECK(input.dtype() == source.dtype(), name, "(): self (", dtype_class_name(input.dtype()),
           ") and source (", dtype_class_name(source.dtype()), ") must have the same scalar type");
  const int64_t n =
      source.dim() ? (d < source.dim() ? source.sizes()[static_cast<size_t>(d)] : -1) : 1;
  FB_CHECK(index.numel() == n, name, "(): Number of indices (", index.numel(),
           ") should be equal to source.size(dim): (", n, "), for dim: ", d);
  bool same = source.dim() == input.dim() || source.dim() == 0 || input.dim() == 0;
  for (int64_t i = 0; same && i < std::min(input.dim(), source.dim()); ++i) {
    same =
        i == d || input.sizes()[static_cast<size_t>(i)] == source.sizes()[static_cast<size_t>(i)];
  }
  FB_CHECK(
      same,
      "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = ",
      shape_text(input.sizes()), " source.shape = ", shape_text(source.sizes()));
}

Tensor index_add_forward(const Tensor& input, int64_t dim, const Tensor& index,
                         const Tensor& source, const Scalar& alpha, Out out) {
  const int64_t d = wrap_dim(dim, input.dim());
  check_slices("index_add_", input, d, index, source);
  check_overlap(out.given() ? *out.given() : input, source);
  Tensor result = copied(input, out);
  Tensor offsets = slice_offsets(result, d, index, false, fail_runtime);
  Tensor values = alpha.equal(1) ? source : mul(source, wrapped_number(alpha));
  Tensor target = displaced(result, d, index.numel());
  kernels::add_slices(
      target,
      values.alias(target.sizes(), values.dim() ? values.strides() : target.strides(),
                   values.offset()),
      d, offsets);
  return out.finish(result);
}
void index_add_vjp(Grad& g) {
  g.set("input", g.dout());
  if (!g.needs("source")) return;
  Tensor part = index_select(g.dout(), g.arg<int64_t>("dim"), g.in("index"));
  Scalar alpha = g.arg<Scalar>("alpha");
  if (!alpha.equal(1)) part = part * alpha.conj();
  g.set("source", reshape(part, g.sizes("source")));
}

OP(index_add) {
  .schema =
      "index_add(Tensor input, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor",
  .names = "index_add, Tensor.index_add, Tensor.index_add_",
  .forward = boxed<index_add_forward>,
  .vjp = index_add_vjp,
  .save = "index for source",
  .samples =
      "(5,3) 0 (4,):int64@0..5 (4,3) | (2,3,4) -1 (2,):int64@0..4 (2,3,2) alpha=2 | (5,) 0 (0,):int64 (0,)",
  .errors =
      "(3,4) 0 (1,):int64@7..9 (1,4) -> RuntimeError: is out of bounds for dimension 0 with size 3",
  .doc =
      "Adds the slices of ``source``, times ``alpha``, to the slices of ``input`` that ``index`` names.",
};

}  // namespace
}  // namespace fb
