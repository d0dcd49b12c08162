"""Shows what the statements of one entry did, right under where it was typed.

An entry of several statements, such as a paste, names each before its results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tensorcli.explorer.journal import PROMPT as PROMPT_NAME
from tensorcli.explorer.results import Step
from tensorcli.render.failures import failure_at_prompt, failure_in_file, warning_at_prompt, warning_in_file
from tensorcli.render.layout import line, page
from tensorcli.render.pages import render
from tensorcli.render.prompts import PROMPT
from tensorcli.repl.chapters import told_in_chapters
from tensorcli.repl.screen import Screen


class EntryDisplay:
    """What one entry shows; `statements` are the texts of its statements, in order, and `sourced` gives the text of
    the statement that runs where it stands in a file.
    """

    def __init__(
        self,
        screen: Screen,
        typed: str,
        statements: Sequence[str] = (),
        sourced: Callable[[], str] = lambda: "",
    ) -> None:
        self._sourced = sourced
        self._screen = screen
        self._typed = typed.strip("\n")
        self._waiting = list(reversed(statements)) if len(statements) > 1 else []
        self._announced = False
        self._untouched = True
        self._line_open = False

    def print(self, text: str) -> None:
        """What a statement prints, as it prints it."""
        if not text:
            return
        self._announce()
        self._screen.text(text)
        self._untouched = False
        self._line_open = not text.endswith("\n")

    def step(self, step: Step) -> None:
        """Writes a step when it has ended. Raises OSError where the terminal is gone."""
        width = self._screen.width
        self.print(step.output)
        from_file = step.name != PROMPT_NAME
        self._announce()
        self._announced = False
        if self._waiting and not from_file:
            self._waiting.pop()
        if step.error is not None and step.error.kind == "interrupted":
            self._line_open = True  # the terminal wrote ^C
            self._untouched = False
        if self._line_open:
            self._screen.text("\n")
            self._line_open = False
        shown = told_in_chapters(step, self._screen)
        if not shown:
            page_of_step = render(step, width)
            shown = bool(page_of_step)
            self._screen.page(page_of_step)
        for warning in step.warnings:
            self._screen.page(
                page(warning_in_file(warning) if from_file else warning_at_prompt(warning, width))
            )
        self._untouched = self._untouched and not shown and not step.warnings
        if step.error is not None and step.error.name != PROMPT_NAME:
            self._screen.page(page(failure_in_file(step.error)))
        elif step.error is not None:
            typed = self._typed if self._untouched else None
            self._screen.page(page(failure_at_prompt(step.error, width, len(PROMPT), typed)))
        self._screen.flush()

    def _announce(self) -> None:
        """Names the statement that shows something now, once."""
        shown = self._sourced() or (self._waiting[-1] if self._waiting else "")
        if shown and not self._announced:
            self._announced = True
            first, *rest = shown.strip("\n").split("\n")
            self._screen.page(page([line(("· ", "prompt"), (f"{first} …" if rest else first, "muted"))]))
            self._untouched = False
