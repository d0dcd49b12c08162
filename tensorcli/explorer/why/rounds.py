"""What the rounds of a loop carry from one to the next: tensors with a graph, and the same detached."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.trees import loaded, stored
from tensorcli.explorer.why.case import Case

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal


def _loops(tree: ast.AST) -> Iterator[tuple[ast.For | ast.While, list[str]]]:
    """The loops of a statement, each with the names that one round carries into the next."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.For | ast.While):
            continue
        bound: set[str] = set()
        carried: list[str] = []
        whole = stored(ast.Module(list(node.body), []))
        for each in node.body:
            carried.extend(name for name in sorted(loaded(each) - bound) if name in whole)
            bound |= stored(each)
        yield node, list(dict.fromkeys(carried))


def carried_graphs(case: Case) -> list[str]:
    """The tensors with a graph that a loop of the failing statement carries from round to round."""
    engine, names = case.engine, case.trace.session.names
    return [
        name
        for _, carried in _loops(case.statement.tree)
        for name in carried
        if any(engine.look(each).grad_fn is not None for each in _tensors(case, names.get(name)))
    ]


def _tensors(case: Case, value: Any) -> list[Any]:
    """The tensors of a value: itself, or the items of a tuple or a list that holds nothing else."""
    items = list(value) if isinstance(value, tuple | list) else [value]
    return items if all(case.engine.kind(each) == "tensor" for each in items) else []


def detached_each_round(case: Case) -> Iterator[Proposal | None]:
    """In a loop: what one round carries into the next, detached at the beginning of the round."""
    for node, carried in _loops(case.statement.tree):
        for name in carried:
            value = case.trace.session.names.get(name)
            if not _tensors(case, value):
                continue
            detached = f"{name}.detach()"
            if isinstance(value, tuple | list):
                items = f"each.detach() for each in {name}"
                detached = f"tuple({items})" if isinstance(value, tuple) else f"[{items}]"
            first = node.body[0]
            indent = " " * first.col_offset
            text = case.text_of(first)
            yield case.journal.changed(
                case.at,
                [(first, f"{name} = {detached}\n{indent}{text}")],
                f"{name} carries no graph from round to round",
            )
