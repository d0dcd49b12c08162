"""Programs of newcomers, of 8 to 40 lines: the sentence that `why` begins with, and the first way out that it shows."""

import pytest

from tensorcli.explorer.results import Why
from tensorcli.explorer.session import Session
from tests.explorer.hazards_of import check
from tests.explorer.test_newcomers import asked

PAIR = (
    "from torch import nn\nimport numpy as np\nenc, dec = nn.Linear(3, 3), nn.Linear(3, 1)\nx = torch.ones(4, 3)\n"
    "opt = torch.optim.SGD([*enc.parameters(), *dec.parameters()], lr=0.1)\n"
)
GAN = (
    "from torch import nn\nmaker, judge = nn.Linear(2, 2), nn.Linear(2, 1)\n"
    "of_maker = torch.optim.SGD(maker.parameters(), lr=0.1)\nof_judge = torch.optim.SGD(judge.parameters(), lr=0.1)\n"
)
NET = "from torch import nn\nnet = nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\nx = torch.ones(3, 2)\n"
SCALED = (
    f"{NET}scaler = torch.amp.GradScaler('cpu')\nloss = net(x).pow(2).mean()\nscaler.scale(loss).backward()\n"
)

QUESTIONS = {
    "a made picture that is detached for both networks": (
        f"{GAN}for i in range(2):\n    made = maker(torch.ones(3, 2))\n    of_judge.zero_grad()\n"
        "    judge(made.detach()).mean().backward()\n    of_judge.step()\n    of_maker.zero_grad()\n"
        "    loss = -judge(made.detach()).mean()\n    loss.backward()\n    of_maker.step()",
        "the way from maker.weight to what was differentiated was cut at line 11",
        "line 11:  loss = -judge(made).mean()",
    ),
    "numpy in the middle of a forward pass": (
        f"{PAIR}def forward(x):\n    h = enc(x)\n    h = np.tanh(h.detach().numpy())\n    h = torch.from_numpy(h)\n"
        "    return dec(h)\nfor i in range(2):\n    opt.zero_grad()\n    forward(x).mean().backward()\n    opt.step()",
        "was cut at line 8",
        "line 8:  h = torch.tanh(h)",
    ),
    "an inner step whose graph is left": (
        "w = torch.ones(1, 3, requires_grad=True)\nmeta = torch.optim.SGD([w], lr=0.1)\nx = torch.ones(2, 3)\n"
        "for i in range(2):\n    g, = torch.autograd.grad((x @ w.t()).pow(2).mean(), w)\n"
        "    fast = (w - 0.1 * g).detach().requires_grad_()\n    meta.zero_grad()\n    (x @ fast.t()).mean().backward()\n"
        "    meta.step()",
        "ended at fast, a leaf of its own: the graph was cut at line 6: detach()",
        "line 6:  fast = w - 0.1 * g",
    ),
    "rows of tensors that a function makes a tensor of": (
        f"{PAIR}def model(x):\n    outs = []\n    for row in x:\n        a, b, c = enc(row)\n        outs.append([a * b, c])\n"
        "    return torch.tensor(outs)\nloss = model(x).mean()\nloss.requires_grad_()\nloss.backward()\nopt.step()",
        "the graph was cut at line 11: torch.tensor(…) copies the numbers",
        "line 11:  return torch.stack([torch.stack(row) for row in outs])",
    ),
    "gradients that are clipped into nothing": (
        f"{NET}net(x).sum().backward()\nfor p in net.parameters():\n    p.grad.clamp(-1, 1)\nopt.step()",
        "line 7: p.grad.clamp() gives another tensor, and nothing takes it",
        "line 7:  p.grad = p.grad.clamp(-1, 1)",
    ),
    "an actor's pass that goes into the critic": (
        "from torch import nn\nactor, critic = nn.Linear(3, 2), nn.Linear(3, 1)\n"
        "of_actor = torch.optim.SGD(actor.parameters(), lr=0.1)\ns = torch.ones(5, 3)\nerror = 1 - critic(s).squeeze(1)\n"
        "policy = -(actor(s).log_softmax(1)[:, 0] * error).mean()\nvalue = error.pow(2).mean()\npolicy.backward()\n"
        "of_actor.step()\nvalue.backward()",
        "line 10 needs what line 8 freed",
        "line 6:  policy = -(actor(s).log_softmax(1)[:, 0] * error.detach()).mean()",
    ),
    "a step past the scaler": (
        f"{SCALED}opt.step()\nscaler.update()",
        "scaler.update() goes by what scaler.step() found in the gradients",
        "line 8:  scaler.step(opt)",
    ),
    "a loss that goes back beside its own multiple": (
        f"{SCALED}loss.backward()",
        "line 8 needs what line 7 freed",
        "without line 8",
    ),
    "a step between two passes through one layer": (
        "from torch import nn\nshared, a, b = nn.Linear(2, 3), nn.Linear(3, 1), nn.Linear(3, 1)\n"
        "opt = torch.optim.SGD([*shared.parameters(), *a.parameters()], lr=0.1)\nf = shared(torch.ones(4, 2)).relu()\n"
        "first, second = a(f).mean(), b(f).mean()\nfirst.backward(retain_graph=True)\nopt.step()\nsecond.backward()",
        "as it was before a step",
        "move line 7 below line 8",
    ),
    "a batch of one that squeeze() took from the scores": (
        "from torch import nn\nfc = nn.Linear(5, 2)\nh = torch.ones(1, 1, 5)\nscores = fc(h.squeeze())\n"
        "loss = nn.functional.cross_entropy(scores, torch.tensor([1]))\nloss.backward()",
        "scores are the scores of one example, without a batch, and the target has one",
        "line 4:  scores = fc(h.squeeze(0))",
    ),
    "an index that lacks the dimension it goes along": (
        "rows = torch.zeros(3, 3)\nrows.scatter_(1, torch.tensor([0, 2, 1]), 1)",
        "The operation wants another number of dimensions.",
        "line 2:  rows.scatter_(1, torch.tensor([0, 2, 1]).unsqueeze(1), 1)",
    ),
    "a network that stands whole beside its last layer": (
        "from torch import nn\nnet = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))\n"
        "opt = torch.optim.SGD([{'params': net.parameters()}, {'params': net[1].parameters(), 'lr': 1.}], lr=0.1)",
        "an optimizer takes each parameter once",
        "line 3:  opt = torch.optim.SGD([{'params': [p for p in net.parameters() if all(p is not q for q in "
        "net[1].parameters())]}, {'params': net[1].parameters(), 'lr': 1.}], lr=0.1)",
    ),
    "states that are kept and not copied": (
        f"{NET}kept = []\nfor i in range(3):\n    opt.zero_grad()\n    net(x).mean().backward()\n    opt.step()\n"
        "    kept.append({'round': i, 'state': net.state_dict()})",
        "kept keeps one memory at 2 places",
        "line 10:  kept.append({'round': i, 'state': {name: each.clone() for name, each in net.state_dict().items()}})",
    ),
    "an error of each with each, of what nothing learns from": (
        "out, y = torch.ones(4, 1), torch.arange(4.)\nmae = (out - y).abs().mean()",
        "line 2: out (4, 1) less y (4,) is (4, 4)",
        "line 2:  mae = (out.squeeze(1) - y).abs().mean()",
    ),
    "windows that are written": (
        "x = torch.arange(6.)\nw = x.as_strided((4, 3), (1, 1))\nw -= w.mean()",
        "w has 12 places over 6 in memory",
        "line 2:  w = x.as_strided((4, 3), (1, 1)).clone()",
    ),
    "numbers that are drawn in the middle of a forward pass": (
        f"{PAIR}for i in range(2):\n    mean = enc(x)\n    z = torch.normal(mean, torch.ones(4, 3)).detach()\n"
        "    opt.zero_grad()\n    dec(z).mean().backward()\n    opt.step()",
        "was cut at line 8",
        "line 8:  z = mean + torch.ones(4, 3) * torch.randn_like(mean)",
    ),
    "log probabilities of before that carry their graph": (
        f"{NET}old = net(x)\nfor i in range(2):\n    loss = (net(x) - old).exp().mean()\n    opt.zero_grad()\n"
        "    loss.backward()\n    opt.step()",
        "line 9 goes back through AddmmBackward0 (line 5) more than once",
        "before line 6:  old = old.detach()",
    ),
    "a list of tensors whose loss was told to require grad": (
        f"{NET}logs = []\nfor i in range(2):\n    logs.append(net(x).mean())\nloss = -torch.tensor(logs).sum()\n"
        "loss.requires_grad = True\nloss.backward()\nopt.step()",
        "the graph was cut at line 8: torch.tensor(…) copies the numbers",
        "line 8:  loss = -torch.stack(logs).sum()\nwithout line 9",
    ),
    "half of a tensor": (
        "x = torch.arange(10)\nn = x.shape[0]\nfirst = x[: n / 2]",
        "",
        "line 3:  first = x[: n // 2]",
    ),
    "as many rounds as half of a tensor has": (
        "n = 10\nrounds = [i for i in range(n / 2)]",
        "",
        "line 2:  rounds = [i for i in range(n // 2)]",
    ),
    "a mask of whole numbers for attention": (
        "attention = torch.nn.MultiheadAttention(4, 2, batch_first=True)\nx = torch.ones(1, 3, 4)\n"
        "mask = torch.tensor([[0, 0, 1]])\nout, w = attention(x, x, x, key_padding_mask=mask)",
        "",
        "line 4:  out, w = attention(x, x, x, key_padding_mask=mask.to(torch.bool))",
    ),
    "a hook that returns nothing": (
        "w = torch.ones(2, requires_grad=True)\ndef scale(g):\n    g = g * 0.1\nw.register_hook(scale)\nw.sum().backward()",
        "What may not have been meant",
        "after line 3:  return g",
    ),
    "passes that add up, but for the first": (
        f"{NET}for i in range(8):\n    (net(x).mean() / 4).backward()\n    if i % 4 == 0:\n        opt.step()\n"
        "        opt.zero_grad()",
        "What may not have been meant",
        "line 7:  if (i + 1) % 4 == 0:",
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_bug_is_named_with_its_line_and_a_way_out(name: str) -> None:
    text, title, way = QUESTIONS[name]
    found = asked(text)
    assert title in found.title
    assert [each.text for each in found.ways][:1] == [way]


SILENT = {
    "an error of what is shaped for it": "a, b = torch.ones(4), torch.arange(4.)\nd = (a.view(-1, 1) - b).abs().mean()",
    "windows that are read": "x = torch.arange(6.)\nw = x.unfold(0, 3, 1)\nm = w.mean(1)\nx += 1",
    "windows side by side": "x = torch.arange(6.)\nw = x.unfold(0, 3, 3)\nw -= 1",
    "records of numbers": (
        "w, kept = torch.ones(2), []\nfor i in range(3):\n    w += 1\n    kept.append({'round': i, 'w': w.clone()})"
    ),
    "a result of an attribute that is taken": (
        "net = torch.nn.Linear(2, 1)\nfor p in net.parameters():\n    p.grad = torch.ones_like(p)\n    p.grad.clamp_(-1, 1)\n"
        "    p.data.add_(1)"
    ),
}


@pytest.mark.parametrize("name", SILENT)
def test_nothing_is_said_of_what_is_meant(name: str) -> None:
    assert check(SILENT[name]) == []


def test_a_gradient_that_the_loop_of_its_pass_dropped_was_taken_away() -> None:
    found = asked(
        f"{NET}for i in range(2):\n    net(x).mean().backward()\n    opt.step()\n    opt.zero_grad()",
        "net.weight.grad",
    )
    assert found.title == "net.weight.grad is None because line 8 took it away after the last backward pass."


def test_a_loss_beside_its_multiple_is_not_kept_for_a_second_pass() -> None:
    text, _, _ = QUESTIONS["a loss that goes back beside its own multiple"]
    assert not any("retain_graph" in way.text for way in asked(text).ways)


def test_a_way_out_that_pytorch_warns_of_is_not_shown_beside_one_that_it_does_not() -> None:
    found = asked("rows = [torch.ones(3), torch.zeros(3)]\nbatch = torch.tensor(rows)")
    assert [way.text for way in found.ways] == ["line 2:  batch = torch.stack(rows)"]


def test_several_gradients_leave_each_other_room() -> None:
    found = asked(
        "from torch import nn\nrnn, h = nn.GRU(3, 8), torch.zeros(1, 2, 8)\nfor i in range(2):\n"
        "    out, h = rnn(torch.ones(5, 2, 3), h)\n    out.sum().backward()"
    )
    assert isinstance(found, Why)
    assert all(len(way.measured) <= 180 for way in found.ways)


def test_a_session_that_checks_does_not_say_that_nothing_was_changed() -> None:
    session = Session(checking=True)
    *_, last = session.run(
        f"{NET}for i in range(2):\n    net(x).mean().backward()\n    opt.step()\n    x.nothing", "program.py"
    )
    assert last.error is not None
    assert not any("changed" in hint for hint in last.error.hints)


def test_what_a_failing_loop_wrote_is_said_in_one_line() -> None:
    session = Session()
    text = "xs = [torch.ones(2) for _ in range(6)]\nfor each in xs:\n    each += 1\n    if each is xs[-1]:\n        each.nothing"
    *_, last = session.run(text, "program.py")
    assert last.error is not None
    assert [hint for hint in last.error.hints if "written" in hint] == [
        "s1, s2, s3 and 3 more were written before the error"
    ]
