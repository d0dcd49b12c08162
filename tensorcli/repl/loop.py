"""Reads entries, runs them in one session, shows what they did: on a terminal with a prompt, anywhere else
line by line.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tensorcli.render.prompts import CONTINUATION, PROMPT
from tensorcli.repl.assistance import Assistance
from tensorcli.repl.background import Background
from tensorcli.repl.entries import still_open
from tensorcli.repl.guarded import guarded
from tensorcli.repl.output import Output, skipped_text
from tensorcli.repl.patience import Patience
from tensorcli.repl.screen import Colour, Screen

if TYPE_CHECKING:
    from tensorcli.explorer.results import Question, Step
    from tensorcli.explorer.session import Session
    from tensorcli.repl.display import EntryDisplay

NAME = "<input>"
ANSWER = " > "


Make = Callable[[Callable[[str], None] | None], "Session"]


def run_prompt(make: Make, load: Callable[[], object], *, vi: bool = False, colour: Colour = "auto") -> int:
    """Runs a session from what is typed, until Ctrl-D or `exit`; gives the exit status.

    `make` constructs the session, given what takes the text that `print` prints; `load` imports what that
    takes. Without a terminal on both sides there are no escapes.
    """
    screen = Screen(sys.stdout, colour)
    if sys.stdin is None or not (sys.stdin.isatty() and screen.is_terminal and terminal_can_edit()):
        output = Output(colour=colour)
        return run_lines(make(output.write), output)
    return run_terminal(make, load, screen, vi)


def asked(question: Question, screen: Screen) -> str:
    """Asks until an answer is understood; empty where it is skipped. Raises KeyboardInterrupt."""
    from tensorcli.explorer.predict import judge

    while True:
        given = ask(question, screen)
        if not given.strip() or judge(question, given) is not None:
            return given


def ask(question: Question, screen: Screen) -> str:
    """Asks once: the next line of standard input is the answer."""
    from tensorcli.render.pages import render

    screen.page(render(question, screen.width))
    if screen.is_terminal:
        screen.text(ANSWER)
    screen.flush()
    return sys.stdin.readline().rstrip("\n") if sys.stdin is not None else ""


def terminal_can_edit() -> bool:
    """Whether the terminal understands what a prompt with editing sends to it."""
    return os.environ.get("TERM", "") not in ("", "dumb")


def run_terminal(make: Make, load: Callable[[], object], screen: Screen, vi: bool) -> int:
    """The prompt with history, completion and colour."""
    from tensorcli.repl.history import history_path, open_history
    from tensorcli.repl.terminal import make_prompt

    screen.text(start_line() + "\n")
    screen.flush()
    shown: list[EntryDisplay] = []

    def load_all() -> None:
        load()
        importlib.import_module("tensorcli.repl.display")
        if screen.colour:
            importlib.import_module("tensorcli.render.console")

    def make_session() -> Session:
        session = make(lambda text: shown[-1].print(text))
        session.ask = lambda question: asked(question, screen)
        return session

    background = Background(make_session, load_all)
    assistance = Assistance(background)
    history = open_history(history_path())
    read = make_prompt(assistance, history, vi=vi, colour=screen.colour, drawn=background.start)
    while True:
        try:
            typed = read()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if not typed.strip():
            continue
        session = background.session
        from tensorcli.repl.display import EntryDisplay

        sourced = partial(sourced_statement, session)
        statements, skipped = read_entry(session, typed)
        if skipped:
            screen.text(f" {skipped_text(skipped)}\n")
        shown[:] = [EntryDisplay(screen, typed, statements, sourced)]
        status = run_entry(session, typed, NAME, shown[0].step)
        if status is not None:
            return status


def read_entry(session: Session, typed: str) -> tuple[list[str], int]:
    """The texts of an entry's statements, and how many lines of a paste are old output or prose; none where it does not parse,
    which running it will say.
    """
    from tensorcli.language.syntax import LanguageError

    try:
        program = session.read(typed)
    except LanguageError:
        return [], 0
    return [statement.source for statement in program.statements], program.skipped_lines


def sourced_statement(session: Session) -> str:
    """The statement that runs, where it stands in a file that was sourced."""
    return session.source if session.within is not None else ""


def run_entry(session: Session, typed: str, name: str, show: Callable[[Step], None]) -> int | None:
    """Runs an entry statement by statement, up to the first that fails; the exit status where it asks to leave."""
    from tensorcli.explorer.results import Exit

    try:
        with guarded(), Patience(session) as patience:
            for step in session.run(typed, name):
                show(step)
                if isinstance(step.result, Exit):
                    return step.result.status
                patience.again()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
    except (OSError, EOFError):
        raise  # the terminal is gone
    except Exception as error:  # a fault of the program's own costs the statement, not the session
        session.torn = True
        sys.stderr.write(f"tensorcli: a fault of its own: {fault(error)}; the statement was taken back\n")
    return None


def fault(error: Exception) -> str:
    """What was raised, and where, on a line: what a report of it needs."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = (
        "" if place is None else f" ({os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno})"
    )
    return f"{type(error).__name__}: {error}{where}"


def run_lines(session: Session, output: Output) -> int:
    """Plain line input: no escapes, no editing. A prompt is shown only where somebody types."""
    typing = sys.stdin is not None and sys.stdin.isatty()
    entry, before = "", 0  # what is typed so far, and how many lines came before it

    def answer(question: Question) -> str:
        nonlocal before
        before += 1
        return ask(question, output.results)

    session.ask = answer
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
        entry += read
        if not read and not entry.strip():
            if typing:
                output.problems.text("\n")  # what comes next begins a line of its own
            return 0
        if read and still_open(entry.removesuffix("\n"), session.verbs, session.names) is not None:
            continue
        if entry.strip():
            status = run_entry(session, "\n" * before + entry, "<stdin>", output.step)
            if status is not None:
                return status
        before += entry.count("\n")
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
    return f"tensorcli {release} · torch-2.13 semantics{numpy} · help, tour, Ctrl-D"
