"""Convolutions against PyTorch: all options, first and second derivatives, dtypes, formats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import recorded
from op_compare import Function, check, check_error
from oracles import LIBRARIES, torch

import flambeau as fl
import flambeau.nn.functional as F

# (input, weight, options) by number of spatial dimensions.
CASES: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ("conv1d", (2, 3, 9), (4, 3, 3), {}),
    ("conv1d", (3, 9), (4, 3, 2), {"stride": 2, "padding": 1}),
    ("conv1d", (2, 4, 11), (6, 2, 3), {"dilation": 2, "groups": 2}),
    ("conv1d", (2, 3, 8), (4, 3, 4), {"padding": "same"}),
    ("conv2d", (2, 3, 7, 6), (4, 3, 3, 2), {}),
    ("conv2d", (3, 7, 6), (4, 3, 3, 3), {"stride": (2, 1), "padding": (1, 2)}),
    ("conv2d", (2, 6, 8, 9), (6, 1, 3, 3), {"groups": 6, "padding": 1}),
    ("conv2d", (2, 4, 9, 9), (4, 2, 3, 2), {"dilation": (2, 3), "groups": 2}),
    ("conv2d", (1, 2, 5, 6), (3, 2, 4, 3), {"padding": "same", "dilation": (1, 2)}),
    ("conv2d", (2, 2, 5, 6), (3, 2, 2, 3), {"padding": "valid", "stride": 2}),
    ("conv2d", (2, 3, 7, 7), (4, 3, 1, 1), {"stride": 3}),
    ("conv3d", (2, 2, 5, 4, 6), (3, 2, 3, 2, 2), {"padding": 1}),
    ("conv3d", (2, 5, 4, 6), (3, 2, 2, 2, 3), {"stride": 2}),
    ("conv_transpose1d", (2, 3, 6), (3, 4, 3), {"stride": 2, "output_padding": 1}),
    ("conv_transpose1d", (2, 4, 5), (4, 2, 3), {"groups": 2, "dilation": 2}),
    ("conv_transpose2d", (2, 3, 4, 5), (3, 4, 3, 2), {"stride": (2, 3), "padding": 1}),
    ("conv_transpose2d", (3, 4, 5), (3, 4, 3, 3), {"padding": (1, 0)}),
    ("conv_transpose2d", (1, 3, 4, 4), (3, 2, 2, 2), {"dilation": 2, "output_padding": 1}),
    ("conv_transpose3d", (1, 2, 3, 2, 4), (2, 3, 2, 2, 3), {"stride": 2}),
]


def convolve(name: str, **options: Any) -> Function:
    return lambda root, *tensors: getattr(root.nn.functional, name)(*tensors, **options)


@pytest.mark.parametrize(("name", "input", "weight", "options"), CASES)
@pytest.mark.parametrize("bias", [False, True])
def test_options_and_derivatives(
    name: str, input: Any, weight: Any, options: dict[str, Any], bias: bool
) -> None:
    made = weight[1] * options.get("groups", 1) if "transpose" in name else weight[0]
    check(convolve(name, **options), input, weight, *([(made,)] if bias else []), strides=False)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(
    ("input", "weight", "arguments"),
    [
        ((9, 16, 13, 12), (40, 16, 3, 3), ([1, 2], [1, 0], [1, 1], False, [0, 0], 1)),
        ((1, 3, 40, 30), (32, 3, 5, 5), ([2, 2], [2, 2], [1, 1], False, [0, 0], 1)),
        ((3, 64, 7, 7), (96, 64, 3, 3), ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)),
        ((1, 128, 3, 3), (192, 128, 1, 1), ([1, 1], [0, 0], [1, 1], False, [0, 0], 1)),
        ((4, 24, 10, 9), (24, 1, 3, 3), ([1, 1], [1, 1], [2, 1], False, [0, 0], 24)),
        ((2, 16, 9, 8), (16, 8, 4, 4), ([2, 2], [1, 1], [1, 1], True, [1, 0], 2)),
        ((2, 80, 5, 6), (80, 33, 2, 2), ([2, 2], [0, 0], [1, 1], True, [0, 0], 1)),
    ],
)
def test_lower_precision(
    input: Any, weight: Any, arguments: tuple[Any, ...], dtype: str, last: bool
) -> None:
    """What oneDNN or float32 compute, against float64, ours and PyTorch's."""
    made = weight[1] * arguments[-1] if arguments[3] else weight[0]
    given = [fl.tensor(np.random.standard_normal(s)) for s in (input, weight, (made,))]
    ours = [t.to(getattr(fl, dtype)).requires_grad_() for t in given]
    x = ours[0].contiguous(memory_format=fl.channels_last) if last else ours[0]
    y = fl.convolution(x, *ours[1:], *arguments)
    assert y.is_contiguous(memory_format=fl.channels_last if last else fl.contiguous_format)
    out = fl.tensor(np.random.standard_normal(y.shape)).to(y.dtype)
    results = [y, *fl.autograd.grad(y, ours, out)]
    tolerance = {"float32": 1e-5, "float16": 2e-3, "bfloat16": 1.5e-2}[dtype]
    for library in (fl, torch) if torch else (fl,):
        leaves = [library.tensor(t.detach().double().numpy()).requires_grad_() for t in ours]
        expected = library.convolution(*leaves, *arguments)
        wide_out = library.tensor(out.double().numpy())
        wanted = [expected, *library.autograd.grad(expected, leaves, wide_out)]
        for a, b in zip(results, wanted, strict=True):
            assert a.dtype == y.dtype
            largest = float(b.detach().abs().max())
            np.testing.assert_allclose(
                a.detach().double().numpy(), b.detach().numpy(), rtol=0, atol=tolerance * largest
            )


