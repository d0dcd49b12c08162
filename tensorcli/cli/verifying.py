"""Runs scripts on the embedded engine and on PyTorch, and says where they differ."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tensorcli.cli import exits
from tensorcli.cli.batch import SessionOptions, collect_cycles, scripts
from tensorcli.cli.sources import Script, Unreadable
from tensorcli.repl.guarded import guarded
from tensorcli.repl.output import Format, Output
from tensorcli.repl.screen import Colour, Screen

if TYPE_CHECKING:
    from tensorcli.explorer.results import Verified


def verify_scripts(
    paths: Sequence[str], command: str | None, options: SessionOptions, format: Format, colour: Colour
) -> int:
    """Verifies a command text or the files in order, all of them; the first that differs or cannot be run decides
    the status.
    """
    output = Output("text", colour=colour)
    if missing := options.missing():
        output.problem(missing)
        return exits.FAILURES["unavailable"]
    screen = Screen(sys.stdout, colour)
    first = exits.OK
    with guarded():
        for read in scripts(paths, command):
            try:
                script = read()
                status = verify_script(script, options, format, screen, output)
            except Unreadable as unreadable:
                output.problem(str(unreadable))
                status = exits.NO_INPUT
            except KeyboardInterrupt:
                output.problem("interrupted")
                return first or exits.INTERRUPTED
            first = first or status
    return first


def verify_script(
    script: Script, options: SessionOptions, format: Format, screen: Screen, output: Output
) -> int:
    """Verifies one script and gives its status. Raises KeyboardInterrupt."""
    from tensorcli.explorer.failures import language_failure
    from tensorcli.explorer.verify import verify
    from tensorcli.language.syntax import LanguageError
    from tensorcli.render.pages import render

    collect_cycles()
    try:
        found = verify(script.text, script.name, script.form, seed=options.seed, max_bytes=options.max_bytes)
    except LanguageError as error:
        shown = script.text.decode("utf-8", "replace")
        output.problems.page(render(language_failure(error, shown, script.name)))
        output.problems.flush()
        return exits.REFUSED
    show(found, format, screen)
    screen.flush()
    return exits.DIFFERENT if found.rows else exits.OK


def show(found: Verified, format: Format, screen: Screen) -> None:
    """Writes what was found in the form that was asked for."""
    if format == "json":
        from tensorcli.render.json import data

        row = {"schema": 1, **data(found)}
        screen.json(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    elif format == "plain":
        from tensorcli.render.plain import plain_text

        screen.text(plain_text(found))
    else:
        from tensorcli.render.pages import render

        screen.page(render(found, screen.width))
