"""`saved`: the tensors that the graph keeps for the backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.arguments import argument, named
from tensorcli.explorer.graphs import MOST, nodes_below, roots
from tensorcli.explorer.results import SavedRow, SavedTable
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


def saved(session: Session, invocation: Invocation) -> SavedTable:
    """The saved tensors of one graph, or of all graphs that names reach."""
    engine = session.engine
    nodes: list[Any] = []
    of = None
    if invocation.get("value") is not None:
        value, of = argument(session, invocation, "value")
        kind = engine.kind(value)
        if kind not in ("tensor", "node"):
            raise TypeError(f"saved wants a tensor or a node, not '{type(value).__name__}'")
        nodes = list(nodes_below(engine, engine.node(value) if kind == "tensor" else value, MOST))
    elif session.observation is not None:
        seen: dict[int, Any] = {}
        for _, root in roots(engine, session.observation.index):
            if id(root) not in seen:
                for node in nodes_below(engine, root, MOST):
                    seen.setdefault(id(node), node)
        nodes = list(seen.values())
    rows = saved_rows(session, nodes)
    memories = {id(engine.memory(each.tensor)): each for node in nodes for each in engine.saved(node)}
    total = sum(engine.extent(engine.memory(each.tensor)) for each in memories.values())
    return SavedTable(of, tuple(rows), total)


def saved_rows(session: Session, nodes: list[Any]) -> list[SavedRow]:
    """What nodes saved: one row a tensor, with the line that saved it."""
    engine = session.engine
    rows = []
    for node in nodes:
        for each in engine.saved(node):
            look = engine.look(each.tensor)
            line = None
            if session.observation is not None:
                saver = session.observation.recorder.savers.get(look.memory, {}).get(id(node))
                line = None if saver is None else saver.line
            tensor = named(session, each.tensor)
            rows.append(
                SavedRow(
                    engine.node_name(node),
                    each.slot,
                    None if tensor == "(temporary)" else tensor,
                    session.allocations.name(look.memory),
                    tuple(look.sizes),
                    look.dtype,
                    look.nbytes,
                    each.saved,
                    each.now,
                    each.saved != each.now,
                    line,
                    engine.text(each.tensor),
                )
            )
    return rows
