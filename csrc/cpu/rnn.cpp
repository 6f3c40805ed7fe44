#include "ops/rnn_kernels.h"

#include "cpu/rows.h"

namespace fb {
namespace {

constexpr int64_t kCellGrain = 2048;  // elements of the state

template <class C>
C slope_of_sigmoid(C y) {
  return y * (C(1) - y);
}
template <class C>
C slope_of_tanh(C y) {
  return C(1) - y * y;
}

template <class C>
void sigmoids(C* out, const C* x, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = math::sigmoid(x[i]);
}

// Runs body(row, scratch), with `per_row` numbers of working memory, over the rows of cells of n
// numbers.
template <class C, class F>
void each_cell(int64_t rows, int64_t n, int64_t per_row, F body) {
  parallel_for(0, rows, std::max<int64_t>(1, kCellGrain / n), [&](int64_t from, int64_t to) {
    Scratch<C> scratch(per_row);
    for (int64_t r = from; r < to; ++r) body(r, static_cast<C*>(scratch));
  });
}

void lstm_cell_cpu(const Tensor& h, const Tensor& c, const Tensor& active, const Tensor& gates,
                   const Tensor& old_c) {
  if (h.numel() == 0) return;
  in_compute_type(h.dtype(), "lstm_cell", [&]<class C>(C) {
    const int64_t rows = h.sizes()[0], n = h.sizes()[1];
    const Source<C> xs(gates), cs(old_c);
    const Target<C> hs(h), new_cs(c), actives(active);
    each_cell<C>(rows, n, 16 * n, [&](int64_t r, C* scratch) {
      const C *x = xs.run(r * 4 * n, 4 * n, scratch), *c0 = cs.run(r * n, n, scratch + 4 * n);
      C *a = actives.run(r * 4 * n, scratch + 5 * n), *c1 = new_cs.run(r * n, scratch + 9 * n);
      C *h1 = hs.run(r * n, scratch + 10 * n), *t = scratch + 11 * n;
      sigmoids(a, x, 2 * n);
      for (int64_t k = 0; k < n; ++k) a[2 * n + k] = math::tanh(x[2 * n + k]);
      sigmoids(a + 3 * n, x + 3 * n, n);
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k) c1[k] = a[n + k] * c0[k] + a[k] * a[2 * n + k];
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k) t[k] = math::tanh(c1[k]);
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k) h1[k] = a[3 * n + k] * t[k];
      actives.put(r * 4 * n, 4 * n, a);
      new_cs.put(r * n, n, c1);
      hs.put(r * n, n, h1);
    });
  });
}
CPU_KERNEL(lstm_cell, lstm_cell_cpu)

// A row of a tensor, or zeros.
template <class C>
const C* row_or_zeros(const Source<C>& source, int64_t at, int64_t n, C* buffer) {
  if (source.given()) return source.run(at, n, buffer);
  for (int64_t k = 0; k < n; ++k) buffer[k] = C();
  return buffer;
}

void lstm_cell_backward_cpu(const Tensor& dgates, const Tensor& dold_c, const Tensor& dh,
                            const Tensor& dc, const Tensor& active, const Tensor& old_c,
                            const Tensor& c) {
  if (c.numel() == 0) return;
  in_compute_type(c.dtype(), "lstm_cell", [&]<class C>(C) {
    const int64_t rows = c.sizes()[0], n = c.sizes()[1];
    const Source<C> dhs(dh), dcs(dc), actives(active), old_cs(old_c), new_cs(c);
    const Target<C> dgs(dgates), dold_cs(dold_c);
    each_cell<C>(rows, n, 16 * n, [&](int64_t r, C* scratch) {
      const C* a = actives.run(r * 4 * n, 4 * n, scratch);
      const C *c0 = old_cs.run(r * n, n, scratch + 4 * n),
              *c1 = new_cs.run(r * n, n, scratch + 5 * n);
      const C* gh = row_or_zeros(dhs, r * n, n, scratch + 6 * n);
      const C* gc = row_or_zeros(dcs, r * n, n, scratch + 7 * n);
      C *dg = dgs.run(r * 4 * n, scratch + 8 * n), *dc0 = dold_cs.run(r * n, scratch + 12 * n),
        *t = scratch + 13 * n;
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k) t[k] = math::tanh(c1[k]);
      const C *i = a, *f = a + n, *g = a + 2 * n, *o = a + 3 * n;
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k) {
        const C total = gc[k] + gh[k] * o[k] * slope_of_tanh(t[k]);
        dg[k] = total * g[k] * slope_of_sigmoid(i[k]);
        dg[n + k] = total * c0[k] * slope_of_sigmoid(f[k]);
        dg[2 * n + k] = total * i[k] * slope_of_tanh(g[k]);
        dg[3 * n + k] = gh[k] * t[k] * slope_of_sigmoid(o[k]);
        dc0[k] = total * f[k];
      }
      dgs.put(r * 4 * n, 4 * n, dg);
      dold_cs.put(r * n, n, dc0);
    });
  });
}
CPU_KERNEL(lstm_cell_backward, lstm_cell_backward_cpu)

