"""The import path that programs know for the base class and its hooks."""

from flambeau.nn.module import *  # noqa: F403
from flambeau.nn.module import (
    _addindent as _addindent,
    _forward_unimplemented as _forward_unimplemented,
)
from flambeau.nn.module_hooks import (
    _global_backward_hooks as _global_backward_hooks,
    _global_backward_pre_hooks as _global_backward_pre_hooks,
    _global_forward_hooks as _global_forward_hooks,
    _global_forward_pre_hooks as _global_forward_pre_hooks,
)
from flambeau.nn.module_state import (
    _EXTRA_STATE_KEY_SUFFIX as _EXTRA_STATE_KEY_SUFFIX,
    _IncompatibleKeys as _IncompatibleKeys,
)
