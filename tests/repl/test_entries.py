"""What Enter means, line input without a terminal, the pieces that know no terminal."""

import io
import signal
import sys
import threading
from pathlib import Path

import pytest

from tensorcli.explorer.results import Step
from tensorcli.explorer.session import Session
from tensorcli.language.syntax import Incomplete
from tensorcli.repl import patience
from tensorcli.repl.assistance import Assistance, Unknown, look_up
from tensorcli.repl.background import Background
from tensorcli.repl.echo import echoed
from tensorcli.repl.entries import next_indent, still_open, waiting_for
from tensorcli.repl.interrupts import Interrupts
from tensorcli.repl.loop import run_entry, run_prompt
from tensorcli.repl.patience import SAID
from tensorcli.repl.screen import Screen


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def session() -> Session:
    made = Session()
    text = "x = ones(2, 3)\nn = 3\nitems = [x, x.t()]"
    assert all(step.ok for step in made.run(text))
    return made


@pytest.fixture
def assistance(session: Session) -> Assistance:
    background = Background(lambda: session, lambda: None)
    assert background.session is session
    return Assistance(background)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1", None),
        ("x = (1,", "bracket"),
        ("x = (1,\n", None),
        ("x = '''a", "string"),
        ("x = 1 + \\", "line"),
        ("for i in x:", "block"),
        ("for i in x:\n    print(i)", "block"),
        ("for i in x:\n    print(i)\n    ", None),
        ("x = 5 5", None),
        ("x = (5 5", None),
        ("", None),
        ("   ", None),
        ("@torch.no_grad()", "block"),
        ("if x: pass\nelse:", "block"),
        ("class Net(nn.Module):", "block"),
        ("class Net(nn.Module):\n    def forward(self, x):\n        return x", "block"),
        ("class Net(nn.Module):\n    def forward(self, x):\n        return x\n", None),
        ("class Net(nn.Module):\n    x = 5 5", None),
    ],
)
def test_enter_goes_on_where_an_entry_is_still_open(text: str, reason: str | None) -> None:
    found = still_open(text, {}, ())
    assert (found and found.reason) == reason


@pytest.mark.parametrize(
    ("line", "reason", "indent"),
    [
        ("for i in x:", "block", "    "),
        ("    if i:  # why", "block", "        "),
        ("    print(i)", "block", "    "),
        ("    return i", "block", ""),
        ("x = (1,", "bracket", ""),
    ],
)
def test_the_next_line_is_indented(line: str, reason: str, indent: str) -> None:
    assert next_indent(line, reason) == indent


def test_the_toolbar_says_what_is_open() -> None:
    text = "x = (1,\n"
    found = still_open(text.rstrip("\n"), {}, ())
    assert isinstance(found, Incomplete)
    assert waiting_for(found, text) == "'(' opened at line 1 is not closed: Enter on an empty line gives up"


def test_a_statement_is_echoed_as_at_the_prompt() -> None:
    assert echoed("for i in x:\n    print(i)\n") == "tensor> for i in x:\n    ...     print(i)\n"


@pytest.mark.parametrize(
    ("typed", "said"), [("undo", SAID), ("dry x", SAID), ("for i in range(4000): x.add_(1)\n", "")]
)
def test_a_command_that_runs_statements_again_says_so_when_it_takes_long(
    session: Session, monkeypatch: pytest.MonkeyPatch, typed: str, said: str
) -> None:
    assert all(step.ok for step in session.run("for i in range(4000): x.add_(1)\n\nn = 4"))
    monkeypatch.setattr(patience, "SECONDS", 0.01)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert run_entry(session, typed, "<input>", lambda step: None) is None
    assert isinstance(sys.stderr, Terminal)
    assert sys.stderr.getvalue() == said


# ---- assistance


def test_names_are_described_by_dtype_shape_and_storage(assistance: Assistance) -> None:
    found = {each.text: each.description for each in assistance.completions("x", 1)}
    assert found["x"] == "float32 (2, 3) s1"
    assert next(each.description for each in assistance.completions("n", 1) if each.text == "n") == "int"


