"""Indexing with [] and the operators that pick or write elements, against PyTorch."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
import recorded
from op_compare import check, numbers
from oracles import LIBRARIES, torch

import flambeau as fl

# --- random keys --------------------------------------------------------------------------------


def random_index(size: int, shape: tuple[int, ...]) -> Any:
    if size == 0:
        return np.zeros((0,), dtype=np.int64)
    index = np.random.randint(-size, size, shape)
    form = random.random()
    if form < 0.2 and index.ndim == 1:
        return index.tolist()
    return index.astype(np.int32) if form < 0.3 else index


def random_slice() -> slice:
    ends = [random.choice([None, random.randint(-6, 6)]) for _ in range(2)]
    return slice(*ends, random.choice([None, 1, 2, 3]))


def random_key(shape: tuple[int, ...], advanced: bool) -> Any:
    """A key with integers, slices, None, Ellipsis and, if advanced, indices and masks."""
    key: list[Any] = []
    together = random.choice([(2,), (3,), (2, 3), (1,), ()])
    at = 0
    while at < len(shape) and len(key) < 8:
        kind = random.random()
        if kind < 0.15:
            key.append(random.randrange(-shape[at], shape[at]) if shape[at] else 0)
            at += 1
        elif kind < 0.4:
            key.append(random_slice())
            at += 1
        elif kind < 0.5:
            key.append(None)
        elif kind < 0.58 and Ellipsis not in [k for k in key if not isinstance(k, np.ndarray)]:
            at += random.randint(0, len(shape) - at)
            key.append(Ellipsis)
        elif kind < 0.65:
            break
        elif advanced and kind < 0.85:
            key.append(random_index(shape[at], random.choice([together, (1,)])))
            at += 1
        elif advanced and kind < 0.95:
            dims = random.randint(1, min(2, len(shape) - at))
            key.append(np.random.rand(*shape[at : at + dims]) > 0.5)
            at += dims
            if dims > 1:  # PyTorch miscounts the dimensions of what follows
                break
        elif advanced:
            key.append(random.choice([True, False]))
    if len(key) == 1 and random.random() < 0.5:
        return key[0]
    return tuple(key)


def key_for(root: Any, key: Any) -> Any:
    """Some arrays become tensors; PyTorch takes an array as one dimension, whatever it is."""
    if isinstance(key, tuple):
        return tuple(key_for(root, k) for k in key)
    if not isinstance(key, np.ndarray):
        return key
    return root.tensor(key) if key.size % 2 or (key.dtype == bool and key.ndim > 1) else key


def outcome(function: Any) -> Any:
    try:
        return function()
    except (IndexError, RuntimeError, ValueError, TypeError) as error:
        return error


def same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs), (ours, theirs)
        return
    assert not isinstance(ours, Exception), ours
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(numbers(ours), numbers(theirs))


@pytest.mark.parametrize("oracle", LIBRARIES)
@pytest.mark.parametrize("advanced", [False, True])
def test_random_keys(advanced: bool, oracle: str) -> None:
    library = LIBRARIES[oracle]
    for _ in range(400):
        shape = tuple(random.choice([1, 2, 3, 4, 5]) for _ in range(random.randint(0, 4)))
        array = np.asarray(np.random.randn(*shape))
        swapped = len(shape) > 1 and random.random() < 0.5
        seen = array.swapaxes(0, 1) if swapped else array
        key = random_key(seen.shape, advanced)
        pair, leaves = [], []
        for root in (fl, library):
            leaf = root.tensor(array, requires_grad=True)
            leaves.append(leaf)
            pair.append(leaf.transpose(0, 1) if swapped else leaf * 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours, theirs = (
                outcome(lambda r=r, t=t, k=key: t[key_for(r, k)])
                for r, t in zip((fl, library), pair, strict=True)
            )
        # NumPy also looks at indices that nothing is read with; PyTorch does not.
        empty = isinstance(ours, fl.Tensor) and ours.numel() == 0
        if oracle == "numpy" and empty and isinstance(theirs, IndexError):
            continue
        same(ours, theirs)
        if isinstance(theirs, Exception) or oracle == "numpy":
            continue
        if not advanced:
            assert tuple(ours.stride()) == tuple(theirs.stride())
            assert ours.storage_offset() == theirs.storage_offset()
            assert ours._is_view()
        weights = np.random.randn(*theirs.shape)
        firsts = []
        for root, leaf, result in zip((fl, torch), leaves, (ours, theirs), strict=True):
            grad = root.tensor(weights, requires_grad=True)
            (first,) = root.autograd.grad(result, leaf, grad, create_graph=True)
            second = root.autograd.grad((first * first).sum(), grad)[0]
            firsts.append((first, second))
        same(firsts[0][0], firsts[1][0])
        same(firsts[0][1], firsts[1][1])


@pytest.mark.parametrize("oracle", LIBRARIES)
@pytest.mark.parametrize("advanced", [False, True])
def test_random_assignments(advanced: bool, oracle: str) -> None:
    for _ in range(400):
        shape = tuple(random.choice([1, 2, 3, 4]) for _ in range(random.randint(1, 4)))
        array = np.asarray(np.random.randn(*shape))
        swapped = len(shape) > 1 and random.random() < 0.5
        key = random_key((array.swapaxes(0, 1) if swapped else array).shape, advanced)
        probe = outcome(lambda a=array, s=swapped, k=key: (a.swapaxes(0, 1) if s else a)[k])
        sizes = getattr(probe, "shape", (1,))
        value: Any = random.choice([1.5, 2, True])
        if random.random() < 0.7:
            sizes = tuple(random.choice([1, n]) for n in sizes)
            value = np.random.randn(*sizes[random.randint(0, len(sizes)) :])
        results = []
        for root in (fl, LIBRARIES[oracle]):
            leaf = root.tensor(array, requires_grad=True)
            target = leaf * 2
            target = target.transpose(0, 1) if swapped else target
            given = value
            if isinstance(value, np.ndarray):
                given = root.tensor(value, requires_grad=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                done = outcome(
                    lambda t=target, r=root, g=given, k=key: t.__setitem__(key_for(r, k), g)
                )
            if isinstance(done, Exception):
                results.append([done])
                continue
            if oracle == "numpy":
                results.append([target])
                continue
            weights = root.tensor(np.arange(array.size).reshape(target.shape) + 0.5)
            total = (target * weights).sum()
            leaves = [leaf] + ([given] if isinstance(value, np.ndarray) else [])
            grads = root.autograd.grad(total, leaves, allow_unused=True)
            found = [target]
            for grad, of in zip(grads, leaves, strict=True):
                found.append(root.zeros_like(of) if grad is None else grad)
            results.append(found)
        ours, theirs = results
        assert len(ours) == len(theirs), (key, ours, theirs)
        repeats = advanced  # the order of duplicate writes is PyTorch's only by chance
        for a, b in zip(ours, theirs, strict=True):
            if not (repeats and isinstance(value, np.ndarray) and value.size > 1):
                same(a, b)
            elif not isinstance(b, Exception):
                assert tuple(a.shape) == tuple(b.shape)


# --- single cases ---------------------------------------------------------------------------------


def test_integers_of_other_kinds() -> None:
    x = fl.arange(12).reshape(3, 4)
    for index in (np.int64(1), np.array(1), fl.tensor(1), True and 1):
        assert x[index].tolist() == [4, 5, 6, 7]
    assert x[np.array([0, 2])].tolist() == x[[0, 2]].tolist() == x[range(0, 3, 2)].tolist()
    assert x[[True, False, True]].tolist() == x[np.array([True, False, True])].tolist()
    assert x[[]].shape == (0, 4)
    assert x[True].shape == (1, 3, 4)
    assert x[False].shape == (0, 3, 4)
    assert x[()].tolist() == x.tolist()


def test_rows_without_elements_take_any_index_as_in_pytorch() -> None:
    assert fl.ones(3, 0)[[7]].shape == (1, 0)
    fl.ones(3, 0)[[7]] = 1.0
    with pytest.raises(IndexError, match="out of bounds"):
        fl.ones(0, 3)[[0]]


def test_lists_of_indices_are_tuples() -> None:
    x = fl.arange(12).reshape(3, 4)
    with pytest.warns(UserWarning, match="tuple of indices"):
        assert x[[[0, 1], [1, 2]]].tolist() == [1, 6]


def test_masks() -> None:
    x = fl.arange(24.0).reshape(2, 3, 4)
    mask = fl.tensor([[True, False, True], [False, False, True]])
    assert x[mask].shape == (3, 4)
    assert x[mask, 1:3].tolist() == x[mask][:, 1:3].tolist()
    assert x[mask, 1].tolist() == x[mask][:, 1].tolist()
    x[mask] = -1
    assert x[mask].tolist() == [[-1.0] * 4] * 3
    x[x > 10] = 0.5
    assert max(x.reshape(-1).tolist()) <= 10
    y = fl.zeros(5)
    y[fl.tensor([True, False, True, False, True])] = fl.tensor([1.0, 2.0, 3.0])
    assert y.tolist() == [1, 0, 2, 0, 3]
    big = np.random.rand(300, 701) > 0.7
    assert fl.nonzero(fl.tensor(big)).tolist() == np.argwhere(big).tolist()
    values = np.random.randn(300, 701)
    assert fl.tensor(values)[fl.tensor(big)].tolist() == values[big].tolist()
    assert fl.tensor(values.T).t()[fl.tensor(big.T).t()].tolist() == values[big].tolist()


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        (3, IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
        ((0, -5), IndexError, "index -5 is out of bounds for dimension 1 with size 4"),
        ((0, 0, 0), IndexError, "too many indices for tensor of dimension 2"),
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        (slice(None, None, 0), ValueError, "slice step cannot be zero"),
        ("a", IndexError, "only integers, slices"),
        (1.5, IndexError, "only integers, slices"),
        ({}, IndexError, "got dict"),
        ([7], IndexError, "index 7 is out of bounds for dimension 0 with size 3"),
        (np.array([0.5]), IndexError, "must be long, int, byte or bool"),
        (np.array([True, False]), IndexError, r"shape of the mask \[2\] at index 0 does not match"),
        (([0, 1], [0, 1, 2]), IndexError, "could not be broadcast together with shapes"),
    ],
)
def test_errors(key: Any, error: type[Exception], text: str) -> None:
    x = fl.zeros(3, 4)
    with pytest.raises(error, match=text):
        x[key]
    with pytest.raises(error, match=text):
        x[key] = 1.0


def test_errors_of_assignments() -> None:
    x = fl.zeros(3, 4)
    with pytest.raises(TypeError, match=r"can't assign a str to a torch\.FloatTensor"):
        x[0] = "a"  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="does not support deleting"):
        del x[0]
    with pytest.raises(RuntimeError, match="must match the existing size"):
        x[0] = fl.zeros(3)
    with pytest.raises(RuntimeError, match="source and destination dtypes match"):
        x[fl.tensor([0])] = fl.zeros(4, dtype=fl.float64)
    with pytest.raises(RuntimeError, match="shape mismatch: value tensor of shape"):
        x[fl.tensor([0, 1])] = fl.zeros(3)
    with pytest.raises(IndexError, match="invalid index of a 0-dim tensor"):
        fl.tensor(1.0)[0]
    leaf = fl.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        leaf[0] = 1.0
    assert x.tolist() == [[0.0] * 4] * 3


def test_subclasses_keep_their_type() -> None:
    class Marked(fl.Tensor):
        pass

    x = fl.arange(6.0).reshape(2, 3).as_subclass(Marked)
    assert type(x[0]) is Marked
    assert type(x[fl.tensor([0])]) is Marked
    x[0] = 7
    assert x.tolist()[0] == [7.0, 7.0, 7.0]


def test_meta_tensors() -> None:
    x = fl.empty(3, 4, device="meta")
    assert x[1:, None].shape == (2, 1, 4)
    with pytest.raises(NotImplementedError):
        x[fl.empty(3, dtype=fl.bool, device="meta")]


# --- operators --------------------------------------------------------------------------------


def index_array(high: int, *shape: int) -> Any:
    return np.random.randint(0, high, shape)


def no_duplicates(high: int, *shape: int) -> Any:
    """Along the first dimension."""
    rows = np.argsort(np.random.rand(high, *shape[1:]), axis=0)
    return rows[: shape[0]].copy()


@pytest.mark.parametrize(
    ("shape", "dim", "index"),
    [
        ((3, 4), 1, index_array(4, 3, 2)),
        ((3, 4), 0, index_array(3, 5, 2)),
        ((2, 3, 4), 1, index_array(3, 2, 6, 3)),
        ((2, 3, 4), -1, index_array(4, 1, 3, 7)),
        ((7,), 0, index_array(7, 3)),
        ((), 0, index_array(1)),
        ((3, 4), 1, index_array(4, 0, 2)),
        ((2, 3, 600), 0, index_array(2, 4, 3, 599)),
    ],
)
def test_gather_and_scatter(shape: tuple[int, ...], dim: int, index: Any) -> None:
    check(lambda root, x, i: root.gather(x, dim, i), shape, index)
    check(lambda root, x, i, s: x.scatter_add(dim, i, s), shape, index, index.shape)
    check(lambda root, x, i: x.scatter(dim, i, 1.5), shape, index)
    check(lambda root, x, i: x.scatter(dim, i, 2, reduce="add"), shape, index, gradients=False)
    for reduce in ("sum", "mean", "prod", "amax", "amin"):
        for include_self in (True, False):
            check(
                lambda root, x, i, s, r=reduce, n=include_self: x.scatter_reduce(
                    dim, i, s, r, include_self=n
                ),
                shape,
                index,
                index.shape,
            )


def test_scatter_without_duplicates() -> None:
    check(lambda root, x, i, s: x.scatter(0, i, s), (5, 4), no_duplicates(5, 3, 4), (3, 4))
    check(lambda root, x, i, s: (x * 1).scatter_(0, i, s), (5, 4), no_duplicates(5, 3, 4), (3, 4))
    check(
        lambda root, x, i, s: (x * 1).t().scatter_(1, i.t(), s.t()),
        (5, 4), no_duplicates(5, 3, 4), (3, 4),
    )  # fmt: skip


def test_scatter_reads_the_leading_part_of_its_source() -> None:
    x = fl.zeros(3, 4, requires_grad=True)
    source = fl.ones(5, 6, requires_grad=True)
    index = fl.tensor([[0, 1], [2, 2]])
    x.scatter_add(0, index, source).sum().backward()
    expected = np.zeros((5, 6))
    expected[:2, :2] = 1
    np.testing.assert_array_equal(source.grad.numpy(), expected)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool", "float32", "complex128"])
def test_scatter_dtypes(dtype: str) -> None:
    index = index_array(3, 6, 4)
    check(
        lambda root, x, i, s: x.scatter_add(0, i, s), ((3, 4), dtype), index, ((6, 4), dtype),
        gradients=False,
    )  # fmt: skip
    if "complex" in dtype:
        return
    for reduce in ("prod", "amax", "amin"):
        check(
            lambda root, x, i, s, r=reduce: x.scatter_reduce(0, i, s, r, include_self=False),
            ((3, 4), dtype), index, ((6, 4), dtype), gradients=False,
        )  # fmt: skip


def test_product_with_zeros() -> None:
    source = np.array([[0.0, 2.0, 0.0], [3.0, 0.0, 0.0], [1.0, 4.0, 5.0]])
    index = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0]])
    for include_self in (True, False):

        def gradients(root: Any, include_self: bool = include_self) -> Any:
            x = root.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 2.0]], requires_grad=True)
            s = root.tensor(source, dtype=root.float32, requires_grad=True)
            y = x.scatter_reduce(0, root.tensor(index), s, "prod", include_self=include_self)
            weights = root.arange(1.0, 7.0).reshape(2, 3)
            return root.autograd.grad((y * weights).sum(), (x, s))

        key = f"product with zeros {include_self}"
        theirs = [g.tolist() for g in gradients(torch)] if torch else recorded.kept(key)
        recorded.keep(key, theirs)
        for mine, other in zip(gradients(fl), theirs, strict=True):
            np.testing.assert_allclose(mine.numpy(), other)


def test_take_along_dim() -> None:
    check(lambda root, x, i: root.take_along_dim(x, i, 1), (3, 4), index_array(4, 3, 2))
    check(lambda root, x, i: root.take_along_dim(x, i, dim=-1), (2, 3, 4), index_array(4, 1, 3, 2))
    check(lambda root, x, i: root.take_along_dim(x, i), (3, 4), index_array(12, 7))


def test_index_operators() -> None:
    i, once = index_array(5, 4), no_duplicates(5, 4)
    check(lambda root, x, i: x.index_select(1, i), (3, 5, 2), i)
    check(lambda root, x, i, s: x.index_add(1, i, s, alpha=2), (3, 5, 2), i, (3, 4, 2))
    check(lambda root, x, i, s: x.index_copy(1, i, s), (3, 5, 2), once, (3, 4, 2))
    check(lambda root, x, i, v: x.index_fill(1, i, v), (3, 5, 2), i, ())
    check(lambda root, x, i: x.index_fill(-2, i, 2.5), (3, 5, 2), i - 5)
    check(lambda root, x, i: (x * 1).index_fill_(0, i, 2), (5,), i)
    check(lambda root, x, i, s: x.index_copy(0, i, s), (5,), once, (4,))


def test_take_and_put() -> None:
    i = np.random.randint(-12, 12, (2, 3))
    once = no_duplicates(12, 6).reshape(2, 3)
    check(lambda root, x, i: root.take(x, i), (3, 4), i)
    check(lambda root, x, i: x.t().take(i), (3, 4), i)
    check(lambda root, x, i, s: x.put(i, s), (3, 4), once, (2, 3))
    check(lambda root, x, i, s: x.t().put(i, s, accumulate=True), (3, 4), i, (6,))
    check(lambda root, x, i, s: (x * 1).t().put_(i, s), (3, 4), once, (6,), strides=False)


def test_index_put() -> None:
    rows, columns = index_array(5, 6), index_array(3, 6)
    check(lambda root, x, i, j, v: x.index_put((i, j), v, True), (5, 3), rows, columns, (6,))
    check(lambda root, x, i, v: x.index_put((i,), v, accumulate=True), (5, 3), rows, (3,))
    check(lambda root, x, i, v: (x * 1).index_put_((i,), v), (5, 3), no_duplicates(5, 4), (4, 3))
    check(lambda root, x, i, v: x.t().index_put((i,), v, True), (5, 3), columns, (6, 5))


def test_masked_operators() -> None:
    check(lambda root, x, m: x.masked_select(m), (3, 4), ((3, 4), "bool"))
    check(lambda root, x, m: x.masked_select(m), (4,), ((3, 4), "bool"))
    check(lambda root, x, m: x.t().masked_select(m), (3, 4), ((3,), "bool"))
    check(lambda root, x, m, s: x.masked_scatter(m, s), (3, 4), ((3, 4), "bool"), (14,))
    check(lambda root, x, m, s: (x * 1).masked_scatter_(m, s), (3, 4), ((4,), "bool"), (3, 4))
    with pytest.raises(RuntimeError, match="at least as many elements"):
        fl.zeros(3).masked_scatter(fl.ones(3, dtype=fl.bool), fl.zeros(2))


@pytest.mark.parametrize("dtype", ["float64", "bool", "int32", "complex128"])
@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4), (0, 3)])
def test_nonzero(shape: tuple[int, ...], dtype: str) -> None:
    array = np.asarray(np.random.randint(0, 2, shape), dtype=dtype)
    check(lambda root, x: root.nonzero(x), array, gradients=False)
    check(lambda root, x: x.nonzero(as_tuple=True), array, gradients=False, strides=False)
    check(lambda root, x: root.where(x), array, gradients=False, strides=False)
    check(lambda root, x: root.argwhere(x), array, gradients=False)
    check(lambda root, x: x.swapaxes(0, -1).argwhere() if x.dim() else x, array, gradients=False)


@pytest.mark.parametrize("reduce", ["prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_index_reduce(reduce: str, include_self: bool) -> None:
    check(
        lambda root, x, i, s: x.index_reduce(1, i, s, reduce, include_self=include_self),
        (3, 5, 2), index_array(5, 4), (3, 4, 2),
    )  # fmt: skip
    check(
        lambda root, x, i, s: (x * 1).index_reduce_(0, i, s, reduce, include_self=include_self),
        (5,), index_array(5, 7), (7,),
    )  # fmt: skip


def test_nonzero_static() -> None:
    array = np.random.randint(0, 2, (3, 4))
    check(lambda root, x: root.nonzero_static(x, size=5), array, gradients=False)
    check(lambda root, x: x.nonzero_static(size=20, fill_value=7), array, gradients=False)


def test_tensors_on_other_devices_are_refused() -> None:
    """Nothing is read where there is no memory."""
    x, index = fl.zeros(3, 4), fl.zeros(2, dtype=fl.int64, device="meta")
    mask, values = fl.zeros(3, 4, dtype=fl.bool, device="meta"), fl.zeros(2, 4, device="meta")
    here = fl.zeros(2, dtype=fl.int64)
    table = fl.zeros(2, 4, dtype=fl.int64, device="meta")
    for call in (
        lambda: x[index],
        lambda: x[mask],
        lambda: x.index_put((here,), values),
        lambda: x.index_select(0, index),
        lambda: x.index_add(0, here, values),
        lambda: x.index_copy(0, here, values),
        lambda: x.gather(0, table),
        lambda: x.scatter(0, table, 1.0),
        lambda: x.scatter_add(0, fl.zeros(2, 4, dtype=fl.int64), values),
        lambda: x.take(index),
        lambda: x.put(here, values[:, 0]),
        lambda: x.masked_select(mask),
        lambda: x.masked_scatter(x > 0, values),
        lambda: fl.nn.functional.embedding(index, x),
        lambda: fl.nn.functional.embedding_bag(here, x, index),
        lambda: fl.searchsorted(x[0], values),
    ):
        with pytest.raises((RuntimeError, NotImplementedError), match=r"device|meta"):
            call()
