// One step of the recurrent networks, from the products on; and all steps of an LSTM's layer.
#include "ops/rnn.h"

#include "ops/dense.h"
#include "ops/grad.h"
#include "ops/joining.h"
#include "ops/matmul.h"
#include "ops/operators.h"
#include "ops/pointwise_math.h"
#include "ops/rnn_kernels.h"
#include "ops/view.h"

namespace fb {
namespace {

void check_cell(const char* name, const Tensor& gates, const Tensor& state, int64_t count) {
  FB_CHECK(gates.dim() == 2 && state.dim() == 2 && gates.sizes()[0] == state.sizes()[0] &&
               gates.sizes()[1] == count * state.sizes()[1],
           name, ": expected gates of shape [N, ", count, " * H] and a state of shape [N, H], got ",
           shape_text(gates.sizes()), " and ", shape_text(state.sizes()));
  FB_CHECK(gates.dtype() == state.dtype(), name, ": expected gates and state of one type, got ",
           gates.dtype(), " and ", state.dtype());
  if (!is_floating(gates.dtype())) raise_unsupported_dtype(name, gates.dtype());
}

Tensor part(const Tensor& t, int64_t index, int64_t count) {
  const int64_t size = t.sizes()[1] / count;
  return narrow(t, 1, index * size, size);
}
Tensor join(std::initializer_list<Tensor> parts) {
  return cat(std::span<const Tensor>(parts.begin(), parts.size()), 1);
}

Tensor sigmoid_slope(const Tensor& y) { return y * (1 - y); }
Tensor tanh_slope(const Tensor& y) { return 1 - y * y; }
Tensor plus(const Tensor& a, const Tensor& b) {
  return !a.defined() ? b : !b.defined() ? a : a + b;
}

// --- long short-term memory ----------------------------------------------------------------------

using Three = std::tuple<Tensor, Tensor, Tensor>;

Three lstm_cell_forward(const Tensor& gates, const Tensor& c) {
  check_cell("lstm_cell", gates, c, 4);
  Tensor h = empty(c.sizes(), c.dtype(), c.device()), new_c = empty_like(h);
  Tensor active = empty(gates.sizes(), gates.dtype(), gates.device());
  kernels::lstm_cell(h, new_c, active, dense(gates), dense(c));
  return {h, new_c, active};
}

// In public operators, for derivatives of derivatives.
std::tuple<Tensor, Tensor> lstm_gradients(const Tensor& dh, const Tensor& dc, const Tensor& active,
                                          const Tensor& old_c, const Tensor& c) {
  Tensor i = part(active, 0, 4), f = part(active, 1, 4), g = part(active, 2, 4),
         o = part(active, 3, 4), t = tanh(c);
  Tensor total = dc, by_o = o * 0;
  if (dh.defined()) {
    total = plus(dc, dh * o * tanh_slope(t));
    by_o = dh * t * sigmoid_slope(o);
  }
  return {join({total * g * sigmoid_slope(i), total * old_c * sigmoid_slope(f),
                total * i * tanh_slope(g), by_o}),
          total * f};
}
std::tuple<Tensor, Tensor> lstm_gradients_fused(const Tensor& dh, const Tensor& dc,
                                                const Tensor& active, const Tensor& old_c,
                                                const Tensor& c) {
  Tensor dgates = empty_like(active), dold_c = empty_like(c);
  kernels::lstm_cell_backward(dgates, dold_c, dense(dh), dense(dc), active, dense(old_c), c);
  return {dgates, dold_c};
}

Tensor lstm_slopes(const Tensor& active) {
  return join({sigmoid_slope(part(active, 0, 4)), sigmoid_slope(part(active, 1, 4)),
               tanh_slope(part(active, 2, 4)), sigmoid_slope(part(active, 3, 4))});
}

void lstm_cell_vjp(Grad& g) {
  Tensor dh = g.dout(0), dc = g.dout(1), dactive = g.dout(2), active = g.out(2), dgates, dold_c;
  if (dh.defined() || dc.defined())
    std::tie(dgates, dold_c) = (grad_enabled() ? lstm_gradients : lstm_gradients_fused)(
        dh, dc, active, g.in("c"), g.out(1));
  if (dactive.defined())  // only in derivatives of derivatives
    dgates = plus(dgates, dactive * lstm_slopes(active));
  if (g.needs("gates") && dgates.defined()) g.set("gates", dgates);
  if (g.needs("c") && dold_c.defined()) g.set("c", dold_c);
}

OP(lstm_cell) {
  .schema = "_lstm_cell(Tensor gates, Tensor c) -> (Tensor h, Tensor new_c, Tensor active)",
  .names = "nn.functional._lstm_cell",
  .forward = boxed<lstm_cell_forward>,
  .vjp = lstm_cell_vjp,
  .save = "c, new_c, active",
  .autocast = Autocast::Promote,
  .samples = "(2,12) (2,3) | (0,4) (0,1)",
  .errors = "(2,12) (2,4) -> RuntimeError: expected gates of shape [N, 4 * H]",
  .doc =
      R"(One step of a long short-term memory, its gates i, f, g, o given before their nonlinearities.

``new_c = sigmoid(f) c + sigmoid(i) tanh(g)``, ``h = sigmoid(o) tanh(new_c)``; ``active`` is the gates after them.
)",
};

// --- a layer of it -------------------------------------------------------------------------------

void check_layer(const Tensor& projected, const Tensor& h, const Tensor& c, const Tensor& weight) {
  FB_CHECK(
      projected.dim() == 3 && h.dim() == 2 && same_shape(h.sizes(), c.sizes()) &&
          projected.sizes()[1] == h.sizes()[0] && projected.sizes()[2] == 4 * h.sizes()[1] &&
          weight.dim() == 2 && weight.sizes()[0] == 4 * h.sizes()[1] &&
          weight.sizes()[1] == h.sizes()[1],
      "lstm_layer: expected projected inputs of shape [T, N, 4 * H], states of shape [N, H] and a "
      "weight of shape [4 * H, H], got ",
      shape_text(projected.sizes()), ", ", shape_text(h.sizes()), ", ", shape_text(c.sizes()),
      " and ", shape_text(weight.sizes()));
  FB_CHECK(projected.dtype() == h.dtype() && h.dtype() == c.dtype() && h.dtype() == weight.dtype(),
           "lstm_layer: expected projected inputs, states and weight of one type, got ",
           projected.dtype(), ", ", h.dtype(), ", ", c.dtype(), " and ", weight.dtype());
  if (!is_floating(h.dtype())) raise_unsupported_dtype("lstm_layer", h.dtype());
}

Three lstm_layer_forward(const Tensor& projected, const Tensor& h, const Tensor& c,
                         const Tensor& weight, bool reverse) {
  check_layer(projected, h, c, weight);
  const int64_t steps = projected.sizes()[0];
  Tensor states = empty(Dims{steps + 1, h.sizes()[0], h.sizes()[1]}, h.dtype(), h.device()),
         cells = empty_like(states),
         active = empty(projected.sizes(), projected.dtype(), projected.device());
  kernels::lstm_layer(states, cells, active, dense(projected), dense(h), dense(c), dense(weight),
                      reverse);
  return {states, cells, active};
}

struct LayerGradient {
  Tensor projected, h, c;
};

LayerGradient lstm_layer_gradients_fused(const Tensor& dstates, const Tensor& dcells,
                                         const Tensor& active, const Tensor& cells,
                                         const Tensor& weight, bool reverse) {
  LayerGradient d{empty_like(active), {}, {}};
  d.h = empty(Dims{cells.sizes()[1], cells.sizes()[2]}, cells.dtype(), cells.device());
  d.c = empty_like(d.h);
  kernels::lstm_layer_backward(d.projected, d.h, d.c, dense(dstates), dense(dcells), active, cells,
                               dense(weight), reverse);
  return d;
}

// In public operators, for derivatives of derivatives.
LayerGradient lstm_layer_gradients(const Tensor& dstates, const Tensor& dcells,
                                   const Tensor& dactive, const Tensor& active, const Tensor& cells,
                                   const Tensor& weight, bool reverse) {
  const int64_t steps = active.sizes()[0];
  auto at = [](const Tensor& t, int64_t i) { return t.defined() ? select(t, 0, i) : t; };
  Tensor dh, dc;
  Tensors dgates(static_cast<size_t>(steps));
  for (int64_t s = steps; s-- > 0;) {
    const auto [time, before, after] = LstmStep(s, steps, reverse);
    Tensor a = at(active, time), da = at(dactive, time), &dg = dgates[static_cast<size_t>(time)];
    dh = plus(dh, at(dstates, after));
    dc = plus(dc, at(dcells, after));
    if (dh.defined() || dc.defined())
      std::tie(dg, dc) = lstm_gradients(dh, dc, a, at(cells, before), at(cells, after));
    if (da.defined()) dg = plus(dg, da * lstm_slopes(a));
    dh = mm(dg, weight);
  }
  const int64_t start = LstmStep(0, steps, reverse).before;
  return {stack(dgates), plus(dh, at(dstates, start)), plus(dc, at(dcells, start))};
}

void lstm_layer_vjp(Grad& g) {
  Tensor dstates = g.dout(0), dcells = g.dout(1), dactive = g.dout(2), states = g.out(0),
         cells = g.out(1), active = g.out(2), weight = g.in("weight");
  const bool reverse = g.arg<bool>("reverse");
  const int64_t steps = active.sizes()[0], gates = active.sizes()[2];
  LayerGradient d =
      grad_enabled() || dactive.defined()
          ? lstm_layer_gradients(dstates, dcells, dactive, active, cells, weight, reverse)
          : lstm_layer_gradients_fused(dstates, dcells, active, cells, weight, reverse);
  if (g.needs("weight")) {
    Tensor before = narrow(states, 0, reverse ? 1 : 0, steps);
    g.set("weight",
          mm(t(reshape(d.projected, Dims{-1, gates})), reshape(before, Dims{-1, gates / 4})));
  }
  if (g.needs("projected")) g.set("projected", d.projected);
  if (g.needs("h") && d.h.defined()) g.set("h", d.h);
  if (g.needs("c") && d.c.defined()) g.set("c", d.c);
}

OP(lstm_layer) {
  .schema =
      "_lstm_layer(Tensor projected, Tensor h, Tensor c, Tensor weight, bool reverse=False)"
      " -> (Tensor states, Tensor cells, Tensor active)",
  .names = "nn.functional._lstm_layer",
  .forward = boxed<lstm_layer_forward>,
  .vjp = lstm_layer_vjp,
  .save = "weight, states, cells, active",
  .autocast = Autocast::Lower,
  .samples = "(3,2,12) (2,3) (2,3) (12,3) | (1,2,4) (2,1) (2,1) (4,1) reverse=True",
  .errors =
      "(3,2,12) (2,4) (2,4) (12,3) -> RuntimeError: expected projected inputs of shape [T, N, 4 * H]",
  .doc =
      R"(All steps of a layer of long short-term memory, from the projections of its inputs on.

``states`` and ``cells`` (T + 1, N, H) are those before and after each step, in the order of time; ``reverse`` runs
from the last step to the first. A step is ``_lstm_cell(projected[t] + h weight^T, c)``.
)",
};

