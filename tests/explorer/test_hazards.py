"""The hazards' catalogue, where nothing is a hazard, and how sessions and commands treat them."""

import ast
import warnings
from pathlib import Path

import pytest

from tensorcli.explorer.hazards.catalogue import HAZARDS
from tensorcli.explorer.session import Session
from tensorcli.explorer.why.tellers import find
from tensorcli.explorer.why.traps import TELLERS
from tests.explorer.hazards_of import check
from tests.test_cases import CASES, Unasked, program_of

ROOT = Path(__file__).parent.parent.parent
DEMOS = sorted((ROOT / "tensorcli" / "demos").glob("*.tsc"))


# ---- the catalogue


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("TSC-H002", ("w",)),
        ("TSC-H005", ("v", "b")),
        ("TSC-H008", ("g", "w")),
        ("TSC-H011", ("w",)),
        ("TSC-H014", ("best", "net")),
        ("TSC-H017", ("total", "loss")),
        ("TSC-H020", ("x",)),
        ("TSC-H022", ("opt", "net[1].bias")),
    ],
)
def test_a_hazard_tells_the_names_that_it_is_about(code, names):
    session = Session(checking=True)
    list(session.run(HAZARDS[code].example, "demo.tsc", keep_going=True))
    assert [each.names for each in session.hazards if each.code == code] == [names]


def test_what_has_no_name_is_not_among_a_hazards_names():
    session = Session(checking=True)
    list(session.run("torch.zeros(3)[:][[0, 0]] += 1", "demo.tsc"))
    (found,) = session.hazards
    assert found.names == ()
    assert found.text.startswith("torch.zeros(3)[:][0] stands 2 times")
    assert found.hint.startswith("torch.zeros(3)[:].index_put_(")


@pytest.mark.parametrize("code", HAZARDS)
def test_the_example_of_a_hazard_shows_it_in_its_last_statement(code):
    example = HAZARDS[code].example
    found = check(example)
    assert (code, example.count("\n") + 1) in found
    assert {each for each, _ in found} <= {code, "TSC-H001"}


@pytest.mark.parametrize("code", HAZARDS)
def test_what_the_catalogue_says_instead_shows_no_hazard(code):
    assert check(HAZARDS[code].instead) == []


@pytest.mark.parametrize("code", HAZARDS)
def test_the_examples_run_under_pytorch_as_the_catalogue_says(code):
    torch = pytest.importorskip("torch")
    for text in (HAZARDS[code].example, HAZARDS[code].instead):
        error = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                exec(compile(text, "example", "exec"), {"torch": torch})
            except RuntimeError as raised:
                error = str(raised)
        refused = code == "TSC-H009" and text == HAZARDS[code].example
        assert (error is not None and "modified by an inplace operation" in error) == refused


def test_checking_finds_what_a_session_with_tables_finds():
    for entry in HAZARDS.values():
        session = Session()
        list(session.run(entry.example, keep_going=True))
        assert [(each.code, each.span.line) for each in session.hazards] == check(entry.example)


# ---- none where there is none


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_no_hazard_in_the_cases_that_show_none(path):
    text = path.read_text("utf-8")
    shown = {word for word in text.split() if word.startswith("TSC-H")}
    session = Unasked(checking=True, max_bytes=1 << 30)
    list(session.run(program_of(text), keep_going=True))
    assert {each.code for each in session.hazards} <= shown


SHOWN_BY_DEMOS = {"aliasing": {"TSC-H010"}, "inplace": {"TSC-H001", "TSC-H002"}}


@pytest.mark.parametrize("path", DEMOS, ids=lambda path: path.stem)
def test_the_demos_have_no_hazard_but_those_that_they_show(path):
    session = Session(checking=True, max_bytes=1 << 30)
    text = path.read_text("utf-8")
    list(session.run(text, path.name, keep_going=True))
    assert {row.code for row in session.hazards} == SHOWN_BY_DEMOS.get(path.stem, set())


# ---- commands and sessions


def test_check_lists_the_hazards_of_the_session(last):
    report = last(HAZARDS["TSC-H003"].example + "\ncheck").result
    (row,) = report.rows
    assert (row.code, row.rule, row.index, row.source) == ("TSC-H003", "lost-write", 3, "x[m][0] = 5")
    assert report.statements == 3


def test_an_expected_hazard_is_not_listed(last):
    text = 'x = torch.zeros(3)\nexpect hazard "lost-write": x[[0]][0] = 5\ncheck'
    assert last(text).result.rows == ()


def test_a_hazard_that_was_undone_is_not_listed(last):
    assert last(HAZARDS["TSC-H003"].example + "\nundo\ncheck").result.rows == ()


def test_a_strict_session_makes_a_hazard_an_error(run):
    error = run(HAZARDS["TSC-H003"].example, strict=True)[-1].error
    assert (error.kind, error.type, error.code) == ("hazard", "Hazard", "TSC-H003")
    assert error.lines == ("x[m][0] = 5",)
    error = run(HAZARDS["TSC-H001"].example, strict=True)[-1].error
    assert error is not None
    assert error.hints == ()  # that `why` tells it goes with the code


def test_every_code_is_used_once_and_every_entry_is_whole():
    assert list(HAZARDS) == [f"TSC-H{number:03}" for number in range(1, len(HAZARDS) + 1)]
    for entry in HAZARDS.values():
        assert entry.summary.endswith(".")
        assert entry.explanation.endswith(".")
        ast.parse(entry.example)
        ast.parse(entry.instead)


def test_every_hazard_has_a_teller_but_the_one_that_comes_with_an_error():
    assert list(TELLERS) == list(HAZARDS)
    assert [code for code, where in TELLERS.items() if not where] == ["TSC-H009"]
    assert all(callable(find(where)) for where in TELLERS.values() if where)
