"""NumPy's own LAPACK, called where NumPy would do worse: single precision, and without threads.

NumPy computes decompositions in double precision whatever it is given, and its OpenBLAS wakes
threads that wait in busy loops: with another process on one of the cores a small decomposition
takes several times as long. Where NumPy has another library, or hides it, NumPy's functions work.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy

#: Matrices up to this size are decomposed about as fast by one thread as by two.
ONE_THREAD_SIZE = 512
#: Smaller ones are not worth a call of their own: NumPy loops over them natively.
_SMALLEST = 32


@functools.cache
def _library() -> Any:
    """NumPy's linear algebra with the libraries it is linked to; None: it cannot be looked into."""
    try:
        from numpy.linalg import _umath_linalg

        return ctypes.CDLL(str(_umath_linalg.__file__))
    except (ImportError, AttributeError, OSError):
        return None


@functools.cache
def _function(name: str) -> Any:
    return getattr(_library(), name, None)


@functools.cache
def _thread_functions() -> tuple[Any, Any] | None:
    """What reads and what sets OpenBLAS's number of threads."""
    for prefix in ("scipy_openblas", "openblas"):
        for suffix in ("64_", ""):
            read = _function(f"{prefix}_get_num_threads{suffix}")
            write = _function(f"{prefix}_set_num_threads{suffix}")
            if read and write:
                return read, write
    return None


class _Limit:
    """How many calls hold OpenBLAS to one thread now, and what it had before the first of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holders = 0
        self.before = 1

    def enter(self, read: Any, write: Any) -> None:
        with self.lock:
            if self.holders == 0:
                self.before = read()
                if self.before != 1:
                    write(1)
            self.holders += 1

    def leave(self, write: Any) -> None:
        with self.lock:
            self.holders -= 1
            if self.holders == 0 and self.before != 1:
                write(self.before)

    def forget(self) -> None:
        """In a forked process, where the other holders do not exist."""
        self.lock = threading.Lock()
        functions = _thread_functions()
        if self.holders and functions:
            functions[1](self.before)
        self.holders = 0


_limit = _Limit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limit.forget)


@contextmanager
def threads_for(size: int) -> Iterator[None]:
    """Holds OpenBLAS to one thread for matrices of up to ``ONE_THREAD_SIZE``.

    The setting is the process's: it is given back when the last of concurrent calls ends.
    """
    functions = _thread_functions() if size <= ONE_THREAD_SIZE else None
    if functions is None:
        yield
        return
    read, write = functions
    _limit.enter(read, write)
    try:
        yield
    finally:
        _limit.leave(write)


def _by_reference(value: Any) -> Any:
    if isinstance(value, bytes):
        return ctypes.c_char_p(value)
    if isinstance(value, int):
        return ctypes.byref(ctypes.c_int64(value))
    return ctypes.c_void_p(value.ctypes.data)


def _call(name: str, arguments: list[Any], integers: int = 0) -> Any:
    """Calls a routine whose last arguments are workspaces and ``info``; asks for their sizes first.

    Args:
        name: of the routine.
        arguments: letters, sizes and arrays before the workspaces.
        integers: length of the integer workspace; -1: the routine says, 0: there is none.

    Raises:
        LinAlgError: it reports that it failed.
    """
    routine = _function(f"scipy_{name}_64_")
    letters = [ctypes.c_size_t(1) for a in arguments if isinstance(a, bytes)]
    fixed = [_by_reference(a) for a in arguments]
    info = ctypes.c_int64(0)
    asked, wanted = numpy.zeros(1, "float32"), numpy.zeros(max(integers, 1), "int64")

    def run(work: Any, length: int, whole: Any, whole_length: int) -> None:
        spaces = [work, length]
        if integers:
            spaces += [whole, whole_length] if integers < 0 else [whole]
        routine(*fixed, *(_by_reference(s) for s in spaces), ctypes.byref(info), *letters)

    run(asked, -1, wanted, -1)
    # The size comes back as a float32, which may have been rounded down.
    length = math.ceil(float(asked[0]) * (1 + 2**-22))
    whole_length = int(wanted[0]) if integers < 0 else integers
    whole = numpy.empty(max(whole_length, 1), "int64")
    run(numpy.empty(max(length, 1), "float32"), length, whole, whole_length)
    if info.value:
        raise numpy.linalg.LinAlgError


def _serves(name: str, x: Any) -> bool:
    """Whether the single precision routine is there and is worth calling for each matrix of x."""
    worth = x.dtype == numpy.float32 and min(x.shape[-2:]) >= _SMALLEST
    return worth and _function(f"scipy_{name}_64_") is not None


def _by_columns(matrix: Any) -> Any:
    """A copy that the routine may overwrite, in Fortran's order."""
    return numpy.array(matrix, order="F")


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """``numpy.linalg.svd``: (u, s, vh), or s alone."""
    m, n = x.shape[-2:]
    k = min(m, n)
    if not _serves("sgesdd", x):
        made: Any = numpy.linalg.svd
        return made(x, full_matrices, compute_uv)
    job = b"N" if not compute_uv else b"A" if full_matrices else b"S"
    rows, columns = (m, n) if full_matrices else (k, k)
    batch = x.shape[:-2]
    s = numpy.empty((*batch, k), x.dtype)
    # A column after the other, as the routine writes them.
    u = numpy.empty((*batch, rows, m) if compute_uv else (1, 1), x.dtype)
    v = numpy.empty((*batch, n, columns) if compute_uv else (1, 1), x.dtype)
    for index in numpy.ndindex(batch):
        at = index if compute_uv else ()
        _call(
            "sgesdd",
            [job, m, n, _by_columns(x[index]), m, s[index], u[at], m, v[at], max(columns, 1)],
            integers=8 * k,
        )
    return (u.swapaxes(-2, -1), s, v.swapaxes(-2, -1)) if compute_uv else s


