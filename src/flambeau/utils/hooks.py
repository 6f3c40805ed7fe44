"""Handles that take a registered hook away again, and the carrier of module backward hooks."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

__all__ = ["BackwardHook", "RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


class RemovableHandle:
    """Returned by every ``register_*hook``; ``remove()`` or leaving ``with`` takes the hook away.

    Args:
        hooks_dict (dict): where the hook is stored, indexed by this handle's ``id``.
        extra_dict (dict or list[dict]): further dictionaries that use the same ``id``.
    """

    next_id: ClassVar[int] = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        if extra_dict is None:
            extra_dict = []
        elif isinstance(extra_dict, dict):
            extra_dict = [extra_dict]
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extra_dict)

    def remove(self) -> None:
        """Take the hook away; does nothing the second time."""
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self) -> tuple[Any, ...]:
        extra = tuple(reference() for reference in self.extra_dict_ref)
        return self.hooks_dict_ref(), self.id, extra

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        hooks, self.id, extra = state
        # A dictionary that is already gone leaves a reference to an empty one.
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks is None else hooks)
        self.extra_dict_ref = tuple(weakref.ref(OrderedDict() if d is None else d) for d in extra)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.remove()


def unserializable_hook(f: Callable[..., Any]) -> Callable[..., Any]:
    """Mark ``f`` so that saving a tensor which carries it as a hook stays silent."""
    f.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return f


def warn_if_has_hooks(tensor: Any) -> None:
    """Warn that the backward hooks of ``tensor`` will not be saved with it."""
    import warnings

    for hook in (getattr(tensor, "_backward_hooks", None) or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, "
                "you can decorate the function with @torch.utils.hooks.unserializable_hook to "
                "suppress this warning",
                stacklevel=2,
            )


_gate_type: Any = None


def _gate() -> Any:
    """Return the identity Function that hands gradients to a callback on their way back."""
    global _gate_type
    if _gate_type is not None:
        return _gate_type
    import flambeau
    from flambeau.autograd import Function

    class BackwardHookFunction(Function):
        @staticmethod
        def forward(ctx: Any, on_grads: Callable[..., Any], *tensors: Any) -> Any:
            ctx.on_grads = on_grads
            ctx.metas = [(t.shape, t.dtype, t.device) for t in tensors]
            ctx.set_materialize_grads(False)
            ctx.mark_non_differentiable(*(t for t in tensors if not t.requires_grad))
            return tensors

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            def filled(values: Iterable[Any]) -> tuple[Any, ...]:
                return tuple(
                    flambeau.zeros(s, dtype=t, device=d) if v is None else v
                    for v, (s, t, d) in zip(values, ctx.metas, strict=True)
                )

            return None, *ctx.on_grads(grads, filled)

    _gate_type = BackwardHookFunction
    return _gate_type


class BackwardHook:
    """Runs a module's full backward hooks once its inputs' gradients are known.

    Args:
        module: passed on to the hooks.
        user_hooks: called with ``(module, grad_input, grad_output)``.
        user_pre_hooks: called with ``(module, grad_output)`` before the module's backward.
    """

    def __init__(
        self,
        module: Any,
        user_hooks: Sequence[Callable[..., Any]],
        user_pre_hooks: Sequence[Callable[..., Any]],
    ) -> None:
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.input_places: list[int] | None = None
        self.n_inputs = 0
        self.output_places: list[int] | None = None
        self.n_outputs = 0

    def setup_input_hook(self, args: tuple[Any, ...]) -> Any:
        """Return ``args`` with the tensors led through a gate that fires the hooks."""
        self.n_inputs = len(args)
        args, self.input_places = _pass_gate(args, self._on_input_grads)
        return args

    def setup_output_hook(self, result: Any) -> Any:
        """Return ``result`` with the tensors led through a gate that fires the pre-hooks."""
        single = not isinstance(result, tuple)
        outputs = (result,) if single else result
        self.n_outputs = len(outputs)
        outputs, self.output_places = _pass_gate(outputs, self._on_output_grads)
        return outputs[0] if single else outputs

    def _on_input_grads(self, grads: Sequence[Any], filled: Callable[..., Any]) -> Sequence[Any]:
        grads = list(filled(grads))
        if self.grad_outputs is None:  # the gradient did not come through the module's outputs
            return grads
        current = _spread(grads, self.input_places, self.n_inputs)
        for hook in self.user_hooks:
            replaced = hook(self.module, current, self.grad_outputs)
            if replaced is None:
                continue
            replaced = replaced if isinstance(replaced, tuple) else (replaced,)
            if len(replaced) != len(current):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(replaced)}, but expected {len(current)}"
                )
            current = replaced
        self.grad_outputs = None
        return [current[place] for place in self.input_places or ()]

    def _on_output_grads(self, grads: Sequence[Any], filled: Callable[..., Any]) -> Sequence[Any]:
        current = _spread(grads, self.output_places, self.n_outputs)
        for hook in self.user_pre_hooks:
            replaced = hook(self.module, current)
            if replaced is None:
                continue
            replaced = replaced if isinstance(replaced, tuple) else (replaced,)
            if len(replaced) != len(current):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(replaced)}, but expected {len(current)}"
                )
            current = replaced
        self.grad_outputs = current
        if self.input_places is None:
            self._run_without_inputs(current)
        return list(filled([current[place] for place in self.output_places or ()]))

    def _run_without_inputs(self, grad_outputs: tuple[Any, ...]) -> None:
        import warnings

        if self.user_hooks:
            warnings.warn(
                "Full backward hook is firing when gradients are computed "
                "with respect to module outputs since no inputs require gradients. See "
                "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
                "#torch.nn.Module.register_full_backward_hook "
                "for more details.",
                stacklevel=2,
            )
        for hook in self.user_hooks:
            replaced = hook(self.module, (None,) * self.n_inputs, grad_outputs)
            if replaced is None or (
                isinstance(replaced, tuple) and all(grad is None for grad in replaced)
            ):
                continue
            raise RuntimeError(
                "Backward hook for Modules where no input requires gradient should always return "
                "None or None for all gradients."
            )
        self.grad_outputs = None


def _spread(values: Sequence[Any], places: Sequence[int] | None, size: int) -> tuple[Any, ...]:
    spread = [None] * size
    for value, place in zip(values, places or (), strict=True):
        spread[place] = value
    return tuple(spread)


def _pass_gate(
    args: tuple[Any, ...], on_grads: Callable[..., Any]
) -> tuple[tuple[Any, ...], list[int] | None]:
    """Lead the tensors of ``args`` through one gate; places are None where none needs it."""
    import flambeau

    places = [i for i, arg in enumerate(args) if isinstance(arg, flambeau.Tensor)]
    tensors = [args[i] for i in places]
    if not (flambeau.is_grad_enabled() and any(t.requires_grad for t in tensors)):
        return args, None
    passed = list(args)
    for place, tensor in zip(places, _gate().apply(on_grads, *tensors), strict=True):
        passed[place] = tensor
    if type(args) is tuple:
        return tuple(passed), places
    return type(args)(*passed), places  # a named tuple keeps its type
