"""Our own LU, Cholesky and QR factors and triangular systems: every block size, layout, dtype."""

from __future__ import annotations

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck

DTYPES = ["float32", "float64", "complex64", "complex128"]
# Around the borders of blocks, of halves, and of what is worth a thread.
SIZES = [1, 2, 4, 5, 8, 9, 16, 17, 31, 33, 64, 100, 129, 260]
rng = numpy.random.default_rng()


def random(shape: tuple[int, ...], dtype: str) -> numpy.ndarray:
    x = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def well_conditioned(shape: tuple[int, ...], dtype: str) -> numpy.ndarray:
    """Of each row, one element outweighs the others."""
    n = shape[-1]
    x = rng.uniform(-1, 1, shape) / (4 * n) + numpy.eye(n)[rng.permutation(n)]
    if dtype.startswith("complex"):
        x = x + 1j * rng.uniform(-1, 1, shape) / (4 * n)
    return x.astype(dtype)


def tolerance(dtype: str) -> float:
    return 2e-3 if dtype in ("float32", "complex64") else 1e-9


def close(found, expected, dtype: str) -> None:
    numpy.testing.assert_allclose(found, expected, rtol=0, atol=tolerance(dtype))


def turned(x: numpy.ndarray) -> numpy.ndarray:
    return x.swapaxes(-2, -1).conj()