void gru_cell_cpu(const Tensor& h, const Tensor& active, const Tensor& x, const Tensor& s,
                  const Tensor& old_h) {
  if (h.numel() == 0) return;
  in_compute_type(h.dtype(), "gru_cell", [&]<class C>(C) {
    const int64_t rows = h.sizes()[0], n = h.sizes()[1];
    const Source<C> xs(x), ss(s), old_hs(old_h);
    const Target<C> hs(h), actives(active);
    each_cell<C>(rows, n, 12 * n, [&](int64_t r, C* scratch) {
      const C *xr = xs.run(r * 3 * n, 3 * n, scratch),
              *sr = ss.run(r * 3 * n, 3 * n, scratch + 3 * n);
      const C* h0 = old_hs.run(r * n, n, scratch + 6 * n);
      C *a = actives.run(r * 3 * n, scratch + 7 * n), *h1 = hs.run(r * n, scratch + 10 * n);
#pragma GCC ivdep
      for (int64_t k = 0; k < 2 * n; ++k) a[k] = math::sigmoid(xr[k] + sr[k]);
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k)
        a[2 * n + k] = math::tanh(xr[2 * n + k] + a[k] * sr[2 * n + k]);
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k) h1[k] = (h0[k] - a[2 * n + k]) * a[n + k] + a[2 * n + k];
      actives.put(r * 3 * n, 3 * n, a);
      hs.put(r * n, n, h1);
    });
  });
}
CPU_KERNEL(gru_cell, gru_cell_cpu)

void gru_cell_backward_cpu(const Tensor& dx, const Tensor& ds, const Tensor& dold_h,
                           const Tensor& dh, const Tensor& active, const Tensor& s,
                           const Tensor& old_h) {
  if (dh.numel() == 0) return;
  in_compute_type(dh.dtype(), "gru_cell", [&]<class C>(C) {
    const int64_t rows = dh.sizes()[0], n = dh.sizes()[1];
    const Source<C> dhs(dh), actives(active), ss(s), old_hs(old_h);
    const Target<C> dxs(dx), dss(ds), dold_hs(dold_h);
    each_cell<C>(rows, n, 16 * n, [&](int64_t r, C* scratch) {
      const C *a = actives.run(r * 3 * n, 3 * n, scratch),
              *sr = ss.run(r * 3 * n, 3 * n, scratch + 3 * n);
      const C *h0 = old_hs.run(r * n, n, scratch + 6 * n), *g = dhs.run(r * n, n, scratch + 7 * n);
      C *dxr = dxs.run(r * 3 * n, scratch + 8 * n), *dsr = dss.run(r * 3 * n, scratch + 11 * n);
      C* dh0 = dold_hs.run(r * n, scratch + 14 * n);
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k) {
        const C reset = a[k], update = a[n + k], fresh = a[2 * n + k];
        const C dfresh = g[k] * (C(1) - update) * slope_of_tanh(fresh);
        const C dreset = dfresh * sr[2 * n + k] * slope_of_sigmoid(reset);
        const C dupdate = g[k] * (h0[k] - fresh) * slope_of_sigmoid(update);
        dxr[k] = dsr[k] = dreset;
        dxr[n + k] = dsr[n + k] = dupdate;
        dxr[2 * n + k] = dfresh;
        dsr[2 * n + k] = dfresh * reset;
        dh0[k] = g[k] * update;
      }
      dxs.put(r * 3 * n, 3 * n, dxr);
      dss.put(r * 3 * n, 3 * n, dsr);
      dold_hs.put(r * n, n, dh0);
    });
  });
}
CPU_KERNEL(gru_cell_backward, gru_cell_backward_cpu)

}  // namespace
}  // namespace fb
