"""Operations whose derivative is written by the user."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flambeau import _C


class FunctionCtx:
    """What ``forward`` hands to ``backward``."""

    def __init__(self, function: type[Function], args: tuple[Any, ...]) -> None:
        self._function = function
        self._is_tensor = tuple(isinstance(a, _C.Tensor) for a in args)
        self._saved = _C._SavedState()
        self._to_save: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._non_differentiable: tuple[Any, ...] = ()
        self._materialize_grads = True
        self.needs_input_grad = tuple(
            isinstance(a, _C.Tensor) and a.requires_grad and _C.is_grad_enabled() for a in args
        )

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors (inputs, outputs or intermediates) for ``backward``; None is allowed."""
        for t in tensors:
            if t is not None and not isinstance(t, _C.Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but got an argument of type "
                    f"{type(t).__name__}: keep other values as attributes of ctx"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Accepted for compatibility: there is no forward-mode differentiation to save for."""

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` kept, checked against in-place changes."""
        return tuple(_C._unpack_saved(self._saved))

    def mark_dirty(self, *tensors: Any) -> None:
        """Says which inputs ``forward`` changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Says which outputs have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (default) or None for outputs without a gradient."""
        self._materialize_grads = bool(value)

    def _run_backward(self, grads: tuple[Any, ...]) -> list[Any]:
        function = self._function
        results = function.backward(self, *grads)
        results = results if isinstance(results, tuple) else (results,)
        expected = len(self._is_tensor)
        while len(results) > expected and results[-1] is None:
            results = results[:-1]
        if len(results) != expected:
            raise RuntimeError(
                f"function {function.__name__}Backward returned an incorrect number of gradients "
                f"(expected {expected}, got {len(results)})"
            )
        kept = []
        for i, (result, is_tensor) in enumerate(zip(results, self._is_tensor, strict=True)):
            if result is not None and not isinstance(result, _C.Tensor):
                raise TypeError(f"expected Variable or None (got {type(result).__name__})")
            if is_tensor:
                kept.append(result)
            elif result is not None:
                raise RuntimeError(
                    f"function {function.__name__}Backward returned a gradient different from None "
                    f"at position {i + 1}, but the corresponding forward input was not a Variable"
                )
        return kept


class Function:
    """Base of operations with their own derivative: define ``forward`` and ``backward``.

    ``apply`` runs them.

    Example::

        >>> class Square(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x
        ...     @staticmethod
        ...     def backward(ctx, grad):
        ...         (x,) = ctx.saved_tensors
        ...         return 2 * x * grad
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> Square.apply(x).backward()
        >>> x.grad
        tensor(6.)
    """

    generate_vmap_rule = False

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The outputs: ``forward(ctx, *args)``, or ``forward(*args)`` with ``setup_context``."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Saves what ``backward`` needs, when ``forward`` takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """One gradient for each argument of ``forward``, None where there is none."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    @classmethod
    def vjp(cls, ctx: Any, *grad_outputs: Any) -> Any:
        """Another name of ``backward``."""
        return cls.backward(ctx, *grad_outputs)

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs ``forward`` and records it."""
        ctx = FunctionCtx(cls, args)
        separate = cls.setup_context is not Function.setup_context
        recording = any(ctx.needs_input_grad)
        enabled = _C.is_grad_enabled()
        span = _C._profile_begin(cls.__name__) if _C._profile_on() else None
        _C._set_grad_enabled(False)
        try:
            if separate:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args, **kwargs)
        finally:
            _C._set_grad_enabled(enabled)
            if span is not None:
                _C._profile_end(span)
        if not recording:
            return result
        outputs = list(result) if isinstance(result, (tuple, list)) else [result]
        inputs = [a for a in args if isinstance(a, _C.Tensor)]
        recorded = _C._record_function(
            ctx, cls.__name__ + "Backward", inputs, outputs, ctx._dirty, ctx._non_differentiable,
            ctx._to_save, ctx._saved,
        )  # fmt: skip
        ctx._to_save = ctx._dirty = ctx._non_differentiable = ()
        if isinstance(result, (tuple, list)):
            return type(result)(recorded) if type(result) in (tuple, list) else tuple(recorded)
        return recorded[0]


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """For ``backward`` written without recorded operations: a second derivative is an error."""

    @functools.wraps(function)
    def inside(ctx: Any, *args: Any) -> Any:
        enabled = _C.is_grad_enabled()
        _C._set_grad_enabled(False)
        try:
            results = function(ctx, *args)
        finally:
            _C._set_grad_enabled(enabled)
        tracked = any(isinstance(a, _C.Tensor) and a.requires_grad for a in args)
        if not (enabled and tracked):
            return results
        single = not isinstance(results, tuple)
        outputs = (results,) if single else results
        failing = tuple(
            _SecondDerivative.apply(r.detach().requires_grad_()) if isinstance(r, _C.Tensor) else r
            for r in outputs
        )
        return failing[0] if single else failing

    return inside


class _SecondDerivative(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )
