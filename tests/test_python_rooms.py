"""Operators written in Python: found lazily, and going the same way as native ones."""

import copy
import importlib
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import flambeau as torch
from flambeau import _C, ops as rooms
from flambeau.ops.index import ROOMS
from flambeau.ops.record import composite, no_gradient, not_differentiable, op

ROOT = Path(__file__).parents[1]


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


# --- the index ------------------------------------------------------------------------------------


def test_index_says_what_the_rooms_register() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        room_index = importlib.import_module("room_index")
    finally:
        sys.path.remove(str(ROOT / "tools"))
    written = (ROOT / "src" / "flambeau" / "ops" / "index.py").read_text()
    assert room_index.index_text() == written, "run python tools/room_index.py"


def test_no_name_stands_in_two_places() -> None:
    rooms.load_all()
    native, python = set(), set()
    for record in _C._registry():
        (python if record["python"] else native).update(record["names"])
    assert not native & python
    listed = [name for names in ROOMS.values() for name in names.split()]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("name", sorted(" ".join(ROOMS.values()).split()))
def test_every_name_is_found_where_it_says(name: str) -> None:
    place: object = torch
    for part in name.split("."):
        place = getattr(place, part)
    assert place is _C._find_op(name)


def test_no_room_is_loaded_before_it_is_needed() -> None:
    loaded = run(
        "import sys, flambeau as torch\n"
        "before = {m for m in sys.modules if m.startswith('flambeau.ops.')}\n"
        "torch.eye(2).det()\n"
        "print(sorted(before), 'flambeau.ops.linalg_solve' in sys.modules)"
    )
    assert loaded == "['flambeau.ops.index'] True"


def test_methods_and_functions_work_in_a_fresh_process() -> None:
    assert run("import flambeau as t; print(t.Tensor.det.__name__, t.eye(2).det().item())") == (
        "det 1.0"
    )
    assert run("import flambeau as t; print(t.inverse(t.eye(1)).item())") == "1.0"
    assert run("from flambeau import slogdet; print(slogdet.__name__)") == "slogdet"
    assert run("import flambeau as t; print('det' in dir(t), hasattr(t, 'no_such'))") == (
        "True False"
    )
    assert run("import flambeau as t; print('inverse' in dir(t.Tensor))") == "True"


def test_an_operator_unpickles_in_a_fresh_process() -> None:
    data = pickle.dumps(torch.linalg.inv)
    assert run(f"import pickle; print(pickle.loads({data!r}))") == "<built-in function linalg.inv>"
    assert pickle.loads(data) is torch.linalg.inv
    assert copy.deepcopy(torch.Tensor.det) is torch.Tensor.det


def test_subclasses_find_lazy_methods() -> None:
    text = run(
        "import flambeau as t\n"
        "class Mine(t.Tensor): pass\n"
        "x = t.eye(2).as_subclass(Mine)\n"
        "print(type(x.inverse()).__name__, type(Mine.det).__name__)"
    )
    assert text == "Mine OpMethod"


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match=r"no operator 'linalg\.nothing'"):
        _C._find_op("linalg.nothing")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        torch.nothing  # noqa: B018


# --- the record -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made():
    """Operators of our own, registered when tests run: walks over the registry collect before."""

    def _cube_vjp(g) -> None:
        if g.needs("x"):
            g.set("x", g.dout() * 3 * g.input("x") * g.input("x") * g.arg("scale"))

    @op(
        "_test_cube(Tensor x, float scale=1.0) -> Tensor",
        "_test_rooms.cube, _test_rooms.cube_",
        vjp=_cube_vjp,
        save="x",
    )
    def cube(x, scale):
        """Third power."""
        return x * x * x * scale

    @op(
        "_test_halves(Tensor x) -> (Tensor first, Tensor second)",
        "_test_rooms.halves",
        vjp=composite,
    )
    def halves(x):
        n = x.shape[0] // 2
        return x.narrow(0, 0, n), x.narrow(0, n, n)

    @op("_test_shape(Tensor x) -> Tensor", "", vjp=no_gradient)
    def shape(x):
        return torch.tensor(tuple(x.shape), dtype=torch.float32)

    @op("_test_never(Tensor x) -> Tensor", "", vjp=not_differentiable("it has no slope"))
    def never(x):
        return x * 2

    @op("_test_wrong(Tensor x) -> Tensor", "", vjp=no_gradient)
    def wrong(x):
        return "text"

    return SimpleNamespace(cube=cube, halves=halves, shape=shape, never=never, wrong=wrong)


def test_gradients_of_first_and_second_order(made) -> None:
    x = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    y = made.cube(x, 2.0)
    assert y.tolist() == [2.0, -16.0]
    (dx,) = torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)
    assert dx.tolist() == [6.0, 24.0]
    (ddx,) = torch.autograd.grad(dx, x, torch.ones_like(y))
    assert ddx.tolist() == [12.0, -24.0]
    assert y.grad_fn.name() == "TestCubeBackward0"


def test_out_and_in_place_forms(made) -> None:
    x = torch.tensor([1.0, 2.0])
    out = torch.zeros(2)
    assert made.cube(x, out=out) is out
    assert out.tolist() == [1.0, 8.0]
    in_place = _C._find_op("_test_rooms.cube_")
    assert in_place(x) is x
    assert x.tolist() == [1.0, 8.0]
    leaf = torch.tensor([2.0], requires_grad=True)
    y = leaf * 1
    in_place(y)
    y.backward()
    assert leaf.grad.tolist() == [12.0]


def test_named_tuples_and_composites(made) -> None:
    x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    pair = made.halves(x)
    assert pair.first.tolist() == [1.0, 2.0] and pair[1].tolist() == [3.0, 4.0]
    (pair.first * pair.second).sum().backward()
    assert x.grad.tolist() == [3.0, 4.0, 1.0, 2.0]


def test_what_has_no_gradient_says_so(made) -> None:
    x = torch.tensor([1.0], requires_grad=True)
    assert not made.shape(x).requires_grad
    with pytest.raises(NotImplementedError, match="it has no slope"):
        made.never(x).backward()


def test_wrong_results_and_arguments_are_type_errors(made) -> None:
    with pytest.raises(TypeError, match="a Tensor was expected as result, but got str"):
        made.wrong(torch.ones(1))
    with pytest.raises(TypeError, match=r"_test_cube\(\): argument 'scale' .* must be float"):
        made.cube(torch.ones(1), "two")
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        made.cube()


def test_signature_and_doc_come_from_the_record(made) -> None:
    assert str(inspect.signature(made.cube)) == "(x, scale=1.0)"
    assert "Third power." in made.cube.__doc__
    assert "inverse of a square matrix" in torch.linalg.inv.__doc__


def test_modes_see_calls(made) -> None:
    seen = []

    def mode(func, args, kwargs):
        seen.append((func.__name__, args[1:]))
        return func(*args, **kwargs)

    _C._push_mode(mode)
    try:
        made.cube(torch.ones(1), 3.0)
    finally:
        _C._pop_mode()
    assert ("_test_cube", (3.0,)) in seen


def test_errors_in_python_rooms_arrive_as_they_are() -> None:
    class Own(Exception):
        pass

    @op("_test_raises(Tensor x) -> Tensor", "", vjp=no_gradient)
    def raises(x):
        raise Own("here")

    with pytest.raises(Own, match="here"):
        raises(torch.ones(1))
