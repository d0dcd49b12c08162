"""What `why` shows of statements that all ran, where no hazard was seen: facts that may not have been meant."""

import pytest

from tensorcli.explorer.results import Notice, Why
from tensorcli.explorer.session import Session
from tensorcli.explorer.why.surprises.dimensions import permuted

NET = "from torch import nn\nnet = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Linear(2, 1))\nx = torch.ones(3, 2)\n"


def asked(text: str, form: str = "py") -> object:
    session = Session()
    assert [step.error for step in session.run(text, f"program.{form}", form) if step.error] == []
    (last,) = session.run("why", "<why>")
    return last.result


FACTS = {
    "a function that writes its argument": (
        "import torch\ndef normalize(x):\n    x -= x.mean()\n    return x\ndata = torch.tensor([1., 3.])\n"
        "scaled = normalize(data)",
        [(3, "changes data, which it was given (in the call at line 6)")],
        ["line 6:  scaled = normalize(data.clone())"],
    ),
    "a default that is a tensor": (
        "import torch\ndef collect(v, acc=torch.zeros(1)):\n    acc += v\n    return acc\na = collect(1.)\nb = collect(2.)",
        [
            (
                3,
                "changes a as well: b is over the same memory; acc was made once, when collect was defined (in the call at "
                "line 6)",
            )
        ],
        ["line 5:  a = collect(1.).clone()"],
    ),
    "an array under a tensor": (
        "import torch\nimport numpy as np\na = np.ones(3)\nt = torch.from_numpy(a)\na *= 2",
        [(5, "changes t as well: a is over the same memory")],
        ["line 4:  t = torch.from_numpy(a).clone()"],
    ),
    "a network under two names": (
        f"import torch\n{NET}target = net\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\nnet(x).sum().backward()\nopt.step()",
        [(5, "target is net itself, and no copy: what changes the one changes both")],
        ["line 5:  import copy\n         target = copy.deepcopy(net)"],
    ),
    "a network that draws without a graph": (
        f"import torch\n{NET}with torch.no_grad():\n    y = net(x)",
        [(5, "net is in training mode here: Dropout does another thing after net.eval()")],
        ["before line 5:  net.eval()"],
    ),
    "a mask of whole numbers": (
        "import torch\nx = torch.arange(5.)\nmask = (x > 2).int()\ny = x[mask]",
        [(4, "mask is int32: its zeros and ones are the positions 0 and 1, not yes and no")],
        ["line 4:  y = x[mask.bool()]"],
    ),
    "a mean of nothing": (
        "import torch\nx = torch.ones(3)\nm = x[x > 1].mean()",
        [(3, "m holds nan after it")],
        [],
    ),
    "frozen statistics that move in a loop that tells all to train": (
        "from torch import nn\nnet = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))\nnet[1].requires_grad_(False)\n"
        "for i in range(2):\n    net.train()\n    y = net(torch.rand(3, 2))",
        [(6, "moves the running statistics of net[1], whose parameters are frozen: it is in training mode")],
        ["before line 6:  net[1].eval()"],
    ),
    "one layer at three places": (
        "from torch import nn\nnet = nn.Sequential(*[nn.Linear(3, 3)] * 3)",
        [(2, "is one Linear at 3 places, and not 3 of them: they learn as one")],
        ["line 2:  net = nn.Sequential(*[nn.Linear(3, 3) for _ in range(3)])"],
    ),
    "a block of layers at several places": (
        "from torch import nn\nn = 2\nlayers = [nn.ReLU(), nn.Linear(3, 3)] * n",
        [(3, "is one Linear at n places, and not n of them: they learn as one")],
        ["line 3:  layers = [each for _ in range(n) for each in (nn.ReLU(), nn.Linear(3, 3))]"],
    ),
    "weights that are laid over those of another network": (
        "from torch import nn\na, b = nn.Linear(2, 2), nn.Linear(2, 2)\nb.weight.data = a.weight.data",
        [(3, "lays b.weight over the memory of a.weight: what changes the one changes both")],
        ["line 3:  b.weight.data = a.weight.data.clone()"],
    ),
    "a network that no optimizer was given": (
        "from torch import nn\nenc, dec = nn.Linear(2, 2), nn.Linear(2, 1)\n"
        "opt = torch.optim.SGD(dec.parameters(), lr=0.1)\ndec(enc(torch.ones(2))).sum().backward()\nopt.step()",
        [(3, "opt does not hold the parameters of enc, which have gradients: no step changes enc")],
        ["line 3:  opt = torch.optim.SGD([*dec.parameters(), *enc.parameters()], lr=0.1)"],
    ),
    "heads that are merged and were not moved": (
        "import torch\nB, H, T, D = 2, 2, 3, 4\nheads = torch.ones(B, H, T, D)\nout = heads.reshape(B, T, H * D)",
        [(4, "cuts (2, 2, 3, 4) anew in the order of memory to get (2, 3, 8), and moves no dimension")],
        ["line 4:  out = heads.permute(0, 2, 1, 3).reshape(B, T, H * D)"],
    ),
    "the last example in the place of the last step": (
        "from torch import nn\nlstm = nn.LSTM(2, 3)\nout, (h, c) = lstm(torch.rand(4, 5, 2))\nlast = out[:, -1]",
        [(4, "takes the last example of out, and not the last step: the steps are its first dimension")],
        ["line 2:  lstm = nn.LSTM(2, 3, batch_first=True)", "line 4:  last = out[-1]"],
    ),
}


