#include "ops/rnn_kernels.h"

#include <cstring>

#include "core/interrupt.h"
#include "cpu/panels.h"
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

// Runs body(row, scratch), with `per_row` numbers of working memory, over the rows of cells of n
// numbers.
template <class C, class F>
void each_cell(int64_t rows, int64_t n, int64_t per_row, F body) {
  parallel_for(0, rows, std::max<int64_t>(1, kCellGrain / n), [&](int64_t from, int64_t to) {
    Scratch<C> scratch(per_row);
    for (int64_t r = from; r < to; ++r) body(r, static_cast<C*>(scratch));
  });
}

// --- long short-term memory ----------------------------------------------------------------------

// A row of n cells: a = the gates x(k) after their nonlinearities, then c1 and h1 from c0; t is
// working memory for n numbers.
template <class C, class X>
[[gnu::always_inline]] inline void lstm_row(C* a, C* c1, C* h1, X x, const C* c0, int64_t n, C* t) {
#pragma GCC ivdep
  for (int64_t k = 0; k < 2 * n; ++k) a[k] = math::sigmoid(x(k));
#pragma GCC ivdep
  for (int64_t k = 2 * n; k < 3 * n; ++k) a[k] = math::tanh(x(k));
#pragma GCC ivdep
  for (int64_t k = 3 * n; k < 4 * n; ++k) a[k] = math::sigmoid(x(k));
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) c1[k] = a[n + k] * c0[k] + a[k] * a[2 * n + k];
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) t[k] = math::tanh(c1[k]);
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) h1[k] = a[3 * n + k] * t[k];
}

// The gradients dg and dc0 of a row from gh and gc; dc0 may be gc.
template <class C>
void lstm_row_backward(C* dg, C* dc0, const C* gh, const C* gc, const C* a, const C* c0,
                       const C* c1, int64_t n, C* t) {
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
}

void lstm_cell_cpu(const Tensor& h, const Tensor& c, const Tensor& active, const Tensor& gates,
                   const Tensor& old_c) {
  if (h.numel() == 0) return;
  in_compute_type(h.dtype(), "lstm_cell", [&]<class C>(C) {
    const int64_t rows = h.sizes()[0], n = h.sizes()[1];
    const Source<C> xs(gates), cs(old_c);
    const Target<C> hs(h), new_cs(c), actives(active);
    each_cell<C>(rows, n, 12 * n, [&](int64_t r, C* scratch) {
      const C *x = xs.run(r * 4 * n, 4 * n, scratch), *c0 = cs.run(r * n, n, scratch + 4 * n);
      C *a = actives.run(r * 4 * n, scratch + 5 * n), *c1 = new_cs.run(r * n, scratch + 9 * n);
      C* h1 = hs.run(r * n, scratch + 10 * n);
      lstm_row(a, c1, h1, [&](int64_t k) { return x[k]; }, c0, n, scratch + 11 * n);
      actives.put(r * 4 * n, 4 * n, a);
      new_cs.put(r * n, n, c1);
      hs.put(r * n, n, h1);
    });
  });
}
CPU_KERNEL(lstm_cell, lstm_cell_cpu)

// Elements of a tensor, or zeros.
template <class C>
const C* run_or_zeros(const Source<C>& source, int64_t at, int64_t n, C* buffer) {
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
    each_cell<C>(rows, n, 14 * n, [&](int64_t r, C* scratch) {
      const C* a = actives.run(r * 4 * n, 4 * n, scratch);
      const C *c0 = old_cs.run(r * n, n, scratch + 4 * n),
              *c1 = new_cs.run(r * n, n, scratch + 5 * n);
      const C* gh = run_or_zeros(dhs, r * n, n, scratch + 6 * n);
      const C* gc = run_or_zeros(dcs, r * n, n, scratch + 7 * n);
      C *dg = dgs.run(r * 4 * n, scratch + 8 * n), *dc0 = dold_cs.run(r * n, scratch + 12 * n);
      lstm_row_backward(dg, dc0, gh, gc, a, c0, c1, n, scratch + 13 * n);
      dgs.put(r * 4 * n, 4 * n, dg);
      dold_cs.put(r * n, n, dc0);
    });
  });
}
CPU_KERNEL(lstm_cell_backward, lstm_cell_backward_cpu)

