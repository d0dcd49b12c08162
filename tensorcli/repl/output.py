"""What a run writes: each step's results to standard output, its warnings and its error to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from tensorcli.repl.echo import Echo, echoed
from tensorcli.repl.screen import Colour, Screen

if TYPE_CHECKING:
    from tensorcli.explorer.results import Step

Format = Literal["text", "plain", "json"]


def quiet_form(step: Step, screen: Screen) -> None:
    """Only what `print` printed, as under PyTorch."""
    screen.text(step.output)


def text_form(step: Step, screen: Screen) -> None:
    """For people: output, value, the table of what changed, alarms."""
    from tensorcli.render.pages import render

    screen.text(step.output)
    screen.page(render(step, screen.width))


def plain_form(step: Step, screen: Screen) -> None:
    """`name.field: value` lines, for grep and screen readers."""
    from tensorcli.render.plain import plain_text

    screen.text(step.output)
    screen.text(plain_text(step))


def json_form(step: Step, screen: Screen) -> None:
    """One JSON object a statement."""
    from tensorcli.render.json import json_line

    screen.json(json_line(step) + "\n")


FORMS: dict[Format, Callable[[Step, Screen], None]] = {
    "text": text_form,
    "plain": plain_form,
    "json": json_form,
}


class Output:
    """Both streams of a run. Its methods raise OSError where a stream cannot be written to."""

    def __init__(
        self, format: Format = "text", quiet: bool = False, echo: bool = False, colour: Colour = "auto"
    ) -> None:
        self.results = Screen(sys.stdout, colour)
        self.problems = Screen(sys.stderr, colour)
        self._form = quiet_form if quiet and format == "text" else FORMS[format]
        self._echo = echo and format != "json"
        self._script: Echo | None = None
        self._name = ""
        self._lost: OSError | None = None
        self.write = None if self._echo or format == "json" else self.print
        """Takes what `print` prints while a statement runs; None where it belongs after something of the step."""

    def begin(self, script: bytes, name: str) -> None:
        """Says whose steps come next."""
        self._name = name
        if self._echo:
            self._script = Echo(script)

    def print(self, text: str) -> None:
        """Writes what a statement prints. A reader that is gone is no affair of the statement's: it is stopped."""
        try:
            self.results.text(text)
        except OSError as error:
            self._lost = error
            raise KeyboardInterrupt from None

    def step(self, step: Step) -> None:
        """Writes a step as soon as it has ended; standard error comes after what was printed before it."""
        if self._lost is not None:
            raise self._lost
        if self._echo and step.index:
            self.results.text(self._echoed(step))
        self._form(step, self.results)
        self.results.flush()
        if step.warnings or step.error is not None:
            from tensorcli.render.pages import render

            for warning in step.warnings:
                self.problems.page(render(warning))
            if step.error is not None:
                self.problems.page(render(step.error))
                own = step.error.name == self._name  # what a sourced file raised is not its own failure
                if (
                    own
                    and (step.error.code or step.error.answered)
                    and step.error.name.endswith((".tsc", ".py"))
                ):
                    import shlex

                    self.problems.text(f"  why, and ways out: tensorcli why {shlex.quote(step.error.name)}\n")
            self.problems.flush()

    def _echoed(self, step: Step) -> str:
        """The statement as it is shown before its results; one of a sourced file behind a dot, so that a session
        that is run again does not run it twice.
        """
        if self._script is None:
            return echoed(step.source)
        if step.name != self._name:
            first, *rest = step.source.split("\n")
            return f"· {first} …\n" if rest else f"· {first}\n"
        return self._script.statement(step.source, step.span)

    def problem(self, text: str) -> None:
        """Writes a line of the program's own about something that no statement did."""
        self.results.flush()
        self.problems.text(f"tensorcli: {text}\n")
        self.problems.flush()


def skipped_text(count: int) -> str:
    """What is said of the lines of a transcript that do not run."""
    return f"skipped {'1 line that is' if count == 1 else f'{count} lines that are'} not input"
