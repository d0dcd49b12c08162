"""Runs a script for one answer at its end: why its last statement failed, or why a tensor is as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tensorcli.cli import exits
from tensorcli.cli.batch import SessionOptions, run_in, scripts
from tensorcli.cli.checking import Errors
from tensorcli.cli.sources import Script, Unreadable
from tensorcli.repl.guarded import guarded
from tensorcli.repl.output import Format, Output
from tensorcli.repl.patience import Patience
from tensorcli.repl.screen import Colour

if TYPE_CHECKING:
    from tensorcli.explorer.results import Step
    from tensorcli.explorer.session import Session

ASKED = "<why>"
"""The name under which the question runs, in messages about it."""


class Reasons(Output):
    """Shows the answer; what applies a way out is this command again."""

    def __init__(self, format: Format, colour: Colour, again: str) -> None:
        super().__init__(format, colour=colour)
        self.again = again

    def step(self, step: Step) -> None:
        from tensorcli.explorer.results import Why

        if isinstance(step.result, Why):
            step = step._replace(result=replace(step.result, apply=self.again))
        super().step(step)


def tell_why(
    path: str | None,
    command: str | None,
    what: str,
    way: int | None,
    options: SessionOptions,
    output: Reasons,
) -> int:
    """Run a script to its end or to its first failure and ask why; show the answer, or what one way out changes in the
    script. The status says whether there was an answer.
    """
    if missing := options.missing():
        output.problem(missing)
        return exits.FAILURES["unavailable"]
    (read,) = scripts([] if path is None else [path], command)
    with guarded():
        try:
            script = read()
        except Unreadable as unreadable:
            output.problem(str(unreadable))
            return exits.NO_INPUT
        silent = Errors("always" if output.problems.colour else "never")
        session = options.session(silent.write)
        try:
            status = run_in(session, script, silent, keep_going=False)
            refused = status == exits.FAILURES["language"] and session.refused is None
            if refused or status == exits.INTERRUPTED:
                return status
            question = Script(ASKED, f":why {what}".encode(), "tsc")
            with Patience(session):
                status = run_in(session, question, output if way is None else silent, keep_going=False)
            return status if way is None or status else show_change(session, script, way, output)
        except KeyboardInterrupt:
            output.problem(f"{script.name}: interrupted")
            return exits.INTERRUPTED


def show_change(session: Session, script: Script, way: int, output: Output) -> int:
    """Write what a way out changes in the script, as `patch` reads it."""
    from difflib import unified_diff

    from tensorcli.explorer.commands.why import rewritten

    if session.proposed is None:
        output.problem(f"{script.name}: why shows no way out here, so there is none to write")
        return exits.FAILURES["statement"]
    text = script.text.decode("utf-8")
    try:
        new = rewritten(session, way, text)
    except ValueError as error:
        output.problem(str(error))
        return exits.FAILURES["statement"]
    for line in unified_diff(text.splitlines(True), new.splitlines(True), script.name, script.name):
        output.results.text(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    output.results.flush()
    return exits.OK
