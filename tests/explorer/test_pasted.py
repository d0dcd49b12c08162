"""Programs as people paste them into questions: what `why` says of each, and the ways out that it shows."""

import pytest

from tensorcli.explorer.results import Why
from tensorcli.explorer.session import Session

NET = (
    "from torch import nn\nnet = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))\n"
    "opt = torch.optim.SGD(net.parameters(), lr=0.1)\nx = torch.randn(4, 2)\n"
)


def asked(text: str, what: str = "", form: str = "tsc") -> Why:
    session = Session()
    list(session.run(text, f"program.{form}", form, keep_going=True))
    (last,) = session.run(f"why {what}", "<why>", keep_going=True)
    assert isinstance(last.result, Why)
    return last.result


QUESTIONS = {
    "comparisons joined without parentheses": (
        "x = torch.tensor([1., 2., 3.])\nm = x > 1 & x < 3",
        "& binds more tightly than a comparison: 1 & x is computed first.",
        ["line 2:  m = (x > 1) & (x < 3)"],
    ),
    "comparisons of whole numbers joined in an index": (
        "x = torch.tensor([1, 2, 3])\ndef f(x):\n    return x[x == 1 | x == 2]\ny = f(x)",
        "| binds more tightly than a comparison: 1 | x is computed first.",
        ["line 3:  return x[(x == 1) | (x == 2)]"],
    ),
    "comparisons joined in a condition": (
        "x = torch.tensor([1, 2, 3])\nif x > 0 & x < 9:\n    print(x)",
        "& binds more tightly than a comparison: 0 & x is computed first.",
        ["line 2:  if ((x > 0) & (x < 9)).all():", "line 2:  if ((x > 0) & (x < 9)).any():"],
    ),
    "parentheses that are there": (
        "x = torch.tensor([1., 2., 3.])\nm = x > (1 & x)",
        "Positions, classes and bits are whole numbers: int64.",
        ["line 2:  m = x > (1 & x.to(torch.int64))"],
    ),
    "a forward pass before the loop, and retain_graph": (
        f"{NET}out = net(x)\nfor i in range(2):\n    loss = out.pow(2).mean()\n    opt.zero_grad()\n"
        "    loss.backward(retain_graph=True)\n    opt.step()",
        "line 10 wrote over a value that line 5 had saved for backward.",
        ["before line 7:  out = net(x)"],
    ),
    "a gradient penalty without create_graph": (
        f"{NET}x.requires_grad_()\nout = net(x)\ng, = torch.autograd.grad(out.sum(), x)\n"
        "loss = out.mean() + (g.norm(dim=1) - 1).pow(2).mean()\nloss.backward()",
        "line 9 needs what line 7 freed",
        [
            "line 7:  g, = torch.autograd.grad(out.sum(), x, create_graph=True)",
            "line 7:  g, = torch.autograd.grad(out.sum(), x, retain_graph=True)",
        ],
    ),
    "a residual sum over an activation in place": (
        f"{NET}h = torch.sigmoid(net(x))\nout = nn.functional.relu(h, inplace=True)\nout += h\nout.sum().backward()",
        "line 7 wrote over a value that line 6 had saved for backward.",
        ["line 7:  out = out + h\nline 6:  out = nn.functional.relu(h, inplace=False)"],
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_why_says_what_is_wrong_and_shows_the_ways_out(question: str) -> None:
    text, title, ways = QUESTIONS[question]
    told = asked(text)
    assert title in told.title
    assert [way.text for way in told.ways][: len(ways)] == ways


def test_a_constant_gradient_is_told_from_one_that_is_differentiated() -> None:
    told = asked(QUESTIONS["a gradient penalty without create_graph"][0])
    recorded, constant = told.ways[:2]
    assert recorded.note == "record this pass too: g is differentiated"
    assert constant.note == "keep the graph for the second pass; g is a constant"
    assert recorded.measured != constant.measured


CLASS = "import torch\nfrom torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"


def test_a_class_is_told_before_a_slip_as_well() -> None:
    told = asked(f"{CLASS}        self.a = nn.Linear(2, 1)\nnet = Net()\nprint(net", form="py")
    assert told.title == "class is not part of the language; a function can make what it makes."
    assert told.notes[0] == "line 8 is no Python: '(' is never closed; mend that line as well"
    assert told.notes[-1] == "so written it runs as far as line 8"
    assert told.ways[0].text.startswith("line 3:  a function in the place of class Net(nn.Module)\n")


def test_a_slip_within_a_class_is_told_first() -> None:
    told = asked(
        f"{CLASS}        self.a = nn.Linear(2, 1\n    def forward(self, x):\n        return x", form="py"
    )
    assert told.title == "line 6 is no Python: '(' is never closed."
    assert not told.ways
