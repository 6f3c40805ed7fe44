#include "autograd/accumulate.h"

#include <mutex>

#include "autograd/engine.h"
#include "core/interrupt.h"

namespace fb {
namespace {

// Backward may run in several threads over shared leaves.
std::mutex g_leaf_locks[64];

std::mutex& leaf_lock(const Tensor& t) {
  return g_leaf_locks[(reinterpret_cast<uintptr_t>(t.impl()) >> 7) % 64];
}

bool can_steal(const Tensor& variable, const Tensor& grad) {
  return grad.impl()->use_count() == 1 && grad.storage()->use_count() == 1 && !grad.impl()->base &&
         (same_shape(grad.strides(), variable.strides()) || grad.is_contiguous());
}

}  // namespace

void accumulate_grad(const Tensor& variable, Tensor grad) {
  const HoldInterrupts hold;  // the hook could come back to this lock
  std::lock_guard lock(leaf_lock(variable));
  Tensor& held = autograd_meta_or_new(variable).grad;
  if (held.defined()) {
    if (grad_enabled()) {
      held = engine_ops.add(held, grad);
    } else {
      engine_ops.add_(held, grad);
    }
  } else if (grad_enabled() || can_steal(variable, grad)) {
    held = grad_enabled() && !requires_grad(grad) ? detach(grad) : std::move(grad);
  } else {
    held = engine_ops.clone(grad);
  }
}

void AccumulateGrad::own_hooks(Tensors& grad_outputs) {
  auto* meta = autograd_meta(variable_);
  for (size_t i = 0; i < meta->hooks.size(); ++i) {
    auto hook = meta->hooks[i];  // the hook may change the list
    if (Tensor replaced = hook->call(grad_outputs[0]); replaced.defined())
      grad_outputs[0] = replaced;
  }
}

void AccumulateGrad::apply(Tensors& grad_outputs, Tensors&) {
  accumulate_grad(variable_, std::move(grad_outputs[0]));
  auto* meta = autograd_meta(variable_);
  for (size_t i = 0; i < meta->after_accumulate_hooks.size(); ++i) {
    auto hook = meta->after_accumulate_hooks[i];
    hook->call(variable_);
  }
}

}  // namespace fb
