#include "ops/normalization_kernels.h"

#include <cstring>

#include "cpu/rows.h"

namespace fb {
namespace {

template <class C>
C reciprocal_deviation(C squares, int64_t n, double eps) {
  return C(1) / math::sqrt(squares / static_cast<C>(n) + static_cast<C>(eps));
}

// --- rows: layer norm and RMS norm ---------------------------------------------------------------

template <class C>
void normalise_row(C* out, const C* x, const C* w, const C* b, C mean, C rstd, int64_t n) {
  if (w && b) {
    for (int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * rstd * w[i] + b[i];
  } else if (w) {
    for (int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * rstd * w[i];
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * rstd;
    for (int64_t i = 0; b && i < n; ++i) out[i] += b[i];
  }
}

// The numbers of a tensor, or null.
template <class C>
struct Optional {
  Optional(const Tensor& t, int64_t n) : numbers(t, t.defined() ? n : 0), given(t.defined()) {}
  operator const C*() const { return given ? static_cast<const C*>(numbers) : nullptr; }
  Numbers<C> numbers;
  bool given;
};

void row_norm_cpu(const Tensor& out, const Tensor& mean, const Tensor& rstd, const Tensor& input,
                  const Tensor& weight, const Tensor& bias, int64_t size, double eps) {
  if (out.numel() == 0) return;
  in_compute_type(input.dtype(), "LayerNormKernelImpl", [&]<class C>(C) {
    const Optional<C> w(weight, size), b(bias, size);
    const Tensor inputs[] = {input};
    each_row<C>(out, inputs, size, [&](int64_t r, C* y, const C* const* in) {
      const C* x = in[0];
      Deviations<C> m{C(), C()};
      if (mean.defined()) {
        m = deviations(x, size);
        mean.data<C>()[r] = m.mean;
      } else {
        m.squares = sum_of<C>(size, [&](int64_t i) { return x[i] * x[i]; });
      }
      const C scale = reciprocal_deviation(m.squares, size, eps);
      rstd.data<C>()[r] = scale;
      normalise_row<C>(y, x, w, b, m.mean, scale, size);
    });
  });
}
CPU_KERNEL(row_norm, row_norm_cpu)

// Rows are summed in pieces whose number depends on the sizes alone; the pieces are added up in
// order.
struct Pieces {
  Pieces(int64_t rows, int64_t size)
      : count(std::min<int64_t>(64, std::max<int64_t>(1, rows * size / 32768))), rows(rows) {
    count = std::min(count, std::max<int64_t>(1, rows));
  }
  int64_t begin(int64_t piece) const { return rows * piece / count; }
  int64_t count, rows;
};

template <class C>
void write_sum(const Tensor& to, const C* partial, int64_t count, int64_t size, int64_t stride) {
  if (!to.defined()) return;
  Scratch<C> total(size);
  for (int64_t i = 0; i < size; ++i) total[i] = partial[i];
  for (int64_t p = 1; p < count; ++p)
    for (int64_t i = 0; i < size; ++i) total[i] += partial[p * stride + i];
  Target<C>(to).put_all(total, size);
}

// With h = (x - mean) rstd and v = grad w:  dx = rstd (v - [mean(v)] - h mean(v h)),  dw = sum grad
// h,  db = sum grad. The means take one pass over a row, all the rest a second one, which brings
// the row `ahead` numbers further into the cache.
template <class C>
void backward_row(C* dx, C* dw, C* db, const C* g, const C* x, const C* w, C mean, C rstd,
                  bool centered, int64_t n, int64_t ahead) {
  C along[kSideBySide<C>] = {}, level[kSideBySide<C>] = {};
  int64_t i = 0;
  for (; i + kSideBySide<C> <= n; i += kSideBySide<C>) {
    for (int k = 0; k < kSideBySide<C>; ++k) along[k] += g[i + k] * w[i + k] * (x[i + k] - mean);
    for (int k = 0; k < kSideBySide<C>; ++k) level[k] += g[i + k] * w[i + k];
  }
  for (int k = 0; i < n; ++i, ++k) {
    along[k] += g[i] * w[i] * (x[i] - mean);
    level[k] += g[i] * w[i];
  }
  const C tilt = sum_of<C>(kSideBySide<C>, [&](int64_t k) { return along[k]; }) * rstd * rstd /
                 static_cast<C>(n);
  const C shift =
      centered ? sum_of<C>(kSideBySide<C>, [&](int64_t k) { return level[k]; }) / static_cast<C>(n)
               : C();
  auto finish = [&](int64_t from, int64_t count) __attribute__((always_inline)) {
#pragma GCC ivdep
    for (int64_t k = from; k < from + count; ++k) {
      const C deviation = x[k] - mean;
      dx[k] = rstd * (g[k] * w[k] - shift - deviation * tilt);
      dw[k] += g[k] * (deviation * rstd);
      db[k] += g[k];
    }
  };
  for (i = 0; i + kSideBySide<C> <= n; i += kSideBySide<C>) {
    for (int k = 0; k < kSideBySide<C>; k += 64 / sizeof(C)) {
      __builtin_prefetch(g + ahead + i + k);
      __builtin_prefetch(x + ahead + i + k);
    }
    finish(i, kSideBySide<C>);
  }
  finish(i, n - i);
}

template <class C>
void row_norm_backward_typed(const Tensor& dinput, const Tensor& dweight, const Tensor& dbias,
                             const Tensor& grad, const Tensor& input, const Tensor& mean,
                             const Tensor& rstd, const Tensor& weight, int64_t size) {
  const Pieces pieces(rstd.numel(), size);
  const Numbers<C> w(weight, size, C(1));
  const Source<C> gs(grad), xs(input);
  // Where all the gradient does not stay in the caches beside what it is made from, it goes past.
  const bool direct = gs.direct(),
             streams = dinput.defined() && direct &&
                       can_stream(dinput.raw(), 3 * dinput.numel() * dinput.item_size(),
                                  size * static_cast<int64_t>(sizeof(C)));
  Scratch<C> partial(pieces.count * 2 * size);
  parallel_chunks(pieces.count, [&](int64_t piece) {
    Scratch<C> result(size), converted(direct ? 0 : 2 * size);
    C *dw = partial + piece * 2 * size, *db = dw + size;
    std::fill_n(dw, 2 * size, C());
    for (int64_t r = pieces.begin(piece), end = pieces.begin(piece + 1); r < end; ++r) {
      const C* g = gs.run(r * size, size, converted);
      const C* x = xs.run(r * size, size, converted + size);
      C* dx = dinput.defined() && !streams ? Target<C>(dinput).run(r * size, result) : result;
      backward_row<C>(dx, dw, db, g, x, w, mean.defined() ? mean.data<C>()[r] : C(),
                      rstd.data<C>()[r], mean.defined(), size, direct && r + 1 < end ? size : 0);
      if (streams) {
        stream_copy(dinput.data<C>() + r * size, dx, size * static_cast<int64_t>(sizeof(C)));
      } else if (dinput.defined()) {
        Target<C>(dinput).put(r * size, size, dx);
      }
    }
    if (streams) stream_fence();
  });
  write_sum<C>(dweight, partial, pieces.count, size, 2 * size);
  write_sum<C>(dbias, partial + size, pieces.count, size, 2 * size);
}

void clear(const Tensor& t) {
  if (t.defined() && t.numel())
    std::memset(t.raw(), 0, static_cast<size_t>(t.numel() * t.item_size()));
}

void row_norm_backward_cpu(const Tensor& dinput, const Tensor& dweight, const Tensor& dbias,
                           const Tensor& grad, const Tensor& input, const Tensor& mean,
                           const Tensor& rstd, const Tensor& weight, int64_t size) {
  if (input.numel() == 0) {
    clear(dweight);
    clear(dbias);
    return;
  }
  in_compute_type(input.dtype(), "LayerNormBackwardKernelImpl", [&]<class C>(C) {
    row_norm_backward_typed<C>(dinput, dweight, dbias, grad, input, mean, rstd, weight, size);
  });
}
CPU_KERNEL(row_norm_backward, row_norm_backward_cpu)

// --- groups of channels --------------------------------------------------------------------------

void group_norm_cpu(const Tensor& out, const Tensor& mean, const Tensor& rstd, const Tensor& input,
                    const Tensor& weight, const Tensor& bias, int64_t channels, int64_t groups,
                    int64_t inner, double eps) {
  if (out.numel() == 0) return;
  in_compute_type(input.dtype(), "GroupNormKernelImpl", [&]<class C>(C) {
    const int64_t in_group = channels / groups, size = in_group * inner;
    const Numbers<C> w(weight, channels, C(1)), b(bias, channels, C(0));
    const Tensor inputs[] = {input};
    each_row<C>(out, inputs, size, [&](int64_t r, C* y, const C* const* in) {
      const C* x = in[0];
      const Deviations<C> m = deviations(x, size);
      const C scale = reciprocal_deviation(m.squares, size, eps);
      mean.data<C>()[r] = m.mean;
      rstd.data<C>()[r] = scale;
      for (int64_t k = 0; k < in_group; ++k) {
        const int64_t channel = r % groups * in_group + k, from = k * inner, to = from + inner;
        const C factor = scale * w[channel], shift = b[channel];
        for (int64_t i = from; i < to; ++i) y[i] = (x[i] - m.mean) * factor + shift;
      }
    });
  });
}
CPU_KERNEL(group_norm, group_norm_cpu)

template <class C>
void group_norm_backward_typed(const Tensor& dinput, const Tensor& dweight, const Tensor& dbias,
                               const Tensor& grad, const Tensor& input, const Tensor& mean,
                               const Tensor& rstd, const Tensor& weight, int64_t channels,
                               int64_t groups, int64_t inner) {
  const int64_t in_group = channels / groups, size = in_group * inner, rows = rstd.numel(),
                samples = rows / groups;
  const Numbers<C> w(weight, channels, C(1));
  const Source<C> gs(grad), xs(input);
  // Of each sample and channel, the sums of grad (x - mean) rstd and of grad.
  Scratch<C> along(samples * channels), level(samples * channels);
  parallel_for(0, rows, std::max<int64_t>(1, kRowGrain / size), [&](int64_t from, int64_t to) {
    Scratch<C> buffer(gs.direct() ? 0 : 3 * size);
    for (int64_t r = from; r < to; ++r) {
      const C* g = gs.run(r * size, size, buffer);
      const C* x = xs.run(r * size, size, buffer + size);
      const C m = mean.data<C>()[r], scale = rstd.data<C>()[r];
      C along_sum = C(), level_sum = C();
      for (int64_t k = 0; k < in_group; ++k) {
        const C *gk = g + k * inner, *xk = x + k * inner;
        const int64_t at = r * in_group + k, channel = r % groups * in_group + k;
        along[at] = sum_of<C>(inner, [&](int64_t i) { return gk[i] * (xk[i] - m); }) * scale;
        level[at] = sum_of<C>(inner, [&](int64_t i) { return gk[i]; });
        along_sum += w[channel] * along[at];
        level_sum += w[channel] * level[at];
      }
      if (!dinput.defined()) continue;
      along_sum *= scale / static_cast<C>(size);
      level_sum /= static_cast<C>(size);
      const Target<C> target(dinput);
      C* dx = target.run(r * size, buffer + 2 * size);
      for (int64_t k = 0; k < in_group; ++k) {
        const C factor = w[r % groups * in_group + k];
        const int64_t end = (k + 1) * inner;
        for (int64_t i = k * inner; i < end; ++i)
          dx[i] = scale * (g[i] * factor - level_sum - (x[i] - m) * along_sum);
      }
      target.put(r * size, size, dx);
    }
  });
  write_sum<C>(dweight, along, samples, channels, channels);
  write_sum<C>(dbias, level, samples, channels, channels);
}

void group_norm_backward_cpu(const Tensor& dinput, const Tensor& dweight, const Tensor& dbias,
                             const Tensor& grad, const Tensor& input, const Tensor& mean,
                             const Tensor& rstd, const Tensor& weight, int64_t channels,
                             int64_t groups, int64_t inner) {
  if (input.numel() == 0) {
    clear(dweight);
    clear(dbias);
    return;
  }
  in_compute_type(input.dtype(), "GroupNormBackwardKernelImpl", [&]<class C>(C) {
    group_norm_backward_typed<C>(dinput, dweight, dbias, grad, input, mean, rstd, weight, channels,
                                 groups, inner);
  });
}
CPU_KERNEL(group_norm_backward, group_norm_backward_cpu)

}  // namespace
}  // namespace fb
