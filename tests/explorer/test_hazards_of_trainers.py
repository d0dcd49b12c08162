"""Hazards of networks and optimizers that a script keeps as attributes of an object, or in a dict: self.opt.step()."""

import pytest

from tensorcli.explorer.results import Why
from tensorcli.explorer.session import Session
from tests.explorer.hazards_of import check

HEAD = (
    "from types import SimpleNamespace\nfrom torch import nn\nx, y = torch.randn(4, 2), torch.randn(4, 1)\n"
    "t = SimpleNamespace(net=nn.Sequential(nn.Linear(2, 4), nn.Dropout(), nn.Linear(4, 1)), losses=[])\n"
    "t.opt = torch.optim.SGD(t.net.parameters(), lr=0.1)\n"
)
PASS = "(t.net(x) - y).pow(2).mean().backward()\n"
TOLD = {
    "gradients that are dropped before the step": (f"{PASS}t.opt.zero_grad()\nt.opt.step()", ("TSC-H019", 8)),
    "a layer that took the place of another": (
        f"t.net[2] = nn.Linear(4, 1)\n{PASS}t.opt.step()",
        ("TSC-H022", 8),
    ),
    "no pass": ("loss = (t.net(x) - y).pow(2).mean()\nt.opt.step()", ("TSC-H026", 7)),
    "layers in a list": (
        "t.net.more = [nn.Linear(1, 1)]\nt.net.more[0](t.net(x)).sum().backward()\nt.opt.step()",
        ("TSC-H031", 8),
    ),
    "no step": (
        "def fit(self):\n    for _ in range(3):\n        self.opt.zero_grad()\n        self.net(x).mean().backward()\nfit(t)",
        ("TSC-H038", 8),
    ),
    "a network that stays in evaluation": (
        f"{PASS}t.opt.step()\nt.opt.zero_grad()\nt.net.eval()\n{PASS}t.opt.step()",
        ("TSC-H036", 11),
    ),
    "a method that is not called": ("t.net.eval", ("TSC-H027", 6)),
    "losses kept with their graphs": (
        "def add(self, loss):\n    self.losses.append(loss)\nfor _ in range(2):\n    loss = t.net(x).mean()\n"
        "    loss.backward()\n    add(t, loss)",
        ("TSC-H017", 7),
    ),
    "one memory that an object keeps again and again": (
        "t.state, t.states = torch.zeros(2), []\ndef observe(self, x):\n    self.state.copy_(x)\n"
        "    self.states.append(self.state)\nfor i in range(3):\n    observe(t, torch.full((2,), i))",
        ("TSC-H025", 9),
    ),
    "a sum of losses with their graphs": (
        "t.total = 0.\ndef add(self, loss, n):\n    self.total += loss * n\nfor _ in range(2):\n    loss = t.net(x).mean()\n"
        "    loss.backward()\n    add(t, loss, 4)",
        ("TSC-H017", 8),
    ),
    "a running mean that leads back to parameters": (
        "t.mean = torch.zeros(1)\ndef keep(self, p):\n    self.mean = 0.9 * self.mean + 0.1 * p.mean()\n"
        f"for _ in range(3):\n    keep(t, t.net[2].weight)\n    {PASS}    t.opt.step()\n    t.opt.zero_grad()",
        ("TSC-H017", 8),
    ),
    "a running mean that begins with the first loss": (
        "mean = None\nfor _ in range(3):\n    loss = t.net(x).mean()\n    loss.backward()\n    t.opt.step()\n"
        "    t.opt.zero_grad()\n    mean = loss if mean is None else 0.9 * mean + 0.1 * loss",
        ("TSC-H017", 12),
    ),
    "parameters that are counted, and bound anew": (
        f"{PASS}for i, p in enumerate(list(t.net.parameters())):\n    g = p.grad\n    p = p - 0.1 * g",
        ("TSC-H016", 9),
    ),
    "a closure whose pass reaches another network": (
        "t.opt = torch.optim.LBFGS(t.net.parameters())\nother = nn.Linear(2, 1)\ndef closure():\n    t.opt.zero_grad()\n"
        "    loss = other(x).pow(2).mean()\n    loss.backward()\n    return loss\nloss = t.opt.step(closure)",
        ("TSC-H026", 13),
    ),
    "layers in a list, beside what the optimizer was given by hand": (
        "t.net.more, t.net.scale = [nn.Linear(1, 1)], torch.ones(1, requires_grad=True)\n"
        "opt = torch.optim.SGD([t.net.scale], lr=0.1)\n(t.net.more[0](t.net(x)) * t.net.scale).sum().backward()\nopt.step()",
        ("TSC-H031", 9),
    ),
}
SILENT = {
    "a maker and a judge, each with an optimizer": (
        "g = SimpleNamespace(G=nn.Linear(2, 2), D=nn.Linear(2, 1))\n"
        "g.opts = {'g': torch.optim.SGD(g.G.parameters(), lr=0.1), 'd': torch.optim.SGD(g.D.parameters(), lr=0.1)}\n"
        "for _ in range(2):\n    g.opts['d'].zero_grad()\n    g.D(g.G(x).detach()).mean().backward()\n    g.opts['d'].step()\n"
        "    g.opts['g'].zero_grad()\n    g.D(g.G(x)).mean().backward()\n    g.opts['g'].step()"
    ),
    "a batch norm that is frozen within a network": (
        "t.net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))\nt.opt = torch.optim.SGD(t.net.parameters(), lr=0.1)\n"
        "for i in range(3):\n    t.opt.zero_grad()\n    t.net(x).pow(2).mean().backward()\n    t.opt.step()\n"
        "    t.net[1].eval()"
    ),
    "copies that an object keeps": (
        "t.state, t.states = torch.zeros(2), []\ndef observe(self, x):\n    self.state.copy_(x)\n"
        "    self.states.append(self.state.clone())\nfor i in range(3):\n    observe(t, torch.full((2,), i))"
    ),
    "losses kept as numbers": (
        "def add(self, loss):\n    self.losses.append(loss)\n    self.last = loss + 1\nfor _ in range(2):\n"
        "    loss = t.net(x).mean()\n    loss.backward()\n    add(t, loss.detach())"
    ),
    "a closure that makes its pass, and gradients that are dropped after it": (
        "def closure():\n    loss = t.net(x).pow(2).mean()\n    loss.backward()\n    return loss\nfor _ in range(2):\n"
        "    loss = t.opt.step(closure)\n    t.opt.zero_grad()"
    ),
    "a closure that gives the loss of a pass that was made": (
        "for _ in range(2):\n    loss = t.net(x).mean()\n    loss.backward()\n    t.opt.step(lambda: loss)\n    t.opt.zero_grad()"
    ),
    "names of a loop that are bound anew": (
        f"{PASS}for w in [torch.ones(2), torch.ones(2, requires_grad=True)]:\n    w = w * 2"
    ),
}


