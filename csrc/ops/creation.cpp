// New tensors: filled with a number, a sequence or nothing.
#include "ops/creation.h"

#include <cmath>
#include <limits>

#include "ops/copy_kernels.h"
#include "ops/creation_kernels.h"
#include "ops/elementwise.h"
#include "ops/grad.h"

#define FACTORY_TAIL \
  "*, ScalarType? dtype=None, Device? device=None, bool requires_grad=False) -> Tensor"
#define LIKE_TAIL                                                              \
  "*, ScalarType? dtype=None, Device? device=None, bool requires_grad=False, " \
  "MemoryFormat memory_format=preserve_format) -> Tensor"

namespace fb {
namespace {

using MaybeDType = std::optional<DType>;
using MaybeDevice = std::optional<Device>;

Tensor finished(const Tensor& t, bool grad) {
  if (grad) set_requires_grad(t, true);
  return t;
}

// The tensor to fill: given with out=, or fresh.
Tensor target(Ints size, MaybeDType dtype, DType inferred, MaybeDevice device, Out out) {
  if (const Tensor* given = out.given()) {
    FB_CHECK(!dtype || *dtype == given->dtype(), "dtype ",
             dtype_class_name(dtype.value_or(inferred)), " does not match dtype of out tensor (",
             dtype_class_name(given->dtype()), ")");
    return out.make(size, given->dtype(), device.value_or(given->device()));
  }
  return empty(size, dtype.value_or(inferred), device.value_or(Device{}));
}

Tensor filled(const Tensor& t, const Scalar& value, Out out, bool grad) {
  check_fits(value, t.dtype());
  kernels::fill(t, value);
  return finished(out.finish(t), grad);
}

DType number_dtype(const Scalar& v) {
  if (v.is_bool()) return DType::Bool;
  if (v.is_integral()) return DType::Int64;
  return v.is_complex() ? complex_dtype(default_dtype()) : default_dtype();
}

// --- one number everywhere --------------------------------------------------------------------

Tensor zeros_forward(Ints size, MaybeDType dtype, MaybeDevice device, bool grad, Out out) {
  return filled(target(size, dtype, default_dtype(), device, out), 0, out, grad);
}
OP(zeros) {
  .schema = "zeros(int[] size, " FACTORY_TAIL,
  .names = "zeros",
  .forward = boxed<zeros_forward>,
  .vjp = no_gradient(),
  .samples = "[2,3] | [] | [0,3] dtype=int64 | [4] dtype=bool",
  .errors = "[-1] -> RuntimeError: negative dimension",
  .doc = R"(A tensor of zeros.

Example::

    >>> torch.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
)",
};

Tensor ones_forward(Ints size, MaybeDType dtype, MaybeDevice device, bool grad, Out out) {
  return filled(target(size, dtype, default_dtype(), device, out), 1, out, grad);
}
OP(ones) {
  .schema = "ones(int[] size, " FACTORY_TAIL,
  .names = "ones",
  .forward = boxed<ones_forward>,
  .vjp = no_gradient(),
  .samples = "[2,3] | [] | [0,3] dtype=int64 | [4] dtype=complex64",
  .errors = "[-1] -> RuntimeError: negative dimension",
  .doc = "A tensor of ones.",
};

Tensor full_forward(Ints size, const Scalar& value, MaybeDType dtype, MaybeDevice device, bool grad,
                    Out out) {
  return filled(target(size, dtype, number_dtype(value), device, out), value, out, grad);
}
OP(full) {
  .schema = "full(int[] size, Scalar fill_value, " FACTORY_TAIL,
  .names = "full",
  .forward = boxed<full_forward>,
  .vjp = no_gradient(),
  .samples = "[2,3] 2.5 | [] 7 | [3] True | [2] 1 dtype=float64",
  .errors =
      "[-1] 2 -> RuntimeError: negative dimension"
      " | [2] 300 dtype=uint8 -> RuntimeError: value cannot be converted to type uint8"
      " | [2] nan dtype=int32 -> RuntimeError: value cannot be converted to type int32",
  .doc = "A tensor filled with one number, from whose type the dtype follows.",
};

Tensor empty_forward(Ints size, MaybeDType dtype, MaybeDevice device, bool grad,
                     MemoryFormat format, Out out) {
  FB_CHECK(format != MemoryFormat::Preserve,
           "\"empty\": unsupported memory format option Preserve");
  Tensor t = out.given()
                 ? target(size, dtype, default_dtype(), device, out)
                 : empty(size, dtype.value_or(default_dtype()), device.value_or(Device{}), format);
  return finished(out.finish(t), grad);
}
OP(empty) {
  .schema =
      "_empty(int[] size, *, ScalarType? dtype=None, Device? device=None, bool requires_grad=False, "
      "MemoryFormat memory_format=contiguous_format) -> Tensor",
  .names = "empty",
  .forward = boxed<empty_forward>,
  .vjp = no_gradient(),
  .samples = "[2,3] | [0]",
  .errors = "[-1] -> RuntimeError: negative dimension",
  .doc = "A tensor whose elements are not set.",
};

Tensor empty_strided_forward(Ints size, Ints stride, MaybeDType dtype, MaybeDevice device,
                             bool grad) {
  return finished(
      empty_strided(size, stride, dtype.value_or(default_dtype()), device.value_or(Device{})),
      grad);
}
OP(empty_strided) {
  .schema = "_empty_strided(int[] size, int[] stride, " FACTORY_TAIL,
  .names = "empty_strided",
  .forward = boxed<empty_strided_forward>,
  .vjp = no_gradient(),
  .samples = "[2,3] [3,1]",
  .errors = "[2,3] [1] -> RuntimeError: same length",
  .doc = "A tensor of the given sizes and strides whose elements are not set.",
};

Tensor empty_permuted_forward(Ints size, Ints layout, MaybeDType dtype, MaybeDevice device,
                              bool grad) {
  const auto ndim = static_cast<int64_t>(size.size());
  FB_CHECK(size.size() == layout.size(),
           "Number of dimensions in size does not match the length of the physical_layout; "
           "i.e. len(size) = ",
           size.size(), " is not equal to len(physical_layout) = ", layout.size());
  Dims strides(size.size(), -1);
  int64_t step = 1;
  for (size_t i = layout.size(); i-- > 0;) {
    FB_CHECK(layout[i] >= 0 && layout[i] < ndim,
             "Dimension out of range (expected to be between 0 and ", ndim - 1, ", but got ",
             layout[i], " at index ", i,
             ").  NB: negative dims not currently supported; file an issue if you want it.");
    const auto d = static_cast<size_t>(layout[i]);
    FB_CHECK(strides[d] < 0, "Duplicate dim not allowed");
    strides[d] = step;
    step *= std::max<int64_t>(size[d], 1);
  }
  return finished(
      empty_strided(size, strides, dtype.value_or(default_dtype()), device.value_or(Device{})),
      grad);
}
OP(empty_permuted) {
  .schema = "empty_permuted(int[] size, int[] physical_layout, " FACTORY_TAIL,
  .names = "empty_permuted",
  .forward = boxed<empty_permuted_forward>,
  .vjp = no_gradient(),
  .samples = "[2,3,4] [2,0,1]",
  .errors = "[2,3] [1] -> RuntimeError: Number of dimensions in size does not match",
  .doc = "A tensor whose elements are not set, with its dimensions in the given order in memory.",
};

Tensor scalar_tensor_forward(const Scalar& s, MaybeDType dtype, MaybeDevice device, bool grad) {
  Tensor t = empty({}, dtype.value_or(default_dtype()), device.value_or(Device{}));
  kernels::fill(t, s);
  return finished(t, grad);
}
OP(scalar_tensor) {
  .schema = "_scalar_tensor(Scalar s, " FACTORY_TAIL,
  .names = "scalar_tensor",
  .forward = boxed<scalar_tensor_forward>,
  .vjp = no_gradient(),
  .samples = "2.5 | 3 dtype=int64",
  .doc = "A 0-d tensor of one number.",
};

// --- like another tensor ------------------------------------------------------------------------

Tensor empty_as(const Tensor& input, MaybeDType dtype, MaybeDevice device, MemoryFormat format) {
  DType type = dtype.value_or(input.dtype());
  Device to = device.value_or(input.device());
  if (format != MemoryFormat::Preserve) return empty(input.sizes(), type, to, format);
  if (to == input.device()) return empty_like(input, type);
  Tensor shown = empty_like(input, type);
  return empty_strided(shown.sizes(), shown.strides(), type, to);
}

Tensor empty_like_forward(const Tensor& input, MaybeDType dtype, MaybeDevice device, bool grad,
                          MemoryFormat format) {
  return finished(empty_as(input, dtype, device, format), grad);
}
OP(empty_like) {
  .schema = "_empty_like(Tensor input, " LIKE_TAIL,
  .names = "empty_like",
  .forward = boxed<empty_like_forward>,
  .vjp = no_gradient(),
  .samples = "(3,4)",
  .doc =
      "A tensor of the same sizes, dtype, device and order of dimensions whose elements are not set.",
};

Tensor zeros_like_forward(const Tensor& input, MaybeDType dtype, MaybeDevice device, bool grad,
                          MemoryFormat format) {
  return filled(empty_as(input, dtype, device, format), 0, Out(nullptr), grad);
}
OP(zeros_like) {
  .schema = "zeros_like(Tensor input, " LIKE_TAIL,
  .names = "zeros_like",
  .forward = boxed<zeros_like_forward>,
  .vjp = no_gradient(),
  .samples = "(2,3) | (2,3) dtype=int64 | (0,)",
  .doc = "Zeros in the sizes, dtype, device and order of dimensions of ``input``.",
};

Tensor ones_like_forward(const Tensor& input, MaybeDType dtype, MaybeDevice device, bool grad,
                         MemoryFormat format) {
  return filled(empty_as(input, dtype, device, format), 1, Out(nullptr), grad);
}
OP(ones_like) {
  .schema = "ones_like(Tensor input, " LIKE_TAIL,
  .names = "ones_like",
  .forward = boxed<ones_like_forward>,
  .vjp = no_gradient(),
  .samples = "(2,3) | (2,3) dtype=int64 | (0,)",
  .doc = "Ones in the sizes, dtype, device and order of dimensions of ``input``.",
};

Tensor full_like_forward(const Tensor& input, const Scalar& value, MaybeDType dtype,
                         MaybeDevice device, bool grad, MemoryFormat format) {
  return filled(empty_as(input, dtype, device, format), value, Out(nullptr), grad);
}
OP(full_like) {
  .schema = "full_like(Tensor input, Scalar fill_value, " LIKE_TAIL,
  .names = "full_like",
  .forward = boxed<full_like_forward>,
  .vjp = no_gradient(),
  .samples = "(2,3) 2.5 | (2,3) 7 dtype=int64 | (0,) 1",
  .doc = "One number in the sizes, dtype, device and order of dimensions of ``input``.",
};

Tensor empty_new(const Tensor& input, Ints size, MaybeDType dtype, MaybeDevice device) {
  return empty(size, dtype.value_or(input.dtype()), device.value_or(input.device()));
}
Tensor new_empty_forward(const Tensor& input, Ints size, MaybeDType dtype, MaybeDevice device,
                         bool grad) {
  return finished(empty_new(input, size, dtype, device), grad);
}
OP(new_empty) {
  .schema = "new_empty(Tensor input, int[] size, " FACTORY_TAIL,
  .names = "Tensor.new_empty",
  .forward = boxed<new_empty_forward>,
  .vjp = no_gradient(),
  .samples = "(3,) [2,3] | (3,):int64 [0]",
  .doc = "A tensor of this dtype and device whose elements are not set.",
};
Tensor new_empty_strided_forward(const Tensor& input, Ints size, Ints stride, MaybeDType dtype,
                                 MaybeDevice device, bool grad) {
  return finished(
      empty_strided(size, stride, dtype.value_or(input.dtype()), device.value_or(input.device())),
      grad);
}
OP(new_empty_strided) {
  .schema = "new_empty_strided(Tensor input, int[] size, int[] stride, " FACTORY_TAIL,
  .names = "Tensor.new_empty_strided",
  .forward = boxed<new_empty_strided_forward>,
  .vjp = no_gradient(),
  .samples = "(3,) [2,3] [3,1]",
  .doc = "A tensor of this dtype and device with the given strides whose elements are not set.",
};
Tensor new_zeros_forward(const Tensor& input, Ints size, MaybeDType dtype, MaybeDevice device,
                         bool grad) {
  return filled(empty_new(input, size, dtype, device), 0, Out(nullptr), grad);
}
OP(new_zeros) {
  .schema = "new_zeros(Tensor input, int[] size, " FACTORY_TAIL,
  .names = "Tensor.new_zeros",
  .forward = boxed<new_zeros_forward>,
  .vjp = no_gradient(),
  .samples = "(3,) [2,3] | (3,):int64 []",
  .doc = "Zeros of this dtype and device.",
};
Tensor new_ones_forward(const Tensor& input, Ints size, MaybeDType dtype, MaybeDevice device,
                        bool grad) {
  return filled(empty_new(input, size, dtype, device), 1, Out(nullptr), grad);
}
OP(new_ones) {
  .schema = "new_ones(Tensor input, int[] size, " FACTORY_TAIL,
  .names = "Tensor.new_ones",
  .forward = boxed<new_ones_forward>,
  .vjp = no_gradient(),
  .samples = "(3,) [2,3] | (3,):int64 []",
  .doc = "Ones of this dtype and device.",
};
Tensor new_full_forward(const Tensor& input, Ints size, const Scalar& value, MaybeDType dtype,
                        MaybeDevice device, bool grad) {
  return filled(empty_new(input, size, dtype, device), value, Out(nullptr), grad);
}
OP(new_full) {
  .schema = "new_full(Tensor input, int[] size, Scalar fill_value, " FACTORY_TAIL,
  .names = "Tensor.new_full",
  .forward = boxed<new_full_forward>,
  .vjp = no_gradient(),
  .samples = "(3,) [2,3] 2.5 | (3,):int64 [] 4",
  .doc = "One number in a tensor of this dtype and device.",
};

// --- sequences -----------------------------------------------------------------------------------

int64_t arange_length(const Scalar& start, const Scalar& end, const Scalar& step, bool exact) {
  const double first = start.to<double>(), last = end.to<double>(), by = step.to<double>();
  FB_CHECK(by > 0 || by < 0, "step must be nonzero");
  FB_CHECK(std::isfinite(first) && std::isfinite(last), "unsupported range: ", first, " -> ", last);
  FB_CHECK((by > 0 && last >= first) || (by < 0 && last <= first),
           "upper bound and lower bound inconsistent with step sign");
  if (exact) {
    using Wide = __int128;
    const Wide a = start.to<int64_t>(), b = end.to<int64_t>(), s = step.to<int64_t>();
    FB_CHECK(s != 0, "step must be nonzero");
    const Wide n = (b - a + s - (s > 0 ? 1 : -1)) / s;
    FB_CHECK(n >= 0 && n <= std::numeric_limits<int64_t>::max(),
             "invalid size, possible overflow?");
    return static_cast<int64_t>(n);
  }
  const double n = std::ceil((last - first) / by);
  FB_CHECK(n >= 0 && n < 0x1p63, "invalid size, possible overflow?");
  return static_cast<int64_t>(n);
}

DType arange_dtype(std::initializer_list<const Scalar*> numbers) {
  for (const Scalar* s : numbers) {
    FB_CHECK(!s->is_complex(), "arange() does not take complex numbers");
    if (!s->is_integral()) return default_dtype();
  }
  return DType::Int64;
}

Tensor arange_of(const Scalar& start, const Scalar& end, const Scalar& step, MaybeDType dtype,
                 DType inferred, MaybeDevice device, bool grad, Out out) {
  DType type = dtype.value_or(out.given() ? out.given()->dtype() : inferred);
  FB_CHECK(type != DType::Bool && !is_complex(type), "\"arange_cpu\" not implemented for '",
           dtype_class_name(type), "'");
  const int64_t n = arange_length(start, end, step, type == DType::Int64);
  Tensor t = target(Dims{n}, dtype, inferred, device, out);
  kernels::arange(t, start, step);
  return finished(out.finish(t), grad);
}

Tensor arange_end(const Scalar& end, MaybeDType dtype, MaybeDevice device, bool grad, Out out) {
  return arange_of(0, end, 1, dtype, arange_dtype({&end}), device, grad, out);
}
Tensor arange_start(const Scalar& start, const Scalar& end, MaybeDType dtype, MaybeDevice device,
                    bool grad, Out out) {
  return arange_of(start, end, 1, dtype, arange_dtype({&start, &end}), device, grad, out);
}
Tensor arange_step(const Scalar& start, const Scalar& end, const Scalar& step, MaybeDType dtype,
                   MaybeDevice device, bool grad, Out out) {
  return arange_of(start, end, step, dtype, arange_dtype({&start, &end, &step}), device, grad, out);
}

OP(arange) {
  .schema = "arange(Scalar end, " FACTORY_TAIL,
  .names = "arange",
  .forward = boxed<arange_end>,
  .vjp = no_gradient(),
  .samples = "5 | 2.5 | 0 | 7 dtype=float64",
  .errors = "-1 -> RuntimeError: upper bound and lower bound inconsistent with step sign",
  .doc = R"(Numbers from ``start`` (0) up to, but without ``end``, ``step`` (1) apart.

Args:
    dtype: int64 if all numbers are integers, otherwise the default dtype.

Example::

    >>> torch.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
)",
};
OP(arange_start) {
  .schema = "arange.start(Scalar start, Scalar end, " FACTORY_TAIL,
  .names = "arange",
  .forward = boxed<arange_start>,
  .vjp = no_gradient(),
  .samples = "1 5 | 1.5 4.0",
};
OP(arange_step) {
  .schema = "arange.start_step(Scalar start, Scalar end, Scalar step, " FACTORY_TAIL,
  .names = "arange",
  .forward = boxed<arange_step>,
  .vjp = no_gradient(),
  .samples = "1 10 3 | 5 0 -2 | 0.0 1.0 0.25",
  .errors = "0 5 0 -> RuntimeError: step must be nonzero",
};

