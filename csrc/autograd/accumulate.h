// The sink of a leaf: adds what arrives to the leaf's .grad.
#pragma once
#include "autograd/variable.h"

namespace fb {

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(const Tensor& leaf) : variable_(leaf) { add_output(leaf); }
  ~AccumulateGrad() override;
  std::string name() const override { return "AccumulateGrad"; }
  void own_hooks(Tensors& grad_outputs) override;
  void apply(Tensors& grad_outputs, Tensors& grad_inputs) override;
  const Tensor& variable() const { return variable_; }

 private:
  Tensor variable_;
};

// Adds to .grad, taking the gradient over without a copy where nobody else holds it.
void accumulate_grad(const Tensor& variable, Tensor grad);

}  // namespace fb
