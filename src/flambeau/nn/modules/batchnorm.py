"""Batch normalization (Ioffe and Szegedy 2015)."""

from __future__ import annotations

from typing import Any

import flambeau
import flambeau.nn.functional as F
from flambeau import Tensor
from flambeau.nn import init
from flambeau.nn.module import Module
from flambeau.nn.modules.lazy import LazyModuleMixin
from flambeau.nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
]


class _NormBase(Module):
    """What batch and instance normalization share: parameters and running statistics."""

    _version = 2
    num_features: int
    eps: float
    momentum: float | None
    affine: bool
    track_running_stats: bool
    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make_tensors(bias, device, dtype)
        self.reset_parameters()

    def _make_tensors(self, bias: bool, device: Any, dtype: Any) -> None:
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        size = self.num_features
        for name, wanted in (("weight", self.affine), ("bias", self.affine and bias)):
            made = Parameter(flambeau.empty(size, **factory)) if wanted else None
            self.register_parameter(name, made)
        if self.track_running_stats:
            self.register_buffer("running_mean", flambeau.zeros(size, **factory))
            self.register_buffer("running_var", flambeau.ones(size, **factory))
            self.register_buffer(
                "num_batches_tracked", flambeau.tensor(0, dtype=flambeau.long, device=device)
            )
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the variance to 1 and the count to 0."""
        if self.track_running_stats:
            self.running_mean.zero_()  # type: ignore[union-attr]
            self.running_var.fill_(1)  # type: ignore[union-attr]
            self.num_batches_tracked.zero_()  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        """Set the statistics back, the weight to 1 and the bias to 0."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def _statistics(self) -> tuple[Tensor | None, Tensor | None]:
        """Return the running statistics where the next call uses them."""
        if self.training and not self.track_running_stats:
            return None, None
        return self.running_mean, self.running_var

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        version = local_metadata.get("version", None)
        key = prefix + "num_batches_tracked"
        # Version 2 added the count; without it, ours is kept.
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            ours = self.num_batches_tracked
            state_dict[key] = (
                ours
                if ours is not None and not ours.is_meta
                else flambeau.tensor(0, dtype=flambeau.long)
            )
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )


class _BatchNorm(_NormBase):
    """``y = (x - mean) / sqrt(var + eps) * weight + bias``, statistics over all but dimension 1."""

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # a cumulative average
                factor = 1.0 / float(self.num_batches_tracked)
        mean, var = self._statistics()
        from_batch = self.training or (self.running_mean is None and self.running_var is None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, from_batch, factor, self.eps)


def _expect_dims(input: Tensor, *allowed: int) -> None:
    if input.dim() not in allowed:
        wanted = " or ".join(f"{dims}D" for dims in allowed)
        raise ValueError(f"expected {wanted} input (got {input.dim()}D input)")


class BatchNorm1d(_BatchNorm):
    """Batch normalization of (N, C) or (N, C, L).

    ``y = (x - mean) / sqrt(var + eps) * weight + bias`` with mean and (biased) variance of the
    batch in training, running ones in evaluation.

    Args:
        num_features (int): C.
        eps (float): added to the variance.
        momentum (float or None): share of the new value in the running statistics; None: average
            of all batches.
        affine (bool): learn weight and, with ``bias``, bias.
        track_running_stats (bool): without, evaluation uses the batch's statistics too.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        _expect_dims(input, 2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalization of (N, C, H, W); see :class:`BatchNorm1d` for the arguments."""

    def _check_input_dim(self, input: Tensor) -> None:
        _expect_dims(input, 4)


class BatchNorm3d(_BatchNorm):
    """Batch normalization of (N, C, D, H, W); see :class:`BatchNorm1d` for the arguments."""

    def _check_input_dim(self, input: Tensor) -> None:
        _expect_dims(input, 5)


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """Takes ``num_features`` from the first input."""

    weight: UninitializedParameter
    bias: UninitializedParameter

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _make_tensors(self, bias: bool, device: Any, dtype: Any) -> None:
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        super()._make_tensors(bias, device, dtype)
        for name in ("weight", "bias"):
            if self._parameters[name] is not None:
                self._parameters[name] = UninitializedParameter(**factory)
        if self.track_running_stats:
            self._buffers["running_mean"] = UninitializedBuffer(**factory)
            self._buffers["running_var"] = UninitializedBuffer(**factory)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Give parameters and statistics the shapes that fit ``input``."""
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        members: list[Any] = [*self._parameters.values()]
        if self.track_running_stats:
            members += [self.running_mean, self.running_var]
        for tensor in members:
            if tensor is not None:
                tensor.materialize((self.num_features,))
        self.reset_parameters()


class LazyBatchNorm1d(_LazyNormBase, _BatchNorm):
    """A BatchNorm1d that learns ``num_features`` from its first input."""

    cls_to_become = BatchNorm1d

    def _check_input_dim(self, input: Tensor) -> None:
        _expect_dims(input, 2, 3)


class LazyBatchNorm2d(_LazyNormBase, _BatchNorm):
    """A BatchNorm2d that learns ``num_features`` from its first input."""

    cls_to_become = BatchNorm2d

    def _check_input_dim(self, input: Tensor) -> None:
        _expect_dims(input, 4)


class LazyBatchNorm3d(_LazyNormBase, _BatchNorm):
    """A BatchNorm3d that learns ``num_features`` from its first input."""

    cls_to_become = BatchNorm3d

    def _check_input_dim(self, input: Tensor) -> None:
        _expect_dims(input, 5)