// The older form, whose end is included.
Tensor range_forward(const Scalar& start, const Scalar& end, const Scalar& step, MaybeDType dtype,
                     MaybeDevice device, bool grad, Out out) {
  const double first = start.to<double>(), last = end.to<double>(), by = step.to<double>();
  FB_CHECK(by > 0 || by < 0, "step must be nonzero");
  FB_CHECK(std::isfinite(first) && std::isfinite(last), "unsupported range: ", first, " -> ", last);
  FB_CHECK((by > 0 && last >= first) || (by < 0 && last <= first),
           "upper bound and lower bound inconsistent with step sign");
  const double n = std::floor((last - first) / by + 1);
  FB_CHECK(n < 0x1p63, "invalid size, possible overflow?");
  Tensor t = target(Dims{static_cast<int64_t>(n)}, dtype, default_dtype(), device, out);
  kernels::arange(t, start, step);
  return finished(out.finish(t), grad);
}
OP(range) {
  .schema = "range(Scalar start, Scalar end, Scalar step=1, " FACTORY_TAIL,
  .names = "range",
  .forward = boxed<range_forward>,
  .vjp = no_gradient(),
  .samples = "0 3 | 1 4 0.5",
  .errors = "0 5 0 -> RuntimeError: step must be nonzero",
  .doc = "Numbers from ``start`` up to and with ``end``. Prefer :func:`arange`.",
};