def test_formats_follow_input_and_weight() -> None:
    last = {"memory_format": fl.channels_last}
    x, w = fl.randn(2, 3, 6, 5), fl.randn(4, 3, 3, 3)
    assert F.conv2d(x, w).is_contiguous()
    assert F.conv2d(x.contiguous(**last), w).stride() == (48, 1, 12, 4)
    assert F.conv2d(x, w.contiguous(**last)).stride() == (48, 1, 12, 4)
    assert F.conv2d(x.double(), w.double().contiguous(**last)).stride() == (48, 1, 12, 4)
    same = F.conv2d(x.contiguous(**last), fl.randn(4, 3, 2, 2), padding="same")
    assert same.stride() == (120, 1, 20, 4)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8", "complex64", "complex128"])
def test_other_dtypes(dtype: str) -> None:
    shapes = ((2, 4, 6, 5), dtype), ((4, 2, 3, 3), dtype), ((4,), dtype)
    function = convolve("conv2d", groups=2, padding=1)
    if "complex" in dtype:
        rng = np.random.default_rng()
        given = [(rng.standard_normal(s) + 1j * rng.standard_normal(s)) for s, _ in shapes]
        ours = function(fl, *[fl.tensor(a.astype(dtype)) for a in given])
        for library in LIBRARIES.values():
            theirs = function(library, *[library.tensor(a) for a in given])
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-4)
    else:
        check(function, *shapes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_strange_strides(dtype: str) -> None:
    def function(root: Any, x: Any, w: Any, b: Any) -> Any:
        x = x.to(getattr(root, dtype)).transpose(2, 3)[:, ::2]
        w = w.to(getattr(root, dtype)).expand(4, 3, 3, 3)
        return root.nn.functional.conv2d(x, w, b[::2].to(x.dtype)).double().round(decimals=3)

    check(function, (2, 6, 7, 5), (1, 3, 3, 3), (8,), strides=False, gradients=False)


def test_empty_batches() -> None:
    for name, input, weight in [
        ("conv2d", (0, 3, 5, 5), (4, 3, 3, 3)),
        ("conv_transpose2d", (0, 3, 5, 5), (3, 4, 3, 3)),
    ]:
        tensors = [fl.zeros(*s, requires_grad=True) for s in (input, weight, (4,))]
        y = getattr(F, name)(*tensors)
        assert y.shape[:2] == (0, 4)
        y.sum().backward()
        assert [tuple(t.grad.shape) for t in tensors] == [input, weight, (4,)]
        assert not tensors[1].grad.any()


def test_results_do_not_depend_on_threads() -> None:
    x, w = fl.randn(11, 32, 12, 12), fl.randn(64, 32, 3, 3)
    before, results = fl.get_num_threads(), []
    for threads in (1, 2, 5):
        fl.set_num_threads(threads)
        leaves = [x.clone().requires_grad_(), w.clone().requires_grad_()]
        y = F.conv2d(*leaves, padding=1)
        results.append([t.tolist() for t in (y, *fl.autograd.grad(y.sin().sum(), leaves))])
    fl.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_repeated_calls_with_changing_shapes() -> None:
    """Primitives are kept by shape: none may be taken for another."""
    rng = np.random.default_rng()
    for size in (8, 9, 8, 10, 9, 8):
        for padding in (0, 1):
            x = rng.standard_normal((2, 8, size, size)).astype(np.float32)
            w = rng.standard_normal((16, 8, 3, 3)).astype(np.float32)
            ours = F.conv2d(fl.tensor(x), fl.tensor(w), padding=padding)
            for library in LIBRARIES.values():
                convolved = library.nn.functional.conv2d
                theirs = convolved(library.tensor(x), library.tensor(w), padding=padding)
                np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-4)


