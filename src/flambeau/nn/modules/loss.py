"""Losses as modules; each forwards to the function of the same name."""

from __future__ import annotations

import flambeau.nn.functional as F
from flambeau import Tensor
from flambeau.nn.modules.loss_base import _Loss as _Loss, _WeightedLoss as _WeightedLoss
from flambeau.nn.modules.margin_loss import (
    CosineEmbeddingLoss,
    HingeEmbeddingLoss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    SoftMarginLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
)

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "NLLLoss2d",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class L1Loss(_Loss):
    """``|x - y|``, reduced.

    Args:
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """``(x - y)^2``, reduced.

    Args:
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.

    Example::

        >>> import flambeau
        >>> flambeau.nn.MSELoss()(flambeau.tensor([1.0, 3.0]), flambeau.tensor([1.0, 1.0]))
        tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """``0.5 d^2 / beta`` where ``d = |x - y|`` is below ``beta``, else ``d - 0.5 beta``.

    Args:
        beta (float): where the square turns into the absolute value.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """``0.5 d^2`` where ``d = |x - y|`` is at most ``delta``, else ``delta (d - 0.5 delta)``.

    Args:
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
        delta (float): where the square turns into the absolute value.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(_WeightedLoss):
    """``-weight[y] x[y]`` for log probabilities ``x`` and class indices ``y``.

    Args:
        weight (Tensor): factor per class, (C).
        ignore_index (int): target that costs nothing.
        reduction (str): ``"none"``, ``"mean"`` (weighted) or ``"sum"``.

    Shape: (N, C, ...) and (N, ...), or (C) and ().
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class NLLLoss2d(NLLLoss):
    """Old name of :class:`NLLLoss`."""

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        import warnings

        warnings.warn(
            "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in "
            "replacement and see https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss "
            "for more details.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class CrossEntropyLoss(_WeightedLoss):
    """``-log softmax(x)[y]`` for unnormalized scores ``x``.

    Args:
        weight (Tensor): factor per class, (C).
        ignore_index (int): target that costs nothing.
        reduction (str): ``"none"``, ``"mean"`` (weighted) or ``"sum"``.
        label_smoothing (float): share of the target spread evenly over all classes.

    Shape: scores (N, C, ...) or (C); targets either class indices (N, ...) or (), or class
    probabilities of the scores' shape.

    Example::

        >>> import flambeau
        >>> loss = flambeau.nn.CrossEntropyLoss()
        >>> loss(flambeau.zeros(1, 2), flambeau.tensor([0]))
        tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class PoissonNLLLoss(_Loss):
    """See :func:`flambeau.nn.functional.poisson_nll_loss`.

    Args:
        log_input (bool): whether the input is the logarithm of the rate.
        full (bool): add Stirling's approximation of the constant.
        eps (float): keeps the logarithm finite.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class GaussianNLLLoss(_Loss):
    """See :func:`flambeau.nn.functional.gaussian_nll_loss`.

    Args:
        full (bool): include the constant.
        eps (float): smallest variance.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """``y (log y - x)`` for log probabilities ``x``, reduced.

    Args:
        reduction (str): ``"none"``, ``"mean"``, ``"batchmean"`` or ``"sum"``.
        log_target (bool): whether the target is given as log probabilities.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class BCELoss(_WeightedLoss):
    """``-(y log x + (1 - y) log(1 - x))`` for probabilities ``x``; logs are at least -100.

    Args:
        weight (Tensor): factor per element, broadcastable.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """:class:`BCELoss` of ``sigmoid(x)``, computed without overflow.

    Args:
        weight (Tensor): factor per element, broadcastable.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
        pos_weight (Tensor): factor of the positive targets, per class.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)
        self.weight: Tensor | None
        self.pos_weight: Tensor | None

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class CTCLoss(_Loss):
    """Connectionist temporal classification (Graves et al. 2006).

    Args:
        blank (int): label of "no output".
        reduction (str): ``"none"``, ``"mean"`` (losses over target lengths) or ``"sum"``.
        zero_infinity (bool): count impossible alignments as zero, with zero gradient.

    Shape: log probabilities (T, N, C), targets (N, S) or concatenated, lengths (N) and (N).
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor
    ) -> Tensor:
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )
