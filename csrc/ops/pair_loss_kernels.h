#pragma once
#include "ops/kernel.h"

namespace fb {

enum class PairLoss : int64_t {
  Squared,
  Absolute,
  SmoothL1,
  Huber,
  BinaryCrossEntropy,
  BinaryCrossEntropyLogits
};

}  // namespace fb

// Elementwise losses of `input` and `target` in `dtype`. `parameter` is the beta or delta of those
// that have one.
FB_KERNEL(pair_loss, const Tensor& out, const Tensor& input, const Tensor& target, PairLoss kind,
          double parameter, DType dtype)
// Their sum times `factor`: out is 0-d; input and target are contiguous, of one shape and one type.
FB_KERNEL(pair_loss_sum, const Tensor& out, const Tensor& input, const Tensor& target,
          PairLoss kind, double parameter, double factor)
// grad (broadcast) times `factor` times the derivative by input or target.
FB_KERNEL(pair_loss_backward, const Tensor& out, const Tensor& grad, const Tensor& input,
          const Tensor& target, PairLoss kind, double parameter, double factor, bool by_target,
          DType dtype)
// Whether all elements lie in [0, 1]; the tensor is contiguous.
FB_KERNEL(check_unit_interval, const Tensor& t, const char* name)
