"""The Typer application: each command is a file in `commands`, found by its name.

A command is a function with the name of its file; its parameters are the flags, its docstring is the help, and what it
returns is the exit status. To add a command is to add a file. Rich is kept out of Typer: help and usage errors are plain
text.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tensorcli import __version__
from tensorcli.cli import commands
from tensorcli.cli.exits import BROKEN_PIPE, forget_output

DEFAULT = "run"
COMPLETION_FLAGS = ("--install-completion", "--show-completion")
GROUP_FLAGS = frozenset({"--help", "-h", "--version", *COMPLETION_FLAGS})
SETTINGS: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["--help", "-h"], "max_content_width": 100},
}
OPTIONAL_VALUES = {"--simulate-cuda": "--simulate-cuda=1"}
"""Flags whose value may be left out: a parser that allowed it would take the file behind for the value."""
EPILOG = """\b
Exit status:
  0   all ran                        65  a script does not parse, or uses
  1   a statement raised                 what the language refuses
  2   wrong usage                    66  no such file
  3   expect or assert failed        69  a device or an engine is missing
  4   a hazard (check, --strict)     70  a bug in tensorcli: please report it
  5   verify found a difference      130 interrupted

\b
Examples:
  tensorcli run train.py             what each statement did
  tensorcli why train.py             why it failed, with ways out
  tensorcli compare detach clone     two forms side by side
  echo 'ones(2).add_(1)' | tensorcli"""


class Commands(TyperGroup):
    """The commands by the names of their files; what is neither a command nor a flag of ours is for `run`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] == "help" and not os.path.exists(args[0]):
            args = self.asking_for_help(ctx, args[1:])
        if args and args[0] not in GROUP_FLAGS and self.get_command(ctx, args[0]) is None:
            if not ctx.resilient_parsing:  # a shell asks what could be typed
                self.refuse_misspelt(ctx, args[0])
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def asking_for_help(self, ctx: Any, topic: list[str]) -> list[str]:
        """What `tensorcli help` and `help run` mean: those that are no topics of the prompt's."""
        if not topic:
            return ["--help"]
        return [topic[0], "--help"] if self.get_command(ctx, topic[0]) else ["help", *topic]

    def refuse_misspelt(self, ctx: Any, word: str) -> None:
        """Complains of a word that is not a file, but nearly a command, or a command of the prompt's."""
        if word[:1] == "-" or "." in word or os.path.exists(word):
            return
        from tensorcli.explorer.commands.registry import COMMANDS
        from tensorcli.language.nearness import near

        if word in COMMANDS:
            where = "a command of the prompt (tensorcli repl) and of scripts (tensorcli run -c)"
            ctx.fail(f"there is no file {word!r}; {word} is {where}")
        if close := near(word, self.list_commands(ctx), 1):
            ctx.fail(f"there is no command and no file {word!r}; did you mean {close[0]}?")

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; what it returns is the exit status."""
        try:
            status = super().invoke(ctx)
        except BrokenPipeError:
            forget_output()
            status = BROKEN_PIPE
        ctx.exit(status if isinstance(status, int) else 0)

    def list_commands(self, ctx: Any) -> list[str]:
        from pkgutil import iter_modules

        return sorted(module.name for module in iter_modules(commands.__path__))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in self.commands:  # it is asked for twice in a run
            return self.commands[cmd_name]
        if not cmd_name.isidentifier():
            return None
        name = f"tensorcli.cli.commands.{cmd_name}"
        try:
            module = importlib.import_module(f"tensorcli.cli.commands.{cmd_name}")
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            return None
        app = typer.Typer(**SETTINGS)
        app.command(cmd_name)(getattr(module, cmd_name))
        found = self.commands[cmd_name] = typer.main.get_command(app)
        return found


app = typer.Typer(
    cls=Commands, invoke_without_command=True, epilog=EPILOG, **(SETTINGS | {"add_completion": True})
)


def print_version(asked: bool) -> None:
    """The answer to `--version`, and the end of the process."""
    if asked:
        typer.echo(f"tensorcli {__version__}")
        raise typer.Exit


@app.callback()
def tensorcli(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """gdb for tensors: run PyTorch statements and see which storage, version and graph each one touched.

    Alone it opens a prompt on a terminal, and runs standard input otherwise. `tensorcli FILE` is `tensorcli
    run FILE`.
    """
    if context.invoked_subcommand is None:
        name = "repl" if sys.stdin is not None and sys.stdin.isatty() else DEFAULT
        raise typer.Exit(run_app([name]))


def run_app(arguments: Sequence[str]) -> int:
    """Runs the application and gives the exit status: the command's own, or 2 for wrong usage, which is explained."""
    try:
        status = app([OPTIONAL_VALUES.get(word, word) for word in arguments], prog_name="tensorcli")
    except SystemExit as stop:
        status = stop.code
    return status if isinstance(status, int) else 0
