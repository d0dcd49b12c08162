"""Programs as people paste them in forums, most with their classes: the bug is named with its line, and has a way out that runs.

What is right in the same programs is not spoken of.
"""

import pytest

from tensorcli.explorer.results import Why
from tensorcli.explorer.session import Session
from tests.explorer.hazards_of import check
from tests.explorer.why_of import asked

HEAD = "import torch\nfrom torch import nn\n"
NET = f"{HEAD}net = nn.Linear(3, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
PAIR = (
    f"{HEAD}G, D = nn.Linear(3, 2), nn.Linear(2, 1)\ng_opt = torch.optim.SGD(G.parameters(), lr=0.1)\n"
    "d_opt = torch.optim.SGD(D.parameters(), lr=0.1)\nbce = nn.BCEWithLogitsLoss()\n"
)
DATA = "data = [(torch.randn(2, 3), torch.randn(2, 1)) for _ in range(8)]\n"
ROUNDS = "for i in range(2):\n    opt.zero_grad()\n    net(torch.ones(1, 3)).sum().backward()\n    opt.step()"


def of_refused(text: str, session: Session | None = None) -> Why:
    """What `why` answers about a text that the language refuses for its classes."""
    session = session or Session()
    for _ in session.run(text, "program.py", keep_going=True):
        pass
    *_, last = session.run("why")
    assert isinstance(last.result, Why)
    return last.result


def module(init: str, forward: str) -> str:
    """A network as a class, from line 3; its constructor's lines begin at 6, its forward pass behind them."""
    body = "\n".join(f"        {each}" for each in init.split("\n"))
    last = "\n".join(f"        {each}" for each in forward.split("\n"))
    head = "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    return f"{HEAD}{head}{body}\n    def forward(self, x):\n{last}\n"


