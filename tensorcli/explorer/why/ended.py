"""Backward passes that end at a leaf which was made of what they were to go through: of numbers, a count, `.data`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from tensorcli.explorer.trees import has_pass
from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.cuts import MADE_WITHOUT, Cut, names_of, told, where_cut_before
from tensorcli.explorer.why.reconnect import ways_back

if TYPE_CHECKING:
    from tensorcli.explorer.results import Event
    from tensorcli.explorer.rewrite import Proposal
    from tensorcli.explorer.trace import Traced


class Ended(NamedTuple):
    """Where a pass ended too early, and why."""

    leaf: str
    """`loss, a leaf of its own`."""
    reason: str
    """A sentence: where the way to what is behind it was cut."""
    node: ast.AST | None
    """The pass."""
    events: list[Event]
    proposals: list[Proposal | None]


def ended_early(case: Case, last: Traced) -> Ended | None:
    """Which leaf a backward pass ended at that was made of what requires grad, and how it could go on; None where none was."""
    for added in reversed(last.added):
        cuts = where_cut_before(case, added.tensor)
        if any(_of_what_learns(cut) for cut in cuts):
            name = next(iter(names_of(case, added.tensor)), "")
            sentence, events = told(cuts, case)
            leaf = f"{name}, a leaf of its own" if name else "a leaf without a name"
            return Ended(leaf, sentence, added.node_at, events, list(ways_back(case, cuts, name)))
    return None


def _of_what_learns(cut: Cut) -> bool:
    """Whether the way to a tensor that requires grad ends there: at an operation, or where its numbers were read."""
    return cut.kind == "cut" or cut.reason != MADE_WITHOUT


def last_pass(case: Case, at: int) -> Traced | None:
    """The last statement before a place, or there, that ran a backward pass to its end."""
    steps = case.trace.steps[: at + 1]
    return next(
        (step for step in reversed(steps) if step.added and has_pass(step.record.statement.tree)), None
    )
