"""Decompositions by NumPy's own LAPACK: right in single precision, and its threads left as found."""

from __future__ import annotations

import threading

import numpy
import pytest

import flambeau
from flambeau.ops import _lapack

rng = numpy.random.default_rng()


def matrices(*shape: int) -> numpy.ndarray:
    return rng.standard_normal(shape).astype("float32")


def threads() -> int:
    functions = _lapack._thread_functions()
    if functions is None:
        pytest.skip("NumPy's library does not say how many threads it uses")
    return int(functions[0]())


@pytest.fixture(params=["LAPACK", "NumPy"])
def library(request, monkeypatch):
    """With the routines of NumPy's library, and where they can't be had."""
    if request.param == "NumPy":
        monkeypatch.setattr(_lapack, "_function", lambda name: None)


@pytest.mark.parametrize("shape", [(40, 40), (33, 57), (64, 35), (2, 3, 34, 36), (0, 40, 40)])
@pytest.mark.parametrize("full", [True, False])
def test_svd(library, shape, full):
    x = matrices(*shape)
    u, s, vh = (t.numpy() for t in flambeau.linalg.svd(flambeau.from_numpy(x), full))
    reference = numpy.linalg.svd(x.astype("float64"), full)
    assert [t.shape for t in (u, s, vh)] == [t.shape for t in reference]
    numpy.testing.assert_allclose(s, reference[1], atol=1e-4)
    k = s.shape[-1]
    numpy.testing.assert_allclose(u[..., :k] * s[..., None, :] @ vh[..., :k, :], x, atol=1e-4)
    for q in (u.swapaxes(-2, -1) @ u, vh @ vh.swapaxes(-2, -1)):
        numpy.testing.assert_allclose(
            q, numpy.broadcast_to(numpy.eye(q.shape[-1]), q.shape), atol=1e-4
        )
    values = flambeau.linalg.svdvals(flambeau.from_numpy(x)).numpy()
    numpy.testing.assert_allclose(values, s, atol=1e-4)


@pytest.mark.parametrize("shape", [(33, 33), (2, 3, 40, 40), (0, 40, 40)])
@pytest.mark.parametrize("side", ["L", "U"])
def test_eigh(library, shape, side):
    x = matrices(*shape)  # only one triangle is read
    values, q = (t.numpy() for t in flambeau.linalg.eigh(flambeau.from_numpy(x), side))
    triangle = numpy.tril(x) if side == "L" else numpy.triu(x)
    whole = triangle + numpy.tril(triangle, -1).swapaxes(-2, -1)
    if side == "U":
        whole = triangle + numpy.triu(triangle, 1).swapaxes(-2, -1)
    numpy.testing.assert_allclose(q * values[..., None, :] @ q.swapaxes(-2, -1), whole, atol=2e-4)
    alone = flambeau.linalg.eigvalsh(flambeau.from_numpy(x), side).numpy()
    numpy.testing.assert_allclose(alone, values, atol=1e-4)


@pytest.mark.parametrize("shape", [(33, 33), (34, 34), (2, 3, 40, 40), (0, 40, 40)])
def test_eig(library, shape):
    x = matrices(*shape)
    values, vectors = (t.numpy() for t in flambeau.linalg.eig(flambeau.from_numpy(x)))
    numpy.testing.assert_allclose(x @ vectors, vectors * values[..., None, :], atol=2e-3)
    numpy.testing.assert_allclose(numpy.linalg.norm(vectors, axis=-2), 1, atol=1e-4)
    alone = flambeau.linalg.eigvals(flambeau.from_numpy(x)).numpy()
    numpy.testing.assert_allclose(
        numpy.sort_complex(alone).sum(-1), numpy.trace(x, axis1=-2, axis2=-1), atol=1e-2
    )


def test_failures_are_reported(library):
    bad = flambeau.full((40, 40), float("nan"))
    with pytest.raises(flambeau.linalg.LinAlgError, match="failed to converge"):
        flambeau.linalg.svd(bad)


def test_threads_are_given_back():
    before = threads()
    with _lapack.threads_for(4):
        assert threads() == 1
        with _lapack.threads_for(4):
            assert threads() == 1
        assert threads() == 1
    assert threads() == before
    with _lapack.threads_for(_lapack.ONE_THREAD_SIZE + 1):
        assert threads() == before
    with pytest.raises(ValueError), _lapack.threads_for(4):
        raise ValueError
    assert threads() == before


def test_threads_are_given_back_by_concurrent_calls():
    before = threads()
    x = flambeau.from_numpy(matrices(64, 64))

    def work() -> None:
        for _ in range(20):
            flambeau.linalg.svd(x)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert threads() == before