DType spaced_dtype(const Scalar& start, const Scalar& end, MaybeDType dtype, const char* name) {
  const bool complex = start.is_complex() || end.is_complex();
  FB_CHECK(!complex || !dtype || is_complex(*dtype), name, "(): inferred dtype ",
           dtype_class_name(complex_dtype(default_dtype())),
           " can't be safely cast to passed dtype ",
           dtype_class_name(dtype.value_or(DType::Float32)));
  return complex ? complex_dtype(default_dtype()) : default_dtype();
}

Tensor linspace_forward(const Scalar& start, const Scalar& end, int64_t steps, MaybeDType dtype,
                        MaybeDevice device, bool grad, Out out) {
  FB_CHECK(steps >= 0, "number of steps must be non-negative");
  Tensor t = target(Dims{steps}, dtype, spaced_dtype(start, end, dtype, "linspace"), device, out);
  kernels::linspace(t, start, end);
  return finished(out.finish(t), grad);
}
OP(linspace) {
  .schema = "linspace(Scalar start, Scalar end, int steps, " FACTORY_TAIL,
  .names = "linspace",
  .forward = boxed<linspace_forward>,
  .vjp = no_gradient(),
  .samples = "0 1 5 | -2.5 2.5 4 | 3 3 1 | 0 10 4 dtype=int64",
  .errors = "0 1 -1 -> RuntimeError: number of steps must be non-negative",
  .doc = R"(``steps`` numbers from ``start`` to ``end``, both included, evenly spaced.

Example::

    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
)",
};

