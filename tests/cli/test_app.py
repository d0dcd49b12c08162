"""What the program says about itself, and how a command is added."""

import json
import re
from pathlib import Path

import pytest

from tensorcli import __version__
from tensorcli.cli import exits
from tensorcli.explorer.results import FailureKind

COMMANDS = sorted(
    path.stem
    for path in (Path(__file__).parent.parent.parent / "tensorcli/cli/commands").glob("*.py")
    if path.stem != "__init__"
)


def test_version_names_the_program_and_its_version(run) -> None:
    assert run("--version").out == f"tensorcli {__version__}\n"


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command_and_the_exit_statuses(run, flag: str) -> None:
    done = run(flag)
    assert done.status == 0
    assert (
        re.findall(r"^  (\w+)  +\S", done.out.partition("Commands:")[2], re.MULTILINE)[: len(COMMANDS)]
        == COMMANDS
    )
    assert re.search(r"66 +no such file", done.out)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_80_columns(run, command: str) -> None:
    assert max(map(len, run(*command.split(), "--help").out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("asked", "same"),
    [("", "--help"), ("run", "run --help")]
    + [(each, f"run -c help({each})") for each in ("detach", "storages")],
)
def test_help_is_a_command_too(run, asked: str, same: str) -> None:
    assert run("help", *asked.split()) == run(*same.split())


def test_help_on_what_nobody_knows_is_wrong_usage(run) -> None:
    done = run("help", "inspct")
    assert (done.status, done.out) == (exits.USAGE, "")
    assert done.err == "tensorcli: there is no help on 'inspct'; did you mean inspect?\n"


@pytest.mark.parametrize(
    "asked", ["help view", "explain view", "compare clone", "ops view", "ops", "devices"]
)
def test_every_answer_is_had_as_lines_and_as_json(run, asked: str) -> None:
    plain = run(*asked.split(), "--format", "plain")
    assert plain.status == 0
    assert re.search(r"^\S.*: \S", plain.out, re.MULTILINE)
    found = json.loads(run(*asked.split(), "--format", "json").out)
    assert (found["schema"], found["ok"]) == (1, True)
    assert found["result"]["type"] in {"help", "explanation", "comparison", "devices"}


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("tensorcli r", "run"),
        ("tensorcli run --for", "--format"),
        ("tensorcli run --format pl", "plain"),
        ("tensorcli tour de", "detach"),
        ("tensorcli explain ver", "version counter"),
        ("tensorcli compare clo", "clone"),
        ("tensorcli ops detach", "detach_"),
        ("tensorcli rnu", ""),
    ],
)
def test_a_shell_is_told_what_could_be_typed(
    run, monkeypatch: pytest.MonkeyPatch, typed: str, word: str
) -> None:
    monkeypatch.setenv("_TENSORCLI_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    done = run()
    assert done.err == ""
    assert word in done.out.split("\n")


def test_completion_can_be_shown_for_the_shell_that_asks(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: ("bash", "/bin/bash"))
    assert "_TENSORCLI_COMPLETE=complete_bash" in run("--show-completion").out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run, command: str) -> None:
    done = run(command, "--help")
    assert (done.status, done.err) == (0, "")
    assert f"Usage: tensorcli {command}" in done.out


def test_every_failure_has_a_status() -> None:
    from typing import get_args

    assert set(exits.FAILURES) == set(get_args(FailureKind))


def test_ops_lists_operators_with_what_they_do(run) -> None:
    done = run("ops")
    assert done.status == 0
    assert re.search(r"^   mul +Multiply self by other, element by element\.$", done.out, re.MULTILINE)


def test_ops_explains_one_operator(run) -> None:
    done = run("ops", "torch.mul")
    assert "mul.Tensor(Tensor self, Tensor other) -> Tensor" in done.out
    assert "MulBackward0" in done.out


def test_ops_knows_what_was_meant(run) -> None:
    done = run("ops", "detatch")
    assert done.status == 2
    assert "did you mean detach" in done.err


def test_an_engine_that_is_not_installed_is_69(run, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for arguments in (["run", "--engine", "pytorch", "-c", "1"], ["repl", "--engine", "pytorch"]):
        done = run(*arguments)
        assert done.status == 69
        assert "PyTorch is not installed" in done.err


def test_sizes_are_read_with_units() -> None:
    from tensorcli.cli.parameters import read_size

    assert [read_size(text) for text in ("100", "1K", "1.5M", "2GiB", "1gb")] == [
        100,
        1 << 10,
        3 << 19,
        2 << 30,
        1 << 30,
    ]


def test_a_script_collects_garbage_again(run, monkeypatch: pytest.MonkeyPatch) -> None:
    import gc

    monkeypatch.setattr(gc, "freeze", lambda: None)
    gc.disable()
    try:
        run("run", "-c", "1 + 1")
        assert gc.isenabled()
    finally:
        gc.enable()


def test_the_help_cuts_no_sentence_short(run) -> None:
    done = run("--help")
    assert "..." not in done.out.partition("Commands:")[2]


def test_a_fault_of_the_programs_own_is_no_traceback(run, monkeypatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("tensorcli.cli.batch.run_script", fails)
    done = run("run", "-c", "1")
    assert done.status == 70
    assert done.err.startswith("tensorcli: a fault of its own: ZeroDivisionError: of ours (test_app.py:")
    monkeypatch.setenv("TENSORCLI_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        run("run", "-c", "1")


def test_ops_says_of_every_operator_what_it_does_and_in_which_chapter():
    from tensorcli.cli.commands.ops import catalogue

    sections = catalogue().sections
    assert [row.usage for each in sections for row in each.rows if not row.description] == []
    assert [each.title for each in sections if each.title.startswith("_")] == []


def test_a_copy_of_a_view_is_not_described_as_a_view():
    from tensorcli.cli.commands.ops import operator

    assert operator("view_copy").summary == "What view gives, as a copy in new storage."
    assert operator("t_").summary == operator("t").summary
