#pragma once
#include <array>

#include "ops/kernel.h"

namespace fb {

// What one step of an optimizer works on: parameters first, gradients second, then its state, an
// entry for each parameter in every list that is not empty. Elements that belong together lie at
// the same place in memory.
struct OptimLists {
  using List = std::span<const Tensor>;
  std::array<List, 5> arrays;
  List steps;            // 0-d tensors that count steps
  bool advance = false;  // count this step first
};

// Gradients are multiplied by `gradient_factor` before anything else.
struct SgdOptions {
  double lr, momentum, dampening, weight_decay, gradient_factor;
  bool nesterov, first;  // first: the buffers hold nothing yet
};
struct AdamOptions {
  double lr, beta1, beta2, weight_decay, eps, gradient_factor;
  bool amsgrad, decoupled;
};
struct RmspropOptions {
  double lr, alpha, eps, weight_decay, momentum, gradient_factor;
  bool centered;
};
struct AdagradOptions {
  double lr, lr_decay, weight_decay, eps, gradient_factor;
};

}  // namespace fb

// The first argument is there for its device.
FB_KERNEL(sgd_step, std::span<const Tensor> params, const OptimLists& lists,
          const SgdOptions& options)
FB_KERNEL(adam_step, std::span<const Tensor> params, const OptimLists& lists,
          const AdamOptions& options)
FB_KERNEL(rmsprop_step, std::span<const Tensor> params, const OptimLists& lists,
          const RmspropOptions& options)
FB_KERNEL(adagrad_step, std::span<const Tensor> params, const OptimLists& lists,
          const AdagradOptions& options)
