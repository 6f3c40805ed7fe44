"""The base of all optimizers: parameter groups, per-parameter state, hooks, saving, loading."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import flambeau as fb
from flambeau.utils.hooks import RemovableHandle

if TYPE_CHECKING:
    from flambeau import Tensor

ParamsT: TypeAlias = "Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]"
Group: TypeAlias = dict[str, Any]
StateDict: TypeAlias = dict[str, Any]
StepPreHook: TypeAlias = Callable[
    ["Optimizer", tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]] | None
]
StepPostHook: TypeAlias = Callable[["Optimizer", tuple[Any, ...], dict[str, Any]], None]

__all__ = [
    "Optimizer",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
]

_every_step_pre_hooks: OrderedDict[int, StepPreHook] = OrderedDict()
_every_step_post_hooks: OrderedDict[int, StepPostHook] = OrderedDict()


class _Required:
    """Marks a default that every parameter group has to give itself."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def register_optimizer_step_pre_hook(hook: StepPreHook) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before the step of every optimizer.

    Args:
        hook: may return ``(args, kwargs)`` to replace the arguments of the step.

    Returns:
        A handle whose ``remove()`` takes the hook away again.
    """
    return _register(_every_step_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: StepPostHook) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after the step of every optimizer.

    Returns:
        A handle whose ``remove()`` takes the hook away again.
    """
    return _register(_every_step_post_hooks, hook)


