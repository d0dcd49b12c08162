"""`why T` and `why T.grad`: why a gradient is None or not, why a tensor requires grad or does not."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.results import Way, Why
from tensorcli.explorer.trace import traced
from tensorcli.explorer.why.case import looking_back
from tensorcli.explorer.why.hidden import hidden
from tensorcli.explorer.why.leaves import gradient_of
from tensorcli.explorer.why.prove import allowance, outcome, prove
from tensorcli.explorer.why.states import state_of

if TYPE_CHECKING:
    from tensorcli.explorer.journal import Record
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
    ways: list[Any] = []
    kept: list[Proposal] = []
    for proposal in story.proposals:
        if proposal is None or len(kept) >= 4:
            continue
        found = outcome(session, proposal, allowed)
        gave = None if found is None else found.gradients.get(name)
        shown = found.value if found is not None and (proposal.shows or not wants_grad) else gave
        if found is None or (wants_grad and not shown):
            continue
        kept.append(proposal)
        ways.append(
            Way(
                len(kept),
                proposal.text,
                proposal.note,
                shown or "",
                "runs",
                proposal.edits,
            )
        )
    measure = f"{name}.grad" if wants_grad and ways else ""
    return (
        Why(story.title, None, "", tuple(story.events), None, tuple(story.notes), tuple(ways), measure),
        kept,
        records,
    )
