"""Runs a script for one answer at its end: why its last statement failed, or why a tensor is as it is."""

from __future__ import annotations

from tensorcli.cli import exits
from tensorcli.cli.batch import SessionOptions, run_in, scripts
from tensorcli.cli.checking import Errors
from tensorcli.cli.sources import Script, Unreadable, read_script
from tensorcli.repl.interrupts import Interrupts
from tensorcli.repl.output import Output

ASKED = "<why>"
"""The name under which the question runs, in messages about it."""


def tell_why(
    path: str | None, command: str | None, what: str, options: SessionOptions, output: Output
) -> int:
    """Run a script to its end or its first failure, then ask why; the status says whether there was an answer."""
    if missing := options.missing():
        output.problem(missing)
        return exits.FAILURES["unavailable"]
    (source,) = scripts([] if path is None else [path], command)
    with Interrupts():
        try:
            script = read_script(source) if isinstance(source, str) else source
        except Unreadable as unreadable:
            output.problem(str(unreadable))
            return exits.NO_INPUT
        silent = Errors("always" if output.problems.colour else "never")
        session = options.session(silent.write)
        try:
            status = run_in(session, script, silent, keep_going=False)
            if status == exits.FAILURES["language"]:
                return status
            return run_in(session, Script(ASKED, f":why {what}".encode(), "tsc"), output, keep_going=False)
        except KeyboardInterrupt:
            output.problem(f"{script.name}: interrupted")
            return exits.INTERRUPTED