def _register(table: OrderedDict[int, Any], hook: Any, prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(table)
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


def _step_with_hooks(step: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> Any:
    optimizer = args[0]
    # Tuples, because a hook may remove itself.
    for hook in (*_every_step_pre_hooks.values(), *optimizer._optimizer_step_pre_hooks.values()):
        changed = hook(optimizer, args, kwargs)
        if changed is not None:
            if not isinstance(changed, tuple) or len(changed) != 2:
                raise RuntimeError(
                    f"{step} must return None or a tuple of (new_args, new_kwargs), "
                    f"but got {changed}."
                )
            args, kwargs = changed
    result = step(*args, **kwargs)
    for hook in (*optimizer._optimizer_step_post_hooks.values(), *_every_step_post_hooks.values()):
        hook(optimizer, args, kwargs)
    return result


def _named(optimizer: Optimizer, method: str) -> AbstractContextManager[Any]:
    """Show a method to the profiler, if there is one, under the name that PyTorch gives it."""
    if not fb._C._profile_on():
        return nullcontext()
    from flambeau.profiler import record_function

    return record_function(f"Optimizer.{method}#{type(optimizer).__name__}.{method}")


def _type_name(value: Any) -> str:
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


class Optimizer:
    r"""Base class: keeps parameter groups and state; a subclass defines :meth:`step`.

    Args:
        params: parameters, ``(name, parameter)`` pairs, or dicts with a key ``params`` and options
            of that group.
        defaults: options of groups that do not give their own.

    The optimizers of this package share these options:

    * ``maximize``: go up the gradient instead of down.
    * ``foreach``, ``fused``: how PyTorch may run the step. Accepted and stored. The step of one
    group
      is one native call either way; ``fused=True`` asks for floating-point parameters.
    * ``capturable``: keep the step count on the accelerator; an error for parameters on the CPU.
    * ``differentiable``: record the step for autograd, to differentiate through training itself.

    Raises:
        TypeError: ``params`` is one tensor, a set, or holds something that is no tensor.
        ValueError: no parameters, a non-leaf, or one parameter in two groups.
    """

    OptimizerPreHook: TypeAlias = StepPreHook
    OptimizerPostHook: TypeAlias = StepPostHook

    _optimizer_step_pre_hooks: OrderedDict[int, Any]
    _optimizer_step_post_hooks: OrderedDict[int, Any]
    _optimizer_state_dict_pre_hooks: OrderedDict[int, Any]
    _optimizer_state_dict_post_hooks: OrderedDict[int, Any]
    _optimizer_load_state_dict_pre_hooks: OrderedDict[int, Any]
    _optimizer_load_state_dict_post_hooks: OrderedDict[int, Any]

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._prepare_hooks()
        if isinstance(params, fb.Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {_type_name(params)}"
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[Group] = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # ---- the step -----------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once.

        Args:
            closure: computes the loss and its gradients anew; called with gradients enabled.

        Returns:
            What the closure returned, or None without one.
        """
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: drop them (a parameter that gets no gradient is then left alone by
                ``step``); else fill them with zeros.
        """
        if fb._C._profile_on():
            with _named(self, "zero_grad"):
                self._zero_grad(set_to_none)
        else:
            self._zero_grad(set_to_none)

    def _zero_grad(self, set_to_none: bool) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none:
                    parameter.grad = None
                elif (grad := parameter.grad) is not None:
                    if grad.grad_fn is not None:
                        grad.detach_()
                    else:
                        grad.requires_grad_(False)
                    grad.zero_()

    @staticmethod
    def profile_hook_step(func: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a ``step`` so that the step hooks run around it."""

        @functools.wraps(func)
        def step(*args: Any, **kwargs: Any) -> Any:
            optimizer = args[0]
            if not (
                optimizer._optimizer_step_pre_hooks
                or optimizer._optimizer_step_post_hooks
                or _every_step_pre_hooks
                or _every_step_post_hooks
                or fb._C._profile_on()
            ):
                return func(*args, **kwargs)
            if optimizer.__dict__.get("_in_hooked_step"):  # a subclass calls super().step()
                return func(*args, **kwargs)
            optimizer._in_hooked_step = True
            try:
                with _named(optimizer, "step"):
                    return _step_with_hooks(func, args, kwargs)
            finally:
                del optimizer._in_hooked_step

        return step

    def _prepare_hooks(self) -> None:
        for table in (
            "_optimizer_step_pre_hooks",
            "_optimizer_step_post_hooks",
            "_optimizer_state_dict_pre_hooks",
            "_optimizer_state_dict_post_hooks",
            "_optimizer_load_state_dict_pre_hooks",
            "_optimizer_load_state_dict_post_hooks",
        ):
            self.__dict__.setdefault(table, OrderedDict())
        self._patch_step_function()

    def _patch_step_function(self) -> None:
        """Let the class's ``step`` run hooks; done here, so that a ``step`` set later counts."""
        cls: Any = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = self.profile_hook_step(cls.step)
            cls.step.hooked = True

    def _cuda_graph_capture_health_check(self) -> None:
        """Do nothing: there is no graph capture to be out of step with. Optimizers call it."""

    # ---- parameter groups ---------------------------------------------------------

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters, say of layers that were frozen until now.

        Args:
            param_group: ``{"params": ..., option: value, ...}``; it is completed in place.

        Raises:
            TypeError: not a dict, or ``params`` is a set or holds something that is no tensor.
            ValueError: a non-leaf, a parameter of another group, or names on some only.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        self._list_params(param_group)
        for parameter in param_group["params"]:
            self._check_parameter(parameter)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        self._check_against_other_groups(param_group)
        self.param_groups.append(param_group)

    @staticmethod
    def _list_params(group: Group) -> None:
        """Turn ``params`` into a list of tensors, with their names beside it if they have some."""
        params = group["params"]
        if isinstance(params, fb.Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        entries = list(params)
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        if names and len(names) != len(entries):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        group["params"] = [entry[1] for entry in entries] if names else entries
        if names:
            group["param_names"] = names

    def _check_parameter(self, parameter: Any) -> None:
        if not isinstance(parameter, fb.Tensor):
            raise TypeError(
                "optimizer can only optimize Tensors, but one of the params is "
                f"{_type_name(parameter)}"
            )
        if not (self.defaults.get("differentiable") or parameter.is_leaf or parameter.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")

    def _check_against_other_groups(self, new: Group) -> None:
        ids = {id(parameter) for parameter in new["params"]}
        if len(ids) != len(new["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, "
                "this will cause an error",
                stacklevel=4,
            )
        for group in self.param_groups:
            if ("param_names" in new) != ("param_names" in group):
                kind = "with" if "param_names" in new else "without"
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param "
                    f"group {kind} names to the optimizer"
                )
            if any(id(parameter) in ids for parameter in group["params"]):
                raise ValueError("some parameters appear in more than one parameter group")

    # ---- saving and loading -------------------------------------------------------

    def state_dict(self) -> StateDict:
        """Describe the optimizer in plain containers and tensors (which are not copied).

        Returns:
            ``{"state": {index: {...}}, "param_groups": [...]}``. Parameters are numbered in the
            order of the groups; PyTorch uses the same layout.
        """
        for before in self._optimizer_state_dict_pre_hooks.values():
            before(self)
        numbers: dict[int, int] = {}
        groups = []
        first = 0
        for group in self.param_groups:
            for number, parameter in enumerate(group["params"], first):
                numbers.setdefault(id(parameter), number)
            first += len(group["params"])
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(parameter)] for parameter in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, fb.Tensor) else key: value
            for key, value in self.state.items()
        }
        result: StateDict = {"state": state, "param_groups": groups}
        for after in self._optimizer_state_dict_post_hooks.values():
            result = _or(after(self, result), result)
        return result

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over options and state that :meth:`state_dict` described.

        State tensors get the dtype and device of their parameter. ``param_names`` do not matter for
        what belongs to what: order does.

        Args:
            state_dict: from an optimizer with equally sized groups, ours or PyTorch's.

        Raises:
            ValueError: the groups do not match.
        """
        state_dict = state_dict.copy()
        for before in self._optimizer_load_state_dict_pre_hooks.values():
            state_dict = _or(before(self, state_dict), state_dict)
        groups = deepcopy(state_dict["param_groups"])
        self._check_sizes(groups)
        owners = dict(
            zip(
                chain.from_iterable(group["params"] for group in groups),
                chain.from_iterable(group["params"] for group in self.param_groups),
                strict=True,
            )
        )
        saved_groups = state_dict["param_groups"]
        state: defaultdict[Any, Any] = defaultdict(dict)
        for number, value in state_dict["state"].items():
            if number in owners:
                owner = owners[number]
                state[owner] = self._adopt(owner, value, number, saved_groups)
            else:
                state[number] = value
        for new, old in zip(groups, self.param_groups, strict=True):
            new["params"] = old["params"]
            if "param_names" in old:
                new.setdefault("param_names", old["param_names"])
        self.__setstate__({"state": state, "param_groups": groups})
        for after in self._optimizer_load_state_dict_post_hooks.values():
            after(self)

    def _check_sizes(self, saved: list[Group]) -> None:
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        for old, new in zip(self.param_groups, saved, strict=True):
            if len(old["params"]) != len(new["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    "optimizer's group"
                )

    @classmethod
    def _adopt(
        cls, owner: Tensor, value: Any, number: int, groups: list[Group], key: Any = None
    ) -> Any:
        """Copy containers; bring tensors to the owner's dtype and device."""
        if isinstance(value, fb.Tensor):
            return cls._process_value_according_to_param_policy(owner, value, number, groups, key)
        if isinstance(value, dict):
            return {k: cls._adopt(owner, v, number, groups, k) for k, v in value.items()}
        if isinstance(value, Iterable) and not isinstance(value, str):
            make: Any = type(value)
            return make(cls._adopt(owner, item, number, groups) for item in value)
        return value

    @staticmethod
    def _process_value_according_to_param_policy(
        param: Tensor, value: Tensor, param_id: int, param_groups: list[Group], key: Any = None
    ) -> Tensor:
        group: Group = next((g for g in param_groups if param_id in g["params"]), {})
        if key == "step":
            # A count: float32 whatever the parameter is, and off the accelerator unless it is used
            # there, since bfloat16 cannot count beyond 256.
            if group.get("capturable") or group.get("fused"):
                return value.to(dtype=fb.float32, device=param.device)
            return value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare_hooks()
        self.defaults.setdefault("differentiable", False)

    # ---- hooks --------------------------------------------------------------------

    def register_step_pre_hook(self, hook: StepPreHook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may replace both."""
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: StepPostHook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[[Optimizer], None], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` before :meth:`state_dict`."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[[Optimizer, StateDict], StateDict | None], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after :meth:`state_dict`; it may replace it."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[[Optimizer, StateDict], StateDict | None], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before loading; it may replace what is loaded."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[[Optimizer], None], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after :meth:`load_state_dict`."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {index}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _or(replacement: Any, value: Any) -> Any:
    return value if replacement is None else replacement
