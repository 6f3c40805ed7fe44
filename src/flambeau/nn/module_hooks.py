"""Hooks around a module's call: their registries, and the call that runs them."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from flambeau import Tensor
from flambeau.utils.hooks import BackwardHook, RemovableHandle

_global_backward_pre_hooks: OrderedDict[int, Any] = OrderedDict()
_global_backward_hooks: OrderedDict[int, Any] = OrderedDict()
_global_is_full_backward_hook: bool | None = None
_global_forward_pre_hooks: OrderedDict[int, Any] = OrderedDict()
_global_forward_hooks: OrderedDict[int, Any] = OrderedDict()
_global_forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()
_global_buffer_registration_hooks: OrderedDict[int, Any] = OrderedDict()
_global_module_registration_hooks: OrderedDict[int, Any] = OrderedDict()
_global_parameter_registration_hooks: OrderedDict[int, Any] = OrderedDict()

# Ids of all global hooks that take part in a call: one truth test for the fast path.
_global_call_hooks: OrderedDict[int, bool] = OrderedDict()

_MIXED_HOOKS = (
    "Cannot use both regular backward hooks and full backward hooks {}. "
    "Please use only one of them."
)


def _register(
    hooks: OrderedDict[int, Any],
    hook: Callable[..., Any],
    prepend: bool = False,
    marks: tuple[tuple[OrderedDict[int, bool], bool], ...] = (),
) -> RemovableHandle:
    """Store ``hook``; ``marks`` pairs side dictionaries with whether to set them."""
    handle = RemovableHandle(hooks, extra_dict=[side for side, _ in marks])
    hooks[handle.id] = hook
    for side, wanted in marks:
        if wanted:
            side[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` for every buffer any module registers.

    A result other than None is registered in its place.
    """
    return _register(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` for every submodule any module registers.

    A result other than None is registered in its place.
    """
    return _register(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, param)`` for every parameter any module registers.

    A result other than None is registered in its place.
    """
    return _register(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, args)`` before every module's forward; a result replaces ``args``."""
    marks = ((_global_call_hooks, True),)
    return _register(_global_forward_pre_hooks, hook, marks=marks)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after every module's forward.

    Args:
        hook: its result, unless None, replaces the output.
        with_kwargs (bool): call ``hook(module, args, kwargs, output)`` instead.
        always_call (bool): call the hook even where forward raised.
    """
    marks = (
        (_global_forward_hooks_with_kwargs, with_kwargs),
        (_global_forward_hooks_always_called, always_call),
        (_global_call_hooks, True),
    )
    return _register(_global_forward_hooks, hook, marks=marks)


def _register_global_backward(hook: Callable[..., Any], full: bool) -> RemovableHandle:
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is (not full):
        raise RuntimeError(_MIXED_HOOKS.format("as a global Module hook"))
    _global_is_full_backward_hook = full
    return _register(_global_backward_hooks, hook, marks=((_global_call_hooks, True),))


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Register a non-full backward hook for all modules (deprecated: use the full one)."""
    return _register_global_backward(hook, full=False)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` in the backward of every module."""
    return _register_global_backward(hook, full=True)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before the backward of every module."""
    marks = ((_global_call_hooks, True),)
    return _register(_global_backward_pre_hooks, hook, marks=marks)


class HookedCall:
    """The part of Module that registers hooks and runs them around ``forward``."""

    training: bool
    _has_call_hooks: bool
    _backward_pre_hooks: OrderedDict[int, Any]
    _backward_hooks: OrderedDict[int, Any]
    _is_full_backward_hook: bool | None
    _forward_hooks: OrderedDict[int, Any]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _forward_pre_hooks: OrderedDict[int, Any]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    forward: Callable[..., Any]

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before each forward.

        Args:
            hook: its result, unless None, replaces the positional arguments.
            prepend (bool): run before the hooks registered so far.
            with_kwargs (bool): call ``hook(module, args, kwargs)``, whose result is
                ``(args, kwargs)`` or None.

        Returns:
            RemovableHandle: ``handle.remove()`` takes the hook away.
        """
        self._has_call_hooks = True
        marks = ((self._forward_pre_hooks_with_kwargs, with_kwargs),)
        return _register(self._forward_pre_hooks, hook, prepend, marks=marks)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after each forward.

        Args:
            hook: its result, unless None, replaces the output.
            prepend (bool): run before the hooks registered so far.
            with_kwargs (bool): call ``hook(module, args, kwargs, output)`` instead.
            always_call (bool): call the hook even where forward raised.

        Returns:
            RemovableHandle: ``handle.remove()`` takes the hook away.
        """
        self._has_call_hooks = True
        marks = (
            (self._forward_hooks_with_kwargs, with_kwargs),
            (self._forward_hooks_always_called, always_call),
        )
        return _register(self._forward_hooks, hook, prepend, marks=marks)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the module's backward.

        Args:
            hook: its result, unless None, replaces ``grad_output``.
            prepend (bool): run before the hooks registered so far.
        """
        self._has_call_hooks = True
        return _register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` once the inputs' gradients are known.

        Args:
            hook: its result, unless None, replaces ``grad_input``.
            prepend (bool): run before the hooks registered so far.
        """
        return self._register_backward(hook, prepend, full=True)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Register a non-full backward hook (deprecated: use register_full_backward_hook)."""
        return self._register_backward(hook, False, full=False)

    def _register_backward(
        self, hook: Callable[..., Any], prepend: bool, full: bool
    ) -> RemovableHandle:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(_MIXED_HOOKS.format("on a single Module"))
        self._is_full_backward_hook = full
        self._has_call_hooks = True
        return _register(self._backward_hooks, hook, prepend)

    def _get_backward_hooks(self) -> tuple[list[Any], list[Any]]:
        """Return the full and the non-full backward hooks, global ones first."""
        full: list[Any] = []
        non_full: list[Any] = []
        for is_full, hooks in (
            (_global_is_full_backward_hook, _global_backward_hooks),
            (self._is_full_backward_hook, self._backward_hooks),
        ):
            if is_full is not None:
                (full if is_full else non_full).extend(hooks.values())
        return full, non_full

    def _get_backward_pre_hooks(self) -> list[Any]:
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

    def _hooks_left(self) -> bool:
        return bool(
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
        )

    def _call_hooked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run forward with every hook around it."""
        if not self._hooks_left():
            self._has_call_hooks = False
            if not _global_call_hooks:
                return self.forward(*args, **kwargs)
        ran: set[int] = set()
        try:
            return self._run_hooks(args, kwargs, ran)
        except Exception:
            self._run_always_called(args, kwargs, ran)
            raise

    def _run_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any], ran: set[int]) -> Any:
        full, non_full = self._get_backward_hooks()
        backward_pre = self._get_backward_pre_hooks()
        args, kwargs = self._run_forward_pre_hooks(args, kwargs)
        carrier = BackwardHook(self, full, backward_pre) if full or backward_pre else None
        if carrier is not None:
            args = carrier.setup_input_hook(args)
        result = self.forward(*args, **kwargs)
        for hook_id, hook, always, with_kwargs in self._forward_hook_list():
            if always:
                ran.add(hook_id)
            given = (self, args, kwargs, result) if with_kwargs else (self, args, result)
            replaced = hook(*given)
            if replaced is not None:
                result = replaced
        if carrier is not None:
            if not isinstance(result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a "
                    f"tuple of Tensors but received {type(result)}",
                    stacklevel=3,
                )
            result = carrier.setup_output_hook(result)
        if non_full:
            self._attach_non_full(non_full, args, result)
        return result

    def _run_forward_pre_hooks(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        hooks = (*_global_forward_pre_hooks.items(), *self._forward_pre_hooks.items())
        for hook_id, hook in hooks:
            if hook_id in self._forward_pre_hooks_with_kwargs:
                replaced = hook(self, args, kwargs)
                if replaced is None:
                    continue
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple "
                        f"of (new_args, new_kwargs), but got {replaced}."
                    )
                args, kwargs = replaced
            else:
                replaced = hook(self, args)
                if replaced is not None:
                    args = replaced if isinstance(replaced, tuple) else (replaced,)
        return args, kwargs

    def _forward_hook_list(self) -> list[tuple[int, Any, bool, bool]]:
        """List (id, hook, always called, with kwargs), global hooks first."""
        return [
            (hook_id, hook, hook_id in always, hook_id in with_kwargs)
            for hooks, always, with_kwargs in (
                (
                    _global_forward_hooks,
                    _global_forward_hooks_always_called,
                    _global_forward_hooks_with_kwargs,
                ),
                (
                    self._forward_hooks,
                    self._forward_hooks_always_called,
                    self._forward_hooks_with_kwargs,
                ),
            )
            for hook_id, hook in hooks.items()
        ]

    def _run_always_called(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], ran: set[int]
    ) -> None:
        """After a failure, run the ``always_call`` hooks that did not have their turn."""
        for hook_id, hook, always, with_kwargs in self._forward_hook_list():
            if not always or hook_id in ran:
                continue
            try:
                hook(*((self, args, kwargs, None) if with_kwargs else (self, args, None)))
            except Exception as error:
                owner = "global module" if hook_id in _global_forward_hooks else "module"
                warnings.warn(
                    f"{owner} forward hook with ``always_call=True`` raised an exception that was "
                    f"silenced as another error was raised in forward: {error}",
                    stacklevel=4,
                )

    def _attach_non_full(self, hooks: list[Any], args: Any, result: Any) -> None:
        first = result
        while not isinstance(first, Tensor):
            if isinstance(first, dict):
                first = next(v for v in first.values() if isinstance(v, Tensor))
            else:
                first = first[0]
        node = first.grad_fn
        if node is None:
            return
        for hook in hooks:
            node.register_hook(lambda grad_in, grad_out, hook=hook: hook(self, grad_in, grad_out))
        self._maybe_warn_non_full_backward_hook(args, result, node)

    def _maybe_warn_non_full_backward_hook(self, inputs: Any, result: Any, grad_fn: Any) -> None:
        reason = _why_incomplete(inputs, result, grad_fn)
        if reason:
            warnings.warn(
                f"Using {reason} Please use register_full_backward_hook to get the documented "
                "behavior.",
                FutureWarning,
                stacklevel=2,
            )