@pytest.mark.parametrize(
    "owner",
    [
        "x",
        "items[0]",
        "x.T",
        "x.exp()",
        "items[1].t()",
        "ones(2)",
        "torch.stack(items)",
        "torch.tensor([1.]).exp()",
    ],
)
def test_methods_are_completed_on_what_is_surely_a_tensor(assistance: Assistance, owner: str) -> None:
    text = f"{owner}.deta"
    found = {each.text: each.description for each in assistance.completions(text, len(text))}
    assert set(found) >= {"detach", "detach_"}
    assert found["detach"]


@pytest.mark.parametrize("owner", ["model", "model[0].weight", "model[-1]", "state.w", "items[-1]"])
def test_parts_of_networks_and_of_namespaces_are_looked_up(
    assistance: Assistance, session: Session, owner: str
) -> None:
    text = (
        "import types; model = nn.Sequential(nn.Linear(2, 2), nn.ReLU()); state = types.SimpleNamespace(w=x)"
    )
    assert all(step.ok for step in session.run(f"from torch import nn; {text}"))
    wanted = "requires_grad_"  # tensors and modules have it
    assert wanted in {each.text for each in assistance.completions(f"{owner}.req", len(owner) + 4)}


def test_options_are_offered_with_what_they_do(assistance: Assistance) -> None:
    found = {each.text: each.description for each in assistance.completions("storages --", 11)}
    assert found["--write"].startswith("who would see a write")


def test_modules_and_lists_are_completed(assistance: Assistance) -> None:
    assert {each.text for each in assistance.completions("torch.arang", 11)} == {"arange"}
    assert "append" in {each.text for each in assistance.completions("items.", 6)}


@pytest.mark.parametrize(
    ("text", "word", "about"),
    [
        ("help ins", "inspect", "everything about a tensor"),
        ("help graph", "graph", "the graph that its gradient walks"),
        ("help version c", "version counter", "A version counter counts"),
        ("explain hid", "", ""),
        ("explain TSC-H001", "TSC-H001", "A write that no version counter sees"),
        ("compare detach clo", "clone", "y.clone()"),
        ("tour det", "detach", "a new tensor on the same storage"),
        ("set ro", "rows", "rows of the table"),
        ("goto ", "2", "n = 3"),
        ("expect ", "raises", '"text": STATEMENT'),
        ("predict ", "off", ""),
    ],
)
def test_a_command_is_offered_the_words_that_it_takes(
    assistance: Assistance, text: str, word: str, about: str
) -> None:
    found = {
        each.text: each.description
        for each in assistance.completions(text, len(text))
        if each.kind == "argument"
    }
    assert word in found if word else not found
    assert found.get(word, "").startswith(about)


def test_fix_is_offered_the_ways_out_of_the_last_why(assistance: Assistance, session: Session) -> None:
    list(session.run("w = ones(2, requires_grad=True); w.add_(1)"))
    list(session.run("why"))
    first = next(each for each in assistance.completions("fix ", 4))
    assert first.text == "1"
    assert "no_grad" in first.description


def test_keys_and_modules_are_offered_where_they_can_stand(assistance: Assistance, session: Session) -> None:
    list(session.run("d = {'left': x, 'right': {'n': 1}, 3: x}"))
    found = {each.text: each.description for each in assistance.completions("d['", 3)}
    assert found == {"left": "float32 (2, 3) s1", "right": "dict"}
    assert [each.text for each in assistance.completions("d['right']['", 12)] == ["n"]
    found = {each.text: each.kind for each in assistance.completions("from torch.", 11)}
    assert found["nn"] == "module"
    assert "ones" not in found
    assert "functional" in {each.text for each in assistance.completions("import torch.nn.", 16)}
    assert "linalg" in {each.text for each in assistance.completions("from numpy.", 11)}


def test_completing_runs_nothing(assistance: Assistance, session: Session) -> None:
    before = len(session.journal), session.names["x"]._version
    for text in ("x.add_(1).", "unknown_function().", "items[7].", "x.grad_fn.", "("):
        list(assistance.completions(text, len(text)))
    assert (len(session.journal), session.names["x"]._version) == before


