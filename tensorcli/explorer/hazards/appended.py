"""One memory that a loop keeps in a list again and again: `states.append(h)`, where `h += 1` writes it in each round."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.hazards.told import Told
from tensorcli.language.syntax import in_order

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.engines.reading import Walk
    from tensorcli.explorer.hazards.scope import Scope

KINDS = ("tensor", "ndarray")
DEPTH, SMALL = 2, 8
"""So deep into an item, and among so many parts, its first tensor is looked for."""


class Append(NamedTuple):
    """Where a loop appends to a list, by its name."""

    name: str
    node: ast.AST


Held = tuple[Append, list[Any]]
"""A list that a loop appends to."""


def held_by(names: Scope, appends: Sequence[Append]) -> list[Held]:
    """The lists that loops append to, where the script is just now."""
    lists = ((each, names.at(each.node.func.value)) for each in appends)  # type: ignore[attr-defined]
    return [(each, items) for each, items in lists if isinstance(items, list)]


def kept(engine: Engine, lists: Sequence[Held], written: Collection[int]) -> Iterator[tuple[Told, ast.AST]]:
    """What is to be said of lists whose last items are one memory that was written meanwhile, and where it was kept.
    `written`: the memory, by its identity.
    """
    for (name, node), items in lists:
        if len(items) < 2:
            continue
        last = _elements(engine, items[-1])
        if last is None or last[0] not in written or last != _elements(engine, items[-2]):
            continue
        places = [place for place, each in enumerate(items) if _elements(engine, each) == last]
        listed = ", ".join(f"{name}[{place}]" for place in places[:3]) + (", …" if len(places) > 3 else "")
        text = f"{name} keeps one memory at {len(places)} places ({listed}): each shows what is written last."
        yield Told("TSC-H025", text, (name,)), node


def _elements(engine: Engine, item: Any) -> tuple[int, Walk] | None:
    """Which elements of which memory an item is."""
    item = _first(engine, item, DEPTH)
    return (id(engine.memory(item)), engine.walk(item)) if engine.kind(item) in KINDS else None


def _first(engine: Engine, item: Any, depth: int) -> Any:
    """The first tensor of a dict or a list, as of `{'epoch': 1, 'state': net.state_dict()}`: one copy, or none, keeps it all;
    the item itself where it is none.
    """
    if isinstance(item, dict | list | tuple) and depth:
        parts = islice(item.values() if isinstance(item, dict) else item, SMALL)
        found = (_first(engine, each, depth - 1) for each in parts)
        return next((each for each in found if engine.kind(each) in KINDS), None)
    return item


def appends_in(loop: ast.stmt) -> list[Append]:
    """The calls in a loop that are `states.append(h)`."""
    found = []
    for node in in_order(loop):
        function = node.func if isinstance(node, ast.Call) and len(node.args) == 1 else None
        if not isinstance(function, ast.Attribute) or function.attr != "append":
            continue
        if isinstance(function.value, ast.Name | ast.Attribute):
            found.append(Append(ast.unparse(function.value), node))
    return found
