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
    "a sum of numbers as a loss": (
        "w = torch.tensor(2., requires_grad=True)\ntotal = 0\nfor v in [1., 2.]:\n    total += ((w * v - 1) ** 2).item()\n"
        "loss = torch.tensor(total, requires_grad=True)\nloss.backward()\nprint(w.grad)",
        "w.grad is None because line 5 made loss, a leaf of its own, of the numbers of w",
        ["line 4:  total += (w * v - 1) ** 2\nline 5:  loss = total"],
    ),
    "a deep copy in the place of a network": (
        f"{NET}import copy\nfast = copy.deepcopy(net)\nfast(x).sum().backward()\nprint(net[0].weight.grad)",
        "the backward pass ended at fast[0].weight: line 6 made a deep copy, and no graph leads from a copy",
        [],
    ),
    "a gradient of zeros that is printed": (
        "x = torch.tensor([2., 3.], requires_grad=True)\nx.clamp(0, 1).sum().backward()\nprint(x.grad)",
        "x.grad is [0., 0.]: it became zero in ClampBackward1 (line 2): all that it was given lies beyond the bounds.",
        [],
    ),
    "a gradient of another dtype": (
        "w = torch.zeros(2, requires_grad=True)\nw.grad = torch.ones(2, dtype=torch.float64)",
        "A gradient has the shape, the dtype and the device of its tensor.",
        ["line 2:  w.grad = torch.ones(2, dtype=torch.float64).to(torch.float32)"],
    ),
    "a format of several elements": (
        "loss = torch.tensor([0.123, 0.4])\ndef show(x):\n    print(f'loss {x:.3f}')\nshow(loss)",
        "x (2,) has 2 elements, and one is wanted.",
        ["line 3:  print(f'loss {x.sum():.3f}')", "line 3:  print(f'loss {x.mean():.3f}')"],
    ),
    "a format by the percent sign": (
        "loss = torch.tensor([0.123, 0.4])\nprint('%.3f' % loss)",
        "loss (2,) has 2 elements, and one is wanted.",
        ["line 2:  print('%.3f' % loss.sum())", "line 2:  print('%.3f' % loss.mean())"],
    ),
    "a loss that is read as a number": (
        "w = torch.ones(1, requires_grad=True)\nloss = w * 2\na = float(loss)",
        "line 3: loss has a graph, and is read as a number here, which has none.",
        ["line 3:  a = float(loss.detach())", "line 3:  a = float(loss.item())"],
    ),
    "heads that do not divide": (
        "m = torch.nn.MultiheadAttention(embed_dim=10, num_heads=3)",
        "line 1 raised AssertionError: embed_dim must be divisible by num_heads.",
        [
            "line 1:  m = torch.nn.MultiheadAttention(embed_dim=9, num_heads=3)",
            "line 1:  m = torch.nn.MultiheadAttention(embed_dim=12, num_heads=3)",
            "line 1:  m = torch.nn.MultiheadAttention(embed_dim=10, num_heads=2)",
            "line 1:  m = torch.nn.MultiheadAttention(embed_dim=10, num_heads=5)",
        ],
    ),
    "a percentage": (
        "d = torch.nn.Dropout(20)",
        "line 1 raised ValueError: dropout probability has to be between 0 and 1, but got 20.",
        ["line 1:  d = torch.nn.Dropout(0.2)"],
    ),
    "more than there are": (
        "v = torch.topk(torch.tensor([1., 2., 3.]), 5)",
        "line 1 raised RuntimeError: selected index k out of range.",
        ["line 1:  v = torch.topk(torch.tensor([1., 2., 3.]), 3)"],
    ),
    "a dataset of unequal lengths": (
        "from torch.utils.data import TensorDataset\nx, y = torch.zeros(10, 3), torch.zeros(9)\nd = TensorDataset(x, y)",
        "The tensors of a dataset have one row for each sample: their first sizes are the same.",
        ["line 3:  d = TensorDataset(x[:9], y)"],
    ),
    "a plain tensor in a module": (
        "m = torch.nn.Module()\nm.w = torch.zeros(2, requires_grad=True)\nopt = torch.optim.SGD(m.parameters(), lr=0.1)",
        "m.w is a plain tensor: a module's parameters are those that are nn.Parameter.",
        ["before line 3:  m.w = torch.nn.Parameter(m.w)"],
    ),
    "a sum that requires grad itself": (
        "x = torch.ones(2, requires_grad=True)\nacc = torch.zeros_like(x, requires_grad=True)\nfor i in range(2):\n"
        "    acc += x * i\nacc.sum().backward()",
        "acc is a leaf that requires grad (line 2)",
        ["line 2:  acc = torch.zeros_like(x)"],
    ),
    "a step by hand": (
        "w = torch.ones(2, requires_grad=True)\nw -= 0.1 * (w * w)",
        "w is a leaf that requires grad (line 1)",
        ["line 2:  with torch.no_grad():\n             w -= 0.1 * (w * w)"],
    ),
    "a gradient that is cleared before the first pass": (
        "w = torch.ones(2, requires_grad=True)\nfor i in range(2):\n    w.grad.zero_()\n    w.sum().backward()",
        "w.grad is None because no backward pass ran: a gradient comes with backward().",
        ["line 3:  if w.grad is not None:\n             w.grad.zero_()"],
    ),
    "scores and classes in the other order": (
        "x, y = torch.zeros(2, 3), torch.tensor([0, 1])\nloss = torch.nn.functional.cross_entropy(y, x)",
        "This operation is there for floating tensors only.",
        ["line 2:  loss = torch.nn.functional.cross_entropy(x, y)"],
    ),
    "an argument that the message names": (
        "from torch.nn.utils.rnn import pack_padded_sequence\np = pack_padded_sequence(torch.zeros(4, 2, 3), [2, 4])",
        "What the operation was given does not fit it.",
        ["line 2:  p = pack_padded_sequence(torch.zeros(4, 2, 3), [2, 4], enforce_sorted=False)"],
    ),
    "a parameter that is written": (
        "net = torch.nn.Linear(2, 1)\nnet.weight.fill_(0.5)",
        "net.weight is a leaf that requires grad (line 1)",
        ["line 2:  with torch.no_grad():\n             net.weight.fill_(0.5)"],
    ),
    "layers without a weight among others": (
        f"{NET}for m in net:\n    nn.init.zeros_(m.weight)",
        "m is a Tanh in this round of the loop, and has no weight.",
        ["line 6:  if hasattr(m, 'weight'):\n             nn.init.zeros_(m.weight)"],
    ),
    "matrices in the place of batches": (
        "a, b = torch.ones(2, 3), torch.ones(3, 4)\nc = torch.bmm(a, b)",
        "The operation wants another number of dimensions.",
        ["line 2:  c = torch.bmm(a.unsqueeze(0), b.unsqueeze(0))"],
    ),
    "a stack of numbers": (
        "losses = [1., 2.]\nt = torch.stack(losses)",
        "Element 0 of what torch.stack() was given is a float, and is to be a Tensor.",
        ["line 2:  t = torch.tensor(losses)"],
    ),
    "a mask of another length": (
        "m = torch.nn.MultiheadAttention(8, 2)\nx = torch.zeros(5, 3, 8)\ny = m(x, x, x, attn_mask=torch.zeros(3, 3))",
        "line 3 raised RuntimeError: The shape of the 2D attn_mask is torch.Size([3, 3]), but should be (5, 5).",
        [],
    ),
    "a hook that gives one number": (
        "w = torch.ones(3, requires_grad=True)\nh = w * 2\nhook = h.register_hook(lambda g: g.sum())\nh.sum().backward()",
        "line 3: a hook may put a gradient of the same shape and dtype in the place of the one it was given",
        ["line 3:  hook = h.register_hook(lambda g: None)"],
    ),
    "a method that was not called": (
        "w = torch.zeros(2)\nw.requires_grad_\n(w * 2).sum().backward()",
        "w, which it was computed from, was made at line 1 without requires_grad.",
        ["line 2:  w.requires_grad_()", "line 1:  w = torch.zeros(2, requires_grad=True)"],
    ),
    "a state of another shape": (
        "a, b = torch.nn.Linear(2, 3), torch.nn.Linear(3, 3)\nb.load_state_dict(a.state_dict())",
        "weight is (3, 2), and b has (3, 3).",
        [
            "line 2:  b.load_state_dict({name: each for name, each in a.state_dict().items() if name in b.state_dict() and "
            "each.shape == b.state_dict()[name].shape}, strict=False)"
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
    assert told.outcome == "so written it runs as far as line 8"
    assert told.ways[0].text.startswith("line 3:  a function in the place of class Net(nn.Module)\n")


def test_a_slip_within_a_class_is_told_first() -> None:
    told = asked(
        f"{CLASS}        self.a = nn.Linear(2, 1\n    def forward(self, x):\n        return x", form="py"
    )
    assert told.title == "line 6 is no Python: '(' is never closed."
    assert not told.ways
