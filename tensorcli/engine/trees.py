"""Nested containers as a list of leaves and a Tree: what `torch.utils._pytree` is in PyTorch.

Tuples (named ones too), lists and dictionaries have branches; everything else is a leaf, None as well.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

from tensorcli.engine.return_types import ReturnType
from tensorcli.engine.tensor import Size


class Tree:
    """The shape of a nested container. `repr` is PyTorch's TreeSpec."""

    __slots__ = ("branches", "context", "kind")

    def __init__(self, kind: Any = None, context: Any = None, branches: "tuple[Tree, ...]" = ()) -> None:
        self.kind = kind
        """The container's type; None for a leaf."""
        self.context = context
        """What its branches do not say: a dictionary's keys, a named tuple's class."""
        self.branches = branches

    @property
    def leaves(self) -> int:
        """How many leaves there are."""
        return 1 if self.kind is None else sum(each.leaves for each in self.branches)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and (self.kind, self.context, self.branches) == (
            other.kind,
            other.context,
            other.branches,
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return self._text(0)

    def _text(self, indent: int) -> str:
        if self.kind is None:
            return "*"
        inner = (",\n" + " " * (indent + 2)).join(each._text(indent + 2) for each in self.branches)
        name = "namedtuple" if _is_named(self.kind) else self.kind.__name__
        return f"TreeSpec({name}, {self.context!r}, [{inner}])"

    def picture(self) -> str:
        """The container with a star for each leaf."""
        return repr(self.grow(_Star() for _ in range(self.leaves)))

    def grow(self, leaves: Iterator[Any]) -> Any:
        """The container with these leaves."""
        kind = self.kind
        if kind is None:
            return next(leaves)
        inner = [each.grow(leaves) for each in self.branches]
        if kind is list or kind is tuple:
            return kind(inner)
        if _is_named(kind):
            return kind(*inner)
        if issubclass(kind, ReturnType):
            return kind(inner)
        if kind is deque:
            return deque(inner, self.context)
        if kind is defaultdict:
            factory, keys = self.context
            return defaultdict(factory, zip(keys, inner, strict=True))
        return kind(zip(self.context, inner, strict=True))


class _Star:
    def __repr__(self) -> str:
        return "*"


def _is_named(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def flatten(value: Any) -> tuple[list[Any], Tree]:
    """The leaves in order, and the shape."""
    leaves: list[Any] = []
    return leaves, _walk(value, leaves)


def _walk(value: Any, leaves: list[Any]) -> Tree:
    kind = tuple if type(value) is Size else type(value)
    context: Any = None
    if kind is list or kind is tuple or issubclass(kind, ReturnType):
        inner = list(value)
    elif _is_named(kind):
        inner, context = list(value), kind
    elif kind is deque:
        inner, context = list(value), value.maxlen
    elif kind is dict or kind is OrderedDict:
        inner, context = list(value.values()), list(value)
    elif kind is defaultdict:
        inner, context = list(value.values()), [value.default_factory, list(value)]
    else:
        leaves.append(value)
        return Tree()
    return Tree(kind, context, tuple(_walk(each, leaves) for each in inner))


def unflatten(leaves: Any, tree: Tree) -> Any:
    """The container of this shape with these leaves."""
    return tree.grow(iter(leaves))


def spread(prefix: Any, tree: Tree) -> list[Any] | None:
    """For each leaf of a tree what a container that branches less says of it; None where that has other branches."""
    kind = type(prefix)
    if tree.kind is None or kind is not tree.kind:
        is_leaf = flatten(prefix)[1].kind is None
        return [prefix] * tree.leaves if is_leaf else None
    inner: list[Any] = list(prefix.values()) if isinstance(prefix, dict) else list(prefix)
    if isinstance(prefix, dict):
        keys = tree.context[1] if kind is defaultdict else tree.context
        if set(prefix) != set(keys):
            return None
        inner = [prefix[key] for key in keys]
    if len(inner) != len(tree.branches):
        return None
    found: list[Any] = []
    for one, branch in zip(inner, tree.branches, strict=True):
        told = spread(one, branch)
        if told is None:
            return None
        found.extend(told)
    return found


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """The container with `function` of each leaf."""
    leaves, tree = flatten(value)
    return unflatten([function(each) for each in leaves], tree)
