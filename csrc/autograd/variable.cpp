#include "autograd/variable.h"

#include <mutex>

#include "autograd/accumulate.h"
#include "autograd/engine.h"
#include "core/error.h"

namespace fb {
namespace {

// Guards every leaf's weak pointer to its accumulator; held for a few instructions.
std::mutex g_accumulators;

}  // namespace

AutogradMeta::~AutogradMeta() {
  if (retained) *retained = nullptr;
}

AutogradMeta& autograd_meta_or_new(const Tensor& t) {
  auto& slot = t.impl()->autograd;
  if (!slot) slot = std::make_unique<AutogradMeta>();
  return static_cast<AutogradMeta&>(*slot);
}

void set_requires_grad(const Tensor& t, bool on) {
  FB_CHECK(
      is_leaf(t) || on,
      "you can only change requires_grad flags of leaf variables. If you want to use a computed "
      "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().");
  if (!is_leaf(t)) return;
  FB_CHECK(!on || is_differentiable(t.dtype()),
           "Only Tensors of floating point and complex dtype can require gradients");
  FB_CHECK(!on || !t.impl()->inference || tls.inference,
           "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
  if (on || t.impl()->autograd) autograd_meta_or_new(t).requires_grad = on;
}

const Ref<Node>& grad_fn(const Tensor& t) {
  static const Ref<Node> none;
  TensorImpl* impl = t.impl();
  if (impl->base && !impl->no_grad_view && impl->view_version != t.version()) {
    // The base changed in place since: the view's history follows from the base's.
    Tensor base(impl->base);
    if (requires_grad(base)) {
      auto& meta = autograd_meta_or_new(t);
      NoGrad guard;
      meta.grad_fn = engine_ops.view_node(t, base);
      meta.slot = 0;
      if (meta.grad_fn->outputs.empty()) meta.grad_fn->add_output(t);
    }
    impl->view_version = t.version();
  }
  auto* meta = autograd_meta(impl);
  return meta ? meta->grad_fn : none;
}

bool is_leaf(const Tensor& t) { return !grad_fn(t); }

Edge gradient_edge(const Tensor& t) {
  if (const auto& node = grad_fn(t)) return {node, autograd_meta(t)->slot};
  auto* meta = autograd_meta(t);
  if (!meta || !meta->requires_grad) return {};
  std::lock_guard lock(g_accumulators);
  if (meta->accumulator && meta->accumulator->try_retain())
    return {Ref<Node>::adopt(meta->accumulator), 0};
  Ref<Node> node(new AccumulateGrad(t));
  meta->accumulator = node.get();
  return {std::move(node), 0};
}

AccumulateGrad::~AccumulateGrad() {
  std::lock_guard lock(g_accumulators);
  auto* meta = autograd_meta(variable_);
  if (meta && meta->accumulator == this) meta->accumulator = nullptr;
}

void set_history(const Tensor& t, const Ref<Node>& node) {
  auto& meta = autograd_meta_or_new(t);
  meta.slot = node->add_output(t);
  meta.grad_fn = node;
  meta.requires_grad = false;
}

Tensor detach(const Tensor& t) { return t.alias(); }

void add_hook(const Tensor& t, std::shared_ptr<TensorHook> hook) {
  FB_CHECK(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
  if (const auto& node = grad_fn(t)) {
    node->hooks_or_new().tensor_hooks.push_back({autograd_meta(t)->slot, std::move(hook)});
  } else {
    autograd_meta_or_new(t).hooks.push_back(std::move(hook));
  }
}

namespace {
// Keeps the gradient with the tensor, which may be gone by then.
struct RetainGrad : TensorHook {
  explicit RetainGrad(std::shared_ptr<TensorImpl*> t) : target(std::move(t)) {}
  Tensor call(const Tensor& grad) override {
    if (!*target) return {};
    Tensor& held = autograd_meta(*target)->grad;
    held = held.defined()   ? engine_ops.add(held, grad)
           : grad_enabled() ? grad
                            : engine_ops.clone(grad);
    return {};
  }
  std::shared_ptr<TensorImpl*> target;
};
}  // namespace

void retain_grad(const Tensor& t) {
  FB_CHECK(requires_grad(t), "can't retain_grad on Tensor that has requires_grad=False");
  const auto& node = grad_fn(t);
  if (!node) return;
  auto* meta = autograd_meta(t);
  if (meta->retained) return;
  meta->retained = std::make_shared<TensorImpl*>(t.impl());
  node->hooks_or_new().retain_grad.push_back(
      {meta->slot, std::make_shared<RetainGrad>(meta->retained)});
}

SavedTensor::SavedTensor(const Tensor& t, bool is_output)
    : version_(t.version()), is_output_(is_output) {
  FB_CHECK(
      !t.impl()->inference,
      "Inference tensors cannot be saved for backward. Make a clone to get a normal tensor and "
      "use it in autograd, or use torch.no_grad() instead of torch.inference_mode().");
  if (is_output) {
    slot_ = autograd_meta(t) ? autograd_meta(t)->slot : 0;
    impl_ = t.alias().ref();
  } else {
    impl_ = t.ref();
  }
}

Tensor SavedTensor::unpack(Node* owner) const {
  if (!impl_) return {};
  Tensor t(impl_);
  if (t.version() != version_) {
    raise(
        ErrorKind::Runtime,
        "one of the variables needed for gradient computation has been modified by an inplace operation: [",
        t.dtype(), " ", shape_text(t.sizes()), "]",
        is_output_ ? concat(", which is output ", slot_, " of ", owner->name(), ",") : "",
        " is at version ", t.version(), "; expected version ", version_,
        " instead. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
        "flambeau.autograd.set_detect_anomaly(True).");
  }
  if (!is_output_ || !grad_enabled() || !is_differentiable(t.dtype())) return t;
  Tensor with_history = t.alias();
  auto& meta = autograd_meta_or_new(with_history);
  meta.grad_fn = Ref<Node>(owner);
  meta.slot = slot_;
  return with_history;
}

void raise_freed_graph(const Node& node) {
  raise(
      ErrorKind::Runtime,
      "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
      "freed): ",
      node.name(),
      ". Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
      "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
      "saved tensors after calling backward.");
}

}  // namespace fb
