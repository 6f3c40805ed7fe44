#include "autograd/engine.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "autograd/accumulate.h"
#include "autograd/anomaly.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/trace.h"

namespace fb {

EngineOps engine_ops;
AnomalyHooks anomaly_hooks;

namespace {

// Gradients waiting for their node, in one table: consumers have greater sequence numbers than
// producers, so the node with the greatest number among the waiting has received all it will get.
class Pending {
 public:
  Pending() : table_(64, -1) {}

  Tensors& of(const Ref<Node>& node) {
    size_t at = find(node.get());
    if (table_[at] < 0) {
      table_[at] = static_cast<int32_t>(entries_.size());
      entries_.push_back({node, Tensors(node->outputs.size())});
      heap_.push_back({node->sequence(), table_[at]});
      std::push_heap(heap_.begin(), heap_.end());
      if (entries_.size() * 2 > table_.size()) grow();
      return entries_.back().grads;
    }
    return entries_[table_[at]].grads;
  }
  bool empty() const { return heap_.empty(); }
  // The next node to run, with its gradients.
  std::pair<Ref<Node>, Tensors> pop() {
    std::pop_heap(heap_.begin(), heap_.end());
    Entry& e = entries_[heap_.back().second];
    heap_.pop_back();
    // The entry stays as a tombstone: nothing can flow into this node any more, but pointers may be
    // reused.
    Node* raw = e.node.get();
    std::pair<Ref<Node>, Tensors> result{std::move(e.node), std::move(e.grads)};
    erase(raw);
    return result;
  }

 private:
  struct Entry {
    Ref<Node> node;
    Tensors grads;
  };
  size_t home(const Node* node) const {
    auto bits = reinterpret_cast<uintptr_t>(node);
    return (bits >> 4) * 0x9E3779B97F4A7C15ull >> 32 & (table_.size() - 1);
  }
  size_t find(const Node* node) const {
    size_t at = home(node);
    while (table_[at] >= 0 && keys_of(table_[at]) != node) at = (at + 1) & (table_.size() - 1);
    return at;
  }
  const Node* keys_of(int32_t entry) const { return entries_[entry].node.get(); }
  void erase(const Node* raw) {
    // Backward-shift deletion; the entry's own key is gone, so look for its hole by position.
    size_t mask = table_.size() - 1, hole = home(raw);
    while (entries_[table_[hole]].node) hole = (hole + 1) & mask;
    for (size_t next = (hole + 1) & mask; table_[next] >= 0; next = (next + 1) & mask) {
      size_t wanted = home(keys_of(table_[next]));
      if (((next - wanted) & mask) >= ((next - hole) & mask)) {
        table_[hole] = table_[next];
        hole = next;
      }
    }
    table_[hole] = -1;
  }
  void grow() {
    table_.assign(table_.size() * 2, -1);
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (!entries_[i].node) continue;
      size_t at = home(entries_[i].node.get());
      while (table_[at] >= 0) at = (at + 1) & (table_.size() - 1);
      table_[at] = static_cast<int32_t>(i);
    }
  }

