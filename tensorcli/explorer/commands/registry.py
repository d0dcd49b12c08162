"""What a command of the explorer is, and the table of them. A function that is declared here is the whole command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tensorcli.explorer.results import Result
from tensorcli.language.commands import usage
from tensorcli.language.syntax import Flag, Invocation, Parameter, Verb

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

Run = Callable[["Session", Invocation], Result]

CATEGORIES: Final = ("look", "understand", "time", "files", "session", "scripts")
"""The groups of the help page, in its order."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: how it is typed, what it does, and the function that answers."""

    name: str
    verb: Verb
    category: str
    summary: str
    run: Run
    example: str

    @property
    def usage(self) -> str:
        """How it is typed, in one line."""
        flags = "".join(f" [--{flag.name}{' V' if flag.kind else ''}]" for flag in self.verb.flags)
        return usage(self.name, self.verb) + flags


COMMANDS: Final[dict[str, Command]] = {}
"""All commands by name, in the order of declaration."""


def command(
    name: str,
    *parameters: Parameter,
    category: str,
    summary: str,
    flags: tuple[Flag, ...] = (),
    example: str = "",
) -> Callable[[Run], Run]:
    """Declare a command: its parameters as the language reads them, its place in the help, one line about it."""
    if category not in CATEGORIES:
        raise ValueError(f"{name}: there is no category {category}")

    def declare(run: Run) -> Run:
        if name in COMMANDS:
            raise ValueError(f"the command {name} is declared twice")
        verb = Verb("command", parameters=parameters, flags=flags, description=summary)
        COMMANDS[name] = Command(name, verb, category, summary, run, example)
        return run

    return declare


def run_command(session: Session, invocation: Invocation) -> Any:
    """The answer of a command that a statement holds."""
    return COMMANDS[invocation.verb].run(session, invocation)