// --- a layer of it -------------------------------------------------------------------------------

// Runs body(first row, rows) over parts of the batch. Sequences do not depend on each other, so a
// part goes through all steps on one thread, and its rows share each reading of the weights.
template <class F>
void each_part_of_batch(int64_t batch, F body) {
  constexpr int64_t kMostRows = 16;
  const int64_t rows = std::min(batch, kMostRows);
  parallel_chunks((batch + rows - 1) / rows,
                  [&](int64_t part) { body(part * rows, std::min(rows, batch - part * rows)); });
}

// b, k x n, in panels that all steps multiply by.
template <class C>
class Recurrent {
 public:
  Recurrent(int64_t k, int64_t n, Matrix<const C> b)
      : room_(k * padded_to_panels<C>(n)), panels_{room_, k * kPanelWidth<C>, kPanelWidth<C>} {
    const int64_t count = padded_to_panels<C>(n) / kPanelWidth<C>;
    parallel_for(0, count, std::max<int64_t>(1, kRowGrain / panels_.step),
                 [&](int64_t from, int64_t to) {
                   for (int64_t p = from; p < to; ++p)
                     fill_panel(room_ + p * panels_.step, p * kPanelWidth<C>, k, n, b);
                 });
  }
  operator Panels<C>() const { return panels_; }

 private:
  Scratch<C> room_;
  Panels<C> panels_;
};

// Rows of n numbers begin so far apart that a column of them does not fall into one set of the
// cache.
template <class C>
int64_t spread_rows(int64_t n) {
  return padded_to_panels<C>(n) + kPanelWidth<C>;
}

// Puts the state at which a layer begins in front of, or in reverse behind, the others.
void begin_with(const Tensor& states, const Tensor& state, bool reverse) {
  const int64_t steps = states.sizes()[0] - 1, bytes = state.numel() * state.item_size();
  std::memcpy(static_cast<char*>(states.raw()) + LstmStep(0, steps, reverse).before * bytes,
              state.raw(), static_cast<size_t>(bytes));
}

void lstm_layer_cpu(const Tensor& states, const Tensor& cells, const Tensor& active,
                    const Tensor& projected, const Tensor& h, const Tensor& c, const Tensor& weight,
                    bool reverse) {
  if (h.numel() == 0) return;
  begin_with(states, h, reverse);
  begin_with(cells, c, reverse);
  in_compute_type(h.dtype(), "lstm_layer", [&]<class C>(C) {
    const int64_t steps = projected.sizes()[0], batch = h.sizes()[0], n = h.sizes()[1], m = 4 * n;
    const Numbers<C> w(weight, m * n);
    const Recurrent<C> turned(n, m, {w, 1, n});
    const int64_t spread = spread_rows<C>(m);
    const Source<C> xs(projected), old_hs(states), old_cs(cells);
    const Target<C> hs(states), cs(cells), actives(active);
    each_part_of_batch(batch, [&](int64_t first, int64_t rows) {
      const int64_t size = rows * n;
      Scratch<C> scratch(n + rows * spread + (hs.direct() ? 0 : 12 * size));
      C *t = scratch, *sums = t + n, *room = sums + rows * spread;
      for (int64_t s = 0; s < steps; ++s) {
        check_interrupt();
        const LstmStep step(s, steps, reverse);
        auto at = [&](int64_t time) { return (time * batch + first) * n; };
        const C* h0 = old_hs.run(at(step.before), size, room);
        const C* c0 = old_cs.run(at(step.before), size, room + size);
        C *h1 = hs.run(at(step.after), room + 2 * size),
          *c1 = cs.run(at(step.after), room + 3 * size),
          *a = actives.run(4 * at(step.time), room + 4 * size);
        const C* xs_now = xs.run(4 * at(step.time), 4 * size, room + 8 * size);
        multiply_panels<C>(rows, m, n, {h0, n, 1}, turned, false, {sums, spread, 1});
        for (int64_t r = 0; r < rows; ++r) {
          const C *x = xs_now + r * m, *sum = sums + r * spread;
          lstm_row<C>(
              a + r * m, c1 + r * n, h1 + r * n, [&](int64_t k) { return x[k] + sum[k]; },
              c0 + r * n, n, t);
        }
        hs.put(at(step.after), size, h1);
        cs.put(at(step.after), size, c1);
        actives.put(4 * at(step.time), 4 * size, a);
      }
    });
  });
}
CPU_KERNEL(lstm_layer, lstm_layer_cpu)

