"""An answer about a text that was rewritten before it ran, in terms of the lines as they were typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tensorcli.explorer.results import Edit, Way, Why

if TYPE_CHECKING:
    from collections.abc import Callable

    from tensorcli.explorer.results import HazardRow

_LINES: Final = re.compile(r"\b(lines? )(\d+(?:(?:, | and |\.\.)\d+)*)")
"""`line 4`, `lines 2, 3`, `lines 2..4` in a sentence."""


class Typed:
    """A text, and the one that came of it by edits: which line is which."""

    def __init__(self, text: str, edits: Sequence[Edit], written: str) -> None:
        self.text = text
        self.lines, self.written = text.split("\n"), written.split("\n")
        self.places: list[int] = []
        """The typed line of each line that was written, from 1."""
        at = 1
        for edit in edits:
            last = edit.line + edit.before.count("\n")
            self.places.extend(range(at, edit.line))
            self.places.extend(_matched(edit))
            at = last + 1
        self.places.extend(range(at, len(self.lines) + 1))

    def line(self, number: int) -> int:
        """The typed line of a line that was written."""
        if number > len(self.places):  # behind the last
            return number - len(self.places) + len(self.lines)
        return self.places[number - 1]

    def sentence(self, text: str) -> str:
        """A sentence with the lines that it names."""
        return _LINES.sub(
            lambda found: found[1] + re.sub(r"\d+", lambda each: str(self.line(int(each[0]))), found[2]), text
        )

    def row(self, row: HazardRow) -> HazardRow:
        """A hazard, at the line as it was typed."""
        span = row.span
        line = self.line(span.line)
        place = span._replace(line=line, end_line=line + span.end_line - span.line)
        return replace(row, span=place, text=self.sentence(row.text))

    def edits(self, edits: Sequence[Edit]) -> tuple[Edit, ...] | None:
        """The edits of what was written as edits of what was typed; None where they change what was not."""
        found = []
        for edit in edits:
            line = self.line(edit.line)
            size = edit.before.count("\n") + 1
            old = "\n".join(self.lines[line - 1 : line - 1 + size])
            deeper = _indent(self.lines[line - 1 : line]) - _indent(self.written[edit.line - 1 : edit.line])
            before = edit.before if edit.before in old else edit.before.replace("\n", "\n" + " " * deeper)
            if before not in old:
                return None
            found.append(Edit(line, before, edit.after.replace("\n", "\n" + " " * max(deeper, 0))))
        return tuple(found)

    def told(
        self, answer: Why, holds: Callable[[tuple[Edit, ...]], bool]
    ) -> tuple[Why, list[tuple[Edit, ...]]]:
        """The answer by the lines as they were typed, and the edits of its ways: of those that
        change what was typed, and of whose edits `holds` says that the text can be written otherwise with them, too.
        """
        kept: list[tuple[Edit, ...]] = []
        ways = []
        for way in answer.ways:
            edits = self.edits(way.edits) if way.number else None
            if edits is None or not holds(edits):
                continue
            kept.append(edits)
            ways.append(self._way(way, len(kept), edits))
        timeline = answer.timeline
        if timeline is not None:
            marks = tuple(replace(mark, line=self.line(mark.line)) for mark in timeline.marks)
            timeline = replace(timeline, marks=marks)
        told = replace(
            answer,
            title=self.sentence(answer.title),
            events=tuple(
                replace(each, line=self.line(each.line), text=self.sentence(each.text))
                for each in answer.events
            ),
            timeline=timeline,
            notes=tuple(map(self.sentence, answer.notes)),
            ways=tuple(ways),
        )
        return told, kept

    def _way(self, way: Way, number: int, edits: tuple[Edit, ...]) -> Way:
        return replace(way, number=number, text=self.sentence(way.text), edits=edits)


def _matched(edit: Edit) -> list[int]:
    """The typed line of each line that stands in the place of others: one that reads the same; of those that were not typed
    that of the line before.
    """
    same: dict[str, list[int]] = {}
    for at, line in enumerate(edit.before.split("\n"), edit.line):
        same.setdefault(line.strip(), []).append(at)
    places, last = [], edit.line
    for line in edit.after.split("\n") if edit.after else ():
        left = same.get(line.strip()) if line.strip() else None
        last = left.pop(0) if left else last
        places.append(last)
    return places


def _indent(lines: Sequence[str]) -> int:
    return len(lines[0]) - len(lines[0].lstrip()) if lines else 0
