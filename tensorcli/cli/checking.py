"""Runs scripts for their hazards alone: nothing that they print is shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from tensorcli.cli import exits
from tensorcli.cli.batch import run_in, scripts
from tensorcli.cli.sources import Script, Unreadable
from tensorcli.repl.guarded import guarded
from tensorcli.repl.output import Output
from tensorcli.repl.screen import Colour, Screen

if TYPE_CHECKING:
    from tensorcli.cli.batch import SessionOptions
    from tensorcli.explorer.results import HazardRow, Step
    from tensorcli.explorer.session import Session

CheckFormat = Literal["text", "json", "sarif"]


class Errors(Output):
    """Shows of a step only its error."""

    def __init__(self, colour: Colour) -> None:
        super().__init__("text", quiet=True, colour=colour)
        self.write = lambda text: None

    def step(self, step: Step) -> None:
        if step.error is not None and not step.error.answered:
            from tensorcli.render.pages import render

            self.problems.page(render(step.error))
            self.problems.flush()


def check_scripts(
    paths: Sequence[str],
    command: str | None,
    options: SessionOptions,
    format: CheckFormat,
    colour: Colour,
    keep_going: bool,
) -> int:
    """Checks a command text or the files in order, all of them; the first hazard or failure decides the status."""
    output = Errors(colour)
    first = exits.OK
    if missing := options.missing():
        output.problem(missing)
        return exits.FAILURES["unavailable"]
    rows: list[HazardRow] = []
    with guarded():
        for read in scripts(paths, command):
            try:
                script = read()
            except Unreadable as unreadable:
                output.problem(str(unreadable))
                first = first or exits.NO_INPUT
                continue
            found, status = _checked(options.session(output.write), script, output, keep_going)
            rows.extend(found)
            first = first or status
            if status == exits.INTERRUPTED:
                break
    screen = Screen(sys.stdout, colour)
    for text in FORMS[format](rows):
        screen.json(text)
    if format == "text" and rows:
        from tensorcli.render.hazards import hazards_in_file
        from tensorcli.render.layout import page

        screen.page(page(hazards_in_file(rows)))
    screen.flush()
    return first


def _checked(
    session: Session, script: Script, output: Output, keep_going: bool
) -> tuple[list[HazardRow], int]:
    """The hazards of a script, and its exit status: a hazard's, where one came before what failed."""
    rows: list[HazardRow] = []
    try:
        status = run_in(session, script, output, keep_going)
    except KeyboardInterrupt:
        output.problem(f"{script.name}: interrupted")
        status = exits.INTERRUPTED
    if session.refused is not None:
        from tensorcli.explorer.rewritten import ENDED, hazards, unbegun

        rows, runs = hazards(session, session.refused)
        refusal, slip = session.refused.error, session.refused.slip
        place, raising = f"{script.name}:{refusal.span.line}", list(unbegun(session.refused))
        if slip is not None:
            runs = f"ends before line {slip.span.line}, which is not Python: {slip.message}"
        output.problem(f"{place}: {refusal.message}; written without it, the text {runs}")
        for each in raising:
            output.problem(f"{place}: {each}")
        status = exits.OK if runs == ENDED and not raising else exits.FAILURES["statement"]
        status = exits.FAILURES["hazard"] if rows else status
        status = exits.REFUSED if slip is not None else status
    if session.hazards:
        failed = next((each.index for each in session.journal if each.outcome), sys.maxsize)
        if status != exits.INTERRUPTED and session.hazards[0].index <= failed:
            status = exits.FAILURES["hazard"]
    return [*rows, *session.hazards], status


def no_text(rows: Sequence[HazardRow]) -> Iterator[str]:
    """Styled lines are written as a page."""
    return iter(())


def json_text(rows: Sequence[HazardRow]) -> Iterator[str]:
    """A JSON object a hazard, one a line."""
    import json

    from tensorcli.render.json import data

    for row in rows:
        found = {"schema": 1, **data(row)}
        yield json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"


def sarif_text(rows: Sequence[HazardRow]) -> Iterator[str]:
    """The whole run as one SARIF log."""
    import json

    from tensorcli import __version__
    from tensorcli.explorer.hazards.catalogue import HAZARDS
    from tensorcli.render.hazards import sarif

    yield json.dumps(sarif(rows, HAZARDS, __version__), ensure_ascii=False, indent=2) + "\n"


FORMS = {"text": no_text, "json": json_text, "sarif": sarif_text}
