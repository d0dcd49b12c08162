"""Views that require grad through their base alone: taken under no_grad, or before the base required grad. They have
no history, and a gradient through one is lost.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.results import Event
from tensorcli.explorer.trees import stored
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.cuts import cut_reason

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal
    from tensorcli.explorer.trace import Traced


def cut_off(case: Case, value: Any) -> bool:
    """Whether a view requires grad through its base alone: it has no history, and no gradient reaches its base."""
    engine = case.engine
    base = engine.base(value)
    if base is None:
        return False
    look = engine.look(value)
    return bool(look.requires_grad and look.grad_fn is None)


def view_without_edge(case: Case, value: Any, name: str, begin: str) -> Story:
    """Such a view: how it came to be, and when its base began to require grad."""
    owner = case.own_name(case.engine.base(value)) or "its base"
    why, events = cut_from_base(case, value, name)
    return Story(
        f"{begin}says requires_grad=True only because its base {owner} does: {why}, so it has no edge to {owner}, and a "
        "gradient through it is lost.",
        events,
    )


def cut_from_base(case: Case, value: Any, name: str) -> tuple[str, list[Event]]:
    """Why such a view has no edge to its base, and what happened."""
    engine = case.engine
    base = engine.base(value)
    owner = case.own_name(base) or "its base"
    made = case.made(value)
    bound = case.bound_at(name)
    at = bound if made is None else made[0].number - 1
    kind = engine.view_kind(value)
    events: list[Event] = []
    node = None if made is None else made[1].node_at
    if kind in ("no_grad", "inference"):
        where = "" if at is None else f" at line {case.within_line(at, node)}"
        how = "without recording" if made is None else cut_reason(case, *made).removeprefix("ran ")
        why = f"it was taken{where} {how}"
        if at is not None:
            events.append(
                case.event(at, f"{name} is a view of {owner}, not recorded", "cut", culprit=True, node=node)
            )
    else:
        began = _required_from(case, owner)
        if at is not None:
            events.append(
                case.event(at, f"{name} is a view of {owner}, which did not require grad", "made", node=node)
            )
        when = "its base began to"
        if began is not None:
            when = f"line {case.trace.steps[began].line} made {owner} require grad"
            events.append(case.event(began, f"{owner} requires grad from here on", "cut", culprit=True))
        why = f"it was taken{'' if at is None else f' at line {case.within_line(at, node)}'} before {when}"
    return why, events


def _required_from(case: Case, name: str) -> int | None:
    """Where a tensor began to require grad, from 0."""
    for step, before, after in case.trace.changes_of(name):
        if after.requires_grad and not before.requires_grad:
            return step.number - 1
    return None


def views_cut_off(case: Case, value: Any) -> Iterator[tuple[Any, str]]:
    """The named views of a tensor that have no edge to it."""
    observation = case.trace.session.observation
    assert observation is not None
    memory = id(case.engine.memory(value))
    for entry in observation.index.sharing(memory):
        view = entry.value
        if case.engine.kind(view) == "tensor" and case.engine.base(view) is value and cut_off(case, view):
            yield view, observation.index.names(entry)[0]


def view_again(case: Case, name: str, use: Traced, last: Traced) -> Iterator[Proposal | None]:
    """The statement that took the view once more, before it is used."""
    bound = case.bound_at(name)
    if bound is None:
        return
    tree = case.journal.tree(bound)
    if isinstance(tree, ast.With) and len(tree.body) == 1:
        tree = tree.body[0]
    if isinstance(tree, ast.Assign) and stored(tree) == {name} and bound < use.number - 1:
        source = case.journal.source(bound, tree)
        found = case.journal.inserted(use.number - 1, source, "take the view again")
        if found is not None:
            yield replace(found, failing=last.number)
