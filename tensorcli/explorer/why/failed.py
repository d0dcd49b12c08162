"""A statement that failed: its story, and the ways out that hold. Where each of them only leads to another error, the way out
of that one is taken as well: a script may have two mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from tensorcli.explorer.results import Way, Why
from tensorcli.explorer.rewrite import joined
from tensorcli.explorer.trace import traced
from tensorcli.explorer.trees import has_pass, unbroken
from tensorcli.explorer.why.prove import Allowance, allowance, outcome, prove
from tensorcli.explorer.why.tellers import BACKWARD, tell
from tensorcli.language.limits import OutOfTime

if TYPE_CHECKING:
    from tensorcli.explorer.errors import Known
    from tensorcli.explorer.journal import Record
    from tensorcli.explorer.results import Failure
    from tensorcli.explorer.rewrite import Proposal
    from tensorcli.explorer.session import Session
    from tensorcli.explorer.trace import Trace
    from tensorcli.explorer.why.case import Story

FIRST = 4
"""So many ways are followed to the error behind them."""


class Told(NamedTuple):
    """A failure, and what is said of it."""

    failure: Failure
    known: Known | None
    story: Story
    backward: bool
    """Whether ways out are measured by gradients."""
    allowed: Allowance


class Proved(NamedTuple):
    """The ways out that hold, their proposals, what all of them show, and what is to be said of them."""

    ways: list[Way]
    proposals: list[Proposal]
    measure: str
    notes: tuple[str, ...] = ()


def failed(session: Session, records: list[Record], expected: bool) -> tuple[Why, list[Proposal]] | None:
    """Why the last of these statements fails, and the proposals that the answer numbers; None where it does not fail.
    `expected`: it did not run yet, and is to stay the last one. Errors: KeyboardInterrupt.
    """
    with traced(session, records) as trace:
        told = _told(session, trace)
    if told is None:
        return None
    proposals = _wanted(told.story.proposals, expected)
    proved = _proved(session, told, proposals)
    if not any(way.number for way in proved.ways):
        proved = next(_twice(session, told, proposals, expected), proved)
    story, failure = told.story, told.failure
    error = f"{failure.type}: {failure.message}".partition("\n")[0]
    answer = Why(
        unbroken(story.title),
        None if told.known is None else told.known.code,
        error,
        tuple(story.events),
        story.timeline,
        (*story.notes, *proved.notes),
        tuple(proved.ways),
        proved.measure,
    )
    return answer, proved.proposals


def _wanted(proposals: Sequence[Proposal | None], expected: bool) -> list[Proposal]:
    """The proposals that there are; of those about a statement that did not run yet, the ones in which it is the last."""
    return [
        each
        for each in proposals
        if each is not None and (not expected or each.failing == len(each.records) - 1)
    ]


def _told(session: Session, trace: Trace) -> Told | None:
    failure = trace.last.step.error
    if failure is None:
        return None
    story, known = tell(session, trace, failure)
    backward = has_pass(trace.last.record.statement.tree) or (known is not None and known.key in BACKWARD)
    return Told(failure, known, story, backward, allowance(trace))


def _proved(session: Session, told: Told, proposals: Sequence[Proposal]) -> Proved:
    right = told.story.right
    if told.story.reference is not None:
        reference = outcome(session, told.story.reference, told.allowed)
        right = None if reference is None else reference.gradients
    return Proved(*prove(session, proposals, right, told.backward, told.allowed))


# ---- two mistakes


def _twice(session: Session, told: Told, proposals: Sequence[Proposal], expected: bool) -> Iterator[Proved]:
    """The ways out that take two changes: one of these, and one of the error that it leads to."""
    firsts = [each for each in proposals if not each.warning]
    for first in firsts[:FIRST]:
        behind = _behind(session, first, told.allowed)
        if behind is None or _same(behind, told):
            continue
        both = [_both(first, each) for each in _wanted(behind.story.proposals, expected)]
        proved = _proved(session, behind, both)
        if any(way.number for way in proved.ways):
            yield proved._replace(notes=(_not_enough(behind),))


def _not_enough(behind: Told) -> str:
    return f"one change is not enough, another error follows: {unbroken(behind.story.title)}"


def with_what_follows(
    session: Session, proposals: Sequence[Proposal | None], allowed: Allowance
) -> Iterator[tuple[Proposal, str]]:
    """The ways out of a trap that lead to an error, each with a way out of that, and what is to be said of the two. None of
    them was tried.
    """
    firsts = (each for each in proposals if each is not None and not each.warning)
    for first in islice(firsts, FIRST):
        up_to, behind = _earlier(session, first, allowed) or (first, _behind(session, first, allowed))
        if behind is not None:
            for second in _wanted(behind.story.proposals, False):
                both, rest = _both(up_to, second), len(first.records) - first.failing
                yield replace(both, failing=len(both.records) - rest), _not_enough(behind)


def _earlier(session: Session, first: Proposal, allowed: Allowance) -> tuple[Proposal, Told] | None:
    """The way up to an earlier statement that it lets fail, and what is told of that; None where it lets none fail."""
    try:
        with traced(session, first.records[: first.failing], *allowed) as trace:
            failing = next(
                (each for each in trace.steps if each.step.error is not None and not each.record.outcome),
                None,
            )
        if failing is None:
            return None
        up_to = replace(first, failing=failing.number - 1)
        behind = _behind(session, up_to, allowed)
        return None if behind is None else (up_to, behind)
    except OutOfTime:
        return None


def _behind(session: Session, first: Proposal, allowed: Allowance) -> Told | None:
    """The error to which a way leads; None where there is none, or one in an earlier statement."""
    records = first.records[: first.failing + 1]
    try:
        with traced(session, records, *allowed) as trace:
            if any(step.step.error is not None and not step.record.outcome for step in trace.steps[:-1]):
                return None
            return _told(session, trace)
    except OutOfTime:
        return None


def _same(told: Told, other: Told) -> bool:
    """Whether two errors are one, of which the same is said: a text may have the same mistake twice."""
    failure, before = told.failure, other.failure
    return (failure.type, failure.message, told.story.title) == (
        before.type,
        before.message,
        other.story.title,
    )


def _both(first: Proposal, second: Proposal) -> Proposal:
    """A journal with two changes, the second in what came of the first."""
    edits = joined(first.edits, second.edits)
    return replace(
        second,
        records=(*second.records, *first.records[first.failing + 1 :]),
        text=second.text if len(edits) == len(second.edits) else f"{first.text}\n{second.text}",
        note=f"{first.note}; {second.note}",
        edits=edits,
    )
