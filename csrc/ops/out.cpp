// Results that go into tensors the caller gave: in-place forms and out=.
#include <algorithm>

#include "ops/copy_kernels.h"
#include "ops/elementwise.h"

namespace fb {
namespace {

void check_device(const Tensor& target, Device device) {
  FB_CHECK(target.device() == device, "Expected out tensor to have device ", device, ", but got ",
           target.device(), " instead");
}

void fit_target(Form form, const Tensor& target, Ints sizes) {
  if (form == Form::InPlace) {
    FB_CHECK(same_shape(sizes, target.sizes()), "output with shape ", shape_text(target.sizes()),
             " doesn't match the broadcast shape ", shape_text(sizes));
  } else {
    resize(target, sizes);
  }
  check_writable(target);
}

bool shares_memory_with_arguments(const Call& call, const Tensor& target) {
  auto shares = [&](const Tensor& t) { return t.defined() && t.storage() == target.storage(); };
  for (size_t i = 0; i < call.op.params.size(); ++i) {
    const Value& v = call.args[i];
    if (v.kind == Kind::Tensor && shares(reinterpret_cast<const Tensor&>(v.tensor))) return true;
    if (v.kind == Kind::Tensors && std::any_of(v.tensors, v.tensors + v.length, shares))
      return true;
  }
  return false;
}

}  // namespace

Tensor Out::make(Ints sizes, DType dtype, Device device, uint32_t i) const {
  const Tensor* target = given(i);
  if (!target) return empty(sizes, dtype, device);
  check_device(*target, device);
  check_castable(dtype, *target);
  // What is still being read is not written over.
  if (target->dtype() != dtype || shares_memory_with_arguments(*call_, *target))
    return empty(sizes, dtype, device);
  fit_target(call_->form, *target, sizes);
  return target->is_contiguous() ? *target : empty(sizes, dtype, device);
}

Tensor Out::finish(const Tensor& computed, uint32_t i) const {
  const Tensor* target = given(i);
  if (!target || target->is(computed)) return computed;
  write_target(call_->form, *target, computed);
  return *target;
}

bool prepare_target(Form form, const Tensor& target, const Tensor& value) {
  if (!value.defined() || target.is(value)) return false;
  check_device(target, value.device());
  check_castable(value.dtype(), target);
  fit_target(form, target, value.sizes());
  return true;
}

void write_target(Form form, const Tensor& target, const Tensor& value) {
  if (prepare_target(form, target, value)) kernels::copy(target, value);
}

}  // namespace fb
