// Batch and instance normalization.
#include "ops/batch_norm.h"

#include "ops/batch_norm_kernels.h"
#include "ops/copy.h"
#include "ops/dense.h"
#include "ops/elementwise.h"
#include "ops/grad.h"
#include "ops/normalization.h"
#include "ops/normalization_grad.h"
#include "ops/view.h"

namespace fb {
namespace {

using Three = std::tuple<Tensor, Tensor, Tensor>;

int64_t product(Ints sizes) {
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  return n;
}

// --- layout --------------------------------------------------------------------------------------

MemoryFormat format_of(const Tensor& t) {
  if (t.is_contiguous()) return MemoryFormat::Contiguous;
  for (auto [dims, format] :
       {std::pair(4, MemoryFormat::ChannelsLast), std::pair(5, MemoryFormat::ChannelsLast3d)})
    if (t.dim() == dims && t.is_contiguous(format)) return format;
  return MemoryFormat::Contiguous;
}
Tensor laid_out(const Tensor& t, MemoryFormat format) {
  if (t.is_contiguous(format)) return t;
  Tensor copy = empty(t.sizes(), t.dtype(), t.device(), format);
  kernels::copy(copy, t);
  return copy;
}
ChannelLayout layout_of(const Tensor& t, MemoryFormat format) {
  const int64_t inner = product(t.sizes().subspan(2));
  return {t.sizes()[0], t.sizes()[1], inner, format != MemoryFormat::Contiguous || inner == 1};
}

// --- checks --------------------------------------------------------------------------------------

void check_types(const Tensor& input, const Tensor& weight, const Tensor& bias,
                 const Tensor& running_mean, const Tensor& running_var) {
  const DType own = input.dtype(), wide = wide_type(own);
  if (!is_floating(own)) raise_unsupported_dtype("batch_norm", own);
  for (const Tensor* t : {&weight, &bias, &running_mean, &running_var}) {
    if (!t->defined() || t->dtype() == own || t->dtype() == wide) continue;
    raise(ErrorKind::Runtime, "expected scalar type ", dtype_class_name(own), " but found ",
          dtype_class_name(t->dtype()));
  }
  const DType parameter = weight.defined() ? weight.dtype() : bias.defined() ? bias.dtype() : wide;
  for (const Tensor* t : {&bias, &running_mean, &running_var}) {
    const bool bare = !weight.defined() && !bias.defined();
    FB_CHECK(!t->defined() || bare || t->dtype() == parameter,
             "mixed dtype (CPU): expect parameter to have scalar type of ", dtype_class_name(wide));
  }
}

void check_sizes(int64_t features,
                 std::initializer_list<std::pair<const char*, const Tensor*>> tensors) {
  for (const auto& [name, t] : tensors) {
    FB_CHECK(!t->defined() || t->numel() == features, name, " should contain ", features,
             " elements not ", t->numel());
  }
}

// --- batch norm ----------------------------------------------------------------------------------

Three batch_norm_parts_forward(const Tensor& input, const Tensor& weight, const Tensor& bias,
                               const Tensor& running_mean, const Tensor& running_var, bool training,
                               double momentum, double eps) {
  check_types(input, weight, bias, running_mean, running_var);
  const MemoryFormat format = format_of(input);
  const ChannelLayout layout = layout_of(input, format);
  const DType wide = wide_type(input.dtype());
  Tensor out = empty(input.sizes(), input.dtype(), input.device(), format),
         x = laid_out(input, format);
  Tensor rstd = empty(Dims{layout.channels}, wide, input.device());
  if (!training) {
    Tensor mean = dense_copy(running_mean, wide);
    kernels::batch_norm_apply(out, rstd, x, dense(weight), dense(bias), mean, dense(running_var),
                              layout, eps);
    return {out, mean, rstd};
  }
  Tensor mean = empty_like(rstd), new_mean = dense(running_mean), new_var = dense(running_var);
  kernels::batch_norm_train(out, mean, rstd, x, dense(weight), dense(bias), new_mean, new_var,
                            layout, momentum, eps);
  for (const auto& [to, from] :
       {std::pair(&running_mean, &new_mean), std::pair(&running_var, &new_var)}) {
    if (!to->defined()) continue;
    if (!to->is(*from)) kernels::copy(*to, *from);
    to->bump_version();
  }
  return {out, mean, rstd};
}
void batch_norm_parts_vjp(Grad& g) {
  const bool training = g.arg<bool>("training");
  Tensor x = g.in("input"), dx, dw, db;
  if (g.dout(0).defined())
    std::tie(dx, dw, db) = batch_norm_backward(g.dout(0), x, g.out(1), g.out(2), g.in("weight"),
                                               training, g.arg<double>("eps"), g.needs("input"),
                                               g.needs("weight"), g.needs("bias"));
  if (training && (g.dout(1).defined() || g.dout(2).defined())) {
    Dims shape(static_cast<size_t>(x.dim()), 1);
    shape[1] = x.sizes()[1];
    auto shaped = [&](const Tensor& t) { return t.defined() ? reshape(t, shape) : t; };
    Tensor by_statistics = statistics_gradient(
        x, shaped(g.out(1)), shaped(g.out(2)), shaped(g.dout(1)), shaped(g.dout(2)),
        static_cast<double>(x.numel()) / static_cast<double>(shape[1]));
    dx = dx.defined() ? dx + by_statistics : by_statistics;
  }
  if (g.needs("input") && dx.defined()) g.set("input", dx);
  if (dw.defined()) g.set("weight", dw);
  if (db.defined()) g.set("bias", db);
}

OP(batch_norm_parts) {
  .schema =
      "batch_norm_parts(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var,"
      " bool training, float momentum, float eps) -> (Tensor out, Tensor mean, Tensor rstd)",
  .names = "",
  .forward = boxed<batch_norm_parts_forward>,
  .vjp = batch_norm_parts_vjp,
  .save = "input, weight, mean, rstd",
  .doc = "Batch normalization with the means and reciprocal deviations it used.",
};

Three batch_norm_backward_forward(const Tensor& grad, const Tensor& input, const Tensor& mean,
                                  const Tensor& rstd, const Tensor& weight, bool training, double,
                                  bool for_input, bool for_weight, bool for_bias) {
  const MemoryFormat format = format_of(input);
  const ChannelLayout layout = layout_of(input, format);
  Tensor dx, dw, db;
  if (for_input) dx = empty(input.sizes(), input.dtype(), input.device(), format);
  if (for_weight) dw = empty_like(rstd);
  if (for_bias) db = empty_like(rstd);
  kernels::batch_norm_backward(dx, dw, db, laid_out(grad, format), laid_out(input, format), mean,
                               rstd, dense(weight), layout, training);
  return {dx, dw, db};
}

void batch_norm_backward_vjp(Grad& g) {
  Tensor x = g.in("input"), grad = g.in("grad");
  Dims shape(static_cast<size_t>(x.dim()), 1), others;
  shape[1] = x.sizes()[1];
  for (int64_t d = 0; d < x.dim(); ++d)
    if (d != 1) others.push_back(d);
  auto shaped = [&](const Tensor& t) { return t.defined() ? reshape(t, shape) : t; };
  Tensor w = shaped(g.in("weight")), up = g.dout(0), up_w = shaped(g.dout(1)),
         up_b = shaped(g.dout(2));
  Tensor by_grad, by_input, by_weight;
  if (g.arg<bool>("training")) {
    NormalizationGrad n(x, others, g.arg<double>("eps"), true);
    by_grad = n.by_grad(up, w, up_w, up_b);
    if (up.defined()) by_weight = n.by_weight(up, grad);
    if (g.needs("input") && (up.defined() || up_w.defined()))
      by_input = n.by_input(up, grad, w, up_w);
  } else {  // the statistics are given: only elementwise operations
    Tensor r = reshape(g.in("rstd"), shape), h = (x - reshape(g.in("mean"), shape)) * r;
    auto plus = [](const Tensor& a, const Tensor& b) { return a.defined() ? a + b : b; };
    if (up.defined()) by_grad = w.defined() ? up * w * r : up * r;
    if (up_w.defined()) by_grad = plus(by_grad, h * up_w);
    if (up_b.defined()) by_grad = plus(by_grad, up_b);
    if (up.defined()) by_weight = up * grad * r;
    if (up_w.defined()) by_input = grad * up_w * r;
  }
  if (g.needs("grad") && by_grad.defined()) g.set("grad", expand(by_grad, x.sizes()));
  if (g.needs("weight") && by_weight.defined()) g.set("weight", sum(by_weight, others.span()));
  if (g.needs("input") && by_input.defined()) g.set("input", by_input);
}

OP(batch_norm_backward) {
  .schema =
      "batch_norm_backward(Tensor grad, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, bool training, float eps,"
      " bool for_input, bool for_weight, bool for_bias) -> (Tensor, Tensor, Tensor)",
  .names = "",
  .forward = boxed<batch_norm_backward_forward>,
  .vjp = batch_norm_backward_vjp,
  .save = "grad, input, mean, rstd, weight",
  .doc = "The gradients of batch normalization.",
};

Tensor batch_norm_forward(const Tensor& input, const Tensor& running_mean,
                          const Tensor& running_var, const Tensor& weight, const Tensor& bias,
                          bool training, double momentum, double eps) {
  const int64_t features = input.dim() >= 2 ? input.sizes()[1] : 0;
  if (training) {
    const bool single =
        input.dim() >= 2 && input.sizes()[0] * product(input.sizes().subspan(2)) == 1;
    FB_CHECK_VALUE(
        !single, "Expected more than 1 value per channel when training, got input size torch.Size(",
        shape_text(input.sizes()), ")");
    FB_CHECK_VALUE(running_mean.defined() == running_var.defined(),
                   "running_mean and running_var must either both be None or neither be None");
  } else {
    FB_CHECK(running_mean.defined(), "running_mean must be defined in evaluation mode");
    FB_CHECK(running_var.defined(), "running_var must be defined in evaluation mode");
  }
  check_sizes(features, {{"running_mean", &running_mean},
                         {"running_var", &running_var},
                         {"weight", &weight},
                         {"bias", &bias}});
  if (input.dim() < 2 && input.numel() == 0) return clone(input);
  FB_CHECK(input.dim() >= 2, "batch_norm: expected input with at least 2 dimensions, got shape ",
           shape_text(input.sizes()));
  return std::get<0>(
      batch_norm_parts(input, weight, bias, running_mean, running_var, training, momentum, eps));
}

OP(batch_norm) {
  .schema =
      "batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, Tensor? bias=None,"
      " bool training=False, float momentum=0.1, float eps=1e-05) -> Tensor",
  .names = "nn.functional.batch_norm",
  .forward = boxed<batch_norm_forward>,
  .vjp = composite(),
  .samples =
      "(3,4) None None training=True | (2,3,4) None None (3,) (3,) True | (2,3,4,2) (3,) (3,)@0.5..2 (3,) (3,)",
  .errors =
      "(3,4) None None -> RuntimeError: running_mean must be defined in evaluation mode"
      " | (1,4) None None training=True -> ValueError: Expected more than 1 value per channel when training",
  .doc =
      R"(``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel (Ioffe and Szegedy 2015).

Args:
    input: (N, C, ...).
    running_mean, running_var: (C), the statistics used unless ``training``; with it the batch's own are used, and these
        move towards them by ``momentum`` (the variance unbiased).
    weight, bias: (C).
)",
};

// PyTorch's operator below batch_norm: the statistics are of the parameters' type, and empty where
// they were given.
Three native_batch_norm_forward(const Tensor& input, const Tensor& weight, const Tensor& bias,
                                const Tensor& running_mean, const Tensor& running_var,
                                bool training, double momentum, double eps) {
  FB_CHECK(training || (running_mean.defined() && running_var.defined()),
           "native_batch_norm: running_mean and running_var must be defined in evaluation mode");
  FB_CHECK(input.dim() >= 2,
           "native_batch_norm: expected input with at least 2 dimensions, got shape ",
           shape_text(input.sizes()));
  check_sizes(input.sizes()[1], {{"running_mean", &running_mean},
                                 {"running_var", &running_var},
                                 {"weight", &weight},
                                 {"bias", &bias}});
  auto [out, mean, rstd] =
      batch_norm_parts(input, weight, bias, running_mean, running_var, training, momentum, eps);
  const DType type = weight.defined() ? weight.dtype()
                     : bias.defined() ? bias.dtype()
                                      : input.dtype();
  if (!training)
    return {out, empty(Dims{0}, type, input.device()), empty(Dims{0}, type, input.device())};
  return {out, mean.dtype() == type ? mean : _to_copy(mean, type),
          rstd.dtype() == type ? rstd : _to_copy(rstd, type)};
}

OP(native_batch_norm) {
  .schema =
      "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var,"
      " bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
  .names = "native_batch_norm",
  .forward = boxed<native_batch_norm_forward>,
  .vjp = composite(),
  .samples =
      "(3,4) None None None None True 0.1 0.1 | (2,3,4) (3,) (3,) (3,) (3,)@0.5..2 True 0.1 0.1",
  .errors =
      "(3,4) None None None None False 0.1 0.1 -> RuntimeError: must be defined in evaluation mode",
  .doc = "Batch normalization, and the means and reciprocal deviations it used.",
};

// --- instance norm -------------------------------------------------------------------------------

// One copy for each sample.
Tensor for_each_sample(const Tensor& t, int64_t samples) {
  if (!t.defined()) return t;
  return reshape(expand(t, Dims{samples, t.numel()}), Dims{samples * t.numel()});
}

Tensor instance_norm_forward(const Tensor& input, const Tensor& running_mean,
                             const Tensor& running_var, const Tensor& weight, const Tensor& bias,
                             bool use_input_stats, double momentum, double eps) {
  const bool running = running_mean.defined();
  FB_CHECK_VALUE(!use_input_stats || input.dim() < 2 || product(input.sizes().subspan(2)) != 1,
                 "Expected more than 1 spatial element when training, got input size torch.Size(",
                 shape_text(input.sizes()), ")");
  FB_CHECK(use_input_stats || (running && running_var.defined()),
           "Expected running_mean and running_var to be defined when use_input_stats is false");
  FB_CHECK_VALUE(running == running_var.defined(),
                 "running_mean and running_var must either both be None or neither be None");
  FB_CHECK(input.dim() >= 2, "instance_norm: expected input with at least 2 dimensions, got shape ",
           shape_text(input.sizes()));
  const int64_t samples = input.sizes()[0], channels = input.sizes()[1];
  for (const auto& [name, t] :
       {std::pair("running_mean", &running_mean), std::pair("running_var", &running_var),
        std::pair("weight", &weight), std::pair("bias", &bias)}) {
    FB_CHECK(!t->defined() || t->numel() == channels, name, " should contain ", samples * channels,
             " elements not ", samples * t->numel());
  }
  if (!running && is_floating(input.dtype()))
    return std::get<0>(group_norm_parts(input, weight, bias, channels, eps));

  Tensor means, vars;
  if (running)
    means = clone(for_each_sample(running_mean, samples)),
    vars = clone(for_each_sample(running_var, samples));
  Dims folded{1, samples * channels};
  for (int64_t n : input.sizes().subspan(2)) folded.push_back(n);
  Tensor out = std::get<0>(batch_norm_parts(
      reshape(input, folded), for_each_sample(weight, samples), for_each_sample(bias, samples),
      means, vars, use_input_stats, momentum, eps));
  if (use_input_stats && running) {
    for (const auto& [to, from] :
         {std::pair(&running_mean, &means), std::pair(&running_var, &vars)})
      copy_(*to, mean(reshape(*from, Dims{samples, channels}), Dims{0}.span(), false));
  }
  return reshape(out, input.sizes());
}

OP(instance_norm) {
  .schema =
      "instance_norm(Tensor input, Tensor? running_mean=None, Tensor? running_var=None, Tensor? weight=None,"
      " Tensor? bias=None, bool use_input_stats=True, float momentum=0.1, float eps=1e-05) -> Tensor",
  .names = "nn.functional.instance_norm",
  .forward = boxed<instance_norm_forward>,
  .vjp = composite(),
  .samples = "(2,3,4) | (2,3,4,2) None None (3,) (3,) | (2,3,4) (3,) (3,)@0.5..2 (3,) (3,) False",
  .errors = "(2,3,1) -> ValueError: Expected more than 1 spatial element when training",
  .doc =
      R"(``(x - mean) / sqrt(var + eps) * weight + bias`` for each sample and channel (Ulyanov et al. 2016).

Args:
    input: (N, C, ...).
    running_mean, running_var: (C), moved towards the samples' average statistics by ``momentum``; used instead of them if
        ``use_input_stats`` is false.
    weight, bias: (C).
)",
};

}  // namespace
}  // namespace fb
