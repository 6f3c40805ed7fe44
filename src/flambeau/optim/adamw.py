"""AdamW."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flambeau.optim.adam import Adam
from flambeau.optim.optimizer import ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["AdamW"]


class AdamW(Adam):
    r"""Adam whose weight decay shrinks the parameters instead of entering the gradient.

    Each step starts with ``p *= 1 - lr * weight_decay`` and goes on as :class:`Adam` without decay
    (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: learning rate, a number or a 0-d tensor.
        betas: decay of the averages of gradient and square, in [0, 1).
        eps: keeps the denominator away from zero.
        weight_decay: share of ``lr`` by which parameters shrink.
        amsgrad: divide by the largest average of squares so far.
        maximize, foreach, capturable, differentiable, fused: see :class:`Optimizer`.

    Raises:
        ValueError: an option out of its range.

    Example:
        >>> import flambeau as fb
        >>> w = fb.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = fb.optim.AdamW([w], lr=0.5, weight_decay=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([ 0.2500, -1.0000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
