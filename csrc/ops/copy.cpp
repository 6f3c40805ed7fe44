// Copying, casting and filling.
#include "ops/copy.h"

#include "ops/copy_kernels.h"
#include "ops/forms.h"
#include "ops/reduce.h"

namespace fb {
namespace {

void check_readable(const Tensor& src, Device to) {
  FB_CHECK_KIND(NotImplemented, !src.is_meta() || to.type == DeviceType::Meta,
                "Cannot copy out of meta tensor; no data!");
}

Tensor empty_in(const Tensor& like, DType dtype, Device device, MemoryFormat format) {
  if (format != MemoryFormat::Preserve) return empty(like.sizes(), dtype, device, format);
  if (device == like.device()) return empty_like(like, dtype);
  return is_dense(like.sizes(), like.strides())
             ? empty_strided(like.sizes(), like.strides(), dtype, device)
             : empty(like.sizes(), dtype, device);
}

// --- copies --------------------------------------------------------------------------------------

Tensor copy_forward(const Tensor& input, const Tensor& src, bool) {
  if (input.is(src)) return input;
  FB_CHECK(broadcasts_to(src.sizes(), input.sizes()), "copy_: the source of shape ",
           shape_text(src.sizes()), " does not broadcast to the target of shape ",
           shape_text(input.sizes()),
           ": The expanded size of the tensor must match the existing size");
  check_readable(src, input.device());
  check_writable(input);
  check_overlap(input, src);
  kernels::copy(input, src);
  return input;
}
void copy_vjp(Grad& g) {
  if (g.needs("src")) g.set("src", g.dout());
}

OP(copy_) {
  .schema = "copy_(Tensor(a!) input, Tensor|Number src, bool non_blocking=False) -> Tensor",
  .names = "Tensor.copy_",
  .forward = boxed<copy_forward>,
  .vjp = copy_vjp,
  .samples =
      "(3,4) (3,4) | (3,4) (4,) | (3,4) (3,4):int64 | (3,):int64 (3,)@-5..5 | (0,) (0,) | (2,3) 1.5",
  .errors = "(3,) (4,) -> RuntimeError: does not broadcast to the target",
  .doc =
      R"(Copy the elements of ``src`` into this tensor, converting them to its type; ``src`` broadcasts.

Example::

    >>> torch.zeros(2, 2).copy_(torch.tensor([1, 2]))
    tensor([[1., 2.],
            [1., 2.]])
)",
};

Tensor clone_forward(const Tensor& input, std::optional<MemoryFormat> format) {
  Tensor out =
      empty_in(input, input.dtype(), input.device(), format.value_or(MemoryFormat::Preserve));
  kernels::copy(out, input);
  return out;
}
void pass_vjp(Grad& g) { g.set("input", g.dout()); }

OP(clone) {
  .schema = "clone(Tensor input, *, MemoryFormat? memory_format=None) -> Tensor",
  .forward = boxed<clone_forward>,
  .vjp = pass_vjp,
  .samples = "(3,4) | () | (0,2) | (2,3,4,5) | (3,):int64",
  .doc = R"(A copy with memory of its own. Gradients flow through it to ``input``.

Args:
    memory_format: by default the order of dimensions in memory is kept.
)",
};

Tensor to_copy_forward(const Tensor& input, std::optional<DType> dtype,
                       std::optional<Device> device, std::optional<MemoryFormat> format) {
  Device to = device.value_or(input.device());
  check_readable(input, to);
  Tensor out =
      empty_in(input, dtype.value_or(input.dtype()), to, format.value_or(MemoryFormat::Preserve));
  kernels::copy(out, input);
  return out;
}

OP(to_copy) {
  .schema =
      "_to_copy(Tensor input, *, ScalarType? dtype=None, Device? device=None, MemoryFormat? memory_format=None) -> Tensor",
  .names = "_to_copy",
  .forward = boxed<to_copy_forward>,
  .vjp = pass_vjp,
  .samples =
      "(3,4) dtype=float64 | (3,)@-5..5 dtype=int64 | (3,4) dtype=bfloat16 | (3,) dtype=complex64",
  .doc = "A copy of another type, device or memory format.",
};

Tensor contiguous_forward(const Tensor& input, MemoryFormat format) {
  FB_CHECK(format != MemoryFormat::Preserve,
           "preserve memory format is unsupported by the contiguous operator");
  return input.is_contiguous(format) ? input : clone(input, format);
}

OP(contiguous) {
  .schema = "contiguous(Tensor input, *, MemoryFormat memory_format=contiguous_format) -> Tensor",
  .names = "Tensor.contiguous",
  .forward = boxed<contiguous_forward>,
  .vjp = composite(),
  .samples = "(3,4) | (2,3,4,5)",
  .doc = "The tensor itself if it is contiguous in memory, otherwise a contiguous copy.",
};

// --- filling -------------------------------------------------------------------------------------

Tensor fill_forward(const Tensor& input, const Tensor& value) {
  FB_CHECK(value.dim() == 0, "fill_ only supports 0-dimension value tensor but got tensor with ",
           value.dim(), " dimensions.");
  check_writable(input);
  if (value.impl()->wrapped_number) {
    Scalar number = item(value);
    check_fits(number, input.dtype());
    kernels::fill(input, number);
  } else {
    check_readable(value, input.device());
    kernels::copy(input, value);
  }
  return input;
}
void fill_vjp(Grad& g) {
  if (g.needs("value")) g.set("value", sum(g.dout()));
}

OP(fill_) {
  .schema = "fill_(Tensor(a!) input, Tensor|Number value) -> Tensor",
  .names = "fill_, Tensor.fill_",
  .forward = boxed<fill_forward>,
  .vjp = fill_vjp,
  .samples = "(3,4) 2.5 | (3,):int64 7 | (0,) 1 | (3,) ()",
  .errors =
      "(3,) (3,) -> RuntimeError: fill_ only supports 0-dimension value tensor"
      " | (3,):uint8 300 -> RuntimeError: value cannot be converted to type uint8 without overflow",
  .doc = "Set every element to ``value``, a number or a 0-d tensor.",
};

Tensor fill_copy_forward(const Tensor& input, const Tensor& value) {
  return fill_forward(empty_like(input), value);
}
void fill_copy_vjp(Grad& g) {
  set_zero(g, "input");
  if (g.needs("value")) g.set("value", sum(g.dout()));
}

OP(fill) {
  .schema = "fill(Tensor input, Tensor|Number value) -> Tensor",
  .names = "fill",
  .forward = boxed<fill_copy_forward>,
  .vjp = fill_copy_vjp,
  .samples = "(3,4) 2.5 | (3,) ()",
  .doc = "A tensor shaped as ``input`` with every element ``value``.",
};

Tensor zero_forward(const Tensor& input) {
  check_writable(input);
  kernels::fill(input, Scalar(0));
  return input;
}
void nothing_vjp(Grad&) {}

OP(zero_) {
  .schema = "zero_(Tensor(a!) input) -> Tensor",
  .names = "zero_, Tensor.zero_",
  .forward = boxed<zero_forward>,
  .vjp = nothing_vjp,
  .samples = "(3,4) | (0,) | (3,):int64",
  .doc = "Set every element to 0.",
};

}  // namespace
}  // namespace fb
