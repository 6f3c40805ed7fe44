"""Trees of Python containers: taken apart into leaves, and put together again.

Tuples, named tuples, lists, dictionaries, ordered dictionaries, default dictionaries and deques are
nodes, as are types that were registered; all else is a leaf, None too.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = [
    "LeafSpec", "PyTree", "TreeSpec", "broadcast_to_and_flatten", "register_pytree_node",
    "tree_all", "tree_any", "tree_flatten", "tree_leaves", "tree_map", "tree_map_",
    "tree_map_only", "tree_structure", "tree_unflatten", "treespec_pprint",
]  # fmt: skip

PyTree = Any
Context = Any


class _Node(NamedTuple):
    flatten: Callable[[Any], tuple[list[Any], Context]]
    unflatten: Callable[[Iterable[Any], Context], Any]


_nodes: dict[type, _Node] = {}


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[list[Any], Context]],
    unflatten_fn: Callable[[Iterable[Any], Context], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Any = None,
    from_dumpable_context: Any = None,
    flatten_with_keys_fn: Any = None,
) -> None:
    """Make instances of ``cls`` nodes.

    Args:
        cls: the type itself; subclasses stay leaves.
        flatten_fn: gives the children and what else it takes to rebuild the node.
        unflatten_fn: the node of children and that context.
        serialized_type_name: accepted; trees are not serialised.
        to_dumpable_context: accepted.
        from_dumpable_context: accepted.
        flatten_with_keys_fn: accepted.

    Raises:
        ValueError: ``cls`` is a node already.
    """
    if cls in _nodes:
        raise ValueError(f"{cls} is already registered as pytree node.")
    _nodes[cls] = _Node(flatten_fn, unflatten_fn)


def _named_fields(made: Iterable[Any], cls: Any) -> Any:
    return cls._make(made) if hasattr(cls, "_make") else cls(tuple(made))


def _default_dict(made: Iterable[Any], context: Context) -> Any:
    factory, keys = context
    return defaultdict(factory, zip(keys, made, strict=True))


_named = _Node(lambda t: (list(t), type(t)), _named_fields)
register_pytree_node(tuple, lambda t: (list(t), None), lambda made, _: tuple(made))
register_pytree_node(list, lambda t: (t, None), lambda made, _: list(made))
register_pytree_node(
    dict, lambda d: (list(d.values()), list(d)), lambda made, k: dict(zip(k, made, strict=True))
)
register_pytree_node(
    OrderedDict,
    lambda d: (list(d.values()), list(d)),
    lambda made, keys: OrderedDict(zip(keys, made, strict=True)),
)
register_pytree_node(
    defaultdict, lambda d: (list(d.values()), (d.default_factory, list(d))), _default_dict
)
register_pytree_node(deque, lambda d: (list(d), d.maxlen), lambda made, n: deque(made, maxlen=n))


def _node_of(tree: PyTree) -> tuple[Any, _Node | None]:
    """The type that stands for a tree's root, and how it is taken apart; None for leaves."""
    cls = type(tree)
    node = _nodes.get(cls)
    if node is None and isinstance(tree, tuple) and (
        hasattr(cls, "_fields") or hasattr(cls, "n_sequence_fields")
    ):  # fmt: skip
        return cls, _named
    return cls, node


@dataclass(frozen=True)
class TreeSpec:
    """The shape of a tree: what its leaves are hung up in."""

    type: Any
    context: Context
    children_specs: tuple[TreeSpec, ...]

    @property
    def num_leaves(self) -> int:
        return 1 if self.type is None else sum(c.num_leaves for c in self.children_specs)

    def is_leaf(self) -> bool:
        return self.type is None

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        children = ", ".join(map(repr, self.children_specs))
        name = getattr(self.type, "__name__", str(self.type))
        return f"TreeSpec({name}, {self.context}, [{children}])"


_LEAF = TreeSpec(None, None, ())


def LeafSpec() -> TreeSpec:
    """The shape of a leaf."""
    return _LEAF


