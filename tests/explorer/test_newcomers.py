"""Questions that newcomers ask on forums: what `why` says of each, and the first way out that it shows."""

import pytest

from tensorcli.explorer.session import Session
from tests.explorer.why_of import asked

NET = "from torch import nn\nnet = nn.Linear(4, 3)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
DATA = f"{NET}x, y = torch.rand(5, 4), torch.tensor([0, 1, 2, 0, 1])\n"


QUESTIONS = {
    "a loss of the best classes": (
        f"{DATA}preds = net(x).softmax(1).argmax(1).float()\nloss = nn.MSELoss()(preds, y.float())\nloss.backward()",
        "",
        "the graph was cut at line 5: argmax gives int64",
        "before line 7:  loss = torch.nn.functional.cross_entropy(net(x), y)",
    ),
    "a count that was told to require grad": (
        f"{DATA}loss = (net(x).argmax(1) != y).float().mean()\nloss.requires_grad = True\nloss.backward()\nopt.step()",
        "",
        "The pass before it ended at loss, a leaf of its own: the graph was cut at line 5: argmax gives int64",
        "before line 7:  loss = torch.nn.functional.cross_entropy(net(x), y)",
    ),
    "a Variable of .data": (
        f"{DATA}from torch.autograd import Variable\nloss = net(x).mean()\nloss = Variable(loss.data, requires_grad=True)\n"
        "loss.backward()\nopt.step()",
        "",
        "The pass before it ended at loss, a leaf of its own: the graph was cut at line 7: .data",
        "without line 7",
    ),
    "a sum of numbers": (
        f"{DATA}total = 0\nfor i in range(2):\n    total += net(x).mean().item()\n"
        "loss = torch.tensor(total, requires_grad=True)\nloss.backward()",
        "net.bias.grad",
        "because the backward pass ended at loss, a leaf of its own: the graph ends at line 8",
        "line 7:  total += net(x).mean()\nline 8:  loss = total",
    ),
    "a list of losses as a tensor": (
        f"{DATA}losses = [net(x).mean() for i in range(2)]\nloss = torch.tensor(losses, requires_grad=True).mean()\n"
        "loss.backward()",
        "net.bias.grad",
        "because the backward pass ended at a leaf without a name",
        "line 6:  loss = torch.stack(losses).mean()",
    ),
    "a threshold in a loss": (
        f"{DATA}hit = (net(x).sigmoid() > 0.5).float()\nhit.mean().backward()",
        "",
        "the graph was cut at line 5: gt gives bool",
        "line 5:  hit = net(x).sigmoid().float()",
    ),
    "weights of classes that require grad": (
        f"{DATA}w = torch.ones(3, requires_grad=True)\nloss = nn.functional.cross_entropy(net(x), y, weight=w)",
        "",
        "nll_loss_forward gives its weight no gradient, and refuses one that requires grad.",
        "line 6:  loss = nn.functional.cross_entropy(net(x), y, weight=w.detach())",
    ),
    "whole numbers in a loss": (
        f"{DATA}out = net(x).long()\nout.float().mean().backward()",
        "",
        "the graph was cut at line 5: long gives int64",
        "line 5:  out = net(x)",
    ),
    "grad mode that was left off": (
        f"torch.set_grad_enabled(False)\n{DATA}loss = net(x).mean()\nloss.backward()",
        "",
        "net ran with grad mode off (since line 1)",
        "before line 6:  torch.set_grad_enabled(True)",
    ),
    "an update that took the leaf's name": (
        "w = torch.tensor(1., requires_grad=True)\nfor i in range(2):\n    (w * w).backward()\n    with torch.no_grad():\n"
        "        w = w - 0.1 * w.grad\n    w.grad.zero_()",
        "",
        "w.grad is None because w does not require grad: the graph was cut at line 5",
        "line 5:  w -= 0.1 * w.grad",
    ),
    "a sample without an edge, asked of the gradient": (
        "from torch.distributions import Normal\nm = torch.zeros(2, requires_grad=True)\nz = Normal(m, 1.).sample()\n"
        "z.sum().backward()",
        "m.grad",
        "m.grad is None because the backward pass at line 4 failed. z.sum() does not require grad",
        "line 3:  z = Normal(m, 1.).rsample()",
    ),
    "a checkpoint of a module alone": (
        f"{DATA}from torch.utils.checkpoint import checkpoint\nz = checkpoint(net, x, use_reentrant=True)\n"
        "z.sum().backward()",
        "",
        "checkpoint ran under no_grad",
        "line 6:  z = checkpoint(net, x, use_reentrant=False)",
    ),
    "rounded probabilities": (
        f"{DATA}p = net(x).sigmoid().round()\np.mean().backward()",
        "",
        "net.bias.grad is [0., 0., 0.]: it became zero in RoundBackward0 (line 5): its slope is 0 everywhere.",
        "line 5:  p = net(x).sigmoid()",
    ),
    "a step with the slope of its operand": (
        "w = torch.tensor([0.5, -1.], requires_grad=True)\n(torch.sign(w) - 1).pow(2).sum().backward()",
        "w.grad",
        "it became zero in SignBackward0 (line 2)",
        "line 2:  ((w + (torch.sign(w) - w).detach()) - 1).pow(2).sum().backward()",
    ),
    "a softmax over one score": (
        "w = torch.ones(4, 1, requires_grad=True)\np = w.softmax(1)\np.pow(2).sum().backward()",
        "w.grad",
        "it became zero in SoftmaxBackward0 (line 2): its results are 0 or 1 to the last digit, as they always are over one",
        "line 2:  p = w.sigmoid()",
    ),
    "a module that was told like a tensor": (
        f"{NET}net.requires_grad = False",
        "",
        "line 4: net.requires_grad is set on net alone: 2 parameters of it keep True.",
        "line 4:  net.requires_grad_(False)",
    ),
    "a part that was told nothing": (
        "net = torch.nn.Sequential(torch.nn.Dropout())\nnet.training = False",
        "",
        "line 2: net.training is set on net alone: 1 module of it keeps True.",
        "line 2:  net.eval()",
    ),
    "a learning rate where none is read": (
        f"{NET}opt.lr = 0.01",
        "",
        "a step goes by opt.param_groups, where it stays 0.1.",
        "line 4:  for group in opt.param_groups:\n             group['lr'] = 0.01",
    ),
    "a layer in a list of Python's": (
        "from torch import nn\nnet = nn.Linear(2, 1)\nnet.more = [nn.Linear(2, 2)]\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\nnet(net.more[0](torch.ones(2))).sum().backward()\nopt.step()",
        "",
        "opt does not hold what is in net.more, which has gradients: it is a list, and net.parameters() does not look there.",
        "line 3:  net.more = torch.nn.ModuleList([nn.Linear(2, 2)])",
    ),
    "a plain tensor of a module": (
        f"{NET}net.scale = torch.ones(3, requires_grad=True)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "(net.scale * net(torch.ones(4))).sum().backward()\nopt.step()",
        "",
        "opt does not hold what is in net.scale, which has gradients: it is a plain tensor",
        "line 4:  net.scale = torch.nn.Parameter(torch.ones(3, requires_grad=True))",
    ),
    "a loss that is computed once, before the loop": (
        "w = torch.tensor(1., requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nloss = (w * 3 - 1) ** 2\n"
        "for i in range(2):\n    opt.zero_grad()\n    loss.backward()\n    opt.step()",
        "",
        "line 6 goes back through PowBackward0 (line 3) more than once",
        "before line 6:  loss = (w * 3 - 1) ** 2",
    ),
    "data that carry a graph into each round": (
        "true = torch.tensor([2.], requires_grad=True)\ny = true.exp()\nw = torch.tensor([1.], requires_grad=True)\n"
        "for i in range(2):\n    loss = (w - y).pow(2).sum()\n    loss.backward()\n    with torch.no_grad():\n"
        "        w -= 0.1 * w.grad\n        w.grad.zero_()",
        "",
        "line 6 goes back through ExpBackward0 (line 2) more than once",
        "before line 3:  y = y.detach()",
    ),
    "a generator that the critic's pass goes through": (
        "from torch import nn\nG, D = nn.Linear(2, 2), nn.Linear(2, 1)\nfor i in range(2):\n"
        "    fake = G(torch.ones(3, 2)).tanh()\n    d = D(fake).mean()\n    d.backward()\n    g = -D(fake).mean()\n"
        "    g.backward()",
        "",
        "line 8 needs what line 6 freed: both go through TanhBackward0 (line 4)",
        "line 5:  d = D(fake.detach()).mean()",
    ),
    "a state that is kept with its graph": (
        "from torch import nn\ncell = nn.RNNCell(2, 3)\nopt = torch.optim.SGD(cell.parameters(), lr=0.1)\n"
        "h = torch.zeros(1, 3)\nfor i in range(3):\n    h = cell(torch.ones(1, 2), h)\n"
        "    h.sum().backward(retain_graph=True)\n    opt.step()\n    opt.zero_grad()",
        "",
        "wrote over a value that line 6 had saved for backward",
        "before line 6:  h = h.detach()",
    ),
    "an input that is told to require grad when the result is there": (
        f"{NET}x = torch.ones(4)\nout = net(x)\nx.requires_grad = True\nout.sum().backward()\nx.grad.data",
        "",
        "x.grad is None because x was told to require grad at line 6",
        "before line 5:  x.requires_grad = True",
    ),
    "an input of a round that is told to require grad too late": (
        f"{NET}for i in range(2):\n    x = torch.ones(4)\n    out = net(x)\n    x.requires_grad_()\n    out.sum().backward()\n"
        "    step = x.grad.sign()",
        "",
        "x.grad is None because x was told to require grad at line 7",
        "before line 6:  x.requires_grad_()",
    ),
    "a network that is bound to the report of a load": (
        f"{NET}net = net.load_state_dict(net.state_dict())\nnet(torch.ones(4))",
        "",
        "net is what load_state_dict() gave back: load_state_dict() is called for what it does to net.",
        "line 4:  net.load_state_dict(net.state_dict())",
    ),
    "a loss that is bound to its pass": (
        f"{NET}loss = net(torch.ones(4)).mean().backward()\nloss.item()",
        "",
        "loss is None: backward() is called for what it does to net(torch.ones(4)).mean(), and gives nothing back.",
        "line 4:  loss = net(torch.ones(4)).mean()\n         loss.backward()",
    ),
    "the outputs and the state of a recurrent layer": (
        f"{NET}lstm = nn.LSTM(2, 4)\nout = net(lstm(torch.ones(5, 1, 2)))",
        "",
        "net() takes a Tensor as input, and was given a tuple.",
        "line 5:  out = net(lstm(torch.ones(5, 1, 2))[0])",
    ),
    "a class of modules in the place of a module": (
        f"{NET}def forward(x):\n    return net(nn.ReLU(x))\nforward(torch.ones(4))",
        "",
        "net() takes a Tensor as input, and was given a ReLU.",
        "line 5:  return net(nn.ReLU()(x))",
    ),
    "single numbers, joined": (
        "parts = [torch.tensor(1.), torch.tensor(2.)]\ntorch.cat(parts)",
        "",
        "parts has single numbers: cat joins along a dimension, and they have none.",
        "line 2:  torch.stack(parts)",
    ),
    "an iterator of parameters that was used up": (
        f"{NET}params = net.parameters()\ncount = sum(p.numel() for p in params)\nopt = torch.optim.SGD(params, lr=0.1)",
        "",
        "params gives each parameter once, and was gone through before.",
        "line 4:  params = list(net.parameters())",
    ),
    "a conversion that nothing takes, and a network of doubles": (
        f"{NET}net.double()\nx = torch.ones(4)\nx.double()\nnet(x)",
        "",
        "its tensors must have one dtype",
        "line 7:  net(x.to(torch.float64))",
    ),
    "one class too few": (
        f"{NET}loss = nn.functional.cross_entropy(net(torch.ones(2, 4)), torch.tensor([1, 3]))",
        "",
        "torch.tensor([1, 3]) holds 3, and net(torch.ones(2, 4)) (2, 3) has 3 classes, 0 to 2.",
        "line 4:  loss = nn.functional.cross_entropy(net(torch.ones(2, 4)), torch.tensor([1, 3]) - 1)",
    ),
    "classes that begin with 0, one too many": (
        f"{NET}y = torch.tensor([0, 3])\nloss = nn.functional.cross_entropy(net(torch.ones(2, 4)), y)",
        "",
        "y holds 3, and net(torch.ones(2, 4)) (2, 3) has 3 classes, 0 to 2.",
        "line 2:  net = nn.Linear(4, 4)",
    ),
    "a class of -1 where there is none": (
        f"{NET}y = torch.tensor([-1, 2])\nloss = nn.functional.cross_entropy(net(torch.ones(2, 4)), y)",
        "",
        "y holds -1, and net(torch.ones(2, 4)) (2, 3) has 3 classes, 0 to 2.",
        "line 5:  loss = nn.functional.cross_entropy(net(torch.ones(2, 4)), y, ignore_index=-1)",
    ),
    "a word that an embedding has not": (
        "table = torch.nn.Embedding(3, 2)\nids = torch.tensor([2, 3])\ntable(ids)",
        "",
        "ids holds 3, and table has 3 rows, 0 to 2.",
        "line 1:  table = torch.nn.Embedding(4, 2)",
    ),
    "one-hot rows that are too short": (
        "y = torch.tensor([0, 3])\nrows = torch.nn.functional.one_hot(y, num_classes=3)",
        "",
        "y holds 3, and this one_hot has 3 classes, 0 to 2.",
        "line 2:  rows = torch.nn.functional.one_hot(y, num_classes=4)",
    ),
    "one image whose channels stand last": (
        "conv = torch.nn.Conv2d(3, 4, 3)\nimage = torch.rand(8, 9, 3)\nconv(image)",
        "",
        "dimension 1 of a batch (N, C, H, W) and 0 of one image (C, H, W)",
        "line 3:  conv(image.permute(2, 0, 1))",
    ),
    "layers in a list, of which one does not fit": (
        "layers = [torch.nn.Linear(4, 8), torch.nn.Linear(4, 2)]\ndef forward(x):\n    for layer in layers:\n"
        "        x = layer(x).relu()\n    return x\nforward(torch.ones(3, 4))",
        "",
        "The inner sizes of a matrix product must be equal.",
        "line 1:  layers = [torch.nn.Linear(4, 8), torch.nn.Linear(8, 2)]",
    ),
    "two leaves that are updated by name": (
        "w = torch.zeros(1, requires_grad=True)\nb = torch.zeros(1, requires_grad=True)\nfor step in range(2):\n"
        "    loss = (w * 2 + b - 1).pow(2).sum()\n    loss.backward()\n    w = w - 0.1 * w.grad\n    b = b - 0.1 * b.grad",
        "",
        "w.grad is None because line 6 bound w to a computed tensor",
        "line 6:  with torch.no_grad():\n             w -= 0.1 * w.grad\n             b -= 0.1 * b.grad",
    ),
    "a hidden state that is None at first": (
        "rnn = torch.nn.RNN(2, 3)\nhidden = None\nfor step in range(2):\n"
        "    out, hidden = rnn(torch.ones(1, 1, 2), hidden)\n    out.sum().backward()",
        "",
        "hidden carries its graph from one round of the loop into the next",
        "after line 5:  hidden = hidden.detach()",
    ),
    "a hidden state of two that is None at first": (
        "rnn = torch.nn.LSTM(2, 3)\nhidden = None\nfor step in range(2):\n"
        "    out, hidden = rnn(torch.ones(1, 1, 2), hidden)\n    out.sum().backward()",
        "",
        "hidden carries its graph from one round of the loop into the next",
        "after line 5:  hidden = tuple(each.detach() for each in hidden)",
    ),
    "a step before its pass": (
        f"{DATA}for i in range(2):\n    opt.zero_grad()\n    loss = nn.functional.cross_entropy(net(x), y)\n    opt.step()\n"
        "    loss.backward()",
        "",
        "this step",
        "line 8:  loss.backward()\n         opt.step()",
    ),
    "no_grad without its parentheses": (
        "w = torch.ones(2, requires_grad=True)\nwith torch.no_grad:\n    w -= 1",
        "",
        "torch.no_grad is a class: with opens what a call of it gives.",
        "line 2:  with torch.no_grad():",
    ),
    "a size that is not there": (
        "x = torch.ones(2, 3)\nn = x.shape[2]",
        "",
        "x.shape has 2 items, 0 to 1 or from the end -2 to -1; 2 is none of them.",
        "line 2:  n = x.shape[1]",
    ),
    "parameters in a dictionary": (
        "params = {'w': torch.ones(2, requires_grad=True)}\nopt = torch.optim.Adam(params)",
        "",
        "",
        "line 2:  opt = torch.optim.Adam(params.values())",
    ),
    "a tensor behind a text": (
        "loss = torch.ones(2).sum()\nprint('loss: ' + loss)",
        "",
        "the operator is not there for the two",
        "line 2:  print('loss: ' + str(loss))",
    ),
    "keys that are not transposed": (
        "q = k = torch.rand(2, 5, 8)\nscores = q @ k",
        "",
        "",
        "line 2:  scores = q @ k.transpose(-2, -1)",
    ),
    "a module that writes what a shortcut had saved": (
        f"{NET}relu = nn.ReLU(inplace=True)\nx = net(torch.ones(4))\nout = x * 2 + x * x + relu(x)\nout.sum().backward()",
        "",
        "saved a value for the backward pass and wrote over it",
        "line 4:  relu = nn.ReLU(inplace=False)",
    ),
    "the gradient at a column that was taken apart": (
        f"{NET}xy = torch.ones(2, 4, requires_grad=True)\nx = xy[:, :1]\nu = net(xy).sum()\ntorch.autograd.grad(u, x)",
        "",
        "u was computed from xy, and not from x, which is a part that was taken of it beside that.",
        "line 7:  torch.autograd.grad(u, xy)",
    ),
    "hits counted of a column and a row": (
        "pred, y = torch.ones(3, 1), torch.ones(3)\nhits = (pred == y).sum().item()",
        "",
        "line 2: pred (3, 1) compared with y (3,) is (3, 3)",
        "line 2:  hits = (pred.squeeze(1) == y).sum().item()",
    ),
    "rewards against a column of scores": (
        f"{NET}logp, reward = net(torch.ones(3, 4))[:, :1], torch.ones(3)\nloss = -(logp * reward).mean()",
        "",
        "line 5: logp (3, 1) times reward (3,) is (3, 3)",
        "line 5:  loss = -(logp.squeeze(1) * reward).mean()",
    ),
    "a divergence of probabilities": (
        "import torch.nn.functional as F\na = torch.ones(1, 2, requires_grad=True)\n"
        "loss = F.kl_div(a.softmax(1), torch.tensor([[0.5, 0.5]]))",
        "",
        "F.kl_div wants logarithms of probabilities, which are at most 0",
        "line 3:  loss = F.kl_div(a.log_softmax(1), torch.tensor([[0.5, 0.5]]))",
    ),
    "losses kept with their graphs": (
        f"{NET}losses = []\nfor i in range(2):\n    loss = net(torch.ones(4)).mean()\n    loss.backward()\n"
        "    losses.append(loss)",
        "",
        "losses keeps each round's graph of loss",
        "line 8:  losses.append(loss.item())",
    ),
    "an encoder that was detached": (
        f"{NET}enc = nn.Linear(4, 4)\nopt.add_param_group({{'params': enc.parameters()}})\nfor i in range(2):\n"
        "    z = enc(torch.ones(4)).detach()\n    opt.zero_grad()\n    net(z).sum().backward()\n    opt.step()",
        "",
        "opt holds enc.weight and 1 more, which no pass reached before any of 2 steps: they stay as they are. "
        "enc.weight.grad is None because the way from enc.weight to what was differentiated was cut at line 7.",
        "line 7:  z = enc(torch.ones(4))",
    ),
    "an encoder under no_grad in a loop": (
        f"{NET}enc = nn.Linear(4, 4)\nopt.add_param_group({{'params': enc.parameters()}})\nfor i in range(2):\n"
        "    with torch.no_grad():\n        z = enc(torch.ones(4))\n    opt.zero_grad()\n    net(z).sum().backward()\n"
        "    opt.step()",
        "",
        "enc.weight.grad is None because the way from enc.weight to what was differentiated was cut at line 8.",
        "line 7:  z = enc(torch.ones(4))",
    ),
    "the data of what an encoder gave": (
        f"{NET}enc = nn.Linear(4, 4)\nopt.add_param_group({{'params': enc.parameters()}})\nfor i in range(2):\n"
        "    z = enc(torch.ones(4)).data\n    opt.zero_grad()\n    net(z).sum().backward()\n    opt.step()",
        "",
        "enc.weight.grad is None because the way from enc.weight to what was differentiated was cut at line 7.",
        "line 7:  z = enc(torch.ones(4))",
    ),
    "a generator whose fakes were detached for good": (
        "from torch import nn\nG, D = nn.Linear(2, 2), nn.Linear(2, 1)\noptG = torch.optim.SGD(G.parameters(), lr=0.1)\n"
        "for i in range(2):\n    fake = G(torch.ones(2)).detach()\n    D(fake).sum().backward()\n    optG.zero_grad()\n"
        "    (-D(fake).sum()).backward()\n    optG.step()",
        "",
        "optG has no gradient to go by (none of its 2 parameters has one): this step changes nothing. G.weight.grad is None "
        "because the way from G.weight to what was differentiated was cut at line 5.",
        "line 5:  fake = G(torch.ones(2))\n         D(fake.detach()).sum().backward()",
    ),
    "a penalty of a gradient without a graph": (
        f"{DATA}x.requires_grad_()\nout = net(x).sum()\ngrad, = torch.autograd.grad(out, x, retain_graph=True)\n"
        "loss = out + (grad.norm() - 1) ** 2",
        "",
        "(grad.norm() - 1) ** 2 was computed from what learns, and has no graph: in the sum it is a constant, and no gradient "
        "comes from it. The graph was cut at line 7: grad() gives gradients without a graph",
        "line 7:  grad, = torch.autograd.grad(out, x, retain_graph=True, create_graph=True)",
    ),
    "a penalty of the data of parameters": (
        f"{DATA}for i in range(2):\n    reg = torch.tensor(0.)\n    for p in net.parameters():\n        reg += p.data.norm()\n"
        "    loss = net(x).mean() + 0.1 * reg\n    opt.zero_grad()\n    loss.backward()\n    opt.step()",
        "",
        "The graph was cut at line 8: .data gives another handle on the memory, outside the graph.",
        "line 8:  reg += p.norm()",
    ),
    "a sign on the wrong side": (
        "w = torch.ones(2, requires_grad=True)\nfor i in range(2):\n    loss = (w ** 2).sum()\n    loss.backward()\n"
        "    with torch.no_grad():\n        w =- 0.1 * w.grad",
        "",
        "loss does not require grad",
        "line 6:  w -= 0.1 * w.grad",
    ),
    "a sum that is assigned": (
        "total = torch.zeros(1)\nfor i in range(3):\n    total =+ torch.ones(1)",
        "",
        "line 3: =+ assigns: the sign belongs to the value, and total loses what it was.",
        "line 3:  total += torch.ones(1)",
    ),
    "a no_grad that stands alone": (
        f"{NET}torch.no_grad()\ny = net(torch.ones(4))",
        "",
        "line 4: torch.no_grad() stands alone, and nothing enters it: what follows runs as before.",
        "line 4:  torch.set_grad_enabled(False)",
    ),
    "probabilities over the examples": (
        f"{DATA}p = torch.log_softmax(net(x), dim=0)\nloss = nn.functional.nll_loss(p, y)",
        "",
        "takes the classes to be dimension 1; the probabilities of p add up to 1 over dimension 0.",
        "line 5:  p = torch.log_softmax(net(x), dim=1)",
    ),
    "classes of one score": (
        "from torch import nn\nnet = nn.Linear(2, 1)\nx, y = torch.rand(3, 2), torch.tensor([0, 0, 0])\n"
        "loss = nn.CrossEntropyLoss()(net(x), y)\nloss.backward()",
        "",
        "it became zero in LogSoftmaxBackward0 (line 4): its results are 0 to the last digit, as they always are over one",
        "line 4:  loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x).squeeze(1), y.float())",
    ),
    "a target that is the network itself": (
        f"{NET}target = net\nnet(torch.ones(4)).sum().backward()\nopt.step()\ntarget.load_state_dict(net.state_dict())",
        "",
        "net.state_dict() holds the very tensors of target, not copies",
        "line 4:  import copy\n         target = copy.deepcopy(net)",
    ),
    "a loss that was added up of numbers": (
        f"{NET}total = 0\nfor i in range(2):\n    total += net(torch.ones(4)).mean().item()\nloss = total / 2\n"
        "loss.backward()",
        "",
        "loss is a float: item() read the numbers of net(torch.ones(4)).mean(), and they have no backward.",
        "line 6:  total += net(torch.ones(4)).mean()",
    ),
    "whole numbers that are told to require grad": (
        "x = torch.arange(3)\nx.requires_grad = True",
        "",
        "a gradient is a limit of small steps, and whole numbers have none",
        "before line 2:  x = x.float()",
    ),
    "steps that are too long": (
        "w = torch.tensor([1.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=1.5)\nfor i in range(140):\n"
        "    opt.zero_grad()\n    loss = (w * w).sum()\n    loss.backward()\n    opt.step()",
        "",
        "line 6: w.grad is infinite: the steps before it grew until float32 holds no such number.",
        "line 2:  opt = torch.optim.SGD([w], lr=0.15)",
    ),
    "steps of one's own that are too long": (
        "lr = 10\nw = torch.ones(1, requires_grad=True)\nfor i in range(200):\n    w.grad = None\n    loss = (w * w).sum()\n"
        "    loss.backward()\n    with torch.no_grad():\n        w -= lr * w.grad",
        "",
        "line 6: w.grad is infinite",
        "line 1:  lr = 1",
    ),
    "a gradient of a function of several results": (
        "from torch.func import grad\ndef f(x):\n    return x * 2\ngrad(f)(torch.ones(2))",
        "",
        "A gradient is of one number",
        "line 3:  return (x * 2).sum()",
    ),
    "a function of numpy's on the way": (
        "x = torch.ones(3, requires_grad=True)\ny = torch.tensor(np.exp(x.detach().numpy()))\ny.sum().backward()",
        "",
        "the graph ends at line 2: tensor(…) takes numbers or an array of x: no edge leads back",
        "line 2:  y = torch.exp(x)",
    ),
    "a method that is printed": (
        "x = torch.ones(1)\nprint(f'loss {x.item}')",
        "",
        "line 2: x.item is a method, and was not called: the method itself is shown.",
        "line 2:  print(f'loss {x.item()}')",
    ),
    "a fraction in whole numbers": (
        "x = torch.tensor([1, 2])\nx[0] = 2.7",
        "",
        "2.7 is written into x of int64, which holds whole numbers: it becomes 2.",
        "line 1:  x = torch.tensor([1, 2]).to(torch.float32)",
    ),
    "an average that is bound and not written": (
        f"{NET}mean = nn.Linear(4, 3)\nfor p, m in zip(net.parameters(), mean.parameters()):\n    m = 0.9 * m + 0.1 * p",
        "",
        "m is bound to a new tensor until the next round",
        "line 6:  with torch.no_grad():\n             m.copy_(0.9 * m + 0.1 * p)",
    ),
    "a best state of a loop": (
        f"{NET}best, least = None, 9.\nfor i in range(2):\n    loss = net(torch.ones(4)).pow(2).mean()\n"
        "    if loss.item() < least:\n        least, best = loss.item(), net.state_dict()\nnet.load_state_dict(best)",
        "",
        "best holds the very tensors of net",
        "line 8:  least, best = loss.item(), {name: each.clone() for name, each in net.state_dict().items()}",
    ),
    "a hook that gives nothing": (
        "x = torch.ones(2, requires_grad=True)\ndef clip(g):\n    g.clamp(-0.5, 0.5)\nx.register_hook(clip)\n"
        "(x * 3).sum().backward()",
        "",
        "g.clamp() gives another tensor",
        "line 3:  return g.clamp(-0.5, 0.5)",
    ),
    "gradients clipped before there are any": (
        f"{NET}for i in range(2):\n    opt.zero_grad()\n    loss = net(torch.ones(4)).sum()\n"
        "    nn.utils.clip_grad_norm_(net.parameters(), 1.)\n    loss.backward()\n    opt.step()",
        "",
        "clip_grad_norm_() finds no gradient in net.parameters(): it comes before the pass that makes them.",
        "line 7:  loss.backward()\n         nn.utils.clip_grad_norm_(net.parameters(), 1.)",
    ),
    "a comparison within a function": (
        "def step(x):\n    return (x > 0).float()\nx = torch.ones(3, requires_grad=True)\ny = step(x)\ny.sum().backward()",
        "",
        "y.sum() does not require grad: the graph was cut at line 2: gt gives bool: only floating and complex tensors have "
        "gradients.",
        "line 2:  return (x).float()",
    ),
    "gradients of a list clipped before there are any": (
        "w = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nfor i in range(2):\n    opt.zero_grad()\n"
        "    loss = (w * w).sum()\n    nn.utils.clip_grad_norm_([w], 1.)\n    loss.backward()\n    opt.step()",
        "",
        "clip_grad_norm_() finds no gradient in [w]: it comes before the pass that makes them.",
        "line 6:  loss.backward()\n         nn.utils.clip_grad_norm_([w], 1.)",
    ),
    "a closure that makes no pass": (
        "w = torch.ones(2, requires_grad=True)\nopt = torch.optim.LBFGS([w])\ndef closure():\n    return (w * w).sum()\n"
        "opt.step(closure)",
        "",
        "opt has no gradient to go by: the closure that it was given calls no backward(), and this step changes nothing.",
        "line 4:  loss = (w * w).sum()\n         loss.backward()\n         return loss",
    ),
    "gradients clipped after the step": (
        f"{NET}net(torch.ones(4)).sum().backward()\nopt.step()\nnn.utils.clip_grad_norm_(net.parameters(), 1.)",
        "",
        "clip_grad_norm_() clips gradients that a step has applied already: it changes nothing any more.",
        "move line 5 below line 6",
    ),
    "dropout of a network in evaluation mode": (
        f"{NET}net.eval()\ny = nn.functional.dropout(net(torch.ones(4)))",
        "",
        "nn.functional.dropout() drops although net is in evaluation mode",
        "line 5:  y = nn.functional.dropout(net(torch.ones(4)), training=net.training)",
    ),
    "a root of negative numbers, not taken": (
        "x = torch.tensor([-1., 4.], requires_grad=True)\ntorch.where(x > 0, x.sqrt(), x).sum().backward()",
        "",
        "x.grad is nan in 1 of 2 elements",
        "line 2:  torch.where(x > 0, torch.where(x > 0, x, 1.).sqrt(), x).sum().backward()",
    ),
    "an angle of 0": (
        "x = torch.tensor([1.], requires_grad=True)\ny = torch.acos(x) * 0.\ny.backward()",
        "",
        "x.grad is nan",
        "line 2:  y = torch.acos(x.clamp(-1 + 1e-6, 1 - 1e-6)) * 0.",
    ),
    "the logarithm of a softmax": (
        "x = torch.tensor([[1000., 0.]], requires_grad=True)\nloss = -torch.log(torch.softmax(x, 1))[0, 1]\nloss.backward()",
        "",
        "x.grad is nan in 2 of 2 elements",
        "line 2:  loss = -torch.log_softmax(x, 1)[0, 1]",
    ),
    "one memory under two parameters": (
        "from torch import nn\na, b = nn.Linear(2, 2), nn.Linear(2, 2)\nb.weight.data = a.weight.data\n"
        "opt = torch.optim.SGD([*a.parameters(), *b.parameters()], lr=0.1)\nb(a(torch.ones(2))).sum().backward()\nopt.step()",
        "",
        "opt holds a.weight and b.weight, which are two parameters over one memory",
        "line 3:  b.weight = a.weight",
    ),
    "validation in each round, and no way back": (
        "from torch import nn\nnet = nn.Sequential(nn.Linear(2, 1), nn.Dropout())\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\nfor i in range(2):\n    opt.zero_grad()\n"
        "    net(torch.ones(2)).sum().backward()\n    opt.step()\n    net.eval()",
        "",
        "opt makes a step while net is in evaluation mode, which it was not before: Dropout does another thing then.",
        "before line 5:  net.train()",
    ),
    "weights that are compared with themselves": (
        f"{NET}before = net.weight\nnet(torch.ones(4)).sum().backward()\nopt.step()\nafter = net.weight\n"
        "print(torch.equal(before, after))",
        "",
        "before and after are one memory, and equal whatever was written into it: neither is a copy.",
        "line 4:  before = net.weight.detach().clone()",
    ),
    "a hook on a module that writes in place": (
        f"{NET}net = nn.Sequential(net, nn.ReLU(inplace=True))\nfor part in net:\n"
        "    part.register_full_backward_hook(lambda module, given, came: None)\nnet(torch.ones(4)).sum().backward()",
        "",
        "what is written here is a view that a full backward hook, or a custom function, handed on",
        "line 4:  net = nn.Sequential(net, nn.ReLU(inplace=False))",
    ),
    "classes as rows of ones and zeros": (
        f"{NET}t = torch.tensor([[1, 0, 0], [0, 0, 1]])\nloss = nn.functional.cross_entropy(net(torch.ones(2, 4)), t)",
        "",
        "A target of the shape of the scores has probabilities of the classes, which are floating",
        "line 5:  loss = nn.functional.cross_entropy(net(torch.ones(2, 4)), t.to(torch.float32))",
    ),
    "a state with the batch first": (
        "lstm = torch.nn.LSTM(3, 4, batch_first=True)\nh, c = torch.zeros(2, 1, 4), torch.zeros(2, 1, 4)\n"
        "out, s = lstm(torch.ones(2, 5, 3), (h, c))",
        "",
        "a state is (layers, batch, hidden size), which is (1, 2, 4) here",
        "line 2:  h, c = torch.zeros(1, 2, 4), torch.zeros(1, 2, 4)",
    ),
    "a part in a group of its own and in that of the whole": (
        "from torch import nn\na = nn.Linear(2, 2)\nnet = nn.Sequential(a, nn.Linear(2, 1))\n"
        "opt = torch.optim.SGD([{'params': a.parameters()}, {'params': net.parameters()}], lr=0.1)",
        "",
        "an optimizer takes each parameter once; a.weight and a.bias stand in a.parameters() and in net.parameters().",
        "line 4:  opt = torch.optim.SGD([{'params': a.parameters()}, {'params': [p for p in net.parameters() if all(p is not q "
        "for q in a.parameters())]}], lr=0.1)",
    ),
    "a parameter beside all of them": (
        f"{NET}opt = torch.optim.SGD([*net.parameters(), net.bias], lr=0.1)",
        "",
        "an optimizer takes each parameter once; net.bias stands beside a list that has it.",
        "line 4:  opt = torch.optim.SGD([*net.parameters()], lr=0.1)",
    ),
    "a network that is made anew after the optimizer": (
        f"{NET}net = nn.Linear(4, 3)\nfor i in range(2):\n    net(torch.ones(4)).sum().backward()\n    opt.step()",
        "",
        "opt has no gradient to go by",
        "move line 3 below line 4",
    ),
    "two results that nothing takes": (
        "def clean(x):\n    x.clamp(min=0)\n    x.squeeze(0)\n    return x\ny = clean(torch.ones(1, 3))",
        "",
        "line 3: x.squeeze() gives another tensor",
        "line 3:  x = x.squeeze(0)",
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_bug_is_named_with_its_line_and_a_way_out(name: str) -> None:
    text, what, title, way = QUESTIONS[name]
    found = asked(text, what)
    assert title in found.title
    assert [each.text for each in found.ways][:1] == [way]


def test_a_layer_that_is_made_in_each_call_is_told_of() -> None:
    found = asked(
        f"{NET}def forward(x):\n    return torch.nn.Linear(3, 1)(net(x))\nfor i in range(2):\n"
        "    opt.zero_grad()\n    forward(torch.ones(4)).sum().backward()\n    opt.step()"
    )
    assert "a module, or a parameter, was made on the way, and nothing holds it." in found.title


def test_units_that_are_never_above_0_are_why_a_gradient_is_0() -> None:
    found = asked("w = -torch.ones(2)\nw.requires_grad_()\nloss = w.relu().sum()\nloss.backward()", "w.grad")
    assert found.title == (
        "w.grad is [0., 0.]: it became zero in ReluBackward0 (line 3): nothing that it was given is above 0."
    )


def test_weights_of_zeros_are_why_the_gradient_before_them_is_0() -> None:
    text = "a, b = torch.ones(2, 2, requires_grad=True), torch.zeros(2, 2)\n(a @ b).sum().backward()"
    assert "in MmBackward0 (line 2): it multiplies by zeros" in asked(text, "a.grad").title


SILENT = {
    "a step whose value passes with its operand's slope": (
        "x = torch.ones(2, requires_grad=True)\ny = x + (x.round() - x).detach()\ny.sum().backward()"
    ),
    "a step beside the way": "x = torch.ones(2, requires_grad=True)\ny = x * x.round()\ny.sum().backward()",
    "a module told by its method": f"{NET}net.requires_grad_(False)\nnet.training = True",
    "a parameter told": f"{NET}net.weight.requires_grad = False",
    "two networks, each with an optimizer of its own": (
        f"{NET}other = nn.Linear(3, 1)\nopt2 = torch.optim.SGD(other.parameters(), lr=0.1)\n"
        "other(net(torch.ones(4))).sum().backward()\nopt.step()\nopt2.step()"
    ),
    "a head that learns alone": (
        f"{NET}opt = torch.optim.SGD([net.bias], lr=0.1)\nnet(torch.ones(4)).sum().backward()\nopt.step()"
    ),
    "an input that requires grad": (
        f"{NET}def attack(x):\n    d = torch.zeros(4, requires_grad=True)\n    net(x + d).sum().backward()\n"
        "    opt.step()\n    return d.grad\ng = attack(torch.ones(4))"
    ),
    "networks and optimizers of a function": (
        "from torch import nn\ndef train():\n    nets = [nn.Linear(2, 2), nn.Linear(2, 1)]\n"
        "    opts = [torch.optim.SGD(n.parameters(), lr=0.1) for n in nets]\n    a, b = opts\n"
        "    nets[1](nets[0](torch.ones(2))).sum().backward()\n    a.step()\n    b.step()\ntrain()"
    ),
    "a table of all pairs": "a, b = torch.ones(3, 1), torch.ones(3)\nsame = a == b\nn = (a[:, 0] == b).sum()",
    "pairs that are asked for": "a, b = torch.ones(3), torch.zeros(3)\nn = (a[:, None] == b).sum() + (a.unsqueeze(1) == b).sum()",
    "a table of differences that is asked for": (
        "x, c = torch.ones(3, requires_grad=True), torch.zeros(3)\nk = (-(x[:, None] - c) ** 2).exp()"
    ),
    "a parameter for each row": (
        "w, x = torch.ones(3, 1, requires_grad=True), torch.ones(3)\nloss = (w * x).sum()"
    ),
    "a divergence of logarithms": (
        "import torch.nn.functional as F\na = torch.ones(1, 2, requires_grad=True)\n"
        "loss = F.kl_div(a.log_softmax(1), torch.tensor([[0.5, 0.5]]))"
    ),
    "losses kept as numbers": (
        f"{NET}losses = []\nfor i in range(2):\n    loss = net(torch.ones(4)).mean()\n    losses.append(loss)\n"
        "torch.stack(losses).sum().backward()"
    ),
    "whole numbers among whole numbers": (
        "x = torch.tensor([1, 2])\nx[0] = 3.0\nx[:] = torch.tensor([4., 5.])\nm = torch.ones(2, dtype=torch.bool)\nm[0] = 0.5"
    ),
    "a loop over parameters that computes": (
        f"{NET}n = 0\nfor p in net.parameters():\n    q = p * 2\n    n += q.numel()\nfor x in [torch.ones(2)]:\n    x = x * 2"
    ),
    "gradients clipped in time": (
        f"{NET}net(torch.ones(4)).sum().backward()\nnn.utils.clip_grad_norm_(net.parameters(), 1.)\nopt.step()\n"
        "norm = nn.utils.clip_grad_norm_(net.parameters(), 9.)"
    ),
    "dropout that is asked for": (
        f"{NET}net.eval()\ny = nn.functional.dropout(net(torch.ones(4)), training=True)\n"
        "net.train()\nz = nn.functional.dropout(net(torch.ones(4)))"
    ),
    "a network that learns in evaluation mode from the beginning": (
        "from torch import nn\nnet = nn.Sequential(nn.Linear(2, 1), nn.Dropout()).eval()\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\nnet(torch.ones(2)).sum().backward()\nopt.step()"
    ),
    "a batch norm that is frozen later": (
        "from torch import nn\nnet = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\nx = torch.eye(2)\nfor i in range(2):\n    opt.zero_grad()\n"
        "    net(x).pow(2).sum().backward()\n    opt.step()\n    net[1].eval()"
    ),
    "two halves of one memory": (
        "flat = torch.ones(4)\na, b = flat[:2].requires_grad_(), flat[2:].requires_grad_()\n"
        "opt = torch.optim.SGD([a, b], lr=0.1)\n(a * b).sum().backward()\nopt.step()"
    ),
    "weights that are compared with a copy, tied ones with each other": (
        f"{NET}other = nn.Linear(4, 3)\nother.weight = net.weight\nbefore = net.weight.detach().clone()\n"
        "net(torch.ones(4)).sum().backward()\nopt.step()\nw = net.weight\nprint(torch.equal(before, w), before - w)\n"
        "assert torch.equal(other.weight, net.weight)"
    ),
    "units that are never above 0": "x = torch.full((2,), -1., requires_grad=True)\nx.relu().sum().backward()",
}


@pytest.mark.parametrize("name", SILENT)
def test_nothing_is_said_of_what_is_meant(name: str) -> None:
    session = Session()
    assert [step.error for step in session.run(SILENT[name], "program.tsc") if step.error] == []
    assert [(row.code, row.text) for row in session.hazards] == []
