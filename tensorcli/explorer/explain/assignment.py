"""`x[i] = v` and `x[i] += v`: where the write goes, how many elements it reaches, what becomes of the history.

The statement is run in a fork of the session; the answer is read from what it did there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.explain.indexing import index_rows
from tensorcli.explorer.explain.parts import readable
from tensorcli.explorer.memory import overlap, places_text, span_text
from tensorcli.explorer.results import Explanation, Section, plural
from tensorcli.explorer.trees import root_name, segment

if TYPE_CHECKING:
    from tensorcli.explorer.engines.reading import Look
    from tensorcli.explorer.session import Session
    from tensorcli.language.syntax import Statement

TITLES = ("", "dtype", "storage", "version", "requires_grad", "leaf", "grad_fn")


def explain_assignment(session: Session, statement: Statement, text: str) -> Explanation | None:
    """What a write into an index of a tensor would do; None for another statement. `session` is a fork. Errors: what
    the parts raise.
    """
    tree = statement.tree
    if isinstance(tree, ast.Assign) and len(tree.targets) == 1:
        target = tree.targets[0]
    elif isinstance(tree, ast.AugAssign):
        target = tree.target
    else:
        return None
    if not isinstance(target, ast.Subscript):
        return None
    with session.hearing:
        owner = session.value_of(readable(target.value))
    if session.engine.kind(owner) != "tensor":
        return None
    return Assignment(session, statement, text, target, owner).answer()


class Assignment:
    """One write into an index."""

    def __init__(
        self, session: Session, statement: Statement, text: str, target: ast.Subscript, owner: Any
    ) -> None:
        self.session = session
        self.engine = session.engine
        self.statement = statement
        self.text = text
        tree = statement.tree
        assert isinstance(tree, ast.Assign | ast.AugAssign)
        self.adds = isinstance(tree, ast.AugAssign)
        self.target = target
        self.named = self._typed(target)
        self.root_text = self._typed(target.value)
        self.root = owner
        self.before = self.engine.look(owner)
        self.lost = False
        root = root_name(target.value)
        if root is not None and root in session.names and not isinstance(target.value, ast.Name):
            whole = session.names[root]
            if self.engine.kind(whole) == "tensor":
                self.lost = self.engine.memory(whole) is not self.engine.memory(owner)
                self.root_text, self.root, self.before = root, whole, self.engine.look(whole)
        with session.hearing:
            self.index = session.value_of(target.slice)
            part = self._try(readable(target))
            self.value = self._try(tree.value)
        self.value_text = self._typed(tree.value)
        self.value_look = self.engine.look(self.value) if self.engine.kind(self.value) == "tensor" else None
        self.part = part if self.engine.kind(part) == "tensor" else None
        self.basic = self.part is not None and self.engine.memory(self.part) is self.engine.memory(owner)

    def _typed(self, node: ast.AST) -> str:
        return " ".join((segment(self.text, node) or ast.unparse(node)).split())

    def _try(self, tree: ast.expr) -> Any:
        try:
            return self.session.value_of(tree)
        except Exception:
            return None

    def answer(self) -> Explanation:
        """Run it, and say what happened."""
        if self.part is not None:
            size = max(self.engine.look(self.part).itemsize, 1)
            self.reach = span_text(self.engine.walk(self.part), size) if self.basic else ""
            self.count = self.engine.look(self.part).numel
        else:
            self.reach, self.count = "", 0
        moved = list(self._overlap())
        step = self.session.execute(self.statement, self.text, "<explain>")
        error = "" if step.error is None else f"{step.error.type}: {step.error.message}"
        after = self.engine.look(self.root)
        if error:
            verdict = self._refused(error)
        elif self.lost:
            verdict = (
                f"writes into the copy that {self._typed(self.target.value)} makes. Nobody holds that copy: "
                f"{self.root_text} keeps its values"
            )
        else:
            write = next((each for each in step.writes), None)
            verdict = self._written(after, None if write is None else (write.elements, write.operator))
        sections = [Section("", (TITLES, *self._rows(after, error)), True)]
        sections.append(self._index())
        sections.extend(moved)
        if not error and not self.lost:
            sections.extend(self._autograd(after))
        sections.extend(
            Section(f"{alarm.code or 'alarm'}", text=tuple(each for each in (alarm.text, alarm.hint) if each))
            for alarm in step.alarms
        )
        see = [f"dry {' '.join(self.statement.source.split())}", "compare basic advanced mask"]
        return Explanation(
            " ".join(self.statement.source.split()), verdict, tuple(sections), error, tuple(see)
        )

    def _index(self) -> Section:
        """The index that decides: of a write that is lost, the one that made the copy."""
        target = self.target
        if self.lost and isinstance(target.value, ast.Subscript):
            part = target.value
            index = self._try(part.slice)
            return index_rows(self.engine, index, False, self._typed(part.value), self._typed(part.slice))
        shares = None if self.part is None else self.basic
        return index_rows(
            self.engine, self.index, shares, self._typed(target.value), self._typed(target.slice)
        )

    def _refused(self, error: str) -> str:
        from tensorcli.explorer.errors import known_error

        kind, _, message = error.partition(": ")
        known = known_error(kind, message)
        return f"would raise {kind}" + ("" if known is None else f": {known.meaning} ({known.code})")

    def _written(self, after: Look, write: tuple[int | None, str] | None) -> str:
        elements, operator = (None, "") if write is None else write
        how = f" ({operator})" if operator else ""
        where = self.reach or (
            "" if elements is None else f"{elements or 'none'} of its {plural(after.numel, 'element')}"
        )
        if self.before.version == after.version:
            version = f"; its version stays {after.version}"
        else:
            version = f"; version {self.before.version} to {after.version}"
        where = f": {where}" if where else ""
        if not self.adds:
            return f"writes into {self.root_text} itself{how}{where}{version}"
        if self.basic:
            return f"writes into {self.root_text} through the view {self.named}, then assigns that{where}{version}"
        return (
            f"reads {self.named} as a copy of {plural(self.count, 'element')}, computes, and writes that back into "
            f"{self.root_text}{how}{where}{version}"
        )

    def _rows(self, after: Look, error: str) -> Iterator[tuple[str, ...]]:
        def row(text: str, look: Look) -> tuple[str, ...]:
            return (
                text,
                look.dtype,
                self.session.allocations.name(look.memory) or "new",
                "-" if look.version is None else str(look.version),
                str(look.requires_grad),
                str(look.is_leaf),
                str(look.grad_fn),
            )

        if self.value_look is not None:
            yield row(self.value_text, self.value_look)
        yield row(self.root_text, self.before)
        if not error:
            yield row(f"{self.root_text} after it", after)

    def _overlap(self) -> Iterator[Section]:
        """What is read and written of one storage."""
        if not self.basic or self.adds or self.value_look is None:
            return
        if self.engine.memory(self.value) is not self.engine.memory(self.root):
            return
        read, wrote = self.engine.walk(self.value), self.engine.walk(self.part)
        size = max(read.itemsize, 1)
        both, where = overlap(read, wrote)
        yield Section(
            "one storage is read and written",
            (
                (f"{self.value_text} reads", span_text(read, size)),
                (f"{self.named} writes", span_text(wrote, size)),
                ("both", f"{both // size}: {places_text(where, size)}" if both else "none"),
            ),
        )

    def _autograd(self, after: Look) -> Iterator[Section]:
        """What becomes of the history of what is written."""
        said = []
        if self.before.is_leaf and not after.is_leaf:
            said.append(
                f"{self.root_text} is no longer a leaf: its grad_fn is {after.grad_fn}, and it gets no .grad of its own"
            )
        elif after.grad_fn != self.before.grad_fn:
            said.append(f"the grad_fn of {self.root_text} is {after.grad_fn} now")
        if after.requires_grad and self.value_look is not None and self.value_look.requires_grad:
            said.append(f"a gradient reaches {self.value_text} through {self.named}")
        if not said:
            return
        yield Section("autograd", text=tuple(said))
