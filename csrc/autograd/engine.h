// Runs the graph backward.
#pragma once
#include "autograd/variable.h"

namespace fb {

// The few operators that the engine itself needs; ops/ installs them.
struct EngineOps {
  Tensor (*add)(const Tensor& a, const Tensor& b) = nullptr;
  // Adds in place; the engine calls it only on tensors that nobody else sees.
  void (*add_)(const Tensor& a, const Tensor& b) = nullptr;
  // Sums broadcast dimensions away and casts: what makes a gradient fit its tensor.
  Tensor (*fit)(const Tensor& grad, const GradShape& shape) = nullptr;
  Tensor (*ones_like)(const Tensor& t) = nullptr;
  Tensor (*clone)(const Tensor& t) = nullptr;
  bool (*has_nan)(const Tensor& t) = nullptr;
  // A node whose backward scatters into a zero base: history of a view, from its base.
  Ref<Node> (*view_node)(const Tensor& view, const Tensor& base) = nullptr;
};
extern EngineOps engine_ops;

struct BackwardOptions {
  bool retain_graph = false;
  bool create_graph = false;
  bool accumulate = true;  // into .grad of leaves; false: return the gradients of `inputs`
  bool allow_unused = false;
};

// grads[i] may be undefined for a root of one element. Without inputs all leaves accumulate.
Tensors run_backward(const Tensors& roots, Tensors grads, const Tensors& inputs,
                     const BackwardOptions& options);

}  // namespace fb
