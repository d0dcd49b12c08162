"""Runs proposals on forks: which of them lead out, and what each gives."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tensorcli.explorer.facts import short_text
from tensorcli.explorer.results import Way
from tensorcli.explorer.rewrite import Proposal
from tensorcli.explorer.trees import root_name, stored, write_target

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.results import Step
    from tensorcli.explorer.results.why import Verdict
    from tensorcli.explorer.session import Session
    from tensorcli.explorer.trace import Trace

WAYS = 4
"""So many ways out are shown."""
NAMES = 3
"""So many gradients are shown beside one another."""


class Allowance(NamedTuple):
    """How long the loops of a way out may take, and how large a tensor may be that it makes."""

    seconds: float = math.inf
    largest: int | None = None


ALL: Final = Allowance()
"""No bounds: what is tried ran before."""


def allowance(trace: Trace) -> Allowance:
    """What a way out of this journal is allowed: it is not to take much more than the journal did."""
    return Allowance(2 + 3 * trace.seconds, trace.allowance)


class Outcome(NamedTuple):
    """What a journal gave: the gradients of leaves by name, or the value of the statement in question."""

    gradients: dict[str, str]
    value: str
    changed: frozenset[str]
    """The names whose gradients the statement changed."""
    warned: bool = False
    """Whether PyTorch warned of the statement."""


def outcome(session: Session, proposal: Proposal, allowed: Allowance = ALL) -> Outcome | None:
    """What the proposal gives; None where its statement still fails (or warns, where it is to be quiet), or one before
    it fails that did not, or where it takes more than is allowed. Errors: KeyboardInterrupt.
    """
    before: dict[str, str] = {}
    with session.fork([]) as other:
        step = rerun(other, proposal, allowed, lambda: before.update(_gradients(other)))
        if step is None or (proposal.quiet and step.warnings):
            return None
        gradients = _gradients(other)
        if proposal.shows.endswith(".grad"):
            held = gradients.get(proposal.shows.removesuffix(".grad"))
            value = "" if held is None else f"{proposal.shows} = {held}"
        else:
            value = _value(other, proposal, step)
        changed = frozenset(name for name, text in gradients.items() if before.get(name) != text)
        return Outcome(gradients, value, changed, bool(step.warnings))


def _value(other: Session, proposal: Proposal, step: Step) -> str:
    """What the statement in question gave: what the proposal shows, what its names hold now, or the value of its step."""
    tree = proposal.records[proposal.failing].statement.tree
    value = "" if proposal.shows else _clipped(value_text(step))
    names = {proposal.shows} if proposal.shows else _telling_names(other, tree)
    if not value and not names:
        target = write_target(tree)
        name = None if target is None else root_name(target[0])
        names = set() if name is None else {name}
    for name in sorted(names):
        thing = other.names.get(name)
        if other.engine.kind(thing) in ("tensor", "ndarray"):
            value = f"{name} = {short(other.engine, thing)}"
        elif isinstance(thing, tuple | list | bool | int | float):
            value = f"{name} = {short_text(other.engine, thing)}"
    return value


def _telling_names(other: Session, tree: ast.stmt) -> set[str]:
    """The names that a statement binds, but for what counts the rounds of a loop: that says nothing of what they did."""
    names = _bound(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.For):
            names -= {
                name for name in stored(node.target) if other.engine.kind(other.names.get(name)) is None
            }
    return names


def rerun(
    other: Session, proposal: Proposal, allowed: Allowance, ahead: Callable[[], object] = lambda: None
) -> Step | None:
    """Run a proposal on a fork, up to the statement in question: the step of that. None where it still fails, or one before
    it fails that did not, or where it takes more than is allowed. `ahead` is called before it. Errors: KeyboardInterrupt.
    """
    other.evaluator.until = monotonic() + allowed.seconds
    if other.observation is not None:
        other.observation.rows = 0  # nobody sees them
    if allowed.largest is not None:
        other.configure("max_bytes", allowed.largest)
    for number, record in enumerate(proposal.records[: proposal.failing + 1]):
        last = number == proposal.failing
        if last:
            ahead()
        step = other.again(record)
        if step.error is not None:
            interrupted = step.error.kind == "interrupted"
            if interrupted and not other.evaluator.late:
                raise KeyboardInterrupt
            if interrupted or last or not record.outcome:
                return None
    return step


def value_text(step: Step) -> str:
    """What a statement showed, on one line; empty where it showed nothing."""
    return "" if step.value is None else " ".join(step.value.text.split())


def numbered(shown: Iterable[tuple[Proposal, str, Verdict]]) -> tuple[list[Way], list[Proposal]]:
    """The ways out with what each gave and was found to be, numbered but for what one should not do; and the proposals
    that the numbers stand for.
    """
    ways: list[Way] = []
    kept: list[Proposal] = []
    for proposal, measured, verdict in shown:
        if not proposal.warning:
            kept.append(proposal)
        number = None if proposal.warning else len(kept)
        ways.append(Way(number, proposal.text, proposal.note, measured, verdict, proposal.edits))
    return ways, kept


def _of_zeros(found: Outcome) -> bool:
    """Whether all gradients that the statement changed are 0: what has none is rather the way."""
    return bool(found.changed) and not any(
        re.search(r"[1-9]|nan|inf", found.gradients.get(name, "0")) for name in found.changed
    )


LONG = 100
"""A text of elements of more characters is not shown; the dtype and the shape are."""


def short(engine: Engine, value: Any) -> str:
    """The elements of a tensor or an array, or what it is."""
    text = engine.text(value)
    look = engine.look(value)
    return text if len(text) <= LONG else look.summary


def _clipped(text: str, room: int = LONG) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _gradients(session: Session) -> dict[str, str]:
    """The gradients of the tensors that have a name."""
    engine, observation = session.engine, session.observation
    assert observation is not None
    found = {}
    for entry in list(observation.index.entries.values()):
        tensor = entry.value
        if tensor is None or engine.kind(tensor) != "tensor" or not entry.paths:
            continue
        grad = engine.grad(tensor)
        if grad is not None:
            found[observation.index.names(entry)[0]] = engine.text(grad)
    return found


def _bound(tree: ast.stmt) -> set[str]:
    """The names that a statement binds; of a block, the one where it is the only one."""
    if isinstance(tree, ast.AugAssign) and isinstance(tree.target, ast.Name):
        return {tree.target.id}
    names = stored(tree)
    return names if not hasattr(tree, "body") or len(names) == 1 else set()


def prove(
    session: Session,
    proposals: Sequence[Proposal | None],
    right: Mapping[str, str] | None,
    backward: bool,
    allowed: Allowance = ALL,
) -> tuple[list[Way], list[Proposal], str]:
    """The ways that hold, numbered, their proposals, and what all of them show (`w.grad`). `right`: the gradients
    that a way out must give; `allowed`: what each may take.
    """
    held: list[tuple[Proposal, Outcome]] = []
    seen: set[str] = set()
    good = 0
    for proposal in proposals:
        if proposal is None or proposal.text in seen or (good >= WAYS and not proposal.warning):
            continue
        seen.add(proposal.text)
        found = outcome(session, proposal, allowed)
        if found is None:
            continue
        wrong = right is not None and any(found.gradients.get(name) != right[name] for name in right)
        if proposal.warning != wrong:
            continue  # a warning is only shown for being wrong, a way out only for being right
        good += not proposal.warning
        held.append((proposal, found))
    if any(not found.warned for proposal, found in held if not proposal.warning):
        held = [(proposal, found) for proposal, found in held if proposal.warning or not found.warned]
    held.sort(key=lambda each: not each[0].warning and _of_zeros(each[1]))
    names: list[str] = []
    for _, found in held:
        names.extend(name for name in found.gradients if name in found.changed and name not in names)
    names = names[:NAMES] if backward else []
    shown: list[tuple[Proposal, str, Verdict]] = []
    for proposal, found in held:
        verdict: Verdict = "runs"
        if right is not None:
            verdict = "wrong" if proposal.warning else "ok"
        if len(names) == 1:
            measured = _clipped(found.gradients.get(names[0], "None"))
        elif names:
            room = LONG // len(names)
            measured = "  ".join(
                f"{name} {_clipped(found.gradients.get(name, 'None'), room)}" for name in names
            )
        else:
            measured = found.value
        shown.append((proposal, measured, verdict))
    if len(names) == 1:
        measure = f"{names[0]}.grad"
    else:
        measure = ".grad of each" if names else ""
    return *numbered(shown), measure
