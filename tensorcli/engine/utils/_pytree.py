"""`torch.utils._pytree`: functions of nested containers, leaf by leaf. `trees.py` takes them apart and puts them together."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from types import UnionType
from typing import Any

from tensorcli.engine import trees
from tensorcli.engine.return_types import ReturnType
from tensorcli.engine.trees import Leaf
from tensorcli.engine.trees import Tree as TreeSpec

__all__ = [
    "GetAttrKey",
    "MappingKey",
    "SequenceKey",
    "TreeSpec",
    "is_namedtuple",
    "is_namedtuple_class",
    "is_namedtuple_instance",
    "is_structseq",
    "is_structseq_class",
    "is_structseq_instance",
    "key_get",
    "keystr",
    "map_only",
    "register_pytree_node",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_map_with_path",
    "tree_structure",
    "tree_unflatten",
    "treespec_pprint",
]

Path = tuple[Any, ...]


def tree_flatten(tree: Any, is_leaf: Leaf = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a nested container in order, and its shape. `is_leaf` says of which containers are leaves."""
    return trees.flatten(tree, is_leaf)


def tree_unflatten(leaves: Any, treespec: Any) -> Any:
    """The container of a shape with these leaves. Errors: TypeError where neither is a shape, ValueError for another number."""
    if not isinstance(treespec, TreeSpec):
        if not isinstance(leaves, TreeSpec):
            raise TypeError(
                f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}."
            )
        leaves, treespec = treespec, leaves
    return treespec.unflatten(leaves)


def tree_iter(tree: Any, is_leaf: Leaf = None) -> Iterator[Any]:
    """The leaves, one after the other."""
    yield from tree_leaves(tree, is_leaf)


def tree_leaves(tree: Any, is_leaf: Leaf = None) -> list[Any]:
    """The leaves in order."""
    return trees.flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Leaf = None) -> TreeSpec:
    """The shape of a nested container."""
    return trees.flatten(tree, is_leaf)[1]


def tree_is_leaf(tree: Any, is_leaf: Leaf = None) -> bool:
    """Whether something has no branches."""
    return bool(is_leaf is not None and is_leaf(tree)) or trees.apart(tree, type(tree)) is None


def _of_each(
    func: Callable[..., Any], tree: Any, rests: Any, is_leaf: Leaf
) -> tuple[Iterable[Any], TreeSpec]:
    leaves, spec = trees.flatten(tree, is_leaf)
    return map(func, leaves, *[spec.flatten_up_to(each) for each in rests]), spec


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Leaf = None) -> Any:
    """A container of the same shape with `func` of each leaf, and of what stands there in further containers.

    Errors: ValueError for a further one of another shape.
    """
    found, spec = _of_each(func, tree, rests, is_leaf)
    return spec.unflatten(found)


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Leaf = None) -> Any:
    """The container itself, after `func` was called for each leaf."""
    for _ in _of_each(func, tree, rests, is_leaf)[0]:
        pass
    return tree


