"""What the rounds of a loop carry from one to the next: tensors with a graph, and the same detached."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.trees import loaded, stored

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
    """In a loop: what one round carries into the next, detached at the beginning of the round; at its end where there was
    none before the first.
    """
    for node, carried in _loops(case.statement.tree):
        for name in carried:
            value = case.trace.session.names.get(name)
            if not _tensors(case, value):
                continue
            detached = f"{name}.detach()"
            if isinstance(value, tuple | list):
                items = f"each.detach() for each in {name}"
                detached = f"tuple({items})" if isinstance(value, tuple) else f"[{items}]"
            bound = case.bound_before(case.at, name, node)
            begun = getattr(bound[1], "value", None) if bound is not None else None
            late = isinstance(begun, ast.Constant)  # h = None
            place = node.body[-1 if late else 0]
            lines = [case.text_of(place), f"{name} = {detached}"]
            yield case.journal.changed(
                case.at,
                [(place, f"\n{' ' * place.col_offset}".join(lines if late else lines[::-1]))],
                f"{name} carries no graph from round to round",
            )
