// Losses of class indices: cross entropy of scores, negative log likelihood of log probabilities.
#include "ops/class_loss.h"

#include "ops/class_loss_kernels.h"
#include "ops/copy.h"
#include "ops/dense.h"
#include "ops/grad.h"
#include "ops/mode.h"
#include "ops/operators.h"
#include "ops/reduce.h"
#include "ops/softmax.h"
#include "ops/view.h"

namespace fb {
namespace {

using Parts = std::tuple<Tensor, Tensor, Tensor>;

// --- checks, in PyTorch's order and words --------------------------------------------------------

void check_weight(const Tensor& input, const Tensor& weight, int64_t classes, DType dtype) {
  if (!weight.defined()) return;
  FB_CHECK(weight.dim() == 1 && weight.numel() == classes,
           input.dim() <= 2 ? concat("weight tensor should be defined either for all ", classes,
                                     " classes or no classes but got weight tensor of shape: ",
                                     shape_text(weight.sizes()))
                            : "weight tensor should be defined either for all or no classes");
  FB_CHECK(weight.dtype() == dtype, "expected scalar type ", dtype_class_name(dtype), " but found ",
           dtype_class_name(weight.dtype()));
}

void check_target_shape(const Tensor& input, const Tensor& target) {
  const int64_t dim = input.dim();
  FB_CHECK_VALUE(dim >= 1, "Expected 1 or more dimensions (got ", dim, ")");
  FB_CHECK_VALUE(dim != 1 || target.dim() != 1 || target.numel() == 1,
                 "For 1D input, 1D target must have size 1, but got target size: ", target.numel());
  FB_CHECK_VALUE(dim == 1 || (target.dim() > 0 && input.sizes()[0] == target.sizes()[0]),
                 "Expected input batch_size (", input.sizes()[0], ") to match target batch_size (",
                 target.dim() ? target.sizes()[0] : 1, ").");
  if (dim <= 2) {
    FB_CHECK(target.dim() <= 1, "0D or 1D target tensor expected, multi-target not supported");
    return;
  }
  Dims wanted(input.sizes());
  wanted.erase(1);
  if (dim == 4) {
    FB_CHECK(
        target.dim() == 3,
        "only batches of spatial targets supported (3D tensors) but got targets of dimension: ",
        target.dim());
    FB_CHECK(same_shape(target.sizes(), wanted),
             "size mismatch (got input: ", shape_text(input.sizes()),
             " , target: ", shape_text(target.sizes()));
  }
  FB_CHECK(same_shape(target.sizes(), wanted), "Expected target size ", shape_text(wanted),
           ", got ", shape_text(target.sizes()));
}

void check_classes(const Tensor& input, const Tensor& target, const Tensor& weight, DType dtype) {
  check_target_shape(input, target);
  FB_CHECK(target.dtype() == DType::Int64 || target.dtype() == DType::UInt8,
           "expected target dtype to be Long or Byte, but got ", dtype_class_name(target.dtype()));
  check_weight(input, weight, input.sizes()[input.dim() == 1 ? 0 : 1], dtype);
}

// --- geometry ------------------------------------------------------------------------------------

ClassLoss class_loss(Ints input, int64_t ignore_index, std::string_view reduction,
                     double smoothing = 0) {
  DimSplit split(input, input.size() == 1 ? 0 : 1);
  return {split.size, split.inner, ignore_index, loss_reduction(reduction),
          smoothing < 0 ? 0 : smoothing};
}
DType wide_type(DType t) { return is_reduced(t) ? DType::Float32 : t; }
// Kernels take half types along the last dimension only; elsewhere the whole tensor is widened.
DType working_type(DType t, const ClassLoss& form) { return form.inner > 1 ? wide_type(t) : t; }

Dims cell_sizes(Ints input) {
  Dims sizes;
  if (input.size() == 1) return sizes;
  for (size_t d = 0; d < input.size(); ++d)
    if (d != 1) sizes.push_back(input[d]);
  return sizes;
}
Tensor empty_loss(const Tensor& input, const ClassLoss& form, DType dtype) {
  return empty(form.reduction == LossReduction::None ? cell_sizes(input.sizes()) : Dims(), dtype,
               input.device());
}

// --- cross entropy -------------------------------------------------------------------------------

Parts cross_entropy_classes_forward(const Tensor& input, const Tensor& target, const Tensor& weight,
                                    int64_t ignore_index, std::string_view reduction,
                                    double smoothing, bool wide) {
  const DType dtype = wide ? wide_type(input.dtype()) : input.dtype();
  check_classes(input, target, weight, dtype);
  if (!is_floating(input.dtype()))
    raise_unsupported_dtype("log_softmax_lastdim_kernel_impl", input.dtype());
  ClassLoss form = class_loss(input.sizes(), ignore_index, reduction, smoothing);
  Tensor loss = empty_loss(input, form, dtype);
  Tensor log_total = empty(cell_sizes(input.sizes()), wide_type(input.dtype()), input.device());
  Tensor total_weight = empty(Ints(), wide_type(input.dtype()), input.device());
  kernels::cross_entropy(loss, log_total, total_weight,
                         dense(input, working_type(input.dtype(), form)),
                         dense(target, DType::Int64), dense(weight), form);
  return {loss, log_total, total_weight};
}
void cross_entropy_classes_vjp(Grad& g) {
  if (!g.needs("input")) return;
  g.set("input", cross_entropy_backward(
                     g.dout_or_zeros(0), g.in("input"), g.out(1), g.out(2), g.in("target"),
                     g.in("weight"), g.arg<int64_t>("ignore_index"),
                     g.arg<std::string_view>("reduction"), g.arg<double>("label_smoothing")));
}

OP(cross_entropy_classes) {
  .schema =
      "cross_entropy_classes(Tensor input, Tensor target, Tensor? weight, int ignore_index, str reduction,"
      " float label_smoothing, bool wide) -> (Tensor loss, Tensor log_total, Tensor total_weight)",
  .names = "",
  .forward = boxed<cross_entropy_classes_forward>,
  .vjp = cross_entropy_classes_vjp,
  .save = "input, target, weight, log_total, total_weight",
  .doc =
      R"(Cross entropy of class indices, with what its gradient needs: log(sum(exp(input))) and the targets' total weight.

``wide``: the loss of half precision scores is float32.
)",
};

Tensor cross_entropy_backward_forward(const Tensor& grad, const Tensor& input,
                                      const Tensor& log_total, const Tensor& total_weight,
                                      const Tensor& target, const Tensor& weight,
                                      int64_t ignore_index, std::string_view reduction,
                                      double smoothing) {
  ClassLoss form = class_loss(input.sizes(), ignore_index, reduction, smoothing);
  DType working = working_type(input.dtype(), form);
  Tensor out = empty(input.sizes(), working, input.device());
  kernels::cross_entropy_backward(out, dense(grad), dense(input, working), log_total, total_weight,
                                  dense(target, DType::Int64), dense(weight), form);
  return dense(out, input.dtype());
}

Tensor of_type(const Tensor& t, DType dtype) { return t.dtype() == dtype ? t : _to_copy(t, dtype); }

// A tensor with one element per cell, or none at all, beside the scores.
Tensor beside_scores(const Tensor& t, Ints input) {
  return t.dim() == 0 ? t : unsqueeze(t, input.size() == 1 ? 0 : 1);
}

void cross_entropy_backward_vjp(Grad& g) {
  Tensor grad = g.in("grad"), x = g.in("input"), target = g.in("target"), weight = g.in("weight"),
         up = g.dout();
  Tensor total = g.in("total_weight");
  const int64_t ignore = g.arg<int64_t>("ignore_index"), dim = x.dim() == 1 ? 0 : 1;
  auto reduction = g.arg<std::string_view>("reduction");
  const double smoothing = g.arg<double>("label_smoothing");
  if (g.needs("grad")) {
    Tensor unit = cross_entropy_backward(fill(grad, wrapped_number(1)), x, g.in("log_total"), total,
                                         target, weight, ignore, reduction, smoothing);
    Tensor cells = sum(up * unit, Dims{dim});
    g.set("grad", of_type(grad.dim() == 0 && cells.dim() > 0 ? sum(cells) : cells, grad.dtype()));
  }
  if (g.needs("input")) {
    Tensor scale = cross_entropy_scale(x, total, target, weight, ignore, reduction, smoothing);
    g.set("input", of_type(softmax_backward(up, softmax(x, dim), dim) *
                               (scale * beside_scores(grad, x.sizes())),
                           x.dtype()));
  }
}

OP(cross_entropy_backward) {
  .schema =
      "cross_entropy_backward(Tensor grad, Tensor input, Tensor log_total, Tensor total_weight, Tensor target,"
      " Tensor? weight, int ignore_index, str reduction, float label_smoothing) -> Tensor",
  .names = "",
  .forward = boxed<cross_entropy_backward_forward>,
  .vjp = cross_entropy_backward_vjp,
  .save = "grad, input, log_total, total_weight, target, weight",
  .doc =
      "The gradient of cross entropy: ``grad * (softmax(input) - target distribution) * weight``.",
};

Tensor cross_entropy_scale_forward(const Tensor& input, const Tensor& total_weight,
                                   const Tensor& target, const Tensor& weight, int64_t ignore_index,
                                   std::string_view reduction, double smoothing) {
  Dims sizes(input.sizes());
  sizes[input.dim() == 1 ? 0 : 1] = 1;
  Tensor out = empty(sizes, wide_type(input.dtype()), input.device());
  kernels::cross_entropy_scale(out, total_weight, dense(target, DType::Int64), dense(weight),
                               class_loss(input.sizes(), ignore_index, reduction, smoothing));
  return dense(out, input.dtype());
}

OP(cross_entropy_scale) {
  .schema =
      "cross_entropy_scale(Tensor input, Tensor total_weight, Tensor target, Tensor? weight, int ignore_index,"
      " str reduction, float label_smoothing) -> Tensor",
  .names = "",
  .forward = boxed<cross_entropy_scale_forward>,
  .vjp = no_gradient(),
  .doc = "What the softmax in the gradient of cross entropy is multiplied with, for each target.",
};

Tensor cross_entropy_probabilities(const Tensor& input, const Tensor& target, const Tensor& weight,
                                   LossReduction reduction, double smoothing) {
  const int64_t dim = input.dim() == 1 ? 0 : 1, classes = input.size(dim);
  FB_CHECK(!weight.defined() || (weight.dim() == 1 && weight.numel() == classes),
           "cross_entropy: weight tensor should be defined either for all ", classes,
           " classes or no classes but got weight tensor of shape: ", shape_text(weight.sizes()));
  Tensor wanted = target;
  if (smoothing > 0) wanted = wanted * (1 - smoothing) + smoothing / static_cast<double>(classes);
  Tensor terms = log_softmax(input, dim) * wanted;
  if (weight.defined()) {
    Dims shape(static_cast<size_t>(input.dim()), 1);
    shape[static_cast<size_t>(dim)] = classes;
    terms = terms * reshape(weight, shape);
  }
  if (reduction == LossReduction::None) return -sum(terms, Dims{dim});
  Tensor total = -sum(terms);
  return reduction == LossReduction::Sum
             ? total
             : total / (static_cast<double>(input.numel()) / static_cast<double>(classes));
}

Tensor cross_entropy_forward(const Tensor& input, const Tensor& target, const Tensor& weight,
                             int64_t ignore_index, std::string_view reduction, double smoothing) {
  LossReduction form = loss_reduction(reduction);
  FB_CHECK(smoothing <= 1, "label_smoothing must be between 0.0 and 1.0. Got: ", smoothing);
  // What autocast computes in float32 is here read as it is, and only its result is float32: scores
  // are large.
  const bool wide = tls.autocast;
  auto widened = [wide](const Tensor& t) {
    return wide && t.defined() && is_reduced(t.dtype()) ? _to_copy(t, DType::Float32) : t;
  };
  if (!same_shape(input.sizes(), target.sizes()))
    return std::get<0>(cross_entropy_classes(input, target, widened(weight), ignore_index,
                                             reduction, smoothing, wide));
  FB_CHECK(is_floating(target.dtype()),
           "Expected floating point type for target with class probabilities, got ",
           dtype_class_name(target.dtype()));
  FB_CHECK(ignore_index < 0, "ignore_index is not supported for floating point target");
  return cross_entropy_probabilities(widened(input), widened(target), widened(weight), form,
                                     smoothing);
}

OP(cross_entropy) {
  .schema =
      "cross_entropy(Tensor input, Tensor target, Tensor? weight=None, int ignore_index=-100, str reduction='mean',"
      " float label_smoothing=0.0) -> Tensor",
  .names = "nn.functional._cross_entropy",
  .forward = boxed<cross_entropy_forward>,
  .vjp = composite(),
  .samples =
      "(3,4) (3,):int64@0..4 | (3,4,2) (3,2):int64@0..4 reduction='none' | (3,4) (3,4) | (4,) ():int64@0..4"
      " | (3,4) (3,):int64@0..4 weight=(4,)@0.1..2 label_smoothing=0.1 reduction='sum'",
  .errors =
      "(3,4) (3,):int64@7..8 -> IndexError: Target 7 is out of bounds"
      " | (3,4) (2,):int64@0..4 -> ValueError: Expected input batch_size (3) to match target batch_size (2)",
  .doc =
      "Cross entropy between scores and class indices or class probabilities; see nn.functional.cross_entropy.",
};

// --- negative log likelihood ---------------------------------------------------------------------

std::tuple<Tensor, Tensor> nll_loss_classes_forward(const Tensor& input, const Tensor& target,
                                                    const Tensor& weight, int64_t ignore_index,
                                                    std::string_view reduction) {
  check_classes(input, target, weight, input.dtype());
  ClassLoss form = class_loss(input.sizes(), ignore_index, reduction);
  if (!is_floating(input.dtype())) raise_unsupported_dtype("nll_loss_out_frame", input.dtype());
  Tensor loss = empty_loss(input, form, input.dtype()),
         total_weight = empty(Ints(), wide_type(input.dtype()), input.device());
  kernels::nll_loss(loss, total_weight, dense(input, working_type(input.dtype(), form)),
                    dense(target, DType::Int64), dense(weight), form);
  return {loss, total_weight};
}
void nll_loss_classes_vjp(Grad& g) {
  if (!g.needs("input")) return;
  g.set("input", nll_loss_backward(g.dout_or_zeros(0), g.out(1), g.in("target"), g.in("weight"),
                                   g.sizes("input"), g.arg<int64_t>("ignore_index"),
                                   g.arg<std::string_view>("reduction")));
}

OP(nll_loss_classes) {
  .schema =
      "nll_loss_classes(Tensor input, Tensor target, Tensor? weight, int ignore_index, str reduction)"
      " -> (Tensor loss, Tensor total_weight)",
  .names = "",
  .forward = boxed<nll_loss_classes_forward>,
  .vjp = nll_loss_classes_vjp,
  .save = "target, weight, total_weight",
  .doc = "Negative log likelihood, with the targets' total weight.",
};

Tensor nll_loss_backward_forward(const Tensor& grad, const Tensor& total_weight,
                                 const Tensor& target, const Tensor& weight, Ints sizes,
                                 int64_t ignore_index, std::string_view reduction) {
  Tensor out = empty(sizes, grad.dtype(), grad.device());
  kernels::nll_loss_backward(out, dense(grad), total_weight, dense(target, DType::Int64),
                             dense(weight), class_loss(sizes, ignore_index, reduction));
  return out;
}
void nll_loss_backward_vjp(Grad& g) {  // the loss is linear
  if (!g.needs("grad")) return;
  g.set("grad", std::get<0>(nll_loss_classes(g.dout(), g.in("target"), g.in("weight"),
                                             g.arg<int64_t>("ignore_index"),
                                             g.arg<std::string_view>("reduction"))));
}

OP(nll_loss_backward) {
  .schema =
      "nll_loss_backward(Tensor grad, Tensor total_weight, Tensor target, Tensor? weight, int[] sizes, int ignore_index,"
      " str reduction) -> Tensor",
  .names = "",
  .forward = boxed<nll_loss_backward_forward>,
  .vjp = nll_loss_backward_vjp,
  .save = "target, weight",
  .doc = "The gradient of negative log likelihood: ``-grad * weight`` at each target, 0 elsewhere.",
};

Tensor nll_loss_forward(const Tensor& input, const Tensor& target, const Tensor& weight,
                        int64_t ignore_index, std::string_view reduction) {
  return std::get<0>(nll_loss_classes(input, target, weight, ignore_index, reduction));
}

OP(nll_loss) {
  .schema =
      "nll_loss(Tensor input, Tensor target, Tensor? weight=None, int ignore_index=-100, str reduction='mean') -> Tensor",
  .names = "nn.functional._nll_loss",
  .forward = boxed<nll_loss_forward>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples =
      "(3,4) (3,):int64@0..4 | (3,4,2) (3,2):int64@0..4 reduction='none' | (4,) ():int64@0..4"
      " | (3,4) (3,):int64@0..4 weight=(4,)@0.1..2 reduction='sum'",
  .errors = "(3,4) (3,):int64@7..8 -> IndexError: Target 7 is out of bounds",
  .doc = "Negative log likelihood of class indices; see nn.functional.nll_loss.",
};

}  // namespace
}  // namespace fb
