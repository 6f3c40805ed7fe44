// A tensor's place in the graph.
#pragma once
#include "autograd/mode.h"
#include "autograd/node.h"

namespace fb {

struct AutogradMeta : AutogradState {
  bool requires_grad = false;  // leaves only
  std::shared_ptr<TensorImpl*>
      retained;  // set by retain_grad: how the node's hook finds this tensor while it lives
  uint32_t slot = 0;
  Ref<Node> grad_fn;
  Tensor grad;
  Node* accumulator = nullptr;                     // weak; guarded by a lock in variable.cpp
  std::vector<std::shared_ptr<TensorHook>> hooks;  // of a leaf
  std::vector<std::shared_ptr<TensorHook>>
      after_accumulate_hooks;  // of a leaf, called with the leaf
  ~AutogradMeta() override;
};

inline AutogradMeta* autograd_meta(const TensorImpl* t) {
  return static_cast<AutogradMeta*>(t->autograd.get());
}
inline AutogradMeta* autograd_meta(const Tensor& t) { return autograd_meta(t.impl()); }
AutogradMeta& autograd_meta_or_new(const Tensor& t);

inline bool requires_grad(const TensorImpl* t) {
  auto* meta = autograd_meta(t);
  if (meta && (meta->requires_grad || meta->grad_fn)) return true;
  // A view made before its base was changed in place by something that needs a gradient.
  return t->base && !t->no_grad_view && t->base->autograd && requires_grad(t->base.get());
}
inline bool requires_grad(const Tensor& t) { return requires_grad(t.impl()); }
void set_requires_grad(const Tensor& t, bool on);

// The node that made the tensor; null for leaves. Views of a base that changed in place get their
// history anew.
const Ref<Node>& grad_fn(const Tensor& t);
bool is_leaf(const Tensor& t);
// Where the tensor's gradient flows: its grad_fn, a leaf's accumulator, or nowhere.
Edge gradient_edge(const Tensor& t);

void set_history(const Tensor& t, const Ref<Node>& node);
// The tensor without history, sharing memory and version.
Tensor detach(const Tensor& t);

void add_hook(const Tensor& t, std::shared_ptr<TensorHook> hook);
void retain_grad(const Tensor& t);

// A tensor kept for the derivative, checked against in-place changes when it is used.
class SavedTensor {
 public:
  SavedTensor() = default;
  // An output is kept without its history, which would be a cycle.
  SavedTensor(const Tensor& t, bool is_output);
  // `owner` is the node that saved it.
  Tensor unpack(Node* owner) const;
  void reset() { impl_ = {}; }
  bool defined() const { return static_cast<bool>(impl_); }

 private:
  Ref<TensorImpl> impl_;
  uint32_t version_ = 0;
  uint32_t slot_ = 0;
  bool is_output_ = false;
};

// "Trying to backward through the graph a second time ..."
[[noreturn]] void raise_freed_graph(const Node& node);

}  // namespace fb
