"""Parameters computed from others: ``module.weight`` becomes a function of what is learned."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copyreg import __newobj__  # type: ignore[attr-defined]
from typing import Any

import flambeau
from flambeau import Tensor
from flambeau.nn.module import Module
from flambeau.nn.modules.container import ModuleDict, ModuleList
from flambeau.nn.parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cache_depth = 0
_cache: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor only once while the context lasts."""
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if not _cache_depth:
            _cache.clear()


def _register_parameter_or_buffer(module: Module, name: str, value: Tensor) -> None:
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _check_unchanged(what: str, before: Tensor, after: Any) -> None:
    """Raise unless ``after`` is a tensor of the dtype and shape of ``before``."""
    if not isinstance(after, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
    for name in ("dtype", "shape"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            raise ValueError(
                f"Registering a parametrization may not change the {name} of the tensor, unless "
                f"the `unsafe` flag is enabled.\n{what}\nunparametrized {name}: {old}\n"
                f"parametrized {name}: {new}"
            )


class ParametrizationList(ModuleList):
    """The original tensor(s) behind a parametrized one, and the modules they go through.

    Args:
        modules (Sequence[Module]): applied in order; each may define ``right_inverse``.
        original (Tensor): value before; ``right_inverse`` turns it into what is learned.
        unsafe (bool): do not check dtype and shape of the result.
    """

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        value: Any = original
        with flambeau.no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):
                        value = module.right_inverse(value)
        if not isinstance(value, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(value).__name__}"
            )
        self.is_tensor = isinstance(value, Tensor)
        self.ntensors = 1 if self.is_tensor else len(value)
        if isinstance(value, Tensor):
            self._keep_one(original, value)
        else:
            self._keep_many(original, value)
        if not self.unsafe:
            _check_unchanged("", original, self())

    def _keep_one(self, original: Tensor, value: Tensor) -> None:
        if original.dtype != value.dtype:
            raise ValueError(
                "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                f"original.dtype: {original.dtype}\n"
                f"right_inverse(original).dtype: {value.dtype}"
            )
        if original.device != value.device:
            raise ValueError(
                "When `right_inverse` outputs one tensor, it may not change the device.\n"
                f"original.device: {original.device}\n"
                f"right_inverse(original).device: {value.device}"
            )
        # The same object, so that optimizers keep what they hold.
        original.data = value.detach()
        _register_parameter_or_buffer(self, "original", original)

    def _keep_many(self, original: Tensor, values: Sequence[Tensor]) -> None:
        for index, value in enumerate(values):
            if not isinstance(value, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors "
                    f"(list, tuple...). Got element {index} of the sequence with type "
                    f"{type(value).__name__}."
                )
            kept = value.detach()
            if isinstance(original, Parameter):
                kept = Parameter(kept, original.requires_grad)
            kept.requires_grad_(original.requires_grad)
            _register_parameter_or_buffer(self, f"original{index}", kept)

    def right_inverse(self, value: Any) -> None:
        """Set the original(s) so that the parametrized tensor becomes ``value``."""
        with flambeau.no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
            if self.is_tensor:
                self._assign("original", value)
                return
            if not isinstance(value, Sequence):
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors. Got {type(value)}."
                )
            if len(value) != self.ntensors:
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors of length "
                    f"{self.ntensors}. Got a sequence of length {len(value)}."
                )
            for index, tensor in enumerate(value):
                self._assign(f"original{index}", tensor)

    def _assign(self, name: str, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
        kept = getattr(self, name)
        if kept.dtype != value.dtype:
            raise ValueError(
                f"The tensor returned by `right_inverse` has dtype {value.dtype} "
                f"while `{name}` has dtype {kept.dtype}"
            )
        kept.data = value.detach()

    def forward(self) -> Tensor:
        """Return the parametrized tensor."""
        modules = list(self)
        if self.is_tensor:
            value = modules[0](self.original)
        else:
            value = modules[0](*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        for module in modules[1:]:
            value = module(value)
        return value


def _inject_new_class(module: Module) -> None:
    """Give ``module`` a class of its own, which can carry properties."""
    cls = type(module)

    def default_deepcopy(self: Any, memo: dict[int, Any]) -> Any:
        known = memo.get(id(self))
        if known is not None:
            return known
        replica = __newobj__(type(self))
        memo[id(self)] = replica
        replica.__dict__ = copy.deepcopy(self.__dict__, memo)
        return replica

    def getstate(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only "
            "supported through state_dict(). See:\n"
            "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
            "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
        )

    members: dict[str, Any] = {"__getstate__": getstate}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = default_deepcopy
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _inject_property(module: Module, tensor_name: str) -> None:
    """Make ``module.tensor_name`` compute the parametrized tensor."""
    if hasattr(module, tensor_name):
        raise AssertionError(f"Module {type(module).__name__} already has a {tensor_name}")

    def get_parametrized(self: Any) -> Tensor:
        parametrization = self.parametrizations[tensor_name]
        if not _cache_depth:
            return parametrization()
        key = (id(self), tensor_name)
        if key not in _cache:
            _cache[key] = parametrization()
        return _cache[key]

    def set_original(self: Any, value: Any) -> None:
        self.parametrizations[tensor_name].right_inverse(value)

    setattr(type(module), tensor_name, property(get_parametrized, set_original))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute a parameter or buffer by ``parametrization`` from what is learned.

    Args:
        module (Module): owner of the tensor.
        tensor_name (str): the tensor; it may be parametrized already.
        parametrization (Module): ``forward(original)`` gives the tensor; an optional
            ``right_inverse(tensor)`` gives the original(s).
        unsafe (bool): allow changes of dtype and shape.

    Returns:
        Module: ``module``; ``module.parametrizations[tensor_name]`` holds the originals.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain: Any = module.parametrizations[tensor_name]
        if not unsafe:
            before = getattr(module, tensor_name)
            _check_unchanged("", before, parametrization(before))
            if hasattr(parametrization, "right_inverse"):
                try:
                    back = parametrization.right_inverse(before)
                except NotImplementedError:
                    pass
                else:
                    _check_unchanged("right_inverse", before, back)
        chain.append(parametrization)
        chain.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        chain = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_new_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = chain
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a "
            f"parametrized element with name '{tensor_name}'"
        )
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Tell whether ``module`` has a parametrization, of ``tensor_name`` if given."""
    chains = getattr(module, "parametrizations", None)
    if chains is None or not isinstance(chains, ModuleDict):
        return False
    return len(chains) > 0 if tensor_name is None else tensor_name in chains


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make ``tensor_name`` a plain parameter or buffer again.

    Args:
        module (Module): owner of the tensor.
        tensor_name (str): the parametrized tensor.
        leave_parametrized (bool): keep its present value, else put the original back.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain: Any = module.parametrizations[tensor_name]
    if chain.is_tensor:
        original = chain.original
        if leave_parametrized:
            with flambeau.no_grad():
                original.data = getattr(module, tensor_name).detach()
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor "
            "that is parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register_parameter_or_buffer(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """Return the class of ``module`` without the one that parametrizing gave it."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Copy parametrizations and what they hold from one module to another.

    Args:
        from_module (Module): has the parametrizations.
        to_module (Module): gets them.
        tensor_name (str): only those of this tensor.
    """
    if not is_parametrized(from_module):
        return to_module
    if not isinstance(from_module.parametrizations, ModuleDict):
        raise AssertionError("from_module.parametrizations must be a ModuleDict")
    chains = from_module.parametrizations
    for name in list(chains) if tensor_name is None else [tensor_name]:
        chain: Any = chains[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in chain:
            register_parametrization(to_module, name, parametrization, unsafe=chain.unsafe)
        copied: Any = to_module.parametrizations[name]
        names = ["original"] if chain.is_tensor else [f"original{i}" for i in range(chain.ntensors)]
        for original in names:
            setattr(copied, original, getattr(chain, original))
    return to_module
