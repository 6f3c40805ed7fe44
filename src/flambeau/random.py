"""The default random number generator: its seed and its state.

The streams are those of PyTorch's CPU generator, bit for bit: the same seed gives the same numbers.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from flambeau._C import Generator, Tensor, default_generator

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
    "thread_safe_generator",
]


def manual_seed(seed: int) -> Generator:
    """Seed the default generator.

    Args:
        seed: an integer in ``[-2**63, 2**64)``; a negative one stands for ``2**64 + seed``.

    Returns:
        The default generator.

    Raises:
        ValueError: if the seed is out of range.

    Example:
        >>> import flambeau
        >>> _ = flambeau.manual_seed(0)
        >>> flambeau.rand(2)
        tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the operating system and return the seed (53 bits)."""
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed that the default generator was last seeded with."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Return the state of the default generator, in PyTorch's format.

    Returns:
        A uint8 tensor of 5056 bytes for :func:`set_rng_state`, here or in PyTorch.
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Give the default generator a state that :func:`get_rng_state` returned.

    Args:
        new_state: a uint8 tensor of 5056 bytes.

    Raises:
        TypeError: if it is no contiguous uint8 tensor on the CPU.
        RuntimeError: if its size or content is not that of a state.
    """
    default_generator.set_state(new_state)


def thread_safe_generator() -> Generator | None:
    """Return the generator that a data-loading thread uses: None, for the default one.

    Every generator locks itself while it draws, so the default one may be shared.
    """
    return None


@contextmanager
def fork_rng(
    devices: object = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cpu",
) -> Iterator[None]:
    """Restore the default generator's state on leaving the context.

    Args:
        devices: accepted for PyTorch's sake; the CPU is always forked.
        enabled: do nothing if False.
        device_type: accepted for PyTorch's sake.

    Example:
        >>> import flambeau
        >>> _ = flambeau.manual_seed(0)
        >>> with flambeau.random.fork_rng():
        ...     inside = flambeau.rand(1)
        >>> bool(inside == flambeau.rand(1))
        True
    """
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
