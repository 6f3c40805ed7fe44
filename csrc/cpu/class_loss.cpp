#include "ops/class_loss_kernels.h"

#include <cstring>

#include "core/error.h"
#include "cpu/rows.h"

namespace fb {
namespace {

// What the kernels share: targets, weights and how the loss is reduced.
template <class C>
struct Classes {
  Classes(const Tensor& target, const Tensor& weight, const ClassLoss& form)
      : targets(target.data<int64_t>()),
        cells(target.numel()),
        weights(weight, form.size, C(1)),
        form(form) {}

  void check() const {
    for (int64_t i = 0; i < cells; ++i)
      FB_CHECK_INDEX(ignored(i) || (targets[i] >= 0 && targets[i] < form.size), "Target ",
                     targets[i], " is out of bounds.");
  }
  bool ignored(int64_t cell) const { return targets[cell] == form.ignore_index; }
  C weight(int64_t cell) const { return ignored(cell) ? C() : weights[targets[cell]]; }
  C weight_sum() const {
    return static_cast<C>(
        sum_of<double>(form.size, [&](int64_t c) { return static_cast<double>(weights[c]); }));
  }
  double total_weight() const {
    return sum_of<double>(cells, [&](int64_t i) { return static_cast<double>(weight(i)); });
  }

  // Writes the losses of the cells, reduced.
  void write(const Tensor& loss, const Tensor& total_weight_out, const C* losses) const {
    const double total = total_weight();
    *total_weight_out.data<C>() = static_cast<C>(total);
    if (form.reduction == LossReduction::None) return Target<C>(loss).put_all(losses, cells);
    const double sum =
        sum_of<double>(cells, [&](int64_t i) { return static_cast<double>(losses[i]); });
    const C value = static_cast<C>(form.reduction == LossReduction::Mean ? sum / total : sum);
    Target<C>(loss).put_all(&value, 1);
  }

