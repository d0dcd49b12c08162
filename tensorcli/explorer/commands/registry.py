"""What a command of the explorer is, and the table of them all: how each is typed, and its place in the help.

A command's function is named in the table and imported when the command first runs, so that a script that
uses none pays for none. It takes the session and the invocation, and returns an Answer.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tensorcli.explorer.results import Answer
from tensorcli.language.syntax import Flag, Invocation, Parameter, Statement, Verb

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

Run = Callable[["Session", Invocation], Answer]

CATEGORIES: Final = ("look", "understand", "time", "files", "session", "scripts")
"""The groups of the help page, in its order."""


class Command(NamedTuple):
    """A command: how it is typed, what it does, which function answers (`look.inspect`), and which says what can stand
    behind it (`offers.tours`).
    """

    name: str
    verb: Verb
    category: str
    function: str
    example: str
    offers: str = ""

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return self.verb.description

    @property
    def brief(self) -> str:
        """What the summary says before it goes into detail."""
        return self.summary.partition(": ")[0].partition("; ")[0]

    @property
    def usage(self) -> str:
        """How it is typed, in one line."""
        from tensorcli.language.invocations import usage

        return usage(self.name, self.verb)

    @property
    def short_usage(self) -> str:
        """The same without its flags by name."""
        from tensorcli.language.invocations import usage

        return usage(self.name, self.verb._replace(flags=())) + (" [OPTIONS]" if self.verb.flags else "")

    @property
    def run(self) -> Run:
        """The function that answers."""
        found: Run = _function(self.function)
        return found

    def offered(self, session: Session) -> Mapping[str, str]:
        """The words that can stand behind it, with a line about each."""
        found: Mapping[str, str] = _function(self.offers)(session) if self.offers else {}
        return found


def _function(path: str) -> Any:
    """A function of this package, by its module and its name."""
    from importlib import import_module

    module, _, name = path.partition(".")
    return getattr(import_module(f"tensorcli.explorer.commands.{module}"), name)


SECOND_NAMES: Final = frozenset({"?", "quit"})
"""Commands that have another name, under which the help page lists them."""

COMMANDS: Final[dict[str, Command]] = {}
"""All commands by name, in the order of declaration."""


def command(
    name: str,
    *parameters: Parameter,
    category: str,
    function: str,
    summary: str,
    flags: tuple[Flag, ...] = (),
    example: str = "",
    offers: str = "",
) -> None:
    """Declare a command: its parameters as the language reads them, its category, its functions, a line about it."""
    if category not in CATEGORIES:
        raise ValueError(f"{name}: there is no category {category}")
    if name in COMMANDS:
        raise ValueError(f"the command {name} is declared twice")
    verb = Verb("command", parameters=parameters, flags=flags, description=summary)
    COMMANDS[name] = Command(name, verb, category, function, example, offers)


def paths_of(name: str) -> tuple[str, ...]:
    """The parameters and flags of a command that are paths."""
    found = COMMANDS.get(name)
    if found is None:
        return ()
    parameters = [each.name for each in found.verb.parameters if each.kind == "PATH"]
    return (*parameters, *(each.name for each in found.verb.flags if each.kind == "PATH"))


@cache
def _file_words() -> tuple[re.Pattern[str], re.Pattern[bytes]]:
    words = "|".join(name for name in COMMANDS if paths_of(name))
    return re.compile(rf"\b(?:{words})\b"), re.compile(rf"\b(?:{words})\b".encode())


def may_name_files(text: str | bytes) -> bool:
    """Whether the word of a command that names files stands in a text."""
    words, bytes_words = _file_words()
    found = words.search(text) if isinstance(text, str) else bytes_words.search(text)
    return found is not None


def meant_as_command(tree: ast.stmt) -> Mapping[str, Verb]:
    """The verbs that a statement may have been meant for: all of them where it is one word, or a call of one."""
    match tree:
        case ast.Expr(value=ast.Name() | ast.Call(func=ast.Name(), args=[], keywords=[])):
            return {name: found.verb for name, found in COMMANDS.items()}
    return {}


def run_command(session: Session, invocation: Invocation) -> Any:
    """The answer of a command that a statement holds."""
    return COMMANDS[invocation.verb].run(session, invocation)


LOOKING: Final = ("look", "understand", "time", "files")
"""The categories whose commands leave no trace in a session: running it again needs only their arguments."""
RUNNING: Final = ("fix",)
"""Commands of these categories that run statements. (What `source` runs are statements of the journal.)"""
RUNNING_AGAIN: Final = frozenset("undo redo goto diff dry fix why blame explain save export".split())
"""Commands that run the journal again, or parts of it: they may take as long as the session did."""
ASKING: Final = ("help", "?", "device")
"""Commands of other categories that leave no trace either."""


def only_looks(name: str) -> bool:
    """Whether the command changes nothing but what its arguments do."""
    found = COMMANDS.get(name)
    return found is not None and ((found.category in LOOKING and name not in RUNNING) or name in ASKING)


def only_shows(statement: Statement) -> bool:
    """Whether a statement shows something and does nothing: a command that looks, names and attributes."""
    if statement.command is not None:
        return only_looks(statement.command.verb)
    tree = statement.tree
    return isinstance(tree, ast.Expr) and all(
        isinstance(node, ast.Name | ast.Attribute | ast.Constant | ast.expr_context)
        for node in ast.walk(tree.value)
    )


def look_in_silence(session: Session, invocation: Invocation) -> Answer:
    """What a command that only looks is in a session that runs again: its arguments may have effects."""
    from tensorcli.explorer.results import Notice

    for argument in invocation.arguments:
        if isinstance(argument.value, ast.expr):
            try:
                session.value_of(argument.value)
            except Exception:  # the command said so when it ran
                break
    return Notice("")
