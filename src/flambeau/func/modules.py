"""Modules as functions of their parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import flambeau
from flambeau import Tensor, nn
from flambeau.nn.utils import stateless

__all__ = ["functional_call", "replace_all_batch_norm_modules_", "stack_module_state"]


def functional_call(
    module: nn.Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call ``module`` with the given parameters and buffers in place of its own.

    Args:
        module: what to call; it is left as it was.
        parameter_and_buffer_dicts: tensors by dotted name, in one dictionary or several with
            distinct keys.
        args: positional arguments of the call; what is no tuple is the only one.
        kwargs: keyword arguments of the call.
        tie_weights: a tensor given for one name also replaces those tied to it.
        strict: the names must be exactly those of the module.

    Returns:
        What the module returns.

    Raises:
        ValueError: no dictionaries were given, or a key is in two of them.
        RuntimeError: ``strict``, and names are missing or unknown.

    Example::

        >>> layer = torch.nn.Linear(2, 1, bias=False)
        >>> torch.func.functional_call(layer, {"weight": torch.ones(1, 2)}, torch.tensor([1., 2.]))
        tensor([3.])
    """
    given = parameter_and_buffer_dicts
    if isinstance(given, Sequence):
        if not all(isinstance(d, dict) for d in given):
            raise ValueError(
                "Expected all elements of parameter_and_buffer_dicts to be dictionaries"
            )
        repeated = [k for k, n in Counter(k for d in given for k in d).items() if n > 1]
        if repeated:
            raise ValueError(
                f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
                "ambiguous"
            )
        given = {k: v for d in given for k, v in d.items()}
    elif not isinstance(given, dict):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(given)}"
        )
    return stateless._functional_call(
        module, given, args, kwargs, tie_weights=tie_weights, strict=strict
    )


def _stacked(tensors: Sequence[Tensor], name: str) -> Tensor:
    needs = [t.requires_grad for t in tensors]
    if any(needs) and not all(needs):
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    return flambeau.stack(list(tensors)).detach().requires_grad_(needs[0])


def stack_module_state(
    models: Sequence[nn.Module] | nn.ModuleList,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several models of one class, stacked name by name.

    With ``vmap`` over them, one call computes a whole ensemble.

    Args:
        models: at least one, all of one class and in the same mode.

    Returns:
        Parameters, which are new leaves, and buffers, in dictionaries by dotted name. Their first
        dimension counts the models.

    Raises:
        RuntimeError: there are no models, or they differ in class or mode.

    Example::

        >>> models = [torch.nn.Linear(3, 2) for _ in range(5)]
        >>> params, buffers = torch.func.stack_module_state(models)
        >>> params["weight"].shape
        torch.Size([5, 2, 3])
    """
    found = list(models)
    if not found:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in found}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if any(type(m) is not type(found[0]) for m in found):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stack(named: list[dict[str, Tensor]]) -> dict[str, Any]:
        return {name: _stacked([each[name] for each in named], name) for name in named[0]}

    return (
        stack([dict(m.named_parameters()) for m in found]),
        stack([dict(m.named_buffers()) for m in found]),
    )


def replace_all_batch_norm_modules_(root: nn.Module) -> nn.Module:
    """Take the running statistics out of all batch norms in ``root``, which is changed in place.

    They are written in the forward call, which functions that are mapped or differentiated must
    not do.

    Args:
        root: a module.

    Returns:
        The same module.

    Example::

        >>> net = torch.func.replace_all_batch_norm_modules_(torch.nn.BatchNorm1d(3))
        >>> net.track_running_stats
        False
    """
    for module in root.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats:
            module.running_mean = None
            module.running_var = None
            module.num_batches_tracked = None
            module.track_running_stats = False
    return root
