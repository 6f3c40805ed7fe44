"""Module: errors that name their submodule, and mechanics that need no oracle."""

import copy
import pickle

import pytest

import flambeau
import flambeau.nn


class Failing(flambeau.nn.Module):
    def forward(self, x: object) -> object:
        raise ValueError("no")


class Block(flambeau.nn.Module):
    def __init__(self, inner: flambeau.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: object) -> object:
        return self.inner(x)


def notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def test_errors_name_the_submodule_once() -> None:
    model = flambeau.nn.Sequential(Block(flambeau.nn.ReLU()), Block(Block(Failing())))
    model[0].inner = flambeau.nn.Identity()
    with pytest.raises(ValueError, match=r"^no") as caught:
        model(3)
    assert notes(caught.value) == ["raised in module '1.inner.inner' (Failing) of Sequential"]


def test_errors_name_a_module_without_a_parent() -> None:
    with pytest.raises(ValueError) as caught:
        Failing()(3)
    assert notes(caught.value) == ["raised in module Failing"]


def test_errors_keep_notes_of_others() -> None:
    class Annotated(flambeau.nn.Module):
        def forward(self, x: object) -> object:
            error = ValueError("no")
            error.add_note("mine")
            raise error

    with pytest.raises(ValueError) as caught:
        Block(Annotated())(3)
    assert notes(caught.value) == ["mine", "raised in module 'inner' (Annotated) of Block"]


def test_errors_through_hooks_and_shared_modules() -> None:
    shared = Failing()
    model = Block(Block(shared))
    model.again = shared
    model.inner.register_forward_hook(lambda *a: None)
    with pytest.raises(ValueError) as caught:
        model(3)
    assert notes(caught.value) == ["raised in module 'inner.inner' (Failing) of Block"]


def test_caught_errors_cost_nothing_later() -> None:
    class Patient(flambeau.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Failing()

        def forward(self, x: int) -> int:
            try:
                return self.inner(x)
            except ValueError:
                return x + 1

    assert Patient()(3) == 4


# ---- mechanics, without an oracle -----------------------------------------------------


def test_getattr_of_subclasses_sees_everything() -> None:
    class Wrapper(flambeau.nn.Module):
        def __init__(self, module: flambeau.nn.Module) -> None:
            super().__init__()
            self.module = module

        def __getattr__(self, name: str) -> object:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.module, name)

    inner = flambeau.nn.Linear(2, 3)
    wrapper = Wrapper(inner)
    assert wrapper.module is inner
    assert wrapper.weight is inner.weight
    assert wrapper.in_features == 2
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'nothing'"):
        wrapper.nothing  # noqa: B018


def test_call_may_be_overridden() -> None:
    class Counting(flambeau.nn.Linear):
        calls = 0

        def __call__(self, *args: object, **kwargs: object) -> object:
            self.calls += 1
            return super().__call__(*args, **kwargs)

    layer = Counting(2, 2)
    layer(flambeau.ones(1, 2))
    layer(input=flambeau.ones(1, 2))
    assert layer.calls == 2


def test_forward_of_an_instance_wins() -> None:
    layer = flambeau.nn.Identity()
    layer.forward = lambda x: x + 1
    assert layer(1) == 2


def test_hooks_set_as_dictionaries_run() -> None:
    layer = flambeau.nn.Identity()
    hooks = layer._forward_hooks.copy()
    hooks[0] = lambda module, args, output: output + 1
    layer._forward_hooks = hooks
    assert layer(1) == 2
    hooks.clear()
    assert layer(1) == 1


def test_hooks_survive_copies() -> None:
    layer = flambeau.nn.Identity()
    handle = layer.register_forward_hook(lambda module, args, output: output + 1)
    twin = copy.deepcopy(layer)
    assert twin(1) == 2
    handle.remove()
    assert layer(1) == 1
    assert twin(1) == 2


def test_global_hooks_come_and_go() -> None:
    layer = flambeau.nn.Identity()
    register = flambeau.nn.modules.module.register_module_forward_hook
    with register(lambda module, args, output: output + 1):
        assert layer(1) == 2
    assert layer(1) == 1


def test_modules_pickle() -> None:
    model = flambeau.nn.Sequential(flambeau.nn.Linear(2, 3), flambeau.nn.BatchNorm1d(3))
    twin = pickle.loads(pickle.dumps(model))
    for name, value in model.state_dict().items():
        assert flambeau.equal(twin.state_dict()[name], value)
    assert [name for name, _ in twin.named_parameters()] == [n for n, _ in model.named_parameters()]


def test_a_class_attribute_is_no_module_member() -> None:
    class Plain(flambeau.nn.Module):
        size = 3

    module = Plain()
    assert module.size == 3
    module.size = 4
    assert (module.size, Plain.size) == (4, 3)
    assert list(module.state_dict()) == []
