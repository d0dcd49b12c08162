"""Which files a command may touch: none outside of the folder, and none that is there unless it is told so."""

import pytest

from tensorcli.explorer.results import RESULTS, Written
from tensorcli.explorer.session import Session
from tensorcli.repl import exports
from tests.explorer.desk import Desk, errors, ran


@pytest.mark.parametrize("command", ["save s.tsc", "export s.md", "graph x -o s.dot"])
def test_a_file_that_is_there_is_written_over_only_with_force(desk: Desk, command: str) -> None:
    name = command.split()[-1]
    desk.write(name, "mine")
    session = desk.session()
    ran(session, "x = ones(2, requires_grad=True)")
    (error,) = errors(ran(session, command))
    assert error == f"FileExistsError: {name} is there already: --force writes over it"
    assert desk.read(name) == "mine"
    assert len(session.journal) == 1, "what files there are is no part of the journal"
    assert errors(ran(session, f"{command} --force")) == []
    assert desk.read(name) != "mine"


@pytest.mark.parametrize("command", ["save s.tsc", "export s.md", "source s.tsc", "graph x -o s.dot"])
def test_without_files_a_text_is_refused_whole(command: str) -> None:
    for text in (
        f"x = 1\n{command}",
        f"x = 1\nif x:\n    {command}",
        f"x = 1\nexpect raises 'x': {command}",
        f"x = 1\ndry {command}",
    ):
        session = Session()
        (step,) = session.run(text)
        assert step.error is not None
        assert (step.error.kind, session.journal) == ("language", [])


@pytest.mark.parametrize("path", ["../s.tsc", "/tmp/s.tsc", "link/s.tsc", "in/../../s.tsc"])
def test_no_path_leads_out_of_the_folder(desk: Desk, path: str) -> None:
    (desk.folder / "in").mkdir()
    (desk.folder / "in" / "link").symlink_to(desk.folder)
    session = desk.session()
    session.files = exports.within(str(desk.folder / "in"))
    for command in (f"save {path}", f"source {path}", f"export {path.replace('tsc', 'md')}"):
        (step,) = session.run(command)
        assert step.error is not None
        assert step.error.kind == "language"
        assert "is outside of" in step.error.message


def test_a_link_that_appears_between_reading_and_running_leads_nowhere(desk: Desk) -> None:
    (desk.folder / "in").mkdir()
    session = desk.session()
    session.files = exports.within(str(desk.folder / "in"))
    (statement,) = session.read("save link/s.tsc").statements
    (desk.folder / "in" / "link").symlink_to(desk.folder)
    step = session.execute(statement, "save link/s.tsc")
    assert step.error is not None
    assert step.error.type == "PermissionError"


def test_dry_writes_nothing(desk: Desk) -> None:
    session = desk.session()
    (step,) = ran(session, "dry save s.tsc")
    assert step.result.step.result == Written("s.tsc", "script", 0)
    assert list(desk.folder.iterdir()) == []


def test_the_answers_of_these_commands_are_listed() -> None:
    assert {"Written", "SourcedFile", "Transcript"} <= {each.__name__ for each in RESULTS}
