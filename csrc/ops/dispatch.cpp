#include "autograd/anomaly.h"
#include "core/error.h"
#include "ops/autocast.h"
#include "ops/copy.h"
#include "ops/mode.h"
#include "ops/record.h"
#include "ops/view_history.h"

namespace fb {

std::atomic<Mode*> ground_mode{nullptr};

namespace {

bool any_requires_grad(const Call& c) {
  for (size_t i = 0, n = c.op.params.size(); i < n; ++i) {
    const Value& v = c.args[i];
    if (v.kind == Kind::Tensor) {
      if (requires_grad(v.tensor)) return true;
    } else if (v.kind == Kind::Tensors) {
      for (uint32_t j = 0; j < v.length; ++j)
        if (v.tensors[j].defined() && requires_grad(v.tensors[j])) return true;
    }
  }
  return false;
}

template <class F>
void each_result(Call& c, F&& f) {
  for (uint32_t i = 0; i < c.count; ++i) f(c.results[i]);
  for (Tensor& t : c.list) f(t);
}

void finish_plain(Call& c) {
  if (c.op.view) {
    Tensor of(Ref<TensorImpl>(c.args[0].tensor));
    each_result(c, [&](Tensor& t) { mark_view(t, of); });
  }
  if (tls.inference) {
    each_result(c, [](Tensor& t) {
      if (t.defined() && !t.impl()->base) t.impl()->inference = true;
    });
  }
}

void execute_recorded(Call& c) {
  Ref<OpNode> node = OpNode::create(c);
  if (tls.anomaly && anomaly_hooks.capture) node->trace = anomaly_hooks.capture();
  {
    NoGrad guard;
    c.op.forward(c);
  }
  each_result(c, [&](Tensor& t) {
    if (!t.defined() || !is_differentiable(t.dtype())) {
      // Results and gradients are numbered alike.
      node->outputs.push_back(
          {Dims(t.defined() ? t.sizes() : Ints()), t.defined() ? t.dtype() : DType::Undefined, {}});
      return;
    }
    if (t.impl()->autograd) t = t.alias();  // the operator handed an argument through
    set_history(t, Ref<Node>(node.get()));
  });
  node->save_results(c);
  if (c.op.view) {
    Tensor of(Ref<TensorImpl>(c.args[0].tensor));
    each_result(c, [&](Tensor& t) { mark_view(t, of); });
  }
}

// Tensors that this call writes into.
template <class F>
void each_written(const Call& c, F&& f) {
  for (uint32_t i = 0; i < c.target_count; ++i) f(c.targets[i]);
  if (!c.op.writes_first) return;
  for (size_t i = 0, n = c.op.params.size(); i < n; ++i) {
    const Value& v = c.args[i];
    if (i > 0 && !c.op.params[i].written) continue;
    if (v.kind == Kind::Tensor) f(reinterpret_cast<const Tensor&>(v.tensor));
    for (uint32_t j = 0; v.kind == Kind::Tensors && j < v.length; ++j) f(v.tensors[j]);
  }
}

void check_out_records_nothing(const Call& c, bool records) {
  bool target_needs = false;
  for (uint32_t i = 0; i < c.target_count; ++i) target_needs |= requires_grad(c.targets[i]);
  FB_CHECK(
      !tls.grad || !(records || target_needs), c.op.name,
      "(): functions with out=... arguments don't support automatic differentiation, but one of "
      "the arguments requires grad.");
}

void execute_writing(Call& c) {
  bool records = tls.grad && c.op.vjp.kind != Vjp::Kind::NoGradient && any_requires_grad(c);
  if (c.form == Form::Out) check_out_records_nothing(c, records);
  each_written(c, [&](const Tensor& t) { check_inplace(t, records); });
  const Tensor* self = c.form == Form::Out ? nullptr
                       : c.target_count    ? c.targets
                       : c.args[0].kind == Kind::Tensor
                           ? &reinterpret_cast<const Tensor&>(c.args[0].tensor)
                           : nullptr;
  records &= self && is_differentiable(self->dtype());
  Ref<OpNode> node;
  if (records) {
    node = OpNode::create(c);
    if (tls.anomaly && anomaly_hooks.capture) node->trace = anomaly_hooks.capture();
  }
  const auto bump_versions = [&] { each_written(c, [](const Tensor& t) { t.bump_version(); }); };
  try {
    NoGrad guard;
    c.op.forward(c);
  } catch (const Error&) {  // of the checks before the first element was written
    throw;
  } catch (...) {  // interrupted in the middle
    bump_versions();
    throw;
  }
  bump_versions();
  if (!node) return;
  rebase_history(*self, Ref<Node>(node.get()));
  node->save_results(c);
}

// The pieces of a composite record themselves, so what it computed is copied over with its history.
void execute_composite_writing(Call& c) {
  Call functional(c.op, c.args);
  c.op.forward(functional);
  for (uint32_t i = 0; i < c.target_count; ++i) {
    const Tensor &target = c.targets[i], &value = functional.results[i];
    if (c.form == Form::InPlace) {
      if (prepare_target(c.form, target, value)) copy_(target, value);
    } else {
      check_out_records_nothing(c, value.defined() && requires_grad(value));
      write_target(c.form, target, value);
      target.bump_version();
    }
    c.push(target);
  }
}

[[gnu::noinline]] void dispatch_switched(Call& c) {
  Mode* mode = tls.mode;
  if (!mode) return tls.autocast ? execute_autocast(c) : execute_watched(c);
  tls.mode = mode->below;
  struct Restore {
    Mode* mode;
    ~Restore() { tls.mode = mode; }
  } restore{mode};
  mode->handle(c);
}

}  // namespace

void execute(Call& c) {
  if (c.op.vjp.kind == Vjp::Kind::Composite) {
    if (c.form == Form::Functional) return c.op.forward(c);
    execute_composite_writing(c);
  } else if (c.form != Form::Functional || c.op.writes_first) {
    execute_writing(c);
  } else if (tls.grad && c.op.vjp.kind != Vjp::Kind::NoGradient && any_requires_grad(c)) {
    execute_recorded(c);
  } else {
    c.op.forward(c);
    if (c.op.view | tls.inference) finish_plain(c);
  }
}

void execute_watched(Call& c) {
  Mode* ground = ground_mode.load(std::memory_order_acquire);
  ground ? ground->handle(c) : execute(c);
}

void dispatch(Call& c) {
  const bool switched =
      (reinterpret_cast<uintptr_t>(tls.mode) | tls.autocast |
       reinterpret_cast<uintptr_t>(ground_mode.load(std::memory_order_relaxed))) != 0;
  if (__builtin_expect(switched, 0)) return dispatch_switched(c);
  execute(c);
}

}  // namespace fb
