"""What a container holds: the tensors and arrays within it, by their paths, and whether it has changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tensorcli.explorer.engines import Engine
from tensorcli.language.functions import ScriptFunction
from tensorcli.language.namespaces import Namespace

DEPTH = 6
"""Containers within containers are followed this far."""
MOST = 100_000
"""Entries of one name that are looked at."""
INERT = frozenset({type(None), bool, int, float, complex, str, bytes, Namespace, ScriptFunction})
"""Kinds of values within which no tensor is looked for."""
SINGLE = (str, int, float, type(None))
"""The same, with the kinds that are made of them: most items of containers that are no tensors."""
SEQUENCES = (list, tuple)


def inside(
    engine: Engine,
    path: str,
    value: Any,
    boxes: set[int],
    depth: int = DEPTH,
    seen: frozenset[int] = frozenset(),
) -> Iterator[tuple[str, Any]]:
    """The tensors and arrays within a value, with their paths. The containers are added to `boxes`."""
    kind = engine.kind(value)
    if kind in ("tensor", "ndarray"):
        yield path, value
        return
    if depth == 0 or id(value) in seen:
        return
    seen = seen | {id(value)}
    boxes.add(id(value))
    for suffix, each in _items(engine, value):
        if isinstance(each, SINGLE):
            continue
        if engine.kind(each) in (
            "tensor",
            "ndarray",
        ):  # most are, and a generator for each takes twice as long
            yield path + suffix, each
        else:
            yield from inside(engine, path + suffix, each, boxes, depth - 1, seen)


def _items(engine: Engine, value: Any) -> Iterable[tuple[str, Any]]:
    """What stands in a value, each with what its path ends in. Most of what is not a tensor has no path made."""
    if isinstance(value, dict):
        return [(f"[{_key(key)}]", each) for key, each in list(value.items()) if not isinstance(each, SINGLE)]
    if isinstance(value, SEQUENCES):
        fields = getattr(value, "_fields", None)
        if fields:
            return ((f".{field}", each) for field, each in zip(fields, value))
        return ((f"[{i}]", each) for i, each in enumerate(value) if not isinstance(each, SINGLE))
    if isinstance(value, deque):
        return [(f"[{i}]", each) for i, each in enumerate(value)]
    return engine.parts(value)


def marks(engine: Engine, value: Any) -> list[Any] | None:
    """What the items of a flat container are: the identities of tensors and arrays, the types of the inert. None
    where other items are among them, which may change within.
    """
    if not isinstance(value, list | tuple | dict) or len(value) > MOST:
        return None
    if isinstance(value, dict):
        if any(type(key) is not str for key in value):
            return None
        value = value.values()
    found: list[Any] = []
    for each in value:
        kind = type(each)
        if kind in INERT:
            found.append(kind)
        elif engine.kind(each) in ("tensor", "ndarray"):
            found.append(id(each))
        else:
            return None
    return found


def mark(item: Any) -> Any:
    """The type of what is inert, the identity of anything else."""
    kind = type(item)
    return kind if kind in INERT else id(item)


def _key(key: Any) -> str:
    return repr(key) if isinstance(key, str | int | float | bool | tuple) else type(key).__name__


def operands(engine: Engine, inputs: Iterable[Any]) -> Iterator[Any]:
    """The tensors among the inputs of an operator, those in lists too."""
    for each in inputs:
        if isinstance(each, list | tuple):
            yield from operands(engine, each)
        elif engine.kind(each) == "tensor":
            yield each


def can_require_grad(dtype: str) -> bool:
    """Whether tensors of a dtype can have gradients."""
    return dtype.startswith(("float", "bfloat", "complex"))


def loses_gradient(engine: Engine, dtype: str, inputs: Iterable[Any]) -> bool:
    """Whether a recorded write into a dtype leaves the graph of what is written, because that dtype has no gradients."""
    return (
        not can_require_grad(dtype)
        and engine.recording()
        and any(engine.look(each).requires_grad for each in operands(engine, inputs))
    )


Located = Sequence[tuple[Any, Any]]
"""Tensors, each with its memory."""


def located(engine: Engine, inputs: Iterable[Any]) -> list[tuple[Any, Any]]:
    """The tensors among the inputs of an operator, each with its memory."""
    return [(each, engine.memory(each)) for each in operands(engine, inputs)]
