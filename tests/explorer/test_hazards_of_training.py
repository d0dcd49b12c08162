"""Hazards of gradients and of training loops: each is reported where it happens and nowhere else."""

import pytest

from tensorcli.explorer.session import Session
from tests.explorer.hazards_of import TRAIN, TRAININGS, check, texts

# ---- swallowed gradients


def test_a_view_made_under_no_grad_swallows_the_gradient():
    text = "x = torch.ones(3, requires_grad=True)\nwith torch.no_grad():\n    v = x.view(3)\n"
    assert check(text + "(v * 2).sum().backward()") == [("TSC-H005", 4)]
    assert "was made under no_grad" in texts(text + "(v * 2).sum().backward()", "TSC-H005")[0]


@pytest.mark.parametrize(
    "use",
    [
        "v = x[0]\n(v * 2).sum().backward()",
        "with torch.no_grad():\n    v = x[0]\n    y = v * 2",
        "v = x.detach()[0]\ny = v * 2",
        "with torch.no_grad():\n    v = x[0].clone()\n(v * 2).sum()",
        "b = torch.ones(3)\np = b[0]\np.requires_grad_()\n(p * 2).backward()",
    ],
)
def test_views_that_swallow_nothing(use):
    assert check("x = torch.ones(2, 3, requires_grad=True)\n" + use) == []


# ---- aliases of gradients

LOSSES = "w = torch.tensor([1., 2.], requires_grad=True)\n(w * w).sum().backward()\n"


@pytest.mark.parametrize("alias", ["g = w.grad", "g = w.grad.detach()", "g = [w.grad]", "g = w.grad[:1]"])
def test_a_name_for_the_gradient_sees_the_next_backward_pass(alias):
    assert check(f"{LOSSES}{alias}\n(w * w).sum().backward()") == [("TSC-H008", 4)]


@pytest.mark.parametrize(
    "alias", ["g = w.grad.clone()", "g = w.grad\nw.grad = None", "g = w.grad * 1", "g = w.grad\ndel g"]
)
def test_a_gradient_that_nobody_else_holds(alias):
    assert check(f"{LOSSES}{alias}\n(w * w).sum().backward()") == []


# ---- training loops

STEP = """w = torch.tensor([1., 2.], requires_grad=True)
opt = torch.optim.SGD([w], lr=0.1)
for i in range(2):
    (w * w).sum().backward()
    {}
"""
APPLIED = [
    "opt.step()",
    "w.data -= 0.1 * w.grad",
    "with torch.no_grad(): w.sub_(w.grad)",
    "w.data = w.data - 0.1 * w.grad",
    "step = torch.zeros(1); step[0] = w.grad.norm(); w.data -= step",
]


@pytest.mark.parametrize("apply", APPLIED)
def test_a_gradient_that_was_applied_and_not_cleared_is_a_hazard(apply):
    assert check(STEP.format(apply)) == [("TSC-H011", 4)]


@pytest.mark.parametrize("apply", APPLIED)
@pytest.mark.parametrize(
    "clear", ["w.grad = None", "w.grad.zero_()", "opt.zero_grad()", "opt.zero_grad(set_to_none=False)"]
)
def test_a_gradient_that_was_cleared_after_the_step_is_none(apply, clear):
    assert check(STEP.format(apply) + f"    {clear}\n") == []


@pytest.mark.parametrize(
    "write",
    [
        "w.data.mul_(0.9)",
        "w.data.copy_(torch.ones(w.shape))",
        "torch.nn.init.normal_(w)",
        "w.data.clamp_(min=0)",
    ],
)
def test_a_write_that_is_not_computed_from_the_gradient_does_not_apply_it(write):
    assert check(STEP.format(write)) == []


def test_passes_that_accumulate_before_one_step_are_no_hazard():
    assert (
        check(LOSSES + "(w * w).sum().backward()\nw.data -= w.grad\nw.grad = None\n(w * w).sum().backward()")
        == []
    )


SCORES = "import torch.nn.functional as F\nx = torch.eye(2, requires_grad=True)\nt = torch.tensor([0, 1])\n"


@pytest.mark.parametrize(
    "loss",
    [
        "F.cross_entropy(x.softmax(1), t)",
        "F.cross_entropy(F.softmax(x, dim=-1), t, label_smoothing=0.1)",
        "nn.CrossEntropyLoss()(nn.Sequential(nn.Identity(), nn.Softmax(1))(x), t)",
        "F.log_softmax(x.softmax(1), 1)",
        "F.binary_cross_entropy_with_logits(x.sigmoid(), torch.ones(2, 2))",
    ],
)
def test_a_loss_of_scores_that_is_given_probabilities_is_a_hazard(loss):
    assert check(f"{SCORES}loss = {loss}") == [("TSC-H013", 4)]


