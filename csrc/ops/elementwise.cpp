#include "ops/elementwise.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fb {
namespace {

using Strides = SmallVector<int64_t, 6>;

// A lower category has a say only by being of a higher kind.
DType combine(DType higher, DType lower) {
  if (is_complex(higher)) return higher;
  if (higher != DType::Undefined && is_floating(higher))
    return lower != DType::Undefined && is_complex(lower) ? complex_dtype(higher) : higher;
  if (higher == DType::Undefined || higher == DType::Bool) return promote_types(higher, lower);
  if (lower != DType::Undefined && !is_integral(lower)) return promote_types(higher, lower);
  return higher;
}

// Strides of `t` in the walk's dimensions (first to last as in `shape`).
Strides strides_in(const Tensor& t, Ints shape) {
  Strides strides(shape.size());
  size_t lead = shape.size() - t.sizes().size();
  for (size_t d = 0; d < t.sizes().size(); ++d) {
    strides[lead + d] = t.sizes()[d] == 1 && shape[lead + d] != 1 ? 0 : t.strides()[d];
  }
  return strides;
}

// Dimensions from the innermost out: first by the strides of the first operand that tells two
// dimensions apart, which is how PyTorch decides in which order a result lies in memory.
SmallVector<int64_t, 6> walk_order(Ints shape, std::span<const Strides> strides) {
  int64_t ndim = static_cast<int64_t>(shape.size());
  SmallVector<int64_t, 6> order;
  for (int64_t d = ndim; d-- > 0;) order.push_back(d);
  auto compare = [&](int64_t inner, int64_t outer) {
    for (const Strides& s : strides) {
      if (s.empty() || s[inner] == 0 || s[outer] == 0) continue;
      if (s[inner] != s[outer]) return s[inner] < s[outer] ? -1 : 1;
      if (shape[inner] > shape[outer]) return 1;
    }
    return 0;
  };
  for (int64_t i = 1; i < ndim; ++i) {
    int64_t at = i;
    for (int64_t j = i; j-- > 0;) {
      int c = compare(order[j], order[at]);
      if (c < 0) break;
      if (c > 0) {
        std::swap(order[j], order[at]);
        at = j;
      }
    }
  }
  return order;
}

Device common_device(Operands operands) {
  Device device = operands[0]->device();
  for (const Tensor* t : operands) {
    if (t->device() == device) continue;
    if (t->dim() == 0 && t->device().type == DeviceType::CPU)
      continue;  // a number may come from the CPU
    bool first_is_number = device.type == DeviceType::CPU;
    for (const Tensor* u : operands) {
      if (u->device() == device && u->dim() != 0) first_is_number = false;
    }
    FB_CHECK(first_is_number,
             "Expected all tensors to be on the same device, but found at least two devices, ",
             device, " and ", t->device(), "!");
    device = t->device();
  }
  return device;
}

Dims broadcast_all(Operands operands) {
  Dims shape(operands[0]->sizes());
  for (const Tensor* t : operands.subspan(1)) {
    if (!same_shape(shape, t->sizes())) shape = broadcast_shapes(shape, t->sizes());
  }
  return shape;
}

Tensor fresh_output(DType type, Ints shape, Operands operands) {
  Device device = common_device(operands);
  bool plain = true, same = true;
  for (const Tensor* t : operands) {
    plain &= t->is_contiguous();
    same &= same_shape(t->sizes(), shape);
  }
  if (shape.size() < 2 || (plain && same)) return empty(shape, type, device);
  if (same) {
    const Tensor& first = *operands[0];
    bool alike = is_dense(first.sizes(), first.strides());
    for (const Tensor* t : operands) alike &= std::ranges::equal(t->strides(), first.strides());
    if (alike) return empty_strided(shape, first.strides(), type, device);
  }
  std::vector<Strides> strides;
  for (const Tensor* t : operands) strides.push_back(strides_in(*t, shape));
  auto order = walk_order(shape, strides);
  Dims result(shape.size());
  int64_t step = 1;
  for (int64_t d : order) {
    result[d] = step;
    step *= std::max<int64_t>(shape[d], 1);
  }
  return empty_strided(shape, result, type, device);
}

// The bytes a tensor spans.
std::pair<const char*, const char*> span_of(const Tensor& t) {
  auto* begin = static_cast<const char*>(t.raw());
  return {begin, begin + storage_extent(t.sizes(), t.strides()) * t.item_size()};
}

}  // namespace

Promotion& Promotion::add(const Tensor& t) {
  if (t.impl()->wrapped_number) return add_number(t.dtype());
  DType& category = t.dim() > 0 ? dimensioned_ : zero_dim_;
  category = promote_types(category, t.dtype());
  return *this;
}

Promotion& Promotion::add(const Scalar& s) { return add_number(s.dtype()); }

