#include "ops/view_history.h"

#include <algorithm>

#include "autograd/engine.h"
#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/indexing.h"
#include "ops/record.h"
#include "ops/reduce.h"
#include "ops/view.h"

namespace fb {
namespace {

struct Geometry {
  explicit Geometry(const Tensor& t) : sizes(t.sizes()), strides(t.strides()), offset(t.offset()) {}
  Geometry(Ints sizes, Ints strides, int64_t offset)
      : sizes(sizes), strides(strides), offset(offset) {}
  Dims sizes, strides;
  int64_t offset;
};

// Several elements of the view share an element of memory.
bool overlaps(const Geometry& g) {
  Dims order;
  for (size_t i = 0; i < g.sizes.size(); ++i)
    if (g.sizes[i] > 1) order.push_back(static_cast<int64_t>(i));
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return g.strides[a] < g.strides[b]; });
  int64_t reach = 0;
  for (int64_t d : order) {
    if (g.strides[d] <= reach) return true;
    reach += (g.sizes[d] - 1) * g.strides[d];
  }
  return false;
}

// The gradient of a base, given that of a view of it: zero except where the view looks.
Tensor scatter_view(Tensor grad, const Geometry& base, Geometry view) {
  int64_t first = std::min(base.offset, view.offset);
  int64_t extent = std::max(base.offset + storage_extent(base.sizes, base.strides),
                            view.offset + storage_extent(view.sizes, view.strides)) -
                   first;
  Tensor memory = zeros(Dims{extent}, grad.dtype(), grad.device());
  for (size_t d = 0; d < view.sizes.size(); ++d) {
    if (view.strides[d] != 0 || view.sizes[d] <= 1) continue;
    grad = sum(grad, Dims{static_cast<int64_t>(d)}, true);
    view.sizes[d] = 1;
  }
  if (grad.numel() > 0) {
    if (overlaps(view)) {
      Tensor positions = arange(extent, DType::Int64, grad.device());
      Tensor index =
          contiguous(strided_view(positions, view.sizes, view.strides, view.offset - first));
      memory = index_add(memory, 0, reshape(index, Dims{-1}), reshape(grad, Dims{-1}));
    } else {
      copy_(strided_view(memory, view.sizes, view.strides, view.offset - first), grad);
    }
  }
  return strided_view(memory, base.sizes, base.strides, base.offset - first);
}

class ViewNode final : public Node {
 public:
  ViewNode(const Tensor& base, Geometry view) : base_(base), view_(std::move(view)) {
    edges.push_back(gradient_edge(base));
    renumber();
  }
  std::string name() const override { return "AsStridedBackward0"; }
  void apply(Tensors& grads, Tensors& results) override {
    if (grads[0].defined()) results[0] = scatter_view(grads[0], base_, view_);
  }

 private:
  Geometry base_, view_;
};

// A base after an in-place change of one of its views: the view's part of the gradient goes through
// the change.
class CopySlices final : public Node {
 public:
  CopySlices(const Tensor& base, const Tensor& view, Ref<Node> change)
      : base_(base), view_(view), change_(std::move(change)) {
    edges.push_back(gradient_edge(base));
    for (size_t i = 1; i < change_->edges.size(); ++i) edges.push_back(change_->edges[i]);
    renumber();
  }
  std::string name() const override { return "CopySlices"; }
  void apply(Tensors& grads, Tensors& results) override {
    if (!grads[0].defined()) return;
    Tensor whole = empty_strided(base_.sizes, base_.strides, grads[0].dtype(), grads[0].device());
    copy_(whole, grads[0]);
    Tensor part = strided_view(whole, view_.sizes, view_.strides,
                               view_.offset - base_.offset + whole.offset());
    Tensors inner{clone(part)}, inner_results(change_->edges.size());
    change_->apply(inner, inner_results);
    if (inner_results[0].defined()) {
      copy_(part, inner_results[0]);
    } else {
      zero_(part);
    }
    results[0] = whole;
    for (size_t i = 1; i < inner_results.size(); ++i) results[i] = std::move(inner_results[i]);
  }
  void release_saved() override { change_->release_saved(); }

 private:
  Geometry base_, view_;
  Ref<Node> change_;
};

Ref<Node> make_view_node(const Tensor& view, const Tensor& base) {
  return Ref<Node>(new ViewNode(base, Geometry(view)));
}

[[maybe_unused]] const bool installed = [] {
  engine_ops.view_node = make_view_node;
  return true;
}();

// Views that came as several of one call: a change of one would have to go through all of them.
void check_single_view(const Tensor& view) {
  auto* meta = autograd_meta(view);
  if (!meta || !meta->grad_fn) return;
  const auto* first = dynamic_cast<const OpNode*>(meta->grad_fn.get());
  for (const auto* node = first; node && node->op().view;) {
    FB_CHECK(
        node->op().returns != OpDef::Returns::List, "Output ", node == first ? meta->slot : 0,
        " of ",
        std::string_view(first->op().node_name).substr(0, first->op().node_name.rfind("Backward")),
        " is a view and is being modified inplace. This view is the output of a function that returns multiple views. "
        "Such functions do not allow the output views to be modified inplace. You should replace the inplace operation "
        "by an out-of-place one.");
    node = dynamic_cast<const OpNode*>(node->edges[0].node.get());
  }
}

}  // namespace

void mark_view(const Tensor& view, const Tensor& of) {
  TensorImpl* t = view.impl();
  t->base = of.impl()->base ? of.impl()->base : of.ref();
  t->view_version = view.version();
  t->no_grad_view = !tls.grad || of.impl()->no_grad_view;
}

Tensor strided_view(const Tensor& input, Ints sizes, Ints strides, int64_t offset) {
  Tensor view = input.alias(sizes, strides, offset);
  if (tls.grad && requires_grad(input))
    set_history(view, Ref<Node>(new ViewNode(input, Geometry(sizes, strides, offset))));
  mark_view(view, input);
  return view;
}

void check_inplace(const Tensor& self, bool needs_grad) {
  TensorImpl* t = self.impl();
  FB_CHECK(
      !t->inference || tls.inference,
      "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a normal tensor "
      "before doing inplace update.");
  if (!tls.grad) return;
  auto* meta = autograd_meta(t);
  FB_CHECK(!(meta && meta->requires_grad && !meta->grad_fn),
           "a leaf Variable that requires grad is being used in an in-place operation.");
  if (!t->base || !t->base->autograd) {
    FB_CHECK(
        !needs_grad || !t->no_grad_view || !t->base,
        "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Clone the view, or make it with "
        "gradients enabled.");
    return;
  }
  check_single_view(self);
  auto* base_meta = autograd_meta(t->base.get());
  bool base_needs = base_meta->requires_grad || base_meta->grad_fn;
  FB_CHECK(!(base_needs && !base_meta->grad_fn) || t->no_grad_view,
           "a view of a leaf Variable that requires grad is being used in an in-place operation.");
  FB_CHECK(
      !t->no_grad_view || !(base_needs || needs_grad),
      "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Clone the view, or make it with "
      "gradients enabled.");
}

void rebase_history(const Tensor& self, const Ref<Node>& node) {
  TensorImpl* t = self.impl();
  if (!t->base) {
    set_history(self, node);
    return;
  }
  Tensor base(t->base);
  node->add_output(self);
  Ref<Node> slices(new CopySlices(base, self, node));
  set_history(base, slices);
  if (auto* meta = autograd_meta(t)) meta->grad_fn = {};
  t->view_version = self.version() - 1;  // its own history is to be made anew
}

}  // namespace fb