  PoolVector<int32_t> table_;
  PoolVector<Entry> entries_;
  PoolVector<std::pair<uint64_t, int32_t>> heap_;
};

// Only this buffer holds the tensor, so it may be written.
bool owned_alone(const Tensor& t) {
  return t.impl()->use_count() == 1 && t.storage()->use_count() == 1 &&
         is_dense(t.sizes(), t.strides());
}

void add_into(Tensor& sum, Tensor grad) {
  if (!sum.defined()) {
    sum = std::move(grad);
  } else if (!grad_enabled() && owned_alone(sum) && sum.dtype() == grad.dtype()) {
    engine_ops.add_(sum, grad);
  } else if (!grad_enabled() && owned_alone(grad) && sum.dtype() == grad.dtype()) {
    engine_ops.add_(grad, sum);
    sum = std::move(grad);
  } else {
    sum = engine_ops.add(sum, grad);
  }
}

bool fits(const Tensor& grad, const GradShape& shape) {
  return grad.dtype() == shape.dtype && same_shape(grad.sizes(), shape.sizes) &&
         grad.device() == shape.device;
}

void check_fits(Tensor& grad, const GradShape& shape, const Node& from) {
  FB_CHECK(grad.device() == shape.device, "Function ", from.name(),
           " returned a gradient on device ", grad.device(), " but expected it on ", shape.device);
  FB_CHECK(broadcasts_to(shape.sizes, grad.sizes()), "Function ", from.name(),
           " returned an invalid gradient - got ", shape_text(grad.sizes()),
           " but expected shape compatible with ", shape_text(shape.sizes));
  grad = engine_ops.fit(grad, shape);
}

// With given inputs only nodes that lead to one of them run.
struct Selection {
  struct Capture {
    uint32_t slot;
    size_t input;
  };
  bool everything = true;
  std::unordered_map<const Node*, std::vector<Capture>> captures;
  std::unordered_set<const Node*> leads_on;  // an input lies beyond this node

  bool wanted(const Node* n) const { return everything || captures.count(n) || leads_on.count(n); }

  void find(const PoolVector<Edge>& roots) {
    std::vector<const Node*> stack, order;
    std::unordered_set<const Node*> seen;
    auto visit = [&](const Node* n) {
      if (n && seen.insert(n).second) stack.push_back(n);
    };
    for (auto& e : roots) visit(e.node.get());
    while (!stack.empty()) {
      const Node* n = stack.back();
      stack.pop_back();
      order.push_back(n);
      for (auto& e : n->edges) visit(e.node.get());
    }
    std::sort(order.begin(), order.end(),
              [](auto* a, auto* b) { return a->sequence() < b->sequence(); });
    for (const Node* n : order) {
      for (auto& e : n->edges) {
        if (e.node && (captures.count(e.node.get()) || leads_on.count(e.node.get()))) {
          leads_on.insert(n);
          break;
        }
      }
    }
  }
};

void run_tensor_hooks(const std::vector<NodeHooks::OnSlot>& hooks, Tensors& grads) {
  for (size_t i = 0; i < hooks.size(); ++i) {
    auto entry = hooks[i];  // the hook may change the list
    if (!grads[entry.slot].defined()) continue;
    if (Tensor replaced = entry.hook->call(grads[entry.slot]); replaced.defined())
      grads[entry.slot] = replaced;
  }
}

void check_nan(const Node& node, const Tensors& grads) {
  for (size_t i = 0; i < grads.size(); ++i) {
    FB_CHECK(!grads[i].defined() || !engine_ops.has_nan(grads[i]), "Function '", node.name(),
             "' returned nan values in its ", i, "th output.");
  }
}

void run_node(Node& node, Tensors& grads, Tensors& results) {
  auto apply = [&] {
    node.apply(grads, results);
    if (tls.anomaly && tls.anomaly_check_nan) check_nan(node, results);
  };
  if (!tls.anomaly) return apply();
  try {
    apply();
  } catch (...) {
    if (anomaly_hooks.report && node.trace) anomaly_hooks.report(node);
    throw;
  }
}

}  // namespace

