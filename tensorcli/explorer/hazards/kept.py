"""One memory that a loop keeps in a list again and again: `states.append(h)`, where `h += 1` writes it in each round."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.told import Told

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine, Walk

KINDS = ("tensor", "ndarray")


def kept(
    engine: Engine, names: Mapping[str, Any], loops: Sequence[ast.stmt], written: set[int]
) -> Iterator[tuple[Told, ast.AST]]:
    """What is to be said of the lists that loops appended to, where items are one memory that was written meanwhile, and
    where it was kept. `written`: the memory, by its identity.
    """
    for node in dict.fromkeys(each for loop in loops for each in ast.walk(loop)):
        name = _appended_to(node)
        items = None if name is None else names.get(name)
        if name is None or not isinstance(items, list):
            continue
        held = [_elements(engine, each) for each in items]
        alike = Counter(each for each in held if each is not None and each[0] in written)
        one = max(alike, key=alike.__getitem__, default=None)
        if one is None or alike[one] < 2:
            continue
        times = alike[one]
        places = [place for place, each in enumerate(held) if each == one]
        listed = ", ".join(f"{name}[{place}]" for place in places[:3]) + (", …" if times > 3 else "")
        yield (
            Told(
                f"{name} keeps one memory at {times} places ({listed}): each shows what is written last.",
                (name,),
            ),
            node,
        )


def _elements(engine: Engine, item: Any) -> tuple[int, Walk] | None:
    """Which elements of which memory an item is."""
    return (id(engine.memory(item)), engine.walk(item)) if engine.kind(item) in KINDS else None


def _appended_to(node: ast.AST) -> str | None:
    """`states` of `states.append(h)`."""
    function = node.func if isinstance(node, ast.Call) and len(node.args) == 1 else None
    if (
        isinstance(function, ast.Attribute)
        and function.attr == "append"
        and isinstance(function.value, ast.Name)
    ):
        return function.value.id
    return None
