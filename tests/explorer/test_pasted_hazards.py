"""Training loops as people paste them, which raise nothing: what is told of them, and what is not to be told."""

import pytest

from tensorcli.explorer.results import Why
from tensorcli.explorer.session import Session

HEAD = (
    "import copy\nfrom torch import nn\nnet = nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)\n"
    "x, y = torch.rand(4, 2), torch.rand(4, 1)\n"
)


def run(text: str) -> Session:
    session = Session(checking=True)
    for step in session.run(text, "program.tsc"):
        assert step.error is None, step.error
    return session


def ways_of(text: str) -> list[str]:
    session = Session()
    *_, last = session.run(f"{text}\nwhy", "program.tsc")
    assert isinstance(last.result, Why)
    return [way.text for way in last.result.ways]


MEAN = (
    "mean = {name: p.clone() for name, p in net.named_parameters()}\nfor _ in range(3):\n    opt.zero_grad()\n"
    "    (net(x) - y).pow(2).mean().backward()\n    opt.step()\n    for name, p in net.named_parameters():\n"
    "        mean[name] = 0.9 * mean[name] + 0.1 * p"
)
FROZEN = (
    "for i in range(3):\n    opt.zero_grad(set_to_none=False)\n    (net(x) - y).pow(2).mean().backward()\n    opt.step()\n"
    "    if i == 0:\n        net.weight.requires_grad = False"
)
TOLD = {
    "a step that was forgotten": (
        "for _ in range(3):\n    opt.zero_grad()\n    loss = (net(x) - y).pow(2).mean()\n    loss.backward()",
        ("TSC-H038", 7, "opt drops the gradients of each pass, and has made no step"),
        "after line 9:  opt.step()",
    ),
    "a step that a function forgets": (
        "def fit(optimizer):\n    for _ in range(3):\n        (net(x) - y).pow(2).mean().backward()\n"
        "        optimizer.zero_grad()\n    return 1\nfit(opt)",
        ("TSC-H038", 9, "optimizer drops the gradients of each pass"),
        "before line 9:  optimizer.step()",
    ),
    "a mean of parameters that keeps their graphs": (
        MEAN,
        (
            "TSC-H017",
            12,
            "mean[name] keeps the graph of each round: it leads back to net.weight as it was before",
        ),
        "line 12:  with torch.no_grad():\n              mean[name] = 0.9 * mean[name] + 0.1 * p",
    ),
    "a validation loss that keeps its graphs": (
        "total = 0\nfor _ in range(3):\n    opt.zero_grad()\n    (net(x) - y).pow(2).mean().backward()\n    opt.step()\n"
        "    total += (net(x) - y).pow(2).mean()",
        (
            "TSC-H017",
            11,
            "total keeps the graph of each round: it leads back to net.bias as it was before the last step",
        ),
        "line 11:  total += (net(x) - y).pow(2).mean().item()",
    ),
    "a frozen weight that momentum moves": (
        FROZEN,
        ("TSC-H039", 9, "opt changes net.weight, which was frozen"),
        "line 7:  opt.zero_grad()",
    ),
    "weights that are compared with themselves in a loop": (
        "before = {name: p.data for name, p in net.named_parameters()}\n(net(x) - y).pow(2).mean().backward()\nopt.step()\n"
        "for name, p in net.named_parameters():\n    print(name, torch.equal(before[name], p.data))",
        ("TSC-H037", 10, "before[name] and p are one memory, and equal whatever was written into it"),
        "line 6:  before = {name: p.data.clone() for name, p in net.named_parameters()}",
    ),
    "an average of a state that is no copy": (
        "mean = net.state_dict()\n(net(x) - y).pow(2).mean().backward()\nopt.step()\nfor name, v in net.state_dict().items():\n"
        "    mean[name].mul_(0.9).add_(v, alpha=0.1)",
        ("TSC-H037", 10, "mean[name] and v are one memory: it is updated with itself"),
        "line 6:  mean = {name: each.clone() for name, each in net.state_dict().items()}",
    ),
    "an array that is filled again and again": (
        "import numpy as np\nbuffer = np.zeros(2)\nrows = []\nfor i in range(3):\n    buffer[:] = i\n"
        "    rows.append(torch.from_numpy(buffer))",
        ("TSC-H025", 11, "rows keeps one memory at 3 places"),
        "line 11:  rows.append(torch.from_numpy(buffer).clone())",
    ),
    "a dict of one tensor": (
        "sums = dict.fromkeys(['a', 'b'], torch.zeros(2))\nsums['a'] += 1",
        ("TSC-H021", 7, "sums holds one tensor at 2 places (sums['a'], sums['b'])"),
        "line 6:  sums = {key: torch.zeros(2) for key in ['a', 'b']}",
    ),
    "a layer that is trained again, which the optimizer left out": (
        "net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))\nnet[0].requires_grad_(False)\n"
        "opt = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)\nfor i in range(3):\n"
        "    if i == 1:\n        net[0].requires_grad_()\n    opt.zero_grad()\n    (net(x) - y).pow(2).mean().backward()\n"
        "    opt.step()",
        (
            "TSC-H031",
            14,
            "opt does not hold net[0].weight and 1 more, which were frozen when it took its parameters",
        ),
        "line 8:  opt = torch.optim.SGD(net.parameters(), lr=0.1)",
    ),
    "moments that were not copied": (
        "for i in range(3):\n    opt.zero_grad()\n    (net(x) - y).pow(2).mean().backward()\n    opt.step()\n    if i == 0:\n"
        "        best = opt.state_dict()\nopt.load_state_dict(best)",
        ("TSC-H014", 12, "best holds the very moments of opt, not copies"),
        "line 11:  import copy\n          best = copy.deepcopy(opt.state_dict())",
    ),
    "a diagonal that is a copy": (
        "m = torch.zeros(2, 2)\nm.diag().fill_(1)",
        ("TSC-H003", 7, "the write went into a copy of m (diagonal_copy) that nobody holds"),
        "line 7:  m.diagonal().fill_(1)",
    ),
}