Tensor logspace_forward(const Scalar& start, const Scalar& end, int64_t steps, double base,
                        MaybeDType dtype, MaybeDevice device, bool grad, Out out) {
  FB_CHECK(steps >= 0, "number of steps must be non-negative");
  Tensor t = target(Dims{steps}, dtype, spaced_dtype(start, end, dtype, "logspace"), device, out);
  kernels::logspace(t, start, end, base);
  return finished(out.finish(t), grad);
}
OP(logspace) {
  .schema = "logspace(Scalar start, Scalar end, int steps, float base=10.0, " FACTORY_TAIL,
  .names = "logspace",
  .forward = boxed<logspace_forward>,
  .vjp = no_gradient(),
  .samples = "0 1 5 | 0 3 4 2.0",
  .errors = "0 1 -1 -> RuntimeError: number of steps must be non-negative",
  .doc = "``base`` to the power of ``steps`` evenly spaced exponents from ``start`` to ``end``.",
};

// --- matrices ------------------------------------------------------------------------------------

Tensor eye_of(int64_t n, int64_t m, MaybeDType dtype, MaybeDevice device, bool grad, Out out) {
  FB_CHECK(n >= 0, "n must be greater or equal to 0, got ", n);
  FB_CHECK(m >= 0, "m must be greater or equal to 0, got ", m);
  Tensor t = target(Dims{n, m}, dtype, default_dtype(), device, out);
  kernels::fill(t, 0);
  kernels::fill(t.alias(Dims{std::min(n, m)}, Dims{m + 1}, t.offset()), 1);
  return finished(out.finish(t), grad);
}
Tensor eye_square(int64_t n, MaybeDType dtype, MaybeDevice device, bool grad, Out out) {
  return eye_of(n, n, dtype, device, grad, out);
}
OP(eye) {
  .schema = "eye(int n, " FACTORY_TAIL,
  .names = "eye",
  .forward = boxed<eye_square>,
  .vjp = no_gradient(),
  .samples = "3 | 0 | 2 dtype=int64",
  .errors = "-1 -> RuntimeError: n must be greater or equal to 0",
  .doc = "A matrix of ``n`` rows (and ``m`` columns) with ones on the diagonal.",
};
OP(eye_m) {
  .schema = "eye.m(int n, int m, " FACTORY_TAIL,
  .names = "eye",
  .forward = boxed<eye_of>,
  .vjp = no_gradient(),
  .samples = "3 2 | 2 4 | 0 3",
};

