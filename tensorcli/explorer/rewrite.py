"""Changed journals: the records of a session with statements replaced, inserted, moved or removed.

A statement is changed in its text, at the places of its tree's nodes, so that what is proposed reads as the
user typed it; a statement in the command form is written in Python first.
"""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tensorcli.explorer.journal import PROMPT, Record, line_of
from tensorcli.explorer.results import Edit
from tensorcli.explorer.trees import ATOMS, segment
from tensorcli.language.syntax import LanguageError, Statement

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


@dataclass(frozen=True, slots=True)
class Proposal:
    """A journal that may be a way out, and how it differs."""

    records: tuple[Record, ...]
    text: str
    note: str
    edits: tuple[Edit, ...]
    failing: int
    """Where the statement that failed stands in it, from 0."""
    warning: bool = False
    """To be shown as what one should not do."""
    shows: str = ""
    """The name whose value it is to be measured by, or whose gradient (`leaf.grad`)."""
    quiet: bool = False
    """Whether the statement in question is not to warn either."""
    moved: bool = False
    """Whether a statement stands further below than it did: what it went past stands one place higher."""


def to_the_end(proposal: Proposal | None) -> Proposal | None:
    """The proposal run to the end of the journal."""
    return None if proposal is None else replace(proposal, failing=len(proposal.records) - 1)


def source_in(text: str) -> str:
    """The source that a proposal's text shows, behind its place: `y = y + 1` of `line 4:  y = y + 1`."""
    return text.partition("  ")[2]