Promotion& Promotion::add_number(DType kind) {
  if (is_complex(kind))
    kind = complex_dtype(default_dtype());
  else if (is_floating(kind))
    kind = default_dtype();
  number_ = promote_types(number_, kind);
  return *this;
}

DType Promotion::type() const { return combine(dimensioned_, combine(zero_dim_, number_)); }

DType result_type_slow(const Tensor& a, const Tensor& b) {
  return Promotion().add(a).add(b).type();
}

DType result_type(Operands operands) {
  Promotion promotion;
  for (const Tensor* t : operands) promotion.add(*t);
  return promotion.type();
}

void check_castable(DType result, const Tensor& target) {
  FB_CHECK(can_cast(result, target.dtype()), "result type ", dtype_class_name(result),
           " can't be cast to the desired output type ", dtype_class_name(target.dtype()));
}

void check_writable(const Tensor& t) {
  if (t.is_contiguous()) return;
  for (size_t d = 0; d < t.sizes().size(); ++d) {
    FB_CHECK(
        t.strides()[d] != 0 || t.sizes()[d] <= 1 || t.numel() == 0,
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
        "Please clone() the tensor before performing the operation.");
  }
}

void check_fits(const Scalar& value, DType dtype) {
  if (dtype == DType::Bool || (is_integral(dtype) && value.is_bool())) return;
  const complex128 z = value.to<complex128>();
  bool fits = is_complex(dtype) || z.imag() == 0;
  if (is_integral(dtype)) {
    const int width = static_cast<int>(item_size(dtype)) * 8;
    const double top =
        static_cast<double>(uint64_t{1} << (dtype == DType::UInt8 ? width : width - 1));
    const bool same = dtype == DType::Int64 && value.is_integral();
    fits = fits && (same || (z.real() >= -top && z.real() < top));
  } else if (dtype == DType::Float32 || dtype == DType::Complex64) {
    const auto overflows = [](double v) {
      return std::isfinite(v) && std::fabs(v) > std::numeric_limits<float>::max();
    };
    fits = fits && !overflows(z.real()) && !overflows(z.imag());
  }
  FB_CHECK(fits, "value cannot be converted to type ", dtype, " without overflow");
}

void check_overlap(const Tensor& target, const Tensor& input) {
  if (target.is(input) || !(target.storage() == input.storage())) return;
  if (target.numel() == 0 || input.numel() == 0 || target.is_meta()) return;
  if (!is_dense(target.sizes(), target.strides()) || !is_dense(input.sizes(), input.strides()))
    return;
  auto [a, a_end] = span_of(target);
  auto [b, b_end] = span_of(input);
  if (a >= b_end || b >= a_end) return;
  bool same = a == b && a_end == b_end && std::ranges::equal(target.strides(), input.strides());
  FB_CHECK(
      same,
      "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
      "location. Please clone() the tensor before performing the operation.");
}

Tensor pointwise_output_fresh(DType type, Operands operands) {
  return fresh_output(type, broadcast_all(operands), operands);
}

Tensor pointwise_output(DType type, Out out, Operands operands, uint32_t i) {
  Dims shape = broadcast_all(operands);
  const Tensor* target = out.given(i);
  if (!target) return fresh_output(type, shape, operands);
  common_device(operands);
  check_castable(type, *target);
  if (out.inplace()) {
    FB_CHECK(same_shape(shape, target->sizes()), "output with shape ", shape_text(target->sizes()),
             " doesn't match the broadcast shape ", shape_text(shape));
  } else {
    resize(*target, shape);
  }
  check_writable(*target);
  for (const Tensor* t : operands) check_overlap(*target, *t);
  return *target;
}

Geometry::Geometry(const Tensor& out, Operands inputs)
    : numel(out.numel()), operands(static_cast<int>(inputs.size()) + 1) {
  Ints shape = out.sizes();
  Strides raw[kMaxOperands];
  raw[0] = strides_in(out, shape);
  for (int k = 1; k < operands; ++k) raw[k] = strides_in(*inputs[k - 1], shape);
  auto order = walk_order(shape, {raw, static_cast<size_t>(operands)});
  for (int64_t d : order) {
    if (shape[d] == 1) continue;
    bool joins = !sizes.empty();
    for (int k = 0; k < operands && joins; ++k)
      joins = raw[k][d] == strides[k].back() * sizes.back();
    if (joins) {
      sizes.back() *= shape[d];
      continue;
    }
    sizes.push_back(shape[d]);
    for (int k = 0; k < operands; ++k) strides[k].push_back(raw[k][d]);
  }
  if (sizes.empty()) {
    sizes.push_back(1);
    for (int k = 0; k < operands; ++k) strides[k].push_back(0);
  }
}

}  // namespace fb
