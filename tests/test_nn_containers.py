"""Containers: text, indexing, changes, errors."""

import collections

import pytest
from nn_compare import Case, Side, compare, label

CASES: list[Case] = [
    lambda L: repr(
        L.nn.Sequential(L.nn.Linear(1, 2), L.nn.Sequential(L.nn.ReLU(), L.nn.Linear(2, 2)))
    ),
    lambda L: L.go(L.nn.Sequential(L.nn.Linear(3, 2), L.nn.ReLU(), L.nn.Linear(2, 2)), L.x(4, 3)),
    lambda L: L.nn.Sequential() + 3,
    lambda L: L.nn.Sequential() * 0,
    lambda L: L.nn.Sequential() * 1.5,
    lambda L: L.nn.Sequential()[3],
    lambda L: L.nn.Sequential(3),
    lambda L: L.nn.Sequential(L.nn.ReLU()).insert(5, L.nn.ReLU()),
    lambda L: L.nn.ModuleList([L.nn.ReLU()])[1],
    lambda L: L.nn.ModuleList([L.nn.ReLU()])(3),
    lambda L: L.nn.ModuleList(3),
    lambda L: L.nn.ModuleList([L.nn.ReLU()]).extend(3),
    lambda L: L.nn.ModuleDict(3),
    lambda L: L.nn.ModuleDict([3]),
    lambda L: L.nn.ModuleDict([[3]]),
    lambda L: L.nn.ModuleDict({"a": 3}),
    lambda L: L.nn.ModuleDict({"pop": L.nn.ReLU()}),
    lambda L: L.nn.ParameterList(3),
    lambda L: L.nn.ParameterList(L.root.ones(2)),
    lambda L: L.nn.ParameterList()[0],
    lambda L: L.nn.ParameterList()(3),
    lambda L: L.nn.ParameterDict({3: L.root.ones(1)}),
    lambda L: L.nn.ParameterDict()["a"],
    lambda L: L.nn.ParameterDict(3),
    lambda L: L.nn.ParameterDict([3]),
    lambda L: L.nn.ParameterDict([[3]]),
]


def case(function: Case) -> Case:
    """Add ``function`` to the cases."""
    CASES.append(function)
    return function


@case
def sequential(L: Side) -> object:
    s = L.nn.Sequential(L.nn.Linear(3, 2), L.nn.ReLU(), L.nn.Tanh(), L.nn.SELU())
    return [repr(s[1]), repr(s[-1]), repr(s[1:3]), len(s), [repr(x) for x in s]]


@case
def sequential_2(L: Side) -> object:
    s = L.nn.Sequential(L.nn.Linear(3, 2), L.nn.ReLU(), L.nn.Tanh(), L.nn.SELU())
    del s[1]
    return repr(s)


@case
def sequential_3(L: Side) -> object:
    s = L.nn.Sequential(L.nn.Linear(3, 2), L.nn.ReLU(), L.nn.Tanh(), L.nn.SELU())
    del s[1:3]
    return repr(s)


@case
def sequential_4(L: Side) -> object:
    s = L.nn.Sequential(L.nn.Linear(3, 2), L.nn.ReLU())
    s[1] = L.nn.Tanh()
    s.append(L.nn.GELU())
    s.insert(1, L.nn.SELU())
    s.extend([L.nn.ELU()])
    return repr(s)


@case
def sequential_5(L: Side) -> object:
    s = L.nn.Sequential(L.nn.Linear(3, 2), L.nn.ReLU())
    return [repr(s + s), repr(s * 2), repr(2 * s), repr(s.pop(0)), repr(s)]


@case
def sequential_6(L: Side) -> object:
    s = L.nn.Sequential(L.nn.Linear(3, 2), L.nn.ReLU())
    s *= 2
    s += L.nn.Sequential(L.nn.Tanh())
    return repr(s)


@case
def sequential_7(L: Side) -> object:

    return repr(L.nn.Sequential(collections.OrderedDict(a=L.nn.ReLU(), b=L.nn.Tanh())))


@case
def module_list(L: Side) -> object:
    made = L.nn.ModuleList([L.nn.Linear(2, 2), L.nn.Linear(2, 2), L.nn.ReLU()])
    return [repr(made), repr(made[1:]), repr(made[-1]), len(made), list(made.state_dict())]


@case
def module_list_2(L: Side) -> object:
    made = L.nn.ModuleList([L.nn.Linear(2, 2), L.nn.Linear(2, 2), L.nn.ReLU()])
    made.insert(0, L.nn.Tanh())
    made.append(L.nn.ELU())
    made += [L.nn.ReLU()]
    del made[1]
    made[0] = L.nn.GELU()
    return [repr(made), repr([*made, L.nn.ReLU()]), repr(made.pop(-1)), repr(L.nn.ModuleList())]


@case
def module_list_3(L: Side) -> object:
    made = L.nn.ModuleList([L.nn.Linear(2, 2), L.nn.Linear(2, 2), L.nn.ReLU()])
    del made[:2]
    return repr(made)


@case
def module_dict(L: Side) -> object:
    d = L.nn.ModuleDict({"a": L.nn.ReLU(), "b": L.nn.Linear(1, 1)})
    return [
        repr(d),
        list(d.keys()),
        len(d),
        "a" in d,
        repr(d["a"]),
        list(d),
        list(d.state_dict()),
        repr(d.pop("a")),
        repr(d),
        [repr(v) for v in d.values()],
        [repr(v) for v in d.items()],
    ]


@case
def module_dict_2(L: Side) -> object:
    d = L.nn.ModuleDict([["a", L.nn.ReLU()], ["b", L.nn.Tanh()]])
    d.update({"c": L.nn.GELU()})
    del d["a"]
    return repr(d)


@case
def parameter_list(L: Side) -> object:
    p = L.nn.ParameterList([L.root.ones(2), L.nn.Parameter(L.root.ones(2, 3)), "a"])
    return [repr(p), len(p), p[0], p[1:], list(p.state_dict()), list(p)]


@case
def parameter_list_2(L: Side) -> object:
    p = L.nn.ParameterList([L.root.ones(2)])
    p.append(L.root.zeros(1))
    p.extend([L.root.ones(1)])
    p[0] = L.root.ones(3)
    p += [L.root.ones(4)]
    return [repr(p), list(p.state_dict())]


@case
def parameter_dict(L: Side) -> object:
    p = L.nn.ParameterDict({"a": L.root.ones(2), "b": L.nn.Parameter(L.root.ones(2, 3)), "c": "a"})
    return [
        repr(p),
        len(p),
        p["a"],
        list(p.state_dict()),
        list(p.keys()),
        list(p.values()),
        list(p.items()),
        "a" in p,
        p.get("q", 3),
        list(reversed(p)),
        p.pop("c"),
        repr(p),
        p.popitem(),
        repr(p | L.nn.ParameterDict({"z": L.root.ones(1)})),
        p.setdefault("k", L.root.ones(1)),
        repr(p.fromkeys(["a"], L.root.ones(1))),
        repr(p.copy()),
    ]


@case
def parameter_dict_2(L: Side) -> object:
    p = L.nn.ParameterDict({"a": L.root.ones(2)})
    p |= {"b": L.root.ones(1)}
    p.update([("c", L.root.ones(1))])
    p.clear()
    return repr(p)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)
