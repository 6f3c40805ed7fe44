"""Anomaly mode: backward errors name the forward call, and NaN gradients are errors."""

from __future__ import annotations

from flambeau import _C


class set_detect_anomaly:
    """Switches anomaly mode: at once as a function, for a block as a context manager.

    Args:
        mode: whether nodes remember where they were made.
        check_nan: whether a NaN in a gradient raises.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _C.is_anomaly_enabled()
        _C._set_anomaly(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        _C._set_anomaly(self._before, True)


class detect_anomaly:
    """Anomaly mode for a block.

    Args:
        check_nan: whether a NaN in a gradient raises.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self._before = _C.is_anomaly_enabled()
        _C._set_anomaly(True, self.check_nan)

    def __exit__(self, *_: object) -> None:
        _C._set_anomaly(self._before, True)
