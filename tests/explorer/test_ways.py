"""Errors that newcomers meet, each with the first way out that is shown for it, which ran before it was."""

import pytest

from tensorcli.explorer.session import Session
from tests.explorer.why_of import asked

LOADER = "from torch.utils.data import DataLoader\n"
PAD = "torch.nn.utils.rnn.pad_sequence"


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
    "a gradient of another shape": (
        "x = torch.ones(3, requires_grad=True)\ny = x * 2\ny.backward(torch.ones(2))",
        "line 3:  y.backward(torch.ones_like(y))",
    ),
    "two results under one name": (
        "out = torch.nn.LSTM(2, 3)(torch.ones(4, 1, 2))\nout.shape",
        "line 1:  out, _ = torch.nn.LSTM(2, 3)(torch.ones(4, 1, 2))",
    ),
    "a list asked for a tensor's size": ("xs = [torch.ones(2)]\nxs.shape", "line 2:  xs[0].shape"),
    "no card": ("y = torch.ones(2).cuda()", "line 1:  y = torch.ones(2)"),
    "no card, by a name": (
        'd = torch.device("cuda")\ny = torch.ones(2, device=d)',
        'line 1:  d = torch.device("cpu")',
    ),
    "the matrices of a batch, transposed": (
        "q = torch.ones(2, 5, 8)\ns = q @ q.T",
        "line 2:  s = q @ q.mT",
    ),
    "what a write into a part held, differentiated twice": (
        "w = torch.ones(2, requires_grad=True)\nh = torch.zeros(2)\nh[0] = w[0]\nh.sum().backward()\nh.sum().backward()",
        "line 4:  h.sum().backward(retain_graph=True)",
    ),
    "no gradient yet": (
        "w = torch.ones(2, requires_grad=True)\nw.grad.zero_()",
        "line 2:  if w.grad is not None:\n             w.grad.zero_()",
    ),
    "a loop over one number": ("x = torch.tensor(3)\nfor v in x:\n    v", "line 2:  for v in x.reshape(-1):"),
    "a write, one of three statements on a line": (
        "w = torch.ones(1, requires_grad=True)\ny = w * 1; z = y.exp(); u = z * 1\nz.add_(1); y.add_(1)\nu.sum().backward()",
        "line 3:  z = z + 1",
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


X = "x = torch.tensor([0., 4.], requires_grad=True)\n"
TRAPS = {
    "the root of a branch that where did not take": (
        f"{X}y = torch.where(x > 0, x.sqrt(), 0.)\ny.sum().backward()",
        "line 2:  y = torch.where(x > 0, x.clamp(min=1e-12).sqrt(), 0.)",
    ),
    "the root of a difference, which stands in parentheses": (
        f"{X}y = torch.where(x > 1, (x - 0).sqrt(), 0.)\ny.sum().backward()",
        "line 2:  y = torch.where(x > 1, (x - 0).clamp(min=1e-12).sqrt(), 0.)",
    ),
    "a quotient by 0": (
        f"{X}y = torch.where(x > 0, 1 / x, x)\ny.sum().backward()",
        "line 2:  y = torch.where(x > 0, 1 / x.clamp(min=1e-12), x)",
    ),
    "the distance of what is equal": (
        f"{X}d = (x - x.detach()).pow(2).sum().sqrt()\nd.backward()",
        "line 2:  d = (x - x.detach()).pow(2).sum().clamp(min=1e-12).sqrt()",
    ),
    "a logarithm of 0, in a function": (
        f"{X}def f(p):\n    return -(p * torch.log(p)).sum()\nf(x).backward()",
        "line 3:  return -(p * torch.log(p.clamp(min=1e-12))).sum()",
    ),
    "probabilities in nll_loss": (
        "import torch.nn.functional as F\ns = torch.ones(1, 3, requires_grad=True)\n"
        "loss = F.nll_loss(F.softmax(s, 1), torch.tensor([0]))",
        "line 3:  loss = F.nll_loss(F.log_softmax(s, 1), torch.tensor([0]))",
    ),
    "a network that gives probabilities, in NLLLoss": (
        "net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Softmax(dim=1))\n"
        "loss = torch.nn.NLLLoss()(net(torch.ones(1, 2)), torch.tensor([0]))",
        "line 1:  net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LogSoftmax(dim=1))",
    ),
    "a list that keeps one tensor": (
        "h, kept = torch.zeros(1), []\nfor i in range(2):\n    h += 1\n    kept.append(h)",
        "line 4:  kept.append(h.clone())",
    ),
    "a list that keeps one array": (
        "h, kept = torch.zeros(1), []\nfor i in range(2):\n    h += 1\n    kept.append(h.numpy())",
        "line 4:  kept.append(h.numpy().copy())",
    ),
    "a step before the pass": (
        f"{X}opt = torch.optim.SGD([x], lr=0.1)\nloss = (x * x).sum()\nopt.step()",
        "before line 4:  loss.backward()",
    ),
    "a step of what was there before": (
        f"{X}opt = torch.optim.SGD([x], lr=0.1)\nx = torch.ones(2, requires_grad=True)\nx.sum().backward()\nopt.step()",
        "move line 2 below line 3",
    ),
    "a method that was not called": ("net = torch.nn.Dropout()\nnet.eval", "line 2:  net.eval()"),
    "an attribute that was misspelt": (
        "x = torch.ones(1)\nx.require_grad = True",
        "line 2:  x.requires_grad = True",
    ),
    "a function's result that was discarded": (
        "x = torch.empty(0)\nfor i in range(2):\n    torch.cat([x, torch.ones(1)])",
        "line 3:  x = torch.cat([x, torch.ones(1)])",
    ),
    "scores in nll_loss": (
        "s = torch.tensor([[1., 2.]], requires_grad=True)\nloss = torch.nn.functional.nll_loss(s, torch.tensor([0]))",
        "line 2:  loss = torch.nn.functional.nll_loss(s.log_softmax(1), torch.tensor([0]))",
    ),
}


IN_FUNCTIONS = {
    "a hidden write": (
        "def f(w):\n    y = w.exp()\n    y.data.mul_(2)\n    return y.sum()\n"
        "w = torch.ones(2, requires_grad=True)\nf(w).backward()",
        "line 2:  y = w.exp().clone()",
    ),
    "an optimizer that keeps its gradients": (
        "def fit():\n    net = torch.nn.Linear(1, 1)\n    opt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "    for i in range(2):\n        net(torch.ones(1)).backward()\n        opt.step()\nfit()",
        "before line 5:  opt.zero_grad()",
    ),
    "a step before the pass": (
        "def fit(w):\n    opt = torch.optim.SGD([w], lr=0.1)\n    for i in range(2):\n        loss = (w * w).sum()\n"
        "        opt.step()\nfit(torch.ones(2, requires_grad=True))",
        "before line 5:  loss.backward()",
    ),
    "a state that is no copy": (
        "def fit(net):\n    best = net.state_dict()\n    net.load_state_dict(best)\nfit(torch.nn.Linear(1, 1))",
        "line 2:  best = {name: each.clone() for name, each in net.state_dict().items()}",
    ),
    "memory that was never written": (
        "def f():\n    x = torch.empty(3)\n    return x + 1\nf()",
        "line 2:  x = torch.zeros(3)",
    ),
    "a list of one tensor": (
        "def f():\n    rows = [torch.zeros(2)] * 3\n    rows[0] += 1\nf()",
        "line 2:  rows = [torch.zeros(2) for _ in range(3)]",
    ),
}
TRAPS.update({f"{name}, in a function": each for name, each in IN_FUNCTIONS.items()})


@pytest.mark.parametrize("name", TRAPS)
def test_the_first_way_around_a_trap_is_what_was_meant(name: str) -> None:
    text, way = TRAPS[name]
    answer = asked(text)
    assert answer.code is not None
    assert answer.code.startswith("TSC-H")
    assert answer.ways[0].text == way


def test_a_gradient_that_became_nan_names_the_node() -> None:
    answer = asked(TRAPS["a logarithm of 0, in a function"][0])
    assert answer.notes == ("the gradient of line 3 became nan in LogBackward0.",)


@pytest.mark.parametrize(
    "text",
    [
        "x = torch.tensor([1., 2.], requires_grad=True)\nx.log().sum().backward()",
        "x = torch.tensor([float('nan')], requires_grad=True)\n(x * 2).backward()",
        "torch.nn.functional.nll_loss(torch.zeros(1, 2, requires_grad=True), torch.tensor([0])).backward()",
        "torch.nn.functional.nll_loss(torch.ones(1, 2).mul(3), torch.tensor([0]))",
        "x = torch.ones(2, requires_grad=True)\nx.grad = torch.tensor([float('nan'), 0.])",
    ],
)
def test_numbers_and_what_was_nan_before_are_no_trap(text: str) -> None:
    session = Session(checking=True)
    list(session.run(text, "program.tsc"))
    assert [each.code for each in session.hazards] == []


def test_one_of_several_statements_on_a_line_is_moved_by_its_own_name() -> None:
    answer = asked(
        "w = torch.ones(1, requires_grad=True)\nv = torch.ones(1, requires_grad=True)\nloss = w * v\n"
        "opt = torch.optim.SGD([v], lr=1.); v.grad = torch.ones(1); opt.step()\nloss.backward()"
    )
    assert answer.ways[1].text == "move opt.step() of line 4 below line 5"


def test_what_runs_between_the_write_and_the_pass_counts_for_the_right_gradient() -> None:
    answer = asked(
        "w = torch.ones(1, requires_grad=True)\nv = torch.ones(1, requires_grad=True)\nloss = w * v\n"
        "w.grad = torch.ones(1)\nwith torch.no_grad():\n    v.mul_(0)\nw.grad = None\nloss.backward()"
    )
    assert (answer.ways[0].text, answer.ways[0].verdict) == ("move line 5 below line 8", "ok")


def test_an_error_that_nothing_is_known_of_is_told_in_its_own_words() -> None:
    title = asked("torch.nn.MultiheadAttention(5, 2)").title
    assert title == "line 1 raised AssertionError: embed_dim must be divisible by num_heads."


def test_what_is_typed_is_told_by_its_own_line_when_a_gradient_became_nan() -> None:
    session = Session()
    for line in [*X.splitlines(), "y = torch.where(x > 0, x.sqrt(), 0.)", "y.sum().backward()"]:
        list(session.run(line))
    *_, last = session.run("why")
    assert last.result.notes == ("the gradient of line 2 became nan in SqrtBackward0.",)
    assert [event.line for event in last.result.events] == [2, 3]


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("x = torch.ones(2, 3)\nif (x):\n    x", "line 2:  if (x.all()):"),
        ("x = torch.ones(2)\nprint((x + 1).item())", "line 2:  print((x + 1).sum().item())"),
        ("x = torch.ones(2)\nfloat((x))", "line 2:  float(x.sum())"),
        ("x = torch.ones(2)\nfloat(x)", "line 2:  float(x.sum())"),
    ],
)
def test_parentheses_that_are_not_needed_any_more_go_and_others_stay(text: str, way: str) -> None:
    assert asked(text).ways[0].text == way


def test_the_node_of_a_write_into_a_part_is_named_when_it_was_freed() -> None:
    answer = asked(WAYS["what a write into a part held, differentiated twice"][0])
    assert answer.title == "line 5 needs what line 4 freed: both go through CopySlices."


def test_a_hidden_write_in_a_function_is_told_with_the_gradient_it_made_wrong() -> None:
    answer = asked(IN_FUNCTIONS["a hidden write"][0])
    assert answer.title.startswith(
        "w.grad is wrong: [5.4366, 5.4366] instead of [2.7183, 2.7183]; line 3 wrote over what line 2"
    )
    assert [way.verdict for way in answer.ways] == ["ok"]


def test_a_write_into_a_copy_is_a_way_out_only_where_somebody_gets_the_copy() -> None:
    before = "w = torch.ones(2, requires_grad=True)\ny = (w * w).sum()\n"
    lost = asked(f"{before}w.data.fill_(0)\ny.backward()")
    assert [way.text for way in lost.ways] == ["move line 3 below line 4"]
    kept = asked(f"{before}d = w.data.mul_(2)\ny.backward()")
    assert kept.ways[0].text == "line 3:  d = w.detach().clone().mul_(2)"