@pytest.mark.parametrize(
    "loss",
    [
        "F.cross_entropy(x, t)",
        "F.cross_entropy(x.log_softmax(1), t)",
        "F.cross_entropy(x.softmax(1).log(), t)",
        "F.cross_entropy(x, x.detach().softmax(1))",
        "F.cross_entropy(x.detach().softmax(1), t)",
        "F.nll_loss(x.softmax(1).log(), t)",
        "F.binary_cross_entropy(x.sigmoid(), torch.ones(2, 2))",
    ],
)
def test_a_loss_that_is_given_what_it_takes_is_no_hazard(loss):
    assert check(f"{SCORES}loss = {loss}") == []


NET = "net = torch.nn.Linear(2, 1)\nnet(torch.ones(2)).sum().backward()\n"
UPDATE = NET + "new = []\nwith torch.no_grad():\n    for {}:\n        {}\n"


@pytest.mark.parametrize(
    ("loop", "update"),
    [
        ("p in net.parameters()", "p = p - 0.1 * p.grad"),
        ("name, p in net.named_parameters()", "p = p.add(p.grad, alpha=-0.1)"),
        ("i, p in enumerate(net.parameters())", "p = (p - 0.1 * p.grad).clone()"),
    ],
)
def test_an_update_of_a_loops_variable_that_nobody_keeps_is_a_hazard(loop, update):
    assert check(UPDATE.format(loop, update)) == [("TSC-H016", 6)]


@pytest.mark.parametrize(
    "update",
    [
        "p -= 0.1 * p.grad",
        "p.copy_(p - 0.1 * p.grad)",
        "p = p - 0.1 * p.grad\n        new.append(p)",
        "q = p - 0.1 * p.grad",
        "p = p.grad\n        print(p)",
    ],
)
def test_an_update_that_is_written_or_kept_is_no_hazard(update):
    assert check(UPDATE.format("p in net.parameters()", update)) == []


SUM = (
    "w, total = torch.ones(2, requires_grad=True), {}\nfor i in range(2):\n    loss = (w * w).sum()\n    {}\n"
)


@pytest.mark.parametrize("start", ["0", "torch.zeros(())"])
@pytest.mark.parametrize(
    "line", ["total += loss", "total = total + loss", "total = loss * 2 + total", "total += same(loss)"]
)
def test_a_sum_of_losses_that_were_differentiated_is_a_hazard(start, line):
    text = SUM.format(start, f"w.grad = None\n    loss.backward()\n    {line}")
    assert check("def same(x):\n    return x\n" + text) == [("TSC-H017", 8)]


@pytest.mark.parametrize(
    "lines",
    [
        "total += loss",
        "loss.backward(retain_graph=True)\n    total += loss",
        "loss.backward()\n    total += loss.item()",
        "loss.backward()\n    total += loss.detach()",
        "loss.backward()\n    with torch.no_grad():\n        total += loss",
        "loss.backward()\n    total = loss + 1",
    ],
)
def test_a_sum_that_keeps_no_dead_graph_is_no_hazard(lines):
    assert check(SUM.format("0", f"w.grad = None\n    {lines}")) == []


@pytest.mark.parametrize(
    "state", ["net.state_dict()", "dict(net.state_dict())", "copy.copy(net.state_dict())"]
)
def test_a_modules_own_state_that_is_loaded_into_it_is_a_hazard(state):
    assert check(f"import copy\n{NET}best = {state}\nnet.load_state_dict(best)") == [("TSC-H014", 5)]


@pytest.mark.parametrize("state", ["copy.deepcopy(net.state_dict())", "torch.nn.Linear(2, 1).state_dict()"])
def test_a_state_of_other_tensors_is_no_hazard(state):
    assert check(f"import copy\n{NET}best = {state}\nnet.load_state_dict(best)") == []


def test_a_module_that_completes_a_state_by_itself_is_no_hazard():
    assert check("torch.nn.BatchNorm1d(2).load_state_dict({}, strict=False)") == []


CLOSURE = TRAIN + "def loss():\n    found = (w * w).sum()\n    found.backward()\n    return found\n"
LOOP = TRAIN + "for i in range(2):\n    {}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LOOP.format("(w * w).sum().backward()\n    opt.zero_grad()\n    opt.step()"), 6),
        (TRAIN + "(w * w).sum().backward()\nw.grad = None\nopt.step()", 5),
    ],
)
def test_a_step_whose_gradients_were_dropped_is_a_hazard(text, line):
    assert check(text) == [("TSC-H019", line)]


