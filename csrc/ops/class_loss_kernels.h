#pragma once
#include "ops/kernel.h"
#include "ops/loss_reduction.h"

namespace fb {

// Contiguous scores are outer x size x inner, targets (int64) outer x inner: one cell per target.
struct ClassLoss {
  int64_t size, inner, ignore_index;
  LossReduction reduction;
  double smoothing = 0;
};

}  // namespace fb

// `loss` is 0-d or has one element per cell, `total_weight` is 0-d and `log_total` (log of the sum
// of exponentials) has one element per cell; the latter two are float, or double for double scores.
// `weight` may be undefined, else it has the scores' type. Half scores: inner is 1.
FB_KERNEL(cross_entropy, const Tensor& loss, const Tensor& log_total, const Tensor& total_weight,
          const Tensor& input, const Tensor& target, const Tensor& weight, const ClassLoss& form)
FB_KERNEL(cross_entropy_backward, const Tensor& out, const Tensor& grad, const Tensor& input,
          const Tensor& log_total, const Tensor& total_weight, const Tensor& target,
          const Tensor& weight, const ClassLoss& form)
// Per cell, what the gradient's softmax is multiplied with.
FB_KERNEL(cross_entropy_scale, const Tensor& out, const Tensor& total_weight, const Tensor& target,
          const Tensor& weight, const ClassLoss& form)
FB_KERNEL(nll_loss, const Tensor& loss, const Tensor& total_weight, const Tensor& input,
          const Tensor& target, const Tensor& weight, const ClassLoss& form)
FB_KERNEL(nll_loss_backward, const Tensor& out, const Tensor& grad, const Tensor& total_weight,
          const Tensor& target, const Tensor& weight, const ClassLoss& form)
