"""Shows what a statement did right under where it was typed."""

from __future__ import annotations

from tensorcli.explorer.results import Step
from tensorcli.render.failures import failure_at_prompt, warning_at_prompt
from tensorcli.render.layout import line, page
from tensorcli.render.pages import render
from tensorcli.repl.output import PROMPT
from tensorcli.repl.screen import Screen


class EntryDisplay:
    """What one entry shows. A pasted entry of several statements names each before its results."""

    def __init__(self, screen: Screen, typed: str) -> None:
        self._screen = screen
        self._typed = typed.strip("\n")
        self._untouched = True

    def step(self, step: Step) -> None:
        """Writes a step as soon as it is known. Raises OSError where the terminal is gone."""
        width = self._screen.width
        if step.index and step.source.strip() != self._typed.strip():
            first, *rest = step.source.strip("\n").split("\n")
            lead = f"{first} …" if rest else first
            self._screen.page(page([line(("· ", "prompt"), (lead, "muted"))]))
            self._untouched = False
        self._screen.text(step.output)
        if step.output and not step.output.endswith("\n"):
            self._screen.text("\n")
        shown = render(step, width)
        self._screen.page(shown)
        self._untouched = self._untouched and not step.output and not shown
        for warning in step.warnings:
            self._screen.page(page(warning_at_prompt(warning, width)))
            self._untouched = False
        if step.error is not None:
            typed = self._typed if self._untouched else ""
            self._screen.page(page(failure_at_prompt(step.error, width, len(PROMPT), typed)))
        self._screen.flush()
