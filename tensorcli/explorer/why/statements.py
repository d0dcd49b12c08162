"""The statements that led to a failure: where a node stands in them, where a name was bound, which of them made a tensor."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.journal import line_of
from tensorcli.explorer.trace import Made, Trace, Traced
from tensorcli.explorer.trees import binds, holds, segment, stored

if TYPE_CHECKING:
    from tensorcli.explorer.journal import Record
    from tensorcli.language.syntax import Span


class Statements:
    """The statements of a trace, up to the one at `at` (from 0), which is looked back from."""

    def __init__(self, trace: Trace, at: int) -> None:
        self.trace = trace
        self.at = at

    def find(self, at: int, span: Span) -> tuple[int, ast.AST] | None:
        """The node at a place: in the statement `at`, or in a function that was defined before it, and where."""
        from tensorcli.language.syntax import span_of

        name = self.trace.steps[at].record.name
        for place in range(at, -1, -1):
            record = self.trace.steps[place].record
            if record.name != name or (place < at and not _defines(record)):
                continue
            tree = record.statement.tree
            for node in ast.walk(tree):
                if hasattr(node, "lineno") and span_of(node) == span:
                    inside = any(
                        isinstance(each, ast.FunctionDef | ast.Lambda) and holds(each, node)
                        for each in ast.walk(tree)
                    )
                    if place == at or inside:
                        return place, node
        return None

    def function_around(self, at: int, node: ast.AST) -> tuple[int, ast.FunctionDef] | None:
        """The innermost function that an expression stands in, and the place of the statement that defined it; None for one of
        the session's own.
        """
        for place in range(at, -1, -1):
            found = [
                each
                for each in ast.walk(self.trace.steps[place].record.statement.tree)
                if isinstance(each, ast.FunctionDef) and each is not node and holds(each, node)
            ]
            if found:
                return place, found[-1]
        return None

    def within(self, at: int, node: ast.AST) -> tuple[int, str, bool] | None:
        """The line and the source of the innermost statement that a node stands in: in the block of the statement
        `at`, or in a function that was defined before it (which is said by the last). None where it is the whole
        statement.
        """
        for place in range(at, -1, -1):
            record = self.trace.steps[place].record
            if place < at and not _defines(record):
                continue
            tree = record.statement.tree
            if not holds(tree, node):
                continue
            inner: ast.AST = tree
            for each in ast.walk(tree):
                if isinstance(each, ast.stmt) and holds(each, node) and holds(inner, each):
                    inner = each
            if inner is tree and place == at:
                return None
            source = segment(record.text, inner) or ast.unparse(inner)
            typed = record.name == "<input>"
            line: int = line_of(record, place + 1) if typed else inner.lineno  # type: ignore[attr-defined]
            return line, source, place < at
        return None

    def bound_before(self, at: int, name: str, tree: ast.AST) -> tuple[int, ast.stmt, bool] | None:
        """The statement that bound a name before an expression of the statement `at`: its place, itself, and whether it stands
        in a function.
        """
        function = self.function_around(at, tree)
        if function is not None:
            place, defined = function
            line = getattr(tree, "lineno", 0)
            binding = [
                each
                for each in ast.walk(defined)
                if isinstance(each, ast.Assign | ast.AugAssign)
                and name in stored(each)
                and each.lineno < line
            ]
            return (place, max(binding, key=lambda each: each.lineno), True) if binding else None
        for place in range(at - 1, -1, -1):
            before = self.trace.steps[place].record.statement.tree
            if name in stored(before):
                return place, before, False
        return None

    def bound_at(self, name: str, before: int | None = None) -> int | None:
        """Where a name of the session, or an item of a container (`params[0]`), was bound last: before the failing
        statement, or before the one at `before`.
        """
        for step in reversed(self.trace.steps[: self.at if before is None else before]):
            tree = step.record.statement.tree
            if not binds(tree, name):
                continue
            if step.step.error is not None and isinstance(tree, ast.Assign | ast.AugAssign):
                continue
            if not isinstance(tree, ast.AugAssign) or not _in_place(step, name):
                return step.number - 1
        return None

    def history_of(self, name: str, bound: int | None) -> list[tuple[int, str | None]]:
        """Where a tensor that has this name was bound, and the last write that gave it another history: each place with
        the grad_fn that the tensor had then, None for a leaf or where it is not known.
        """
        if bound is None:
            return []
        first: str | None = None
        later: list[tuple[int, str | None]] = []
        for step in self.trace.steps[bound : self.at]:
            for change in step.step.changes:
                before, after = change.before, change.after
                if name not in change.names or after is None:
                    continue
                if step.number - 1 == bound:
                    first = after.grad_fn
                elif before is not None and before.grad_fn != after.grad_fn:
                    later = [(step.number - 1, after.grad_fn)]
        return [(bound, first), *later]

    def made(self, tensor: Any) -> tuple[Traced, Made] | None:
        """The statement that made a tensor's object, and how."""
        token = self.trace.token(tensor)
        for step in reversed(self.trace.steps):
            for each in step.made:
                if each.tensor == token:
                    return step, each
        return None

    def made_at(self, tensor: Any) -> int | None:
        """Where the statement stands that made a tensor's object, from 0."""
        found = self.made(tensor)
        return None if found is None else found[0].number - 1


def _in_place(step: Traced, name: str) -> bool:
    """Whether `x += 1` wrote into what the name stood for, and so bound nothing new."""
    return any(each.kind == "written" and name in each.names for each in step.step.changes)


def _defines(record: Record) -> bool:
    """Whether a statement holds the body of a function."""
    return any(isinstance(each, ast.FunctionDef | ast.Lambda) for each in ast.walk(record.statement.tree))
