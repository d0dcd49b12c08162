"""A failing statement, with all that is known about it: the question that every teller is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.names import name_of
from tensorcli.explorer.results import Event, Failure, Timeline
from tensorcli.explorer.rewrite import Journal, Proposal
from tensorcli.explorer.trace import Trace, Traced

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


class Case:
    """The failing statement in the trace of its journal. Values are read in the trace's session, which
    nobody uses afterwards.
    """

    def __init__(self, session: Session, trace: Trace, failure: Failure) -> None:
        self.session = session
        self.trace = trace
        self.failure = failure
        self.failing: Traced = trace.last
        self.at = len(trace.steps) - 1
        self.journal = Journal(session, [step.record for step in trace.steps], self.at)
        self.statement, self.text = self.journal.python(self.at)

    @property
    def engine(self) -> Engine:
        """Reads facts in the trace's session."""
        return self.trace.session.engine

    @property
    def line(self) -> int:
        """The line of the failing statement."""
        return self.failing.line

    @property
    def source(self) -> str:
        """The failing statement."""
        return one_line(self.failing.record.statement.source)

    def node(self) -> ast.AST:
        """The innermost expression or statement that raised."""
        record = self.failing.record
        if record.statement.form == "command" or not self.failure.spans:
            return self.statement.tree
        from tensorcli.language.syntax import span_of

        wanted = self.failure.spans[0]
        for node in ast.walk(self.statement.tree):
            if hasattr(node, "lineno") and span_of(node) == wanted:
                return node
        return self.statement.tree

    def call(self, *names: str) -> ast.Call | None:
        """The call that raised, of a method or function of one of these names (any where none is given)."""
        top = self.node()
        for node in ast.walk(top if isinstance(top, ast.Call | ast.stmt) else self.statement.tree):
            if isinstance(node, ast.Call):
                called = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if not names or called in names:
                    return node
        return None

    def text_of(self, node: ast.AST) -> str:
        """An expression as it is written."""
        return self.journal.source(self.at, node)

    def value(self, node: ast.AST) -> Any:
        """The value of an expression of the failing statement, None where it cannot be had any more."""
        if not isinstance(node, ast.expr):
            return None
        session = self.trace.session
        observation = session.observation
        assert observation is not None
        try:
            # What it makes is heard as made by the failing statement.
            with session.hearing:
                session.engine.listen(observation.recorder)
                return session.value_of(node)
        except Exception:  # a local name of a loop or a function
            return None
        finally:
            session.engine.listen(None)

    def tensor(self, node: ast.AST | None) -> Any:
        """The tensor that an expression is, None for anything else."""
        value = None if node is None else self.value(node)
        return value if self.engine.kind(value) == "tensor" else None

    def name(self, tensor: Any) -> str | None:
        """A name of a tensor, or of one with the same elements."""
        observation = self.trace.session.observation
        assert observation is not None
        return name_of(self.engine, observation.index, self.trace.session.allocations, tensor)

    def write_target(self) -> tuple[ast.expr | None, ast.AST | None]:
        """What the failing statement writes into in place, and the node that writes."""
        return write_target(self.node()) or write_target(self.statement.tree) or (None, None)

    def event(self, at: int, text: str, role: Any, version: str = "", culprit: bool = False) -> Event:
        """A statement's part in the story."""
        step = self.trace.steps[at]
        return Event(step.line, one_line(step.record.statement.source), text, role, version, culprit)

    def raised(self, text: str, version: str = "") -> Event:
        """The failing statement's part."""
        return self.event(self.at, text, "raised", version)

    def made_at(self, tensor: Any) -> int | None:
        """Where the statement stands that made a tensor's object, from 0."""
        token = self.trace.token(tensor)
        for step in reversed(self.trace.steps):
            if any(each.tensor == token for each in step.made):
                return step.number - 1
        return None

    def bound_at(self, name: str) -> int | None:
        """Where a name was bound last, before the failing statement."""
        for step in reversed(self.trace.steps[: self.at]):
            if name in stored(step.record.statement.tree):
                return step.number - 1
        return None


def root_name(node: ast.AST | None) -> str | None:
    """`x` of `x[0].data`."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def one_line(source: str) -> str:
    """The first line of a statement."""
    first, _, rest = source.partition("\n")
    return f"{first} …" if rest else first


def stored(tree: ast.AST) -> set[str]:
    """The names that a statement binds."""
    return {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def loaded(tree: ast.AST) -> set[str]:
    """The names that a statement reads."""
    found = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return found | {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    }


def in_place_nodes(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.AST]]:
    """Every write of a statement: what is written into, and the node that writes."""
    for node in ast.walk(tree):
        found = write_target(node, deep=False)
        if found is not None:
            yield found


def write_target(tree: ast.AST, deep: bool = True) -> tuple[ast.expr, ast.AST] | None:
    """What a node writes into in place, and the node."""
    if isinstance(tree, ast.Expr) and deep:
        return write_target(tree.value)
    if isinstance(tree, ast.Attribute) and tree.attr.endswith("_") and not tree.attr.endswith("__"):
        return (tree.value, tree) if deep else None
    if isinstance(tree, ast.AugAssign):
        return tree.target, tree
    if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Subscript):
        return tree.targets[0].value, tree
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute):
        name = tree.func.attr
        if name.endswith("_") and not name.endswith("__"):
            return tree.func.value, tree
    if deep and isinstance(tree, ast.stmt):
        return next(in_place_nodes(tree), None)
    return None