@pytest.mark.parametrize(
    "text",
    [
        LOOP.format("opt.zero_grad()\n    (w * w).sum().backward()\n    opt.step()"),
        LOOP.format("opt.step()"),  # to see what a schedule does
        TRAIN + "v = (w * w).sum()\nopt.step(lambda: v.backward())",
        CLOSURE + "for i in range(2):\n    opt.step(loss)\n    opt.zero_grad()",
        CLOSURE + "loss()\nopt.step(lambda: 0)",
        TRAIN + "opt.step(lambda: 0)",  # to see what a schedule does
    ],
)
def test_a_step_that_has_its_gradients_or_never_had_is_no_hazard(text):
    assert check(text) == []


TWO = "a, b = nn.Linear(2, 2), nn.Linear(2, 1)\nnet = nn.Sequential(a, b)\n"


def test_an_optimizer_that_was_made_before_a_layer_was_replaced_is_a_hazard():
    text = "net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n{}\n"
    loop = "for i in range(2):\n    opt.zero_grad()\n    net(torch.ones(2)).sum().backward()\n    opt.step()"
    assert check(text.format("net[1] = nn.Linear(2, 1)") + loop) == [("TSC-H022", 7)]
    assert check(text.format("net.append(nn.ReLU())") + loop) == []


@pytest.mark.parametrize(
    "text",
    [
        TWO
        + "opt = torch.optim.SGD(b.parameters(), lr=0.1)\nnet(torch.ones(2)).sum().backward()\nopt.step()",
        TWO
        + "opt = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)\n"
        + "opt.param_groups[0]['params'][0].sum().backward()\nopt.step()",
        TWO + "first, second = (torch.optim.SGD(each.parameters(), lr=0.1) for each in (a, b))\n"
        "net(torch.ones(2)).sum().backward()\nfirst.step()\nsecond.step()",
    ],
)
def test_an_optimizer_of_some_of_the_parameters_is_no_hazard(text):
    assert check(text) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (TRAIN + "(w * w).sum()\nopt.step()", 4),
        (TRAIN + "v = torch.ones(1, requires_grad=True)\nv.sum().backward()\nopt.step()", 5),
        (TRAIN + "w = torch.zeros(2, requires_grad=True)\n(w * w).sum().backward()\nopt.step()", 5),
        (TRAIN + "opt.step(lambda: (w * w).sum())", 3),
        (CLOSURE + "opt.step(loss)\nopt.zero_grad()\nopt.step(closure=lambda: (w * w).sum())", 9),
        (
            TRAIN
            + "def loss():\n    return (w * w).sum()\ntorch.optim.LBFGS([w]).step(loss)\nopt.step(loss)",
            6,
        ),
    ],
)
def test_a_step_that_no_gradient_was_made_for_is_a_hazard(text, line):
    assert check(text) == [("TSC-H026", line)]


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_a_training_as_it_should_be_shows_no_hazard(path):
    session = Session(checking=True)
    assert [step.error for step in session.run(path.read_text(), path.name, "py") if step.error] == []
    assert [(each.code, each.text) for each in session.hazards] == []


def test_gradients_that_were_summed_and_not_applied_are_no_hazard():
    other = "v = torch.ones(2, requires_grad=True)\n"
    text = TRAIN + other + "(w * v).sum().backward()\nopt.step()\n(w * v).sum().backward()\nv.data -= v.grad"
    assert check(text) == []


def test_a_sum_that_is_applied_by_a_later_statement_is_told_at_the_step():
    text = (
        TRAIN
        + "(w * w).sum().backward()\nopt.step()\n(w * w).sum().backward()\n(w * w).sum().backward()\nopt.step()"
    )
    assert check(text) == [("TSC-H011", 7)]


@pytest.mark.parametrize("name", ["eps", "momentum", "alpha", "lr", "betas", "weight_decay"])
def test_a_network_may_have_an_attribute_that_optimizers_keep_in_groups(name):
    session = Session(checking=True)
    text = f"net = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))\nnet.{name} = 0.5\n"
    assert [step.error for step in session.run(text) if step.error] == []
    assert session.hazards == []


def test_a_leaf_that_the_running_loop_writes_in_place_is_named():
    text = (
        "w = torch.ones(2, requires_grad=True)\nfor i in range(3):\n    (w ** 2).sum().backward()\n"
        "    with torch.no_grad():\n        w -= 0.1 * w.grad"
    )
    assert [each.partition(" ")[0] for each in texts(text, "TSC-H011")] == ["w.grad"]
