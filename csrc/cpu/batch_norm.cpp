#include "ops/batch_norm_kernels.h"

#include <cstring>

#include "cpu/rows.h"

namespace fb {
namespace {

// Mean and summed squares of deviations of some elements, put together in any number of steps (Chan
// et al. 1979).
template <class C>
struct Moments {
  C count = C(), mean = C(), squares = C();
  void add(const Moments& o) {
    if (o.count == C()) return;
    const C total = count + o.count, delta = o.mean - mean;
    mean += delta * (o.count / total);
    squares += o.squares + delta * delta * (count * o.count / total);
    count = total;
  }
};
template <class C>
Moments<C> moments(const C* x, int64_t n) {
  const Deviations<C> d = deviations(x, n);
  return {static_cast<C>(n), d.mean, d.squares};
}

// Per channel: out = x * scale + shift, in the form (x - mean) * scale + bias that does not cancel.
template <class C>
struct Affine {
  Affine(const Tensor& weight, const Tensor& bias, int64_t channels)
      : weight(weight, channels, C(1)), bias(bias, channels, C()), scale(channels) {}
  void set_scale(const C* rstd, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) scale[c] = rstd[c] * weight[c];
  }
  Numbers<C> weight, bias;
  Scratch<C> scale;
};

// Rows are worked on in pieces whose number depends on the sizes alone.
int64_t piece_count(int64_t rows, int64_t channels) {
  return std::min(rows, std::min<int64_t>(64, std::max<int64_t>(1, rows * channels / kRowGrain)));
}
int64_t plane_grain(const ChannelLayout& l) {
  return std::max<int64_t>(1, kRowGrain / std::max<int64_t>(1, l.samples * l.inner));
}
int64_t row_grain(const ChannelLayout& l) { return std::max<int64_t>(1, kRowGrain / l.channels); }
int64_t row_count(const ChannelLayout& l) { return l.samples * l.inner; }

// Runs body(offset) for the runs of one channel.
template <class F>
void each_run(const ChannelLayout& l, int64_t channel, F body) {
  for (int64_t n = 0; n < l.samples; ++n) body((n * l.channels + channel) * l.inner);
}

// --- forward -------------------------------------------------------------------------------------

template <class C>
void apply_run(C* out, const C* x, C mean, C scale, C bias, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * scale + bias;
}

template <class C>
void apply_plane(const Source<C>& xs, const Target<C>& out, const ChannelLayout& l, int64_t channel,
                 C mean, C scale, C bias, C* buffer) {
  each_run(l, channel, [&](int64_t at) {
    const C* x = xs.run(at, l.inner, buffer);
    C* y = out.run(at, buffer + l.inner);
    apply_run(y, x, mean, scale, bias, l.inner);
    out.put(at, l.inner, y);
  });
}

template <class C>
void apply_rows(const Source<C>& xs, const Target<C>& out, const ChannelLayout& l, const C* mean,
                const C* scale, const C* bias) {
  const int64_t n = l.channels;
  parallel_for(0, row_count(l), row_grain(l), [&](int64_t from, int64_t to) {
    Scratch<C> buffer(xs.direct() ? 0 : 2 * n);
    for (int64_t r = from; r < to; ++r) {
      const C* x = xs.run(r * n, n, buffer);
      C* y = out.run(r * n, buffer + n);
#pragma GCC ivdep
      for (int64_t c = 0; c < n; ++c) y[c] = (x[c] - mean[c]) * scale[c] + bias[c];
      out.put(r * n, n, y);
    }
  });
}

template <class C>
void row_moments(const Source<C>& xs, const ChannelLayout& l, C* mean, C* squares) {
  const int64_t n = l.channels, rows = row_count(l), pieces = piece_count(rows, n);
  Scratch<C> partial(pieces * 2 * n);
  parallel_chunks(pieces, [&](int64_t piece) {
    const int64_t from = rows * piece / pieces, to = rows * (piece + 1) / pieces;
    C *m = partial + piece * 2 * n, *s = m + n;
    Scratch<C> buffer(xs.direct() ? 0 : n);
    for (int64_t c = 0; c < 2 * n; ++c) m[c] = C();
    for (int64_t r = from; r < to; ++r) {
      const C* x = xs.run(r * n, n, buffer);
#pragma GCC ivdep
      for (int64_t c = 0; c < n; ++c) m[c] += x[c];
    }
    for (int64_t c = 0; c < n; ++c) m[c] /= static_cast<C>(to - from);
    for (int64_t r = from; r < to; ++r) {
      const C* x = xs.run(r * n, n, buffer);
#pragma GCC ivdep
      for (int64_t c = 0; c < n; ++c) s[c] += (x[c] - m[c]) * (x[c] - m[c]);
    }
  });
  for (int64_t c = 0; c < n; ++c) {
    Moments<C> total;
    for (int64_t p = 0; p < pieces; ++p) {
      const C count = static_cast<C>(rows * (p + 1) / pieces - rows * p / pieces);
      total.add({count, partial[p * 2 * n + c], partial[p * 2 * n + n + c]});
    }
    mean[c] = total.mean;
    squares[c] = total.squares;
  }
}

template <class C>
void update_running(const Tensor& running_mean, const Tensor& running_var, const C* mean,
                    const C* squares, int64_t channels, int64_t count, double momentum) {
  for (const auto& [t, is_var] : {std::pair(&running_mean, false), std::pair(&running_var, true)}) {
    if (!t->defined()) continue;
    const Numbers<C> before(*t, channels);
    Scratch<C> after(channels);
    const C keep = static_cast<C>(1 - momentum), take = static_cast<C>(momentum);
    for (int64_t c = 0; c < channels; ++c)
      after[c] =
          keep * before[c] + take * (is_var ? squares[c] / static_cast<C>(count - 1) : mean[c]);
    Target<C>(*t).put_all(after, channels);
  }
}

template <class C>
C reciprocal_deviation(C var, double eps) {
  return C(1) / math::sqrt(var + static_cast<C>(eps));
}

void batch_norm_train_cpu(const Tensor& out, const Tensor& mean, const Tensor& rstd,
                          const Tensor& input, const Tensor& weight, const Tensor& bias,
                          const Tensor& running_mean, const Tensor& running_var,
                          const ChannelLayout& l, double momentum, double eps) {
  if (out.numel() == 0) return;
  in_compute_type(input.dtype(), "batch_norm", [&]<class C>(C) {
    const Source<C> xs(input);
    const Target<C> target(out);
    Affine<C> affine(weight, bias, l.channels);
    Scratch<C> squares(l.channels);
    C *means = mean.data<C>(), *rstds = rstd.data<C>();
    const C count = static_cast<C>(row_count(l));
    if (l.channels_last) {
      row_moments<C>(xs, l, means, squares);
      for (int64_t c = 0; c < l.channels; ++c)
        rstds[c] = reciprocal_deviation(squares[c] / count, eps);
      affine.set_scale(rstds, l.channels);
      apply_rows<C>(xs, target, l, means, affine.scale, affine.bias);
    } else {
      parallel_for(0, l.channels, plane_grain(l), [&](int64_t from, int64_t to) {
        Scratch<C> buffer(xs.direct() ? 0 : 2 * l.inner);
        for (int64_t c = from; c < to; ++c) {
          Moments<C> total;
          each_run(l, c,
                   [&](int64_t at) { total.add(moments(xs.run(at, l.inner, buffer), l.inner)); });
          means[c] = total.mean;
          squares[c] = total.squares;
          rstds[c] = reciprocal_deviation(total.squares / count, eps);
          apply_plane<C>(xs, target, l, c, means[c], rstds[c] * affine.weight[c], affine.bias[c],
                         buffer);
        }
      });
    }
    update_running<C>(running_mean, running_var, means, squares, l.channels, row_count(l),
                      momentum);
  });
}
CPU_KERNEL(batch_norm_train, batch_norm_train_cpu)

void batch_norm_apply_cpu(const Tensor& out, const Tensor& rstd, const Tensor& input,
                          const Tensor& weight, const Tensor& bias, const Tensor& mean,
                          const Tensor& var, const ChannelLayout& l, double eps) {
  in_compute_type(input.dtype(), "batch_norm", [&]<class C>(C) {
    const Numbers<C> means(mean, l.channels), vars(var, l.channels);
    C* rstds = rstd.data<C>();
    for (int64_t c = 0; c < l.channels; ++c) rstds[c] = reciprocal_deviation(vars[c], eps);
    if (out.numel() == 0) return;
    Affine<C> affine(weight, bias, l.channels);
    affine.set_scale(rstds, l.channels);
    const Source<C> xs(input);
    const Target<C> target(out);
    if (l.channels_last) return apply_rows<C>(xs, target, l, means, affine.scale, affine.bias);
    const int64_t planes = l.samples * l.channels;
    parallel_for(0, planes, std::max<int64_t>(1, kRowGrain / l.inner),
                 [&](int64_t from, int64_t to) {
                   Scratch<C> buffer(xs.direct() ? 0 : 2 * l.inner);
                   for (int64_t p = from; p < to; ++p) {
                     const int64_t c = p % l.channels, at = p * l.inner;
                     C* y = target.run(at, buffer + l.inner);
                     apply_run<C>(y, xs.run(at, l.inner, buffer), means[c], affine.scale[c],
                                  affine.bias[c], l.inner);
                     target.put(at, l.inner, y);
                   }
                 });
  });
}
CPU_KERNEL(batch_norm_apply, batch_norm_apply_cpu)

// --- backward ------------------------------------------------------------------------------------

// dx = scale (g - level - (x - mean) along), where `level` and `along` are 0 with given statistics.
template <class C>
struct Slope {
  C scale, level, along;
};
template <class C>
Slope<C> slope(C weight, C rstd, C level_sum, C along_sum, C count, bool training) {
  return {weight * rstd, training ? level_sum / count : C(),
          training ? along_sum * rstd * rstd / count : C()};
}

template <class C>
struct BatchNormBackward {
  const Source<C> gs, xs;
  const C *means, *rstds;
  const Numbers<C> weights;
  const ChannelLayout l;
  bool training;
  Scratch<C> level, along;  // per channel, the sums of grad and of grad (x - mean)