@pytest.mark.parametrize("program", TOLD)
def test_what_a_training_loop_does_is_told_with_a_way_out(program: str) -> None:
    text, (code, line, words), way = TOLD[program]
    (row,) = run(HEAD + text).hazards
    assert (row.code, row.span.line) == (code, line)
    assert words in row.text
    assert ways_of(HEAD + text)[0] == way


ROUND = "    opt.zero_grad()\n    (net(x) - y).pow(2).mean().backward()\n"
SILENT = {
    "a closure": (
        "opt = torch.optim.LBFGS(net.parameters(), max_iter=4)\ndef closure():\n    opt.zero_grad()\n"
        "    loss = (net(x) - y).pow(2).mean()\n    loss.backward()\n    return loss\nfor _ in range(2):\n"
        "    loss = opt.step(closure)"
    ),
    "a scaler's steps": (
        "scaler = torch.amp.GradScaler('cpu')\nfor _ in range(3):\n    opt.zero_grad()\n"
        "    scaler.scale((net(x) - y).pow(2).mean()).backward()\n    scaler.step(opt)\n    scaler.update()"
    ),
    "steps by hand": f"for _ in range(3):\n{ROUND}    for p in net.parameters():\n        p.data -= 0.1 * p.grad",
    "steps by hand, of new data": (
        f"for _ in range(3):\n{ROUND}    for p in net.parameters():\n        p.data = p.data - 0.1 * p.grad"
    ),
    "gradients of the other network's loss": (
        "critic = nn.Linear(1, 1)\nother = torch.optim.SGD(critic.parameters(), lr=0.1)\nfor _ in range(3):\n"
        "    other.zero_grad()\n    critic(net(x).detach()).mean().backward()\n    other.step()\n    opt.zero_grad()\n"
        "    critic(net(x)).mean().backward()\n    opt.step()"
    ),
    "a generator that steps in every fifth round, whose gradients the critic's loss leaves": (
        "critic = nn.Linear(1, 1)\nother = torch.optim.SGD(critic.parameters(), lr=0.1)\nfor i in range(10):\n"
        "    other.zero_grad()\n    opt.zero_grad()\n    critic(net(x)).mean().backward()\n    other.step()\n"
        "    if i % 5 == 4:\n        opt.zero_grad()\n        (-critic(net(x)).mean()).backward()\n        opt.step()"
    ),
    "rounds before the first step": f"for i in range(4):\n{ROUND}    if i > 2:\n        opt.step()",
    "gradients to look at": (
        "seen = []\nfor _ in range(3):\n    net.zero_grad()\n    (net(x) - y).pow(2).mean().backward()\n"
        "    seen.append(net.weight.grad.clone())"
    ),
    "a mean without a graph": MEAN.replace("0.1 * p", "0.1 * p.detach()").replace("p.clone()", "p.detach().clone()"),
    "a penalty summed in each round": (
        "for _ in range(3):\n    penalty = 0\n    for p in net.parameters():\n        penalty = penalty + p.pow(2).sum()\n"
        "    opt.zero_grad()\n    ((net(x) - y).pow(2).mean() + 0.1 * penalty).backward()\n    opt.step()"
    ),
    "a frozen weight without a gradient": FROZEN.replace("set_to_none=False", ""),
    "a weight that was frozen from the beginning": f"net.weight.requires_grad = False\nfor _ in range(3):\n{ROUND}    opt.step()",
    "moments of another optimizer, and copies of one's own": (
        f"{ROUND}opt.step()\nkept = copy.deepcopy(opt.state_dict())\n"
        "other = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)\ngiven = opt.state_dict()\n"
        "other.load_state_dict(given)\nopt.load_state_dict(kept)"
    ).replace("    ", ""),
    "an average of copies": (
        "mean = copy.deepcopy(net.state_dict())\n(net(x) - y).pow(2).mean().backward()\nopt.step()\n"
        "for name, v in net.state_dict().items():\n    mean[name].mul_(0.9).add_(v, alpha=0.1)"
    ),
    "arrays that stay as they are": (
        "import numpy as np\nbuffer = np.zeros(2)\nrows = []\nfor i in range(3):\n    rows.append(torch.from_numpy(buffer))"
    ),
    "one weight under two keys of three": (
        "held = {'in': net.weight.detach(), 'out': net.weight.detach(), 'bias': net.bias.detach()}\nheld['out'] = held['in']\n"
        "held['in'] += 1"
    ),
    "a layer that another optimizer trains": (
        "net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))\nnet[0].requires_grad_(False)\n"
        "opt = torch.optim.SGD(net[1].parameters(), lr=0.1)\nfor i in range(3):\n    if i == 1:\n"
        "        net[0].requires_grad_()\n        late = torch.optim.SGD(net[0].parameters(), lr=0.1)\n    net.zero_grad()\n"
        "    (net(x) - y).pow(2).mean().backward()\n    opt.step()\n    if i:\n        late.step()"
    ),
    "a weight that is trained again": (
        f"for i in range(4):\n    net.weight.requires_grad = i != 1\n{ROUND}    opt.step()"
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", SILENT)
def test_nothing_is_told_of_a_loop_that_is_right(program: str) -> None:
    assert run(HEAD + SILENT[program]).hazards == []


def test_why_names_the_other_traps() -> None:
    text = "w = torch.zeros(2, 1, requires_grad=True)\nfor _ in range(2):\n    loss = (x @ w - y[:, 0]).pow(2).mean()\n"
    text += "    loss.backward()\n    w.data -= 0.1 * w.grad"
    *_, last = Session().run(f"{HEAD}{text}\nwhy", "program.tsc")
    assert isinstance(last.result, Why)
    assert last.result.code == "TSC-H011"
    assert last.result.notes == ("check lists more: line 8 outer-difference (TSC-H012)",)
