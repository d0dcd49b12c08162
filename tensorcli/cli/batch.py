"""Runs scripts, each in a session of its own, and says with what status the process should end."""

from __future__ import annotations

import gc
import importlib
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tensorcli.cli import exits
from tensorcli.cli.sources import STATEMENTS, Script, Unreadable, read_script
from tensorcli.explorer import results
from tensorcli.repl.guarded import guarded
from tensorcli.repl.output import Output, skipped_text

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

LISTENS = rb"(?m)\bexpect\s+hazard\b|^\s*:?check\s*$|^\s*:?(graph|export)\b"
LISTENING = (b"hazard", b"check", b"graph", b"export")
"""What a script asks of a session that observes, also where nothing is shown: what stands in a file names tensors."""


class SessionOptions(NamedTuple):
    """What a session is made with; the meaning of each is Session's."""

    quiet: bool = False
    seed: int = 0
    max_bytes: int | None = None
    engine: str = "embedded"
    folder: str | None = None
    """Where commands may write files; nowhere when None."""
    anywhere: bool = False
    """Whether they may write wherever the person who types may."""
    simulate_cuda: int = 0
    """How many CUDA devices numpy stands in for."""
    checking: bool = False
    strict: bool = False
    keep_bytes: int | None = None
    trace: bool = False

    def load(self) -> None:
        """Imports what a session takes, the engine among it."""
        importlib.import_module("tensorcli.explorer.session")
        from tensorcli.explorer.engines.opening import open_engine

        open_engine(self.engine)

    def missing(self) -> str:
        """What is missing for the engine that was asked for; empty where it is there."""
        if self.engine != "pytorch":
            return ""
        from importlib.util import find_spec

        return "" if find_spec("torch") else "PyTorch is not installed: pip install 'tensorcli[torch]'"

    def session(self, write: Callable[[str], None] | None = None) -> Session:
        """A new session; imports the engine. `write` takes what `print` prints."""
        from tensorcli.explorer.session import Session

        if self.simulate_cuda:
            from tensorcli.engine.backends import simulate

            simulate(self.simulate_cuda)
        session = Session(
            quiet=self.quiet,
            checking=self.checking,
            strict=self.strict,
            trace=self.trace,
            seed=self.seed,
            max_bytes=self.max_bytes,
            keep_bytes=self.keep_bytes,
            engine=self.engine,
            write=write,
        )
        if self.anywhere or self.folder is not None:
            from tensorcli.repl import exports

            session.files = exports.anywhere() if self.folder is None else exports.within(self.folder)
        return session


def collect_cycles() -> None:
    """From here on cycles are collected, which main has put off; what was made before stays, and is never looked at."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def run_scripts(
    paths: Sequence[str], command: str | None, options: SessionOptions, output: Output, keep_going: bool
) -> int:
    """Runs a command text or the files in order; the first failure decides the status, and ends the run
    without `keep_going`.
    """
    first = exits.OK
    if missing := options.missing():
        output.problem(missing)
        return exits.FAILURES["unavailable"]
    with guarded():
        for read in scripts(paths, command):
            try:
                script = read()
                status = run_script(script, options, output, keep_going)
            except Unreadable as unreadable:
                output.problem(str(unreadable))
                status = exits.NO_INPUT
            first = first or status
            if first and (not keep_going or first == exits.INTERRUPTED):
                break
    return first


def scripts(paths: Sequence[str], command: str | None) -> Sequence[Callable[[], Script]]:
    """What is to be run: a command text, or the files, each read when its turn comes. What reads one raises Unreadable."""
    if command is not None:
        return [partial(Script, STATEMENTS, command.encode(), "tsc")]
    return [partial(read_script, path) for path in paths]


def run_script(script: Script, options: SessionOptions, output: Output, keep_going: bool) -> int:
    """Runs one script in a new session and gives its status."""
    if options.quiet and any(word in script.text for word in LISTENING) and re.search(LISTENS, script.text):
        options = options._replace(quiet=False)
    try:
        return run_in(options.session(output.write), script, output, keep_going)
    except KeyboardInterrupt:
        output.problem(f"{script.name}: interrupted")
        return exits.INTERRUPTED


def run_in(session: Session, script: Script, output: Output, keep_going: bool) -> int:
    """Runs one script in a session and gives its status. Raises KeyboardInterrupt."""
    first = exits.OK
    output.begin(script.text, script.name)
    steps = session.run(script.text, script.name, script.form, keep_going)
    collect_cycles()
    if session.skipped_lines:
        output.problem(f"{script.name}: {skipped_text(session.skipped_lines)}")
    for step in steps:
        output.step(step)
        if step.error is not None:
            first = first or exits.FAILURES[step.error.kind]
        elif step.result is not None and isinstance(step.result, results.Exit):
            first = first or step.result.status
    return first
