"""Mixed precision: each operator's types beside PyTorch's, gradients, regions, the cache."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref
from typing import Any

import numpy as np
import pytest

import flambeau as fb
from flambeau import _C

torch = pytest.importorskip("torch")

# Each as a user of either library writes it; `f(*sizes)` draws a tensor of the given type, `p` one
# above zero, `m` a positive definite matrix.
CALLS = """
t.mm(f(3, 4), f(4, 5))
t.bmm(f(2, 3, 4), f(2, 4, 5))
t.matmul(f(3, 4), f(4))
f(4) @ f(4)
t.addmm(f(3, 5), f(3, 4), f(4, 5))
t.addbmm(f(3, 5), f(2, 3, 4), f(2, 4, 5))
t.baddbmm(f(2, 3, 5), f(2, 3, 4), f(2, 4, 5))
t.linalg.vecdot(f(3, 4), f(3, 4))
t.linalg.multi_dot([f(3, 4), f(4, 5), f(5, 2)])
t.einsum("ij,kj->ik", f(3, 4), f(5, 4))
t.tensordot(f(3, 4), f(4, 5), 1)
t.inner(f(3, 4), f(2, 4))
t.mv(f(3, 4), f(4))
t.dot(f(4), f(4))
t.addmv(f(3), f(3, 4), f(4))
t.outer(f(3), f(4))
t.kron(f(2, 2), f(3, 2))
F.linear(f(2, 3, 4), f(5, 4), f(5))
F.bilinear(f(2, 3), f(2, 4), f(5, 3, 4))
F.conv1d(f(1, 2, 8), f(3, 2, 3), f(3))
F.conv1d(f(1, 2, 8), f(3, 2, 3), padding="same")
F.conv2d(f(1, 2, 8, 8), f(3, 2, 3, 3), f(3))
F.conv2d(f(1, 2, 8, 8), f(3, 2, 3, 3), padding="same")
F.conv3d(f(1, 2, 5, 5, 5), f(3, 2, 3, 3, 3))
F.conv_transpose1d(f(1, 2, 8), f(2, 3, 3))
F.conv_transpose2d(f(1, 2, 4, 4), f(2, 3, 3, 3))
F.conv_transpose3d(f(1, 2, 4, 4, 4), f(2, 3, 3, 3, 3))
F.prelu(f(2, 3), f(3))
F.scaled_dot_product_attention(f(1, 2, 4, 8), f(1, 2, 4, 8), f(1, 2, 4, 8))
F.scaled_dot_product_attention(f(1, 2, 4, 8), f(1, 2, 4, 8), f(1, 2, 4, 8), is_causal=True)
F.avg_pool3d(f(1, 1, 4, 4, 4), 2)
F.max_pool3d(f(1, 1, 4, 4, 4), 2)
F.adaptive_avg_pool3d(f(1, 1, 4, 4, 4), 2)
F.adaptive_max_pool3d(f(1, 1, 4, 4, 4), 2)
F.avg_pool2d(f(1, 1, 4, 4), 2)
F.max_pool2d(f(1, 1, 4, 4), 2)
F.pad(f(1, 2, 6), (1, 2), mode="reflect")
F.pad(f(1, 2, 6, 6), (1, 2, 0, 1), mode="reflect")
F.pad(f(1, 2, 6), (1, 2), mode="replicate")
F.pad(f(1, 2, 6, 6), (1, 2, 0, 1), mode="replicate")
F.pad(f(1, 2, 4, 4, 4), (1, 1, 1, 1, 1, 1), mode="replicate")
F.pad(f(1, 2, 6), (1, 2), mode="circular")
F.pad(f(1, 2, 6), (1, 2))
F.grid_sample(f(1, 2, 4, 4), f(1, 3, 3, 2), align_corners=False)
F.binary_cross_entropy(t.sigmoid(f(4)), t.sigmoid(f(4)))
F.binary_cross_entropy_with_logits(f(4), t.sigmoid(f(4)))
F.mse_loss(f(4), f(4))
F.l1_loss(f(4), f(4))
F.smooth_l1_loss(f(4), f(4))
F.huber_loss(f(4), f(4))
F.kl_div(f(4, 3), p(4, 3), reduction="batchmean")
F.poisson_nll_loss(f(4), f(4))
F.soft_margin_loss(f(4), f(4).sign())
F.hinge_embedding_loss(f(4), f(4).sign())
F.margin_ranking_loss(f(4), f(4), f(4).sign())
F.triplet_margin_loss(f(4, 3), f(4, 3), f(4, 3))
F.cosine_embedding_loss(f(4, 3), f(4, 3), f(4).sign())
F.multi_margin_loss(f(3, 4), t.tensor([0, 1, 3]))
F.multilabel_margin_loss(f(3, 4), t.tensor([[0, -1, 1, 2], [1, 2, -1, 0], [3, -1, 0, 0]]))
F.cross_entropy(f(3, 4), t.tensor([0, 1, 3]))
F.cross_entropy(f(3, 4), t.tensor([0, 1, 3]), f(4).abs(), label_smoothing=0.1)
F.cross_entropy(f(2, 4, 3), t.tensor([[0, 1, 3], [2, 2, 0]]), reduction="none")
F.cross_entropy(f(3, 4), p(3, 4), f(4), label_smoothing=0.1)
F.nll_loss(f(3, 4), t.tensor([0, 1, 3]))
F.nll_loss(f(1, 3, 2, 2), t.tensor([[[0, 1], [2, 0]]]))
F.ctc_loss(F.log_softmax(f(5, 1, 3), -1), t.tensor([[1, 2]]), t.tensor([5]), t.tensor([2]))
F.softmax(f(3, 4), -1)
F.layer_norm(f(3, 4), (4,))
F.gelu(f(3, 4))
t.prod(f(4))
t.prod(f(3, 4), 1)
t.prod(f(4), dtype=t.bfloat16)
t.sum(f(4))
t.exp(f(4))
t.trace(f(3, 3))
t.polar(p(4), f(4))
t.view_as_complex(f(3, 2))
t.quantile(f(5), 0.5)
t.nanquantile(f(5), 0.5)
t.cdist(f(3, 4), f(2, 4))
t.stft(f(32), 8, window=t.ones(8), return_complex=True)
t.cat([f(3), f(2)])
t.stack([f(3), f(3)])
t.cat([f(3), t.ones(3)])
t.stack([t.ones(3), f(3)])
t.index_copy(t.zeros(3), 0, t.tensor([1]), f(1))
t.linalg.cholesky(m(3))
t.linalg.cholesky_ex(m(3)).L
t.cholesky_inverse(m(3))
t.cholesky_solve(f(3, 2), m(3))
t.linalg.cond(m(3))
t.linalg.matrix_rank(m(3), atol=0.1)
t.linalg.solve(m(3), f(3, 2))
t.linalg.inv(m(3))
t.linalg.inv_ex(m(3)).inverse
t.inverse(m(3))
t.pinverse(m(3))
t.linalg.svdvals(f(3, 2))
t.linalg.svd(m(3)).S
t.linalg.eigvalsh(m(3))
t.linalg.eigh(m(3)).eigenvalues
t.linalg.eigvals(m(3)).abs().sort().values
t.linalg.eig(m(3)).eigenvalues.abs().sort().values
t.linalg.qr(f(3, 3)).R.abs()
t.geqrf(f(3, 3)).a.abs()
t.linalg.householder_product(f(3, 2), f(2))
t.linalg.lstsq(m(3), f(3, 2)).solution
t.linalg.tensorinv(m(4).view(2, 2, 4), ind=2)
t.linalg.tensorsolve(m(4).view(2, 2, 4), f(2, 2))
t.triangular_solve(f(3, 2), m(3)).solution
t.fft.fft(f(8))
t.fft.ifft(f(8))
t.fft.fft2(f(4, 4))
t.fft.ifft2(f(4, 4))
t.fft.fftn(f(4, 4))
t.fft.ifftn(f(4, 4))
t.fft.rfft(f(8))
t.fft.irfft(f(8))
t.fft.rfft2(f(4, 4))
t.fft.irfft2(f(4, 4))
t.fft.rfftn(f(4, 4))
t.fft.irfftn(f(4, 4))
t.fft.hfft(f(8))
t.fft.ihfft(f(8))
""".strip().splitlines()


def run(t: Any, call: str, given: str, lower: str, seed: int) -> Any:
    draw = np.random.default_rng(seed)

    def f(*sizes: int) -> Any:
        return t.tensor(draw.standard_normal(sizes).astype("float32")).to(getattr(t, given))

    def p(*sizes: int) -> Any:
        values = draw.uniform(0.5, 1.5, sizes).astype("float32")
        return t.tensor(values).to(getattr(t, given))

    def m(n: int) -> Any:
        values = draw.standard_normal((n, n)).astype("float32")
        return t.tensor(values @ values.T + n * np.eye(n, dtype="float32")).to(getattr(t, given))

    names = {"t": t, "F": t.nn.functional, "f": f, "p": p, "m": m}
    with t.autocast("cpu", dtype=getattr(t, lower)):
        return eval(call, names)


def compare(ours: Any, theirs: Any, tolerance: float = 5e-2) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    wide = "complex128" if theirs.dtype.is_complex else "float64"
    a, b = ours.detach().to(getattr(fb, wide)), theirs.detach().to(getattr(torch, wide))
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", CALLS)
def test_types_are_pytorchs(call: str) -> None:
    seed = len(call)
    for given, lower in (("float32", "bfloat16"), ("bfloat16", "bfloat16"), ("float32", "float16")):
        try:
            theirs = run(torch, call, given, lower, seed)
        except (RuntimeError, NotImplementedError):
            continue  # PyTorch has no kernel of this type, or wants equal ones
        compare(run(fb, call, given, lower, seed), theirs)


def test_some_types_are_compared() -> None:
    theirs = run(torch, "t.mm(f(3, 4), f(4, 5))", "float32", "bfloat16", 0)
    assert theirs.dtype == torch.bfloat16


def test_rules_are_in_the_records() -> None:
    rules = {op["name"]: op["autocast"] for op in _C._registry()}
    assert rules["mm"] == rules["linear"] == "lower"
    assert rules["nll_loss"] == "float32"
    assert rules["cat"] == "promote"
    assert rules["add"] == ""


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}])
def test_recurrent_layers(kind: str, options: dict[str, Any]) -> None:
    theirs = getattr(torch.nn, kind)(4, 5, **options)
    ours = getattr(fb.nn, kind)(4, 5, **options)
    state = {name: fb.tensor(value.numpy()) for name, value in theirs.state_dict().items()}
    ours.load_state_dict(state)
    x = np.random.default_rng(3).standard_normal((6, 2, 4)).astype("float32")
    with fb.autocast("cpu"), torch.autocast("cpu"):
        a, b = ours(fb.tensor(x)), theirs(torch.tensor(x))
    compare(a[0], b[0])
    finals = (a[1], b[1]) if kind == "LSTM" else ((a[1],), (b[1],))
    for mine, other in zip(*finals, strict=True):
        compare(mine, other)
    a[0].float().sum().backward()
    b[0].float().sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        compare(mine.grad, other.grad, 0.1)


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "RNNCell"])
def test_recurrent_cells(kind: str) -> None:
    with fb.autocast("cpu"), torch.autocast("cpu"):
        a = getattr(fb.nn, kind)(4, 5)(fb.ones(2, 4))
        b = getattr(torch.nn, kind)(4, 5)(torch.ones(2, 4))
    a, b = (a, b) if isinstance(b, tuple) else ((a,), (b,))
    assert [str(x.dtype) for x in a] == [str(x.dtype) for x in b]


def network(t: Any) -> Any:
    return t.nn.Sequential(
        t.nn.Conv2d(1, 4, 3),
        t.nn.BatchNorm2d(4),
        t.nn.ReLU(),
        t.nn.Flatten(),
        t.nn.Linear(64, 16),
        t.nn.LayerNorm(16),
        t.nn.GELU(),
        t.nn.Linear(16, 3),
    )


def test_training_follows_pytorch() -> None:
    torch.manual_seed(0)
    theirs, ours = network(torch), network(fb)
    ours.load_state_dict({k: fb.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    draw = np.random.default_rng(0)
    x = draw.standard_normal((8, 1, 6, 6)).astype("float32")
    y = draw.integers(0, 3, 8)
    losses: dict[str, list[float]] = {"flambeau": [], "torch": []}
    for t, net in ((fb, ours), (torch, theirs)):
        optimizer = t.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            with t.autocast("cpu", dtype=t.bfloat16):
                logits = net(t.tensor(x))
                loss = t.nn.functional.cross_entropy(logits, t.tensor(y))
            assert logits.dtype == t.bfloat16 and loss.dtype == t.float32
            loss.backward()
            assert all(p.grad.dtype == t.float32 for p in net.parameters())
            optimizer.step()
            losses[t.__name__].append(loss.item())
    np.testing.assert_allclose(losses["flambeau"], losses["torch"], rtol=0.05, atol=0.02)
    assert losses["flambeau"][-1] < losses["flambeau"][0]


def test_gradients_of_casts() -> None:
    w = fb.randn(6, 5, requires_grad=True)
    x = fb.randn(4, 5, requires_grad=True)
    with fb.autocast("cpu"):
        y = fb.nn.functional.linear(x, w)
    y.float().square().sum().backward()
    exact = 2 * (x @ w.T).T @ x
    assert w.grad.dtype == x.grad.dtype == fb.float32
    np.testing.assert_allclose(w.grad.numpy(), exact.detach().numpy(), rtol=0.05, atol=0.5)


# ---- regions ------------------------------------------------------------------------------


def product(a: Any) -> Any:
    return (a @ a).dtype


def test_regions_nest() -> None:
    a = fb.ones(2, 2)
    with fb.autocast("cpu"):
        assert product(a) == fb.bfloat16
        with fb.autocast("cpu", enabled=False):
            assert product(a) == fb.float32
            with fb.autocast("cpu", dtype=fb.float16):
                assert product(a) == fb.float16
            assert product(a) == fb.float32
        assert product(a) == fb.bfloat16
        assert fb.get_autocast_dtype("cpu") == fb.bfloat16
    assert product(a) == fb.float32
    assert not fb.is_autocast_enabled("cpu")


def test_one_object_can_be_entered_twice() -> None:
    region = fb.autocast("cpu")
    with region:
        with region:
            assert fb.is_autocast_enabled("cpu")
        assert fb.is_autocast_enabled("cpu")
    assert not fb.is_autocast_enabled("cpu")


def test_decorates_functions_and_methods() -> None:
    @fb.autocast("cpu")
    def function(a: Any) -> Any:
        """Text."""
        return product(a)

    class Net(fb.nn.Module):
        @fb.amp.autocast("cpu", dtype=fb.float16)
        def forward(self, a: Any) -> Any:
            return product(a)

    assert function(fb.ones(2, 2)) == fb.bfloat16 and function.__doc__ == "Text."
    assert Net()(fb.ones(2, 2)) == fb.float16
    assert product(fb.ones(2, 2)) == fb.float32


def test_an_exception_leaves_the_region() -> None:
    with pytest.raises(RuntimeError), fb.autocast("cpu", dtype=fb.float16):
        fb.mm(fb.ones(2, 3), fb.ones(2, 3))
    assert not fb.is_autocast_enabled("cpu")
    assert fb.get_autocast_dtype("cpu") == fb.bfloat16
    with fb.autocast("cpu"):
        with pytest.raises(RuntimeError):
            fb.mm(fb.ones(2, 3), fb.ones(2, 3))
        assert product(fb.ones(2, 2)) == fb.bfloat16


def test_a_region_is_the_threads() -> None:
    seen = []
    with fb.autocast("cpu"):
        thread = threading.Thread(target=lambda: seen.append(product(fb.ones(2, 2))))
        thread.start()
        thread.join()
    assert seen == [fb.float32]


def test_threads_with_regions_share_parameters() -> None:
    w = fb.nn.Parameter(fb.randn(16, 16))
    wrong: list[object] = []

    def work() -> None:
        for _ in range(50):
            with fb.autocast("cpu"):
                y = fb.mm(fb.ones(2, 16), w)
            if y.dtype != fb.bfloat16 or not y.requires_grad:
                wrong.append(y)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_left_alone() -> None:
    a = fb.ones(2, 2)
    with fb.autocast("cpu"):
        assert product(a.double()) == fb.float64
        assert product(a.to(fb.complex64)) == fb.complex64
        assert product(a.to("meta")) == fb.float32
        assert (a + a).dtype == fb.float32
        assert fb.mm(a, a, out=fb.empty(2, 2)).dtype == fb.float32
        assert fb.ones(2, 2).addmm_(a, a).dtype == fb.float32
        assert fb.mm(fb.ones(2, 2, dtype=fb.int64), fb.ones(2, 2, dtype=fb.int64)).dtype == fb.int64
        with pytest.raises(RuntimeError):
            fb.mm(a.double(), a)


def test_modes_see_calls_before_casts() -> None:
    seen: list[tuple[str, Any]] = []

    def handler(op: Any, args: Any, kwargs: Any) -> Any:
        seen.append((op.__name__, args[0].dtype))
        return op(*args, **kwargs)

    a = fb.ones(2, 2)
    with fb.autocast("cpu"):
        _C._push_mode(handler)
        try:
            y = fb.mm(a, a)
        finally:
            _C._pop_mode()
    assert seen == [("mm", fb.float32)] and y.dtype == fb.bfloat16


# ---- parameters are cast once -------------------------------------------------------------


def casts(function: Any) -> int:
    """How many casts a call makes."""
    from flambeau.profiler import profile

    with profile() as recording:
        function()
    return sum(e.count for e in recording.key_averages() if "_to_copy" in e.key)


def test_a_parameter_is_cast_once_in_a_region() -> None:
    w = fb.nn.Parameter(fb.ones(4, 4))
    x = fb.ones(4, 4, dtype=fb.bfloat16)

    def uses(**options: Any) -> None:
        with fb.autocast("cpu", **options):
            for _ in range(3):
                fb.mm(x, w)
                with fb.autocast("cpu"):
                    fb.mm(x, w)

    assert casts(uses) == 1
    assert casts(lambda: uses(cache_enabled=False)) > 1


def test_the_cache_ends_with_the_outermost_region() -> None:
    w = fb.nn.Parameter(fb.ones(4, 4))
    gone = weakref.ref(w)
    x = fb.ones(4, 4)
    with fb.autocast("cpu"):
        first = fb.mm(x, w)
        w.data.mul_(2)
        with fb.autocast("cpu"):
            fb.mm(x, w)
    with fb.autocast("cpu"):
        assert fb.equal(fb.mm(x, w), first * 2)
    del w, first
    gc.collect()
    assert gone() is None


def test_a_parameter_written_in_a_region_is_cast_again() -> None:
    w = fb.nn.Parameter(fb.ones(4, 4))
    x = fb.ones(4, 4)
    with fb.autocast("cpu"):
        first = fb.mm(x, w)
        with fb.no_grad():
            w.mul_(2)
        assert fb.equal(fb.mm(x, w), first * 2)


def test_a_cast_without_gradients_does_not_cut_them() -> None:
    w = fb.nn.Parameter(fb.ones(4, 4))
    x = fb.ones(4, 4)
    for quiet in (fb.no_grad, fb.inference_mode):
        with fb.autocast("cpu"):
            with quiet():
                fb.mm(x, w)
            y = fb.mm(x, w)
            with quiet():
                assert not fb.mm(x, w).requires_grad
        assert y.requires_grad
        y.sum().backward()
        assert fb.equal(w.grad, fb.full((4, 4), 4.0))
        w.grad = None


def test_switches_without_a_region() -> None:
    a = fb.ones(2, 2)
    fb.set_autocast_enabled("cpu", True)
    try:
        assert product(a) == fb.bfloat16
        fb.set_autocast_dtype("cpu", fb.float16)
        assert product(a) == fb.float16
    finally:
        fb.set_autocast_enabled("cpu", False)
        fb.set_autocast_dtype("cpu", fb.bfloat16)
    assert product(a) == fb.float32
    assert fb.is_autocast_cache_enabled()
    assert fb.amp.is_autocast_available("cpu") and not fb.amp.is_autocast_available("meta")


def test_other_devices_are_accepted_and_do_nothing() -> None:
    with pytest.warns(UserWarning, match="Disabling autocast"):
        region = fb.autocast("cuda")
    with region:
        assert product(fb.ones(2, 2)) == fb.float32
        assert not fb.is_autocast_enabled("cuda")
    assert fb.get_autocast_dtype("cuda") == fb.float16
    with pytest.warns(UserWarning, match="target dtype is not supported"):
        region = fb.autocast("cpu", dtype=fb.float32)
    with region:
        assert not fb.is_autocast_enabled("cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fb.autocast("cuda", enabled=False)


def test_wrong_arguments() -> None:
    with pytest.raises(RuntimeError, match="unsupported autocast device_type 'toaster'"):
        fb.autocast("toaster")
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        fb.autocast(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"must be flambeau\.dtype"):
        fb.set_autocast_dtype("cpu", 3)  # type: ignore[arg-type]


# ---- custom functions ---------------------------------------------------------------------


@pytest.mark.parametrize("cast_inputs", [None, "float32"])
def test_custom_functions(cast_inputs: str | None) -> None:
    def result(t: Any) -> tuple[list[str], Any]:
        seen: list[Any] = []

        class Square(t.autograd.Function):  # type: ignore[misc,name-defined]
            @staticmethod
            @t.amp.custom_fwd(
                device_type="cpu", cast_inputs=cast_inputs and getattr(t, cast_inputs)
            )
            def forward(ctx: Any, x: Any, extra: Any) -> Any:
                ctx.save_for_backward(x)
                y = x @ x
                seen.extend([x.dtype, extra[0].dtype, y.dtype, t.is_autocast_enabled("cpu")])
                return y

            @staticmethod
            @t.amp.custom_bwd(device_type="cpu")
            def backward(ctx: Any, grad: Any) -> Any:
                (x,) = ctx.saved_tensors
                seen.extend([t.is_autocast_enabled("cpu"), (x @ x).dtype])
                return grad @ x.T, None

        x = t.eye(3, requires_grad=True)
        with t.autocast("cpu"):
            y = Square.apply(x, (t.ones(2, dtype=t.bfloat16),))
        y.float().sum().backward()
        return [str(s) for s in seen], x.grad.dtype

    ours, theirs = result(fb), result(torch)
    assert ours[0] == theirs[0] and str(ours[1]) == str(theirs[1])