def test_what_has_to_be_run_is_unknown(session: Session) -> None:
    import ast

    for text in ("len(items)", "sum(items)", "items.index(x)", "nothing(x)", "torch.manual_seed(0)"):
        with pytest.raises((Unknown, LookupError)):
            look_up(session, ast.parse(text, mode="eval").body)


def test_the_toolbar_counts_what_the_session_holds(assistance: Assistance, session: Session) -> None:
    assert assistance.segments() == ["2 tensors · 1 storage · 24 B", "step 3", "F1 help  F8 undo"]
    list(session.run("torch.set_grad_enabled(False)"))
    assert assistance.segments()[0] == "no_grad"
    list(session.run("torch.set_grad_enabled(True)"))


def test_the_toolbar_counts_the_saves_that_a_write_made_stale(
    assistance: Assistance, session: Session
) -> None:
    list(session.run("w = ones(2, requires_grad=True); y = w.exp(); z = (y * w).sum(); l = y.sum()"))
    assert not any("stale" in segment for segment in assistance.segments())
    list(session.run("y.detach().mul_(2)"))
    assert "! 2 stale saves" in assistance.segments()


def test_the_toolbar_says_where_in_the_past_the_session_is(assistance: Assistance, session: Session) -> None:
    list(session.run("undo"))
    assert assistance.segments()[0] == "past: step 2/3"
    list(session.run("torch.set_default_device('meta')"))
    assert assistance.segments()[0] != "past: step 2/3"
    assert "meta" in assistance.segments()


def test_nothing_waits_for_a_session_that_is_being_made() -> None:
    release = threading.Event()
    background = Background(Session, release.wait)
    background.start()
    waiting = Assistance(background)
    assert (waiting.segments(), list(waiting.names), dict(waiting.verbs)) == (["F1 help  F8 undo"], [], {})
    release.set()
    assert background.session is background.present


# ---- without a terminal


def lines(monkeypatch: pytest.MonkeyPatch, text: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    status = run_prompt(lambda write: Session(write=write), lambda: None)
    return status, out.getvalue(), err.getvalue()


def test_line_input_has_no_prompt_and_no_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = lines(monkeypatch, "n = 3\nfor i in range(2):\n    print(i)\n\nn + 1\n")
    assert (status, out, err) == (0, "0\n1\n4\n", "")


def test_line_input_goes_on_after_an_error_and_names_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = lines(monkeypatch, "print(1)\n1/0\nprint(2)")
    assert (status, out) == (0, "1\n2\n")
    assert err.startswith("<stdin>:2:1: ZeroDivisionError: division by zero\n")


def test_line_input_ends_with_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines(monkeypatch, "exit 4\nprint(1)\n")[:2] == (4, "")


def test_line_input_says_what_was_never_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    status, _, err = lines(monkeypatch, "x = (1,")
    assert status == 0
    assert "'(' is never closed" in err


# ---- screen and interrupts


def test_a_closed_stream_swallows_what_is_written() -> None:
    screen = Screen(None)
    screen.text("x")
    screen.flush()
    assert (screen.width, screen.colour) == (None, False)


@pytest.mark.parametrize(
    ("env", "colour"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_colour_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], colour: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert Screen(Terminal()).colour is colour


def test_an_interrupt_is_raised_and_the_handler_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Interrupts():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_history_file_is_the_users_own(tmp_path: Path) -> None:
    from tensorcli.repl.history import open_history

    path = tmp_path / "a" / "history"
    open_history(path).append_string("x = 1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(open_history(path).load_history_strings()) == ["x = 1"]


def test_a_fault_of_the_programs_own_costs_the_statement_and_not_the_session(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(step: Step) -> None:
        raise RuntimeError("of ours")

    assert run_entry(session, "x.add_(1)", "<input>", fails) is None
    assert "tensorcli: a fault of its own: RuntimeError: of ours (test_entries.py:" in capsys.readouterr().err
    (step,) = session.run("x.sum().item()")
    assert step.value is not None
    assert step.value.text in ("6.0", "12.0")
