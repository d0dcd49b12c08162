"""A text that is refused for its classes or its imports: `why` shows how it can be written, and `fix 1` runs it so."""

import pytest

from tensorcli.explorer.commands.why import rewritten
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
    assert told.outcome == "so written it runs to its end"
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
    assert told.outcome == (
        "so written it runs up to line 8, return self.fc(x), which raises RuntimeError: mat1 and mat2 shapes cannot be "
        "multiplied (2x4 and 3x1)"
    )


LAYERS = """import torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = [nn.Linear(2, 2)]
        self.last = nn.Linear(2, 1)

    def forward(self, x):
        for each in self.parts:
            x = each(x)
        return self.last(x)

net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
net(torch.ones(2)).sum().backward()
opt.step()
"""
STATE = """import torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.Linear(2, 1)
        self.state = torch.zeros(1)

    def forward(self, x):
        self.state = torch.tanh(self.cell(x) + self.state)
        return self.state

net = Net()
for i in range(2):
    net(torch.ones(2)).sum().backward()
"""


def test_why_tells_what_happens_with_functions_by_the_lines_of_the_classes() -> None:
    session = Session()
    last(session, LAYERS)
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert told.then is not None
    assert told.then.title.startswith("line 16: opt does not hold what is in net.parts")
    assert [event.line for event in told.then.events] == [5, 14, 16]
    (way,) = told.then.ways
    assert (way.number, way.text) == (1, "line 5:  self.parts = torch.nn.ModuleList([nn.Linear(2, 2)])")
    assert "        self.parts = torch.nn.ModuleList([nn.Linear(2, 2)])\n" in rewritten(session, 1, LAYERS)


def test_the_lines_of_methods_are_those_of_the_class_though_they_stand_in_another_order() -> None:
    session = Session()
    last(session, STATE)
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert told.then is not None
    assert told.then.title.startswith(
        "net.state carries its graph from one round of the loop into the next: line 14"
    )
    assert [event.line for event in told.then.events] == [9, 14]


def test_a_state_that_is_none_at_first_is_detached_at_the_end_of_a_round() -> None:
    text = STATE.replace("self.state = torch.zeros(1)", "self.state = None").replace(
        "torch.tanh(self.cell(x) + self.state)",
        "self.cell(x) * (1 if self.state is None else self.state)",
    )
    session = Session()
    last(session, text)
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert told.then is not None
    assert told.then.title.startswith("net.state carries its graph from one round of the loop into the next")
    assert "after line 14:  net.state = net.state.detach()" in [way.text for way in told.then.ways]


def test_fix_runs_a_way_out_of_what_happens_with_functions() -> None:
    session = Session()
    last(session, STATE)
    last(session, "why")
    _, *steps = session.run("fix 1")
    assert all(step.error is None for step in steps)
    assert "net.state = net.state.detach()" in steps[-1].source
    assert isinstance(last(session, "why").result, Notice)


def test_a_way_that_is_not_there_is_refused() -> None:
    session = Session()
    last(session, STATE)
    last(session, "why")
    failed = last(session, "fix 9").error
    assert failed is not None
    assert failed.message == "there is no way 9; why proposed 3"


def test_why_goes_on_after_a_fix() -> None:
    session = Session()
    last(session, NETWORK.format(4))
    told = last(session, "why").result
    assert isinstance(told, Why)
    (way,) = told.ways
    last(session, f"fix {way.number}")
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
    assert (told.outcome, told.notes) == ("so written it runs to its end", ())
    assert [edit.after for edit in told.ways[0].edits] == [
        "import torch", "", "", "", "for x in range(3):", "        pass", "",
    ]  # fmt: skip
    _, *steps = session.run("fix 1")
    assert [step.source for step in steps] == ["import torch", "for x in range(3):\n    if x:\n        pass"]


BARS = """from tqdm.auto import tqdm, trange
import logging, os
class Trainer:
    def train(self, items):
        bar = tqdm(
            items,
            desc='x',
        )
        for x in bar:
            bar.set_postfix(loss=x)
            logging.info('%d', x)
        return [i for i in trange(1, x)]
out = Trainer().train(range(4))
"""


def test_bars_and_logs_within_classes_go_too() -> None:
    session = Session()
    last(session, BARS)
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert told.outcome == "so written it runs to its end"
    *_, step = session.run("fix 1\nout")
    assert step.value is not None
    assert step.value.text == "[1, 2]"


@pytest.mark.parametrize(
    "imported",
    [
        "from torch.utils.tensorboard import SummaryWriter",
        "import torch.utils.tensorboard as board",
        "from torch.utils import tensorboard as board, data",
    ],
)
def test_the_logs_of_pytorch_go_too(imported: str) -> None:
    made = "SummaryWriter" if imported.startswith("from torch.utils.tensorboard") else "board.SummaryWriter"
    session = Session()
    refused = last(session, f"{imported}\nw = {made}()\nw.add_scalar('loss', 1., 0)\nw.close()\nx = 1")
    if imported.endswith("data"):  # an import of what torch.utils has not fails when it runs
        assert refused.error is not None
        assert refused.error.type == "ImportError"
        return
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert told.title == "torch.utils.tensorboard cannot be imported here; the text does without."
    assert (told.outcome, told.notes) == ("so written it runs to its end", ())


