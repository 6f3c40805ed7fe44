"""Mixed precision: products in a half type, sums and losses in float32, parameters in float32.

Inside ``autocast`` each operator chooses the type of its arguments: products and convolutions run
in bfloat16, which is faster, losses and decompositions in float32, which is safer, and all others
in what they are given. The rule of an operator is part of its record. ``GradScaler`` keeps small
float16 gradients from vanishing; bfloat16 does not need it.

Example:
    >>> import flambeau as fb
    >>> layer = fb.nn.Linear(3, 2)
    >>> with fb.autocast("cpu", dtype=fb.bfloat16):
    ...     y = layer(fb.ones(4, 3))
    ...     loss = fb.nn.functional.mse_loss(y, fb.zeros(4, 2))
    >>> y.dtype, loss.dtype
    (torch.bfloat16, torch.float32)
    >>> loss.backward()
    >>> layer.weight.grad.dtype
    torch.float32

P. Micikevicius et al., "Mixed Precision Training", 2018.
"""

from __future__ import annotations

from flambeau.amp.autocast_mode import (
    autocast,
    custom_bwd,
    custom_fwd,
    get_autocast_dtype,
    is_autocast_available,
    is_autocast_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)
from flambeau.amp.grad_scaler import GradScaler

__all__ = [
    "GradScaler",
    "autocast",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_dtype",
    "is_autocast_available",
    "is_autocast_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
]