@pytest.mark.parametrize(("text", "told"), TOLD.values(), ids=TOLD.keys())
def test_what_an_object_holds_is_told_of_as_what_has_a_name(text: str, told: tuple[str, int]) -> None:
    assert check(HEAD + text) == [told]


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_nothing_is_told_of_objects_that_do_what_was_meant(text: str) -> None:
    assert check(HEAD + text) == []


TRAINER = """import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = [nn.Linear(3, 3) for _ in range(2)]
        self.head = nn.Linear(3, 1)

    def forward(self, x):
        for each in self.blocks:
            x = torch.tanh(each(x))
        return self.head(x)

class Trainer:
    def __init__(self, model):
        self.model = model
        self.opt = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(self, x, y):
        loss = (self.model(x) - y).pow(2).mean()
        loss.backward()
        {first}
        {second}

    def validate(self, x):
        {mode}
        return self.model(x)

trainer = Trainer({net})
for i in range(2):
    trainer.step(torch.ones(4, 3), torch.zeros(4, 1))
    trainer.validate(torch.ones(4, 3))
"""


@pytest.mark.parametrize(
    ("parts", "way"),
    [
        (
            {
                "net": "nn.Linear(3, 1)",
                "first": "self.opt.zero_grad()",
                "second": "self.opt.step()",
                "mode": "",
            },
            "line 23:  self.opt.step()\n          self.opt.zero_grad()",
        ),
        (
            {"net": "Net()", "first": "self.opt.step()", "second": "self.opt.zero_grad()", "mode": ""},
            "line 7:  self.blocks = torch.nn.ModuleList([nn.Linear(3, 3) for _ in range(2)])",
        ),
        (
            {
                "net": "nn.Sequential(nn.Linear(3, 1), nn.Dropout())",
                "first": "self.opt.step()",
                "second": "self.opt.zero_grad()",
                "mode": "self.model.eval()",
            },
            "before line 21:  self.model.train()",
        ),
    ],
)
def test_why_changes_the_class_that_trains(parts: dict[str, str], way: str) -> None:
    session = Session()
    list(session.run(TRAINER.format(**parts)))
    *_, last = session.run("why")
    assert isinstance(last.result, Why)
    assert last.result.then is not None
    assert way in [each.text for each in last.result.then.ways]
