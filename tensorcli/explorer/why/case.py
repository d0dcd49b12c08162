"""A case: a failing statement in the journal that led to it, with what can be asked about it. Every teller is given one."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tensorcli.explorer.names import name_of
from tensorcli.explorer.results import Event, Failure, Timeline
from tensorcli.explorer.rewrite import Journal, Proposal
from tensorcli.explorer.trace import Trace, Traced
from tensorcli.explorer.trees import called_name, holds, one_line, statement_around, unbroken, write_target
from tensorcli.explorer.why.statements import Statements
from tensorcli.language.limits import OutOfTime

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.session import Session


@dataclass(slots=True)
class Story:
    """What a teller tells: the answer, the statements, the ways that may lead out (not yet run)."""

    title: str
    events: list[Event] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    timeline: Timeline | None = None
    proposals: list[Proposal | None] = field(default_factory=list)
    reference: Proposal | None = None
    """A journal whose gradients are the right ones."""
    right: Mapping[str, str] | None = None
    """The right gradients by name, where they are known without one."""


LOOKING: Final = 5.0
"""So many seconds may loops take in all that is tried in a case."""


class Gone(NamedTuple):
    """In place of a value that cannot be had."""

    words: str = ""
    """Of the error that was raised, where one was."""


class Bound(NamedTuple):
    """Where a name was bound: a statement by its place, and the node within it, where a function bound it."""

    at: int
    node: ast.AST | None = None


class Case(Statements):
    """The failing statement, with the statements that led to it.

    Values are read in the trace's session, which nobody uses afterwards.
    """

    def __init__(self, session: Session, trace: Trace, failure: Failure) -> None:
        super().__init__(trace, len(trace.steps) - 1)
        self.session = session
        self.failure = failure
        self.failing: Traced = trace.last
        self.heard = len(self.failing.made)
        """How much the failing statement itself made; what is beyond was made by looking (`value`)."""
        self.journal = Journal(session, [step.record for step in trace.steps], self.at)
        self.statement, self.text = self.journal.python(self.at)
        self.home = self.at
        """The record that `node()` stands in: that of a function, where the failure is inside one."""
        self._node = self._innermost()
        self.inside = self.home != self.at
        """Whether the failure is inside a function of the script: its names are not the session's."""
        self.inner = self._inner()
        """The innermost statement that `node()` stands in."""
        self.until = monotonic() + LOOKING
        self.largest = trace.allowance
        self.scopes = [
            each for each in ast.walk(self.tree) if isinstance(each, SCOPES) and holds(each, self._node)
        ]
        """The functions and comprehensions that `node()` stands in, which have names of their own, from the outside."""

    @property
    def engine(self) -> Engine:
        """Reads facts in the trace's session."""
        return self.trace.session.engine

    @property
    def line(self) -> int:
        """The line of the statement that raised, which may be one within a block or a function."""
        return self.raised("").line

    def node(self) -> ast.AST:
        """The innermost expression or statement that raised."""
        return self._node

    def expression(self) -> ast.AST:
        """`node()`, or the expression that it is a statement of."""
        node = self._node
        if isinstance(node, ast.Expr | ast.Return | ast.Assign) and node.value is not None:
            return node.value
        return node

    def _innermost(self) -> ast.AST:
        if self.failing.record.statement.form == "command" or not self.failure.spans:
            return self.statement.tree
        found = self.find(self.at, self.failure.spans[0])
        if found is None:
            return self.statement.tree
        self.home, node = found
        return node

    @property
    def tree(self) -> ast.stmt:
        """The statement of the journal that `node()` stands in."""
        return self.statement.tree if self.home == self.at else self.journal.tree(self.home)

    def _inner(self) -> ast.stmt:
        return statement_around(self.tree, self._node)

    def call(self, *names: str) -> ast.Call | None:
        """The call that raised, of a method or function of one of these names (any where none is given)."""
        top = self.node()
        places = [top if isinstance(top, ast.Call | ast.stmt) else self.inner, self.statement.tree]
        for node in (each for place in places for each in ast.walk(place)):
            if isinstance(node, ast.Call) and (not names or called_name(node) in names):
                return node
        return None

    def place_of(self, node: ast.AST) -> int:
        """Where the statement stands, from 0, that holds an expression: the failing one, or the function that it failed in."""
        return self.at if holds(self.statement.tree, node) else self.home

    def holder_of(self, node: ast.AST) -> int | None:
        """The place of the statement that an expression stands in, any of the journal; None where it stands in none."""
        places = range(len(self.trace.steps))
        return next((at for at in places if holds(self.journal.tree(at), node)), None)

    def text_of(self, node: ast.AST) -> str:
        """An expression as it is written."""
        return self.journal.source(self.place_of(node), node)

    def value(self, node: ast.AST, like: ast.AST | None = None) -> Any:
        """The value of an expression of the failing statement, or of the function that it failed in (which an expression
        of one's own says by `like`, one that stands there); None where it cannot be had any more.
        """
        found = self._evaluated(node, like)
        return None if isinstance(found, Gone) else found

    def runs(self, *changes: tuple[ast.AST, ast.expr]) -> bool:
        """Whether the failing expression has a value with other expressions in the place of some of its parts."""
        return self.refusal(*changes) is None

    def refusal(self, *changes: tuple[ast.AST, ast.expr]) -> str | None:
        """The error of the failing expression with other expressions in the place of some of its parts; None where it has a
        value. A change may also be one of what the expression is a part of.
        """
        failing = self.expression()
        tree = next((old for old, _ in changes if holds(old, failing)), failing)
        if not isinstance(tree, ast.expr):
            return None
        changed = copy.deepcopy(tree, {id(old): new for old, new in changes})
        ast.fix_missing_locations(changed)
        found = self._evaluated(changed, tree)
        return found.words if isinstance(found, Gone) else None

    def _evaluated(self, node: ast.AST, like: ast.AST | None) -> Any:
        if not isinstance(node, ast.expr):
            return Gone()
        session = self.trace.session
        frame = None
        if self.scopes and holds(self.scopes[-1], like or node):
            frame = session.frame
            if frame is None:
                return Gone()
        elif self.inside and not holds(self.statement.tree, like or node):
            return Gone()
        observation = session.observation
        assert observation is not None
        limit, session.evaluator.until = session.max_bytes, self.until
        session.configure("max_bytes", self.largest)
        try:
            # What it makes is heard as made by the failing statement.
            with session.hearing:
                session.engine.listen(observation.recorder)
                return session.value_of(node, frame)
        except (
            Exception,
            OutOfTime,
        ) as raised:  # a name that is not bound any more, a loop that does not end
            return Gone(f"{type(raised).__name__}: {raised}")
        finally:
            session.evaluator.until = None
            session.max_bytes = limit
            session.engine.limit(limit)
            session.engine.listen(None)

    def tensor(self, node: ast.AST | None, like: ast.AST | None = None) -> Any:
        """The tensor that an expression is, None for anything else."""
        value = None if node is None else self.value(node, like)
        return value if self.engine.kind(value) == "tensor" else None

    def named(self, name: str) -> Any:
        """The tensor that a name stands for where the statement failed, None for anything else."""
        return self.tensor(ast.Name(name, ast.Load()), like=self._node)

    def changed(self, changes: Sequence[tuple[ast.AST, str]], note: str) -> Proposal | None:
        """The journal with nodes of the failing statement, or of the function that it failed in, written otherwise."""
        return self.journal.changed(self.place_of(changes[0][0]), changes, note)

    def instead(self, source: str, note: str) -> Proposal | None:
        """The journal with another source in the place of the innermost failing statement."""
        return self.journal.instead(self.home, self.inner, source, note)

    def before(self, source: str, note: str) -> Proposal | None:
        """The journal with another source before the innermost failing statement."""
        return self.journal.before(self.home, self.inner, source, note)

    def name(self, tensor: Any) -> str | None:
        """A name of a tensor, or of one with the same elements."""
        observation = self.trace.session.observation
        assert observation is not None
        return name_of(self.engine, observation.index, self.trace.session.allocations, tensor)

    def own_name(self, tensor: Any) -> str | None:
        """A name of this very tensor."""
        observation = self.trace.session.observation
        assert observation is not None
        return observation.index.name(tensor)

    def write_target(self) -> tuple[ast.expr | None, ast.AST | None]:
        """What the failing statement writes into in place, and the node that writes."""
        return write_target(self.node()) or write_target(self.statement.tree) or (None, None)

    def event(
        self,
        at: int,
        text: str,
        role: Any,
        version: str = "",
        culprit: bool = False,
        node: ast.AST | None = None,
        called: bool = True,
    ) -> Event:
        """A statement's part in the story; of the one within it that `node` stands in, where one is given. `called`: say
        which call of a function it was in.
        """
        step = self.trace.steps[at]
        line, source = step.line, step.record.statement.source
        found = None if node is None else self.within(at, node)
        if found is not None:
            line, source, inside = found
            text += f" (in the call at line {step.line})" if inside and called and text else ""
        return Event(line, one_line(source), unbroken(text), role, version, culprit)

    def within_line(self, at: int, node: ast.AST | None) -> int:
        """The line of a statement, or of the one within it that a node stands in."""
        return self.event(at, "", "other", node=node).line

    def raised(self, text: str, version: str = "") -> Event:
        """The failing statement's part."""
        return self.event(self.at, text, "raised", version, node=self._node)

    def bound(self, name: str | None) -> Bound | None:
        """Where a name that the failing statement reads was bound last; None for no name."""
        if name is None:
            return None
        here = _position(self._node)
        for scope in reversed(self.scopes):
            nodes = [each for each in ast.walk(scope) if _binds_name(each, name)]
            if nodes:
                # The statement binds its own target last.
                earlier = [each for each in nodes if _position(each) < here and not holds(self.inner, each)]
                return Bound(self.at, max(earlier or nodes, key=_position))
        at = self.bound_at(name)
        return None if at is None else Bound(at)


def _binds_name(node: ast.AST, name: str) -> bool:
    """Whether a node of a function binds a name: a parameter, or a target."""
    if isinstance(node, ast.arg):
        return node.arg == name
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


SCOPES = ast.FunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def looking_back(session: Session, trace: Trace) -> Case:
    """A case in which no statement failed: what is looked back at includes the last one."""
    from tensorcli.explorer.results import Failure
    from tensorcli.language.syntax import Span

    case = Case(session, trace, Failure("statement", "", "", (), (), Span(1, 0, 1, 0)))
    case.at = len(trace.steps)
    return case
