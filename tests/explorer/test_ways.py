"""Errors that newcomers meet, each with the first way out that is shown for it, which ran before it was."""

import pytest

from tensorcli.explorer.results import Why
from tensorcli.explorer.session import Session

LOADER = "from torch.utils.data import DataLoader\n"
PAD = "torch.nn.utils.rnn.pad_sequence"


def asked(text: str) -> Why:
    session = Session()
    *_, last = session.run(f"{text}\nwhy", "program.tsc", keep_going=True)
    assert isinstance(last.result, Why)
    return last.result


WAYS = {
    "and": ("x = torch.arange(5)\nx[(x > 1) and (x < 4)]", "line 2:  x[(x > 1) & (x < 4)]"),
    "or, not": (
        "x = torch.arange(5)\nx[not x > 1 or x == 4]",
        "line 2:  x[(~(x > 1)) | (x == 4)]",
    ),
    "a chain of comparisons": (
        "x = torch.arange(5)\ny = x.clone() if 1 < x <= 4 else x",
        "line 2:  y = x.clone() if ((1 < x) & (x <= 4)).all() else x",
    ),
    "numpy's function of a tensor": (
        "import numpy as np\nx = torch.ones(2, requires_grad=True)\ny = np.exp(x)",
        "line 3:  y = torch.exp(x)",
    ),
    "a reduction of numpy's": (
        "import numpy as np\nnp.mean(torch.ones(2))",
        "line 2:  torch.mean(torch.ones(2))",
    ),
    "tensors with a graph in an array": (
        "import numpy as np\nxs = [torch.ones(2, requires_grad=True)] * 2\na = np.array(xs)",
        "line 3:  a = np.array(torch.stack(xs).detach())",
    ),
    "rows of other lengths": (
        "torch.tensor([[1, 2], [3]])",
        "line 1:  [torch.tensor(row) for row in [[1, 2], [3]]]",
    ),
    "tensors of other lengths": (
        "torch.stack([torch.ones(2), torch.ones(3)])",
        "line 1:  torch.cat([torch.ones(2), torch.ones(3)])",
    ),
    "samples of other lengths": (
        f"{LOADER}batches = DataLoader([torch.ones(2), torch.ones(3)], batch_size=2)\nfor b in batches:\n    b",
        "line 2:  batches = DataLoader([torch.ones(2), torch.ones(3)], batch_size=2, "
        f"collate_fn=lambda samples: {PAD}(samples, batch_first=True))",
    ),
    "a list of modules": (
        "layers = torch.nn.ModuleList([torch.nn.ReLU()])\nlayers(torch.ones(2))",
        "line 2:  torch.nn.Sequential(*layers)(torch.ones(2))",
    ),
    "a dict of modules": (
        "layers = torch.nn.ModuleDict({'a': torch.nn.ReLU()})\nlayers(torch.ones(2))",
        "line 2:  torch.nn.Sequential(*layers.values())(torch.ones(2))",
    ),
    "a state of a container": (
        "a = torch.nn.Sequential(torch.nn.Linear(2, 3))\ntorch.nn.Linear(2, 3).load_state_dict(a.state_dict())",
        "line 2:  torch.nn.Linear(2, 3).load_state_dict({name.removeprefix('0.'): each for name, each in "
        "a.state_dict().items()})",
    ),
    "a batch that is not first": (
        "net = torch.nn.GRU(5, 6, batch_first=True)\nnet(torch.ones(4, 7, 5), torch.zeros(4, 1, 6))",
        "line 2:  net(torch.ones(4, 7, 5), torch.zeros(4, 1, 6).transpose(0, 1))",
    ),
    "a scheduler before its optimizer": (
        "w = torch.ones(1, requires_grad=True)\nopt = torch.optim.SGD([w], lr=1.)\n"
        "plan = torch.optim.lr_scheduler.StepLR(opt, 1)\nfor i in range(2):\n    plan.step()\n    opt.zero_grad()\n"
        "    w.sum().backward()\n    opt.step()",
        "line 5:  opt.zero_grad()\n         w.sum().backward()\n         opt.step()\n         plan.step()",
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_the_first_way_out_is_what_was_meant(name: str) -> None:
    text, way = WAYS[name]
    assert asked(text).ways[0].text == way


def test_a_condition_beside_the_one_that_failed_is_left_alone() -> None:
    answer = asked("x = torch.arange(3)\ny = bool(x) if (1 and 2) else 3")
    assert "and, or, not" not in answer.title