void lstm_layer_backward_cpu(const Tensor& dprojected, const Tensor& dh, const Tensor& dc,
                             const Tensor& dstates, const Tensor& dcells, const Tensor& active,
                             const Tensor& cells, const Tensor& weight, bool reverse) {
  if (dh.numel() == 0) return;
  in_compute_type(dh.dtype(), "lstm_layer", [&]<class C>(C) {
    const int64_t steps = active.sizes()[0], batch = dh.sizes()[0], n = dh.sizes()[1], m = 4 * n;
    const Numbers<C> w(weight, m * n);
    const Recurrent<C> panels(m, n, {w, n, 1});
    const int64_t spread_n = spread_rows<C>(n), spread_m = spread_rows<C>(m);
    const Source<C> gs(dstates), gcs(dcells), actives(active), cs(cells);
    const Target<C> dgs(dprojected), dhs(dh), dcs(dc);
    each_part_of_batch(batch, [&](int64_t first, int64_t rows) {
      const int64_t size = rows * n;
      // Of the state after the step at hand: gradients by all that follows it.
      Scratch<C> scratch(2 * n + rows * (n + spread_n + spread_m) + (dgs.direct() ? 0 : 6 * size));
      C *t = scratch, *added = t + n, *gc = added + n, *gh = gc + size, *dg = gh + rows * spread_n,
        *room = dg + rows * spread_m;
      auto at = [&](int64_t time) { return (time * batch + first) * n; };
      auto add = [&](C* to, int64_t to_row, const Source<C>& more, int64_t time) {
        for (int64_t r = 0; more.given() && r < rows; ++r) {
          const C* from = more.run(at(time) + r * n, n, added);
          for (int64_t k = 0; k < n; ++k) to[r * to_row + k] += from[k];
        }
      };
      const int64_t end = LstmStep(steps - 1, steps, reverse).after;
      std::fill_n(gc, size + rows * spread_n, C());
      add(gh, spread_n, gs, end);
      add(gc, n, gcs, end);
      for (int64_t s = steps; s-- > 0;) {
        check_interrupt();
        const LstmStep step(s, steps, reverse);
        const C* a = actives.run(4 * at(step.time), 4 * size, room);
        const C *c0 = cs.run(at(step.before), size, room + 4 * size),
                *c1 = cs.run(at(step.after), size, room + 5 * size);
        for (int64_t r = 0; r < rows; ++r) {
          lstm_row_backward<C>(dg + r * spread_m, gc + r * n, gh + r * spread_n, gc + r * n,
                               a + r * m, c0 + r * n, c1 + r * n, n, t);
          dgs.store(4 * at(step.time) + r * m, m, dg + r * spread_m);
        }
        multiply_panels<C>(rows, n, m, {dg, spread_m, 1}, panels, false, {gh, spread_n, 1});
        add(gh, spread_n, gs, step.before);
        add(gc, n, gcs, step.before);
      }
      for (int64_t r = 0; r < rows; ++r) {
        dhs.store((first + r) * n, n, gh + r * spread_n);
        dcs.store((first + r) * n, n, gc + r * n);
      }
    });
  });
}
CPU_KERNEL(lstm_layer_backward, lstm_layer_backward_cpu)

// --- gated recurrent unit ------------------------------------------------------------------------

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
