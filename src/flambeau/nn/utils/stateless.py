"""Calling a module with other parameters and buffers than its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flambeau import Tensor

__all__ = ["functional_call"]

_ABSENT: Any = object()


def _alias_groups(module: Any) -> list[set[str]]:
    """Return the sets of names that stand for one and the same tensor."""
    groups: dict[int, set[str]] = {}
    for named in (
        module.named_parameters(remove_duplicate=False),
        module.named_buffers(remove_duplicate=False),
    ):
        for name, tensor in named:
            groups.setdefault(id(tensor), set()).add(name)
    return list(groups.values())


def _with_ties(module: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Extend ``given`` to all names of tied tensors."""
    extended = dict(given)
    for names in _alias_groups(module):
        chosen = [name for name in names if name in given]
        if len({id(given[name]) for name in chosen}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(chosen)}, "
                "which are tied. Consider using tie_weights=False"
            )
        if chosen:
            extended.update(dict.fromkeys(names, given[chosen[0]]))
    return extended


def _slot(module: Any, path: str) -> tuple[dict[str, Any], str]:
    """Return the dictionary and the key that hold the tensor at ``path``."""
    prefix, _, name = path.rpartition(".")
    owner = module.get_submodule(prefix)
    for members in (owner._parameters, owner._buffers):
        if name in members:
            return members, name
    return owner._buffers, name  # for the time of the call only


@contextmanager
def _reparametrize_module(
    module: Any,
    parameters_and_buffers: dict[str, Tensor],
    *,
    tie_weights: bool = False,
    strict: bool = False,
    stack_weights: bool = False,
) -> Iterator[None]:
    """Put the given tensors in place while the context lasts."""
    given = parameters_and_buffers
    if tie_weights:
        given = _with_ties(module, given)
    if strict:
        own = {
            name
            for named in (
                module.named_parameters(remove_duplicate=False),
                module.named_buffers(remove_duplicate=False),
            )
            for name, _ in named
        }
        missing, unexpected = sorted(own - given.keys()), sorted(given.keys() - own)
        if missing or unexpected:
            lines = [f"Error(s) in reparametrizing for {module._get_name()}:"]
            if unexpected:
                lines.append("\tUnexpected key(s): " + ", ".join(map(repr, unexpected)) + ".")
            if missing:
                lines.append("\tMissing key(s): " + ", ".join(map(repr, missing)) + ".")
            raise RuntimeError("\n".join(lines))
    saved: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for path, tensor in given.items():
            members, name = _slot(module, path)
            saved.append((members, name, members.get(name, _ABSENT)))
            members[name] = tensor
        yield
    finally:
        for members, name, tensor in reversed(saved):
            if tensor is _ABSENT:
                members.pop(name, None)
            else:
                members[name] = tensor


def functional_call(
    module: Any,
    parameters_and_buffers: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call ``module`` with the given tensors in place of its own (see ``func.functional_call``).

    Args:
        module (Module): what to call.
        parameters_and_buffers (dict[str, Tensor]): tensors by dotted path.
        args (tuple or Any): positional arguments of the call.
        kwargs (dict): keyword arguments of the call.
        tie_weights (bool): a tensor given for one name also replaces those tied to it.
        strict (bool): require all names and no others.
    """
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 "
        "and will be removed in a future version of PyTorch. Please use "
        "`torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )


def _functional_call(
    module: Any,
    parameters_and_buffers: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _reparametrize_module(
        module, parameters_and_buffers, tie_weights=tie_weights, strict=strict
    ):
        return module(*args, **(kwargs or {}))