def _why_incomplete(inputs: Any, result: Any, grad_fn: Any) -> str | None:
    """Say what a non-full backward hook will miss here, None if nothing."""
    gone = "is deprecated and will be removed in future versions. This hook will be missing some"
    results = (result,) if isinstance(result, Tensor) else result
    if not (isinstance(results, tuple) and all(isinstance(r, Tensor) for r in results)):
        return (
            "non-full backward hooks on a Module that does not return a "
            f"single Tensor or a tuple of Tensors {gone} of the grad_output."
        )
    inputs = (inputs,) if isinstance(inputs, Tensor) else inputs
    if not (isinstance(inputs, tuple) and all(isinstance(i, Tensor) for i in inputs)):
        return (
            "non-full backward hooks on a Module that does not take as input a "
            f"single Tensor or a tuple of Tensors {gone} of the grad_input."
        )
    out_nodes = {r.grad_fn for r in results if r.grad_fn is not None}
    if out_nodes and out_nodes != {grad_fn}:
        return (
            "a non-full backward hook when outputs are generated by different autograd Nodes "
            f"{gone} grad_output."
        )
    in_nodes = {i.grad_fn for i in inputs if i.grad_fn is not None}
    if in_nodes != {edge[0] for edge in grad_fn.next_functions}:
        return (
            "a non-full backward hook when the forward contains multiple autograd Nodes "
            f"{gone} grad_input."
        )
    return None