def map_only(type_or_types_or_pred: Any, /) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """A decorator for functions of leaves of certain types, or of those that a function says: others stay what they are."""
    known = isinstance(type_or_types_or_pred, (type, tuple, UnionType))
    if not known and not callable(type_or_types_or_pred):
        raise TypeError("Argument must be a type, a tuple of types, or a callable.")

    def decorate(func: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @wraps(func)
        def called(leaf: Any) -> Any:
            meant = isinstance(leaf, type_or_types_or_pred) if known else type_or_types_or_pred(leaf)
            return func(leaf) if meant else leaf

        return called

    return decorate


def tree_map_only(
    type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: Any, is_leaf: Leaf = None
) -> Any:
    """`tree_map` of the leaves of certain types."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: Any, is_leaf: Leaf = None
) -> Any:
    """`tree_map_` of the leaves of certain types."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Leaf = None) -> bool:
    """Whether `pred` holds of all leaves."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Leaf = None) -> bool:
    """Whether `pred` holds of a leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(
    type_or_types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: Leaf = None
) -> bool:
    """Whether `pred` holds of all leaves of certain types."""
    return all(pred(each) for each in tree_iter(tree, is_leaf) if isinstance(each, type_or_types))


def tree_any_only(
    type_or_types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: Leaf = None
) -> bool:
    """Whether `pred` holds of a leaf of certain types."""
    return any(pred(each) for each in tree_iter(tree, is_leaf) if isinstance(each, type_or_types))


def treespec_pprint(treespec: TreeSpec) -> str:
    """The container with a star for each leaf."""
    return treespec.picture()


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_fn: Callable[[Iterable[Any], Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Any = None,
    from_dumpable_context: Any = None,
    flatten_with_keys_fn: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Let instances of a class have branches: `flatten_fn` gives them and a context, `unflatten_fn` makes one of both.

    Errors: ValueError for a class that has branches already.
    """
    if cls in trees.registered or cls in trees.BUILT_IN:
        raise ValueError(f"{cls} is already registered as pytree node.")
    keyed = (flatten_with_keys_fn,) if flatten_with_keys_fn else ()
    trees.registered[cls] = (flatten_fn, unflatten_fn, *keyed)


# ---- kinds of tuples


def is_namedtuple_class(cls: Any) -> bool:
    """Whether it is a class of named tuples, by the names of its fields."""
    return isinstance(cls, type) and trees.is_named(cls)


def is_namedtuple_instance(obj: Any) -> bool:
    """Whether it is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj: Any) -> bool:
    """Whether it is a named tuple, or a class of them."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_class(cls: Any) -> bool:
    """Whether it is the class of what some operators return: tuples with names that C made."""
    return isinstance(cls, type) and issubclass(cls, ReturnType) and cls is not ReturnType


def is_structseq_instance(obj: Any) -> bool:
    """Whether it is such a tuple."""
    return is_structseq_class(type(obj))


def is_structseq(obj: Any) -> bool:
    """Whether it is such a tuple, or a class of them."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


# ---- paths


@dataclass(frozen=True, slots=True)
class SequenceKey:
    """The place of a branch of a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """The branch."""
        return sequence[self.idx]


@dataclass(frozen=True, slots=True)
class MappingKey:
    """The place of a branch of a dictionary."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """The branch."""
        return mapping[self.key]


@dataclass(frozen=True, slots=True)
class GetAttrKey:
    """The place of a branch of a named tuple, or of another object."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """The branch."""
        return getattr(obj, self.name)


for _kind in (SequenceKey, MappingKey, GetAttrKey):
    _kind.__module__ = "torch.utils._pytree"


def _paths(path: Path, tree: Any, is_leaf: Leaf) -> Iterator[tuple[Path, Any]]:
    kind = type(tree)
    found = None if is_leaf is not None and is_leaf(tree) else trees.apart(tree, kind)
    if found is None:
        yield path, tree
        return
    inner = found[0]
    keyed: Iterable[tuple[Any, Any]]
    if kind in trees.registered:
        if len(trees.registered[kind]) < 3:
            raise ValueError(
                f"Did not find a flatten_with_keys_fn for type: {kind}. Please pass a flatten_with_keys_fn argument to "
                "register_pytree_node."
            )
        keyed = trees.registered[kind][2](tree)[0]
    elif kind in trees.DICTIONARIES:
        keyed = [(MappingKey(key), one) for key, one in zip(tree, inner, strict=True)]
    elif trees.is_named(kind):
        keyed = [(GetAttrKey(name), one) for name, one in zip(kind._fields, inner, strict=True)]
    else:
        keyed = [(SequenceKey(place), one) for place, one in enumerate(inner)]
    for key, one in keyed:
        yield from _paths((*path, key), one, is_leaf)


def tree_flatten_with_path(tree: Any, is_leaf: Leaf = None) -> tuple[list[tuple[Path, Any]], TreeSpec]:
    """The leaves with the keys that lead to each, and the shape."""
    return list(_paths((), tree, is_leaf)), tree_structure(tree, is_leaf)


def tree_leaves_with_path(tree: Any, is_leaf: Leaf = None) -> list[tuple[Path, Any]]:
    """The leaves with the keys that lead to each."""
    return list(_paths((), tree, is_leaf))


def tree_map_with_path(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Leaf = None) -> Any:
    """`tree_map` whose function gets the keys that lead to the leaf first."""
    leaves, spec = tree_flatten_with_path(tree, is_leaf)
    further = [spec.flatten_up_to(each) for each in rests]
    return spec.unflatten([func(*leaf, *others) for leaf, *others in zip(leaves, *further, strict=True)])


def keystr(kp: Path) -> str:
    """The keys of a path as they are written behind the container's name."""
    return "".join(map(str, kp))


def key_get(obj: Any, kp: Path) -> Any:
    """What a path leads to."""
    for key in kp:
        obj = key.get(obj)
    return obj