// Elements on and below (above) a diagonal of a row x col matrix.
int64_t triangle_size(int64_t row, int64_t col, int64_t offset, bool upper) {
  int64_t lower = 0;
  const int64_t diagonal = upper ? offset - 1 : offset;
  for (int64_t i = std::max<int64_t>(0, -diagonal); i < row; ++i) {
    if (i + diagonal + 1 >= col) {
      lower += (row - i) * col;
      break;
    }
    lower += std::max<int64_t>(0, i + diagonal + 1);
  }
  return upper ? row * col - lower : lower;
}
Tensor triangle(int64_t row, int64_t col, int64_t offset, MaybeDType dtype, MaybeDevice device,
                bool grad, bool upper) {
  FB_CHECK(row >= 0, "row must be non-negative, got", row);
  FB_CHECK(col >= 0, "col must be non-negative, got", col);
  count_elements(Dims{row, col});
  offset = std::clamp(offset, -row - 1, col + 1);
  Tensor t = empty(Dims{2, triangle_size(row, col, offset, upper)}, dtype.value_or(DType::Int64),
                   device.value_or(Device{}));
  kernels::triangle_indices(t, row, col, offset, upper);
  return finished(t, grad);
}
Tensor tril_indices_forward(int64_t row, int64_t col, int64_t offset, MaybeDType dtype,
                            MaybeDevice device, bool grad) {
  return triangle(row, col, offset, dtype, device, grad, false);
}
OP(tril_indices) {
  .schema = "tril_indices(int row, int col, int offset=0, " FACTORY_TAIL,
  .names = "tril_indices",
  .forward = boxed<tril_indices_forward>,
  .vjp = no_gradient(),
  .samples = "3 3 | 4 2 -1 | 2 4 1 | 0 3",
  .errors = "-1 3 -> RuntimeError: row must be non-negative",
  .doc = "Rows and columns, as a (2, n) tensor, of the elements on and below a diagonal.",
};
Tensor triu_indices_forward(int64_t row, int64_t col, int64_t offset, MaybeDType dtype,
                            MaybeDevice device, bool grad) {
  return triangle(row, col, offset, dtype, device, grad, true);
}
OP(triu_indices) {
  .schema = "triu_indices(int row, int col, int offset=0, " FACTORY_TAIL,
  .names = "triu_indices",
  .forward = boxed<triu_indices_forward>,
  .vjp = no_gradient(),
  .samples = "3 3 | 4 2 -1 | 2 4 1 | 0 3",
  .errors = "-1 3 -> RuntimeError: row must be non-negative",
  .doc = "Rows and columns, as a (2, n) tensor, of the elements on and above a diagonal.",
};

}  // namespace
}  // namespace fb
