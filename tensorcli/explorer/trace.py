"""A journal run again under closer observation: for each statement what it made, saved, wrote and freed.

`traced` runs statements in a session of its own and yields a Trace while that session stands. Objects are identified by
tokens and never held: what a statement lets go of is freed as it was. None of this costs anything until somebody asks why.
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.containers import loses_gradient, operands
from tensorcli.explorer.engines import FailedModule, base_of
from tensorcli.explorer.engines.reading import Look, Walk
from tensorcli.explorer.identity import Identities
from tensorcli.explorer.journal import Record, line_of
from tensorcli.explorer.memory import Region
from tensorcli.explorer.observe import Recorder, parents
from tensorcli.explorer.session import Session
from tensorcli.language.limits import OutOfTime
from tensorcli.language.locate import current_node, innermost_frame
from tensorcli.language.syntax import in_order

if TYPE_CHECKING:
    from tensorcli.explorer.results import Facts, Failure, Step


class Save(NamedTuple):
    """A node kept a tensor."""

    node: int
    node_name: str
    slot: str
    memory: int
    counter: int
    version: int
    walk: Walk
    node_at: ast.AST | None
    """The innermost expression of the script that ran."""


class WriteEvent(NamedTuple):
    """A tensor was written. `via`: a name of it, or of what it is a view of; None where it has none."""

    memory: int
    counter: int
    before: int | None
    after: int | None
    operator: str
    region: Region
    via: str | None
    own_name: bool
    node_at: ast.AST | None
    lost: bool
    """Whether what was written requires grad, and the dtype written into has no gradients."""
    inputs: tuple[int, ...]
    """The tensors that it was written with."""
    recording: bool
    """Whether grad mode was on."""

    @property
    def walk(self) -> Walk:
        """What the tensor reaches."""
        return self.region.walk


class Made(NamedTuple):
    """An operator gave a tensor."""

    tensor: int
    operator: str
    inputs: tuple[int, ...]
    needed: bool
    """Whether an input required grad."""
    recording: bool
    """Whether grad mode was on."""
    look: Look
    node_at: ast.AST | None
    node: int
    """What recorded it; 0 where it was not recorded, or this is not known yet."""
    memory: int


class Added(NamedTuple):
    """A backward pass made the gradient of a leaf, or added to it."""

    tensor: int
    gradient: int
    kind: str
    """`new`, `in place` or `replaced`."""
    before: str
    """The gradient's elements before; empty where there was none."""
    after: str
    gave: str
    """What was added, where the elements tell."""
    node_at: ast.AST | None


@dataclass
class Traced:
    """One statement and what was heard while it ran."""

    number: int
    """Its place in the journal, from 1."""
    record: Record
    step: Step
    saves: list[Save]
    writes: list[WriteEvent]
    freed: dict[int, ast.AST | None]
    """The nodes that dropped what they had saved, and the expression that ran then."""
    made: list[Made]
    added: list[Added]
    storages: dict[int, str] = field(default_factory=dict)
    """The ids of the allocations that were heard of, as they are at its end."""
    names: dict[int, list[str]] = field(default_factory=dict)
    """The names over those allocations at its end."""

    @property
    def line(self) -> int:
        """The line a reader knows it by."""
        return line_of(self.record, self.number)

    @cached_property
    def nodes(self) -> Sequence[ast.AST]:
        """The nodes of the statement's tree, the outer ones first: each question goes through them all."""
        return tuple(in_order(self.record.statement.tree))