def eigh(x: Any, side: Any, vectors: bool = True) -> Any:
    """``numpy.linalg.eigh``: (values, vectors), or the values alone."""
    n = x.shape[-1]
    if not _serves("ssyevd", x):
        return numpy.linalg.eigh(x, side) if vectors else numpy.linalg.eigvalsh(x, side)
    # Overwritten by the vectors, a column after the other.
    q = numpy.array(x.swapaxes(-2, -1), order="C")
    values = numpy.empty(x.shape[:-1], x.dtype)
    job = b"V" if vectors else b"N"
    for index in numpy.ndindex(x.shape[:-2]):
        _call("ssyevd", [job, side.encode(), n, q[index], n, values[index]], integers=-1)
    return (values, q.swapaxes(-2, -1)) if vectors else values


def eig(x: Any, vectors: bool = True) -> Any:
    """``numpy.linalg.eig``: (values, vectors), or the values alone."""
    n = x.shape[-1]
    if not _serves("sgeev", x):
        return numpy.linalg.eig(x) if vectors else numpy.linalg.eigvals(x)
    real, imaginary = numpy.empty((2, *x.shape[:-1]), x.dtype)
    q = numpy.empty(x.shape if vectors else (1, 1), x.dtype)
    none = numpy.empty(1, x.dtype)
    job = b"V" if vectors else b"N"
    for index in numpy.ndindex(x.shape[:-2]):
        at = index if vectors else ()
        parts = [real[index], imaginary[index], none, 1, q[at], n]
        _call("sgeev", [b"N", job, n, _by_columns(x[index]), n, *parts])
    values = real + 1j * imaginary
    if not vectors:
        return values
    # A conjugate pair's vectors: the real part in its first column, the imaginary in its second.
    q = q.swapaxes(-2, -1)
    after = numpy.concatenate([q[..., 1:], q[..., :1]], -1)
    before = numpy.concatenate([q[..., -1:], q[..., :-1]], -1)
    sign = numpy.sign(imaginary)[..., None, :]
    return values, numpy.where(sign < 0, before, q) + 1j * numpy.where(sign > 0, after, -q) * (
        sign != 0
    )