def test_a_directory_for_checkpoints_is_not_needed() -> None:
    text = (
        "import os\nos.makedirs('checkpoints', exist_ok=True)\ntorch.save(torch.ones(1), 'checkpoints/x.pt')"
    )
    session = Session()
    last(session, text)
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert (told.outcome, told.notes) == ("so written it runs to its end", ())
    assert [edit.after for edit in told.ways[0].edits] == ["", ""]


STARS = """from torch.nn import *
from torch.optim import *  # all of it
from math import *
class Net(Module):
    def __init__(self):
        super().__init__()
        self.fc = Linear(2, 1)

    def forward(self, x):
        return self.fc(x) * sqrt(4)

net = Net()
opt = SGD(net.parameters(), lr=0.1)
print(net(torch.ones(1, 2)).shape)
"""


def test_star_imports_name_what_the_text_uses_of_their_modules() -> None:
    session = Session()
    last(session, STARS)
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert told.outcome == "so written it runs to its end"
    assert [edit.after for edit in told.ways[0].edits[:3]] == [
        "from torch.nn import Linear, Module",
        "from torch.optim import SGD",
        "from math import sqrt",
    ]
    *_, end = session.run("fix 1")
    assert end.error is None


def test_a_star_import_of_what_is_shadowed_binds_no_name_twice() -> None:
    session = Session()
    last(session, "from torch import *\nzeros = ones(2)\nprint(zeros.sum())\n")
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert told.title == "import * is not part of the language; the text can name what it uses."
    assert [edit.after for edit in told.ways[0].edits] == ["from torch import ones"]


@pytest.mark.parametrize("text", ["from .nets import *\nx = 1\n", "from pandas import *\nx = 1\n"])
def test_a_star_import_of_what_a_script_has_not_has_no_answer(text: str) -> None:
    session = Session()
    step = last(session, text)
    assert step.error is not None
    assert not step.error.answered


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


def test_super_that_stands_uncalled_is_told_and_called() -> None:
    session = Session()
    last(session, NETWORK.format(3).replace("super().__init__()", "super().__init__"))
    told = last(session, "why").result
    assert isinstance(told, Why)
    assert any(note.startswith("Net does not call super().__init__()") for note in told.notes)
    (called,) = (way for way in told.ways if way.text.endswith("super().__init__()"))
    (edit,) = called.edits
    assert (edit.before.strip(), edit.after.strip()) == ("super().__init__", "super().__init__()")


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
        "@dataclass(order=True)\nclass A:\n    a: int = 1",
        "@dataclass\nclass A:\n    a: list = []",
        "@dataclass\nclass A:\n    a: ClassVar[int] = 1",
        "@dataclass\nclass A:\n    a: int = field(default=1, compare=False)",
        "@dataclass\nclass A:\n    a: int = 1\n    def b(self):\n        return 1\nprint(A() == A())",
        "@dataclass\nclass A:\n    a: int = 1\nprint(isinstance(A(), A))",
        "class A:\n    def __enter__(self):\n        pass",
        "class D(Dataset):\n    def __iter__(self):\n        return iter([1])",
        NETWORK.format(3) + "print(isinstance(net, Net))",
        NETWORK.format(3).replace("forward", "__call__"),
        NETWORK.format(3).replace("        return self.fc(x)", "        return super().forward(x)"),
        NETWORK.format(3).replace("    def forward", "    @property\n    def forward"),
        NETWORK.format(3).replace("super().__init__()", "pass").replace("nn.Module", "nn.Linear"),
        NETWORK.format(3) + "async def f():\n    return 1\n",
    ],
)
def test_what_a_function_cannot_be_has_no_answer(text: str) -> None:
    refused = last(Session(), text)
    assert refused.error is not None
    assert refused.error.message == "class is not part of the language"
    assert not refused.error.answered


HINDERED = {
    "class A:\n    n = 1\n    def __len__(self):\n        return 1\nlen(A())": "line 3: len(x) asks for __len__",
    "class A:\n    @classmethod\n    def make(cls):\n        return cls()": "line 3: make is a classmethod",
    "class A(torch.optim.Adam):\n    def step(self):\n        pass": "line 1: the names of A would mean something else",
    "class A(dict):\n    pass": "line 1: A is made of dict",
    "class A:\n    pass\nprint(isinstance(1, A))": "line 3: A itself is asked for, as a class",
    "class A:\n    names = []\nA().names": "line 2: names is held by the class, for all of its objects",
    "from sklearn import datasets\nclass A:\n    pass\nx = datasets.load()": "line 4: datasets, of sklearn, which a script",
    "def f():\n    class A:\n        pass": "line 2: A stands within another statement",
}


@pytest.mark.parametrize(("text", "hint"), HINDERED.items())
def test_a_refusal_says_what_keeps_a_class_from_being_a_function(text: str, hint: str) -> None:
    refused = last(Session(), text)
    assert refused.error is not None
    assert f"what keeps why from writing it so is {hint}" in refused.error.hints[0]


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
