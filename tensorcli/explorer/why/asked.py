"""`why T` and `why T.grad`: why a gradient is None or not, why a tensor requires grad or does not."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.engines import Look
from tensorcli.explorer.graphs import nodes_below, roots
from tensorcli.explorer.results import Event, Failure, Why
from tensorcli.explorer.rewrite import Proposal
from tensorcli.explorer.trace import traced
from tensorcli.explorer.why.case import Case, Story, loaded
from tensorcli.explorer.why.gradient import told, ways_back, where_cut
from tensorcli.explorer.why.prove import outcome
from tensorcli.language.syntax import Span

if TYPE_CHECKING:
    from tensorcli.explorer.journal import Record
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
        nothing = Failure("statement", "", "", (), (), Span(1, 0, 1, 0))
        case = Case(session, trace, nothing)
        # Every statement ran: what is looked back at includes the last one.
        case.at = len(trace.steps)
        value = case.value(subject)
        if case.engine.kind(value) != "tensor":
            what = "has no value here" if value is None else f"is of type {type(value).__name__}"
            return Why(f"why is asked of tensors and of their .grad; {name} {what}."), [], records
        story = _gradient(case, value, name) if wants_grad else _state(case, value, name)
    ways: list[Any] = []
    kept: list[Proposal] = []
    for proposal in story.proposals:
        if proposal is None or len(kept) >= 4:
            continue
        found = outcome(session, proposal)
        gave = None if found is None else found.gradients.get(name)
        if found is None or (wants_grad and gave is None):
            continue
        kept.append(proposal)
        from tensorcli.explorer.results import Way

        ways.append(
            Way(
                len(kept),
                proposal.text,
                proposal.note,
                gave or "" if wants_grad else found.value,
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


def _gradient(case: Case, value: Any, name: str) -> Story:
    engine = case.engine
    look = engine.look(value)
    grad = engine.grad(value)
    if grad is not None:
        events = [
            case.event(step.number - 1, change.note or change.kind, "made")
            for step in case.trace.steps
            for change in step.step.changes
            if change.kind in ("gradient", "written", "created") and f"{name}.grad" in change.names
        ]
        return Story(f"{name}.grad is {engine.text(grad)}.", events)
    bound = case.bound_at(name)
    if not look.requires_grad:
        return _not_required(case, value, name, look)
    if not look.is_leaf:
        return _not_leaf(case, name, look, bound)
    return _leaf(case, value, name, bound)


def _not_required(case: Case, value: Any, name: str, look: Look) -> Story:
    cuts = where_cut(case, value)
    story = Story(f"{name}.grad is None because {name} does not require grad")
    if cuts:
        sentence, story.events = told(cuts, case, value)
        story.title += f": {sentence}"
        story.proposals = [
            _to_the_end(case, each) for each in ways_back(case, [cut for cut in cuts if cut.kind == "leaf"])
        ]
    else:
        story.title += "; which statement made it is not known."
    return story


def _not_leaf(case: Case, name: str, look: Look, bound: int | None) -> Story:
    """A computed tensor: its leaf may have lost its name."""
    story = Story(
        f"{name}.grad is None because {name} is not a leaf ({look.grad_fn}): a backward pass leaves gradients in leaves, "
        "and elsewhere only after retain_grad()."
    )
    if bound is None:
        return story
    story.events.append(case.event(bound, f"{name} was computed here ({look.grad_fn})", "made"))
    session = case.trace.session
    value = session.names.get(name)
    node = None if value is None else case.engine.node(value)
    leaves = []
    for each in nodes_below(case.engine, node, 1000):
        variable = case.engine.variable(each)
        if variable is not None:
            leaves.append(variable)
    observation = session.observation
    assert observation is not None
    for leaf in leaves[:3]:
        leaf_name = observation.index.name(leaf)
        grad = case.engine.grad(leaf)
        text = "None" if grad is None else case.engine.text(grad)
        if leaf_name is None:
            story.notes.append(f"the leaf behind it has no name any more; its .grad is {text}.")
        else:
            story.notes.append(f"the leaf behind it is {leaf_name}; {leaf_name}.grad is {text}.")
    after = bound + 1
    if after <= len(case.trace.steps) - 1:
        story.proposals.append(
            _to_the_end(case, case.journal.inserted(after, f"{name}.retain_grad()", "keep this gradient too"))
        )
    return story


def _leaf(case: Case, value: Any, name: str, bound: int | None) -> Story:
    """A leaf that requires grad and has none."""
    _engine, trace = case.engine, case.trace
    passes = [
        step
        for step in trace.steps
        if any(
            isinstance(node, ast.Attribute) and node.attr == "backward"
            for node in ast.walk(step.record.statement.tree)
        )
    ]
    cleared = [
        step
        for step in trace.steps
        for change in step.step.changes
        if change.kind == "unbound" and f"{name}.grad" in change.names
    ]
    if cleared:
        step = cleared[-1]
        return Story(
            f"{name}.grad is None because line {step.line} took it away.",
            [case.event(step.number - 1, f"{name}.grad was dropped", "cut", culprit=True)],
        )
    if not passes:
        story = Story(f"{name}.grad is None because no backward pass ran: a gradient comes with backward().")
        users = _users(case, value)
        if users:
            story.notes.append(f"{', '.join(users[:4])} would bring it: their graph leads to {name}.")
        return story
    raised = [step for step in passes if step.step.error is not None]
    story = Story("")
    if len(raised) == len(passes):
        story.title = f"{name}.grad is None because the backward pass at line {passes[-1].line} failed (why)."
        story.events.append(case.event(passes[-1].number - 1, "raised", "raised"))
        return story
    done = [step for step in passes if step.step.error is None]
    last = done[-1]
    users = _users(case, value)
    story.title = f"{name}.grad is None because no graph that was differentiated leads to {name}."
    older = bound is not None and bound > last.number - 1
    if older and bound is not None:
        story.title = (
            f"{name}.grad is None because {name} was bound at line {trace.steps[bound].line}, after the last backward pass "
            f"(line {last.line})."
        )
    if bound is not None:
        story.events.append(case.event(bound, f"{name} was made here", "made"))
    uses = [
        step
        for step in trace.steps
        if bound is not None and step.number - 1 > bound and name in loaded(step.record.statement.tree)
    ]
    for step in uses[:4]:
        cut = [made for made in step.made if made.needed and not made.look.requires_grad]
        if cut:
            made = cut[0]
            operator = made.operator.partition(".")[0]
            why = "ran under no_grad" if not made.recording else "leaves the graph"
            story.events.append(case.event(step.number - 1, f"{operator} {why}", "cut", culprit=True))
            story.title = (
                f"{name}.grad is None because the way from {name} to what was differentiated was cut at line "
                f"{step.line}."
            )
    story.events.append(case.event(last.number - 1, f"a backward pass that did not reach {name}", "other"))
    if users:
        story.notes.append(f"{', '.join(users[:4])} lead to {name}, and were not differentiated.")
    return story


def _users(case: Case, value: Any) -> list[str]:
    """The names whose graph leads to a leaf."""
    observation = case.trace.session.observation
    assert observation is not None
    found = []
    for entry, root in roots(case.engine, observation.index):
        if any(case.engine.variable(node) is value for node in nodes_below(case.engine, root, 10_000)):
            found.append(observation.index.names(entry)[0])
    return found


def _state(case: Case, value: Any, name: str) -> Story:
    """Why a tensor requires grad, or does not."""
    look = case.engine.look(value)
    if not look.requires_grad:
        cuts = where_cut(case, value)
        story = Story(f"{name} does not require grad")
        if not cuts:
            story.title += "; which statement made it is not known."
            return story
        sentence, story.events = told(cuts, case, value)
        story.title += f": {sentence}"
        return story
    bound = case.bound_at(name)
    events: list[Event] = []
    kind = case.engine.view_kind(value)
    base = case.engine.base(value)
    swallowed = kind in ("no_grad", "inference") and base is not None
    if look.is_leaf and not swallowed:
        title = f"{name} requires grad: it is a leaf that was made so."
        if bound is not None:
            events.append(case.event(bound, "a leaf that requires grad", "made"))
        return Story(title, events)
    if swallowed:
        owner = case.name(base) or "its base"
        title = (
            f"{name} says requires_grad=True only because its base {owner} does: it was taken without recording, so it has "
            "no edge, and a gradient through it is lost."
        )
    else:
        title = f"{name} requires grad because it was computed ({look.grad_fn}) from what does."
    if bound is not None:
        text = f"a view of {case.name(base)}, not recorded" if swallowed else f"{look.grad_fn}"
        events.append(case.event(bound, text, "made"))
    leaves = []
    for node in nodes_below(case.engine, case.engine.node(value), 10_000):
        variable = case.engine.variable(node)
        if variable is not None:
            leaves.append(case.name(variable) or "a leaf without a name")
    notes = [f"its graph leads to {', '.join(dict.fromkeys(leaves[:6]))}."] if leaves else []
    return Story(title, events, notes)


def _to_the_end(case: Case, proposal: Proposal | None) -> Proposal | None:
    """The proposal run to the end of the journal."""
    if proposal is None:
        return None
    return Proposal(
        proposal.records,
        proposal.text,
        proposal.note,
        proposal.edits,
        len(proposal.records) - 1,
        proposal.warning,
    )
