"""Module: what programs see of it, compared with PyTorch's, and what flambeau adds."""

import copy
import pickle

import pytest
from nn_compare import Case, Side, compare, label


def empty(S: Side, *args: object, **kwargs: object) -> object:
    """A module with nothing in it."""
    return type("Empty", (S.nn.Module,), {})(*args, **kwargs)


def bare(S: Side) -> object:
    """A module whose __init__ has not run."""
    made = type("Empty", (S.nn.Module,), {})
    return made.__new__(made)


def net(S: Side) -> object:
    """A module with parameters and buffers."""
    ones, zeros = S.root.ones, S.root.zeros

    def init(self: object) -> None:
        S.nn.Module.__init__(self)
        self.weight = S.nn.Parameter(ones(2, 3))
        self.register_buffer("b", zeros(2))
        self.register_buffer("np", zeros(2), persistent=False)
        self.s = S.nn.Parameter(S.root.tensor(1.0))

    return type("Net", (S.nn.Module,), {"__init__": init})()


def tree(S: Side) -> object:
    """A module with submodules."""

    def init(self: object) -> None:
        S.nn.Module.__init__(self)
        self.a = net(S)
        self.c = net(S)
        self.d = None
        self.add_module("e", None)

    return type("Tree", (S.nn.Module,), {"__init__": init})()


CASES: list[Case] = [
    lambda S: net(S).register_parameter(3, None),
    lambda S: net(S).register_parameter("a.b", None),
    lambda S: net(S).register_parameter("", None),
    lambda S: net(S).register_parameter("b", None),
    lambda S: net(S).register_parameter("b", 3),
    lambda S: net(S).register_parameter("x", 3),
    lambda S: net(S).register_parameter("x", S.root.ones(2)),
    lambda S: net(S).register_buffer(3, None),
    lambda S: net(S).register_buffer("a.b", None),
    lambda S: net(S).register_buffer("", None),
    lambda S: net(S).register_buffer("weight", None),
    lambda S: net(S).register_buffer("x", 3),
    lambda S: net(S).register_buffer("x", [3]),
    lambda S: net(S).add_module(3, None),
    lambda S: net(S).add_module("a.b", None),
    lambda S: net(S).add_module("", None),
    lambda S: net(S).add_module("weight", None),
    lambda S: net(S).add_module("x", 3),
    lambda S: net(S).add_module("forward", empty(S)),
    lambda S: tree(S).get_submodule("a.q"),
    lambda S: tree(S).get_submodule("a.weight"),
    lambda S: tree(S).get_submodule(""),
    lambda S: tree(S).get_parameter("a.b"),
    lambda S: tree(S).get_parameter("a.zz"),
    lambda S: tree(S).get_parameter("a.weight"),
    lambda S: tree(S).get_buffer("a.weight"),
    lambda S: tree(S).get_buffer("a.b"),
    lambda S: tree(S).get_buffer("a"),
    lambda S: tree(S).get_buffer("q"),
    lambda S: tree(S).set_submodule("", empty(S)),
    lambda S: tree(S).set_submodule("a.b", empty(S)),
    lambda S: tree(S).set_submodule("a.q", empty(S), strict=True),
    lambda S: tree(S).set_submodule("a.q", 3),
    lambda S: tree(S),
    lambda S: empty(S),
    lambda S: tree(S).state_dict(),
    lambda S: tree(S).state_dict(None, "pre.", True),
    lambda S: tree(S).state_dict(prefix="x.")._metadata,
    lambda S: [n for n, _ in tree(S).named_modules()],
    lambda S: [n for n, _ in tree(S).named_parameters()],
    lambda S: [n for n, _ in tree(S).named_buffers(prefix="z")],
    lambda S: [n for n, _ in tree(S).named_children()],
    lambda S: tree(S).train(3),
    lambda S: tree(S).load_state_dict(3),
    lambda S: tree(S).load_state_dict({}),
    lambda S: tree(S).load_state_dict({}, strict=False),
    lambda S: tree(S).load_state_dict(
        {"a.weight": S.root.ones(3), "zz": 1, "a.zz": 1, "q.r": 1, "c.b": [1], "d.x.y": 3}
    ),
    lambda S: net(S)(3),
    lambda S: net(S).to(S.root.int),
    lambda S: net(S).to("cpu", S.root.int32),
    lambda S: net(S).to(S.root.complex64).weight,
    lambda S: net(S).to(S.root.float64).state_dict(),
    lambda S: net(S).to("meta", S.root.float64).weight.dtype,
    lambda S: net(S).to(S.root.ones(1, dtype=S.root.float16)).weight,
    lambda S: net(S).to(device="cpu", dtype=S.root.float64).weight,
    lambda S: net(S).half().state_dict(),
    lambda S: net(S).type(S.root.float64).state_dict(),
    lambda S: net(S).type(S.root.int64),
    lambda S: net(S).bfloat16().double().float().cpu().state_dict(),
    lambda S: net(S).requires_grad_(False).weight,
    lambda S: net(S).eval().training,
    lambda S: empty(S, 3),
    lambda S: empty(S, a=3),
    lambda S: str(net(S).to_empty(device="meta").weight.device),
    lambda S: S.nn.Parameter(S.root.ones(2)),
    lambda S: S.nn.Parameter(),
    lambda S: S.nn.Parameter(S.root.ones(2, dtype=S.root.int64)),
    lambda S: isinstance(S.nn.Buffer(S.root.ones(2)), S.nn.Buffer),
    lambda S: [
        isinstance(S.root.ones(2), S.nn.Buffer),
        isinstance(S.root.ones(2), S.nn.Parameter),
        isinstance(S.nn.Parameter(S.root.ones(2)), S.nn.Parameter),
    ],
    lambda S: S.nn.Parameter(S.root.ones(2)) * 2,
]


