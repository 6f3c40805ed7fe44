// One step of the recurrent networks, from the products on.
#include "ops/rnn.h"

#include "ops/dense.h"
#include "ops/grad.h"
#include "ops/joining.h"
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

void lstm_cell_vjp(Grad& g) {
  Tensor dh = g.dout(0), dc = g.dout(1), dactive = g.dout(2), active = g.out(2), dgates, dold_c;
  if (dh.defined() || dc.defined())
    std::tie(dgates, dold_c) = (grad_enabled() ? lstm_gradients : lstm_gradients_fused)(
        dh, dc, active, g.in("c"), g.out(1));
  if (dactive.defined()) {  // only in derivatives of derivatives
    Tensor slope = join({sigmoid_slope(part(active, 0, 4)), sigmoid_slope(part(active, 1, 4)),
                         tanh_slope(part(active, 2, 4)), sigmoid_slope(part(active, 3, 4))});
    dgates = plus(dgates, dactive * slope);
  }
  if (g.needs("gates") && dgates.defined()) g.set("gates", dgates);
  if (g.needs("c") && dold_c.defined()) g.set("c", dold_c);
}

OP(lstm_cell) {
  .schema = "_lstm_cell(Tensor gates, Tensor c) -> (Tensor h, Tensor new_c, Tensor active)",
  .names = "nn.functional._lstm_cell",
  .forward = boxed<lstm_cell_forward>,
  .vjp = lstm_cell_vjp,
  .save = "c, new_c, active",
  .samples = "(2,12) (2,3) | (0,4) (0,1)",
  .errors = "(2,12) (2,4) -> RuntimeError: expected gates of shape [N, 4 * H]",
  .doc =
      R"(One step of a long short-term memory, its gates i, f, g, o given before their nonlinearities.

``new_c = sigmoid(f) c + sigmoid(i) tanh(g)``, ``h = sigmoid(o) tanh(new_c)``; ``active`` is the gates after them.
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
  .samples = "(2,9) (2,9) (2,3) | (0,3) (0,3) (0,1)",
  .errors = "(2,9) (2,9) (2,4) -> RuntimeError: expected gates of shape [N, 3 * H]",
  .doc =
      R"(One step of a gated recurrent unit, from the projections x of the input and s of the state (gates r, z, n).

``r, z = sigmoid(x + s)``, ``n = tanh(x_n + r s_n)``, ``new_h = (h - n) z + n``; ``active`` is the gates so computed.
)",
};

}  // namespace
}  // namespace fb
