"""`inspect`: everything about one value: a tensor (tensor_page.py), a collection, a node, a storage. Looking changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.arguments import argument, node_text
from tensorcli.explorer.commands.saved import saved_rows
from tensorcli.explorer.commands.tensor_page import tensor_page
from tensorcli.explorer.results import Field, Inspection, Line, size_text
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.identity import Allocation
    from tensorcli.explorer.session import Session

ITEMS = 20
"""Members of a collection that are inspected; the rest is counted."""
COUNTED = 100_000
"""Parts of a module that are counted."""


def inspect(session: Session, invocation: Invocation) -> Inspection:
    """The page of one value."""
    value, name = argument(session, invocation, "value")
    return inspection(session, value, name)


def inspection(session: Session, value: Any, name: str, depth: int = 2) -> Inspection:
    """Everything about a value that is called `name`."""
    from tensorcli.explorer.identity import Allocation

    if isinstance(value, Allocation):
        return _allocation(session, value)
    kind = session.engine.kind(value)
    if kind in ("tensor", "ndarray"):
        return tensor_page(session, value, name)
    if kind == "node":
        return _node(session, value, name)
    if kind == "storage":
        memory = session.engine.memory(value)
        return _allocation(session, session.allocations.of(memory, session.engine.extent(memory)))
    members = _members(session, value) if depth else []
    if members:
        items = [
            inspection(session, each, f"{name}{path}", depth - 1) for path, each in islice(members, ITEMS)
        ]
        lines = (
            Line(
                "items",
                (Field("items", len(members)),),
                f"the first {ITEMS} are shown" if len(members) > ITEMS else "",
            ),
        )
        return Inspection("collection", name, "", None, (type(value).__name__,), lines, tuple(items))
    text = session.short_text(value)
    return Inspection(
        "other", name, "", None, (type(value).__name__,), (Line("value", (Field("value", text),)),)
    )


def _members(session: Session, value: Any) -> Sequence[tuple[str, Any]]:
    """What a collection, a module or an optimiser holds, by what is written after its name."""
    if isinstance(value, list | tuple | dict | set):
        return [
            (f"[{key!r}]", each)
            for key, each in (value.items() if isinstance(value, dict) else enumerate(value))
        ]
    kinds = ("tensor", "ndarray")
    found = (each for each in session.engine.parts(value) if session.engine.kind(each[1]) in kinds)
    return list(islice(found, COUNTED))


def _node(session: Session, node: Any, name: str) -> Inspection:
    engine = session.engine
    lines = [Line("name", (Field("name", engine.node_name(node)),))]
    below = list(engine.edges(node))
    lines.append(
        Line(
            "next",
            tuple(
                Field(
                    "next",
                    None if each is None else node_text(session, each),
                    "None" if each is None else node_text(session, each),
                )
                for each in below
            ),
        )
    )
    for row in saved_rows(session, [node]):
        state = "STALE" if row.stale else "fresh"
        lines.append(
            Line(
                "saved",
                (
                    Field(
                        f"saved.{row.slot}",
                        f"{row.tensor or '(temporary)'}@v{row.saved}",
                        f"{row.slot} = {row.tensor or '(temporary)'}@v{row.saved}",
                    ),
                ),
                f"{state}: now at version {row.now}",
            )
        )
    if engine.released(node):
        lines.append(Line("saved", (Field("released", True, "freed by a backward pass"),)))
    return Inspection("node", name, "", None, (engine.node_name(node),), tuple(lines))


def _allocation(session: Session, allocation: Allocation) -> Inspection:
    names = []
    counters: dict[int, tuple[int, list[str]]] = {}
    if session.observation is not None:
        for each in session.observation.index.sharing(allocation.key):
            found = session.observation.index.names(each)
            names.extend(found[:1])
            look = session.engine.look(each.value)
            if look.version is not None:
                counters.setdefault(look.counter, (look.version, []))[1].extend(found[:1])
    lines = [
        Line("bytes", (Field("nbytes", allocation.nbytes, size_text(allocation.nbytes)),)),
        Line("names", tuple(Field("name", each) for each in names)),
        Line(
            "versions",
            tuple(
                Field("version", count, f"{count} ({', '.join(shared)})")
                for count, shared in counters.values()
            ),
            ""
            if len(counters) < 2
            else "separate counters: writes through one are not seen by the checks of another",
        ),
    ]
    return Inspection(
        "storage",
        allocation.id or "(temporary)",
        allocation.source,
        allocation.line,
        (size_text(allocation.nbytes),),
        tuple(lines),
    )