def case(function: Case) -> Case:
    """Add ``function`` to the cases."""
    CASES.append(function)
    return function


@case
def register_parameter(S: Side) -> object:
    m = net(S)
    m.register_parameter("x", None)
    return m.x


@case
def setattr(S: Side) -> object:
    m = net(S)
    return m.__setattr__("weight", 3)


@case
def setattr_2(S: Side) -> object:
    m = net(S)
    return m.__setattr__("weight", S.root.ones(2))


@case
def setattr_3(S: Side) -> object:
    m = net(S)
    return m.__setattr__("b", 3)


@case
def setattr_4(S: Side) -> object:
    m = tree(S)
    return m.__setattr__("a", 3)


@case
def setattr_5(S: Side) -> object:
    m = tree(S)
    return m.__setattr__("a", S.root.ones(3))


@case
def state_dict(S: Side) -> object:
    m = net(S)
    m.b = S.nn.Parameter(S.root.ones(1))
    return list(m.state_dict())


@case
def state_dict_2(S: Side) -> object:
    m = tree(S)
    m.a = S.nn.Parameter(S.root.ones(1))
    return list(m.state_dict())


@case
def state_dict_3(S: Side) -> object:
    m = net(S)
    m.weight = empty(S)
    return list(m.state_dict())


@case
def state_dict_4(S: Side) -> object:
    m = net(S)
    m.weight = None
    return list(m.state_dict())


@case
def assignment(S: Side) -> object:
    m = net(S)
    return m.q


@case
def setattr_6(S: Side) -> object:
    m = bare(S)
    return m.__setattr__("x", S.nn.Parameter(S.root.ones(1)))


@case
def setattr_7(S: Side) -> object:
    m = bare(S)
    return m.__setattr__("x", empty(S))


@case
def register_buffer(S: Side) -> object:
    m = bare(S)
    return m.register_buffer("x", None)


@case
def register_parameter_2(S: Side) -> object:
    m = bare(S)
    return m.register_parameter("x", None)


@case
def assignment_2(S: Side) -> object:
    m = bare(S)
    return m.add_module("x", None)


@case
def assignment_3(S: Side) -> object:
    m = bare(S)
    m.x = 3
    return m.x