class Ear(Recorder):
    """A recorder that keeps what it hears in the order in which it hears it."""

    tokens: Identities

    def __init__(self, *arguments: Any) -> None:
        self._gradients: dict[int, Any] = {}
        """The tensors that are some leaf's gradient, weakly."""
        super().__init__(*arguments)

    def begin(self, line: int) -> None:
        """Forget the last statement."""
        super().begin(line)
        self.all_saves: list[Save] = []
        self.all_writes: list[WriteEvent] = []
        self.all_freed: dict[int, ast.AST | None] = {}
        self.all_made: list[Made] = []
        self.all_added: list[Added] = []
        self.touched: set[int] = set()
        """The allocations of what was saved or written."""
        self._writing: dict[int, tuple[Region, str | None, bool]] = {}
        self._adding = ("", "")

    def saved(self, node: Any, name: str, value: Any) -> None:
        """A node keeps a tensor."""
        super().saved(node, name, value)
        engine, tensor = self.engine, value.tensor
        look = engine.look(tensor)
        self.touched.add(look.memory)
        self.all_saves.append(
            Save(
                self.tokens.number(node),
                engine.node_name(node),
                name,
                self.tokens.number(engine.memory(tensor)),
                look.counter,
                value.version,
                engine.walk(tensor),
                current_node(),
            )
        )

    def writes(self, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """A tensor is about to be written."""
        super().writes(tensor, operator, inputs)
        held = self._gradients.get(id(tensor))
        if held is not None and held() is tensor and len(inputs) > 1:
            new = self.engine.text(inputs[1]) if self.engine.kind(inputs[1]) == "tensor" else ""
            self._adding = self.engine.text(tensor), new
        own = self.index.name(tensor)
        named = (
            None if own else next((n for n in map(self.index.name, parents(self.engine, tensor)) if n), None)
        )
        region = self._region(tensor, self.engine.look(tensor), base_of(operator), inputs)
        self._writing[id(tensor)] = (region, own or named, own is not None)

    def wrote(self, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """A tensor was written."""
        super().wrote(tensor, operator, inputs)
        look = self.engine.look(tensor)
        self.touched.add(look.memory)
        region, via, own = self._writing.pop(id(tensor), (None, None, False))
        if region is None:
            region = Region(self.engine.walk(tensor), look.itemsize)
        self.all_writes.append(
            WriteEvent(
                self.tokens.number(self.engine.memory(tensor)),
                look.counter,
                None if look.version is None else look.version - 1,
                look.version,
                base_of(operator),
                region,
                via,
                own,
                current_node(),
                loses_gradient(self.engine, look.dtype, inputs),
                tuple(map(self.tokens.number, operands(self.engine, inputs[1:]))),
                self.engine.recording(),
            )
        )

    def archived(self, name: str | None, nbytes: int, tensors: tuple[Any, ...]) -> None:
        """An archive was written."""

    def freed(self, node: Any) -> None:
        """A node dropped what it had saved."""
        super().freed(node)
        self.all_freed[self.tokens.number(node)] = current_node()

    def accumulated(self, tensor: Any, gradient: Any, kind: str) -> None:
        """A leaf's gradient was made or added to."""
        super().accumulated(tensor, gradient, kind)
        held = self._gradients.get(id(gradient))
        known = held is not None and held() is gradient
        self._gradients[id(gradient)] = weakref.ref(gradient)
        after = self.engine.text(gradient)
        before, gave = self._adding if known else ("", after if kind == "new" else "")
        self._adding = ("", "")
        self.all_added.append(
            Added(
                self.tokens.number(tensor),
                self.tokens.number(gradient),
                kind,
                before,
                after,
                gave,
                current_node(),
            )
        )

    def made(self, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """An operator gave a tensor."""
        super().made(tensor, operator, inputs)
        engine = self.engine
        tensors = list(operands(self.engine, inputs))
        self.all_made.append(
            Made(
                self.tokens.number(tensor),
                base_of(operator),
                tuple(map(self.tokens.number, tensors)),
                any(engine.look(each).requires_grad for each in tensors),
                engine.recording(),
                engine.look(tensor),
                current_node(),
                0 if (node := engine.node(tensor)) is None else self.tokens.number(node),
                self.tokens.number(engine.memory(tensor)),
            )
        )


class TracedSession(Session):
    """A session that remembers which node a backward pass failed at, and the names where a statement failed."""

    failed: int | None = None
    failed_name: str = "a node"
    """What that node is called."""
    tokens: Identities
    frame: Any = None
    """The frame of the script in which the last failure was raised."""
    module: FailedModule | None = None
    """The module in whose call it was raised."""

    def failure(self, raised: BaseException, statement: Any, text: str, name: str) -> Failure:
        node = self.engine.failed_node(raised)
        if node is not None:
            self.failed_name = self.engine.node_name(node)
        self.failed = None if node is None else self.tokens.number(node)
        self.frame = innermost_frame(raised)
        self.module = self.engine.failed_module(raised)
        return super().failure(raised, statement, text, name)


@dataclass(slots=True)
class Trace:
    """What was heard, and the session as it stands after the last statement."""

    session: TracedSession
    steps: list[Traced]
    seconds: float = 0.0
    """How long the statements took."""

    @property
    def last(self) -> Traced:
        """The last statement."""
        return self.steps[-1]

    @property
    def allowance(self) -> int:
        """How many bytes a tensor may have that is made in trying what the statements did not do."""
        made = (each.look for step in self.steps for each in step.made)
        largest = max((look.numel * look.itemsize for look in made), default=0)
        wanted = max(1 << 26, 16 * largest)
        return wanted if self.session.max_bytes is None else min(wanted, self.session.max_bytes)

    def token(self, thing: Any) -> int:
        """The token of an object that is there."""
        return self.session.tokens.number(thing)

    def storage(self, memory: int) -> str | None:
        """The id that an allocation was last known by."""
        for step in reversed(self.steps):
            if memory in step.storages:
                return step.storages[memory]
        return None

    def names_at(self, number: int, memory: int) -> list[str]:
        """The names over an allocation after a statement, or when it was last heard of."""
        for step in reversed(self.steps[:number]):
            if memory in step.names:
                return step.names[memory]
        return []

    def changes_of(self, name: str) -> Iterator[tuple[Traced, Facts, Facts]]:
        """What was changed about a name, the last change first: the statement, and the facts before and after it."""
        for step in reversed(self.steps):
            for change in step.step.changes:
                if name in change.names and change.before is not None and change.after is not None:
                    yield step, change.before, change.after


@contextmanager
def traced(
    session: Session,
    records: Sequence[Record],
    seconds: float | None = None,
    largest: int | None = None,
    before: str = "",
) -> Iterator[Trace]:
    """Run these statements again and record them: within a number of seconds, with tensors of at most a number of bytes, and
    after a statement that is not part of the trace. Errors: KeyboardInterrupt, OutOfTime.
    """
    with session.engine.aside():
        largest = session.max_bytes if largest is None else largest
        other = TracedSession(seed=session.seed, max_bytes=largest, engine=session.engine.name)
        other.hearing.silent = True
        other.tokens = Identities()
        trace = Trace(other, [])
        began = monotonic()
        other.evaluator.until = None if seconds is None else began + seconds
        list(other.run(before))
        for number, record in enumerate(records, 1):
            run(trace, number, record)
        other.evaluator.until = None
        trace.seconds = monotonic() - began
        yield trace


def run(trace: Trace, number: int, record: Record) -> Traced:
    """Run one more statement in a trace's session."""
    other = trace.session
    observation = other.observation
    assert observation is not None
    if not isinstance(observation.recorder, Ear):
        observation.recorder = Ear(other.engine, observation.index, other.allocations)
        observation.recorder.tokens = other.tokens
    ear = observation.recorder
    step = other.again(record)
    if step.error is not None and step.error.kind == "interrupted":
        raise OutOfTime if other.evaluator.late else KeyboardInterrupt
    heard = Traced(
        number, record, step, ear.all_saves, ear.all_writes, ear.all_freed, ear.all_made, ear.all_added
    )
    for memory in ear.touched:
        allocation, token = other.allocations.known.get(memory), other.tokens.numbers.get(memory)
        if allocation is None or allocation.id is None or token is None:
            continue
        heard.storages[token] = allocation.id
        if memory in observation.index.by_memory:
            heard.names[token] = [
                name
                for each in observation.index.sharing(memory)
                for name in observation.index.names(each)[:1]
            ]
    trace.steps.append(heard)
    return heard
