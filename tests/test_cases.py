"""Transcripts: what is typed, and exactly what comes out, as `tensorcli run --echo` prints it.

A case begins with lines of `#` that say what it shows; `#$` lines hold options for the run. Then come
statements behind the prompt, each followed by its output, errors among it. `pytest --update-cases` writes
down what came out instead; the reviewer reads the difference.
"""

import ast
import builtins
import contextlib
import copy
import io
import math
import re
import shlex
import sys
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorcli.cli import main
from tensorcli.explorer.commands.registry import look_in_silence
from tensorcli.explorer.session import Session
from tensorcli.language.syntax import CommandCall, Form, Invocation, LanguageError, Program, walk
from tensorcli.render.prompts import CONTINUATION, PROMPT

CASES = sorted((Path(__file__).parent / "cases").glob("**/*.case"))
REFUSED = 65
TRAVELS = ("undo", "redo", "goto", "fix")


def head_of(text: str) -> list[str]:
    """The lines that say what a case shows."""
    lines = text.splitlines()
    return lines[
        : next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    ]


def typed_in(text: str) -> list[str]:
    """The lines of a case that were typed, behind their prompts."""
    typed: list[str] = []
    goes_on = False
    for line in text.splitlines():
        goes_on = line.startswith(PROMPT.rstrip()) or (goes_on and line.startswith(CONTINUATION.rstrip()))
        if goes_on:
            typed.append(line)
    return typed


def program_of(text: str) -> str:
    """The statements of a case, without prompts."""
    return "".join(f"{line[len(PROMPT) :]}\n" for line in typed_in(text))


def transcript(text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The case as it should be: its head, then what a run prints now."""
    head = head_of(text)
    options = [word for line in head if line.startswith("#$") for word in shlex.split(line[2:])]
    stream = io.StringIO()
    with monkeypatch.context() as streams:
        streams.setattr(sys, "stdout", stream)
        streams.setattr(sys, "stderr", stream)
        status = main(
            ["run", "--echo", "--keep-going", "--max-bytes", "1G", *options, "-c", program_of(text)]
        )
    # Python names a near argument itself, from 3.13 on.
    printed = re.sub(r"(unexpected keyword argument '\w+')\. Did you mean '\w+'\?", r"\1", stream.getvalue())
    shown = [*head, *(typed_in(text) if status == REFUSED else ()), *printed.splitlines()]
    return "".join(f"{line}\n" for line in [*shown, *([f"[exit status {status}]"] if status else ())])


class Unasked(Session):
    """A session in which `why` is not answered where no `fix` takes up what it proposes. Its answers are claims of
    `test_a_case_prints_what_it_records`, and take most of a case's time: other tests of the cases do without them.
    """

    def read(self, text: str | bytes, form: Form = "tsc") -> Program:
        program = super().read(text, form)
        commands = [each.command for each in program.statements if each.command is not None]
        asked = [each for each in commands if each.verb in ("why", "fix")]
        self.left = [why for why, next_ in pairwise([*asked, None]) if next_ is None or next_.verb == "why"]
        return program

    def _command(self, invocation: Invocation) -> Any:
        if invocation.verb == "why" and any(invocation is each for each in self.left):
            return look_in_silence(self, invocation)
        return super()._command(invocation)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_prints_what_it_records(
    path: Path, update_cases: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = path.read_text("utf-8")
    found = transcript(text, monkeypatch)
    if update_cases:
        path.write_text(found, "utf-8")
    else:
        assert found == text


def test_there_are_cases_and_each_says_what_it_shows() -> None:
    assert CASES
    assert [path.name for path in CASES if not head_of(path.read_text("utf-8"))] == []


class Names(dict[str, Any]):
    """The names of a program under PyTorch, where `torch.` may be left out as at the prompt."""

    def __init__(self, torch: Any) -> None:
        super().__init__(torch=torch, np=np, numpy=np, copy=copy, math=math)

    def __missing__(self, name: str) -> Any:
        for place in (builtins, self["torch"]):
            if hasattr(place, name):
                return getattr(place, name)
        raise KeyError(name)


def under_pytorch(tree: ast.stmt, names: Names) -> tuple[str, str | None, tuple[str, str] | None]:
    """What a statement prints, the repr of its value, and its exception, under real PyTorch."""
    out, shown, error = io.StringIO(), None, None
    try:
        with contextlib.redirect_stdout(out):
            if isinstance(tree, ast.Expr):
                value = eval(
                    compile(ast.fix_missing_locations(ast.Expression(tree.value)), "case", "eval"), names
                )
                shown = None if value is None else repr(value)
            else:
                exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "case", "exec"), names)
    except Exception as raised:
        error = type(raised).__name__, str(raised)
    return out.getvalue(), shown, error


def replayed(session: Session, torch: Any) -> Names:
    """The names that PyTorch has after the journal as a command of time left it."""
    names = Names(torch)
    torch.manual_seed(0)
    for record in session.journal:
        if not any(isinstance(node, CommandCall) for node in walk(record.statement.tree)):
            under_pytorch(record.statement.tree, names)
    return names


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case_agrees_with_pytorch(path: Path) -> None:
    torch = pytest.importorskip("torch")
    text = program_of(path.read_text("utf-8"))
    session, names = Unasked(max_bytes=1 << 30), Names(torch)
    torch.manual_seed(0)
    try:
        statements = session.read(text).statements
    except LanguageError:
        return  # PyTorch has no opinion
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for statement in statements:
            step = session.execute(statement, text)
            if statement.command is not None and statement.command.verb in TRAVELS:
                names = replayed(session, torch)
                continue
            if any(isinstance(node, CommandCall) for node in walk(statement.tree)):
                continue
            value = None if step.value is None else step.value.text
            error = None if step.error is None else (step.error.type, step.error.message)
            assert (step.output, value, error) == under_pytorch(statement.tree, names), statement.source
