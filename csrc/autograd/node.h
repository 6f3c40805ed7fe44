// The dynamic graph: nodes hold a derivative and edges to the nodes that made their inputs.
#pragma once
#include <memory>
#include <string>

#include "core/tensor_list.h"

namespace fb {

class Node;

struct Edge {
  Ref<Node> node;
  uint32_t slot = 0;  // which output of `node` the gradient belongs to
};

// Shape and type of one output of the forward call, hence of the gradient that comes back for it.
struct GradShape {
  Dims sizes;
  DType dtype;
  Device device;
};

// Called with one gradient; may return another in its place (undefined: keep).
struct TensorHook {
  virtual ~TensorHook() = default;
  virtual Tensor call(const Tensor& grad) = 0;
};

// Called before and after a node runs.
struct NodeHook {
  virtual ~NodeHook() = default;
  virtual void before(Tensors& /*grad_outputs*/) {}
  virtual void after(Tensors& /*grad_inputs*/, const Tensors& /*grad_outputs*/) {}
};

struct NodeHooks {
  struct OnSlot {
    uint32_t slot;
    std::shared_ptr<TensorHook> hook;
  };
  std::vector<OnSlot> tensor_hooks;
  std::vector<OnSlot> retain_grad;  // run last: the gradient as later consumers see it
  std::vector<std::shared_ptr<NodeHook>> node_hooks;
};

class Node : public Counted {
 public:
  Node();
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // "MulBackward0"
  virtual std::string name() const = 0;
  // Fills grad_inputs, one entry an edge; undefined means zero. May consume grad_outputs.
  virtual void apply(Tensors& grad_outputs, Tensors& grad_inputs) = 0;
  // Hooks that belong to the node by nature (a leaf's own); run before the gradients are captured
  // or applied.
  virtual void own_hooks(Tensors& /*grad_outputs*/) {}
  // Frees what was saved for the derivative.
  virtual void release_saved() {}

  // Weakly referenced by leaves, so the last reference must go atomically.
  bool drop() const;
  // Without recursion: graphs are deep.
  static void destroy(Node* node);

  uint64_t sequence() const { return sequence_; }
  // Once the edges are there: the nodes they lead to may have been made just now.
  void renumber();
  uint32_t add_output(const Tensor& t) {
    outputs.push_back({Dims(t.sizes()), t.dtype(), t.device()});
    return static_cast<uint32_t>(outputs.size() - 1);
  }
  NodeHooks& hooks_or_new() {
    if (!hooks) hooks = std::make_unique<NodeHooks>();
    return *hooks;
  }

  PoolVector<Edge> edges;
  PoolVector<GradShape> outputs;
  std::unique_ptr<NodeHooks> hooks;
  std::shared_ptr<void> trace;  // anomaly mode: where the node was made
  void* python = nullptr;  // the Python object that shows this node, if there is one (not owned)

  static void* operator new(size_t n, size_t extra = 0);
  static void operator delete(void* p);

 private:
  uint64_t sequence_;  // grows with creation: a node's consumers always have greater numbers
};

}  // namespace fb
