"""`predict`: one question before a statement runs, about what it will do.

The statement is run on a fork first. Each fact of what it did there is a question that could be asked: whether it raises, who
sees the write, which version comes, what shares memory with what. The one asked is the one whose answer is most surprising (a
copy that shares, a version that stays), and of those the kind that was answered right least often. Knows no operator by name
and asks nobody: whoever opened the session says how.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from tensorcli.explorer.errors import SLIPS
from tensorcli.explorer.facts import describe
from tensorcli.explorer.graphs import nodes_below, roots
from tensorcli.explorer.results import (
    Change,
    Facts,
    Prediction,
    PredictionRow,
    Predictions,
    Question,
    Step,
    yes,
)

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session
    from tensorcli.language.syntax import Form, Statement

LEARNT: Final = 12
"""What a right answer takes off the interest of its kind."""
LEARNT_MOST: Final = 48
NAMES: Final = 6
"""A write that more names see is not asked about by name."""
ELEMENTS: Final = 3
"""Gradients with more elements are not asked for."""


@dataclass(slots=True)
class Predictor:
    """Questions and answers of one session, for as long as it asks."""

    on: bool = True
    right: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    skipped: int = 0

    def question(self, session: Session, statement: Statement, text: str, form: Form) -> Question | None:
        """What to ask before a statement runs; None where it creates and writes nothing. Errors: KeyboardInterrupt."""
        if not self.on or statement.command is not None:
            return None
        scene = look_ahead(session, statement, text, form)
        best: tuple[int, Question] | None = None
        for candidate in QUESTIONS:
            for interest, question in candidate(scene):
                left = interest - min(LEARNT * self.right[question.kind], LEARNT_MOST)
                if best is None or left > best[0]:
                    best = left, question
        return None if best is None else best[1]

    def judged(self, question: Question, given: str) -> Prediction:
        """Take an answer; empty is skipped."""
        right = judge(question, given)
        if right is None:
            self.skipped += 1
        else:
            self.answered[question.kind] += 1
            self.right[question.kind] += right
        return Prediction(question, given, right, (self.right.total(), self.answered.total()))

    def score(self) -> Predictions:
        """How it stands."""
        return Predictions(
            self.on,
            self.right.total(),
            self.answered.total(),
            self.skipped,
            tuple(PredictionRow(kind, self.right[kind], count) for kind, count in self.answered.items()),
        )


# ---- what the statement will do


class Scene(NamedTuple):
    """A statement that was run on a fork."""

    step: Step
    operands: dict[str, Facts]
    """The tensors and arrays that it names, as they are before it."""
    stale: tuple[bool, bool]
    """Whether a saved tensor was written since it was saved: before the statement, and after it."""
    has_graph: bool
    """Whether there is a saved tensor at all."""
    others: bool
    """Whether other tensors have a name."""


def look_ahead(session: Session, statement: Statement, text: str, form: Form) -> Scene:
    """Run a statement on a fork. Errors: KeyboardInterrupt."""
    from tensorcli.explorer.mentions import mentions

    engine = session.engine
    named = mentions(statement.tree, session.functions).loaded
    operands = {
        name: describe(engine, session.allocations, session.names[name])
        for name in named
        if name in session.names and engine.kind(session.names[name]) in ("tensor", "ndarray")
    }
    with session.fork() as other:
        before, has_graph = saved_tensors(other)
        other.hearing.silent = False
        step = other.execute(statement, text, form=form)
        if step.error is not None and step.error.kind == "interrupted":
            raise KeyboardInterrupt
        after, _ = saved_tensors(other)
    tensors = [name for name, value in session.names.items() if engine.kind(value) in ("tensor", "ndarray")]
    return Scene(step, operands, (before, after), has_graph, len(tensors) > 1)


def saved_tensors(session: Session) -> tuple[bool, bool]:
    """Whether a saved tensor was written since it was saved, and whether there is one."""
    observation = session.observation
    if observation is None:
        return False, False
    stale = some = False
    for _, root in roots(session.engine, observation.index):
        for node in nodes_below(session.engine, root):
            for saved in () if session.engine.released(node) else session.engine.saved(node):
                some = True
                stale = stale or saved.now != saved.saved
    return stale, some


# ---- what can be asked: each gives questions with how interesting they are

Asked = Iterator[tuple[int, Question]]


def raises(scene: Scene) -> Asked:
    """Whether the statement fails: not of slips of the pen, and of what runs only where it might well fail."""
    error = scene.step.error
    text = "will it raise an error?"
    if error is not None and (error.code is None or error.code in SLIPS):
        return
    if error is not None:
        yield 100, Question("raises", text, "yes or no", "yes", f"it raises {error.type}")
        return
    backward = any(change.kind in ("gradient", "graph_freed") for change in scene.step.changes)
    if backward or (scene.step.writes and any(each.requires_grad for each in scene.operands.values())):
        yield 57, Question("raises", text, "yes or no", "no", "it runs")


def stale(scene: Scene) -> Asked:
    """Whether a pass through the graph that is there works after a write."""
    if scene.stale[0] or not scene.has_graph or not scene.step.writes:
        return
    text = "will a backward pass through the graph that is there still work after it?"
    if scene.stale[1]:
        told = next(
            (each.text for each in scene.step.alarms if each.kind == "stale"), "a saved tensor is stale"
        )
        yield 90, Question("stale", text, "yes or no", "no", told)
    else:
        yield 50, Question("stale", text, "yes or no", "yes", "no tensor that the graph saved was written")


def seen(scene: Scene) -> Asked:
    """Who else sees a write."""
    for write in scene.step.writes[:1]:
        if len(write.seen_by) > NAMES or not scene.others:
            continue
        text = "which other names will see the write?" if write.via else "which names will see the write?"
        names = " ".join(write.seen_by) or "none"
        shown = ", ".join(write.seen_by) or "no other name"
        fact = f"the write into {write.storage} shows in {shown}"
        yield 80 if write.seen_by else 35, Question("seen", text, "names, or none", names, fact)


def version(scene: Scene) -> Asked:
    """What a version counter shows after a write."""
    for change in scene.step.changes:
        before, after = change.before, change.after
        if change.kind not in ("written", "seen") or before is None or after is None:
            continue
        if before.version is None or after.version is None:
            continue
        name, moved = change.names[0], after.version - before.version
        text = f"{name} is at version {before.version}: at which will it be?"
        note = change.note or "one in-place write, one step"
        fact = f"{name} is at version {after.version}: {note}"
        interest = 85 if moved == 0 else 45 if moved == 1 else 60
        yield interest, Question("version", text, "a number", str(after.version), fact)
        return


def sharing(scene: Scene) -> Asked:
    """Whether a new name, or a new tensor, shares memory with what it was made of."""
    for change in scene.step.changes:
        if change.kind == "bound" and change.same_as:
            new, old = change.names[0], change.same_as
            text = f"will {new} share memory with {old}?"
            yield 68, Question("sharing", text, "yes or no", "yes", f"{new} is the same object as {old}")
            return
        for facts, operand, shared in _operand(scene, change):
            new = change.names[0]
            text = f"will {new} share memory with {operand}?"
            other = scene.operands[operand]
            fact = (
                f"{new} and {operand} both lie in {facts.storage}"
                if shared
                else f"{new} lies in {facts.storage}, {operand} in {other.storage}"
            )
            interest = 70 if shared else 60 if facts.shape == other.shape else 30
            yield interest, Question("sharing", text, "yes or no", yes(shared), fact)
            return


def _operand(scene: Scene, change: Change) -> Iterator[tuple[Facts, str, bool]]:
    """Of a row that is new: its facts, and an operand to compare it with, one that shares its memory first."""
    facts = change.after
    if change.kind != "created" or facts is None or facts.storage is None:
        return
    others = {name: each for name, each in scene.operands.items() if name not in change.names}
    sharing_ones = [name for name, each in others.items() if each.storage == facts.storage]
    for name in [*sharing_ones, *others][:1]:
        yield facts, name, name in sharing_ones


def requires_grad(scene: Scene) -> Asked:
    """Whether what was made of tensors that require grad does."""
    for new, facts in _new(scene):
        if not any(each.requires_grad for each in scene.operands.values()):
            continue
        answer = yes(bool(facts.requires_grad))
        fact = f"{new}.requires_grad is {facts.requires_grad}, {new}.grad_fn {facts.grad_fn}"
        question = Question("requires_grad", f"will {new} require grad?", "yes or no", answer, fact)
        yield 25 if facts.requires_grad else 65, question


def grad_fn(scene: Scene) -> Asked:
    """Which node a new tensor has."""
    for new, facts in _new(scene):
        if facts.requires_grad and not facts.is_leaf:
            fact = f"{new}.grad_fn is {facts.grad_fn}"
            text = f"what will {new}.grad_fn be?"
            yield 30, Question("grad_fn", text, "a node, or None", str(facts.grad_fn), fact)


def dtype(scene: Scene) -> Asked:
    """Which dtype a new tensor has: the more of interest, the less its operands say."""
    for new, facts in _new(scene):
        kinds = {each.dtype for each in scene.operands.values()}
        surprising = len(kinds) > 1 or (kinds and facts.dtype not in kinds)
        interest = 62 if surprising else 50 if not kinds else 8
        fact = f"{new}.dtype is {facts.dtype}"
        if kinds:
            fact += f"; its operands: {', '.join(f'{name} {each.dtype}' for name, each in scene.operands.items())}"
        yield interest, Question("dtype", f"which dtype will {new} have?", "a dtype", facts.dtype, fact)


def shape(scene: Scene) -> Asked:
    """Which shape a new tensor has."""
    for new, facts in _new(scene):
        shapes = {each.shape for each in scene.operands.values()}
        interest = 58 if shapes and facts.shape not in shapes else 15 if not shapes else 5
        fact = f"{new}.shape is {facts.shape}"
        text = f"which shape will {new} have?"
        yield interest, Question("shape", text, "a shape", str(facts.shape), fact)


def _new(scene: Scene) -> Iterator[tuple[str, Facts]]:
    """The first new tensor, by its name."""
    for change in scene.step.changes:
        if change.kind == "created" and change.after is not None and change.after.kind == "tensor":
            yield change.names[0], change.after
            return


def freed(scene: Scene) -> Asked:
    """Whether the memory goes with a name."""
    for change in scene.step.changes:
        if change.kind == "unbound" and change.storage is not None:
            text = f"will the memory of {change.names[0]} be freed?"
            answer = "no" if change.kept_by else "yes"
            yield 56, Question("freed", text, "yes or no", answer, change.note)
            return


def gradient(scene: Scene) -> Asked:
    """What a gradient is after a pass: the more of interest where there was one."""
    for change in scene.step.changes:
        if change.kind != "gradient" or change.after is None:
            continue
        if not 1 <= math.prod(change.after.shape) <= ELEMENTS:
            continue
        name, before = change.names[0], change.before
        text = f"what will {name} be?" if before is None else f"{name} is {before.value}: what will it be?"
        fact = f"{name} is {change.after.value}"
        if before is not None:
            fact += ": backward adds to what is there"
        interest = 52 if before is None else 75
        yield interest, Question("gradient", text, "values", change.after.value, fact)
        return


QUESTIONS: Final[tuple[Callable[[Scene], Asked], ...]] = (
    raises,
    stale,
    version,
    seen,
    gradient,
    sharing,
    requires_grad,
    dtype,
    shape,
    freed,
    grad_fn,
)

# ---- answers

YES: Final = frozenset("y yes true".split())
NO: Final = frozenset("n no false".split())
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|[-+]?inf", re.IGNORECASE)


def judge(question: Question, given: str) -> bool | None:
    """Whether an answer is right; None where there is none, or where it is not what was asked for."""
    text, wants, answer = given.strip().casefold(), question.wants, question.answer
    if not text:
        return None
    if wants == "yes or no":
        return None if text not in YES | NO else (text in YES) is (answer == "yes")
    if wants == "a number":
        return None if not text.lstrip("-").isdigit() else int(text) == int(answer)
    if wants == "names, or none":
        return set(re.split(r"[\s,]+", text)) == set(answer.casefold().split())
    if wants == "a shape":
        return re.findall(r"\d+", text) == re.findall(r"\d+", answer)
    if wants == "values":
        return _close(_NUMBER.findall(text), _NUMBER.findall(answer))
    if wants == "a dtype":
        return ALIASES.get(text.removeprefix("torch."), text.removeprefix("torch.")) == answer
    return text.rstrip("0123456789").removesuffix("backward") == answer.casefold().rstrip(
        "0123456789"
    ).removesuffix("backward")


ALIASES: Final = {"float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32"}


def _close(given: list[str], wanted: list[str]) -> bool | None:
    """Numbers as a person computes them: two places are enough."""
    if not given:
        return None
    pairs = zip(map(float, given), map(float, wanted))
    return len(given) == len(wanted) and all(
        left == right or abs(left - right) <= 0.01 * max(1.0, abs(right)) for left, right in pairs
    )
