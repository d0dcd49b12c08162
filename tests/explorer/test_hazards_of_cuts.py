"""Hazards of graphs that are cut: parameters that no pass reaches, terms of a loss that no gradient comes from."""

import pytest

from tests.explorer.hazards_of import check, texts

# ---- parameters that no pass reaches

PAIR = (
    "enc, dec = torch.nn.Linear(3, 2), torch.nn.Linear(2, 3)\n"
    "opt = torch.optim.SGD([*enc.parameters(), *dec.parameters()], lr=0.1)\nx = torch.ones(4, 3)\n"
    "for i in range({1}):\n{0}    loss = (dec(z) - x).pow(2).mean()\n    opt.zero_grad()\n    loss.backward()\n    opt.step()"
)
CUTS = {
    "detach()": "    z = enc(x).detach()\n",
    ".data": "    z = enc(x).data\n",
    "no_grad": "    with torch.no_grad():\n        z = enc(x)\n",
    "numbers": "    z = torch.tensor(enc(x).tolist())\n",
    "nothing computed with it": "    z = x[:, :2]\n",
}


@pytest.mark.parametrize("cut", CUTS)
def test_parameters_that_no_pass_reaches_are_a_hazard_at_the_step(cut):
    text = PAIR.format(CUTS[cut], 3)
    line = text.count("\n") + 1
    assert check(text) == [("TSC-H040", line)]
    assert texts(text, "TSC-H040") == [
        "opt holds enc.weight and 1 more, which no pass reached before any of 3 steps: they stay as they are."
    ]


def test_parameters_of_a_function_that_no_pass_reaches_are_told_too():
    text = PAIR.format(CUTS["detach()"], 2).replace("\n", "\n    ")
    assert [code for code, _ in check(f"def main():\n    {text}\nmain()")] == ["TSC-H040"]


@pytest.mark.parametrize(
    "text",
    [
        PAIR.format("    z = enc(x)\n", 3),
        PAIR.format(CUTS["detach()"], 1),  # one step may be one of several kinds
        PAIR.format("    z = enc(x) if i else enc(x).detach()\n", 3),
        PAIR.format("    z = enc(x).detach()\n    enc.weight.data += 1\n    enc.bias.data += 1\n", 3),
        "for p in torch.nn.Linear(1, 1).parameters():\n    p.requires_grad_(False)\n",
        PAIR.format(CUTS["detach()"], 3).replace("x = ", "enc.requires_grad_(False)\nx = "),
    ],
)
def test_parameters_that_are_reached_frozen_or_written_are_no_hazard(text):
    assert check(text) == []


def test_two_optimizers_at_one_step_are_told_apart():
    text = (
        "def train(enc, dec):\n    opt = torch.optim.SGD([*enc.parameters(), *dec.parameters()], lr=0.1)\n"
        "    for i in range(2):\n        opt.zero_grad()\n        dec(enc(torch.ones(2)).detach()).sum().backward()\n"
        "        opt.step()\nfor k in range(2):\n    train(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))"
    )
    assert [code for code, _ in check(text)] == ["TSC-H040"]


# ---- terms without a gradient

LOSS = (
    "net = torch.nn.Linear(3, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\nx = torch.ones(4, 3)\n"
    "for i in range(2):\n    loss = net(x).pow(2).mean()\n    opt.zero_grad()\n    loss.backward(retain_graph=True)\n{}"
)
TERMS = {
    "under no_grad": "    with torch.no_grad():\n        reg = sum(p.pow(2).sum() for p in net.parameters())\n"
    "    total = loss + 0.1 * reg",
    "of .data": "    reg = torch.tensor(0.)\n    for p in net.parameters():\n        reg += p.data.norm()\n"
    "    total = loss + 0.1 * reg",
    "in place": "    with torch.no_grad():\n        reg = net.weight.norm()\n    loss += reg",
    "of gradients": "    total = loss + net.weight.grad.norm()",
    "of grad()": "    grad, = torch.autograd.grad(loss, net.weight, retain_graph=True)\n    total = loss + grad.norm()",
}


@pytest.mark.parametrize("term", TERMS)
def test_a_term_of_a_loss_without_a_graph_is_a_hazard(term):
    text = LOSS.format(TERMS[term])
    assert ("TSC-H043", text.count("\n") + 1) in check(text)


@pytest.mark.parametrize(
    "line",
    [
        "total = loss + 0.1 * sum(p.pow(2).sum() for p in net.parameters())",
        "total = loss + 0.1",
        "total = loss + torch.tensor(0.1)",
        "total = loss + (loss.round() - loss).detach()",
        "total = loss + 2 * net.weight.detach().norm()",
        "old = net.weight.detach().clone()\n    total = loss + (net.weight - old).norm()",
        "print(loss + net.weight.grad.norm())",
        "grad, = torch.autograd.grad(loss, net.weight, create_graph=True)\n    total = loss + grad.norm()",
        "with torch.no_grad():\n        goal = 1 + 0.9 * net(x).mean()\n    total = (net(x).mean() - goal) ** 2",
        "with torch.no_grad():\n        total = loss + net.weight.norm()",
    ],
)
def test_terms_with_a_graph_and_those_that_say_detach_are_no_hazard(line):
    assert check(LOSS.format("    " + line)) == []


def test_a_leaf_in_the_place_of_one_that_is_gone_is_another():
    text = (
        "def train():\n    enc, dec = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)\n"
        "    opt = torch.optim.SGD([*enc.parameters(), *dec.parameters()], lr=0.1)\n"
        "    for i in range(2):\n        opt.zero_grad()\n        dec(enc(torch.ones(2)).detach()).sum().backward()\n"
        "        opt.step()\nfor k in range(40):\n    train()"
    )
    assert [code for code, _ in check(text)] == ["TSC-H040"]
