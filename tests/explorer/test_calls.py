"""Anomaly mode shows where in the script the forward call stood, and what the engine keeps is no script's."""

import pytest

from tensorcli.explorer.session import Session

PROGRAM = """\
def f(x):
    return torch.sqrt(x) * 0
x = torch.zeros(2, requires_grad=True)
with torch.autograd.set_detect_anomaly(True):
    y = f(x)
    y.sum().backward()
"""


def test_anomaly_mode_shows_the_scripts_own_traceback() -> None:
    steps = list(Session(quiet=True).run(PROGRAM, "program.py", "py"))
    (warning,) = steps[-1].warnings
    assert warning.message == (
        "Error detected in SqrtBackward0. Traceback of forward call that caused the error:\n"
        '  File "program.py", line 5, in <module>\n'
        "    y = f(x)\n"
        '  File "program.py", line 2, in f\n'
        "    return torch.sqrt(x) * 0\n"
    )


def test_a_function_of_an_earlier_text_is_shown_with_its_own_line() -> None:
    session = Session(quiet=True)
    list(session.run("def f(x):\n    return torch.sqrt(x) * 0", "first"))
    steps = list(session.run(
        "x = zeros(1, requires_grad=True)\ntorch.autograd.set_detect_anomaly(True)\nf(x).backward()", "second"
    ))  # fmt: skip
    assert '  File "first", line 2, in f\n    return torch.sqrt(x) * 0\n' in steps[-1].warnings[0].message


@pytest.mark.parametrize(
    "text",
    [
        "torch.ones(1).untyped_storage().engine_storage",
        "torch.ones(1).untyped_storage().engine_storage = 1",
        "torch.ones(1, requires_grad=True).register_hook(print).table",
        "torch.default_generator.stream",
        "torch.default_generator.stream = 1",
        "torch.ones(1).geometry = 1",
        "torch.ones(1).dtype = torch.int8",
    ],
)
def test_what_the_engine_keeps_is_neither_read_nor_set(text: str) -> None:
    (step,) = Session(quiet=True).run(text)
    assert step.error is not None
    assert step.error.type == "AttributeError"


def test_a_tensor_takes_attributes_of_the_users_own() -> None:
    steps = list(Session(quiet=True).run("x = ones(1)\nx.note = 'hello'\nprint(x.note)"))
    assert steps[-1].output == "hello\n"