  BatchNormBackward(const Tensor& grad, const Tensor& input, const Tensor& mean, const Tensor& rstd,
                    const Tensor& weight, const ChannelLayout& l, bool training)
      : gs(grad),
        xs(input),
        means(mean.data<C>()),
        rstds(rstd.data<C>()),
        weights(weight, l.channels, C(1)),
        l(l),
        training(training),
        level(l.channels),
        along(l.channels) {}

  void planes(const Tensor& dinput) {
    const C count = static_cast<C>(row_count(l));
    const int64_t n = l.inner;
    parallel_for(0, l.channels, plane_grain(l), [&](int64_t from, int64_t to) {
      Scratch<C> buffer(gs.direct() ? 0 : 3 * n);
      for (int64_t c = from; c < to; ++c) {
        C level_sum = C(), along_sum = C();
        const C mean = means[c];
        each_run(l, c, [&](int64_t at) {
          const C *g = gs.run(at, n, buffer), *x = xs.run(at, n, buffer + n);
          level_sum += sum_of<C>(n, [&](int64_t i) { return g[i]; });
          along_sum += sum_of<C>(n, [&](int64_t i) { return g[i] * (x[i] - mean); });
        });
        level[c] = level_sum;
        along[c] = along_sum;
        if (!dinput.defined()) continue;
        const Target<C> target(dinput);
        const Slope<C> s = slope(weights[c], rstds[c], level_sum, along_sum, count, training);
        each_run(l, c, [&](int64_t at) {
          const C *g = gs.run(at, n, buffer), *x = xs.run(at, n, buffer + n);
          C* dx = target.run(at, buffer + 2 * n);
          for (int64_t i = 0; i < n; ++i)
            dx[i] = s.scale * (g[i] - s.level - (x[i] - mean) * s.along);
          target.put(at, n, dx);
        });
      }
    });
  }