def layouts(x: numpy.ndarray):
    """The matrices by rows, by columns, and as every second element of larger ones."""
    t = flambeau.from_numpy(x)
    yield t
    yield t.transpose(-2, -1).contiguous().transpose(-2, -1)
    sparse = flambeau.zeros((*x.shape[:-2], 2 * x.shape[-2], 2 * x.shape[-1]), dtype=t.dtype)
    sparse[..., ::2, ::2] = t
    yield sparse[..., ::2, ::2]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_lu_of_all_sizes(n, dtype):
    for m in (n, n + 7, 2 * n + 40):
        for shape in ((m, n), (n, m), (3, m, n)):
            x = random(shape, dtype)
            p, low, up = (t.numpy() for t in flambeau.linalg.lu(flambeau.from_numpy(x)))
            close(p @ low @ up, x, dtype)
            size = numpy.abs(low.real) + numpy.abs(low.imag)
            # LAPACK's choice: no quotient of pivots has a larger sum of parts than this.
            assert size.max() <= (2.001 if dtype.startswith("complex") else 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_systems_of_all_sizes(n, dtype):
    for batch, width in (((), 1), ((3,), 2), ((2, 2), 5), ((), 33), ((9,), 17)):
        a = well_conditioned((*batch, n, n), dtype)
        b = random((*batch, n, width), dtype)
        for left in layouts(a):
            x = flambeau.linalg.solve(left, flambeau.from_numpy(b)).numpy()
            close(a @ x, b, dtype)
            triangle = a + 2 * numpy.eye(n, dtype=dtype)
            for upper in (True, False):
                t = numpy.triu(triangle) if upper else numpy.tril(triangle)
                whole = left + 2 * flambeau.eye(n, dtype=left.dtype)
                x = flambeau.linalg.solve_triangular(whole, flambeau.from_numpy(b), upper=upper)
                close(t @ x.numpy(), b, dtype)
        inverse = flambeau.linalg.inv(flambeau.from_numpy(a)).numpy()
        close(inverse @ a, numpy.broadcast_to(numpy.eye(n), a.shape), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_cholesky_of_all_sizes(n, dtype):
    for batch in ((), (3,)):
        x = random((*batch, n, n), dtype)
        a = x @ turned(x) / n + numpy.eye(n, dtype=dtype)
        low = flambeau.linalg.cholesky(flambeau.from_numpy(numpy.tril(a))).numpy()
        close(low @ turned(low), a, dtype)
        close(low, numpy.tril(low), dtype)
        up = flambeau.linalg.cholesky(flambeau.from_numpy(numpy.triu(a)), upper=True).numpy()
        close(up, turned(low), dtype)
        b = random((*batch, n, 3), dtype)
        solution = flambeau.cholesky_solve(flambeau.from_numpy(b), flambeau.from_numpy(low))
        close(a @ solution.numpy(), b, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_qr_of_all_sizes(n, dtype):
    for m in (n, n + 7, 2 * n + 40):
        for shape in ((m, n), (n, m), (3, m, n)):
            x = random(shape, dtype)
            a, tau = flambeau.geqrf(flambeau.from_numpy(x))
            for mode in ("reduced", "complete"):
                q, r = flambeau.linalg.qr(flambeau.from_numpy(x), mode)
                close((q @ r).numpy(), x, dtype)
                product = (q.mH @ q).numpy()
                identity = numpy.broadcast_to(numpy.eye(q.shape[-1]), product.shape)
                close(product, identity, dtype)
                assert flambeau.equal(r, r.triu())
            # q is the complete one.
            c = flambeau.from_numpy(random((*shape[:-1], 3), dtype))
            close(flambeau.ormqr(a, tau, c).numpy(), (q @ c).numpy(), dtype)
            close(flambeau.ormqr(a, tau, c, transpose=True).numpy(), (q.mH @ c).numpy(), dtype)
            right = flambeau.ormqr(a, tau, c.mT, left=False, transpose=True)
            close(right.numpy(), (c.mT @ q.mH).numpy(), dtype)


@pytest.mark.parametrize("scale", [1e-35, 1e-25, 1e25])
def test_qr_of_very_small_and_large_numbers(scale):
    x = (random((40, 12), "float64") * scale).astype("float32")
    q, r = flambeau.linalg.qr(flambeau.from_numpy(x))
    close((q.mT @ q).numpy(), numpy.eye(12), "float32")
    close((q @ r).numpy() / scale, x / scale, "float32")


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_lu_solve_in_all_forms(dtype, adjoint, left):
    a = well_conditioned((2, 20, 20), dtype)
    b = random((3, 1, 20, 4) if left else (3, 1, 4, 20), dtype)
    factors = flambeau.linalg.lu_factor(flambeau.from_numpy(a))
    x = flambeau.linalg.lu_solve(*factors, flambeau.from_numpy(b), left=left, adjoint=adjoint)
    matrix = turned(a) if adjoint else a
    product = matrix @ x.numpy() if left else x.numpy() @ matrix
    close(product, numpy.broadcast_to(b, product.shape), dtype)


def test_results_do_not_depend_on_the_number_of_threads():
    a = flambeau.from_numpy(well_conditioned((300, 300), "float32"))
    many = flambeau.from_numpy(well_conditioned((40, 30, 30), "float64"))
    square = a @ a.T + flambeau.eye(300)
    before = flambeau.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            flambeau.set_num_threads(threads)
            made = [f(x) for f in (flambeau.linalg.inv, flambeau.linalg.det) for x in (a, many)]
            made += flambeau.linalg.qr(a)
            results.append([*made, flambeau.linalg.solve(a, a), flambeau.linalg.cholesky(square)])
    finally:
        flambeau.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert flambeau.equal(one, two)


@pytest.mark.parametrize("dtype", [flambeau.float64, flambeau.complex128])
def test_derivatives(dtype):
    def random_tensor(*shape: int) -> flambeau.Tensor:
        name = str(dtype).removeprefix("torch.")
        return flambeau.from_numpy(random(shape, name)).requires_grad_()

    a = flambeau.from_numpy(well_conditioned((2, 3, 3), str(dtype).removeprefix("torch.")))
    a.requires_grad_()
    b = random_tensor(3, 4)
    low, pivots = flambeau.linalg.lu_factor(a.detach())
    low.requires_grad_()

    def reflectors(x: flambeau.Tensor) -> tuple[flambeau.Tensor, flambeau.Tensor]:
        return x, (2 / (1 + (x.tril(-1).abs() ** 2).sum(0))).to(x.dtype)

    checks = [
        (flambeau.linalg.solve, (a, b)),
        (lambda x, y: flambeau.linalg.solve(x, y.mT, left=False), (a, b)),
        (flambeau.linalg.inv, (a,)),
        (flambeau.linalg.det, (a,)),
        (lambda x: flambeau.linalg.slogdet(x).logabsdet, (a,)),
        (lambda x: flambeau.linalg.cholesky(x @ x.mH), (a,)),
        (lambda x: flambeau.linalg.lu(x)[1:], (a,)),
        (lambda x, y: flambeau.ormqr(*reflectors(x), y), (a[0].detach().requires_grad_(), b)),
    ]
    for adjoint in (True, False):
        for left in (True, False):

            def solve(lu, y, adjoint=adjoint, left=left):
                right = y if left else y.mT
                return flambeau.linalg.lu_solve(lu, pivots, right, left=left, adjoint=adjoint)

            checks.append((solve, (low, b)))
    for function, inputs in checks:
        assert gradcheck(function, inputs)
        assert gradgradcheck(function, inputs)


def test_first_zero_pivot_is_reported():
    a = flambeau.eye(40).repeat(3, 1, 1)
    a[1, 35] = 0
    assert flambeau.linalg.lu_factor_ex(a).info.tolist() == [0, 36, 0]
    assert flambeau.linalg.inv_ex(a).info.tolist() == [0, 36, 0]
    result, info = flambeau.linalg.solve_ex(a, flambeau.ones(3, 40, 1))
    assert info.tolist() == [0, 36, 0]
    assert flambeau.equal(result[0], flambeau.ones(40, 1))
    with pytest.raises(
        flambeau.linalg.LinAlgError, match=r"\(Batch element 1\).*element 36 is zero"
    ):
        flambeau.linalg.inv(a)
    with pytest.raises(
        flambeau.linalg.LinAlgError,
        match=r"solve: \(Batch element 1\): The solver failed because the input matrix is singular",
    ):
        flambeau.linalg.solve(a, flambeau.ones(3, 40, 1))
    assert flambeau.linalg.det(a).tolist() == [1, 0, 1]
    assert flambeau.linalg.slogdet(a).logabsdet.tolist() == [0, -numpy.inf, 0]


def test_minors_that_are_not_positive_are_reported():
    a = flambeau.eye(40).repeat(3, 1, 1)
    a[1, 20, 20] = -1
    a[2, 3, 3] = numpy.nan
    assert flambeau.linalg.cholesky_ex(a).info.tolist() == [0, 21, 4]
    with pytest.raises(
        flambeau.linalg.LinAlgError, match=r"\(Batch element 1\).*leading minor of order 21"
    ):
        flambeau.linalg.cholesky(a)


@pytest.mark.parametrize("n", [3, 40])
def test_not_numbers_spread(n):
    a = flambeau.full((n, n), numpy.nan)
    assert flambeau.linalg.inv(a).isnan().all()
    assert flambeau.linalg.solve(a, flambeau.ones(n)).isnan().all()
    assert flambeau.linalg.det(a).isnan()


def test_foreign_pivots_are_refused():
    lu, b = flambeau.eye(3), flambeau.ones(3, 1)
    for wrong in ([1, 2, 4], [0, 2, 3], [1, 2, -7]):
        with pytest.raises(RuntimeError, match="must all be smaller or equal to LU"):
            flambeau.linalg.lu_solve(lu, flambeau.tensor(wrong, dtype=flambeau.int32), b)
    with pytest.raises(RuntimeError, match="between 1 and LU"):
        flambeau.lu_unpack(lu, flambeau.tensor([1, 9, 3], dtype=flambeau.int32))


def test_nothing_to_solve():
    empty = flambeau.empty((2, 0, 0))
    assert flambeau.linalg.inv(empty).shape == (2, 0, 0)
    assert flambeau.linalg.det(empty).tolist() == [1, 1]
    assert flambeau.linalg.cholesky(empty).shape == (2, 0, 0)
    assert flambeau.linalg.solve(empty, flambeau.empty((2, 0, 3))).shape == (2, 0, 3)
    assert flambeau.linalg.solve(flambeau.empty((0, 3, 3)), flambeau.empty((0, 3, 2))).numel() == 0
    assert [t.shape for t in flambeau.linalg.lu(flambeau.empty((4, 0)))] == [(4, 4), (4, 0), (0, 0)]


def test_shapes_on_the_meta_device():
    a, b = flambeau.empty((2, 5, 5), device="meta"), flambeau.empty((5, 3), device="meta")
    assert flambeau.linalg.solve(a, b).shape == (2, 5, 3)
    assert flambeau.linalg.inv(a).shape == (2, 5, 5)
    assert flambeau.linalg.cholesky(a).shape == (2, 5, 5)
    assert [t.shape for t in flambeau.linalg.lu_factor(a)] == [(2, 5, 5), (2, 5)]
    assert [t.shape for t in flambeau.linalg.slogdet(a)] == [(2,), (2,)]
