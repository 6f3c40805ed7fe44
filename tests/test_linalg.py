"""Linear algebra against PyTorch: values, first and second derivatives, errors, odd shapes."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy_reference
import pytest
from op_compare import check_differences, derivatives
from oracles import torch
from recorded import as_pytorch_says

import flambeau

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, of names it will drop

DTYPES = ["float64", "complex128"]
BATCHES: list[tuple[int, ...]] = [(), (2,), (2, 0)]


def random(*shape: int, dtype: str = "float64") -> Any:
    made = np.random.standard_normal(shape)
    if dtype == "complex128":
        made = made + 1j * np.random.standard_normal(shape)
    return made


def positive(*shape: int, dtype: str = "float64") -> Any:
    a = random(*shape, dtype=dtype)
    return a @ a.conj().swapaxes(-2, -1) + np.eye(shape[-1])


def hermitian(*shape: int, dtype: str = "float64") -> Any:
    a = random(*shape, dtype=dtype)
    return a + a.conj().swapaxes(-2, -1)


def numpy_of(value: Any) -> Any:
    if isinstance(value, numpy_reference.Tensor):
        return value.array
    return value.detach().resolve_conj().numpy()


def results(value: Any) -> list[Any]:
    return [value] if hasattr(value, "dtype") else list(value)


def evaluate(lib: Any, function: Callable[..., Any], arrays: list[Any], seed: int) -> list[Any]:
    """Results, gradients and second gradients along fixed random directions."""
    draw = np.random.default_rng(seed)

    def direction(like: Any) -> Any:
        made = draw.standard_normal(tuple(like.shape))
        if like.dtype.is_complex:
            made = made + 1j * draw.standard_normal(tuple(like.shape))
        return lib.tensor(made, dtype=like.dtype)

    inputs = [lib.tensor(a, requires_grad=a.dtype.kind in "fc") for a in arrays]
    values = results(function(lib, *inputs))
    out = [numpy_of(v) for v in values]
    differentiable = [v for v in values if v.requires_grad]
    leaves = [t for t in inputs if t.requires_grad]
    if not differentiable or not leaves:
        return out
    first = lib.autograd.grad(
        differentiable,
        leaves,
        [direction(v) for v in differentiable],
        create_graph=True,
        allow_unused=True,
    )
    out += [numpy_of(g) for g in first if g is not None]
    again = [g for g in first if g is not None and g.requires_grad]
    if again:
        second = lib.autograd.grad(again, leaves, [direction(g) for g in again], allow_unused=True)
        out += [numpy_of(g) for g in second if g is not None and g.abs().sum() != 0]
    return out


def check(
    function: Callable[..., Any], *arrays: Any, rtol: float = 1e-7, differences: bool = True
) -> None:
    """Values as NumPy's, derivatives as differences, everything as PyTorch's, where it is."""
    values = results(function(flambeau, *map(flambeau.tensor, arrays)))
    with contextlib.suppress(numpy_reference.NoReference):
        expected = results(function(numpy_reference, *map(numpy_reference.tensor, arrays)))
        for a, b in zip(values, expected, strict=True):
            assert tuple(a.shape) == tuple(b.shape) and str(a.dtype) == str(b.dtype)
            scale = np.abs(b.array).max(initial=1.0)
            np.testing.assert_allclose(numpy_of(a), b.array, rtol=rtol, atol=rtol * scale)
    found = derivatives(flambeau, function, list(arrays), 7)
    if found is not None and differences:
        check_differences(function, list(arrays), found, 7)
    if torch is None:
        return
    ours = evaluate(flambeau, function, list(arrays), 7)
    theirs = evaluate(torch, function, list(arrays), 7)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        scale = np.abs(b).max(initial=1.0)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale)


def mh(a: Any) -> Any:
    return a.transpose(-2, -1).conj()


def cond(t: Any, a: Any, p: Any) -> Any:
    """PyTorch cannot differentiate its own a second time."""
    if t is flambeau:
        return t.linalg.cond(a, p)
    return t.linalg.matrix_norm(a, p) * t.linalg.matrix_norm(t.linalg.inv(a), p)


# What is compared does not depend on signs and phases of vectors, which are not unique.
SQUARE: dict[str, Callable[..., Any]] = {
    "inv": lambda t, a: t.linalg.inv(a),
    "inverse": lambda t, a: t.inverse(a),
    "inv_ex": lambda t, a: t.linalg.inv_ex(a),
    "det": lambda t, a: t.linalg.det(a),
    "Tensor.det": lambda t, a: a.det(),
    "slogdet": lambda t, a: t.linalg.slogdet(a),
    "power": lambda t, a: t.linalg.matrix_power(a, 3),
    "power_0": lambda t, a: t.linalg.matrix_power(a, 0),
    "power_negative": lambda t, a: t.linalg.matrix_power(a, -2),
    "exp": lambda t, a: t.linalg.matrix_exp(a),
    "eigvals": lambda t, a: t.linalg.eigvals(a).abs().sum(-1),
    "eig": lambda t, a: (lambda r: r[1] @ (mh(r[1]) * (r[0] ** 2).unsqueeze(-1)))(t.linalg.eig(a)),
    "eigvalsh": lambda t, a: t.linalg.eigvalsh(a),
    "eigvalsh_upper": lambda t, a: t.linalg.eigvalsh(a, "U"),
    "eigh": lambda t, a: (lambda r: (r[1] * r[0].exp().unsqueeze(-2)) @ mh(r[1]))(t.linalg.eigh(a)),
    "lu_square": lambda t, a: t.linalg.lu(a)[1:],
    "cond": lambda t, a: t.linalg.cond(a),
    "cond_1": lambda t, a: cond(t, a, 1),
    "cond_fro": lambda t, a: cond(t, a, "fro"),
    "rank": lambda t, a: t.linalg.matrix_rank(a),
}  # fmt: skip
RECTANGULAR: dict[str, Callable[..., Any]] = {
    "svd": lambda t, a: (lambda r: ((r[0] * r[1].unsqueeze(-2).exp()) @ r[2], r[1]))(
        t.linalg.svd(a, full_matrices=False)
    ),
    "svd_vectors": lambda t, a: (lambda r: (r[0] * r[1].unsqueeze(-2)) @ mh(r[0]))(
        t.linalg.svd(a, full_matrices=False)
    ),
    "svdvals": lambda t, a: t.linalg.svdvals(a),
    "torch.svd": lambda t, a: (lambda r: (r[0] * r[1].unsqueeze(-2)) @ mh(r[2]))(t.svd(a)),
    "qr": lambda t, a: t.linalg.qr(a),
    "torch.qr": lambda t, a: t.qr(a),
    "qr_r": lambda t, a: t.linalg.qr(a.detach(), mode="r"),
    "qr_complete": lambda t, a: t.linalg.qr(a.detach(), mode="complete"),
    "lu": lambda t, a: t.linalg.lu(a),
    "lu_factor": lambda t, a: t.linalg.lu_factor(a),
    "lu_factor_ex": lambda t, a: t.linalg.lu_factor_ex(a),
    "lu_unpack": lambda t, a: t.lu_unpack(*t.linalg.lu_factor(a)),
    "pinv": lambda t, a: t.linalg.pinv(a),
    "norm_fro": lambda t, a: t.linalg.matrix_norm(a),
    "norm_nuc": lambda t, a: t.linalg.matrix_norm(a, "nuc"),
    "norm_2": lambda t, a: t.linalg.matrix_norm(a, 2, keepdim=True),
    "norm_-2": lambda t, a: t.linalg.matrix_norm(a, -2),
    "norm_1": lambda t, a: t.linalg.matrix_norm(a, 1),
    "norm_-inf": lambda t, a: t.linalg.matrix_norm(a, -float("inf"), keepdim=True),
    "norm_dims": lambda t, a: t.linalg.matrix_norm(a, 1, (-1, -2)),
    "linalg.norm": lambda t, a: t.linalg.norm(a, None, (-2, -1)),
    "linalg.norm_vector": lambda t, a: t.linalg.norm(a, 3, -1, True),
    "linalg.norm_all": lambda t, a: t.linalg.norm(a),
    "rank_tolerance": lambda t, a: t.linalg.matrix_rank(a, atol=0.5, rtol=0.1),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SQUARE)
@pytest.mark.parametrize("batch", [(), (2,)], ids=str)
def test_functions_of_square_matrices(name: str, batch: tuple[int, ...], dtype: str) -> None:
    # Only one triangle is read, and the gradient is that of both.
    one_triangle = name.startswith(("eigh", "eigvalsh"))
    a = random(*batch, 4, 4, dtype=dtype)
    check(SQUARE[name], a, rtol=1e-6, differences=not one_triangle)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RECTANGULAR)
@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (2, 3, 4)], ids=str)
def test_functions_of_matrices(name: str, shape: tuple[int, ...], dtype: str) -> None:
    if name in ("qr", "torch.qr") and shape[-2] < shape[-1] and dtype == "complex128":
        # The phase of R's rows is not fixed by LAPACK in the same way everywhere: compare Q R.
        check(lambda t, a: (lambda r: r[0] @ r[1])(t.linalg.qr(a)), random(*shape, dtype=dtype))
        return
    check(RECTANGULAR[name], random(*shape, dtype=dtype), rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("batch", [(), (3,)], ids=str)
def test_cholesky(batch: tuple[int, ...], upper: bool, dtype: str) -> None:
    a = positive(*batch, 4, 4, dtype=dtype)

    def factor(t: Any, a: Any) -> Any:
        return t.linalg.cholesky((a + mh(a)) / 2, upper=upper)

    check(factor, a)
    check(lambda t, a: t.cholesky((a + mh(a)) / 2, upper), a)
    check(lambda t, a: t.linalg.cholesky_ex((a + mh(a)) / 2, upper=upper), a)
    check(lambda t, a: t.cholesky_inverse(t.linalg.cholesky((a + mh(a)) / 2)), a, rtol=1e-6)
    b = random(*batch, 4, 2, dtype=dtype)
    check(lambda t, a, b: t.cholesky_solve(b, factor(t, a), upper), a, b, rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("a", "b", "left"),
    [
        ((3, 3), (3, 2), True), ((3, 3), (3,), True), ((2, 3, 3), (2, 3), True),
        ((2, 3, 3), (3, 2), True), ((3, 3), (2, 3, 2), True), ((3, 3), (2, 3), False),
        ((2, 3, 3), (2, 4, 3), False), ((2, 1, 3, 3), (4, 3, 1), True), ((0, 0), (0, 2), True),
        ((3, 3), (3, 0), True),
    ],
    ids=str,
)  # fmt: skip
def test_solve(a: tuple[int, ...], b: tuple[int, ...], left: bool, dtype: str) -> None:
    left_side, right_side = random(*a, dtype=dtype), random(*b, dtype=dtype)
    check(lambda t, a, b: t.linalg.solve(a, b, left=left), left_side, right_side, rtol=1e-6)
    check(lambda t, a, b: t.linalg.solve_ex(a, b, left=left), left_side, right_side, rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_solve_triangular(left: bool, upper: bool, unit: bool, dtype: str) -> None:
    def solve(t: Any, a: Any, b: Any) -> Any:
        return t.linalg.solve_triangular(a, b, upper=upper, left=left, unitriangular=unit)

    a = random(2, 4, 4, dtype=dtype) + 3 * np.eye(4)
    check(solve, a, random(2, 4, 4, dtype=dtype))
    check(solve, a[0], random(2, 4, 4, dtype=dtype))


def test_solve_triangular_in_blocks() -> None:
    a, b = np.triu(random(150, 150)) + 20 * np.eye(150), random(150, 3)
    ours = flambeau.linalg.solve_triangular(flambeau.tensor(a), flambeau.tensor(b), upper=True)
    np.testing.assert_allclose(a @ ours.numpy(), b, atol=1e-9)
    zero = flambeau.linalg.solve_triangular(
        flambeau.tensor([[1.0, 2.0], [0.0, 0.0]]), flambeau.ones(2, 1), upper=True
    )
    assert np.isinf(zero.numpy()).all()


def test_triangular_solve_and_lu_solve() -> None:
    a, b = random(3, 3) + 3 * np.eye(3), random(3, 2)
    for flags in ((False, False), (False, True), (True, False), (True, True)):
        check(lambda t, a, b, flags=flags: t.triangular_solve(b, a, *flags), a, b)
    for dtype in DTYPES:
        a = random(2, 3, 3, dtype=dtype)
        b = random(2, 3, 3, dtype=dtype)
        for left in (False, True):
            for turned in (False, True):
                options = {"left": left, "adjoint": turned}

                def solve(t: Any, a: Any, b: Any, options: Any = options) -> Any:
                    return t.linalg.lu_solve(*t.linalg.lu_factor(a), b, **options)

                check(solve, a, b, rtol=1e-6)
        check(lambda t, a, b: t.lu_solve(b, *t.linalg.lu_factor(a)), a, b, rtol=1e-6)


def test_lu_of_a_matrix_larger_than_a_panel() -> None:
    a = random(100, 90)
    p, low, up = (t.numpy() for t in flambeau.linalg.lu(flambeau.tensor(a)))
    np.testing.assert_allclose(p @ low @ up, a, atol=1e-10)
    if torch is None:
        return
    ours = flambeau.linalg.lu_factor(flambeau.tensor(a))
    theirs = torch.linalg.lu_factor(torch.tensor(a))
    np.testing.assert_array_equal(ours.pivots.numpy(), theirs.pivots.numpy())
    np.testing.assert_allclose(ours.LU.numpy(), theirs.LU.numpy(), atol=1e-10)


@pytest.mark.parametrize("shape", [(4, 2), (3, 3), (2, 4), (2, 4, 3)], ids=str)
@pytest.mark.parametrize("driver", [None, "gels", "gelsd", "gelss"])
def test_least_squares(shape: tuple[int, ...], driver: str | None) -> None:
    a, b = random(*shape), random(*shape[:-1], 2)

    def solve(t: Any, a: Any, b: Any) -> Any:
        made = t.linalg.lstsq(a, b, driver=driver)
        return made.solution, made.residuals.detach(), made.rank, made.singular_values.detach()

    check(solve, a, b, rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pinv_of_deficient_and_hermitian_matrices(dtype: str) -> None:
    low = random(4, 2, dtype=dtype) @ random(2, 5, dtype=dtype)
    check(lambda t, a: t.linalg.pinv(a.detach(), rtol=1e-10), low, rtol=1e-6)
    check(lambda t, a: t.linalg.pinv(a, atol=0.1, rtol=0.0), random(3, 2, dtype=dtype), rtol=1e-6)
    check(lambda t, a: t.linalg.pinv(a.detach(), hermitian=True), hermitian(3, 3, dtype=dtype))
    check(lambda t, a: t.pinverse(a), random(3, 2, dtype=dtype), rtol=1e-6)


def test_determinant_of_singular_matrices() -> None:
    a = random(3, 3)
    a[2] = a[0] + a[1]
    a[:, 2] = 0
    batch = np.stack([a, np.zeros((3, 3)), np.eye(3)])
    x = flambeau.tensor(batch, requires_grad=True)
    flambeau.linalg.det(x).sum().backward()
    minors = [np.delete(np.delete(a, i, 0), j, 1) for i in range(3) for j in range(3)]
    signs = np.array([1, -1, 1, -1, 1, -1, 1, -1, 1])
    cofactors = (signs * [np.linalg.det(m) for m in minors]).reshape(3, 3)
    np.testing.assert_allclose(x.grad[0].numpy(), cofactors, atol=1e-10)
    np.testing.assert_allclose(x.grad[1].numpy(), 0, atol=1e-10)
    np.testing.assert_allclose(x.grad[2].numpy(), np.eye(3), atol=1e-10)


PRODUCTS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "cross": (lambda t, a, b: t.linalg.cross(a, b), [(4, 3), (1, 3)]),
    "cross_dim": (lambda t, a, b: t.linalg.cross(a, b, dim=0), [(3, 4), (3, 4)]),
    "torch.cross": (lambda t, a, b: t.cross(a, b), [(4, 3), (4, 3)]),
    "vecdot": (lambda t, a, b: t.linalg.vecdot(a, b), [(4, 3), (3,)]),
    "vander": (lambda t, a: t.linalg.vander(a, N=4), [(2, 3)]),
    "torch.vander": (lambda t, a: t.vander(a.detach(), 4, True), [(3,)]),
    "multi_dot": (lambda t, *m: t.linalg.multi_dot(m), [(2, 5), (5, 1), (1, 4), (4, 3)]),
    "multi_dot_vectors": (lambda t, *m: t.linalg.multi_dot(m), [(5,), (5, 3), (3,)]),
    "chain_matmul": (lambda t, *m: t.chain_matmul(*m), [(2, 5), (5, 1), (1, 4)]),
    "tensorinv": (lambda t, a: t.linalg.tensorinv(a, 1), [(6, 2, 3)]),
    "tensorsolve": (lambda t, a, b: t.linalg.tensorsolve(a, b), [(2, 3, 6), (2, 3)]),
    "tensorsolve_dims": (lambda t, a, b: t.linalg.tensorsolve(a, b, (0,)), [(6, 2, 3), (2, 3)]),
    "householder": (lambda t, a, b: t.linalg.householder_product(a, b), [(2, 5, 3), (2, 3)]),
    "orgqr": (lambda t, a, b: t.orgqr(a, b), [(4, 4), (2,)]),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name: str, dtype: str) -> None:
    function, shapes = PRODUCTS[name]
    check(function, *(random(*shape, dtype=dtype) for shape in shapes), rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["det", "inv", "svd", "qr", "eigh", "cholesky", "matrix_exp", "eig"]
)
@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 3, 3), (0, 2, 2)], ids=str)
def test_empty(name: str, shape: tuple[int, ...]) -> None:
    def made(lib: Any) -> list[Any]:
        found = results(getattr(lib.linalg, name)(lib.zeros(shape)))
        return [[list(t.shape), str(t.dtype), str(t.tolist())] for t in found]

    as_pytorch_says(made)


@pytest.mark.parametrize(
    "name",
    ["det", "inv", "svd", "svdvals", "qr", "eigh", "eigvalsh", "eig", "slogdet", "lu", "pinv"],
)
def test_meta_tensors_have_the_real_shapes(name: str) -> None:
    function = getattr(flambeau.linalg, name)
    for dtype in (flambeau.float32, flambeau.complex128):
        real = results(function(flambeau.eye(3, dtype=dtype).expand(2, 3, 3)))
        meta = results(function(flambeau.empty(2, 3, 3, dtype=dtype, device="meta")))
        for a, b in zip(real, meta, strict=True):
            assert b.is_meta and a.shape == b.shape and a.dtype == b.dtype


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_single_precision_stays(dtype: str) -> None:
    a = random(4, 4, dtype="complex128" if dtype == "complex64" else "float64").astype(dtype)
    names = ("inv", "svd", "eigh", "eig", "qr", "det", "slogdet", "matrix_exp", "pinv", "lu")

    def dtypes(lib: Any) -> list[Any]:
        made = [results(getattr(lib.linalg, name)(lib.tensor(a))) for name in names]
        return [[str(t.dtype) for t in parts] for parts in made]

    as_pytorch_says(dtypes)


def test_inputs_that_are_not_contiguous() -> None:
    a = random(4, 6, 4)
    for lib in (flambeau,):
        whole = lib.tensor(a)
        part = whole[::2, 1:5].transpose(-2, -1)
        np.testing.assert_allclose(
            lib.linalg.inv(part).numpy(), np.linalg.inv(a[::2, 1:5].swapaxes(-2, -1)), rtol=1e-8
        )
    wide = flambeau.tensor(random(3, 1)).expand(3, 3)
    assert flambeau.linalg.matrix_rank(wide) == 1


def test_out_forms_and_named_results() -> None:
    a = flambeau.tensor([[4.0, 0.0], [0.0, 1.0]])
    out = flambeau.empty(0)
    assert flambeau.linalg.inv(a, out=out) is out and out.tolist() == [[0.25, 0.0], [0.0, 1.0]]
    values, vectors = flambeau.empty(0), flambeau.empty(0)
    flambeau.linalg.eigh(a, out=(values, vectors))
    assert values.tolist() == [1.0, 4.0] and vectors.shape == (2, 2)
    made = flambeau.linalg.svd(a)
    assert made._fields if hasattr(made, "_fields") else made.S is made[1]
    assert type(flambeau.linalg.eigh(a)).__name__ == "linalg_eigh"


ERRORS: list[tuple[Callable[..., Any], str]] = [
    (lambda t: t.linalg.inv(t.zeros(2, 3)), "must be batches of square matrices"),
    (lambda t: t.linalg.inv(t.zeros(3)), "must have at least 2 dimensions"),
    (lambda t: t.linalg.inv(t.zeros(2, 2)), "The diagonal element 1 is zero"),
    (lambda t: t.linalg.inv(t.stack([t.eye(2), t.ones(2, 2)])), r"\(Batch element 1\): The"),
    (lambda t: t.linalg.inv(t.ones(2, 2, dtype=t.int64)), "Expected a floating point or complex"),
    (lambda t: t.linalg.inv(t.eye(2, dtype=t.float16)), "Low precision dtypes not supported"),
    (lambda t: t.linalg.cholesky(-t.eye(3)), "leading minor of order 1 is not positive-definite"),
    (lambda t: t.linalg.solve(t.zeros(2, 2), t.ones(2)), "singular"),
    (lambda t: t.linalg.solve(t.eye(2), t.ones(3, 1)), "Incompatible shapes of A and B"),
    (lambda t: t.linalg.solve(t.eye(2), t.ones(2, 1).double()), "same dtype"),
    (lambda t: t.linalg.lu_factor_ex(t.zeros(2, 2), check_errors=True), r"U\[1,1\] is zero"),
    (lambda t: t.linalg.lu_factor(t.zeros(2, 2, 2)), r"\(Batch element 0\): U\[1,1\] is zero"),
    (lambda t: t.linalg.qr(t.eye(2), mode="full"), "unrecognized mode"),
    (lambda t: t.linalg.eigh(t.eye(2), UPLO="X"), "Expected UPLO argument to be 'L' or 'U'"),
    (lambda t: t.linalg.svd(t.eye(2), driver="gesvd"), "only supported on CUDA"),
    (lambda t: t.linalg.matrix_norm(t.eye(2), 3), "Order 3 not supported"),
    (lambda t: t.linalg.norm(t.ones(2, 2, 2), 2), "If dim is not specified but ord is"),
    (lambda t: t.linalg.cond(t.ones(2, 3), 1), r"linalg.cond\(ord=1\): A must be batches"),
    (lambda t: t.linalg.lstsq(t.ones(3, 2), t.ones(4, 2)), r"input.size\(-2\) should match"),
    (lambda t: t.linalg.multi_dot([t.ones(2, 2)]), "expected at least 2 tensors"),
    (lambda t: t.linalg.svd(t.full((2, 2), float("nan"))), "contained non-finite values"),
    (lambda t: t.linalg.cholesky(t.full((2, 2), float("nan"))), "leading minor of order 1 is not"),
    (lambda t: t.cross(t.ones(2, 2), t.ones(2, 2)), "no dimension of size 3 in input"),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(ERRORS)))
def test_errors_are_those_of_pytorch(index: int) -> None:
    call, text = ERRORS[index]

    def raised(lib: Any) -> str:
        with pytest.raises(Exception, match=text) as error:
            call(lib)
        return type(error.value).__name__.lstrip("_")

    as_pytorch_says(raised)


def test_linalg_error_is_a_runtime_error() -> None:
    with pytest.raises(flambeau.linalg.LinAlgError):
        flambeau.linalg.inv(flambeau.zeros(2, 2))
    assert issubclass(flambeau.linalg.LinAlgError, RuntimeError)


def test_ex_forms_report() -> None:
    a = np.stack([np.eye(2), np.ones((2, 2)), np.zeros((2, 2))])

    def infos(lib: Any) -> list[Any]:
        names = ("inv_ex", "cholesky_ex", "lu_factor_ex")
        found = [getattr(lib.linalg, name)(lib.tensor(a)).info for name in names]
        return [[info.tolist(), str(info.dtype)] for info in found]

    as_pytorch_says(infos)


def test_eigenvalues_of_nan_are_an_error() -> None:
    for name in ("eig", "eigvals"):
        with pytest.raises(RuntimeError, match="should not contain infs or NaNs"):
            getattr(flambeau.linalg, name)(flambeau.full((2, 2), float("nan")))


def test_what_has_no_derivative_says_so() -> None:
    tall = flambeau.tensor(random(4, 2), requires_grad=True)
    with pytest.raises(RuntimeError, match="not differentiable when mode='complete'"):
        flambeau.linalg.qr(tall, "complete").R.sum().backward()
    with pytest.raises(RuntimeError, match="not computed when mode='r'"):
        flambeau.linalg.qr(tall, "r").R.sum().backward()
    square = flambeau.tensor(hermitian(3, 3, dtype="complex128"), requires_grad=True)
    with pytest.raises(RuntimeError, match="ill-defined"):
        flambeau.linalg.eigh(square).eigenvectors.imag.sum().backward()


def test_full_svd_and_eigenvectors_reconstruct() -> None:
    for dtype in DTYPES:
        a = random(2, 3, 5, dtype=dtype)
        u, s, vh = (t.numpy() for t in flambeau.linalg.svd(flambeau.tensor(a)))
        assert u.shape == (2, 3, 3) and vh.shape == (2, 5, 5)
        np.testing.assert_allclose((u * s[:, None]) @ vh[:, :3], a, atol=1e-10)
        b = random(3, 3, dtype=dtype)
        values, vectors = (t.numpy() for t in flambeau.linalg.eig(flambeau.tensor(b)))
        np.testing.assert_allclose(b @ vectors, vectors * values, atol=1e-10)