  void row_sums() {
    const int64_t n = l.channels, rows = row_count(l), pieces = piece_count(rows, n);
    Scratch<C> partial(pieces * 2 * n);
    parallel_chunks(pieces, [&](int64_t piece) {
      C *b = partial + piece * 2 * n, *a = b + n;
      Scratch<C> buffer(gs.direct() ? 0 : 2 * n);
      for (int64_t c = 0; c < 2 * n; ++c) b[c] = C();
      for (int64_t r = rows * piece / pieces; r < rows * (piece + 1) / pieces; ++r) {
        const C *g = gs.run(r * n, n, buffer), *x = xs.run(r * n, n, buffer + n);
#pragma GCC ivdep
        for (int64_t c = 0; c < n; ++c) {
          b[c] += g[c];
          a[c] += g[c] * (x[c] - means[c]);
        }
      }
    });
    for (int64_t c = 0; c < n; ++c) level[c] = along[c] = C();
    for (int64_t p = 0; p < pieces; ++p) {
      for (int64_t c = 0; c < n; ++c) {
        level[c] += partial[p * 2 * n + c];
        along[c] += partial[p * 2 * n + n + c];
      }
    }
  }

  void rows(const Tensor& dinput) {
    row_sums();
    if (!dinput.defined()) return;
    const int64_t n = l.channels;
    const Target<C> target(dinput);
    Scratch<C> scales(n), levels(n), alongs(n);
    for (int64_t c = 0; c < n; ++c) {
      const Slope<C> s =
          slope(weights[c], rstds[c], level[c], along[c], static_cast<C>(row_count(l)), training);
      scales[c] = s.scale, levels[c] = s.level, alongs[c] = s.along;
    }
    parallel_for(0, row_count(l), row_grain(l), [&](int64_t from, int64_t to) {
      Scratch<C> buffer(gs.direct() ? 0 : 3 * n);
      const C *scale = scales, *lvl = levels, *alg = alongs;
      for (int64_t r = from; r < to; ++r) {
        const C *g = gs.run(r * n, n, buffer), *x = xs.run(r * n, n, buffer + n);
        C* dx = target.run(r * n, buffer + 2 * n);
#pragma GCC ivdep
        for (int64_t c = 0; c < n; ++c)
          dx[c] = scale[c] * (g[c] - lvl[c] - (x[c] - means[c]) * alg[c]);
        target.put(r * n, n, dx);
      }
    });
  }
};

void clear(const Tensor& t) {
  if (t.defined() && t.numel())
    std::memset(t.raw(), 0, static_cast<size_t>(t.numel() * t.item_size()));
}

void batch_norm_backward_cpu(const Tensor& dinput, const Tensor& dweight, const Tensor& dbias,
                             const Tensor& grad, const Tensor& input, const Tensor& mean,
                             const Tensor& rstd, const Tensor& weight, const ChannelLayout& l,
                             bool training) {
  if (input.numel() == 0) {
    clear(dweight);
    clear(dbias);
    return;
  }
  in_compute_type(input.dtype(), "batch_norm", [&]<class C>(C) {
    BatchNormBackward<C> backward(grad, input, mean, rstd, weight, l, training);
    if (l.channels_last) {
      backward.rows(dinput);
    } else {
      backward.planes(dinput);
    }
    for (int64_t c = 0; c < l.channels; ++c) backward.along[c] *= rstd.data<C>()[c];
    if (dweight.defined()) Target<C>(dweight).put_all(backward.along, l.channels);
    if (dbias.defined()) Target<C>(dbias).put_all(backward.level, l.channels);
  });
}
CPU_KERNEL(batch_norm_backward, batch_norm_backward_cpu)

}  // namespace
}  // namespace fb
