"""The documents are true: every transcript prints what it shows, every example runs, every link leads somewhere.

A fenced block is tested by what it holds:

- `console`: lines behind `$ ` are run by a shell, and the lines below are their output. `$ cat NAME` writes the file.
- statements behind `tensor> `: a session, as `tensorcli run --echo` prints it.
- `python`: a program, with the engine as its torch; where its lines are headed by the path of a module, they are
  added to that module, and the session in the next block can use them.
- `sh`: commands; `json`: objects. Others are drawings.

`pytest --update-cases` writes down what came out instead.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tensorcli.render.prompts import CONTINUATION, PROMPT

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"^# (tensorcli/\S+\.py)\n", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
LONGEST_EXAMPLE = 12
PROGRAMS = ("tensorcli", "tests", "scripts")

RUN_ADDED = """
import importlib, sys, types
from tensorcli.cli import main
import tensorcli.engine, tensorcli.explorer.session
for path, code in {modules!r}:
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError:
        module = sys.modules[name] = types.ModuleType(name)
    exec(compile(code, path, "exec"), vars(module))
sys.exit(main(sys.argv[1:]))
"""
"""A program that adds examples to modules before it starts tensorcli."""


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, what it is called, its text, and what an example above it adds."""

    path: Path
    line: int
    kind: str
    text: str
    added: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}"


def blocks(path: Path) -> Iterator[Block]:
    text = path.read_text("utf-8")
    added: tuple[tuple[str, str], ...] = ()
    for found in FENCED.finditer(text):
        kind, body = found.groups()
        line = text.count("\n", 0, found.start()) + 1
        session = kind in ("", "text") and body.startswith(PROMPT)
        yield Block(path, line, "session" if session else kind, body, added)
        parts = MODULE.split(body) if kind == "python" else [body]
        added = tuple(zip(parts[1::2], parts[2::2], strict=True))


BLOCKS = [block for path in DOCUMENTS for block in blocks(path)]


def of_kind(kind: str) -> pytest.MarkDecorator:
    found = [block for block in BLOCKS if block.kind == kind]
    return pytest.mark.parametrize("block", found, ids=str)


@pytest.fixture
def run(tmp_path: Path):
    """Runs a command in an empty folder, tensorcli on PATH; gives both streams in one."""
    programs, folder = tmp_path / "bin", tmp_path / "here"
    programs.mkdir()
    folder.mkdir()
    tensorcli = programs / "tensorcli"
    tensorcli.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tensorcli "$@"\n')
    tensorcli.chmod(0o755)
    shutil.copytree(ROOT / "demos", folder / "demos")
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(command: list[str]) -> tuple[int, str]:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=60,
        )
        return done.returncode, done.stdout

    run.folder = folder
    return run


def compare(block: Block, found: str, update: bool) -> None:
    if update and found != block.text:
        whole = block.path.read_text("utf-8")
        assert whole.count(block.text) == 1, f"{block} stands twice"
        block.path.write_text(whole.replace(block.text, found), "utf-8")
    else:
        assert found == block.text


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")
@of_kind("console")
def test_a_console_prints_what_the_document_shows(block: Block, run, update_cases: bool) -> None:
    entries = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert entries[0] == "", "the first line is no command"
    status, shown = 0, []
    for entry in entries[1:]:
        command, _, below = entry.partition("\n")
        words = shlex.split(command)
        if words[0] == "cat" and len(words) == 2:
            (run.folder / words[1]).write_text(below, "utf-8")
            output = below
        else:
            status, output = run(["sh", "-c", f"(exit {status}); {command}"])
            assert output, f"{command} shows nothing"
        shown.append(f"$ {command}\n{output}")
    compare(block, "".join(shown), update_cases)


@of_kind("session")
def test_a_session_prints_what_the_document_shows(block: Block, run, update_cases: bool) -> None:
    typed, goes_on = [], False
    for line in block.text.splitlines():
        goes_on = line.startswith(PROMPT) or (goes_on and line.startswith(CONTINUATION.rstrip()))
        if goes_on:
            typed.append(line[len(PROMPT) :])
    start = ["-c", RUN_ADDED.format(modules=block.added)] if block.added else ["-m", "tensorcli"]
    options = ["run", "--echo", "--keep-going", "-c", "\n".join(typed)]
    _, output = run([sys.executable, *start, *options])
    compare(block, output, update_cases)


@of_kind("python")
def test_a_program_of_a_document_runs(block: Block, run) -> None:
    if MODULE.match(block.text):
        assert len(block.text.splitlines()) < LONGEST_EXAMPLE
        index = BLOCKS.index(block)
        assert BLOCKS[index + 1].added, "nothing below uses the example"
        return
    status, output = run([sys.executable, "-W", "error", "-c", block.text])
    assert status == 0, output


@of_kind("sh")
def test_a_command_of_a_document_is_one(block: Block, run) -> None:
    from tensorcli.cli.app import Commands

    commands = Commands(name="tensorcli").list_commands(None)
    assert run(["sh", "-n", "-c", block.text]) == (0, "")
    for line in block.text.splitlines():
        program, *words = shlex.split(line, comments=True) or ["#"]
        if "/" in program and not program.startswith(".venv/"):
            assert os.access(ROOT / program, os.X_OK), line
        elif program == "tensorcli" and words and words[0].isidentifier():
            assert words[0] in commands, line


@of_kind("json")
def test_an_object_of_a_document_is_json(block: Block) -> None:
    for line in block.text.splitlines():
        json.loads(line)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_links_of_a_document_lead_to_files(path: Path) -> None:
    places = [place for place, _ in LINK.findall(path.read_text("utf-8")) if "://" not in place]
    assert [place for place in places if not (path.parent / place).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_each_file_that_a_document_names_is_there(path: Path) -> None:
    text = path.read_text("utf-8")
    paths = re.findall(r"`((?:tensorcli|tests|scripts|docs|demos)/[\w./]+)", text)
    assert [name for name in paths if not (ROOT / name).exists()] == []
    modules = re.findall(r"`((?:\w+/)*\w+\.py)`", text)
    files = [
        f"/{file.relative_to(ROOT).as_posix()}" for top in PROGRAMS for file in (ROOT / top).rglob("*.py")
    ]
    assert [name for name in modules if not any(file.endswith(f"/{name}") for file in files)] == []


def test_both_examples_of_contributing_are_run() -> None:
    added = [block.added for block in BLOCKS if block.path.name == "CONTRIBUTING.md" and block.added]
    assert len(added) == 2
