"""Questions about loops that train: what `why` says of each, and the first way out that it shows."""

import pytest

from tensorcli.explorer.results import Notice
from tensorcli.explorer.session import Session
from tests.explorer.test_newcomers import asked

PAIR = (
    "from torch import nn\nmaker, judge = nn.Linear(2, 2), nn.Linear(2, 1)\n"
    "of_maker = torch.optim.SGD(maker.parameters(), lr=0.1)\nof_judge = torch.optim.SGD(judge.parameters(), lr=0.1)\n"
)
NET = "from torch import nn\nnet = nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
QUESTIONS = {
    "a step between two passes through one network": (
        f"{PAIR}made = maker(torch.ones(3, 2))\nscore = judge(made)\nscore.mean().backward(retain_graph=True)\nof_judge.step()\n"
        "(-score.mean()).backward()",
        "line 8 wrote over a value that line 6 had saved for backward.",
        "before line 9:  line 6 again  (score = judge(made))",
    ),
    "a mean of the rounds": (
        f"{NET}mean = torch.zeros(1)\nfor i in range(3):\n    out = net(torch.rand(4, 2))\n"
        "    mean = 0.5 * mean + 0.5 * out.mean()\n    opt.zero_grad()\n"
        "    (out - mean).pow(2).mean().backward()\n    opt.step()",
        "mean carries its graph from one round of the loop into the next: line 9 goes back through MulBackward0 (line 7)",
        "before line 6:  mean = mean.detach()",
    ),
    "two passes through what one round made": (
        f"{PAIR}for i in range(2):\n    made = maker(torch.ones(3, 2))\n    judge(made).mean().backward()\n    of_judge.step()\n"
        "    (-judge(made).mean()).backward()",
        "line 9 needs what line 7 freed: both go through AddmmBackward0 (line 6).",
        "line 7:  judge(made.detach()).mean().backward()",
    ),
    "a function of its own that gives too few gradients": (
        "def forward(ctx, x, k):\n    ctx.k = k\n    return x * k\ndef backward(ctx, grad):\n    return grad * ctx.k\n"
        "Times = type('Times', (torch.autograd.Function,), {'forward': forward, 'backward': backward})\n"
        "Times.apply(torch.ones(1, requires_grad=True), 2).backward()",
        "the backward of Times gives 1, and forward takes 2",
        "line 5:  return grad * ctx.k, None",
    ),
    "a function of its own that is called as an object": (
        "def forward(ctx, x):\n    return x * 2\ndef backward(ctx, grad):\n    return grad * 2\n"
        "Twice = type('Twice', (torch.autograd.Function,), {'forward': forward, 'backward': backward})\n"
        "y = Twice()(torch.ones(1, requires_grad=True))",
        "an object of such a class is not called: the class is, by apply().",
        "line 6:  y = Twice.apply(torch.ones(1, requires_grad=True))",
    ),
    "a batch of one that squeeze() took away": (
        f"{NET}out = net(torch.ones(1, 2)).squeeze()\nnn.BCEWithLogitsLoss()(out, torch.ones(1))",
        "Input and target do not have the sizes that belong together.",
        "line 4:  out = net(torch.ones(1, 2)).squeeze(-1)",
    ),
    "an index with a dimension less": (
        "q = torch.ones(2, 3)\nchosen = torch.tensor([0, 1])\nq.gather(1, chosen)",
        "The operation wants another number of dimensions.",
        "line 3:  q.gather(1, chosen.unsqueeze(1)).squeeze(1)",
    ),
    "room for one example under vmap": (
        "def f(x):\n    m = torch.zeros(2)\n    m[0] = x.sum()\n    return m\ntorch.vmap(f)(torch.ones(3, 2))",
        "A tensor that vmap does not map has room for one example",
        "line 2:  m = x.new_zeros(2)",
    ),
    "frozen statistics that move": (
        "from torch import nn\nnet = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))\nnet[1].requires_grad_(False)\n"
        "net(torch.rand(4, 2)).sum().backward()",
        "What may not have been meant",
        "before line 4:  net[1].eval()",
    ),
    "two losses of one network, one after the other": (
        f"{NET}for i in range(2):\n    out = net(torch.ones(2))\n    first = out.pow(2).sum()\n"
        "    second = (out - 1).pow(2).sum()\n    opt.zero_grad()\n    first.backward()\n    second.backward()\n    opt.step()",
        "line 10 needs what line 9 freed: both go through",
        "line 9:  (first + second).backward()",
    ),
    "a state that inner rounds carry": (
        f"{NET}state = torch.zeros(1)\nfor i in range(2):\n    for j in range(2):\n"
        "        state = net(torch.ones(2)) + state.exp()\n        loss = state.pow(2).sum()\n        loss.backward()",
        "state carries its graph from one round of the loop into the next",
        "before line 7:  state = state.detach()",
    ),
    "a state of two tensors": (
        "from torch import nn\ncell = nn.LSTMCell(2, 3)\nopt = torch.optim.SGD(cell.parameters(), lr=0.1)\n"
        "h, c = torch.zeros(1, 3), torch.zeros(1, 3)\nfor i in range(2):\n    total = 0\n    for t in range(2):\n"
        "        h, c = cell(torch.ones(1, 2), (h, c))\n        total = total + h.sum()\n    opt.zero_grad()\n"
        "    total.backward()\n    opt.step()",
        "c and h carry their graph from one round of the loop into the next",
        "before line 6:  c = c.detach()\n                h = h.detach()",
    ),
    "a loss that a function reads as a number": (
        f"{NET}def root(out):\n    return torch.tensor(out.pow(2).mean().sqrt().item(), requires_grad=True)\nfor i in range(2):\n"
        "    opt.zero_grad()\n    loss = root(net(torch.ones(4, 2)))\n    loss.backward()\n    opt.step()",
        "The pass before it ended at loss, a leaf of its own: the graph ends at line 5: item() gives a number",
        "line 5:  return out.pow(2).mean().sqrt()",
    ),
    "a picture that loses its leaf": (
        "picture = torch.rand(3, requires_grad=True)\nopt = torch.optim.SGD([picture], lr=0.1)\nfor i in range(2):\n"
        "    picture = picture.clamp(0, 1)\n    picture.pow(2).sum().backward()\n    opt.step()",
        "picture carries its graph from one round of the loop into the next",
        "line 4:  with torch.no_grad():\n             picture.copy_(picture.clamp(0, 1))",
    ),
    "a number that was made a loss": (
        f"{NET}for i in range(2):\n    out = net(torch.ones(1, 2))\n    opt.zero_grad()\n"
        "    loss = torch.tensor((out - 1).pow(2).item(), requires_grad=True)\n    loss.backward()\n    opt.step()",
        "The pass before it ended at loss, a leaf of its own: the graph ends at line 7: item() gives a number",
        "line 7:  loss = (out - 1).pow(2)",
    ),
    "an optimizer of the other network": (
        f"{NET}other = nn.Linear(2, 1)\nfor i in range(2):\n    opt.zero_grad()\n    other(torch.ones(2)).sum().backward()\n"
        "    opt.step()",
        "It took the parameters of net, and what has gradients is other.",
        "before line 5:  opt = torch.optim.SGD(other.parameters(), lr=0.1)",
    ),
    "a function that a decorator keeps from being recorded": (
        f"{NET}@torch.no_grad()\ndef loss_of(x):\n    return net(x).pow(2).mean()\nloss_of(torch.ones(2)).backward()",
        "net ran under no_grad (the decorator of loss_of)",
        "line 4:  without @torch.no_grad()",
    ),
    "a matrix of lists of tensors": (
        "a = torch.tensor(0.5, requires_grad=True)\nm = torch.tensor([[a.cos(), 0.], [0., a.sin()]])\nm.sum().backward()",
        "m.sum() does not require grad: the graph was cut at line 2: torch.tensor(…) copies the numbers",
        "line 2:  m = torch.stack([torch.stack([a.cos(), torch.tensor(0.0)]), torch.stack([torch.tensor(0.0), a.sin()])])",
    ),
    "grad() through a checkpoint": (
        "from torch.utils.checkpoint import checkpoint\nx = torch.ones(2, requires_grad=True)\n"
        "y = checkpoint(torch.exp, x, use_reentrant=True)\ntorch.autograd.grad(y.sum(), x)",
        "a checkpoint with use_reentrant=True can be gone through by backward() alone",
        "line 3:  y = checkpoint(torch.exp, x, use_reentrant=False)",
    ),
    "one of several parameters that is not used": (
        f"{NET}x = torch.ones(2, requires_grad=True)\ng, = torch.autograd.grad(net(x).sum(), x, create_graph=True)\n"
        "torch.autograd.grad(g.sum(), list(net.parameters()))",
        "no recorded operation leads from net.bias to g.sum().",
        "line 6:  torch.autograd.grad(g.sum(), list(net.parameters()), allow_unused=True)",
    ),
    "a state of which nothing fits": (
        "from torch import nn\nsmall = nn.Linear(2, 3)\nlarge = nn.Linear(2, 4)\nlarge.load_state_dict(small.state_dict())",
        "weight is (3, 2), and large has (4, 2); bias is (3,), and large has (4,).",
        "line 3:  large = nn.Linear(2, 3)",
    ),
    "a loss whose target has whole numbers": (
        "y = torch.tensor([[0], [1]])\np = torch.tensor([[0.2], [0.7]])\n"
        "torch.nn.functional.binary_cross_entropy_with_logits(p, y)",
        "what is called here writes float32 into int64: what it is given is to be float32 throughout.",
        "line 3:  torch.nn.functional.binary_cross_entropy_with_logits(p, y.to(torch.float32))",
    ),
    "two names for one tensor": (
        "a = b = torch.zeros(3)\na[0] = 1",
        "What may not have been meant",
        "before line 2:  b = b.clone()",
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_a_loop_does_is_told_with_a_way_out(name: str) -> None:
    text, title, way = QUESTIONS[name]
    found = asked(text)
    assert title in found.title
    assert [each.text for each in found.ways][:1] == [way]


def test_a_graph_that_leads_to_parameters_of_before_a_step_is_not_to_be_kept() -> None:
    text, _, _ = QUESTIONS["a mean of the rounds"]
    assert not any("retain_graph" in way.text for way in asked(text).ways)


def test_a_step_that_waits_for_the_second_pass_is_said_to_apply_both() -> None:
    text, _, _ = QUESTIONS["a step between two passes through one network"]
    moved = [way.note for way in asked(text).ways if way.text.startswith("move")]
    assert moved == ["write after the saved use; judge.weight.grad has both passes then"]


def test_a_gradient_that_was_asked_for_before_a_write_is_told() -> None:
    found = asked(
        "x = torch.ones(4, requires_grad=True).clone()\npart = x[2:]\nlast = part[1]\npart.retain_grad()\nx[0] += 0\n"
        "last.backward()",
        "part.grad",
    )
    assert found.title == (
        "part.grad is None because line 4 asked for the gradient of the history that part had, and line 5 gave it another "
        "(AsStridedBackward0)."
    )


def test_a_warning_is_not_called_a_refusal() -> None:
    found = asked("a, b = torch.meshgrid(torch.arange(2), torch.arange(3))")
    assert found.title == "line 1 ran, and PyTorch warns."


def test_the_infinite_slope_behind_a_nan_is_named() -> None:
    found = asked(
        "v = torch.tensor([[1., 0.]], requires_grad=True)\nc = (v * v).sum(-1)\nangle = torch.acos(c)\nangle.sum().backward()"
    )
    (culprit,) = [event for event in found.events if event.culprit]
    assert (culprit.line, culprit.text) == (3, "an infinite slope where c is -1 or 1; 0 times it is nan")


def test_statistics_that_are_written_between_two_passes_are_a_hidden_write() -> None:
    found = asked(
        "from torch import nn\nbn = nn.BatchNorm1d(2)\nx = torch.rand(4, 2)\nbn.eval()\nfirst = bn(x)\nbn.train()\n"
        "second = bn(x)\n(first.sum() + second.sum()).backward()"
    )
    assert (
        "line 7 wrote through bn.running_mean over what line 5 had saved for the backward pass" in found.title
    )


def test_numbers_that_are_put_into_data_are_why_a_gradient_is_none() -> None:
    found = asked(
        "from torch import nn\nmaker, net = nn.Linear(1, 2), nn.Linear(2, 1)\nnet.weight.data = maker(torch.ones(1, 1))\n"
        "net(torch.ones(2)).sum().backward()",
        "maker.weight.grad",
    )
    assert "line 3 gives net.weight the numbers, which have no graph" in found.title


def test_numbers_that_were_read_are_why_a_gradient_is_none() -> None:
    found = asked(
        "w = torch.ones(2, requires_grad=True)\na = torch.ones(2, requires_grad=True)\n"
        "(a * torch.tensor(w[0].item())).sum().backward()",
        "w.grad",
    )
    assert "line 3 reads the numbers of w, which have no graph" in found.title


def test_a_result_that_grad_went_through_is_not_expected_to_be_gone_through_again() -> None:
    text = (
        f"{NET}x = torch.ones(1, 2, requires_grad=True)\nout = net(x).exp()\n"
        "g, = torch.autograd.grad(out, x, create_graph=True)\n"
        "g.pow(2).sum().backward()\nopt.step()"
    )
    *_, last = Session().run(f"{text}\nwhy", "program.tsc")
    assert isinstance(last.result, Notice)