@pytest.mark.parametrize("program", FACTS)
def test_what_may_not_have_been_meant_is_shown_with_ways(program: str) -> None:
    text, facts, ways = FACTS[program]
    told = asked(text)
    assert isinstance(told, Why)
    assert told.title == "no statement has failed. What may not have been meant:"
    assert [(each.line, each.text) for each in told.events] == facts
    assert [way.text for way in told.ways] == ways


SILENT = {
    "writes into what is named": "import torch\nx = torch.ones(3)\nx += 1\nx[0] = 2\nx.mul_(2)\nprint(x)",
    "positions": "import torch\nx = torch.arange(5.)\ni = torch.tensor([0, 1, 1])\ny = x[i]",
    "infinity that was asked for": "import torch\nx = torch.zeros(3).masked_fill(torch.tensor(True), -torch.inf)",
    "a row that is written": "import torch\nx = torch.ones(2, 2)\nx[0] += 1",
    "a step": (
        f"import torch\n{NET}opt = torch.optim.SGD(net.parameters(), lr=0.1)\nnet(x).sum().backward()\nopt.step()"
    ),
    "a leaf that an optimizer writes": (
        "import torch\nw = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nw.sum().backward()\nopt.step()"
    ),
    "a network that was told": f"import torch\n{NET}net.eval()\nwith torch.no_grad():\n    y = net(x)",
    "a network that is told to draw": f"import torch\n{NET}net.train()\nwith torch.no_grad():\n    y = net(x)",
    "a graph that was kept, and differentiated": (
        "import torch\nw = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nloss = (w * w).sum()\n"
        "loss.backward(retain_graph=True)\nopt.step()"
    ),
}


@pytest.mark.parametrize("program", SILENT)
def test_what_is_written_as_it_is_meant_is_not_shown(program: str) -> None:
    assert isinstance(asked(SILENT[program]), Notice)


def test_a_result_is_seen_at_the_prompt() -> None:
    assert isinstance(asked("x = torch.ones(2)\nx.abs()\ny = x + 1", "tsc"), Notice)


@pytest.mark.parametrize(
    ("old", "new", "order"),
    [
        ((2, 8, 20, 64), (2, 20, 512), (0, 2, 1, 3)),
        ((2, 20, 8, 64), (2, 8, 20, 64), (0, 2, 1, 3)),
        ((4, 3, 32, 32), (4, 32, 32, 3), (0, 2, 3, 1)),
        ((2, 5, 7), (5, 14), (1, 0, 2)),
        ((2, 20, 8, 64), (2, 20, 512), None),
        ((2, 20, 512), (2, 20, 8, 64), None),
        ((2, 3, 4), (24,), None),
        ((2, 3, 4), (6, 4), None),
        ((4, 6, 5), (2, 12, 5), None),  # no order of the dimensions has these sizes
        ((2, 3, 8), (6, 2, 4), None),
        ((1, 3, 5, 5), (3, 25), None),
        ((2, 6), (6, 2), None),  # two dimensions are shown so to say what view() does
    ],
)
def test_sizes_that_only_another_order_of_dimensions_has(
    old: tuple[int, ...], new: tuple[int, ...], order: tuple[int, ...] | None
) -> None:
    assert permuted(old, new) == order