  const int64_t* targets;
  int64_t cells;
  Numbers<C> weights;
  ClassLoss form;
};

// The gradient that flows into each cell.
template <class C>
struct CellGradient {
  CellGradient(const Tensor& grad, const Tensor& total_weight, const ClassLoss& form)
      : grads(grad, grad.numel()),
        step(form.reduction == LossReduction::None ? 1 : 0),
        divisor(form.reduction == LossReduction::Mean ? *total_weight.data<C>() : C(1)) {}
  C operator()(int64_t cell) const { return grads[cell * step] / divisor; }
  Numbers<C> grads;
  int64_t step;
  C divisor;
};

// --- cross entropy -------------------------------------------------------------------------------

// With p = softmax(x), W the sum of the weights w, y the target and s the smoothing:
//   loss = (1 - s) w_y (L - x_y) + s / size * (W L - sum w x),  L = log(sum exp(x))
//   gradient = ((1 - s) w_y + s W / size) p - s / size * w - (1 - s) w_y at y
template <class C>
struct Smoothing {
  explicit Smoothing(const Classes<C>& classes)
      : sharp(static_cast<C>(1 - classes.form.smoothing)),
        spread(static_cast<C>(classes.form.smoothing / static_cast<double>(classes.form.size))),
        weight_sum(spread != 0 ? classes.weight_sum() : C()) {}
  C scale(const Classes<C>& classes, int64_t cell) const {
    return classes.ignored(cell) ? C() : sharp * classes.weight(cell) + spread * weight_sum;
  }
  C sharp, spread, weight_sum;
};

template <class C>
C cell_loss(const Classes<C>& classes, const Smoothing<C>& smoothing, int64_t cell, C log_total,
            C target_score, C mean_score) {
  if (classes.ignored(cell)) return C();
  C loss = smoothing.sharp * classes.weight(cell) * (log_total - target_score);
  if (smoothing.spread != 0)
    loss += smoothing.spread * (smoothing.weight_sum * log_total - mean_score);
  return loss;
}

template <class C>
void cross_entropy_rows(const Classes<C>& classes, const Smoothing<C>& smoothing, C* losses,
                        C* log_totals, const Tensor& input) {
  const int64_t n = classes.form.size;
  const Source<C> source(input);
  parallel_for(
      0, classes.cells, kRowGrain / std::max<int64_t>(1, n), [&](int64_t from, int64_t to) {
        Scratch<C> buffer(source.direct() ? 0 : n);
        for (int64_t r = from; r < to; ++r) {
          const C* x = source.run(r * n, n, buffer);
          const C top = max_of(x, n);
          const C log_total =
              top + math::log(sum_of<C>(n, [&](int64_t i) { return math::exp(x[i] - top); }));
          const C* w = classes.weights;
          const C mean =
              smoothing.spread != 0 ? sum_of<C>(n, [&](int64_t i) { return w[i] * x[i]; }) : C();
          log_totals[r] = log_total;
          losses[r] = cell_loss(classes, smoothing, r, log_total,
                                classes.ignored(r) ? C() : x[classes.targets[r]], mean);
        }
      });
}

template <class C>
void cross_entropy_strips(const Classes<C>& classes, const Smoothing<C>& smoothing, C* losses,
                          C* log_totals, const C* input) {
  const int64_t n = classes.form.size, inner = classes.form.inner;
  each_strip(classes.cells / inner, n, inner, [&](int64_t at, int64_t cell, int64_t width) {
    const C* x = input + at;
    C top[kStrip], total[kStrip] = {}, mean[kStrip] = {};
    for (int64_t c = 0; c < width; ++c) top[c] = x[c];
    for (int64_t k = 1; k < n; ++k)
      for (int64_t c = 0; c < width; ++c) top[c] = math::max(top[c], x[k * inner + c]);
    for (int64_t k = 0; k < n; ++k)
      for (int64_t c = 0; c < width; ++c) total[c] += math::exp(x[k * inner + c] - top[c]);
    if (smoothing.spread != 0) {
      for (int64_t k = 0; k < n; ++k)
        for (int64_t c = 0; c < width; ++c) mean[c] += classes.weights[k] * x[k * inner + c];
    }
    for (int64_t c = 0; c < width; ++c) log_totals[cell + c] = top[c] + math::log(total[c]);
    for (int64_t c = 0; c < width; ++c) {
      const C score = classes.ignored(cell + c) ? C() : x[classes.targets[cell + c] * inner + c];
      losses[cell + c] =
          cell_loss(classes, smoothing, cell + c, log_totals[cell + c], score, mean[c]);
    }
  });
}

void cross_entropy_cpu(const Tensor& loss, const Tensor& log_total, const Tensor& total_weight,
                       const Tensor& input, const Tensor& target, const Tensor& weight,
                       const ClassLoss& form) {
  in_compute_type(input.dtype(), "cross_entropy", [&]<class C>(C) {
    const Classes<C> classes(target, weight, form);
    classes.check();
    const Smoothing<C> smoothing(classes);
    Scratch<C> losses(classes.cells);
    if (form.inner == 1) {
      cross_entropy_rows<C>(classes, smoothing, losses, log_total.data<C>(), input);
    } else if (classes.cells) {
      cross_entropy_strips<C>(classes, smoothing, losses, log_total.data<C>(), input.data<C>());
    }
    classes.write(loss, total_weight, losses);
  });
}
CPU_KERNEL(cross_entropy, cross_entropy_cpu)

template <class C>
void backward_strips(const Classes<C>& classes, const Smoothing<C>& smoothing,
                     const CellGradient<C>& grad, C* out, const C* input, const C* log_totals) {
  const int64_t n = classes.form.size, inner = classes.form.inner;
  each_strip(classes.cells / inner, n, inner, [&](int64_t at, int64_t cell, int64_t width) {
    const C* x = input + at;
    C* dx = out + at;
    C scale[kStrip], even[kStrip];
    for (int64_t c = 0; c < width; ++c) {
      const C g = grad(cell + c);
      scale[c] = g * smoothing.scale(classes, cell + c);
      even[c] = classes.ignored(cell + c) ? C() : g * smoothing.spread;
    }
    const C* log_total = log_totals + cell;
    for (int64_t k = 0; k < n; ++k) {
      const C w = classes.weights[k];
      for (int64_t c = 0; c < width; ++c)
        dx[k * inner + c] = scale[c] * math::exp(x[k * inner + c] - log_total[c]) - even[c] * w;
    }
    for (int64_t c = 0; c < width; ++c) {
      if (!classes.ignored(cell + c))
        dx[classes.targets[cell + c] * inner + c] -=
            grad(cell + c) * smoothing.sharp * classes.weight(cell + c);
    }
  });
}

void cross_entropy_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& input,
                                const Tensor& log_total, const Tensor& total_weight,
                                const Tensor& target, const Tensor& weight, const ClassLoss& form) {
  if (out.numel() == 0) return;
  in_compute_type(input.dtype(), "cross_entropy", [&]<class C>(C) {
    const Classes<C> classes(target, weight, form);
    const Smoothing<C> smoothing(classes);
    const CellGradient<C> cell_grad(grad, total_weight, form);
    const C* log_totals = log_total.data<C>();
    if (form.inner > 1) {
      backward_strips<C>(classes, smoothing, cell_grad, out.data<C>(), input.data<C>(), log_totals);
      return;
    }
    const Tensor inputs[] = {input};
    const int64_t n = form.size;
    each_row<C>(out, inputs, n, [&](int64_t r, C* dx, const C* const* in) {
      const C* x = in[0];
      if (classes.ignored(r)) {
        for (int64_t i = 0; i < n; ++i) dx[i] = C();
        return;
      }
      const C g = cell_grad(r), scale = g * smoothing.scale(classes, r),
              log_total_r = log_totals[r];
      for (int64_t i = 0; i < n; ++i) dx[i] = scale * math::exp(x[i] - log_total_r);
      if (smoothing.spread != 0) {
        const C even = g * smoothing.spread;
        const C* w = classes.weights;
        for (int64_t i = 0; i < n; ++i) dx[i] -= even * w[i];
      }
      dx[classes.targets[r]] -= g * smoothing.sharp * classes.weight(r);
    });
  });
}
CPU_KERNEL(cross_entropy_backward, cross_entropy_backward_cpu)

void cross_entropy_scale_cpu(const Tensor& out, const Tensor& total_weight, const Tensor& target,
                             const Tensor& weight, const ClassLoss& form) {
  in_compute_type(out.dtype(), "cross_entropy", [&]<class C>(C) {
    const Classes<C> classes(target, weight, form);
    const Smoothing<C> smoothing(classes);
    const C divisor = form.reduction == LossReduction::Mean ? *total_weight.data<C>() : C(1);
    for (int64_t i = 0; i < classes.cells; ++i)
      out.data<C>()[i] = smoothing.scale(classes, i) / divisor;
  });
}
CPU_KERNEL(cross_entropy_scale, cross_entropy_scale_cpu)

// --- negative log likelihood ---------------------------------------------------------------------

// Where the target's element of a cell lies.
int64_t target_offset(const ClassLoss& form, int64_t cell, int64_t target) {
  return (cell / form.inner * form.size + target) * form.inner + cell % form.inner;
}

void nll_loss_cpu(const Tensor& loss, const Tensor& total_weight, const Tensor& input,
                  const Tensor& target, const Tensor& weight, const ClassLoss& form) {
  in_compute_type(input.dtype(), "nll_loss_out_frame", [&]<class C>(C) {
    const Classes<C> classes(target, weight, form);
    classes.check();
    const Source<C> source(input);
    Scratch<C> losses(classes.cells);
    for (int64_t i = 0; i < classes.cells; ++i) {
      C score = C();
      if (!classes.ignored(i))
        score = *source.run(target_offset(form, i, classes.targets[i]), 1, &score);
      losses[i] = classes.ignored(i) ? C() : -classes.weight(i) * score;
    }
    classes.write(loss, total_weight, losses);
  });
}
CPU_KERNEL(nll_loss, nll_loss_cpu)

void nll_loss_backward_cpu(const Tensor& out, const Tensor& grad, const Tensor& total_weight,
                           const Tensor& target, const Tensor& weight, const ClassLoss& form) {
  if (out.numel() == 0) return;
  in_compute_type(out.dtype(), "nll_loss", [&]<class C>(C) {
    const Classes<C> classes(target, weight, form);
    const CellGradient<C> cell_grad(grad, total_weight, form);
    const Target<C> target_run(out);
    std::memset(out.raw(), 0, static_cast<size_t>(out.numel() * out.item_size()));
    for (int64_t i = 0; i < classes.cells; ++i) {
      if (classes.ignored(i)) continue;
      const int64_t at = target_offset(form, i, classes.targets[i]);
      C buffer, *to = target_run.run(at, &buffer);
      *to = -cell_grad(i) * classes.weight(i);
      target_run.put(at, 1, to);
    }
  });
}
CPU_KERNEL(nll_loss_backward, nll_loss_backward_cpu)

}  // namespace
}  // namespace fb
