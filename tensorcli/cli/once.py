"""Runs one command of the explorer in a session of its own, for the commands of the command line that do no more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorcli.cli import exits
from tensorcli.cli.batch import SessionOptions, run_scripts
from tensorcli.cli.sources import STATEMENTS
from tensorcli.repl.output import Format, Output
from tensorcli.repl.screen import Colour

if TYPE_CHECKING:
    from tensorcli.explorer.results import Answer, Step


class OneAnswer(Output):
    """What a command raises is said as the program's own problem: nobody typed the statement that runs it."""

    question = ""
    """The command and its words."""
    text = True
    """Whether what is written is for people."""

    def step(self, step: Step) -> None:
        """Writes the answer, or what is wrong with the question."""
        from tensorcli.repl.chapters import told_in_chapters

        error = step.error
        if error is None:
            if not self.text or not told_in_chapters(step, self.results):
                super().step(step)
            return
        asked = "" if error.type == "ValueError" else f"{self.question}: "
        hints = [each for each in error.hints if not each.startswith("nothing was changed")]
        self.problem("; ".join([asked + error.message, *hints]))


def show(question: str, answer: Answer, color: Colour, format: Format) -> int:
    """Show an answer that needs no session, as a run shows that of a command, and give the exit status."""
    from tensorcli.explorer.results import Step

    Output(format, colour=color).step(Step(1, STATEMENTS, question, None, "", result=answer))
    return exits.OK


def run_once(
    text: str,
    color: Colour,
    format: Format,
    engine: str = "embedded",
) -> int:
    """Run the text of a command and give the exit status: an error of the command's is wrong usage."""
    output = (Output if format == "json" else OneAnswer)(format, False, False, color)
    if isinstance(output, OneAnswer):
        output.question = text.removeprefix(":")
        output.text = format == "text"
    status = run_scripts([], text, SessionOptions(engine=engine), output, False)
    wrong = (exits.FAILURES["statement"], exits.REFUSED)
    return exits.USAGE if status in wrong else status
