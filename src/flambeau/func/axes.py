"""Dimensions by name: split, moved and merged."""

from __future__ import annotations

import re
from math import prod
from typing import Any

import flambeau
from flambeau import Tensor

__all__ = ["rearrange"]

Groups = list[list[str]]


def _groups(side: str, pattern: str) -> Groups:
    """Names of one side of a pattern, those in parentheses together."""
    found: Groups = []
    inside: list[str] | None = None
    for token in re.findall(r"\.\.\.|\w+|\S", side):
        if token == "(":
            if inside is not None:
                raise ValueError(f"rearrange: nested parentheses in pattern '{pattern}'")
            inside = []
        elif token == ")":
            if inside is None:
                raise ValueError(f"rearrange: unbalanced parentheses in pattern '{pattern}'")
            found.append(inside)
            inside = None
        elif token != "..." and token != "1" and not token.isidentifier():
            raise ValueError(f"rearrange: '{token}' is no name of a dimension, in '{pattern}'")
        elif inside is None:
            found.append([] if token == "1" else [token])
        elif token != "1":
            inside.append("(...)" if token == "..." else token)
    if inside is not None:
        raise ValueError(f"rearrange: unbalanced parentheses in pattern '{pattern}'")
    names = [n.strip("()") for group in found for n in group]
    if len(set(names)) != len(names):
        raise ValueError(f"rearrange: a name stands twice on one side of '{pattern}'")
    return found


def _with_ellipsis(groups: Groups, count: int) -> Groups:
    """``...`` as names of its own, one a dimension; inside of parentheses it reads ``(...)``."""
    made: Groups = []
    names = [f"...{i}" for i in range(count)]
    for group in groups:
        if group == ["..."]:
            made += [[n] for n in names]
        else:
            made.append([n for g in group for n in (names if g == "(...)" else [g])])
    return made


def _sizes(groups: Groups, shape: tuple[int, ...], given: dict[str, int]) -> dict[str, int]:
    sizes = dict(given)
    for group, n in zip(groups, shape, strict=True):
        unknown = [name for name in group if name not in sizes]
        known = prod(sizes[name] for name in group if name in sizes)
        if len(unknown) > 1:
            raise ValueError(f"rearrange: the sizes of {unknown} do not follow from {n}")
        if unknown and known and n % known == 0:
            sizes[unknown[0]] = n // known
        elif unknown or known != n:
            raise ValueError(f"rearrange: a dimension of size {n} cannot be split into {group}")
    return sizes


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Tensor:
    """The tensor with its dimensions split, permuted and merged as a pattern says.

    The notation is that of einops (https://einops.rocks).

    Args:
        tensor: a tensor, or a list of tensors of one shape, which are stacked first.
        pattern: ``"b c (h w) -> b (c h) w"``: names of dimensions before and after; those in
            parentheses make up one dimension, ``...`` stands for any number of them and ``1`` for
            one of size 1.
        axes_lengths: sizes that do not follow from the tensor's shape.

    Returns:
        A view, where the pattern only splits and permutes.

    Raises:
        ValueError: the pattern is malformed or does not fit the shape.

    Example::

        >>> x = torch.arange(6).reshape(2, 3)
        >>> torch.func.rearrange(x, "a b -> b a").shape
        torch.Size([3, 2])
        >>> torch.func.rearrange(x, "a b -> (a b)")
        tensor([0, 1, 2, 3, 4, 5])
    """
    x = tensor if isinstance(tensor, Tensor) else flambeau.stack(list(tensor))
    if pattern.count("->") != 1:
        raise ValueError(f"rearrange: a pattern has one '->', but got '{pattern}'")
    left, right = (_groups(side, pattern) for side in pattern.split("->"))
    extra = x.dim() - len(left) + 1 if ["..."] in left else 0
    if extra < 0 or (["..."] not in left and len(left) != x.dim()):
        raise ValueError(f"rearrange: '{pattern}' does not fit a tensor of {x.dim()} dimensions")
    left, right = _with_ellipsis(left, extra), _with_ellipsis(right, extra)
    before = [n for group in left for n in group]
    after = [n for group in right for n in group]
    if set(before) != set(after):
        odd = sorted(set(before) ^ set(after))
        raise ValueError(f"rearrange: {odd} must stand on both sides of '{pattern}'")
    if unknown := sorted(set(axes_lengths) - set(before)):
        raise ValueError(f"rearrange: {unknown} do not stand in '{pattern}'")
    sizes = _sizes(left, tuple(x.shape), axes_lengths)
    x = x.reshape([sizes[n] for n in before]).permute([before.index(n) for n in after])
    return x.reshape([prod(sizes[n] for n in group) for group in right])
