"""Nested containers as a list of leaves and a Tree: what `torch.utils._pytree` is made of.

Tuples (named ones too), lists, dictionaries and what was registered have branches; everything else is a leaf, None as well.
"""

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from tensorcli.engine import messages, process
from tensorcli.engine.return_types import ReturnType
from tensorcli.engine.tensor import Size

registered: Final[dict[type, tuple[Callable[..., Any], ...]]] = {}
"""Other containers: what takes one apart and what makes one, and what takes it apart with the keys of its branches."""
process.keep_contents(registered)
BUILT_IN: Final = (tuple, list, dict, OrderedDict, defaultdict, deque, Size)
DICTIONARIES: Final = (dict, OrderedDict, defaultdict)
Leaf = Callable[[Any], bool] | None
"""What says of some containers that they are leaves."""


class Tree:
    """The shape of a nested container: PyTorch's TreeSpec."""

    __module__ = "torch.utils._pytree"
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

    def __hash__(self) -> int:
        return hash((self.kind, str(self.context), self.branches))

    def __repr__(self) -> str:
        return self._text(0)

    # ---- what scripts read

    @property
    def type(self) -> Any:
        """The container's type; None for a leaf."""
        return namedtuple if self.kind is not None and is_named(self.kind) else self.kind

    num_leaves = property(lambda self: self.leaves)
    num_nodes = property(lambda self: 1 + sum(each.num_nodes for each in self.branches))
    num_children = property(lambda self: len(self.branches))

    @property
    def children_specs(self) -> list["Tree"]:
        """The branches, by their old name."""
        messages.warn(
            "`treespec.children_specs` is deprecated. Use `treespec.child(index)` to access a single child, or "
            "`treespec.children()` to get all children.",
            FutureWarning,
        )
        return self.children()

    def is_leaf(self) -> bool:
        """Whether this is the shape of a leaf."""
        return self.kind is None

    def children(self) -> list["Tree"]:
        """The branches."""
        return list(self.branches)

    def child(self, index: int) -> "Tree":
        """One branch."""
        return self.branches[index]

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The container of this shape with these leaves. Errors: ValueError for another number of them."""
        given = list(leaves)
        if len(given) != self.leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(given)} but the spec refers to a pytree that holds "
                f"{self.leaves} items ({self})."
            )
        return self.grow(iter(given))

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """What a container that has this shape, or branches further, has in the places of the leaves. Errors: ValueError for
        another shape.
        """
        if self.kind is None:
            return [tree]
        kind = type(tree)
        inner = (
            self._fitting(tree, kind) if kind in registered or kind is Size else self._branching(tree, kind)
        )
        return [
            found
            for branch, one in zip(self.branches, inner, strict=True)
            for found in branch.flatten_up_to(one)
        ]

    def _branching(self, tree: Any, kind: Any) -> list[Any]:
        mixed = self.kind in DICTIONARIES and kind in DICTIONARIES
        builtin = self.kind not in registered and not issubclass(self.kind, (ReturnType, Size))
        if not mixed and (named_type(kind) is not self.type):
            what = "Node type" if builtin else "Type"
            raise ValueError(f"{what} mismatch; expected {self.type!r}, but got {named_type(kind)!r}.")
        if len(tree) != len(self.branches):
            raise ValueError(f"Node arity mismatch; expected {len(self.branches)}, but got {len(tree)}.")
        if mixed:
            keys = self.context[1] if self.kind is defaultdict else self.context
            missing, extra = set(keys) - set(tree), set(tree) - set(keys)
            if missing or extra:
                told = f"; missing key(s): {missing}" * bool(missing) + f"; extra key(s): {extra}" * bool(
                    extra
                )
                raise ValueError(f"Node keys mismatch{told}.")
            return [tree[key] for key in keys]
        if is_named(kind) and kind is not self.kind:
            raise ValueError(
                f"Node context mismatch for node type {self.type!r}; expected {self.kind!r}, but got {kind!r}."
            )
        return list(tree)

    def _fitting(self, tree: Any, kind: Any) -> list[Any]:
        """The branches of a container that PyTorch has not built in."""
        if kind is not self.kind:
            what = "Type" if self.kind in registered or self.kind is Size else "Node type"
            raise ValueError(f"{what} mismatch; expected {self.type!r}, but got {kind!r}.")
        inner, context = apart(tree, kind) or ([], None)
        if len(inner) != len(self.branches):
            raise ValueError(f"Node arity mismatch; expected {len(self.branches)}, but got {len(inner)}.")
        if context != self.context:
            raise ValueError(f"Node context mismatch for custom node type {self.type!r}.")
        return inner

    # ---- what it looks like, and what it makes

    def _text(self, indent: int) -> str:
        if self.kind is None:
            return "*"
        inner = (",\n" + " " * (indent + 2)).join(each._text(indent + 2) for each in self.branches)
        name = "namedtuple" if is_named(self.kind) else self.kind.__name__
        return f"TreeSpec({name}, {self.context}, [{inner}])"

    def picture(self) -> str:
        """The container with a star for each leaf."""
        return repr(self.grow(_Star() for _ in range(self.leaves)))

    def grow(self, leaves: Iterator[Any]) -> Any:
        """The container with these leaves."""
        kind = self.kind
        if kind is None:
            return next(leaves)
        inner = [each.grow(leaves) for each in self.branches]
        if kind in registered:
            return registered[kind][1](inner, self.context)
        if kind is list or kind is tuple:
            return kind(inner)
        if kind is Size:
            return tuple(inner)
        if is_named(kind):
            return kind(*inner)
        if issubclass(kind, ReturnType):
            return kind(inner)
        if kind is deque:
            return deque(inner, self.context)
        if kind is defaultdict:
            factory, keys = self.context
            return defaultdict(factory, zip(keys, inner, strict=True))
        return kind(zip(self.context, inner, strict=True))


Tree.__name__ = Tree.__qualname__ = "TreeSpec"


class _Star:
    def __repr__(self) -> str:
        return "*"


def is_named(kind: type) -> bool:
    """Whether instances are named tuples."""
    return issubclass(kind, tuple) and hasattr(kind, "_fields") and not issubclass(kind, ReturnType)


def named_type(kind: Any) -> Any:
    """What PyTorch calls the type of a container: named tuples are all of one."""
    return namedtuple if is_named(kind) else kind


def flatten(value: Any, is_leaf: Leaf = None) -> tuple[list[Any], Tree]:
    """The leaves in order, and the shape."""
    leaves: list[Any] = []
    return leaves, _walk(value, leaves, is_leaf)


def _walk(value: Any, leaves: list[Any], is_leaf: Leaf) -> Tree:
    kind = type(value)
    found = None if is_leaf is not None and is_leaf(value) else apart(value, kind)
    if found is None:
        leaves.append(value)
        return Tree()
    inner, context = found
    return Tree(kind, context, tuple([_walk(each, leaves, is_leaf) for each in inner]))


def apart(value: Any, kind: Any) -> tuple[list[Any], Any] | None:
    """The branches of a container and what they do not say of it; None of a leaf."""
    if kind is list or kind is tuple or kind is Size or issubclass(kind, ReturnType):
        return list(value), None
    if kind is dict or kind is OrderedDict:
        return list(value.values()), list(value)
    if kind in registered:
        inner, context = registered[kind][0](value)
        return list(inner), context
    if is_named(kind):
        return list(value), kind
    if kind is deque:
        return list(value), value.maxlen
    if kind is defaultdict:
        return list(value.values()), [value.default_factory, list(value)]
    return None


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
