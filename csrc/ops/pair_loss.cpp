// Losses that compare two tensors element by element.
#include "ops/pair_loss.h"

#include "ops/activation.h"
#include "ops/dense.h"
#include "ops/forms.h"
#include "ops/loss_reduction.h"
#include "ops/operators.h"
#include "ops/pair_loss_kernels.h"
#include "ops/pointwise_compare.h"
#include "ops/pointwise_math.h"
#include "ops/pointwise_select.h"
#include "ops/reduce.h"

namespace fb {
namespace {

double mean_factor(LossReduction reduction, int64_t count) {
  return reduction == LossReduction::Mean ? 1 / static_cast<double>(count) : 1;
}

// As PyTorch names the loops of a loss in its errors.
const char* loop_name(PairLoss kind) {
  switch (kind) {
    case PairLoss::Squared:
      return "mse_cpu";
    case PairLoss::SmoothL1:
      return "smooth_l1_cpu";
    case PairLoss::Huber:
      return "huber_cpu";
    case PairLoss::BinaryCrossEntropy:
      return "binary_cross_entropy";
    case PairLoss::BinaryCrossEntropyLogits:
      return "log_sigmoid_cpu";
    default:
      return "l1_loss";
  }
}

Tensor pair_loss_forward(const Tensor& input, const Tensor& target, int64_t kind_number,
                         double parameter, std::string_view reduction_text) {
  const PairLoss kind{kind_number};
  const LossReduction reduction = loss_reduction(reduction_text);
  const DType type = result_type(input, target);
  if (!is_floating(type)) raise_unsupported_dtype(loop_name(kind), type);
  if (reduction == LossReduction::None) {
    Tensor out = pointwise_output(type, Out(nullptr), input, target);
    kernels::pair_loss(out, input, target, kind, parameter, type);
    return out;
  }
  Tensor x = input, t = target;
  if (!same_shape(x.sizes(), t.sizes())) {
    Dims sizes = broadcast_shapes(x.sizes(), t.sizes());
    auto spread = [&](const Tensor& from) {
      Tensor copy = empty(sizes, type, from.device());
      kernels::copy(copy, from);
      return copy;
    };
    x = spread(x), t = spread(t);
  }
  Tensor out = empty(Ints(), type, input.device());
  kernels::pair_loss_sum(out, dense(x, type), dense(t, type), kind, parameter,
                         mean_factor(reduction, x.numel()));
  return out;
}
void pair_loss_vjp(Grad& g) {
  Tensor x = g.in("input"), t = g.in("target");
  const int64_t kind = g.arg<int64_t>("kind");
  const double parameter = g.arg<double>("parameter");
  auto reduction = g.arg<std::string_view>("reduction");
  if (g.needs("input"))
    g.set("input", pair_loss_backward(g.dout(), x, t, kind, parameter, reduction, false));
  if (g.needs("target"))
    g.set("target", pair_loss_backward(g.dout(), x, t, kind, parameter, reduction, true));
}

OP(pair_loss) {
  .schema =
      "pair_loss(Tensor input, Tensor target, int kind, float parameter, str reduction) -> Tensor",
  .names = "",
  .forward = boxed<pair_loss_forward>,
  .vjp = pair_loss_vjp,
  .save = "input, target",
  .doc = "One of the elementwise losses, reduced in the same pass.",
};

Tensor pair_loss_backward_forward(const Tensor& grad, const Tensor& input, const Tensor& target,
                                  int64_t kind, double parameter, std::string_view reduction,
                                  bool by_target) {
  const DType type = result_type(input, target);
  Tensor out = pointwise_output(type, Out(nullptr), input, target);
  kernels::pair_loss_backward(out, grad, input, target, PairLoss{kind}, parameter,
                              mean_factor(loss_reduction(reduction), out.numel()), by_target, type);
  return out;
}

// Second derivatives. All but those of the binary cross entropies are functions of input - target:
// a change of sign for each derivative by the target.
Tensor difference_curvature(PairLoss kind, const Tensor& x, const Tensor& t, double parameter) {
  if (kind == PairLoss::Squared) return x * 0 + 2;
  if (kind == PairLoss::Absolute) return x * 0;
  Tensor inside = le(abs(x - t), wrapped_number(parameter));
  return where(inside, wrapped_number(kind == PairLoss::SmoothL1 ? 1 / parameter : 1.0), x * 0);
}
Tensor curvature(PairLoss kind, const Tensor& x, const Tensor& t, double parameter,
                 int by_targets) {
  if (kind == PairLoss::BinaryCrossEntropy) {
    Tensor q = clamp_min((1 - x) * x, wrapped_number(1e-12));
    if (by_targets == 0) return (q - (x - t) * (1 - x * 2)) / square(q);
    return by_targets == 1 ? -1 / q : x * 0;
  }
  if (kind == PairLoss::BinaryCrossEntropyLogits) {
    Tensor s = sigmoid(x);
    return by_targets == 0 ? s * (1 - s) : by_targets == 1 ? x * 0 - 1 : x * 0;
  }
  Tensor c = difference_curvature(kind, x, t, parameter);
  return by_targets == 1 ? -c : c;
}

void pair_loss_backward_vjp(Grad& g) {
  Tensor grad = g.in("grad"), x = g.in("input"), t = g.in("target"), up = g.dout();
  const int64_t kind = g.arg<int64_t>("kind");
  const double parameter = g.arg<double>("parameter");
  const bool by_target = g.arg<bool>("by_target");
  const double factor =
      mean_factor(loss_reduction(g.arg<std::string_view>("reduction")), up.numel());
  if (g.needs("grad"))
    g.set("grad", pair_loss_backward(up, x, t, kind, parameter, "none", by_target) * factor);
  if (g.needs("input"))
    g.set("input", up * grad * factor * curvature(PairLoss{kind}, x, t, parameter, by_target));
  if (g.needs("target"))
    g.set("target", up * grad * factor * curvature(PairLoss{kind}, x, t, parameter, by_target + 1));
}

OP(pair_loss_backward) {
  .schema =
      "pair_loss_backward(Tensor grad, Tensor input, Tensor target, int kind, float parameter, str reduction,"
      " bool by_target) -> Tensor",
  .names = "",
  .forward = boxed<pair_loss_backward_forward>,
  .vjp = pair_loss_backward_vjp,
  .save = "grad, input, target",
  .doc = "The gradient of an elementwise loss by one of its two tensors.",
};

Tensor call_pair_loss(const Tensor& input, const Tensor& target, PairLoss kind, double parameter,
                      std::string_view reduction) {
  return pair_loss(input, target, static_cast<int64_t>(kind), parameter, reduction);
}
Tensor reduced(const Tensor& loss, LossReduction reduction) {
  return reduction == LossReduction::None   ? loss
         : reduction == LossReduction::Mean ? mean(loss)
                                            : sum(loss);
}

// --- the losses by name --------------------------------------------------------------------------

Tensor mse_loss_forward(const Tensor& input, const Tensor& target, std::string_view reduction) {
  return call_pair_loss(input, target, PairLoss::Squared, 0, reduction);
}

OP(mse_loss) {
  .schema = "mse_loss(Tensor input, Tensor target, str reduction='mean') -> Tensor",
  .names = "nn.functional._mse_loss",
  .forward = boxed<mse_loss_forward>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples = "(3,4) (3,4) | (3,4) (3,4) reduction='none' | (3,4) (4,) reduction='sum' | () ()",
  .errors =
      "(3,) (3,) reduction='most' -> ValueError: most is not a valid value for reduction"
      " | (3,) (4,) -> RuntimeError: must match the size of tensor b",
  .doc = "``(input - target)^2``, reduced; see nn.functional.mse_loss.",
};

Tensor l1_loss_forward(const Tensor& input, const Tensor& target, std::string_view reduction) {
  if (is_floating(input.dtype()) && is_floating(target.dtype()))
    return call_pair_loss(input, target, PairLoss::Absolute, 0, reduction);
  return reduced(abs(input - target), loss_reduction(reduction));
}

OP(l1_loss) {
  .schema = "l1_loss(Tensor input, Tensor target, str reduction='mean') -> Tensor",
  .names = "nn.functional._l1_loss",
  .forward = boxed<l1_loss_forward>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples =
      "(3,4) (3,4) | (3,4) (3,4) reduction='none' | (3,4):complex64 (3,4):complex64 reduction='sum'",
  .doc = "``|input - target|``, reduced; see nn.functional.l1_loss.",
};

Tensor smooth_l1_loss_forward(const Tensor& input, const Tensor& target, std::string_view reduction,
                              double beta) {
  FB_CHECK(beta >= 0, "smooth_l1_loss does not support negative values for beta.");
  if (beta == 0) return l1_loss(input, target, reduction);
  return call_pair_loss(input, target, PairLoss::SmoothL1, beta, reduction);
}

OP(smooth_l1_loss) {
  .schema =
      "smooth_l1_loss(Tensor input, Tensor target, str reduction='mean', float beta=1.0) -> Tensor",
  .names = "nn.functional._smooth_l1_loss",
  .forward = boxed<smooth_l1_loss_forward>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples = "(3,4) (3,4) | (3,4) (3,4) 'none' 0.5",
  .errors = "(3,) (3,) beta=-1.0 -> RuntimeError: does not support negative values for beta",
  .doc = "Squared near 0, absolute beyond ``beta``; see nn.functional.smooth_l1_loss.",
};

Tensor huber_loss_forward(const Tensor& input, const Tensor& target, std::string_view reduction,
                          double delta) {
  FB_CHECK(delta > 0, "huber_loss does not support non-positive values for delta.");
  return call_pair_loss(input, target, PairLoss::Huber, delta, reduction);
}

OP(huber_loss) {
  .schema =
      "huber_loss(Tensor input, Tensor target, str reduction='mean', float delta=1.0) -> Tensor",
  .names = "nn.functional._huber_loss",
  .forward = boxed<huber_loss_forward>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples = "(3,4) (3,4) | (3,4) (3,4) 'none' 0.5",
  .errors = "(3,) (3,) delta=0.0 -> RuntimeError: does not support non-positive values for delta",
  .doc = "Squared near 0, linear beyond ``delta``; see nn.functional.huber_loss.",
};

Tensor binary_cross_entropy_forward(const Tensor& input, const Tensor& target, const Tensor& weight,
                                    std::string_view reduction) {
  if (!is_floating(input.dtype())) raise_unsupported_dtype("binary_cross_entropy", input.dtype());
  FB_CHECK(input.dtype() == target.dtype(), "Found dtype ", dtype_class_name(target.dtype()),
           " but expected ", dtype_class_name(input.dtype()));
  kernels::check_unit_interval(dense(input), "input");
  kernels::check_unit_interval(dense(target), "target");
  constexpr PairLoss kind = PairLoss::BinaryCrossEntropy;
  if (!weight.defined()) return call_pair_loss(input, target, kind, 0, reduction);
  return reduced(call_pair_loss(input, target, kind, 0, "none") * weight,
                 loss_reduction(reduction));
}

OP(binary_cross_entropy) {
  .schema =
      "binary_cross_entropy(Tensor input, Tensor target, Tensor? weight=None, str reduction='mean') -> Tensor",
  .names = "nn.functional._binary_cross_entropy",
  .forward = boxed<binary_cross_entropy_forward>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples = "(3,4)@0.1..0.9 (3,4)@0.1..0.9 | (3,4)@0.1..0.9 (3,4)@0.1..0.9 (4,) 'none'",
  .errors =
      "(3,)@2..3 (3,)@0.1..0.9 -> RuntimeError: all elements of input should be between 0 and 1",
  .doc = "Cross entropy of two-way probabilities; see nn.functional.binary_cross_entropy.",
};

Tensor binary_cross_entropy_with_logits_forward(const Tensor& input, const Tensor& target,
                                                const Tensor& weight, const Tensor& pos_weight,
                                                std::string_view reduction) {
  constexpr PairLoss kind = PairLoss::BinaryCrossEntropyLogits;
  if (!is_floating(input.dtype())) raise_unsupported_dtype("log_sigmoid_cpu", input.dtype());
  FB_CHECK(is_floating(target.dtype()), "result type ", dtype_class_name(input.dtype()),
           " can't be cast to the desired output type ", dtype_class_name(target.dtype()));
  if (!weight.defined() && !pos_weight.defined())
    return call_pair_loss(input, target, kind, 0, reduction);
  Tensor loss;
  if (pos_weight.defined()) {
    loss = (1 - target) * input - ((pos_weight - 1) * target + 1) * logsigmoid(input);
  } else {
    loss = call_pair_loss(input, target, kind, 0, "none");
  }
  return reduced(weight.defined() ? loss * weight : loss, loss_reduction(reduction));
}

OP(binary_cross_entropy_with_logits) {
  .schema =
      "binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight=None, Tensor? pos_weight=None,"
      " str reduction='mean') -> Tensor",
  .names = "nn.functional._binary_cross_entropy_with_logits",
  .forward = boxed<binary_cross_entropy_with_logits_forward>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples = "(3,4) (3,4)@0.1..0.9 | (3,4) (3,4)@0.1..0.9 (4,)@0.1..2 (4,)@0.1..2 'none'",
  .doc = "Cross entropy of two-way scores; see nn.functional.binary_cross_entropy_with_logits.",
};

}  // namespace
}  // namespace fb
