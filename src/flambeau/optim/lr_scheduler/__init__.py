"""Learning-rate schedules: ``step()`` them after the optimizer's ``step()``."""

from flambeau.optim.lr_scheduler.base import (  # names that programs for PyTorch import
    LRScheduler,
    _enable_get_lr_call as _enable_get_lr_call,
    _LRScheduler as _LRScheduler,
    _warn_get_lr_called_within_step as _warn_get_lr_called_within_step,
)
from flambeau.optim.lr_scheduler.composite import ChainedScheduler, SequentialLR
from flambeau.optim.lr_scheduler.cyclic import CyclicLR, OneCycleLR
from flambeau.optim.lr_scheduler.decay import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from flambeau.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