OPTIMISED = "net = Net()\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
QUESTIONS = {
    "A leaf is told not to require grad between its use and the pass": (
        "import torch\nx = torch.ones(3)\nx.requires_grad = True\ny = x * 2\nx.requires_grad = False\ny.sum().backward()\n"
        "print(x.grad)",
        "x.grad is None because x does not require grad: the graph was cut at line 5: x was told not to require grad.",
        "before line 6:  x.requires_grad_()",
    ),
    "A loss of numpy's is told to require grad": (
        "import torch\nimport numpy as np\nx = torch.randn(5, requires_grad=True)\ny = np.sin(x.detach().numpy())\n"
        "loss = torch.tensor(y).sum()\nloss.requires_grad = True\nloss.backward()\nprint(x.grad)",
        "x.grad is None because line 5 made loss, a leaf of its own, of the numbers of x",
        "line 4:  y = torch.sin(x)\nline 5:  loss = y.sum()\nwithout line 6",
    ),
    "The last operand of a loss is the data of what was computed": (
        "import torch\nnet = torch.nn.Linear(2, 2)\nx = torch.randn(4, 2)\nloss = torch.nn.MSELoss()(x, net(x).data)\n"
        "loss.backward()",
        "loss does not require grad: the graph was cut at line 4: .data gives another handle on the memory",
        "line 4:  loss = torch.nn.MSELoss()(x, net(x))",
    ),
    "What a method that writes gives is taken": (
        "import torch\nx = torch.randn(3, requires_grad=True)\nx = x.clamp_(min=0)",
        "x is a leaf that requires grad (line 2): its values are the user's",
        "line 3:  x = x.clamp(min=0)",
    ),
    "Whole numbers, whose name is bound to what is computed of them": (
        "import torch\nx = torch.tensor([1, 2, 3])\nx = x / 2\nx.sum().backward()",
        "x.sum() does not require grad: x, which it was computed from, was made at line 2 without requires_grad.",
        "line 2:  x = torch.tensor([1, 2, 3], dtype=torch.float32, requires_grad=True)",
    ),
    "A discriminator and a generator learn from one pass through the discriminator": (
        "import torch\nfrom torch import nn\nG, D = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))\n"
        "opt_g = torch.optim.Adam(G.parameters())\nopt_d = torch.optim.Adam(D.parameters())\n"
        "for step in range(2):\n    fake = G(torch.randn(4, 2))\n    score = D(fake)\n    loss_d = score.sigmoid().log().mean()\n"
        "    opt_d.zero_grad()\n    loss_d.backward()\n    opt_d.step()\n    loss_g = -score.mean()\n"
        "    opt_g.zero_grad()\n    loss_g.backward()\n    opt_g.step()",
        "line 15 needs what line 11 freed: both go through",
        "line 8:  score = D(fake.detach())\n         loss_d = score.sigmoid().log().mean()\n         opt_d.zero_grad()\n"
        "         loss_d.backward()\n         opt_d.step()\n         score = D(fake)",
    ),
    "A list of each round's terms is never emptied": (
        "import torch\nw = torch.ones(2, requires_grad=True)\nterms = []\ndef finish():\n"
        "    torch.stack(terms).sum().backward()\n"
        "for episode in range(2):\n    for t in range(3):\n        terms.append((w.exp() * t).sum())\n    finish()",
        "terms carries its graph from one round of the loop into the next",
        "before line 7:  terms.clear()",
    ),
    "Classes are given as floats, which they were not before": (
        "import torch\nout = torch.randn(4, 3, requires_grad=True)\nlabels = torch.tensor([0, 2, 1, 0])\n"
        "loss = torch.nn.functional.cross_entropy(out, labels.float())",
        "Positions, classes and bits are whole numbers: int64.",
        "line 4:  loss = torch.nn.functional.cross_entropy(out, labels)",
    ),
    "An object of a function with a gradient of its own is called": (
        "import torch\ndef forward(ctx, x):\n    return x * 2\ndef backward(ctx, g):\n    return g * 2\n"
        "Twice = type('Twice', (torch.autograd.Function,), {'forward': forward, 'backward': backward})\n"
        "twice = Twice()\ny = twice(torch.ones(2, requires_grad=True))",
        "an object of such a class is not called: the class is, by apply().",
        "line 7:  twice = Twice.apply",
    ),
    "fakes that go through the second of two passes": (
        f"{PAIR}for i in range(2):\n    fake = G(torch.randn(4, 3))\n    bce(D(torch.randn(4, 2)), torch.ones(4, 1)).backward()\n"
        "    loss = bce(D(fake), torch.zeros(4, 1))\n    loss.backward()\n    d_opt.step()\n"
        "    of_fake = bce(D(fake), torch.ones(4, 1))\n    of_fake.backward()",
        "line 14 needs what line 11 freed: both go through AddmmBackward0",
        "line 10:  loss = bce(D(fake.detach()), torch.zeros(4, 1))",
    ),
    "a step between two passes of a round": (
        f"{PAIR}for i in range(2):\n    score = D(G(torch.randn(4, 3)))\n    loss = -score.mean()\n"
        "    bce(score, torch.zeros(4, 1)).backward(retain_graph=True)\n    d_opt.step()\n    loss.backward()",
        "line 11 wrote over a value that line 8 had saved for backward.",
        "before line 12:  score = D(G(torch.randn(4, 3)))\n                 loss = -score.mean()",
    ),
    "a module that is no module yet": (
        f"{HEAD}model = nn.Sequential(nn.Linear(3, 2), nn.ReLU, nn.Linear(2, 1))",
        "",
        "line 3:  model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))",
    ),
    "a loss that is a class": (
        f"{HEAD}criterion = nn.CrossEntropyLoss\nloss = criterion(torch.ones(2, 3), torch.tensor([0, 1]))",
        "The class was given the tensors",
        "line 3:  criterion = nn.CrossEntropyLoss()",
    ),
    "a mean that is printed as a method": (
        "hits = torch.ones(3).mean\nprint(f'{hits:.2f}')",
        "hits is the method torch.ones(3).mean, which was not called.",
        "line 1:  hits = torch.ones(3).mean()",
    ),
    "losses as a FloatTensor": (
        f"{NET}out = net(torch.ones(2, 3))\na, b = out.mean(), (out ** 2).mean()\n"
        "loss = (torch.FloatTensor([a, b]) * 2).sum()\nloss.backward()",
        "the graph was cut at line 7",
        "line 7:  loss = (torch.stack([a, b]) * 2).sum()",
    ),
    "losses in a tensor that is told to require grad": (
        f"{NET}for i in range(2):\n    out = net(torch.ones(2, 3))\n    loss = torch.tensor([out.mean(), out.sum()]).sum()\n"
        "    loss.requires_grad = True\n    opt.zero_grad()\n    loss.backward()\n    opt.step()",
        "The pass before it ended at loss, a leaf of its own: the graph was cut at line 7",
        "line 7:  loss = torch.stack([out.mean(), out.sum()]).sum()\nwithout line 8",
    ),
    "classes in the place of scores": (
        f"{HEAD}net = nn.Linear(3, 4)\nx, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 3, 0])\nout = net(x)\n"
        "best = torch.softmax(out, 1).argmax(1).float()\nloss = nn.CrossEntropyLoss()(best, y)",
        "best has the classes that argmax chose, and the loss takes the scores.",
        "line 7:  loss = nn.CrossEntropyLoss()(out, y)",
    ),
    "a penalty at what was mixed in a function": (
        f"{NET}def penalty(net, a, b):\n    mixed = 0.5 * a + 0.5 * b\n    out = net(mixed)\n"
        "    grad = torch.autograd.grad(out.sum(), mixed, create_graph=True)[0]\n"
        "    return (grad.norm(2, dim=1) - 1).pow(2).mean()\n"
        "loss = penalty(net, torch.ones(2, 3), torch.zeros(2, 3))",
        "mixed does not require grad",
        "before line 7:  mixed.requires_grad_()",
    ),
    "a gradient at what was detached on the way": (
        f"{NET}x = torch.rand(4, 3, requires_grad=True)\nout = net((x * 2).detach())\ngrad = torch.autograd.grad(out.sum(), x)",
        "the way from x to out.sum() was cut at line 6.",
        "line 6:  out = net(x * 2)",
    ),
    "a checkpoint that was not told": (
        f"{NET}from torch.utils.checkpoint import checkpoint\nout = checkpoint(net, torch.ones(2, 3))\nout.sum().backward()",
        "checkpoint ran under no_grad",
        "line 6:  out = checkpoint(net, torch.ones(2, 3), use_reentrant=False)",
    ),
    "dropout under a vmap that was made before": (
        f"{HEAD}drop = nn.Dropout(0.5)\ndef f(x):\n    return drop(x).sum()\neach = torch.func.vmap(torch.func.grad(f))\n"
        "found = each(torch.ones(3, 2))",
        "Under vmap all examples draw the same numbers or each its own",
        "line 6:  each = torch.func.vmap(torch.func.grad(f), randomness='different')",
    ),
    "a picture that is no leaf in the second round": (
        f"{HEAD}x = torch.rand(3, requires_grad=True)\nfor i in range(3):\n    loss = (x ** 2).sum()\n    loss.backward()\n"
        "    x = x - 0.1 * x.grad.sign()\n    x = torch.clamp(x, 0, 1)",
        "line 8 bound x to a computed tensor",
        "after line 8:  x = x.detach().requires_grad_()",
    ),
    "the same in a function": (
        f"{HEAD}def attack(x, n):\n    x = x.clone().requires_grad_()\n    for i in range(n):\n"
        "        (x ** 2).sum().backward()\n"
        "        x = x - 0.1 * x.grad.sign()\n    return x\nfound = attack(torch.rand(3), 3)",
        "x.grad is None because x is computed",
        "before line 8:  x = x.detach().requires_grad_()",
    ),
    "the deviation of one reward": (
        "r = torch.tensor([1.])\nr = (r - r.mean()) / (r.std() + 1e-8)",
        "A deviation, or a variance, divides by one less than the number of elements",
        "line 2:  r = (r - r.mean()) / (r.std(correction=0) + 1e-8)",
    ),
    "the deviation of one element behind a gradient": (
        "x = torch.tensor([[3.]], requires_grad=True)\ny = (x - x.mean()) / (x.std() + 1e-8)\ny.sum().backward()",
        "x.grad is nan",
        "line 2:  y = (x - x.mean()) / (x.std(correction=0) + 1e-8)",
    ),
    "a backward hook of before": (
        f"{HEAD}net = nn.Sequential(nn.Linear(2, 2), nn.Flatten())\n"
        "net.register_backward_hook(lambda module, wants, gives: None)\n"
        "out = net(torch.ones(1, 2, 2))",
        "register_backward_hook is the hook of before",
        "line 4:  net.register_full_backward_hook(lambda module, wants, gives: None)",
    ),
    "a list of arrays": (
        "import numpy as np\nt = torch.tensor([np.ones(2), np.zeros(2)])",
        "A list of arrays is gone through element by element",
        "line 2:  t = torch.tensor(np.array([np.ones(2), np.zeros(2)]))",
    ),
    "a tensor that is no list": (
        "x = torch.tensor([1., 2.])\nx.append(3.)",
        "x is a tensor, and keeps its size",
        "line 2:  x = torch.cat([x, torch.tensor([3.])])",
    ),
    "a state of two, both of too few layers": (
        f"{HEAD}lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True)\nh = torch.zeros(1, 2, 4)\nc = torch.zeros(1, 2, 4)\n"
        "out = lstm(torch.randn(2, 5, 3), (h, c))",
        "a state is (layers, batch, hidden size), which is (2, 2, 4) here",
        "line 4:  h = torch.zeros(2, 2, 4)\nline 5:  c = torch.zeros(2, 2, 4)",
    ),
    "what an LSTM gives, as a whole": (
        f"{HEAD}lstm, fc = nn.LSTM(3, 4), nn.Linear(4, 1)\nout = lstm(torch.randn(2, 5, 3))\ny = fc(out)",
        "fc() takes a Tensor as input, and was given a tuple.",
        "line 5:  y = fc(out[0])",
    ),
    "a batch of one in a loss": (
        f"{HEAD}loss = nn.BCEWithLogitsLoss()\nout = torch.ones(1, 1)\ny = loss(out.squeeze(), torch.ones(1))",
        "Input and target do not have the sizes that belong together.",
        "line 5:  y = loss(out.squeeze(-1), torch.ones(1))",
    ),
    "the layer behind a wrapper": (
        f"{HEAD}net = nn.DataParallel(nn.Linear(2, 1))\nw = net.weight",
        "net is a DataParallel: what it wraps, net.module, has weight.",
        "line 4:  w = net.module.weight",
    ),
    "a mask that was to be turned over": (
        "mask = torch.tensor([True, False])\nother = 1 - mask",
        "~ turns a mask over",
        "line 2:  other = ~mask",
    ),
    "a scaler that multiplied nothing": (
        f"{NET}scaler = torch.amp.GradScaler('cpu')\nnet(torch.ones(3)).backward()\nscaler.step(opt)",
        "scaler has multiplied no loss yet",
        "line 6:  scaler.scale(net(torch.ones(3))).backward()",
    ),
    "gradients that were divided before": (
        f"{NET}scaler = torch.amp.GradScaler('cpu')\nscaler.scale(net(torch.ones(3))).backward()\nscaler.unscale_(opt)\n"
        "scaler.unscale_(opt)",
        "the gradients were divided by the factor of scaler in this round already.",
        "without line 8",
    ),
    "outputs that are filled with data": (
        f"{NET}def run(x):\n    outputs = torch.zeros_like(x)\n    for t in range(2):\n        y = net(x[t])\n"
        "        outputs[t] = y.data\n    return outputs\nx = torch.ones(2, 3)\nrun(x).sum().backward()",
        "the graph was cut at line 9: .data gives another handle on the memory",
        "line 9:  outputs[t] = y",
    ),
    "losses that are filled with numbers": (
        f"{NET}losses = torch.zeros(2)\nfor t in range(2):\n    losses[t] = net(torch.ones(3)).item()\n"
        "losses.mean().backward()",
        "the graph was cut at line 7: item() gives a number, and numbers have no graph.",
        "line 7:  losses[t] = net(torch.ones(3))",
    ),
    "a new layer that is frozen with the others": (
        f"{HEAD}net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))\nfor p in net.parameters():\n"
        "    p.requires_grad = False\nopt = torch.optim.SGD(filter(lambda p: p.requires_grad, net.parameters()), lr=0.1)",
        "all 4 parameters of net are frozen, and the list is of those that require grad.",
        "before line 6:  net[2].requires_grad_()",
    ),
    "a factor for each example, twice in a line": (
        "abar = torch.linspace(0.1, 0.9, 4)\nx, noise = torch.ones(4, 2), torch.zeros(4, 2)\na = abar[torch.arange(4)]\n"
        "y = a.sqrt() * x + (1 - a).sqrt() * noise",
        "a.sqrt() (4,) and x (4, 2) do not broadcast",
        "before line 4:  a = a.unsqueeze(1)",
    ),
    "a cycle for fewer steps than the loops make": (
        f"{NET}plan = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.1, total_steps=3)\nfor epoch in range(2):\n"
        "    for i in range(0, 12, 4):\n        opt.step()\n        plan.step()",
        "The loops around it make 2 times 3, which is 6.",
        "line 5:  plan = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.1, total_steps=6)",
    ),
    "a cycle by epochs whose batches are others": (
        f"{NET}{DATA}plan = torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, epochs=2, steps_per_epoch=4)\nfor epoch in range(2):\n"
        "    for x, y in data:\n        opt.step()\n        plan.step()",
        "plan was told that there are 8 steps in all",
        "line 6:  plan = torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, epochs=2, steps_per_epoch=8)",
    ),
    "a plateau of nothing": (
        f"{NET}plan = torch.optim.lr_scheduler.ReduceLROnPlateau(opt)\nfor i in range(2):\n"
        "    val_loss = net(torch.ones(3)).item()\n    rate = 0.5\n    plan.step()",
        "plan.step() was not given metrics",
        "line 9:  plan.step(val_loss)",
    ),
    "a deviation that may be below 0": (
        "x = torch.tensor([[1., -2.]])\nd = torch.distributions.Normal(torch.zeros(1, 2), x * 2)",
        "scale of Normal must be greater than 0, and x * 2 has -4.",
        "line 2:  d = torch.distributions.Normal(torch.zeros(1, 2), (x * 2).exp())",
    ),
    "scores in the place of a policy's probabilities": (
        f"{HEAD}from torch.distributions import Categorical\nout = torch.tensor([[2., -1.]])\npi = Categorical(out)",
        "probs of Categorical must be probabilities, at least 0, that add up to 1, and out has -1.",
        "line 5:  pi = Categorical(out.softmax(-1))",
    ),
    "a mean that is nan": (
        "m = torch.tensor([0.]) / 0\nd = torch.distributions.Normal(m, 1.)",
        "m holds nan, and loc of Normal must be a number",
        None,
    ),
    "distances of one tensor, which is detached twice": (
        f"{HEAD}net = nn.Linear(3, 2)\ne = net(torch.rand(4, 3))\nd = torch.cdist(e.detach(), e.detach())\nd.sum().backward()",
        "the graph was cut at line 5",
        "line 5:  d = torch.cdist(e, e)",
    ),
    "a list of what gives parameters": (
        f"{HEAD}a, b = nn.Linear(3, 2), nn.Linear(2, 1)\nopt = torch.optim.SGD([a.parameters(), b.parameters()], lr=0.1)",
        "",
        "line 4:  opt = torch.optim.SGD([{'params': a.parameters()}, {'params': b.parameters()}], lr=0.1)",
    ),
    "one action for each row of values": (
        f"{HEAD}net = nn.Linear(3, 2)\na = torch.tensor([0, 1, 1, 0])\nq = net(torch.ones(4, 3)).gather(1, a)",
        "The operation wants another number of dimensions.",
        "line 5:  q = net(torch.ones(4, 3)).gather(1, a.unsqueeze(1)).squeeze(1)",
    ),
}
OF_CLASSES = {
    "a softmax before the loss": (
        module("self.fc = nn.Linear(3, 2)\nself.out = nn.Softmax(dim=1)", "return self.out(self.fc(x))")
        + "net = Net()\nloss = nn.CrossEntropyLoss()(net(torch.ones(4, 3)), torch.tensor([0, 1, 0, 1]))\nloss.backward()",
        "applies the softmax itself and wants scores",
        "line 7:  self.out = nn.Identity()",
    ),
    "a write into what a loop had saved": (
        module(
            "self.w = nn.Parameter(torch.randn(3, 3))",
            "b = self.w @ x\ny = 0\nfor i in range(3):\n    b[i] = b[i] + 1\n    y = y + self.w @ b\nreturn y",
        )
        + "net = Net()\nnet(torch.ones(3, 1)).sum().backward()",
        "line 11 wrote over a value that line 12 had saved for backward.",
        "before line 11:  b = b.clone()",
    ),
    "a class in the place of a network": (
        module("self.fc = nn.Linear(3, 2)", "return self.fc(x)")
        + "model = Net\nopt = torch.optim.SGD(model.parameters(), lr=0.1)",
        "model is Net itself, which was not called.",
        "line 9:  model = Net()",
    ),
    "what is computed of a parameter when it is set": (
        module("self.w = nn.Parameter(torch.randn(3))\nself.twice = self.w * 2", "return x * self.twice")
        + OPTIMISED
        + ROUNDS,
        "net.twice carries its graph from one round of the loop into the next",
        "before line 9:  self.twice = self.w * 2",
    ),
    "a parameter that is computed when it is set": (
        module(
            "self.alpha = nn.Parameter(torch.zeros(1)).sigmoid()\nself.fc = nn.Linear(3, 1)",
            "return self.alpha * self.fc(x)",
        )
        + OPTIMISED
        + ROUNDS,
        "net.alpha carries its graph from one round of the loop into the next",
        "line 6:  self.alpha = nn.Parameter(torch.zeros(1).sigmoid())",
    ),
    "a mean that a part of a network carries on": (
        module(
            "self.mean = torch.zeros(3)",
            "self.mean = 0.9 * self.mean + 0.1 * x.mean(0)\nreturn x - self.mean",
        )
        + "net = nn.Sequential(nn.Linear(3, 3), Net())\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        + ROUNDS,
        "net[1].mean carries its graph from one round of the loop into the next",
        "before line 13:  net[1].mean = net[1].mean.detach()",
    ),
    "a copy of a network that keeps what it computed": (
        module("self.w = nn.Parameter(torch.randn(3))\nself.twice = self.w * 2", "return x * self.twice")
        + "import copy\nnet = Net()\nother = copy.deepcopy(net)",
        "net.twice (MulBackward0, line 7) is computed",
        "before line 12:  net.twice = net.twice.detach()",
    ),
    "an encoder whose network is a function's": (
        module(
            "self.enc, self.dec = nn.Linear(3, 2), nn.Linear(2, 3)",
            "z = self.enc(x).detach()\nreturn self.dec(z)",
        )
        + "def train(net):\n    opt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "    for i in range(2):\n        opt.zero_grad()\n"
        "        net(torch.ones(2, 3)).sum().backward()\n        opt.step()\ntrain(Net())",
        "The way to what was differentiated was cut at line 8.",
        "line 8:  z = self.enc(x)",
    ),
    "a forward pass by another name": (
        module("self.fc = nn.Linear(3, 2)", "return self.fc(x)").replace("def forward", "def foward")
        + "net = Net()\nout = net(torch.ones(1, 3))",
        "net has no forward pass: foward, which is nearly forward, is another name.",
        "line 7:  def forward(…",
    ),
    "a layer that is the constructor's own": (
        module("fc = nn.Linear(3, 2)", "return self.fc(x)") + "net = Net()\nout = net(torch.ones(1, 3))",
        "self has no fc: the constructor binds a name of its own, and not self.fc.",
        "line 6:  self.fc = nn.Linear(3, 2)",
    ),
    "a forward pass that gives nothing": (
        module("self.fc = nn.Linear(3, 2)", "self.fc(x)") + "loss = Net()(torch.ones(1, 3)).mean()",
        "Net()(torch.ones(1, 3)) is None: forward() reached its end without a return.",
        "line 8:  return self.fc(x)",
    ),
    "one layer at several places": (
        module(
            "self.layers = nn.ModuleList([nn.Linear(3, 3)] * 3)",
            "for each in self.layers:\n    x = each(x)\nreturn x",
        )
        + "net = Net()",
        "no statement has failed. What may not have been meant:",
        "line 6:  self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(3)])",
    ),
    "what a hook kept before it was written over": (
        module("self.fc, self.act = nn.Linear(3, 3), nn.ReLU(inplace=True)", "return self.act(self.fc(x))")
        + "seen = {}\ndef keep(module, given, output):\n    seen['fc'] = output.detach()\nnet = Net()\n"
        "net.fc.register_forward_hook(keep)\nout = net(torch.randn(2, 3))",
        "no statement has failed. What may not have been meant:",
        "line 11:  seen['fc'] = output.detach().clone()",
    ),
    "a table that lacks the last word": (
        module("self.emb = nn.Embedding(words, 2)", "return self.emb(x)").replace(
            "__init__(self)", "__init__(self, words)"
        )
        + "net = Net(3)\nout = net(torch.tensor([0, 3]))",
        "x holds 3, and self.emb has 3 rows, 0 to 2.",
        "line 6:  self.emb = nn.Embedding(words + 1, 2)",
    ),
    "a gradient of its own that is not transposed": (
        f"{HEAD}class Linear(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x, w):\n"
        "        ctx.save_for_backward(x, w)\n        return x @ w.t()\n    @staticmethod\n    def backward(ctx, g):\n"
        "        x, w = ctx.saved_tensors\n        return g @ w, x.t() @ g\n"
        "x, w = torch.ones(4, 3), torch.ones(2, 3, requires_grad=True)\nLinear.apply(x, w).sum().backward()",
        "the backward of Linear gives a gradient of shape (3, 2) for an argument of forward that has shape (2, 3).",
        "line 11:  return g @ w, (x.t() @ g).t()",
    ),
    "a queue that is written behind its product": (
        module(
            "self.fc = nn.Linear(3, 2)\nself.register_buffer('queue', torch.ones(2, 4))",
            "out = self.fc(x) @ self.queue\nself.queue[:, :1] = 2\nreturn out",
        )
        + "net = Net()\nnet(torch.ones(1, 3)).sum().backward()",
        "line 10 wrote over a value that line 9 had saved for backward.",
        "line 9:  out = self.fc(x) @ self.queue.clone()",
    ),
    "a table that is longer than the text": (
        module("self.register_buffer('pe', torch.ones(1, 20, 3))", "return x + self.pe")
        + "net = Net()\nout = net(torch.ones(2, 6, 3))",
        "x (2, 6, 3) and self.pe (1, 20, 3) do not broadcast",
        "line 8:  return x + self.pe[:, :x.size(1)]",
    ),
    "an agent whose actor is detached": (
        f"{HEAD}class Agent:\n    def __init__(self):\n        self.actor, self.critic = nn.Linear(3, 1), nn.Linear(4, 1)\n"
        "        self.opt = torch.optim.SGD(self.actor.parameters(), lr=0.1)\n    def learn(self, s):\n"
        "        loss = -self.critic(torch.cat([s, self.actor(s).detach()], 1)).mean()\n        self.opt.zero_grad()\n"
        "        loss.backward()\n        self.opt.step()\nagent = Agent()\nagent.learn(torch.ones(2, 3))",
        "the way from agent.actor.weight to what was differentiated was cut at line 8.",
        "line 8:  loss = -self.critic(torch.cat([s, self.actor(s)], 1)).mean()",
    ),
    "a network whose buffer is double": (
        module("self.register_buffer('m', torch.zeros(3, dtype=torch.float64))", "return x - self.m")
        + "net = nn.Sequential(Net(), nn.Linear(3, 1))\nx = torch.ones(2, 3)\nout = net(x)",
        "This operation does not promote: its tensors must have one dtype.",
        "before line 11:  net.float()",
    ),
    "a state that an object keeps": (
        f"{HEAD}class Best:\n    def __init__(self):\n        self.state = None\n    def keep(self, net):\n"
        "        self.state = net.state_dict()\nnet, best = nn.Linear(3, 1), Best()\nbest.keep(net)\n"
        "net.load_state_dict(best.state)",
        "best.state holds the very tensors of net, not copies",
        "line 7:  self.state = {name: each.clone() for name, each in net.state_dict().items()}",
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_bug_of_a_thread_is_named_with_a_way_out(name: str) -> None:
    text, title, way = QUESTIONS[name]
    found = asked(text)
    assert title in found.title
    assert way is None or way in [each.text for each in found.ways]


@pytest.mark.parametrize("name", OF_CLASSES)
def test_the_bug_of_a_thread_with_classes_is_named_by_its_lines(name: str) -> None:
    text, title, way = OF_CLASSES[name]
    found = of_refused(text)
    assert isinstance(found.then, Why)
    assert title in found.then.title
    assert found.then.ways[0].text == way
    assert found.then.ways[0].number == 1


def test_a_constructor_that_does_not_call_that_of_its_base_can_be_completed() -> None:
    text = module("self.fc = nn.Linear(3, 2)", "return self.fc(x)").replace(
        "        super().__init__()\n", ""
    )
    session = Session()
    found = of_refused(f"{text}net = Net()\nout = net(torch.ones(2, 4))", session)
    assert [(way.number, way.text) for way in found.ways][1:] == [(3, "before line 5:  super().__init__()")]
    assert found.then is not None
    assert [way.number for way in found.then.ways] == [1]
    *_, last = session.run("fix 3")
    assert last.error is not None
    assert "mat1 and mat2 shapes" in last.error.message


def test_a_class_without_its_indent_is_called_a_class() -> None:
    found = of_refused("import torch\nclass Net(torch.nn.Module):\ndef forward(self, x):\nreturn x")
    assert found.title == "line 3 is no Python: expected an indented line after 'class' at line 2."


TRAPS = {
    "zero_grad() in each round, and a step in some": (
        f"{NET}{DATA}for i, (x, y) in enumerate(data):\n    opt.zero_grad()\n    ((net(x) - y) ** 2).mean().backward()\n"
        "    if i % 2:\n        opt.step()",
        ("TSC-H045", 7),
        "line 7:  ((net(x) - y) ** 2).mean().backward()\n         if i % 2:\n             opt.step()\n"
        "             opt.zero_grad()",
    ),
    "a clip with a scaler's factor in the gradients": (
        f"{NET}{DATA}scaler = torch.amp.GradScaler('cpu')\nfor x, y in data:\n    opt.zero_grad()\n"
        "    scaler.scale(((net(x) - y) ** 2).mean()).backward()\n"
        "    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.)\n    scaler.step(opt)\n    scaler.update()",
        ("TSC-H046", 10),
        "before line 10:  scaler.unscale_(opt)",
    ),
    "a scheduler that goes on with each batch": (
        f"{NET}{DATA}plan = torch.optim.lr_scheduler.ExponentialLR(opt, 0.1)\nfor epoch in range(3):\n    for x, y in data:\n"
        "        opt.zero_grad()\n        ((net(x) - y) ** 2).mean().backward()\n        opt.step()\n        plan.step()",
        ("TSC-H047", 11),
        "line 12:  plan.step()",
    ),
    "a forward pass before the loop": (
        f"{NET}x, y = torch.randn(4, 3), torch.randn(4, 1)\nout = net(x)\nfor i in range(3):\n"
        "    loss = (out - y).pow(2).mean()\n"
        "    opt.zero_grad()\n    loss.backward(retain_graph=True)\n    opt.step()",
        ("TSC-H048", 10),
        "before line 8:  out = net(x)",
    ),
    "a target that is the network": (
        f"{HEAD}from types import SimpleNamespace\nit = SimpleNamespace()\nit.net = nn.Linear(3, 1)\nit.target = it.net\n"
        "it.net(torch.ones(1, 3)).sum().backward()\n"
        "for p, t in zip(it.net.parameters(), it.target.parameters()):\n    t.data.mul_(0.9).add_(0.1 * p.data)\n"
        "    t.data.mul_(0.9).add_(p.data, alpha=0.1)",
        ("TSC-H037", 10),
        "line 6:  import copy\n         it.target = copy.deepcopy(it.net)",
    ),
    "a choice by its place": (
        f"{HEAD}logits = torch.zeros(4, requires_grad=True)\nvalues = torch.arange(4.0, requires_grad=True)\n"
        "opt = torch.optim.SGD([logits], lr=0.1)\nfor n in range(2):\n    i = logits.softmax(0).argmax()\n"
        "    loss = values[i] ** 2\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n    print(logits.tolist())",
        ("TSC-H026", 11),
        None,
    ),
    "an average that begins as the network": (
        f"{NET}mean = {{n: p.data for n, p in net.named_parameters()}}\n{ROUNDS}\nfor n, p in net.named_parameters():\n"
        "    mean[n] = 0.9 * mean[n] + 0.1 * p.data",
        ("TSC-H037", 11),
        "line 5:  mean = {n: p.data.clone() for n, p in net.named_parameters()}",
    ),
    "probabilities in the place of their logarithms, in a function": (
        f"{NET}F = nn.functional\ndef distil(out, target):\n"
        "    return F.kl_div(F.softmax(out, dim=1), target, reduction='batchmean')\n"
        "for i in range(2):\n    distil(torch.randn(2, 3, requires_grad=True), torch.ones(2, 3) / 3)",
        ("TSC-H023", 7),
        "line 7:  return F.kl_div(F.log_softmax(out, dim=1), target, reduction='batchmean')",
    ),
    "errors that are summed in a function": (
        f"{NET}def squared(out, y):\n    return (out - y) ** 2 / 2\nloss = squared(net(torch.ones(2, 3)), torch.ones(2)).sum()",
        ("TSC-H012", 6),
        "line 6:  return (out.squeeze(1) - y) ** 2 / 2",
    ),
    "degrees that are counted in a function": (
        f"{HEAD}def degrees(edges):\n    row, col = edges\n    deg = torch.zeros(3)\n    deg[row] += 1\n    return deg\n"
        "found = degrees(torch.tensor([[0, 0, 1], [1, 2, 0]]))",
        ("TSC-H006", 6),
        "line 6:  deg.index_put_((row,), torch.tensor(1, dtype=deg.dtype), accumulate=True)",
    ),
}
RIGHT = {
    "gradients that add up": (
        f"{NET}{DATA}for i, (x, y) in enumerate(data):\n    ((net(x) - y) ** 2).mean().backward()\n    if i % 2:\n"
        "        opt.step()\n        opt.zero_grad()"
    ),
    "two optimizers in turn": (
        f"{PAIR}for i in range(8):\n    d_opt.zero_grad()\n    g_opt.zero_grad()\n    D(G(torch.randn(4, 3))).mean().backward()\n"
        "    (d_opt if i % 2 else g_opt).step()\n    d_opt.step() if i % 2 else None"
    ),
    "gradients of each example, read before they are dropped": (
        f"{NET}{DATA}for i in range(3):\n    total = [torch.zeros_like(p) for p in net.parameters()]\n    for x, y in data:\n"
        "        opt.zero_grad()\n        ((net(x) - y) ** 2).mean().backward()\n"
        "        for t, p in zip(total, net.parameters()):\n"
        "            t.add_(p.grad)\n    for t, p in zip(total, net.parameters()):\n        p.grad = t / 8\n    opt.step()"
    ),
    "two bad batches": (
        f"{NET}{DATA}for i, (x, y) in enumerate(data):\n    opt.zero_grad()\n    ((net(x) - y) ** 2).mean().backward()\n"
        "    if i in (2, 5):\n        continue\n    opt.step()"
    ),
    "a closure that makes several passes": (
        f"{HEAD}x = torch.ones(2, requires_grad=True)\nopt = torch.optim.LBFGS([x], max_iter=4)\ndef closure():\n"
        "    opt.zero_grad()\n    loss = ((x - 3) ** 4).sum()\n    loss.backward()\n    return loss\nfor i in range(3):\n"
        "    opt.step(closure)"
    ),
    "a clip of gradients that were divided": (
        f"{NET}{DATA}scaler = torch.amp.GradScaler('cpu')\nfor x, y in data:\n    opt.zero_grad()\n"
        "    scaler.scale(((net(x) - y) ** 2).mean()).backward()\n    scaler.unscale_(opt)\n"
        "    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.)\n    scaler.step(opt)\n    scaler.update()"
    ),
    "a rate that falls to its end": (
        f"{NET}plan = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=8)\nfor i in range(8):\n    opt.zero_grad()\n"
        "    net(torch.ones(1, 3)).sum().backward()\n    opt.step()\n    plan.step()"
    ),
    "a generator whose critic made a step": (
        f"{PAIR}for i in range(3):\n    fake = G(torch.randn(4, 3))\n    d_opt.zero_grad()\n"
        "    bce(D(fake.detach()), torch.zeros(4, 1)).backward()\n    d_opt.step()\n    g_opt.zero_grad()\n"
        "    bce(D(fake), torch.ones(4, 1)).backward()\n    g_opt.step()"
    ),
    "layers that are tied, and an average of its own": (
        f"{HEAD}net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))\nnet[1].weight = net[0].weight\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\nmean = {n: p.detach().clone() for n, p in net.named_parameters()}\n"
        f"{ROUNDS}\nsame = torch.equal(net[0].weight, net[1].weight)\nfor n, p in net.named_parameters():\n"
        "    mean[n] = 0.9 * mean[n] + 0.1 * p.data"
    ),
}


def test_a_false_alarm_in_a_loop_is_told_at_the_pass_that_failed() -> None:
    text = f"{HEAD}w = torch.ones(2, requires_grad=True)\nfor i in range(2):\n    e = w.exp()\n    e *= 1\n    e.sum().backward()"
    assert check(text) == [("TSC-H009", 7)]


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_of_a_thread_is_told_with_a_way_out(name: str) -> None:
    text, place, way = TRAPS[name]
    assert check(text) == [place]
    assert way is None or asked(text).ways[0].text.startswith(way)


def test_what_a_print_shows_is_not_where_a_graph_ends() -> None:
    found = asked(TRAPS["a choice by its place"][0])
    assert "the way from logits to what was differentiated was cut at line 7." in found.title


@pytest.mark.parametrize("name", RIGHT)
def test_nothing_is_told_of_a_training_that_is_right(name: str) -> None:
    assert check(RIGHT[name]) == []