def tree_flatten(
    tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None
) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree, from left to right, and its shape.

    Example::

        >>> from flambeau.utils._pytree import tree_flatten
        >>> tree_flatten({"a": 1, "b": [2, 3]})[0]
        [1, 2, 3]
    """
    leaves: list[Any] = []

    def visit(tree: PyTree) -> TreeSpec:
        cls, node = _node_of(tree)
        if node is None or (is_leaf is not None and is_leaf(tree)):
            leaves.append(tree)
            return _LEAF
        children, context = node.flatten(tree)
        return TreeSpec(cls, context, tuple([visit(child) for child in children]))

    spec = visit(tree)
    return leaves, spec


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree of this shape with these leaves; the inverse of :func:`tree_flatten`.

    Raises:
        ValueError: there are more or fewer leaves than the shape has.
    """
    given = list(leaves)
    if len(given) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(given)} but the spec "
            f"refers to a pytree that holds {treespec.num_leaves} items ({treespec})."
        )
    rest = iter(given)

    def build(spec: TreeSpec) -> PyTree:
        if spec.type is None:
            return next(rest)
        node = _nodes.get(spec.type, _named)
        return node.unflatten([build(child) for child in spec.children_specs], spec.context)

    return build(treespec)


def tree_leaves(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> list[Any]:
    """The leaves of a tree, from left to right."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> TreeSpec:
    """The shape of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def _matching(tree: PyTree, spec: TreeSpec) -> list[Any]:
    """What stands in ``tree`` in the places of the leaves of ``spec``."""
    if spec.type is None:
        return [tree]
    cls, node = _node_of(tree)
    if node is None or cls is not spec.type:
        raise ValueError(f"Node type mismatch; expected {spec.type}, but got {cls}.")
    children, context = node.flatten(tree)
    if len(children) != len(spec.children_specs) or (
        context != spec.context and cls is not defaultdict
    ):
        raise ValueError(f"Node structure mismatch; expected {spec}, but got {tree!r}.")
    return [x for c, s in zip(children, spec.children_specs, strict=True) for x in _matching(c, s)]


def tree_map(
    func: Callable[..., Any],
    tree: PyTree,
    *rests: PyTree,
    is_leaf: Callable[[PyTree], bool] | None = None,
) -> PyTree:
    """The tree with ``func`` of each leaf in its place.

    Example::

        >>> from flambeau.utils._pytree import tree_map
        >>> tree_map(lambda a, b: a + b, (1, [2]), (10, [20]))
        (11, [22])
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves, *(_matching(rest, spec) for rest in rests)]
    return tree_unflatten([func(*row) for row in zip(*columns, strict=True)], spec)


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree) -> PyTree:
    """Call ``func`` on each leaf; the tree stays as it is."""
    tree_map(func, tree, *rests)
    return tree


def tree_map_only(
    types: Any, func: Callable[[Any], Any], tree: PyTree, is_leaf: Any = None
) -> PyTree:
    """The tree with ``func`` of those leaves that are of the given types."""
    return tree_map(lambda x: func(x) if isinstance(x, types) else x, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: PyTree) -> bool:
    """Whether all leaves are such."""
    return all(map(pred, tree_leaves(tree)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree) -> bool:
    """Whether some leaf is such."""
    return any(map(pred, tree_leaves(tree)))


def broadcast_to_and_flatten(tree: PyTree, spec: TreeSpec) -> list[Any] | None:
    """The leaves of a prefix of a tree, each once for every leaf of ``spec`` that hangs below it.

    Returns:
        One entry a leaf of ``spec``, or None where ``tree`` is no prefix of it.
    """
    cls, node = _node_of(tree)
    if node is None:
        return [tree] * spec.num_leaves
    children, context = node.flatten(tree)
    same = cls is spec.type and len(children) == len(spec.children_specs)
    if not same or context != spec.context:
        return None
    made: list[Any] = []
    for child, child_spec in zip(children, spec.children_specs, strict=True):
        part = broadcast_to_and_flatten(child, child_spec)
        if part is None:
            return None
        made += part
    return made


_broadcast_to_and_flatten = broadcast_to_and_flatten


def treespec_pprint(treespec: TreeSpec) -> str:
    """A shape as text: the tree with ``*`` for its leaves."""

    class Star:
        def __repr__(self) -> str:
            return "*"

    return repr(tree_unflatten([Star()] * treespec.num_leaves, treespec))
