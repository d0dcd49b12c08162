"""Every hazard with its code: what it is, what it looks like, what to write instead.

The one table of hazards. A code never changes its meaning; a new hazard gets a new code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Hazard:
    """An entry of the catalogue."""

    code: str
    name: str
    """A few words, for tables and rules (`hidden-write`)."""
    summary: str
    """What happens, in a sentence."""
    explanation: str
    """Why PyTorch says nothing, and what follows."""
    example: str
    """A script that shows it, in its last statement."""
    instead: str
    """The same script without it."""
    hint: str = ""
    """What to type to learn more."""


_ENTRIES: Final = (
    Hazard(
        "TSC-H001",
        "hidden-write",
        "A write that no version counter sees changed bytes that the graph had saved.",
        "Backward formulas use what the forward pass saved. PyTorch checks only a version counter before it "
        "uses them, and `.data`, numpy arrays, DLPack tensors, `copy.copy` and `set_` write without moving the "
        "counter of the saved tensor; `w.data = …` gives it other bytes without moving it. The backward pass then succeeds with "
        "a wrong gradient.",
        "w = torch.tensor([1., 2.], requires_grad=True)\ny = w.exp()\nloss = y.sum()\ny.data.mul_(10)",
        "w = torch.tensor([1., 2.], requires_grad=True)\ny = w.exp()\nloss = y.sum()\n"
        "d = y.detach().clone().mul_(10)",
        "why",
    ),
    Hazard(
        "TSC-H002",
        "wrong-gradient",
        "A backward pass used saved bytes that a hidden write had changed: its gradient is wrong.",
        "The gradient that is shown beside it is the one of the same program on saved values that nothing can "
        "overwrite: what the graph would have given had the hidden write gone into a copy.",
        "w = torch.tensor([1., 2.], requires_grad=True)\ny = w.exp()\nloss = y.sum()\ny.data.mul_(10)\n"
        "loss.backward()",
        "w = torch.tensor([1., 2.], requires_grad=True)\ny = w.exp()\nloss = y.sum()\n"
        "d = y.detach().clone().mul_(10)\nloss.backward()",
        "why",
    ),
    Hazard(
        "TSC-H003",
        "lost-write",
        "A write went into a copy that nobody holds.",
        "Indexing with a tensor, a list or a mask copies; so do conversions. `x[m][0] = 5` writes into that "
        "copy, which is gone when the statement ends: x keeps its values.",
        "x = torch.zeros(3)\nm = torch.tensor([True, False, True])\nx[m][0] = 5",
        "x = torch.zeros(3)\nm = torch.tensor([True, False, True])\nx[m.nonzero()[0]] = 5",
        "explain x[m]",
    ),
    Hazard(
        "TSC-H004",
        "overlapping-write",
        "An operator read elements that it was writing, and PyTorch did not notice.",
        "PyTorch refuses overlapping operands only where it is cheap to see. Elsewhere the result depends on the "
        "order in which elements are read and written, which differs by size, device and version.",
        "a = torch.arange(6).reshape(2, 3)\na[:, 1:] = a[:, :-1]",
        "a = torch.arange(6).reshape(2, 3)\na[:, 1:] = a[:, :-1].clone()",
        "compare clone",
    ),
    Hazard(
        "TSC-H005",
        "swallowed-gradient",
        "A view without a history was used: it requires a gradient, and no gradient reaches its base.",
        "A view made under no_grad, or before requires_grad_() was called on its base, says requires_grad=True "
        "because its base does, but it has no grad_fn. A backward pass through it raises nothing and fills "
        "nobody's .grad.",
        "b = torch.ones(3)\nv = b[0]\nb.requires_grad_()\nout = v * 2",
        "b = torch.ones(3)\nb.requires_grad_()\nv = b[0]\nout = v * 2",
        "explain no_grad",
    ),
    Hazard(
        "TSC-H006",
        "duplicate-index",
        "An index stands twice in an augmented assignment: it is written once.",
        "`x[i] += 1` reads x[i], adds, and writes the result back: where i names an element twice, the last "
        "write wins and one addition is lost.",
        "x = torch.zeros(3)\nx[[0, 0, 1]] += 1",
        "x = torch.zeros(3)\nx.index_put_((torch.tensor([0, 0, 1]),), torch.ones(3), accumulate=True)",
        "explain index_put_",
    ),
    Hazard(
        "TSC-H007",
        "wrap-around",
        "An integer result did not fit its dtype and wrapped around.",
        "PyTorch's integer arithmetic and conversions are modular and silent; a Python number never widens a "
        "tensor's dtype.",
        "u = torch.tensor([250, 5], dtype=torch.uint8)\nv = u + 10",
        "u = torch.tensor([250, 5], dtype=torch.uint8)\nv = u.to(torch.int16) + 10",
        "explain promotion",
    ),
    Hazard(
        "TSC-H008",
        "gradient-alias",
        "A name holds the very tensor that .grad accumulates into.",
        "The second backward pass adds to .grad in place, so every name that was bound to it before changes "
        "with it: what was kept as the old gradient is the sum.",
        "w = torch.tensor([1., 2.], requires_grad=True)\n(w * w).sum().backward()\ng = w.grad\n"
        "(w * w).sum().backward()",
        "w = torch.tensor([1., 2.], requires_grad=True)\n(w * w).sum().backward()\ng = w.grad.clone()\n"
        "(w * w).sum().backward()",
        "alias g w.grad",
    ),
    Hazard(
        "TSC-H009",
        "false-alarm",
        "The version check refused a backward pass although the saved elements were not changed.",
        "One counter stands for a whole storage and all views of it. A write into other elements moves it too, "
        "as does one that leaves every value as it was, and so PyTorch refuses what would have given the right "
        "gradient.",
        "x = torch.ones(2, 3, requires_grad=True) * 1\nv = x[0]\nloss = (v * v).sum()\nx[1] = 5\nloss.backward()",
        "x = torch.ones(2, 3, requires_grad=True) * 1\nv = x[0].clone()\nloss = (v * v).sum()\nx[1] = 5\n"
        "loss.backward()",
        "why",
    ),
    Hazard(
        "TSC-H010",
        "view-swap",
        "An assignment to several places wrote one of them before it read it for another.",
        "Python evaluates the right side first, and here that gives views: nothing is copied. The first store then "
        "writes the memory that a later one reads. Numbers and lists are swapped so; tensors are not.",
        "x = torch.arange(4.).reshape(2, 2)\nx[0], x[1] = x[1], x[0]",
        "x = torch.arange(4.).reshape(2, 2)\nx[0], x[1] = x[1].clone(), x[0].clone()",
        "explain x[0]",
    ),
    Hazard(
        "TSC-H011",
        "gradient-twice",
        "A step applied a gradient that an earlier step had applied already.",
        "backward() adds to .grad, and a step does not clear it: without zero_grad(), each step applies all earlier "
        "gradients again.",
        "w = torch.tensor([1., 2.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "(w * w).sum().backward()\nopt.step()\n(w * w).sum().backward()\nopt.step()",
        "w = torch.tensor([1., 2.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "(w * w).sum().backward()\nopt.step()\nopt.zero_grad()\n(w * w).sum().backward()\nopt.step()",
        "why",
    ),
    Hazard(
        "TSC-H012",
        "outer-difference",
        "A difference of (N, 1) and (N,) is (N, N): each prediction less each target. So is a product, or a count of hits.",
        "Shapes broadcast from the right, so (N, 1) and (N,) meet as (N, 1) and (1, N). The mean of such an error is a "
        "number like any other, and the gradient pulls each prediction to the mean of all targets.",
        "p = torch.ones(3, 1, requires_grad=True)\nt = torch.tensor([1., 2., 3.])\nloss = ((p - t) ** 2).mean()",
        "p = torch.ones(3, 1, requires_grad=True)\nt = torch.tensor([1., 2., 3.])\n"
        "loss = ((p.squeeze(1) - t) ** 2).mean()",
        "why",
    ),
    Hazard(
        "TSC-H013",
        "squashed-twice",
        "A loss that takes scores was given probabilities: it takes the softmax, or the sigmoid, a second time.",
        "cross_entropy takes the log_softmax of what it is given, and binary_cross_entropy_with_logits the sigmoid. Of "
        "probabilities it makes nearly even ones: the loss is a number like any other, but cannot come near zero, and the "
        "gradients are small.",
        "scores = torch.tensor([[2., -1., 0.]], requires_grad=True)\np = scores.softmax(1)\n"
        "loss = torch.nn.functional.cross_entropy(p, torch.tensor([0]))",
        "scores = torch.tensor([[2., -1., 0.]], requires_grad=True)\n"
        "loss = torch.nn.functional.cross_entropy(scores, torch.tensor([0]))",
        "why",
    ),
    Hazard(
        "TSC-H014",
        "live-state",
        "A module was given back its own state: state_dict() holds its tensors, not copies of them.",
        "The dict that state_dict() returns is made anew each time; what it holds is detached, and over the memory of the "
        "parameters. A step changes what was meant to be kept, and load_state_dict() then writes each tensor with itself. The "
        "state of an optimizer is no copy either.",
        "net = torch.nn.Linear(2, 1)\nbest = net.state_dict()\nnet.load_state_dict(best)",
        "net = torch.nn.Linear(2, 1)\nbest = {name: each.clone() for name, each in net.state_dict().items()}\n"
        "net.load_state_dict(best)",
        "why",
    ),
    Hazard(
        "TSC-H015",
        "expanded-write",
        "A write into one place of an expanded tensor, or of overlapping windows, shows in others.",
        "expand() makes a view with a stride of 0: along that dimension all places are one in memory. PyTorch refuses a write "
        "that goes over several of them, and not one into a single place. The windows of unfold() and as_strided() have places "
        "in common, too, and PyTorch refuses no write into them: what it gives depends on the order.",
        "x = torch.zeros(3, 1).expand(3, 4)\nx[0, 0] = 1",
        "x = torch.zeros(3, 1).expand(3, 4).clone()\nx[0, 0] = 1",
        "why",
    ),
    Hazard(
        "TSC-H016",
        "lost-update",
        "A loop's variable was bound to the updated tensor, and the tensor itself was not written.",
        "p = p - lr * p.grad makes a new tensor and gives it the name; the next round gives the name to the next parameter. "
        "In place, p -= lr * p.grad writes the parameter.",
        "net = torch.nn.Linear(2, 1)\nnet(torch.ones(2)).sum().backward()\nwith torch.no_grad():\n"
        "    for p in net.parameters():\n        p = p - 0.1 * p.grad",
        "net = torch.nn.Linear(2, 1)\nnet(torch.ones(2)).sum().backward()\nwith torch.no_grad():\n"
        "    for p in net.parameters():\n        p -= 0.1 * p.grad",
        "why",
    ),
    Hazard(
        "TSC-H017",
        "kept-history",
        "A sum over the rounds of a loop keeps the graph of each round.",
        "Adding a result that requires grad is recorded: the sum leads to the graphs of all rounds, and keeps what they hold, "
        "though no pass can go through them again.",
        "w, total = torch.ones(2, requires_grad=True), 0\nfor i in range(3):\n    loss = (w * w).sum()\n    loss.backward()\n"
        "    total += loss",
        "w, total = torch.ones(2, requires_grad=True), 0\nfor i in range(3):\n    loss = (w * w).sum()\n    loss.backward()\n"
        "    total += loss.item()",
        "why",
    ),
    Hazard(
        "TSC-H018",
        "unwritten-read",
        "An operator read memory that had not been written, or in part only.",
        "torch.empty(3), and the legacy torch.Tensor(3) and torch.FloatTensor(3), allocate three elements and write none: they "
        "are what the memory held, another thing in each run. tensorcli shows zeros for them.",
        "x = torch.FloatTensor(3)\ny = x + 1",
        "x = torch.zeros(3)\ny = x + 1",
        "why",
    ),
    Hazard(
        "TSC-H019",
        "dropped-gradient",
        "An optimizer made a step after its gradients had been dropped.",
        "zero_grad() sets each .grad to None. Between backward() and step() it takes away what the step was to apply: the "
        "parameters stay as they are, in silence.",
        "w = torch.tensor([1., 2.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n(w * w).sum().backward()\n"
        "opt.zero_grad()\nopt.step()",
        "w = torch.tensor([1., 2.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n(w * w).sum().backward()\n"
        "opt.step()\nopt.zero_grad()",
        "why",
    ),
    Hazard(
        "TSC-H020",
        "discarded-result",
        "A method or a function that gives another tensor was called, and nothing took what it gave.",
        "x.to(device), x.float(), x.add(1) and torch.cat([x, y]) leave x as it is. Their result is the point of the call: bind "
        "it, or use the method whose name ends in an underscore, where there is one.",
        "for x in [torch.ones(2), torch.zeros(2)]:\n    x.double()",
        "for x in [torch.ones(2), torch.zeros(2)]:\n    x = x.double()",
        "why",
    ),
    Hazard(
        "TSC-H021",
        "one-item",
        "A write into an item of a list shows in other items: they are one tensor.",
        "[torch.zeros(2)] * 3 repeats the tensor, not its numbers: Python copies nothing. A list of three tensors has to make "
        "three. dict.fromkeys(names, torch.zeros(2)) is the same of a dict.",
        "rows = [torch.zeros(2)] * 3\nrows[0] += 1",
        "rows = [torch.zeros(2) for i in range(3)]\nrows[0] += 1",
        "why",
    ),
    Hazard(
        "TSC-H022",
        "outdated-optimizer",
        "An optimizer holds parameters that the module has no more, and not those that it has.",
        "An optimizer takes the parameters when it is made. A layer that is put in the place of another brings its own, which "
        "the optimizer does not know: they get gradients and are never changed.",
        "net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\nnet[1] = torch.nn.Linear(2, 1)\nnet(torch.ones(2)).sum().backward()\n"
        "opt.step()",
        "net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))\nnet[1] = torch.nn.Linear(2, 1)\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\nnet(torch.ones(2)).sum().backward()\nopt.step()",
        "why",
    ),
    Hazard(
        "TSC-H023",
        "no-logarithm",
        "A loss that takes logarithms of probabilities was given something else.",
        "nll_loss picks the target's entry and changes its sign; ctc_loss adds such entries up. The logarithm of a probability "
        "is at most 0, and the loss at least 0. Of probabilities, or of scores, the loss is a number like any other: it can "
        "fall below 0, and its least value says nothing.",
        "p = torch.tensor([[2., 0.]], requires_grad=True).softmax(1)\n"
        "loss = torch.nn.functional.nll_loss(p, torch.tensor([0]))",
        "p = torch.tensor([[2., 0.]], requires_grad=True).log_softmax(1)\n"
        "loss = torch.nn.functional.nll_loss(p, torch.tensor([0]))",
        "why",
    ),
    Hazard(
        "TSC-H024",
        "nan-gradient",
        "A backward pass made a gradient nan.",
        "Somewhere on the way 0 met infinity: sqrt and norm have an infinite slope at 0, log and a quotient have one there too, "
        "and torch.where multiplies the slope of the branch that it did not take by 0. The result may be a number all the "
        "same; the next step makes the tensor nan.",
        "x = torch.tensor([0., 4.], requires_grad=True)\ny = torch.where(x > 0, x.sqrt(), 0.)\ny.sum().backward()",
        "x = torch.tensor([0., 4.], requires_grad=True)\ny = torch.where(x > 0, x.clamp(min=1e-12).sqrt(), 0.)\n"
        "y.sum().backward()",
        "why",
    ),
    Hazard(
        "TSC-H025",
        "kept-alias",
        "A loop keeps one memory in a list again and again, and writes it in between.",
        "append() keeps the object, not its numbers. A tensor that is written in place, its .grad, views and numpy arrays of it "
        "are one memory: in the end each item of the list shows what was written last.",
        "h, states = torch.zeros(2), []\nfor i in range(3):\n    h += 1\n    states.append(h)",
        "h, states = torch.zeros(2), []\nfor i in range(3):\n    h += 1\n    states.append(h.clone())",
        "why",
    ),
    Hazard(
        "TSC-H026",
        "idle-step",
        "An optimizer made a step though none of its parameters has a gradient.",
        "A parameter whose .grad is None is passed over in silence. No backward pass reached what the optimizer holds: none was "
        "run, it ended before, or the name stands for another tensor since the optimizer was made.",
        "w = torch.tensor([1., 2.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "loss = (w * w).sum()\nopt.step()",
        "w = torch.tensor([1., 2.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "loss = (w * w).sum()\nloss.backward()\nopt.step()",
        "why",
    ),
    Hazard(
        "TSC-H027",
        "not-called",
        "A method stands alone as a statement, and is not called.",
        "Without parentheses it is looked up, and nothing happens: net.eval leaves the module in training mode, "
        "opt.zero_grad leaves the gradients.",
        "net = torch.nn.Dropout()\nnet.eval",
        "net = torch.nn.Dropout()\nnet.eval()",
        "why",
    ),
    Hazard(
        "TSC-H028",
        "misspelt-attribute",
        "An attribute was set that tensors do not have, and whose name is nearly that of one they have.",
        "A tensor takes any attribute, as most objects of Python do: x.require_grad = True makes a new one, and x.requires_grad "
        "stays as it was.",
        "x = torch.ones(2)\nx.require_grad = True",
        "x = torch.ones(2)\nx.requires_grad = True",
        "why",
    ),
    Hazard(
        "TSC-H029",
        "no-slope",
        "A gradient is 0 throughout: an operator on the way has a slope of 0 everywhere.",
        "round, floor, ceil, trunc and sign are steps: between them nothing changes, and autograd gives 0 for them without a "
        "word. What stands before them learns nothing. Leave the step out where a gradient is wanted, or let its value pass "
        "with the slope of its operand: x + (x.round() - x).detach().",
        "x = torch.tensor([0.2, 1.7], requires_grad=True)\nloss = (x.round() - 1).pow(2).sum()\nloss.backward()",
        "x = torch.tensor([0.2, 1.7], requires_grad=True)\nloss = ((x + (x.round() - x).detach()) - 1).pow(2).sum()\n"
        "loss.backward()",
        "why",
    ),
    Hazard(
        "TSC-H030",
        "idle-attribute",
        "An attribute was set that nothing reads: what it was to change stays as it was.",
        "Modules and optimizers take any attribute. requires_grad of a module is not that of its parameters, training not "
        "that of its parts: requires_grad_(), train() and eval() tell them. An optimizer reads its learning rate in "
        "param_groups, not in an attribute lr.",
        "net = torch.nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\nopt.lr = 0.01",
        "net = torch.nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\nfor group in opt.param_groups:\n"
        "    group['lr'] = 0.01",
        "why",
    ),
    Hazard(
        "TSC-H031",
        "unheld-parameter",
        "A pass reached parameters that no optimizer holds: their module does not name them, or nothing does.",
        "parameters() gives what was set as nn.Parameter or stands in a registered module. Layers in a list or a dict of "
        "Python's, and a plain tensor that requires grad, are no part of it; a layer that forward makes is another one in each "
        "call. What was frozen when an optimizer took its parameters, and was left out, is not taken in later. They get "
        "gradients, and no step changes them.",
        "net = torch.nn.Linear(2, 1)\nnet.scale = torch.ones(1, requires_grad=True)\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\n(net.scale * net(torch.ones(2))).sum().backward()\nopt.step()",
        "net = torch.nn.Linear(2, 1)\nnet.scale = torch.nn.Parameter(torch.ones(1))\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\n(net.scale * net(torch.ones(2))).sum().backward()\nopt.step()",
        "why",
    ),
    Hazard(
        "TSC-H032",
        "lost-fraction",
        "A number with a fraction was written into a tensor of whole numbers.",
        "What is written takes the dtype of the tensor that it is written into: 2.7 becomes 2 in int64. torch.tensor([1, 2]) "
        "and torch.arange(3) are int64; a point in one of the numbers, or a dtype, makes them floating.",
        "x = torch.tensor([1, 2, 3])\nx[0] = 2.7",
        "x = torch.tensor([1., 2., 3.])\nx[0] = 2.7",
        "why",
    ),
    Hazard(
        "TSC-H033",
        "idle-clip",
        "Gradients were clipped before there were any, or after a step had applied them.",
        "clip_grad_norm_() and clip_grad_value_() change the gradients that are there when they are called: they belong between "
        "backward() and step(). Elsewhere they do nothing, in silence.",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nparams = [w]\nloss = (w * w).sum()\n"
        "loss.backward()\nopt.step()\ntorch.nn.utils.clip_grad_norm_(params, 1.)",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nparams = [w]\nloss = (w * w).sum()\n"
        "loss.backward()\ntorch.nn.utils.clip_grad_norm_(params, 1.)\nopt.step()",
        "why",
    ),
    Hazard(
        "TSC-H034",
        "dropout-in-evaluation",
        "A function dropped elements although the modules are in evaluation mode.",
        "eval() tells modules, nn.Dropout among them. F.dropout is a function: it drops unless it is given training=False, as "
        "by training=net.training.",
        "net = torch.nn.Linear(4, 4)\nnet.eval()\ny = torch.nn.functional.dropout(net(torch.ones(4)), 0.5)",
        "net = torch.nn.Linear(4, 4)\nnet.eval()\n"
        "y = torch.nn.functional.dropout(net(torch.ones(4)), 0.5, training=net.training)",
        "why",
    ),
    Hazard(
        "TSC-H035",
        "twice-held",
        "An optimizer holds two parameters over one memory: each step writes it twice.",
        "`out.weight.data = emb.weight.data` gives two parameters one memory. Each has a gradient of its own and moments of its "
        "own, and a step changes the memory for the one and then for the other. One parameter under both names adds up both "
        "gradients, and is changed once.",
        "a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)\nb.weight.data = a.weight.data\n"
        "opt = torch.optim.SGD([*a.parameters(), *b.parameters()], lr=0.1)\nb(a(torch.ones(2))).sum().backward()\nopt.step()",
        "a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)\nb.weight = a.weight\n"
        "opt = torch.optim.SGD([*a.parameters(), b.bias], lr=0.1)\nb(a(torch.ones(2))).sum().backward()\nopt.step()",
        "why",
    ),
    Hazard(
        "TSC-H036",
        "stayed-in-evaluation",
        "An optimizer made a step while a network was in evaluation mode that was trained before.",
        "eval() holds until train(): a loop that validates at the end of a round trains all rounds but the first without "
        "dropout, and with the running statistics of its batch norms.",
        "net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Dropout())\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "net(torch.ones(2)).sum().backward()\nopt.step()\nnet.eval()\nopt.zero_grad()\nnet(torch.ones(2)).sum().backward()\n"
        "opt.step()",
        "net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Dropout())\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "net(torch.ones(2)).sum().backward()\nopt.step()\nnet.eval()\nopt.zero_grad()\nnet.train()\n"
        "net(torch.ones(2)).sum().backward()\nopt.step()",
        "why",
    ),
    Hazard(
        "TSC-H037",
        "one-with-itself",
        "Two names for one memory were compared, or the one was updated with the other: they are equal whatever was written.",
        "`before = net.weight` and `before = net.weight.data` copy nothing. After a step both names show the new numbers, and "
        "torch.equal says that the network has not learned. An average that began as `mean = net.state_dict()` is the network.",
        "net = torch.nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\nbefore = net.weight.data\n"
        "net(torch.ones(2)).sum().backward()\nopt.step()\nafter = net.weight.data\nsame = torch.equal(before, after)",
        "net = torch.nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\nbefore = net.weight.data.clone()\n"
        "net(torch.ones(2)).sum().backward()\nopt.step()\nafter = net.weight.data\nsame = torch.equal(before, after)",
        "why",
    ),
    Hazard(
        "TSC-H038",
        "no-step",
        "An optimizer drops the gradients of each pass and makes no step.",
        "backward() makes gradients, and changes no parameter: step() does, between backward() and the next zero_grad(). A loop "
        "without it prints the same loss in each round, to the last digit where the data stay the same.",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nfor i in range(3):\n"
        "    loss = (w * w).sum()\n    loss.backward()\n    opt.zero_grad()",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nfor i in range(3):\n"
        "    loss = (w * w).sum()\n    loss.backward()\n    opt.step()\n    opt.zero_grad()",
        "why",
    ),
    Hazard(
        "TSC-H039",
        "frozen-moves",
        "An optimizer changed a parameter that was frozen after its first step.",
        "requires_grad=False keeps passes from making a gradient. A step goes by the gradient that is there: the one of before, "
        "or zeros that zero_grad(set_to_none=False) wrote. Momentum, moments and weight decay move a parameter whose gradient "
        "is 0. A gradient that is None is left out.",
        "net = torch.nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)\n"
        "net(torch.ones(2)).sum().backward()\nopt.step()\nnet.weight.requires_grad = False\n"
        "opt.zero_grad(set_to_none=False)\nnet(torch.ones(2)).sum().backward()\nopt.step()",
        "net = torch.nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)\n"
        "net(torch.ones(2)).sum().backward()\nopt.step()\nnet.weight.requires_grad = False\n"
        "opt.zero_grad()\nnet(torch.ones(2)).sum().backward()\nopt.step()",
        "why",
    ),
    Hazard(
        "TSC-H040",
        "unreached-parameter",
        "An optimizer makes steps, and holds a parameter that no pass has reached.",
        "detach(), .data, no_grad and numbers end a graph: what is computed behind them learns, and what stands before them "
        "gets no gradient. A step leaves out what has none, in silence. So it is with a layer that nothing is computed with.",
        "enc, dec = torch.nn.Linear(2, 1), torch.nn.Linear(1, 2)\n"
        "opt = torch.optim.SGD([*enc.parameters(), *dec.parameters()], lr=0.1)\nfor i in range(2):\n"
        "    code = enc(torch.ones(2)).detach()\n    opt.zero_grad()\n    dec(code).sum().backward()\n    opt.step()",
        "enc, dec = torch.nn.Linear(2, 1), torch.nn.Linear(1, 2)\n"
        "opt = torch.optim.SGD([*enc.parameters(), *dec.parameters()], lr=0.1)\nfor i in range(2):\n"
        "    code = enc(torch.ones(2))\n    opt.zero_grad()\n    dec(code).sum().backward()\n    opt.step()",
        "why",
    ),
    Hazard(
        "TSC-H041",
        "idle-context",
        "torch.no_grad() stands alone as a statement.",
        "no_grad(), inference_mode(), autocast() and detect_anomaly() make an object that does something when a with statement "
        "enters it, or as a decorator. Alone it is made and dropped. torch.set_grad_enabled(False) does it from there on.",
        "w = torch.ones(2, requires_grad=True)\ntorch.no_grad()",
        "w = torch.ones(2, requires_grad=True)\nwith torch.no_grad():\n    y = w * 2",
        "why",
    ),
    Hazard(
        "TSC-H042",
        "sign-of-the-value",
        "=+ or =- stands where += or -= was meant.",
        "x =+ 1 is x = +1: it assigns, and reads nothing of what x was. In place are x += 1 and x -= 1.",
        "total = torch.zeros(1)\nfor i in range(2):\n    total =+ torch.ones(1)",
        "total = torch.zeros(1)\nfor i in range(2):\n    total += torch.ones(1)",
        "why",
    ),
    Hazard(
        "TSC-H043",
        "constant-term",
        "A term of a loss was computed from what learns, and outside of its graph.",
        "Under no_grad, of .data, of what autograd.grad() gives without create_graph=True, nothing is recorded. In a sum such "
        "a term is a constant: the loss shows it, and no gradient comes from it. What is meant as one says detach().",
        "w = torch.tensor([1., 2.], requires_grad=True)\nloss = (w * w).sum()\n"
        "grad, = torch.autograd.grad(loss, w, retain_graph=True)\ntotal = loss + grad.norm()",
        "w = torch.tensor([1., 2.], requires_grad=True)\nloss = (w * w).sum()\n"
        "grad, = torch.autograd.grad(loss, w, create_graph=True)\ntotal = loss + grad.norm()",
        "why",
    ),
    Hazard(
        "TSC-H044",
        "diverging-steps",
        "Steps grew from round to round, until a gradient was infinite.",
        "A step that is too long goes past the least loss to where the gradient is greater, and the next one is longer still. "
        "The loss becomes inf, then the parameters, and then everything nan. A smaller learning rate, or gradients that are "
        "clipped, keep the steps short.",
        "w = torch.tensor([1.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=1.5)\n(w * w).sum().backward()\n"
        "for i in range(140):\n    opt.step()\n    opt.zero_grad()\n    (w * w).sum().backward()",
        "w = torch.tensor([1.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.15)\n(w * w).sum().backward()\n"
        "for i in range(140):\n    opt.step()\n    opt.zero_grad()\n    (w * w).sum().backward()",
        "why",
    ),
    Hazard(
        "TSC-H045",
        "dropped-passes",
        "An optimizer drops the gradients of most passes, and applies those of the last one before each step alone.",
        "To step every fourth round is to add up the gradients of four: they add up from one zero_grad() to the next. With "
        "zero_grad() in each round three of four passes are made for nothing, in silence. It belongs beside the step.",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nfor i in range(8):\n"
        "    ((w * i).sum() / 4).backward()\n    if i % 4 == 3:\n        opt.step()\n    opt.zero_grad()",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nfor i in range(8):\n"
        "    ((w * i).sum() / 4).backward()\n    if i % 4 == 3:\n        opt.step()\n        opt.zero_grad()",
        "why",
    ),
    Hazard(
        "TSC-H046",
        "scaled-clip",
        "Gradients were clipped while a scaler's factor was in them.",
        "scaler.scale(loss) multiplies the loss, and so the gradients, by some thousands, and scaler.step() divides them again. "
        "Between the two a norm of 1 is one of some thousands, and clipping makes steps that are as much too short. "
        "scaler.unscale_(opt) divides them before.",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nparams = [w]\n"
        "scaler = torch.amp.GradScaler('cpu')\nscaler.scale((w * w).sum()).backward()\n"
        "torch.nn.utils.clip_grad_norm_(params, 1.)",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nparams = [w]\n"
        "scaler = torch.amp.GradScaler('cpu')\nscaler.scale((w * w).sum()).backward()\nscaler.unscale_(opt)\n"
        "torch.nn.utils.clip_grad_norm_(params, 1.)",
        "why",
    ),
    Hazard(
        "TSC-H047",
        "vanished-rate",
        "An optimizer makes steps with a learning rate that a scheduler made next to nothing.",
        "A scheduler counts its own steps. One that is to go on with each epoch, and goes on with each batch, multiplies the "
        "rate as often: after some hundred times it moves no number by a digit, and the loss stays as it is.",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "plan = torch.optim.lr_scheduler.StepLR(opt, 1, gamma=0.05)\n(w * w).sum().backward()\nfor i in range(7):\n"
        "    opt.step()\n    plan.step()\nopt.step()",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "plan = torch.optim.lr_scheduler.StepLR(opt, 1, gamma=0.05)\n(w * w).sum().backward()\nfor i in range(7):\n"
        "    opt.step()\nplan.step()\nopt.step()",
        "why",
    ),
    Hazard(
        "TSC-H048",
        "outdated-graph",
        "A pass went through what was computed before a step.",
        "A forward pass that stands before the loop is computed once: the loss stays the same, and each round takes the gradient "
        "at the first values. retain_graph=True lets it happen. Where the graph had saved what the step wrote, PyTorch "
        "refuses; where it had not, as of a single linear layer, it says nothing.",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nout = w * 2\n"
        "(out - 1).pow(2).sum().backward(retain_graph=True)\nopt.step()\nopt.zero_grad()\nloss = (out - 1).pow(2).sum()\n"
        "loss.backward()",
        "w = torch.tensor([3.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nout = w * 2\n"
        "(out - 1).pow(2).sum().backward()\nopt.step()\nopt.zero_grad()\nloss = (w * 2 - 1).pow(2).sum()\n"
        "loss.backward()",
        "why",
    ),
)

HAZARDS: Final[dict[str, Hazard]] = {entry.code: entry for entry in _ENTRIES}
"""All hazards by code, in the order of the catalogue."""
