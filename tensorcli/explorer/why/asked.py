"""`why T` and `why T.grad`: why a gradient is None or not, why a tensor requires grad or does not."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from tensorcli.explorer.results import Why
from tensorcli.explorer.trace import traced
from tensorcli.explorer.why.case import looking_back
from tensorcli.explorer.why.hidden import hidden
from tensorcli.explorer.why.leaves import gradient_of
from tensorcli.explorer.why.prove import WAYS, Allowance, allowance, numbered, outcome, prove
from tensorcli.explorer.why.states import state_of

if TYPE_CHECKING:
    from tensorcli.explorer.journal import Record
    from tensorcli.explorer.results.why import Verdict
    from tensorcli.explorer.rewrite import Proposal
    from tensorcli.explorer.session import Session


def asked(session: Session, tree: ast.expr, text: str) -> tuple[Why, list[Proposal], list[Record]]:
    """The answer, the proposals that it numbers, and the journal that they are about."""
    records = list(session.journal)
    wants_grad = isinstance(tree, ast.Attribute) and tree.attr == "grad"
    text = " ".join(text.split())
    subject, name = tree, text
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        subject, name = tree.operand, text.removeprefix("not ")
    if isinstance(subject, ast.Attribute) and subject.attr in ("grad", "requires_grad", "is_leaf", "grad_fn"):
        subject, name = subject.value, name.rpartition(".")[0]
    with traced(session, records) as trace:
        case = looking_back(session, trace)
        value = case.value(subject)
        if case.engine.kind(value) != "tensor":
            what = "has no value here" if value is None else f"is of type {type(value).__name__}"
            return Why(f"why is asked of tensors and of their .grad; {name} {what}."), [], records
        story = hidden(case, name) if wants_grad and case.engine.grad(value) is not None else None
        if story is None:
            story = gradient_of(case, value, name) if wants_grad else state_of(case, value, name)
    allowed = allowance(trace)
    if story.right is not None:
        proved, held, measure = prove(session, story.proposals, story.right, True, allowed)
        events, notes = tuple(story.events), tuple(story.notes)
        return Why(story.title, None, "", events, None, notes, tuple(proved), measure), held, records
    ways, kept = numbered(islice(_held(session, story.proposals, allowed, name if wants_grad else ""), WAYS))
    measure = f"{name}.grad" if wants_grad and ways else ""
    return (
        Why(story.title, None, "", tuple(story.events), None, tuple(story.notes), tuple(ways), measure),
        kept,
        records,
    )


def _held(
    session: Session, proposals: Iterable[Proposal | None], allowed: Allowance, leaf: str
) -> Iterator[tuple[Proposal, str, Verdict]]:
    """The ways that hold, and what each gives; where a gradient is asked for, of `leaf`, those that bring one."""
    seen: set[str] = set()
    for proposal in proposals:
        if proposal is None or proposal.text in seen:
            continue
        seen.add(proposal.text)
        found = outcome(session, proposal, allowed)
        if found is None:
            continue
        shown = found.gradients.get(leaf, "") if leaf and not proposal.shows else found.value
        if shown or not leaf:
            yield proposal, shown, "runs"
