// One step of an optimizer for all parameters of a group.
#include "core/error.h"
#include "ops/copy.h"
#include "ops/op.h"
#include "ops/optim_kernels.h"

namespace fb {
namespace {

using List = std::span<const Tensor>;

constexpr size_t kGradients = 1;

bool laid_out_alike(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() &&
         ((a.is_contiguous() && b.is_contiguous()) || std::ranges::equal(a.strides(), b.strides()));
}

// The lists of one call, with copies in the place of tensors that are not laid out as their
// parameter is, or whose parameter has gaps.
class Batch {
 public:
  Batch(const char* name, List params, List gradients) : name_(name) {
    add("params", params);
    add("grads", gradients);
    for (const Tensor& parameter : params) check_dtype(parameter);
  }

  void add(const char* what, List list) {
    const List params = count_ ? lists.arrays[0] : list;
    check_count(what, list, params);
    for (size_t i = 0; i < list.size(); ++i) {
      FB_CHECK(same_shape(list[i].sizes(), params[i].sizes()), name_, ": ", what, "[", i,
               "] has shape ", shape_text(list[i].sizes()), ", but its parameter has ",
               shape_text(params[i].sizes()));
      FB_CHECK(list[i].dtype() == params[i].dtype() && list[i].device() == params[i].device(),
               name_, ": ", what, "[", i, "] is ", list[i].dtype(), " on ", list[i].device(),
               ", but its parameter is ", params[i].dtype(), " on ", params[i].device());
    }
    lists.arrays[count_++] = list;
  }

  void add_steps(List steps) {
    check_count("state_steps", steps, lists.arrays[0]);
    for (const Tensor& step : steps) {
      FB_CHECK(step.numel() == 1 && is_floating(step.dtype()), name_,
               ": state_steps must be floating-point tensors of one element, but got ",
               step.dtype(), shape_text(step.sizes()));
    }
    lists.steps = steps;
  }

  template <class Kernel, class Options>
  void run(Kernel& kernel, const Options& options) {
    const size_t n = lists.arrays[0].size();
    for (size_t i = 0; i < n; ++i) align(i);
    for (size_t begin = 0, end; begin < n; begin = end) {
      const Device device = lists.arrays[0][begin].device();
      for (end = begin + 1; end < n && lists.arrays[0][end].device() == device;) ++end;
      const OptimLists part = slice(begin, end - begin);
      kernel(part.arrays[0], part, options);
    }
    for (size_t j = 0; j < count_; ++j) write_back(j);
  }

  OptimLists lists;

 private:
  void check_dtype(const Tensor& t) const {
    if (!is_floating(t.dtype()) && !is_complex(t.dtype()))
      raise_unsupported_dtype(name_, t.dtype());
  }
  void check_count(const char* what, List list, List params) const {
    FB_CHECK(list.size() == params.size(), name_,
             ": Tensor lists must have the same number of tensors, got ", params.size(),
             " parameters and ", list.size(), " of ", what);
  }

  OptimLists slice(size_t begin, size_t n) const {
    OptimLists part = lists;
    for (List& list : part.arrays)
      if (!list.empty()) list = list.subspan(begin, n);
    if (!part.steps.empty()) part.steps = part.steps.subspan(begin, n);
    return part;
  }

  // Makes the i-th entries of all lists alike in memory.
  void align(size_t i) {
    const Tensor parameter = lists.arrays[0][i];
    Tensor like = parameter;
    if (!parameter.is_contiguous() && !is_dense(parameter.sizes(), parameter.strides())) {
      like = empty(parameter.sizes(), parameter.dtype(), parameter.device());
      replace(0, i, like);
    }
    for (size_t j = 1; j < count_; ++j) {
      if (!lists.arrays[j].empty() && !laid_out_alike(lists.arrays[j][i], like))
        replace(j, i, empty_strided(like.sizes(), like.strides(), like.dtype(), like.device()));
    }
  }

  void replace(size_t j, size_t i, const Tensor& copy) {
    if (copies_[j].empty()) {
      originals_[j] = lists.arrays[j];
      copies_[j].assign(originals_[j].begin(), originals_[j].end());
      lists.arrays[j] = copies_[j];
    }
    copies_[j][i] = copy_(copy, originals_[j][i]);
  }

  void write_back(size_t j) {
    if (j == kGradients) return;
    for (size_t i = 0; i < copies_[j].size(); ++i)
      if (!copies_[j][i].is(originals_[j][i])) copy_(originals_[j][i], copies_[j][i]);
  }