// --- gated recurrent unit ------------------------------------------------------------------------

std::tuple<Tensor, Tensor> gru_cell_forward(const Tensor& x, const Tensor& s, const Tensor& h) {
  check_cell("gru_cell", x, h, 3);
  check_cell("gru_cell", s, h, 3);
  Tensor new_h = empty(h.sizes(), h.dtype(), h.device()),
         active = empty(x.sizes(), x.dtype(), x.device());
  kernels::gru_cell(new_h, active, dense(x), dense(s), dense(h));
  return {new_h, active};
}

Three gru_gradients(const Tensor& dh, const Tensor& active, const Tensor& s, const Tensor& h) {
  Tensor r = part(active, 0, 3), z = part(active, 1, 3), n = part(active, 2, 3);
  Tensor dn = dh * (1 - z) * tanh_slope(n), dr = dn * part(s, 2, 3) * sigmoid_slope(r),
         dz = dh * (h - n) * sigmoid_slope(z);
  return {join({dr, dz, dn}), join({dr, dz, dn * r}), dh * z};
}
Three gru_gradients_fused(const Tensor& dh, const Tensor& active, const Tensor& s,
                          const Tensor& h) {
  Tensor dx = empty_like(active), ds = empty_like(active),
         dold_h = empty(h.sizes(), h.dtype(), h.device());
  kernels::gru_cell_backward(dx, ds, dold_h, dense(dh), active, dense(s), dense(h));
  return {dx, ds, dold_h};
}

