"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import flambeau as fb
from flambeau.optim._grouped import check_lr, number, scalar
from flambeau.optim.optimizer import Optimizer, ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["LBFGS"]

# Pairs of steps and gradient changes with less curvature than this say nothing about the Hessian.
_LEAST_CURVATURE = 1e-10


class LBFGS(Optimizer):
    r"""Quasi-Newton steps from the last gradients (Nocedal and Wright, "Numerical optimization",
    ch. 7).

    One ``step`` runs up to ``max_iter`` iterations and calls the closure several times. All
    parameters form one vector; there is one group only. It keeps ``history_size + 1`` copies of the
    parameters.

    Args:
        params: parameters.
        lr: size of a step, a number or a 0-d tensor.
        max_iter: iterations of one call of ``step``.
        max_eval: calls of the closure in one ``step``; ``max_iter * 1.25`` if None.
        tolerance_grad: stop where the largest entry of the gradient is below.
        tolerance_change: stop where parameters or loss change by less.
        history_size: number of updates remembered.
        line_search_fn: None or ``"strong_wolfe"``.

    Raises:
        ValueError: more than one group, or a rate that is negative.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        params: list[Tensor] = self.param_groups[0]["params"]
        return params

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Run up to ``max_iter`` iterations.

        Args:
            closure: clears the gradients, computes the loss and its gradients, and returns the
                loss.

        Returns:
            The loss before the step.
        """
        with fb.no_grad():
            return self._minimise(fb.enable_grad()(closure))

    def _minimise(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        loss, gradient = float(first_loss), self._flat_gradient()
        state["func_evals"] += 1
        evaluations = 1
        if gradient.abs().max() <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(state, gradient)
            previous_loss, size = loss, self._first_size(state, gradient)
            state["d"], state["t"] = direction, size
            state["prev_flat_grad"], state["prev_loss"] = gradient.clone(), loss
            slope = gradient.dot(direction)
            if slope > -group["tolerance_change"]:
                break
            calls = 0
            if group["line_search_fn"] is not None:
                loss, gradient, size, calls = self._search(
                    closure, size, direction, loss, gradient, slope, evaluations
                )
                state["t"] = size
                self._move(size, direction)
            else:
                self._move(size, direction)
                if iteration != group["max_iter"]:
                    loss, gradient, calls = float(closure()), self._flat_gradient(), 1
            evaluations += calls
            state["func_evals"] += calls
            if (
                evaluations >= group["max_eval"]
                or gradient.abs().max() <= group["tolerance_grad"]
                or (direction * size).abs().max() <= group["tolerance_change"]
                or abs(loss - previous_loss) < group["tolerance_change"]
            ):
                break
        return first_loss

    def _direction(self, state: dict[str, Any], gradient: Tensor) -> Tensor:
        """Multiply the negative gradient by the inverse Hessian that the history suggests."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return gradient.neg()
        changes, steps, inverse = state["old_dirs"], state["old_stps"], state["ro"]
        change = gradient.sub(state["prev_flat_grad"])
        step = state["d"].mul(state["t"])
        curvature = change.dot(step)
        if curvature > _LEAST_CURVATURE:
            if len(changes) == self.param_groups[0]["history_size"]:
                for history in (changes, steps, inverse):
                    history.pop(0)
            changes.append(change)
            steps.append(step)
            inverse.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)
        factors = state.setdefault("al", [None] * self.param_groups[0]["history_size"])
        result = gradient.neg()
        for i in reversed(range(len(changes))):
            factors[i] = steps[i].dot(result) * inverse[i]
            result.add_(changes[i], alpha=-number(factors[i]))
        result = result.mul(state["H_diag"])
        for i in range(len(changes)):
            back = changes[i].dot(result) * inverse[i]
            result.add_(steps[i], alpha=number(factors[i] - back))
        return result

    def _first_size(self, state: dict[str, Any], gradient: Tensor) -> Any:
        lr = scalar(self.param_groups[0]["lr"])
        return min(1.0, 1.0 / gradient.abs().sum()) * lr if state["n_iter"] == 1 else lr

    def _search(
        self,
        closure: Callable[[], Any],
        size: Any,
        direction: Tensor,
        loss: float,
        gradient: Tensor,
        slope: Tensor,
        evaluations: int,
    ) -> tuple[float, Tensor, Any, int]:
        group = self.param_groups[0]
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        start = [parameter.clone() for parameter in self._params]

        def evaluate(size: Any) -> _Point:
            self._move(size, direction)
            loss, gradient = float(closure()), self._flat_gradient()
            for parameter, value in zip(self._params, start, strict=True):
                parameter.copy_(value)
            return _Point(size, loss, gradient, gradient.dot(direction))

        origin = _Point(0, loss, gradient.clone(), slope)
        best, calls = _strong_wolfe(
            evaluate, origin, size, direction.abs().max(), group["max_eval"] - evaluations
        )
        return best.loss, best.gradient, best.size, calls

    def _flat_gradient(self) -> Tensor:
        pieces = []
        for parameter in self._params:
            gradient: Any = parameter.grad
            if gradient is None:
                gradient = fb.zeros_like(parameter)
            if gradient.is_complex():
                gradient = fb.view_as_real(gradient)
            pieces.append(gradient.reshape(-1))
        return fb.cat(pieces)

    def _move(self, size: Any, direction: Tensor) -> None:
        first = 0
        for parameter in self._params:
            real = fb.view_as_real(parameter) if parameter.is_complex() else parameter
            last = first + real.numel()
            real.add_(direction[first:last].view_as(real), alpha=number(size))
            first = last


class _Point(NamedTuple):
    """The loss at ``start + size * direction``, its gradient, and its slope along the direction."""

    size: Any
    loss: float
    gradient: Tensor
    slope: Any


def _strong_wolfe(
    evaluate: Callable[[Any], _Point],
    origin: _Point,
    size: Any,
    reach: Tensor,
    most: int,
    decrease: float = 1e-4,
    flatness: float = 0.9,
    tolerance: float = 1e-9,
) -> tuple[_Point, int]:
    """Find a size that fulfils the strong Wolfe conditions (Nocedal and Wright, alg. 3.5 and 3.6).

    Returns:
        The point found, and how often the loss was evaluated.
    """

    def too_high(point: _Point) -> bool:
        return bool(point.loss > origin.loss + decrease * point.size * origin.slope)

    def flat(point: _Point) -> bool:
        return bool(abs(point.slope) <= -flatness * origin.slope)

    # Go out until a minimum lies between two points.
    before, point = origin, evaluate(size)
    calls, rounds = 1, 0
    bracket: list[_Point] = []
    while rounds < most:
        if too_high(point) or (rounds > 1 and point.loss >= before.loss):
            bracket = [before, point]
            break
        if flat(point):
            return point, calls
        if point.slope >= 0:
            bracket = [before, point]
            break
        bounds = (point.size + 0.01 * (point.size - before.size), point.size * 10)
        size = _cubic_minimum(before, point, bounds)
        before, point = point, evaluate(size)
        calls += 1
        rounds += 1
    bracket = bracket or [origin, point]

    # Close in. The order of the two points decides between equal losses.
    low, high = _by_loss(bracket)
    stalled = False
    while rounds < most:
        ends = [end.size for end in bracket]
        least, largest = min(ends), max(ends)
        if (largest - least) * reach < tolerance:
            break
        size = _cubic_minimum(bracket[low], bracket[high], (least, largest))
        margin = 0.1 * (largest - least)
        # Twice in a row close to an end, or beyond it: step inside instead.
        if min(largest - size, size - least) < margin:
            if stalled or size >= largest or size <= least:
                at_end = abs(size - largest) < abs(size - least)
                size = largest - margin if at_end else least + margin
                stalled = False
            else:
                stalled = True
        else:
            stalled = False
        point = evaluate(size)
        calls += 1
        rounds += 1
        if too_high(point) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = _by_loss(bracket)
        else:
            if flat(point):
                return point, calls
            if point.slope * (bracket[high].size - bracket[low].size) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = point
    return bracket[low], calls


def _by_loss(bracket: list[_Point]) -> tuple[int, int]:
    """Return the indices of the lower and of the higher point."""
    return (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)


def _cubic_minimum(a: _Point, b: _Point, bounds: tuple[Any, Any]) -> Any:
    """Minimise the cubic through two points and their slopes, within bounds."""
    if a.size > b.size:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.size - b.size)
    square = d1**2 - a.slope * b.slope
    if square >= 0:
        d2 = square.sqrt()
        place = b.size - (b.size - a.size) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
        return min(max(place, bounds[0]), bounds[1])
    return (bounds[0] + bounds[1]) / 2.0