def test_same_padding_of_contiguous_tensors() -> None:
    check(convolve("conv3d", padding="same"), (1, 2, 4, 5, 3), (2, 2, 2, 3, 4))


@pytest.mark.parametrize(
    ("name", "shapes", "options"),
    [
        ("conv2d", [(2, 3, 5, 5), (4, 4, 3, 3)], {}),
        ("conv2d", [(2, 3, 5, 5), (4, 3, 7, 3)], {}),
        ("conv2d", [(3, 5), (4, 3, 3, 3)], {}),
        ("conv2d", [(2, 3, 5, 5), (4, 3, 3, 3), (3,)], {}),
        ("conv2d", [(2, 3, 5, 5), (4, 3, 3, 3)], {"stride": 0}),
        ("conv2d", [(2, 3, 5, 5), (4, 3, 3, 3)], {"stride": [1, 1, 1]}),
        ("conv2d", [(2, 3, 5, 5), (4, 3, 3, 3)], {"padding": -1}),
        ("conv2d", [((2, 3, 5, 5), "float32"), ((4, 3, 3, 3), "float32")], {"dilation": 0}),
        ("conv2d", [(2, 3, 5, 5), (4, 3, 3, 3)], {"groups": 0}),
        ("conv2d", [(2, 3, 5, 5), (4, 3, 3, 3)], {"groups": 3}),
        ("conv2d", [(2, 4, 5, 5), (4, 2, 3, 3)], {"groups": 4}),
        ("conv2d", [(2, 3, 5, 5), (4, 3, 3, 3)], {"padding": "some"}),
        ("conv2d", [(2, 3, 5, 5), (4, 3, 3, 3)], {"padding": "same", "stride": 2}),
        ("conv2d", [(2, 3, 0, 5), (4, 3, 1, 1)], {}),
        ("conv2d", [(2, 3, 5, 5), (4, 3, 3, 3), ((4,), "float32")], {}),
        ("conv_transpose2d", [(2, 3, 5, 5), (4, 4, 3, 3)], {}),
        ("conv_transpose2d", [(2, 3, 5, 5), (3, 4, 3, 3)], {"output_padding": 1}),
        ("conv_transpose2d", [(2, 3, 5, 5), (3, 4, 3, 3)], {"output_padding": -1}),
        ("conv_transpose2d", [(2, 3, 5, 5), (3, 4, 3, 3), (5,)], {}),
    ],
)
def test_errors(name: str, shapes: Any, options: dict[str, Any]) -> None:
    check_error(convolve(name, **options), *shapes)


def test_mixed_dtypes_are_named() -> None:
    with pytest.raises(RuntimeError, match=r"\(torch.FloatTensor\) and weight type \(torch.Double"):
        F.conv2d(fl.zeros(1, 1, 3, 3), fl.zeros(1, 1, 3, 3, dtype=fl.float64))
    with pytest.raises(RuntimeError, match="the kernel must have elements"):
        F.conv2d(fl.zeros(1, 1, 3, 3), fl.zeros(1, 1, 0, 3))


def test_meta_tensors_have_shapes() -> None:
    x, w = fl.zeros(2, 3, 7, 6, device="meta"), fl.zeros(4, 3, 3, 3, device="meta")
    y = F.conv2d(x, w, stride=2, padding=1)
    assert y.is_meta
    assert tuple(y.shape) == tuple(
        F.conv2d(fl.zeros(2, 3, 7, 6), fl.zeros(4, 3, 3, 3), None, 2, 1).shape
    )


def test_strides_of_results() -> None:
    def strides(root: Any) -> list[list[int]]:
        found = []
        for shape in [(2, 3, 6, 5), (1, 3, 6, 5)]:
            x = root.zeros(*shape).contiguous(memory_format=root.channels_last)
            y = root.nn.functional.conv2d(x, root.zeros(4, 3, 3, 3))
            found.append([*y.shape, *y.stride()])
        return found

    theirs = strides(torch) if torch else recorded.kept("strides")
    recorded.keep("strides", theirs)
    assert strides(fl) == theirs