  const char* name_;
  size_t count_ = 0;
  std::array<List, 5> originals_;
  std::array<Tensors, 5> copies_;
};

// A scaler of gradients found infinities: the step is left out.
bool is_skipped(const Tensor& found_inf) {
  return found_inf.defined() && item(found_inf).to<double>() != 0;
}

double gradient_factor(bool maximize, const Tensor& scale) {
  const double factor = scale.defined() ? 1 / item(scale).to<double>() : 1;
  return maximize ? -factor : factor;
}

double number(const char* name, const Tensor& lr) {
  FB_CHECK_VALUE(lr.numel() == 1, name, ": lr must be a number or a tensor of one element");
  return item(lr).to<double>();
}

constexpr const char* kNotDifferentiable =
    "an optimizer's fused step; construct the optimizer with differentiable=True";

#define FB_OPTIM_DOC(what, extra)                                                            \
  what " for all parameters in one pass over memory.\n\nArgs:\n"                             \
       "    self, grads: parameters and their gradients, of one shape and dtype in pairs.\n" \
       "    state lists: as the optimizer keeps them; written, as ``self`` is.\n" extra      \
       "    lr: a number, or a tensor of one element.\n"                                     \
       "    maximize: go up the gradient.\n"                                                 \
       "    grad_scale: what the gradients are to be divided by.\n"                          \
       "    found_inf: do nothing unless this is zero.\n"

void sgd_forward(List self, List grads, List momentum_buffers, double weight_decay, double momentum,
                 const Tensor& lr, double dampening, bool nesterov, bool maximize,
                 bool is_first_step, const Tensor& grad_scale, const Tensor& found_inf) {
  if (is_skipped(found_inf)) return;
  Batch batch("_fused_sgd_", self, grads);
  if (!momentum_buffers.empty()) batch.add("momentum_buffer_list", momentum_buffers);
  FB_CHECK(momentum == 0 || !momentum_buffers.empty() || self.empty(),
           "_fused_sgd_: momentum needs a momentum_buffer_list");
  batch.run(kernels::sgd_step,
            SgdOptions{number("_fused_sgd_", lr), momentum, dampening, weight_decay,
                       gradient_factor(maximize, grad_scale), nesterov, is_first_step});
}

OP(fused_sgd) {
  .schema =
      "_fused_sgd_(Tensor(a!)[] self, Tensor[] grads, Tensor(b!)[] momentum_buffer_list, *, "
      "float weight_decay, float momentum, Tensor|Number lr, float dampening, bool nesterov, "
      "bool maximize, bool is_first_step, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()",
  .names = "_fused_sgd_",
  .forward = boxed<sgd_forward>,
  .vjp = not_differentiable(kNotDifferentiable),
  .doc = FB_OPTIM_DOC("A step of :class:`optim.SGD`",
                      "    is_first_step: the buffers hold nothing yet.\n")
};

void adam_forward(const char* name, bool decoupled, List self, List grads, List exp_avgs,
                  List exp_avg_sqs, List max_exp_avg_sqs, List state_steps, const Tensor& lr,
                  double beta1, double beta2, double weight_decay, double eps, bool amsgrad,
                  bool maximize, const Tensor& grad_scale, const Tensor& found_inf, bool advance) {
  if (is_skipped(found_inf)) return;
  Batch batch(name, self, grads);
  batch.add("exp_avgs", exp_avgs);
  batch.add("exp_avg_sqs", exp_avg_sqs);
  if (amsgrad) batch.add("max_exp_avg_sqs", max_exp_avg_sqs);
  batch.add_steps(state_steps);
  batch.lists.advance = advance;
  batch.run(kernels::adam_step,
            AdamOptions{number(name, lr), beta1, beta2, weight_decay, eps,
                        gradient_factor(maximize, grad_scale), amsgrad, decoupled});
}

template <bool kDecoupled>
void adam_of_kind(List self, List grads, List exp_avgs, List exp_avg_sqs, List max_exp_avg_sqs,
                  List state_steps, const Tensor& lr, double beta1, double beta2,
                  double weight_decay, double eps, bool amsgrad, bool maximize,
                  const Tensor& grad_scale, const Tensor& found_inf, bool advance) {
  adam_forward(kDecoupled ? "_fused_adamw_" : "_fused_adam_", kDecoupled, self, grads, exp_avgs,
               exp_avg_sqs, max_exp_avg_sqs, state_steps, lr, beta1, beta2, weight_decay, eps,
               amsgrad, maximize, grad_scale, found_inf, advance);
}

#define FB_ADAM_SIGNATURE                                                                      \
  "(Tensor(a!)[] self, Tensor[] grads, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_avg_sqs, "      \
  "Tensor(d!)[] max_exp_avg_sqs, Tensor(e!)[] state_steps, *, Tensor|Number lr, float beta1, " \
  "float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, "                  \
  "Tensor? grad_scale=None, Tensor? found_inf=None, bool advance=False) -> ()"
#define FB_ADVANCE_DOC \
  "    advance: count the step in ``state_steps``, which else is done already.\n"

OP(fused_adam) {
  .schema = "_fused_adam_" FB_ADAM_SIGNATURE,
  .names = "_fused_adam_",
  .forward = boxed<adam_of_kind<false>>,
  .vjp = not_differentiable(kNotDifferentiable),
  .doc = FB_OPTIM_DOC("A step of :class:`optim.Adam`", FB_ADVANCE_DOC)
};

OP(fused_adamw) {
  .schema = "_fused_adamw_" FB_ADAM_SIGNATURE,
  .names = "_fused_adamw_",
  .forward = boxed<adam_of_kind<true>>,
  .vjp = not_differentiable(kNotDifferentiable),
  .doc = FB_OPTIM_DOC("A step of :class:`optim.AdamW`", FB_ADVANCE_DOC)
};

void rmsprop_forward(List self, List grads, List square_avgs, List grad_avgs, List momentum_buffers,
                     List state_steps, const Tensor& lr, double alpha, double eps,
                     double weight_decay, double momentum, bool centered, bool maximize,
                     const Tensor& grad_scale, const Tensor& found_inf, bool advance) {
  if (is_skipped(found_inf)) return;
  Batch batch("_fused_rmsprop_", self, grads);
  batch.add("square_avgs", square_avgs);
  if (momentum != 0) batch.add("momentum_buffer_list", momentum_buffers);
  if (centered) batch.add("grad_avgs", grad_avgs);
  batch.add_steps(state_steps);
  batch.lists.advance = advance;
  batch.run(kernels::rmsprop_step,
            RmspropOptions{number("_fused_rmsprop_", lr), alpha, eps, weight_decay, momentum,
                           gradient_factor(maximize, grad_scale), centered});
}

OP(fused_rmsprop) {
  .schema =
      "_fused_rmsprop_(Tensor(a!)[] self, Tensor[] grads, Tensor(b!)[] square_avgs, "
      "Tensor(c!)[] grad_avgs, Tensor(d!)[] momentum_buffer_list, Tensor(e!)[] state_steps, *, "
      "Tensor|Number lr, float alpha, float eps, float weight_decay, float momentum, "
      "bool centered, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None, "
      "bool advance=False) -> ()",
  .names = "_fused_rmsprop_",
  .forward = boxed<rmsprop_forward>,
  .vjp = not_differentiable(kNotDifferentiable),
  .doc = FB_OPTIM_DOC("A step of :class:`optim.RMSprop`", FB_ADVANCE_DOC)
};

void adagrad_forward(List self, List grads, List state_sums, List state_steps, const Tensor& lr,
                     double lr_decay, double weight_decay, double eps, bool maximize,
                     const Tensor& grad_scale, const Tensor& found_inf, bool advance) {
  if (is_skipped(found_inf)) return;
  Batch batch("_fused_adagrad_", self, grads);
  batch.add("state_sums", state_sums);
  batch.add_steps(state_steps);
  batch.lists.advance = advance;
  batch.run(kernels::adagrad_step,
            AdagradOptions{number("_fused_adagrad_", lr), lr_decay, weight_decay, eps,
                           gradient_factor(maximize, grad_scale)});
}

OP(fused_adagrad) {
  .schema =
      "_fused_adagrad_(Tensor(a!)[] self, Tensor[] grads, Tensor(b!)[] state_sums, "
      "Tensor(c!)[] state_steps, *, Tensor|Number lr, float lr_decay, float weight_decay, "
      "float eps, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None, "
      "bool advance=False) -> ()",
  .names = "_fused_adagrad_",
  .forward = boxed<adagrad_forward>,
  .vjp = not_differentiable(kNotDifferentiable),
  .doc = FB_OPTIM_DOC("A step of :class:`optim.Adagrad`", FB_ADVANCE_DOC)
};

}  // namespace
}  // namespace fb
