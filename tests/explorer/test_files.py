"""Commands of files: `save` and `source` lead to the same session, `export` shows it, nothing else is read or written."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tensorcli.explorer.results import RESULTS, SourcedFile, Step, Written
from tensorcli.explorer.session import Session
from tensorcli.explorer.snapshot import snapshot
from tensorcli.language.syntax import LanguageError
from tensorcli.repl import exports
from tests.test_cases import CASES, program_of

ROOT = Path(__file__).parent.parent.parent
DEMOS = sorted((ROOT / "demos").glob("*.tsc"))


@dataclass
class Desk:
    """A folder, and sessions that read and write in it as the prompt does."""

    folder: Path

    def session(self, **options) -> Session:
        session = Session(**options)
        session.files = exports.within(str(self.folder))
        return session

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ran(session: Session, text: str, name: str = "<input>") -> list[Step]:
    return list(session.run(text, name, keep_going=True))


def errors(steps: list[Step]) -> list[str]:
    return [f"{step.error.type}: {step.error.message}" for step in steps if step.error is not None]


# ---- save, then run


def programs() -> Iterator[tuple[str, str]]:
    for path in DEMOS:
        yield f"demo-{path.stem}", path.read_text("utf-8")
    for path in CASES:
        yield f"{path.parent.name}-{path.stem}", program_of(path.read_text("utf-8"))


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in programs()])
def test_a_saved_session_leads_to_the_same_session(desk: Desk, text: str) -> None:
    first = desk.session(max_bytes=1 << 30)
    try:
        first.read(text)
    except LanguageError:
        pytest.skip("the language refuses it whole: there is nothing to save")
    ran(first, text)
    before = snapshot(first)
    assert errors(ran(first, "save all.tsc")) == []
    assert snapshot(first) == before, "saving changed something"
    second = desk.session()
    second.hearing.silent = True  # what only looks need not be worked out again
    assert errors(list(second.run(desk.read("all.tsc"), "all.tsc"))) == [], desk.read("all.tsc")
    assert snapshot(second) == before


def test_a_saved_session_can_be_sourced(desk: Desk) -> None:
    text = program_of((ROOT / "tests/cases/errors.case").read_text("utf-8"))
    first, second = desk.session(), desk.session()
    ran(first, text)
    ran(first, "save all.tsc")
    assert errors(ran(second, "source all.tsc")) == []
    assert snapshot(second) == snapshot(first)


def saved(desk: Desk, text: str, **options) -> list[str]:
    session = desk.session(**options)
    ran(session, text)
    assert errors(ran(session, "save s.tsc --force")) == []
    again = desk.session()
    assert errors(list(again.run(desk.read("s.tsc"), "s.tsc"))) == [], desk.read("s.tsc")
    assert snapshot(again) == snapshot(session)
    return desk.read("s.tsc").splitlines()[1:]


def test_a_statement_that_failed_is_expected_to_fail(desk: Desk) -> None:
    assert saved(desk, "w = ones(2, requires_grad=True)\nw.add_(1)")[1:] == [
        'expect raises "RuntimeError": w.add_(1)'
    ]


def test_a_block_that_failed_keeps_its_effects(desk: Desk) -> None:
    lines = saved(desk, "x = ones(2)\nfor i in range(3):\n    x.add_(1)\n    nope\n")
    assert lines[1:] == [
        "try:",
        "    for i in range(3):",
        "        x.add_(1)",
        "        nope",
        "except Exception:",
        "    pass  # NameError",
    ]


def test_a_string_of_several_lines_in_a_block_that_failed_stays_as_it_is(desk: Desk) -> None:
    session = desk.session()
    ran(session, 'if True:\n    s = """a\n  b\nc"""\n    nope\n')
    ran(session, "save s.tsc\nsave s.py")
    for name in ("s.tsc", "s.py"):
        assert '"""a\n  b\nc"""' in desk.read(name)


def test_an_expectation_that_failed_does_not_stop_the_saved_script(desk: Desk) -> None:
    assert saved(desk, "x = ones(2)\nexpect x.add_(1)[0] == 5\nx = x * 2")[1] == "try:"


def test_what_was_undone_is_a_comment(desk: Desk) -> None:
    session = desk.session()
    ran(session, "x = ones(2)\nx.add_(1)\nundo\nsave s.tsc")
    assert desk.read("s.tsc").splitlines()[1:] == ["x = ones(2)", "# undone:", "#   x.add_(1)"]


def test_seed_and_limit_are_saved_where_they_were_asked_for(desk: Desk) -> None:
    lines = saved(desk, "x = torch.rand(3)\nn = np.random.rand(3)", seed=7, max_bytes=1 << 30)
    assert lines[:2] == ["seed 7", "set max_bytes 1073741824"]


def test_the_head_says_which_devices_were_simulated(desk: Desk) -> None:
    from tensorcli.engine.backends import simulate

    simulate(2)
    try:
        session = desk.session()
        ran(session, "x = ones(2, device='cuda:1')\nsave s.tsc")
    finally:
        simulate(0)
    assert desk.read("s.tsc").splitlines()[0].endswith("tensorcli run --simulate-cuda=2 it.")


def test_commands_that_name_a_file_or_a_place_of_the_journal_are_comments(desk: Desk) -> None:
    text = "redo\nx = ones(2, requires_grad=True)\ny = x * 2\ngraph y -o y.dot\ndiff 1 2\ninspect y"
    assert saved(desk, text) == [
        "# redo",
        *text.splitlines()[1:3],
        "# graph y -o y.dot",
        "# diff 1 2",
        "inspect y",
    ]


def test_what_the_argument_of_such_a_command_did_is_kept(desk: Desk) -> None:
    lines = saved(desk, "x = ones(2)\ngraph x.add_(1) -o x.dot")
    assert lines[-2:] == ["# graph x.add_(1) -o x.dot", "x.add_(1)"]


def test_a_verb_that_became_a_name_stays_what_it_was(desk: Desk) -> None:
    """A file is read with the names that it may bind; at the prompt the statement before had failed."""
    session = desk.session()
    ran(session, "x = ones(2)")
    ran(session, "sum = nope")
    ran(session, "y = sum [x, x]")
    ran(session, "t = tensor [1., 2.]")
    before = snapshot(session)
    ran(session, "save s.tsc")
    again = desk.session()
    list(again.run(desk.read("s.tsc"), "s.tsc", keep_going=True))
    assert snapshot(again) == before, desk.read("s.tsc")


def test_pasted_prompts_are_not_saved(desk: Desk) -> None:
    text = ">>> x = 0\n>>> for i in range(2):\n...     x = x + i\n>>> x\n1\n"
    assert saved(desk, text)[-4:] == ["x = 0", "for i in range(2):", "    x = x + i", "x"]


def test_a_python_suffix_gives_what_code_gives(desk: Desk) -> None:
    session = desk.session()
    steps = ran(session, "x = ones(2)\nt = detach x\ncode\nsave s.py")
    assert desk.read("s.py") == steps[2].result.text.rstrip("\n") + "\n# code\n"


# ---- source


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
def test_what_cannot_be_sourced(desk: Desk, name: str, data: bytes | None, said: str) -> None:
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
    assert "source stands alone" in error


def test_why_and_blame_know_a_sourced_statement_by_its_step_at_the_prompt(desk: Desk) -> None:
    desk.write("b.tsc", "w = ones(2, requires_grad=True)\ny = w.exp()\ny.detach().mul_(2)\n")
    session = desk.session()
    steps = ran(session, "a = 1\nsource b.tsc\ny.sum().backward()\nwhy\nblame y")
    assert [row.line for row in steps[-1].result.rows] == [4, 5]
    assert [event.line for event in steps[-2].result.events][-1] == 6


# ---- export


def test_a_transcript_shows_what_each_statement_showed(desk: Desk) -> None:
    session = desk.session()
    steps = ran(session, "x = ones(2)\nprint(x)\nx + ones(3)\ninspect x\nx[0] = 5\nx")
    assert errors(ran(session, "export s.json")) == []
    lines = [json.loads(line) for line in desk.read("s.json").splitlines()]
    assert [line["source"] for line in lines] == [step.source for step in steps]
    from tensorcli.render.json import step_object

    for line, step in zip(lines, steps, strict=True):
        assert line == json.loads(json.dumps(step_object(step)))


def test_a_transcript_can_be_pasted_into_a_session(desk: Desk) -> None:
    desk.write("b.tsc", "w = ones(2)\nfor i in range(2):\n    w.add_(1)\n")
    session = desk.session()
    text = (
        "x = ones(2, requires_grad=True)\nx + ones(3)\nsource b.tsc\nsum x\ngraph x * 2 -o x.dot\nsave s.tsc"
    )
    ran(session, text)
    before = snapshot(session)
    assert errors(ran(session, "export s.txt\nexport s.md")) == []
    for name in ("s.txt", "s.md"):
        again = Session()
        (*_, last) = ran(again, desk.read(name))
        assert last.index > 0, "the transcript does not parse"
        assert snapshot(again) == before


def test_markdown_is_one_fenced_block_whatever_was_printed(desk: Desk) -> None:
    session = desk.session()
    ran(session, "print('```')\nexport s.md")
    fence, *body = desk.read("s.md").splitlines()[2:]
    assert fence == "````text"
    assert body[-1] == "````"


def test_a_page_has_no_tag_of_the_sessions_and_needs_nothing_else(desk: Desk) -> None:
    from html.parser import HTMLParser

    session = desk.session()
    ran(
        session, "print('<script>alert(1)</script> & co')\nx = ones(2)\nx.add_(1)\nx + ones(3)\nexport s.html"
    )
    page = desk.read("s.html")
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append(tag)
            assert not {"src", "href"} & {name for name, _ in attrs}

    Tags().feed(page)
    assert "script" not in tags
    assert tags.count("section") == 4
    assert "prefers-color-scheme: dark" in page
    assert "&lt;script&gt;" in page


def test_a_transcript_of_a_session_that_asked_shows_that_it_was_asked(desk: Desk) -> None:
    session = desk.session()
    session.ask = lambda question: "yes"
    ran(session, "set rows 5\npredict on\nx = ones(2)\nexport s.txt")
    assert " predict is on   no answers yet\n" in desk.read("s.txt")


def test_every_colour_of_the_page_can_be_read_on_it() -> None:
    import re

    from tensorcli.render.transcript import COLOURS, PAGE

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (
            each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(one: str, other: str) -> float:
        high, low = sorted((luminance(one), luminance(other)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    light, dark = re.findall(r"--page: (#\w+)", PAGE)
    for on_light, on_dark in COLOURS.values():
        assert contrast(on_light, light) >= 4.5, on_light
        assert contrast(on_dark, dark) >= 4.5, on_dark


def test_a_table_of_a_transcript_fits_its_width(desk: Desk) -> None:
    session = desk.session()
    ran(
        session,
        "w = torch.randn(6, 20, requires_grad=True)\ny = w.exp()\nd = y.detach()\nd.mul_(2)\nexport s.md",
    )
    lines = desk.read("s.md").splitlines()
    assert max(len(line) for line in lines if not line.startswith(("tensor(", "        ["))) <= 100
    assert not [line for line in lines if line != line.rstrip()]


def test_exporting_changes_nothing_and_writes_nothing_else(desk: Desk) -> None:
    session = desk.session()
    ran(session, "x = torch.rand(2, requires_grad=True)\ngraph x -o x.dot\nsave s.tsc")
    (desk.folder / "x.dot").unlink()
    before = snapshot(session)
    (step,) = ran(session, "export s.txt")
    assert step.result == Written("s.txt", "transcript", 3)
    assert snapshot(session) == before
    assert sorted(each.name for each in desk.folder.iterdir()) == ["s.tsc", "s.txt"]
    assert " wrote s.tsc: 2 statements\n" in desk.read("s.txt")
    assert ran(session, "torch.rand(1)")[0].value.text == "tensor([0.0885])"


# ---- what may be read and written


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
