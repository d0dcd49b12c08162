"""Recorded programs in a session that goes back and forth: every table is then what it was, and what is saved leads there."""

import json
import random
import re
from pathlib import Path

import pytest

from tensorcli.explorer.commands.registry import run_command
from tensorcli.explorer.results import Step
from tensorcli.explorer.session import Session
from tensorcli.render.json import json_line
from tensorcli.render.plain import plain_text
from tensorcli.repl import exports
from tests.programs.records import FOLDER, Program, read

PROGRAMS = [
    pytest.param(each, id=f"{path.stem}/{each.name}")
    for path in sorted(FOLDER.glob("*.txt"))
    for each in read(path)
    if len(each.text) < 1500
]
SAMPLE = random.Random(0).sample(PROGRAMS, 24)
"""So many of them, drawn once: all take ten minutes."""
KEYS = {"schema", "step", "file", "line", "source", "ok", "output", "changes"}


def looked(session: Session, command: str) -> str:
    """What a command shows, which leaves no trace in the journal."""
    (statement,) = session.read(f":{command}").statements  # also where the name is bound
    assert statement.command is not None
    return plain_text(run_command(session, statement.command))


def tables(session: Session) -> dict[str, str]:
    """What names and storages there are, what the graphs of tensors are, and what ran."""
    tensors = [name for name, value in session.names.items() if session.engine.kind(value) == "tensor"][:3]
    commands = ["vars", "storages", "history", *(f"graph {name}" for name in tensors)]
    return {command: looked(session, command) for command in commands}


def ran(session: Session, text: str) -> Step:
    *_, last = session.run(text)
    return last


def said(step: Step) -> None:
    """A step is one line of JSON and lines of `key: value`, without anything that drives a terminal."""
    line = json_line(step)
    assert set(json.loads(line)) >= KEYS
    assert "\n" not in line
    text = plain_text(step)
    assert "\x1b" not in text
    assert all(re.match(r"[^:]+:( |$)", each) for each in text.splitlines()), text


@pytest.mark.parametrize("program", SAMPLE)
def test_a_session_that_went_back_and_forth_is_what_it_was(program: Program, tmp_path: Path) -> None:
    session = Session(max_bytes=1 << 30)
    session.files = exports.within(str(tmp_path))
    for step in session.run(program.text, "program.py", "py"):
        said(step)
    before, statements = tables(session), len(session.journal)
    drawn = random.Random(program.name)
    for back, forth in (
        (f"undo {statements}", f"redo {statements}"),
        (f"goto {drawn.randint(1, statements)}", f"goto {statements}"),
        ("undo", "redo"),
    ):
        if ran(session, back).error is None:
            assert ran(session, forth).error is None
            assert tables(session) == before, back
    assert ran(session, "save it.tsc").error is None
    text = (tmp_path / "it.tsc").read_text("utf-8")
    other = Session(max_bytes=1 << 30)
    assert [step.error for step in other.run(text, "it.tsc", keep_going=True) if step.error] == []
    assert looked(other, "vars") == before["vars"]
