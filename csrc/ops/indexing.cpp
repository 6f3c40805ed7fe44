// Slices of one dimension, picked or changed by an index.
#include "ops/indexing.h"

#include "ops/copy.h"
#include "ops/copy_kernels.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/grad.h"
#include "ops/operators.h"
#include "ops/reduce.h"
#include "ops/slices.h"
#include "ops/view.h"

namespace fb {
namespace {

[[noreturn]] void fail_in_self(int64_t, size_t, Ints) {
  raise(ErrorKind::Index, "index out of range in self");
}
[[noreturn]] void fail_index_copy(int64_t index, size_t, Ints sizes) {
  raise(ErrorKind::Index, "index_copy_(): index ", index,
        " is out of bounds for dimension 0 with size ", sizes[0]);
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
  check_one_device(input, source);
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
  Tensor base, result = to_change(input, out, base);
  Tensor offsets = slice_offsets(result, d, index, false, fail_runtime);
  Tensor values = alpha.equal(1) ? source : mul(source, wrapped_number(alpha));
  Tensor target = displaced(result, d, index.numel());
  kernels::add_slices(
      target, base,
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

// --- index_copy ----------------------------------------------------------------------------------

// `values` seen with the sizes of `target`, which is the displaced tensor to write.
Tensor shaped_for(const Tensor& target, const Tensor& values) {
  return values.alias(target.sizes(), values.dim() ? values.strides() : target.strides(),
                      values.offset());
}

Tensor index_copy_forward(const Tensor& input, int64_t dim, const Tensor& index,
                          const Tensor& source, Out out) {
  const int64_t d = wrap_dim(dim, input.dim());
  check_slices("index_copy_", input, d, index, source);
  check_overlap(out.given() ? *out.given() : input, source);
  Tensor base, result = to_change(input, out, base);
  Tensor offsets = slice_offsets(result, d, index, false, fail_index_copy);
  Tensor target = displaced(result, d, index.numel());
  kernels::write_slices(target, base, shaped_for(target, source), d, offsets);
  return out.finish(result);
}
void index_copy_vjp(Grad& g) {
  const int64_t dim = g.arg<int64_t>("dim");
  Tensor index = g.in("index");
  if (g.needs("input")) g.set("input", index_fill(g.dout(), dim, index, wrapped_number(0)));
  if (g.needs("source"))
    g.set("source", reshape(index_select(g.dout(), dim, index), g.sizes("source")));
}

OP(index_copy) {
  .schema = "index_copy(Tensor input, int dim, Tensor index, Tensor source) -> Tensor",
  .names = "index_copy, Tensor.index_copy, Tensor.index_copy_",
  .forward = boxed<index_copy_forward>,
  .vjp = index_copy_vjp,
  .save = "index",
  .autocast = Autocast::Promote,
  .samples =
      "(5,3) 0 (1,):int64@0..5 (1,3) | (2,3,4) -1 (1,):int64@0..4 (2,3,1) | (5,) 0 (0,):int64 (0,)",
  .errors =
      "(3,4) 0 (1,):int64@7..8 (1,4) -> IndexError: index 7 is out of bounds for dimension 0 with size 3",
  .doc =
      "A copy of ``input`` with the slices that ``index`` names replaced by those of ``source``.",
};

// --- index_fill ----------------------------------------------------------------------------------

Tensor index_fill_forward(const Tensor& input, int64_t dim, const Tensor& index,
                          const Tensor& value, Out out) {
  const int64_t d = wrap_dim(dim, input.dim());
  FB_CHECK_INDEX(index.dim() <= 1, "index_fill_(): Index is supposed to be a vector");
  FB_CHECK_INDEX(index.dtype() == DType::Int64, "index_fill_(): Expected dtype int64 for index.");
  FB_CHECK(value.dim() == 0,
           "index_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
           value.dim(), " dimension(s).");
  check_one_device(input, value.impl()->wrapped_number ? Tensor() : value);
  Tensor base, result = to_change(input, out, base),
               number = empty(Dims{}, input.dtype(), input.device());
  if (value.impl()->wrapped_number) {
    kernels::fill(number, item(value));
  } else {
    kernels::copy(number, value);
  }
  Tensor offsets = slice_offsets(result, d, index, true, fail_in_self);
  Tensor target = displaced(result, d, index.numel());
  kernels::write_slices(
      target, base, number.alias(target.sizes(), Dims(target.sizes().size(), 0), 0), d, offsets);
  return out.finish(result);
}
void index_fill_vjp(Grad& g) {
  const int64_t dim = g.arg<int64_t>("dim");
  Tensor index = g.in("index");
  if (g.needs("input")) g.set("input", index_fill(g.dout(), dim, index, wrapped_number(0)));
  if (!g.needs("value")) return;
  // An index that occurs twice fills once.
  Tensor filled = index_fill(zeros_like(g.dout()), dim, index, wrapped_number(1));
  g.set("value", sum(g.dout() * filled));
}

OP(index_fill) {
  .schema = "index_fill(Tensor input, int dim, Tensor index, Tensor|Number value) -> Tensor",
  .names = "index_fill, Tensor.index_fill, Tensor.index_fill_",
  .forward = boxed<index_fill_forward>,
  .vjp = index_fill_vjp,
  .save = "index",
  .samples = "(5,3) 0 (4,):int64@-5..5 2.5 | (2,3,4) -1 (2,):int64@0..4 () | (5,) 0 (0,):int64 1",
  .errors = "(3,4) 0 (1,):int64@7..8 1 -> IndexError: index out of range in self",
  .doc = "A copy of ``input`` with the slices that ``index`` names filled with a number.",
};

// --- take, put -----------------------------------------------------------------------------------

[[noreturn]] void fail_take(int64_t index, size_t, Ints sizes) {
  raise(ErrorKind::Index, "out of range: tried to access index ", index, " on a tensor of ",
        count_elements(sizes), " elements.");
}

Tensor offsets_of_elements(const Tensor& t, const Tensor& index) {
  check_one_device(t, index);
  Tensor offsets = empty(Dims{index.numel()}, DType::Int64, t.device());
  kernels::element_offsets(offsets, long_index(index), t.sizes(), t.strides(), fail_take);
  return offsets;
}

// A vector of n elements, to be displaced by offsets.
Tensor displaced_elements(const Tensor& t, int64_t n) {
  return t.alias(Dims{n}, Dims{0}, t.offset());
}

Tensor take_forward(const Tensor& input, const Tensor& index, Out out) {
  FB_CHECK(index.dtype() == DType::Int64, "take(): Expected a long tensor for index, but got ",
           dtype_class_name(index.dtype()));
  FB_CHECK_INDEX(input.numel() > 0 || index.numel() == 0,
                 "take(): tried to take from an empty tensor");
  Tensor offsets = offsets_of_elements(input, index);
  const int64_t n = index.numel();
  Tensor result = out.make(index.sizes(), input.dtype(), input.device());
  kernels::read_slices(result.alias(Dims{n}, Dims{1}, result.offset()),
                       displaced_elements(input, n), 0, offsets);
  return out.finish(result);
}
void take_vjp(Grad& g) {
  Tensor zero = zeros(g.sizes("input"), g.dout().dtype(), g.dout().device());
  g.set("input", put_(zero, g.in("index"), g.dout(), true));
}

OP(take) {
  .schema = "take(Tensor input, Tensor index) -> Tensor",
  .forward = boxed<take_forward>,
  .vjp = take_vjp,
  .save = "index",
  .samples = "(3,4) (2,3):int64@-12..12 | (5,) (0,):int64 | () (2,):int64@0..1",
  .errors =
      "(3,4) (2,):int64@12..13 -> IndexError: out of range: tried to access index 12 on a tensor of 12 elements.",
  .doc =
      "The elements of ``input``, counted as if it were a vector, at the places ``index``, in its shape.",
};

Tensor put_forward(const Tensor& input, const Tensor& index, const Tensor& source, bool accumulate,
                   Out out) {
  FB_CHECK(index.dtype() == DType::Int64, "put_(): Expected a long tensor for index, but got ",
           dtype_class_name(index.dtype()));
  FB_CHECK(input.dtype() == source.dtype(),
           "put_(): self and source expected to have the same dtype, but got self.dtype = ",
           dtype_class_name(input.dtype()),
           " and source.dtype = ", dtype_class_name(source.dtype()));
  const int64_t n = index.numel();
  FB_CHECK(
      source.numel() == n,
      "put_(): Expected source and index to have the same number of elements, but got source.numel() = ",
      source.numel(), ", index.numel() = ", n);
  FB_CHECK_INDEX(input.numel() > 0 || n == 0, "put_(): Tried to put elements into an empty tensor");
  check_overlap(out.given() ? *out.given() : input, source);
  check_one_device(input, source);
  Tensor base, result = to_change(input, out, base), offsets = offsets_of_elements(result, index);
  Tensor values = source.is_contiguous() ? source : clone(source, MemoryFormat::Contiguous);
  Tensor target = displaced_elements(result, n);
  values = values.alias(Dims{n}, Dims{1}, values.offset());
  if (accumulate) {
    kernels::add_slices(target, base, values, 0, offsets);
  } else {
    kernels::write_slices(target, base, values, 0, offsets);
  }
  return out.finish(result);
}
void put_vjp(Grad& g) {
  Tensor index = g.in("index");
  if (g.needs("input")) {
    Tensor none = zeros(Dims(index.sizes()), g.dout().dtype(), g.dout().device());
    g.set("input", g.arg<bool>("accumulate") ? g.dout() : put(g.dout(), index, none));
  }
  if (g.needs("source")) g.set("source", reshape(take(g.dout(), index), g.sizes("source")));
}

OP(put) {
  .schema = "put(Tensor input, Tensor index, Tensor source, bool accumulate=False) -> Tensor",
  .names = "put, Tensor.put, Tensor.put_",
  .forward = boxed<put_forward>,
  .vjp = put_vjp,
  .save = "index",
  .samples =
      "(3,4) (1,):int64@-12..12 (1,) | (3,4) (5,):int64@0..12 (5,) True | (3,4) (0,):int64 (0,)",
  .errors =
      "(3,4) (2,):int64@12..13 (2,) -> IndexError: out of range: tried to access index 12 on a tensor of 12 elements."
      " | (3,4) (2,):int64@0..3 (3,) -> RuntimeError: Expected source and index to have the same number of elements",
  .doc =
      "A copy of ``input``, counted as if it were a vector, with ``source`` at the places ``index``.",
};

}  // namespace
}  // namespace fb
