"""Recurrent layers as composites: one product for all inputs, then one small product per step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import flambeau
import flambeau.nn.functional as F
from flambeau import Tensor

State = tuple[Tensor, ...]
Weights = Sequence[Tensor]

# A step takes the projected input, the state and what projects the state, and returns the new
# state, whose first entry is the output.
Step = Callable[[Tensor, State, "_Recurrence"], State]


class _Recurrence:
    """Weights of one layer in one direction: w_ih, w_hh[, b_ih, b_hh][, w_hr]."""

    def __init__(self, weights: Weights, bias: bool, join_biases: bool) -> None:
        self.w_ih, self.w_hh = weights[:2]
        self.b_ih: Tensor | None = weights[2] if bias else None
        self.b_hh: Tensor | None = weights[3] if bias else None
        self.w_hr = weights[-1] if len(weights) in (3, 5) else None
        if join_biases and self.b_ih is not None and self.b_hh is not None:
            # Both are only ever added up: once for all steps.
            self.b_ih, self.b_hh = self.b_ih + self.b_hh, None
        self.w_hh_t = self.w_hh.t()

    def project_inputs(self, x: Tensor) -> Tensor:
        return F.linear(x, self.w_ih, self.b_ih)

    def project_state(self, h: Tensor) -> Tensor:
        if self.b_hh is None:
            return flambeau.mm(h, self.w_hh_t)
        return flambeau.addmm(self.b_hh, h, self.w_hh_t)


def tanh_step(projected: Tensor, state: State, layer: _Recurrence) -> State:
    """``h = tanh(W x + b + U h)``."""
    return (flambeau.tanh(flambeau.addmm(projected, state[0], layer.w_hh_t)),)


def relu_step(projected: Tensor, state: State, layer: _Recurrence) -> State:
    """``h = max(0, W x + b + U h)``."""
    return (flambeau.relu(flambeau.addmm(projected, state[0], layer.w_hh_t)),)


def lstm_step(projected: Tensor, state: State, layer: _Recurrence) -> State:
    """Long short-term memory (Hochreiter and Schmidhuber 1997); gates i, f, g, o."""
    h, c = state
    h, c, _ = F._lstm_cell(flambeau.addmm(projected, h, layer.w_hh_t), c)
    if layer.w_hr is not None:
        h = flambeau.mm(h, layer.w_hr.t())
    return h, c


def gru_step(projected: Tensor, state: State, layer: _Recurrence) -> State:
    """Gated recurrent unit (Cho et al. 2014); gates r, z, n."""
    h = state[0]
    return (F._gru_cell(projected, layer.project_state(h), h)[0],)


STEPS: dict[str, Step] = {
    "RNN_TANH": tanh_step,
    "RNN_RELU": relu_step,
    "LSTM": lstm_step,
    "GRU": gru_step,
}


def _run_lstm(
    projected: Tensor, state: State, layer: _Recurrence, reverse: bool
) -> tuple[Tensor, State]:
    """Run one direction of an LSTM without projection: all steps are one operator."""
    h, c = state
    h, c, _ = F._lstm_layer(projected, h, c, layer.w_hh, reverse)
    return (h[:-1], (h[0], c[0])) if reverse else (h[1:], (h[-1], c[-1]))


def _run(
    steps: Sequence[Tensor], state: State, layer: _Recurrence, step: Step, reverse: bool
) -> tuple[Tensor, State]:
    """Run one direction over time steps of equal batch size."""
    outputs = []
    for projected in reversed(steps) if reverse else steps:
        state = step(projected, state, layer)
        outputs.append(state[0])
    return flambeau.stack(outputs[::-1] if reverse else outputs), state


def _run_packed(
    steps: Sequence[Tensor], state: State, layer: _Recurrence, step: Step, reverse: bool
) -> tuple[Tensor, State]:
    """Run one direction over time steps whose batches shrink (grow in reverse)."""
    outputs = []
    batch = steps[-1].size(0) if reverse else steps[0].size(0)
    first = state
    state = tuple(s[:batch] for s in first)
    ended: list[State] = []
    for projected in reversed(steps) if reverse else steps:
        size = projected.size(0)
        if size < batch:  # some sequences have ended: put their states aside
            ended.append(tuple(s[size:] for s in state))
            state = tuple(s[:size] for s in state)
        elif size > batch:  # some sequences begin
            state = tuple(
                flambeau.cat([s, start[batch:size]]) for s, start in zip(state, first, strict=True)
            )
        batch = size
        state = step(projected, state, layer)
        outputs.append(state[0])
    if ended:
        ended.append(state)
        state = tuple(flambeau.cat(parts) for parts in zip(*reversed(ended), strict=True))
    return flambeau.cat(outputs[::-1] if reverse else outputs), state


def _lowered(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Cast as autocast casts for products, once for all steps."""
    dtype = flambeau._C._get_autocast_dtype()
    exempt = flambeau.float64
    return [t.to(dtype) if t.is_cpu and t.dtype != exempt else t for t in tensors]


def run_layers(
    mode: str,
    x: Tensor,
    batch_sizes: Tensor | None,
    state: State,
    weights: Sequence[Weights],
    bias: bool,
    num_layers: int,
    dropout: float,
    training: bool,
    bidirectional: bool,
) -> tuple[Tensor, State]:
    """Run all layers and directions.

    Args:
        mode (str): key of ``STEPS``.
        x (Tensor): (T, N, input size), or packed (sum of lengths, input size).
        batch_sizes (Tensor): of the packed sequence, or None.
        state (tuple[Tensor, ...]): h (and c), each (layers * directions, N, size).
        weights: per layer and direction, w_ih, w_hh[, b_ih, b_hh][, w_hr].
        bias (bool): whether there are biases.
        num_layers (int): number of layers.
        dropout (float): probability between layers, in training.
        training (bool): whether dropout applies.
        bidirectional (bool): run every layer in both directions and join the outputs.

    Returns:
        The last layer's output and the final state.
    """
    if x.size(0) == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    step = STEPS[mode]
    if flambeau._C._is_autocast_enabled():
        weights = [_lowered(layer) for layer in weights]
        if mode == "LSTM" and len(weights[0]) % 2 == 0:  # PyTorch keeps c wide beside a projection
            state = tuple(_lowered(state))
    directions = 2 if bidirectional else 1
    sizes = None if batch_sizes is None else batch_sizes.tolist()
    finals: list[State] = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            index = layer * directions + direction
            recurrence = _Recurrence(weights[index], bias, join_biases=mode != "GRU")
            projected = recurrence.project_inputs(x)
            start = tuple(s[index] for s in state)
            if sizes is None and mode == "LSTM" and recurrence.w_hr is None:
                output, final = _run_lstm(projected, start, recurrence, direction == 1)
            elif sizes is None:
                output, final = _run(
                    projected.unbind(0), start, recurrence, step, reverse=direction == 1
                )
            else:
                output, final = _run_packed(
                    projected.split(sizes), start, recurrence, step, reverse=direction == 1
                )
            outputs.append(output)
            finals.append(final)
        x = outputs[0] if directions == 1 else flambeau.cat(outputs, -1)
        if dropout > 0 and training and layer < num_layers - 1:
            x = F.dropout(x, dropout, True)
    return x, tuple(flambeau.stack(parts) for parts in zip(*finals, strict=True))


def run_cell(mode: str, x: Tensor, state: State, weights: Weights, bias: bool) -> State:
    """Run one step: (N, input size) and the state, each (N, hidden size), to the new state."""
    layer = _Recurrence(weights, bias, join_biases=mode != "GRU")
    return STEPS[mode](layer.project_inputs(x), state, layer)