void gru_cell_vjp(Grad& g) {
  Tensor dh = g.dout(0), dactive = g.dout(1), active = g.out(1), s = g.in("s"), dx, ds, dold_h;
  if (dh.defined())
    std::tie(dx, ds, dold_h) =
        (grad_enabled() ? gru_gradients : gru_gradients_fused)(dh, active, s, g.in("h"));
  if (dactive.defined()) {  // only in derivatives of derivatives
    Tensor r = part(active, 0, 3), dn = part(dactive, 2, 3) * tanh_slope(part(active, 2, 3));
    Tensor dr = (part(dactive, 0, 3) + dn * part(s, 2, 3)) * sigmoid_slope(r);
    Tensor dz = part(dactive, 1, 3) * sigmoid_slope(part(active, 1, 3));
    dx = plus(dx, join({dr, dz, dn}));
    ds = plus(ds, join({dr, dz, dn * r}));
  }
  if (g.needs("x") && dx.defined()) g.set("x", dx);
  if (g.needs("s") && ds.defined()) g.set("s", ds);
  if (g.needs("h") && dold_h.defined()) g.set("h", dold_h);
}

OP(gru_cell) {
  .schema = "_gru_cell(Tensor x, Tensor s, Tensor h) -> (Tensor new_h, Tensor active)",
  .names = "nn.functional._gru_cell",
  .forward = boxed<gru_cell_forward>,
  .vjp = gru_cell_vjp,
  .save = "s, h, active",
  .autocast = Autocast::Promote,
  .samples = "(2,9) (2,9) (2,3) | (0,3) (0,3) (0,1)",
  .errors = "(2,9) (2,9) (2,4) -> RuntimeError: expected gates of shape [N, 3 * H]",
  .doc =
      R"(One step of a gated recurrent unit, from the projections x of the input and s of the state (gates r, z, n).

``r, z = sigmoid(x + s)``, ``n = tanh(x_n + r s_n)``, ``new_h = (h - n) z + n``; ``active`` is the gates so computed.
)",
};

}  // namespace
}  // namespace fb