@case
def assignment_4(S: Side) -> object:
    m = bare(S)
    return m.y


@case
def set_submodule(S: Side) -> object:
    m = tree(S)
    m.set_submodule("a.q", empty(S))
    return m


@case
def named_modules(S: Side) -> object:
    m = tree(S)
    m.f = m.a
    return [n for n, _ in m.named_modules(remove_duplicate=False)]


@case
def named_parameters(S: Side) -> object:
    m = tree(S)
    m.f = m.a
    return [n for n, _ in m.named_parameters(remove_duplicate=False)]


@case
def named_parameters_2(S: Side) -> object:
    m = tree(S)
    m.f = m.a
    return [n for n, _ in m.named_parameters()]


@case
def load_state_dict(S: Side) -> object:
    m = tree(S)
    return m.load_state_dict(m.state_dict())


@case
def load_state_dict_2(S: Side) -> object:
    m = tree(S)
    return m.load_state_dict({k: S.root.ones(2) for k in m.state_dict()})


@case
def load_state_dict_3(S: Side) -> object:
    m = tree(S)
    m.load_state_dict({k: v + 1 for k, v in m.state_dict().items()}, assign=True)
    return m.state_dict()


@case
def to(S: Side) -> object:
    m = net(S).to("meta")
    return m.load_state_dict(net(S).state_dict())


@case
def to_2(S: Side) -> object:
    m = net(S).to("meta")
    m.load_state_dict(net(S).state_dict(), assign=True)
    return m.state_dict()


@case
def load_state_dict_4(S: Side) -> object:
    m = net(S)
    m.load_state_dict({"weight": S.root.ones(2, 3), "s": S.root.tensor([3.0]), "b": S.root.ones(2)})
    return m.state_dict()


@case
def load_state_dict_5(S: Side) -> object:
    m = net(S)
    return m.load_state_dict(
        {"weight": S.root.ones(2, 3), "s": S.root.tensor(3), "b": S.root.ones(2), "_extra_state": 3}
    )


@case
def to_3(S: Side) -> object:
    m = net(S).to("meta")
    return m.to("cpu")


@case
def deepcopy(S: Side) -> object:
    m = tree(S)
    m2 = copy.deepcopy(m)
    return m2.state_dict()


@case
def del_a(S: Side) -> object:
    m = tree(S)
    del m.a
    return list(m.state_dict())


@case
def del_weight(S: Side) -> object:
    m = net(S)
    del m.weight
    return list(m.state_dict())


@case
def del_b(S: Side) -> object:
    m = net(S)
    del m.b
    return list(m.state_dict())


@case
def del_training(S: Side) -> object:
    m = net(S)
    del m.training
    return m.training


@case
def delattr(S: Side) -> object:
    m = net(S)
    return m.__delattr__("nope")


@case
def double(S: Side) -> object:
    m = net(S)
    m.weight.grad = S.root.ones(2, 3)
    m.double()
    return (m.weight.grad, m.weight)


@case
def zero_grad(S: Side) -> object:
    m = net(S)
    m.weight.grad = S.root.ones(2, 3)
    m.zero_grad(False)
    return m.weight.grad


@case
def zero_grad_2(S: Side) -> object:
    m = net(S)
    m.weight.grad = S.root.ones(2, 3)
    m.zero_grad()
    return m.weight.grad


@case
def register_forward_hook(S: Side) -> object:
    m = net(S)
    m.register_forward_hook(lambda m, a, o: None)
    return m(3)


@case
def register_forward_hook_2(S: Side) -> object:
    m = net(S)
    m.forward = lambda x: x + 1
    m.register_forward_hook(lambda m, a, o: o * 2)
    return m(3)


@case
def register_forward_pre_hook(S: Side) -> object:
    m = net(S)
    m.forward = lambda x: x + 1
    m.register_forward_pre_hook(lambda m, a: a[0] * 2)
    return m(3)