Tensors run_backward(const Tensors& roots, Tensors grads, const Tensors& inputs,
                     const BackwardOptions& options) {
  PoolVector<Edge> starts;
  for (size_t i = 0; i < roots.size(); ++i) {
    const Tensor& root = roots[i];
    Edge edge = gradient_edge(root);
    FB_CHECK(edge.node, "element ", i,
             " of tensors does not require grad and does not have a grad_fn");
    if (!grads[i].defined()) {
      FB_CHECK(root.numel() == 1, "grad can be implicitly created only for scalar outputs");
      FB_CHECK(is_floating(root.dtype()),
               "grad can be implicitly created only for real scalar outputs but got ",
               root.dtype());
      grads[i] = engine_ops.ones_like(root);
    }
    FB_CHECK(same_shape(grads[i].sizes(), root.sizes()), "Mismatch in shape: grad_output[", i,
             "] has a shape of ", tuple_text(grads[i].sizes()), " and output[", i,
             "] has a shape of ", tuple_text(root.sizes()), ".");
    starts.push_back(std::move(edge));
  }

  Selection selection;
  selection.everything = inputs.empty();
  Tensors captured(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    FB_CHECK(requires_grad(inputs[i]), "One of the differentiated Tensors does not require grad");
    Edge edge = gradient_edge(inputs[i]);
    selection.captures[edge.node.get()].push_back({edge.slot, i});
    // The edge of a leaf without a graph dies here; `starts` or the graph hold the ones that
    // matter.
    if (edge.node->use_count() == 1) selection.captures.erase(edge.node.get());
  }
  if (!selection.everything) selection.find(starts);

  GradGuard guard(options.create_graph);
  Pending pending;
  for (size_t i = 0; i < starts.size(); ++i) {
    if (!selection.wanted(starts[i].node.get())) continue;
    Tensor& sum = pending.of(starts[i].node)[starts[i].slot];
    const GradShape& shape = starts[i].node->outputs[starts[i].slot];
    if (!fits(grads[i], shape)) check_fits(grads[i], shape, *starts[i].node);
    // The caller still holds its own tensor: never add into it.
    if (!sum.defined())
      sum = grads[i];
    else
      sum = engine_ops.add(sum, grads[i]);
  }
  grads.clear();
  starts.clear();

  Tensors results;
  InterruptCheck<64> interrupted;  // by many small nodes; large ones ask by themselves
  while (!pending.empty()) {
    interrupted.step();
    auto [node, incoming] = pending.pop();
    std::optional<trace::Span> span;
    if (trace::on()) {
      span.emplace(trace::What{trace::Kind::Backward, node->name(), nullptr, false,
                               static_cast<int64_t>(node->sequence())});
    }
    node->own_hooks(incoming);
    if (node->hooks) {
      run_tensor_hooks(node->hooks->tensor_hooks, incoming);
      run_tensor_hooks(node->hooks->retain_grad, incoming);
    }
    if (!selection.everything) {
      if (auto found = selection.captures.find(node.get()); found != selection.captures.end()) {
        for (auto& c : found->second) captured[c.input] = incoming[c.slot];
      }
      if (!selection.leads_on.count(node.get())) continue;
    }
    results.clear();
    results.resize(node->edges.size());
    if (node->hooks && !node->hooks->node_hooks.empty()) {
      auto hooks = node->hooks->node_hooks;
      for (auto& hook : hooks) hook->before(incoming);
      Tensors outgoing = incoming;
      run_node(*node, incoming, results);
      for (auto& hook : hooks) hook->after(results, outgoing);
    } else {
      run_node(*node, incoming, results);
    }
    if (!options.retain_graph) node->release_saved();
    incoming.clear();
    for (size_t i = 0; i < results.size(); ++i) {
      const Edge& edge = node->edges[i];
      if (!results[i].defined() || !edge.node || !selection.wanted(edge.node.get())) continue;
      const GradShape& shape = edge.node->outputs[edge.slot];
      if (!fits(results[i], shape)) check_fits(results[i], shape, *node);
      add_into(pending.of(edge.node)[edge.slot], std::move(results[i]));
    }
  }

  for (size_t i = 0; i < inputs.size(); ++i) {
    if (options.accumulate) {
      if (captured[i].defined()) accumulate_grad(inputs[i], captured[i]);
    } else {
      FB_CHECK(
          captured[i].defined() || options.allow_unused,
          "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this "
          "is the desired behavior.");
    }
  }
  return captured;
}

}  // namespace fb
