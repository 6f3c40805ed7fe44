"""Modules whose parameter shapes come from the first input."""

from __future__ import annotations

import itertools
from typing import Any

from flambeau.nn.parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin:
    """Makes a module take its parameters' shapes from the first input it sees.

    Mix in before the module class. The subclass creates ``UninitializedParameter`` and
    ``UninitializedBuffer`` attributes and defines ``initialize_parameters(*args, **kwargs)``,
    which materializes them. A dry run must come before an optimizer is built.
    """

    cls_to_become: type | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        module: Any = self
        self._load_hook: Any = module._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook: Any = module.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        module: Any = self
        for name, value in module._persistent():
            kept = is_lazy(value) or keep_vars
            destination[prefix + name] = value if kept else value.detach()

    def _lazy_load_hook(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take over the shapes of a checkpoint where ours are still unknown."""
        module: Any = self
        for name, value in itertools.chain(module._parameters.items(), module._buffers.items()):
            given = state_dict.get(prefix + name)
            if given is None or value is None or not is_lazy(value) or is_lazy(given):
                continue
            import flambeau

            with flambeau.no_grad():
                value.materialize(given.shape)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize the parameters so that they fit the given forward arguments."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Tell whether a parameter or buffer still waits for its shape."""
        module: Any = self
        members = itertools.chain(module._parameters.values(), module._buffers.values())
        return any(is_lazy(value) for value in members)

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        """Run before the first forward: materialize, then stop being lazy."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(
                f"module {self._get_name()} has not been fully initialized"  # type: ignore[attr-defined]
            )
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook
        del module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self) -> Any:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. "
            "Run a dummy forward pass to correctly initialize the modules"
        )