@case
def register_forward_pre_hook_2(S: Side) -> object:
    m = net(S)
    m.forward = lambda x, y=1: x + y
    m.register_forward_pre_hook(lambda m, a, k: (a, {"y": 7}), with_kwargs=True)
    return m(3)


@case
def register_forward_pre_hook_3(S: Side) -> object:
    m = net(S)
    m.forward = lambda x, y=1: x + y
    m.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    return m(3)


@case
def register_forward_hook_3(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x: 1 / 0
    m.register_forward_hook(lambda m, a, o: log.append((a, o)), always_call=True)
    m.register_forward_hook(lambda m, a, o: 1 + None, always_call=True)
    return m(3)


@case
def register_forward_hook_4(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x: x
    m.register_forward_hook(lambda m, a, o: log.append(1))
    m.register_forward_hook(lambda m, a, o: log.append(2), prepend=True)
    m(3)
    return log


@case
def register_forward_hook_5(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x, y=2: x
    m.register_forward_hook(lambda m, a, k, o: log.append((a, k, o)), with_kwargs=True)
    m(3, y=5)
    return log


@case
def register_backward_hook(S: Side) -> object:
    m = net(S)
    m.register_backward_hook(print)
    return m.register_full_backward_hook(print)


@case
def register_full_backward_hook(S: Side) -> object:
    m = net(S)
    m.register_full_backward_hook(print)
    return m.register_backward_hook(print)


@case
def register_full_backward_hook_2(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x: x * m.weight * 2
    m.register_full_backward_hook(lambda m, i, o: log.append((i, o)))
    x = S.root.ones(3, requires_grad=True)
    m(x).sum().backward()
    return (log, x.grad)


@case
def register_full_backward_hook_3(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x: x * m.weight * 2
    m.register_full_backward_hook(lambda m, i, o: (i[0] * 2,))
    x = S.root.ones(3, requires_grad=True)
    m(x).sum().backward()
    return (log, x.grad)


@case
def register_full_backward_hook_4(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x: x * m.weight * 2
    m.register_full_backward_hook(lambda m, i, o: (i[0] * 2, 3))
    x = S.root.ones(3, requires_grad=True)
    m(x).sum().backward()
    return (log, x.grad)


@case
def register_full_backward_hook_5(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x: x * m.weight * 2
    m.register_full_backward_hook(lambda m, i, o: log.append((i, o)))
    x = S.root.ones(3)
    m(x).sum().backward()
    return (log, x.grad)


@case
def register_full_backward_hook_6(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x: x * m.weight * 2
    m.register_full_backward_hook(lambda m, i, o: i + o)
    x = S.root.ones(3)
    m(x).sum().backward()
    return (log, x.grad)


@case
def register_full_backward_hook_7(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x, y: (x * m.weight * 2, y * 3)
    m.register_full_backward_hook(lambda m, i, o: log.append((i, o)))
    x = S.root.ones(3, requires_grad=True)
    y = S.root.ones(2, requires_grad=True)
    m(x, y)[0].sum().backward()
    return (log, x.grad, y.grad)


@case
def register_full_backward_hook_8(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x, y: (x * m.weight * 2, y * 3)
    m.register_full_backward_hook(lambda m, i, o: log.append((i, o)))
    x = S.root.ones(3, requires_grad=True)
    m(x, "y")[0].sum().backward()
    return (log, x.grad)


@case
def register_full_backward_pre_hook(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x: x * m.weight * 2
    m.register_full_backward_pre_hook(lambda m, o: (o[0] * 3,))
    x = S.root.ones(3, requires_grad=True)
    m(x).sum().backward()
    return (log, x.grad)


@case
def register_backward_hook_2(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x: x * m.weight * 2
    m.register_backward_hook(lambda m, i, o: log.append((i, o)))
    x = S.root.ones(3, requires_grad=True)
    m(x).sum().backward()
    return (log, x.grad)


@case
def register_backward_hook_3(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x: x * m.weight.sum(0)
    m.register_backward_hook(lambda m, i, o: log.append((i, o)))
    x = S.root.ones(3, requires_grad=True)
    m(x * 1).sum().backward()
    return (log, x.grad)


@case
def register_full_backward_hook_9(S: Side) -> object:
    m = net(S)
    log = []
    m.forward = lambda x: [x * 2]
    m.register_full_backward_hook(lambda m, i, o: log.append((i, o)))
    x = S.root.ones(3, requires_grad=True)
    m(x)[0].sum().backward()
    return (log, x.grad)


@case
def register_forward_hook_6(S: Side) -> object:
    m = net(S)
    h = m.register_forward_hook(lambda m, a, o: 5)
    m.forward = lambda x: x
    h.remove()
    return (m(3), h.id >= 0)


@case
def register_state_dict_hook(S: Side) -> object:
    m = net(S)
    m._register_state_dict_hook(lambda m, d, p, meta: {"x": 1})
    return m.state_dict()


@case
def register_state_dict_post_hook(S: Side) -> object:
    m = net(S)
    m.register_state_dict_post_hook(lambda m, d, p, meta: {"x": 1})
    return m.state_dict()


@case
def register_state_dict_pre_hook(S: Side) -> object:
    m = net(S)
    m.register_state_dict_pre_hook(lambda m, p, k: print(p, k))
    return list(m.state_dict())


@case
def register_load_state_dict_pre_hook(S: Side) -> object:
    m = tree(S)
    log = []
    m.a.register_load_state_dict_pre_hook(
        lambda *a: log.append([x for x in a[2:] if not isinstance(x, S.nn.Module)])
    )
    m.load_state_dict(m.state_dict())
    return log


@case
def register_load_state_dict_post_hook(S: Side) -> object:
    m = tree(S)
    log = []
    m.a.register_load_state_dict_post_hook(lambda m, k: log.append(k))
    m.load_state_dict({}, strict=False)
    return log


@case
def register_load_state_dict_post_hook_2(S: Side) -> object:
    m = tree(S)
    log = []
    m.a.register_load_state_dict_post_hook(lambda m, k: 3)
    m.load_state_dict({}, strict=False)
    return log


@case
def assignment_5(S: Side) -> object:
    m = tree(S)
    return m.get_extra_state()


@case
def state_dict_5(S: Side) -> object:
    m = net(S)
    return m.state_dict(destination={}, prefix="q.")


@case
def state_dict_6(S: Side) -> object:
    m = empty(S)
    m.q = S.nn.Buffer(S.root.ones(2), persistent=False)
    m.r = S.nn.Buffer(S.root.ones(1))
    return (list(m.state_dict()), [n for n, _ in m.named_buffers()])


@case
def assignment_6(S: Side) -> object:
    u = S.nn.UninitializedParameter()
    return repr(u)


@case
def shape(S: Side) -> object:
    u = S.nn.UninitializedParameter()
    return u.shape


@case
def assignment_7(S: Side) -> object:
    u = S.nn.UninitializedParameter()
    return u + 1


@case
def share(S: Side) -> object:
    u = S.nn.UninitializedParameter()
    return u.share_memory_()


@case
def size(S: Side) -> object:
    u = S.nn.UninitializedParameter()
    return u.size()


@case
def materialize(S: Side) -> object:
    u = S.nn.UninitializedParameter()
    u.materialize((2,))
    return (type(u).__name__, u.shape)


@case
def materialize_2(S: Side) -> object:
    u = S.nn.UninitializedBuffer()
    u.materialize((2,))
    return (type(u).__name__, u.shape)


@case
def deepcopy_2(S: Side) -> object:

    return repr(copy.deepcopy(S.nn.UninitializedParameter()))


@case
def deepcopy_3(S: Side) -> object:

    return copy.deepcopy(S.nn.Parameter(S.root.ones(2), False))


@case
def assignment_8(S: Side) -> object:

    return pickle.loads(pickle.dumps(S.nn.Parameter(S.root.ones(2), False)))


@case
def assignment_9(S: Side) -> object:
    u = S.nn.UninitializedParameter(dtype=S.root.float64)
    return (u.dtype, u.is_floating_point(), u.device)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)
