// The graph node of an operator: what its derivative needs, in one allocation.
#pragma once
#include "ops/grad.h"

namespace fb {

class OpNode final : public Node {
 public:
  // Before the forward function runs: edges, plain arguments, saved inputs.
  static Ref<OpNode> create(const Call& call);
  // After it: saved results. Their histories must be set by then.
  void save_results(const Call& call);

  std::string name() const override { return op_.node_name; }
  void apply(Tensors& grad_outputs, Tensors& grad_inputs) override;
  void release_saved() override;
  ~OpNode() override;

  const OpDef& op() const { return op_; }
  const Value& arg(int index) const { return args_[index]; }
  // First edge of a parameter.
  size_t edge_of(int param) const;
  bool needs(size_t edge) const { return static_cast<bool>(edges[edge].node); }
  // The j-th saved tensor under the rule for this parameter or result; checks that the graph was
  // not freed.
  Tensor saved(int index, bool is_result, size_t j);

 private:
  explicit OpNode(const OpDef& op) : op_(op) {}
  const OpDef& op_;
  Value* args_ = nullptr;
  SavedTensor* saved_ = nullptr;
  uint32_t saved_count_ = 0;
  bool released_ = false;
};

}  // namespace fb
