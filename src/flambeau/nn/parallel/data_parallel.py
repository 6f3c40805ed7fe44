"""Splitting a batch over devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.nn.module import Module

__all__ = ["DataParallel"]


class DataParallel(Module):
    """Holds ``module`` and calls it: with the CPU as the only device there is nothing to split.

    Args:
        module (Module): what to call; its keys in ``state_dict`` start with ``module.``.
        device_ids (Sequence): devices to split over; none exist, so only None or an empty list.
        output_device: where to gather the outputs; None.
        dim (int): dimension of the batch.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        if device_ids:
            raise RuntimeError(
                f"DataParallel: no device to split over, but got device_ids={list(device_ids)}; "
                "leave device_ids out to run on the CPU"
            )
        self.module = module
        self.dim = dim
        self.device_ids: list[Any] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)
