"""A tour on a terminal, which is longer than a screen: a chapter at a time, as its comments divide it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tensorcli.render.pages import render

if TYPE_CHECKING:
    from tensorcli.explorer.results import Step, Tour
    from tensorcli.repl.screen import Screen

GO_ON = " Enter goes on, q ends the tour "
ERASED = "\x1b[A\r\x1b[K"
"""The line above and what stands on it are gone."""


def told_in_chapters(step: Step, screen: Screen) -> bool:
    """Writes a tour chapter by chapter, and waits between them. False, and nothing is written, where the step is no tour,
    where nobody is there to go on, or where all of it fits the screen. Raises KeyboardInterrupt, OSError.
    """
    from tensorcli.explorer.results import Tour

    found = step.result
    if not isinstance(found, Tour) or not screen.is_terminal or sys.stdin is None or not sys.stdin.isatty():
        return False
    if len(render(found, screen.width).lines) < shutil.get_terminal_size().lines:
        return False
    for number, chapter in enumerate(chapters(found)):
        if number and not goes_on(screen):
            break
        screen.page(render(chapter, screen.width))
    screen.flush()
    return True


def chapters(found: Tour) -> Iterator[Tour]:
    """The tour in parts, each from a comment to before the next."""
    starts = [number for number, each in enumerate(found.steps) if each.text or not number]
    for start, end in zip(starts, [*starts[1:], len(found.steps)]):
        last = end == len(found.steps)
        yield replace(found, steps=found.steps[start:end], others=found.others if last else ())


def goes_on(screen: Screen) -> bool:
    """Asks whether to go on; the question leaves no trace."""
    screen.text(GO_ON)
    screen.flush()
    answer = sys.stdin.readline()
    if screen.colour and answer:
        screen.text(ERASED)
    return bool(answer) and answer.strip().lower() not in ("q", "quit", "exit", "n", "no")
