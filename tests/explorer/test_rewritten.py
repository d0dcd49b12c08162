"""A text that is refused for its classes or its imports: `why` shows how it can be written, and `fix 1` runs it so."""

import pytest

from tensorcli.explorer.results import Fixed, Notice, Why
from tensorcli.explorer.session import Session
from tests.explorer.texts_with_classes import REFUSED, SAME

NETWORK = """import torch.nn as nn
class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.fc = nn.Linear(size, 1)

    def forward(self, x):
        return self.fc(x)

net = Net(3)
y = net(torch.ones(2, {}))
"""


def last(session: Session, text: str):
    *_, step = session.run(text)
    return step


def test_fix_runs_a_text_with_functions_in_the_place_of_its_classes() -> None:
    session = Session()
    refused = last(session, NETWORK.format(3))
    assert refused.error is not None
    assert refused.error.answered
    assert "net" not in session.names
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert told.notes[-1] == "so written it runs to its end"
    assert "net" not in session.names
    first, *steps = session.run("fix 1")
    assert isinstance(first.result, Fixed)
    assert [step.source for step in steps][-2:] == [
        "net = Net(3)",
        "y = net(torch.ones(2, 3))",
    ]
    assert [change.names[0] for change in steps[-2].changes] == ["net.fc.weight", "net.fc.bias"]


def test_why_says_how_far_a_text_with_functions_runs() -> None:
    session = Session()
    last(session, NETWORK.format(4))
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert told.notes[-1] == (
        "so written it runs up to y = net(torch.ones(2, 4)), which raises RuntimeError: mat1 and mat2 shapes cannot be "
        "multiplied (2x4 and 3x1)"
    )


def test_why_goes_on_after_a_fix() -> None:
    session = Session()
    for text in (NETWORK.format(4), "why", "fix 1"):
        last(session, text)
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert [way.edits[0].after for way in told.ways] == ["net = Net(4)"]


PICTURES = """import os, torch
import matplotlib.pyplot as plt
from tqdm import tqdm
os.environ['A'] = '1'
for x in tqdm(range(3), desc='x'):
    if x:
        plt.plot([x])
plt.show()
"""


def test_imports_that_a_script_has_not_go_with_the_statements_that_only_call_them() -> None:
    session = Session()
    refused = last(session, PICTURES)
    assert refused.error is not None
    assert refused.error.message.startswith("os cannot be imported here")
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert told.title == "os cannot be imported here; the text does without."
    assert told.notes == ("so written it runs to its end",)
    assert [edit.after for edit in told.ways[0].edits] == [
        "import torch", "", "", "", "for x in range(3):", "        pass", "",
    ]  # fmt: skip
    _, *steps = session.run("fix 1")
    assert [step.source for step in steps] == ["import torch", "for x in range(3):\n    if x:\n        pass"]


def test_a_directory_for_checkpoints_is_not_needed() -> None:
    text = (
        "import os\nos.makedirs('checkpoints', exist_ok=True)\ntorch.save(torch.ones(1), 'checkpoints/x.pt')"
    )
    session = Session()
    last(session, text)
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert told.notes == ("so written it runs to its end",)
    assert [edit.after for edit in told.ways[0].edits] == ["", ""]


@pytest.mark.parametrize(
    "text",
    [
        "import os\nprint(os.getcwd())",
        "import os; x = 1",
        "from PIL import Image\nx = Image.open('a')",
        "import os\nif os.name: pass",
    ],
)
def test_what_a_text_needs_of_an_import_has_no_answer(text: str) -> None:
    refused = last(Session(), text)
    assert refused.error is not None
    assert not refused.error.answered


def test_a_forgotten_call_of_super_is_told() -> None:
    session = Session()
    last(session, NETWORK.format(3).replace("super().__init__()", "pass"))
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert any(
        note.startswith("Net does not call super().__init__(): PyTorch raises AttributeError")
        for note in told.notes
    )


def test_a_statement_that_changes_something_ends_the_question() -> None:
    session = Session()
    last(session, NETWORK.format(3))
    last(session, "a = 1")
    assert isinstance(last(session, "why").result, Notice)
    failed = last(session, "fix 1").error
    assert failed is not None
    assert "nothing to fix" in failed.message


@pytest.mark.parametrize(
    "text",
    [
        "class A(dict):\n    pass",
        "@dataclass\nclass A:\n    pass",
        "class A:\n    def __enter__(self):\n        pass",
        "class D(Dataset):\n    def __init__(self):\n        super().__init__()",
        NETWORK.format(3) + "print(isinstance(net, Net))",
        NETWORK.format(3).replace("forward", "__call__"),
        NETWORK.format(3).replace("        return self.fc(x)", "        return super().forward(x)"),
        NETWORK.format(3).replace("    def forward", "    @property\n    def forward"),
        NETWORK.format(3).replace("super().__init__()", "pass").replace("nn.Module", "nn.Linear"),
        NETWORK.format(3) + "def f():\n    yield 1\n",
    ],
)
def test_what_a_function_cannot_be_has_no_answer(text: str) -> None:
    refused = last(Session(), text)
    assert refused.error is not None
    assert refused.error.message == "class is not part of the language"
    assert not refused.error.answered


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_mean_something_else_is_not_offered(name: str) -> None:
    refused = last(Session(), REFUSED[name])
    assert refused.error is not None
    assert not refused.error.answered


@pytest.mark.parametrize("name", SAME)
def test_what_fix_runs_prints_what_python_printed(name: str) -> None:
    text, printed = SAME[name]
    session = Session()
    last(session, text)
    last(session, "why")
    assert "".join(step.output for step in session.run("fix 1")) == printed


def test_fix_runs_what_was_not_asked_about() -> None:
    session = Session()
    last(session, NETWORK.format(3))
    last(session, "fix 1")
    assert "net" in session.names
