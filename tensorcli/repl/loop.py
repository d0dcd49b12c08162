"""Reads entries, runs them in one session, shows what they did: on a terminal with a prompt, anywhere else
line by line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from tensorcli.explorer.results import Exit
from tensorcli.repl.assistance import Assistance
from tensorcli.repl.background import Background
from tensorcli.repl.display import EntryDisplay
from tensorcli.repl.entries import still_open
from tensorcli.repl.interrupts import Interrupts
from tensorcli.repl.output import CONTINUATION, PROMPT, Output
from tensorcli.repl.screen import Colour, Screen

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

NAME = "<input>"


def run_prompt(
    make: Callable[[], Session], load: Callable[[], object], *, vi: bool = False, colour: Colour = "auto"
) -> int:
    """Runs a session from what is typed, until Ctrl-D or `exit`; gives the exit status.

    `make` constructs the session, `load` imports what that takes. Without a terminal on both sides there are
    no escapes.
    """
    background = Background(make, load)
    screen = Screen(sys.stdout, colour)
    if sys.stdin is None or not (sys.stdin.isatty() and screen.is_terminal and terminal_can_edit()):
        return run_lines(background.session, Output(colour=colour))
    return run_terminal(background, screen, vi)


def terminal_can_edit() -> bool:
    """Whether the terminal understands what a prompt with editing sends to it."""
    return os.environ.get("TERM", "") not in ("", "dumb")


def run_terminal(background: Background, screen: Screen, vi: bool) -> int:
    """The prompt with history, completion and colour."""
    from tensorcli.repl.history import history_path, open_history
    from tensorcli.repl.terminal import make_prompt

    assistance = Assistance(background)
    colour = screen.colour
    screen.text(start_line() + "\n")
    screen.flush()
    prompt = make_prompt(
        assistance, open_history(history_path()), vi=vi, colour=colour, drawn=background.start
    )
    while True:
        try:
            typed = prompt.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if not typed.strip():
            continue
        status = run_entry(background.session, typed, EntryDisplay(screen, typed).step)
        if status is not None:
            return status


def run_entry(session: Session, typed: str, show: Callable[..., None]) -> int | None:
    """Runs an entry statement by statement, up to the first that fails; an exit status where it asks to
    leave.
    """
    try:
        with Interrupts():
            for step in session.run(typed, NAME):
                show(step)
                if isinstance(step.result, Exit):
                    return step.result.status
                if step.error is not None:
                    break
    except KeyboardInterrupt:
        sys.stdout.write("\n interrupted\n")
    return None


def run_lines(session: Session, output: Output) -> int:
    """Plain line input: no escapes, no editing. A prompt is shown only where somebody types."""
    typing = sys.stdin is not None and sys.stdin.isatty()
    entry = ""
    while True:
        if typing:
            output.problems.text(CONTINUATION if entry else PROMPT)
            output.problems.flush()
        try:
            read = sys.stdin.readline() if sys.stdin is not None else ""
        except KeyboardInterrupt:
            entry = ""
            output.problems.text("\n")
            continue
        if not read and not entry.strip():
            return 0
        entry += read
        if read and still_open(entry.removesuffix("\n"), session.verbs, session.names) is not None:
            continue
        if entry.strip():
            status = run_entry(session, entry, output.step)
            if status is not None:
                return status
        entry = ""


def start_line() -> str:
    """What the prompt says first."""
    from importlib.metadata import PackageNotFoundError, version

    from tensorcli import __version__

    try:
        numpy = f" on numpy {'.'.join(version('numpy').split('.')[:2])}"
    except PackageNotFoundError:
        numpy = ""
    release = ".".join(__version__.split(".")[:2])
    return f"tensorcli {release} · torch-2.13 semantics{numpy} · help, Ctrl-D"
