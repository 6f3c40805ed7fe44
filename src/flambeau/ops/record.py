"""The record of an operator written in Python.

It says what a native record says (csrc/ops/op.h), and its calls take the same way: modes, recording
for the gradient, in-place and ``out=`` forms::

    def _inv_vjp(g):
        inverse = g.output()
        g.set("A", -inverse.mH @ g.dout() @ inverse.mH)


    @op("linalg_inv(Tensor A) -> Tensor", "linalg.inv", vjp=_inv_vjp, save="result")
    def linalg_inv(a):
        \"\"\"The inverse of a square matrix.\"\"\"
        ...

``vjp`` gets the call's ``Grad``: ``needs(arg)``, ``input(arg)`` and ``output(i)`` (what ``save``
names), ``dout(i)``, ``arg(name)`` (any other argument), ``shape(arg)``, ``count(arg)``,
``set(arg, gradient)``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from flambeau import _C

#: Made of recorded operators: needs no derivative of its own.
composite = "composite"
#: Results never require gradients.
no_gradient = "no_gradient"


def not_differentiable(why: str) -> str:
    """A derivative that does not exist; who asks for it is told why."""
    return why


def op(
    schema: str,
    names: str,
    *,
    vjp: Callable[[Any], None] | str,
    save: str = "",
    samples: str = "",
    errors: str = "",
    autocast: str = "",
) -> Callable[[Callable[..., Any]], Any]:
    """Registers the decorated forward function as an operator.

    Args:
        schema: PyTorch's schema language, as in native records; parameters reach the function by
            position.
        names: dotted Python names, separated by commas; "" for an operator of internal use.
        vjp: the derivative, ``composite``, ``no_gradient`` or ``not_differentiable(why)``.
        save: what the derivative reads.
        samples: calls that tests try.
        errors: calls that must fail, and how.
        autocast: how mixed precision casts arguments: ``"lower"``, ``"float32"``, ``"promote"``.

    Returns:
        The operator, a callable, in place of the function.
    """

    def register(forward: Callable[..., Any]) -> Any:
        family = forward.__module__.rpartition(".")[2]
        doc = inspect.cleandoc(forward.__doc__ or "")
        return _C._register_python_op(
            schema, names, forward, vjp, save, samples, errors, doc, family, autocast
        )

    return register
