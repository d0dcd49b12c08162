"""`source` runs a file statement by statement, and one undo takes all of it back."""

import pytest

from tensorcli.explorer.results import SourcedFile
from tensorcli.explorer.snapshot import snapshot
from tests.explorer.desk import Desk, errors, ran


def test_each_statement_of_a_sourced_file_is_a_step_of_its_own(desk: Desk) -> None:
    desk.write("b.tsc", "w = ones(2)\nw.add_(1)\n")
    steps = ran(desk.session(), "source b.tsc\nw")
    assert [(step.index, step.name, step.source) for step in steps] == [
        (1, "<input>", "source b.tsc"),
        (2, "b.tsc", "w = ones(2)"),
        (3, "b.tsc", "w.add_(1)"),
        (4, "<input>", "w"),
    ]
    assert steps[0].result == SourcedFile("b.tsc", 2)


def test_one_undo_takes_a_whole_source_back_and_redo_runs_it_again(desk: Desk) -> None:
    desk.write("b.tsc", "w = ones(2)\nw.add_(1)\n")
    session = desk.session()
    ran(session, "x = 1\nsource b.tsc")
    after = snapshot(session)
    (step,) = ran(session, "undo")
    assert "undid line 2: source b.tsc" in step.result.text
    assert set(session.names) == {"x"}
    (step,) = ran(session, "redo")
    assert snapshot(session) == after
    (step,) = ran(session, "undo 2")
    assert set(session.names) == set()


def test_goto_reaches_into_a_sourced_file(desk: Desk) -> None:
    desk.write("b.tsc", "w = ones(2)\nw.add_(1)\n")
    session = desk.session()
    ran(session, "source b.tsc\ngoto 2")
    assert session.names["w"].tolist() == [1, 1]
    ran(session, "redo")
    assert session.names["w"].tolist() == [2, 2]


def test_the_journal_keeps_the_text_that_was_read(desk: Desk) -> None:
    desk.write("b.tsc", "w = ones(2)\n")
    session = desk.session()
    ran(session, "source b.tsc\nw.add_(1)")
    desk.write("b.tsc", "w = zeros(2)\n")
    ran(session, "undo")
    assert session.names["w"].tolist() == [1, 1]
    (desk.folder / "b.tsc").unlink()
    ran(session, "redo\nsave s.tsc\nexport s.txt")
    assert session.names["w"].tolist() == [2, 2]
    assert "w = ones(2)" in desk.read("s.tsc")
    assert " b.tsc: 1 statement\n" in desk.read("s.txt")


def test_an_error_names_the_file_its_line_and_who_sourced_it(desk: Desk) -> None:
    desk.write("a.tsc", "x = 1\nsource b.tsc\nx = 2")
    desk.write("b.tsc", "\nif True:\n    y = ones(2) + ones(3)\n")
    session = desk.session()
    steps = list(session.run("source a.tsc\nx = 3", "<input>"))
    error = steps[-1].error
    assert error is not None
    assert (error.name, error.spans[0].line, error.lines[0]) == (
        "b.tsc",
        3,
        "    y = ones(2) + ones(3)",
    )
    assert error.hints[-1] == "sourced at a.tsc:2"
    assert session.names["x"] == 1, "what failed stopped the files above it"


def test_a_sourced_file_that_does_not_parse_runs_nothing(desk: Desk) -> None:
    desk.write("b.tsc", "x = 1\ny = = 2\n")
    session = desk.session()
    (step,) = ran(session, "source b.tsc")
    assert step.error is not None
    assert (step.error.kind, step.error.name, step.error.spans[0].line) == ("language", "b.tsc", 2)
    assert (session.names, session.journal) == ({}, [])


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("none.tsc", None, "FileNotFoundError: none.tsc: no such file"),
        (".", None, "is a directory, not a script"),
        ("b.tsc", b"\x7fELF\x00\xff", "SyntaxError"),
        ("b.tsc", b"import os", "os cannot be imported here"),
        ("b.tsc", b"source b.tsc", "ValueError: b.tsc sources itself"),
        ("b.tsc", b"source c.tsc", "ValueError: b.tsc sources itself"),
        ("b.py", b"inspect x", "SyntaxError"),
    ],
)
def test_what_is_no_script_is_refused_with_one_error(
    desk: Desk, name: str, data: bytes | None, said: str
) -> None:
    desk.write("c.tsc", "source b.tsc")
    if data is not None:
        (desk.folder / name).write_bytes(data)
    (error,) = errors(ran(desk.session(), f"source {name}"))
    assert said in error


def test_a_script_that_sources_itself_is_refused_at_once(desk: Desk, monkeypatch) -> None:
    monkeypatch.chdir(desk.folder)
    desk.write("a.tsc", "x = 1\nsource a.tsc\n")
    steps = ran(desk.session(), desk.read("a.tsc"), "a.tsc")
    assert errors(steps) == ["ValueError: a.tsc sources itself"]


def test_exit_in_a_sourced_file_ends_the_session(desk: Desk) -> None:
    desk.write("b.tsc", "exit 3\nx = 1")
    steps = ran(desk.session(), "source b.tsc\nx = 2")
    assert steps[-1].result.status == 3


def test_a_python_file_is_sourced_in_the_python_form(desk: Desk) -> None:
    desk.write("b.py", "import torch\nx = torch.ones(2)\n")
    session = desk.session()
    assert errors(ran(session, "source b.py\ny = ones(2)")) == []
    assert set(session.names) >= {"x", "y"}


@pytest.mark.parametrize(
    "text", ["for i in range(2):\n    source b.tsc", "dry source b.tsc", "x = source('b.tsc')"]
)
def test_source_stands_alone(desk: Desk, text: str) -> None:
    (error,) = errors(ran(desk.session(), text))
    assert "source must stand alone" in error


def test_why_and_blame_know_a_sourced_statement_by_its_step_at_the_prompt(desk: Desk) -> None:
    desk.write("b.tsc", "w = ones(2, requires_grad=True)\ny = w.exp()\ny.detach().mul_(2)\n")
    session = desk.session()
    steps = ran(session, "a = 1\nsource b.tsc\ny.sum().backward()\nwhy\nblame y")
    assert [row.line for row in steps[-1].result.rows] == [4, 5]
    assert [event.line for event in steps[-2].result.events][-1] == 6