def splice(statement: Statement, text: str, changes: Sequence[tuple[ast.AST, str]]) -> str:
    """The source of a statement with some of its nodes written otherwise. The nodes do not overlap."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)

    def place(line: int, column: int) -> int:
        return starts[line - 1] + column

    span = statement.span
    first, last = place(span.line, span.column), place(span.end_line, span.end_column)
    found = text[first:last]
    ordered = sorted(changes, key=lambda pair: (pair[0].lineno, pair[0].col_offset), reverse=True)  # type: ignore[attr-defined]
    for node, new in ordered:
        start = place(node.lineno, node.col_offset) - first  # type: ignore[attr-defined]
        end = place(node.end_lineno, node.end_col_offset) - first  # type: ignore[attr-defined]
        if _in_parentheses(found, start, end) and _is_atom(new):
            start, end = start - 1, end + 1
        found = found[:start] + new + found[end:]
    return found


def _in_parentheses(source: str, start: int, end: int) -> bool:
    """Whether parentheses stand around a part that hold it together: those of `(a + b).sum()`, and not those of a call."""
    before = source[: start - 1].rstrip() if start else ""
    around = source[start - 1 : start] == "(" and source[end : end + 1] == ")"
    return around and not (before[-1:].isalnum() or before.endswith(("_", ")", "]")))


def _is_atom(source: str) -> bool:
    """Whether an expression holds together without parentheses."""
    try:
        tree = ast.parse(source, mode="eval").body
    except SyntaxError:
        return False
    return isinstance(tree, ATOMS)


def with_argument(call: str, argument: str) -> str:
    """The source of a call with one more argument at its end."""
    inside = call.rstrip().removesuffix(")").rstrip().removesuffix(",")
    return f"{inside}{'' if inside.endswith('(') else ', '}{argument})"


def records_of(session: Session, source: str, model: Record) -> list[Record]:
    """The records of a new source at the place of an old one. Errors: LanguageError."""
    text = "\n" * (model.statement.span.line - 1) + source
    program = session.read(text, model.form)
    return [model._replace(statement=each, text=text, outcome="") for each in program.statements]


def difference(old: str, new: str) -> tuple[int, str, str]:
    """The lines in which two texts differ: how many lines stand before them, and what they are in each. Where none is
    left of the old text, the new lines stand before line so many.
    """
    mine, theirs = old.split("\n"), new.split("\n")
    first = 0
    while first < min(len(mine), len(theirs)) and mine[first] == theirs[first]:
        first += 1
    last = 0
    while last < min(len(mine), len(theirs)) - first and mine[-1 - last] == theirs[-1 - last]:
        last += 1
    return first, "\n".join(mine[first : len(mine) - last]), "\n".join(theirs[first : len(theirs) - last])


def joined(first: Sequence[Edit], second: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits of a text, and those that were made in what came of it, as edits of the text. What the second change of
    the first's own lines is one edit with it.
    """
    found = list(first)
    for edit in second:
        for place, earlier in enumerate(found):
            if edit.before and edit.line == earlier.line and edit.before in earlier.after:
                after = earlier.after.replace(edit.before, edit.after, 1)
                found[place] = Edit(earlier.line, earlier.before, after)
                break
        else:
            found.append(edit)
    return tuple(found)


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text of a script with the edits of a way out made in it, as far as whole lines and parts of lines go."""
    lines = text.splitlines(keepends=True)
    end = "\r\n" if "\r\n" in text else "\n"
    # Of a line that is changed and has another before it, the change is made first.
    for edit in sorted(edits, key=lambda each: (each.line, bool(each.before)), reverse=True):
        at = edit.line - 1
        size = edit.before.count("\n") + 1 if edit.before else 0
        old = "".join(lines[at : at + size])
        after = edit.after.replace("\n", end)
        if edit.after and edit.before:
            lines[at : at + size] = [old.replace(edit.before.replace("\n", end), after, 1)]
        else:
            lines[at : at + size] = [after + end] if after else []
    return "".join(lines)


class Journal:
    """Builds proposals from a journal whose statement `failing` (from 0) is in question."""

    def __init__(self, session: Session, records: Sequence[Record], failing: int) -> None:
        self.session = session
        self.records = tuple(records)
        self.failing = failing
        self._in_python: dict[int, tuple[Statement, str]] = {}

    def line(self, at: int) -> int:
        """The line of a record by its place."""
        return line_of(self.records[at], at + 1)

    def python(self, at: int) -> tuple[Statement, str]:
        """A record's statement in the Python form, and the text that its nodes point into: the same at each call, so that a node
        is known again. A command of the explorer has no other form than its own.
        """
        if at not in self._in_python:
            record = self.records[at]
            statement, text = record.statement, record.text
            if statement.form == "command" and statement.command is None:
                text = ast.unparse(statement.tree)
                statement = self.session.read(text).statements[0]
            self._in_python[at] = statement, text
        return self._in_python[at]

    def tree(self, at: int) -> ast.stmt:
        """The tree of a record's statement in Python."""
        return self.python(at)[0].tree

    def source(self, at: int, node: ast.AST) -> str:
        """The text of a node of `python(at)`."""
        _, text = self.python(at)
        return segment(text, node) or ast.unparse(node)

    def replaced(self, at: int, source: str, note: str, warning: bool = False) -> Proposal | None:
        """With one statement replaced by another source; None where it does not parse."""
        try:
            new = records_of(self.session, source, self.records[at])
        except LanguageError:
            return None
        old = self.records[at].statement.source
        if source == old:
            return None
        records = (*self.records[:at], *new, *self.records[at + 1 :])
        failing = self.failing if at > self.failing else self.failing + len(new) - 1
        line, before, after = self.line(at), old, source
        if "\n" in old and self.records[at].name != PROMPT and self.records[at].within is None:
            first, before, after = difference(old, source)
            line += first
        lead = f"line {line}:  " if before else f"before line {line}:  "
        if not before and line > self.line(at) + old.count("\n"):
            lead = f"after line {line - 1}:  "
        shown = lead + textwrap.dedent(after).strip().replace("\n", "\n" + " " * len(lead))
        return Proposal(records, shown, note, (Edit(line, before, after),), failing, warning)

    def instead(self, at: int, node: ast.stmt, source: str, note: str) -> Proposal | None:
        """With a statement within `python(at)`, or the whole, replaced by another source."""
        if node is self.tree(at):
            return self.replaced(at, source, note)
        return self.changed(at, [(node, source.replace("\n", "\n" + " " * node.col_offset))], note)

    def before(self, at: int, node: ast.stmt, source: str, note: str) -> Proposal | None:
        """With statements put in before one within `python(at)`, or before the whole."""
        if node is self.tree(at):
            return self.inserted(at, source, note)
        _, text = self.python(at)
        alone = not text.split("\n")[node.lineno - 1][: node.col_offset].strip()
        old = self.source(at, node)
        joined = f"{source}\n{old}" if alone else "; ".join([*source.split("\n"), old])
        return self.instead(at, node, joined, note)

    def changed(
        self, at: int, changes: Sequence[tuple[ast.AST, str]], note: str, warning: bool = False
    ) -> Proposal | None:
        """With some nodes of `python(at)` written otherwise; None where one stands elsewhere."""
        statement, text = self.python(at)
        decorators = getattr(statement.tree, "decorator_list", ())
        first = min(each.lineno for each in (statement.tree, *decorators))
        last = statement.tree.end_lineno or 0
        if not all(first <= getattr(node, "lineno", first) <= last for node, _ in changes):
            return None
        return self.replaced(at, splice(statement, text, changes), note, warning)

    def inserted(self, at: int, source: str, note: str) -> Proposal | None:
        """With statements put in before the one at this place, or behind the last."""
        last = len(self.records) - 1
        model, line, lead = self.records[min(at, last)], self.line(min(at, last)), "before"
        place = line
        if at > last:
            line += model.statement.span.end_line - model.statement.span.line
            lead, place = "after", line + 1
        try:
            new = records_of(self.session, source, model)
        except LanguageError:
            return None
        records = (*self.records[:at], *new, *self.records[at:])
        failing = self.failing + (len(new) if at <= self.failing else 0)
        shown = " ; ".join(source.split("\n"))
        return Proposal(records, f"{lead} line {line}:  {shown}", note, (Edit(place, "", source),), failing)

    def dropped(self, at: int, note: str) -> Proposal:
        """Without one statement."""
        source = self.records[at].statement.source
        records = (*self.records[:at], *self.records[at + 1 :])
        failing = self.failing - (at <= self.failing)
        return Proposal(
            records, f"without {self._lines(at)}", note, (Edit(self.line(at), source, ""),), failing
        )

    def removed(self, at: int, node: ast.stmt, note: str) -> Proposal | None:
        """Without a statement within `python(at)` that has its lines for itself; None where a block would be empty."""
        if node is self.tree(at):
            return self.dropped(at, note) if at else None
        whole = self.line_of(at, node)
        found = None if whole is None else self.changed(at, [(whole, "")], note)
        return found and replace(found, text=f"without line {found.edits[0].line}")

    def line_of(self, at: int, node: ast.stmt) -> ast.stmt | None:
        """A statement within `python(at)` with the end of the line before it: nothing in its place takes its lines out. None
        where others share them.
        """
        lines = self.python(at)[1].split("\n")
        before, after = lines[node.lineno - 1][: node.col_offset], lines[(node.end_lineno or 0) - 1]
        if node is self.tree(at) or before.strip() or after[node.end_col_offset :].partition("#")[0].strip():
            return None
        whole = copy.copy(node)
        whole.lineno, whole.col_offset = node.lineno - 1, len(lines[node.lineno - 2])
        whole.end_col_offset = len(after)
        return whole

    def moved_below(self, at: int, below: int, note: str) -> Proposal | None:
        """With one statement moved right below a later one."""
        if not at < below:
            return None
        record = self.records[at]
        rest = (*self.records[:at], *self.records[at + 1 : below + 1])
        records = (*rest, record, *self.records[below + 1 :])
        source, last = record.statement.source, self.records[below].statement.span
        after = self.line(below) + last.end_line - last.line + 1
        return Proposal(
            records,
            f"move {self._lines(at)} below {self._lines(below)}",
            note,
            (Edit(self.line(at), source, ""), Edit(after, "", source)),
            self.failing - 1 if below >= self.failing > at else self.failing,
            moved=True,
        )

    def _lines(self, at: int) -> str:
        """`line 3`; of one of several statements on a line `opt.step() of line 3`."""
        line = f"line {self.line(at)}"
        same = [each for each in range(len(self.records)) if self.line(each) == self.line(at)]
        return line if len(same) == 1 else f"{self.records[at].statement.source} of {line}"

    def together(self, proposals: Sequence[Proposal]) -> Proposal | None:
        """All of these in one, each of which has statements in the place of others, or leaves one out; None where there are
        none.
        """
        if not proposals:
            return None
        records: list[Record | None] = list(self.records)
        for proposal in proposals:
            theirs: list[Record | None] = list(proposal.records)
            if len(theirs) < len(self.records):
                pairs = enumerate(zip(self.records, theirs))
                theirs.insert(next((at for at, (mine, new) in pairs if mine is not new), len(theirs)), None)
            for at, (mine, new) in enumerate(zip(self.records, theirs, strict=True)):
                if new is not mine:
                    records[at] = new
        text = "\n".join(each.text for each in proposals)
        edits = tuple(edit for each in proposals for edit in each.edits)
        failing = self.failing - records[: self.failing].count(None)
        kept = tuple(each for each in records if each is not None)
        return Proposal(kept, text, proposals[0].note, edits, failing)

    def without(self, at: int, source_at: int, source: str, note: str) -> Proposal | None:
        """With the statement at `at` taken out and another source at `source_at`, which is the later one."""
        try:
            new = records_of(self.session, source, self.records[source_at])
        except LanguageError:
            return None
        old = self.records[source_at].statement.source
        records = (
            *self.records[:at],
            *self.records[at + 1 : source_at],
            *new,
            *self.records[source_at + 1 :],
        )
        return Proposal(
            records,
            f"line {self.line(source_at)}:  {source}, without line {self.line(at)}",
            note,
            (
                Edit(self.line(at), self.records[at].statement.source, ""),
                Edit(self.line(source_at), old, source),
            ),
            source_at - 1 + len(new) - 1,
        )
