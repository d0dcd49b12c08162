"""`save` writes a script that leads to the same session, and says of what did not run that it did not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tensorcli.explorer.snapshot import snapshot
from tensorcli.language.syntax import LanguageError
from tests.explorer.desk import Desk, errors, ran
from tests.test_cases import CASES, Unasked, program_of

ROOT = Path(__file__).parent.parent.parent
DEMOS = sorted((ROOT / "demos").glob("*.tsc"))


def programs() -> Iterator[tuple[str, str]]:
    for path in DEMOS:
        yield f"demo-{path.stem}", path.read_text("utf-8")
    for path in CASES:
        yield f"{path.parent.name}-{path.stem}", program_of(path.read_text("utf-8"))


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in programs()])
def test_a_saved_session_leads_to_the_same_session(desk: Desk, text: str) -> None:
    first = desk.session(Unasked, max_bytes=1 << 30)
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


def test_a_name_that_was_not_there_is_a_comment(desk: Desk) -> None:
    assert saved(desk, "x = ones(2)\nnope\nx + nope") == [
        "x = ones(2)",
        "# nope",
        'expect raises "NameError": x + nope',
    ]


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
