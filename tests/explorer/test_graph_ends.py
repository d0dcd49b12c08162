"""Where a graph ends too early: who ended it, and what leads on."""

import pytest

from tensorcli.explorer.commands.why import rewritten
from tensorcli.explorer.session import Session
from tests.explorer.why_of import asked

SCORES = "scores = torch.ones(2, 3, requires_grad=True)\nt = torch.tensor([0, 2])\n"
NUMPY = "import numpy as np\nw = torch.tensor([1., 4.], requires_grad=True)\n"


def gradient(text: str, leaf: str) -> str:
    """`leaf.grad` after a script in which nothing fails."""
    session = Session()
    assert [step.error for step in session.run(text, "program.tsc") if step.error] == []
    return session.engine.text(session.engine.grad(session.names[leaf]))


FREEZE = "net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))\n"


@pytest.mark.parametrize(
    "frozen",
    ["net.requires_grad_(False)\n", "for p in net.parameters():\n    p.requires_grad = False\n"],
)
def test_the_statement_that_froze_the_parameters_is_told_and_not_the_result_made_a_leaf(frozen: str) -> None:
    answer = asked(f"{FREEZE}{frozen}loss = net(torch.ones(2)).sum()\nloss.backward()\n")
    assert (
        "the graph was cut at line 2: net[1].bias and 3 more were told not to require grad." in answer.title
    )
    assert [way.note for way in answer.ways] == ["let net[1] learn", "let net learn"]


def test_a_leaf_that_was_told_not_to_require_grad_is_told_to() -> None:
    answer = asked(
        "w = torch.ones(2, requires_grad=True)\nw.requires_grad = False\nloss = (w * 2).sum()\nloss.backward()\n"
    )
    assert [(way.text, way.measured) for way in answer.ways] == [
        ("before line 3:  w.requires_grad_()", "[2., 2.]")
    ]


def test_what_the_failing_statement_itself_froze_has_no_place_for_a_change() -> None:
    answer = asked(
        "w = torch.ones(2, requires_grad=True)\ndef f(x):\n    x.requires_grad = False\n    return x * 2\nf(w).sum().backward()\n"
    )
    assert answer.title.endswith("w was told not to require grad.")
    assert answer.ways == ()


@pytest.mark.parametrize(
    ("text", "line", "result"),
    [
        (
            "def f(x):\n    a = x.detach().numpy()\n    return torch.from_numpy(np.sqrt(a))\nf(w).sum().backward()\n",
            4,
            "    a = x\n    return torch.sqrt(a)\n",
        ),
        (
            "a = (w * 2).detach().numpy()\nb = np.sqrt(a) + 1\ny = torch.from_numpy(b)\ny.sum().backward()\n",
            3,
            "a = w * 2\nb = torch.sqrt(a) + 1\ny = b\n",
        ),
    ],
)
def test_what_numpy_computed_between_two_tensors_is_computed_with_torch(
    text: str, line: int, result: str
) -> None:
    session = Session()
    answer = asked(NUMPY + text, session=session)
    assert f"numpy() read at line {line}: numbers have no graph" in answer.title
    (way,) = answer.ways
    patched = rewritten(session, 1, NUMPY + text)
    assert result in patched
    assert gradient(patched, "w") == way.measured


@pytest.mark.parametrize(
    "count",
    [
        "loss = 1 - (scores.argmax(1) == t).float().mean()\n",
        "pred = torch.argmax(scores, dim=1)\nloss = (t == pred).float().mean()\n",
    ],
)
def test_a_count_of_hits_is_led_to_the_loss_of_the_scores(count: str) -> None:
    answer = asked(f"{SCORES}{count}loss.backward()\n")
    line = count.count("\n") + 3
    assert [way.text for way in answer.ways] == [
        f"before line {line}:  loss = torch.nn.functional.cross_entropy(scores, t)"
    ]


def test_a_list_of_tensors_that_was_copied_is_stacked() -> None:
    answer = asked(
        "xs = [torch.ones((), requires_grad=True) for i in range(2)]\nt = torch.tensor(xs)\nt.sum().backward()\n"
    )
    assert [way.text for way in answer.ways] == ["line 2:  t = torch.stack(xs)"]


def test_an_attribute_that_was_misspelt_is_put_right_first() -> None:
    answer = asked("x = torch.ones(2)\nx.require_grad = True\n(x * 2).sum().backward()\n")
    assert answer.ways[0].text == "line 2:  x.requires_grad = True"


def test_asking_about_the_last_statement_s_tensor_is_answered() -> None:
    session = Session()
    *_, last = session.run("import numpy as np\nw = torch.from_numpy(np.ones(3))\nwhy w.grad", "program.tsc")
    assert last.error is None
    assert (
        last.result.title
        == "w.grad is None because w does not require grad: line 2 made it without requires_grad."
    )


def test_a_loop_s_parameter_is_told_by_its_own_name() -> None:
    answer = asked(
        "a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)\na(torch.ones(2)).sum().backward()\n"
        "for p in [*a.parameters(), *b.parameters()]:\n    p.grad.norm()\n"
    )
    assert answer.title.startswith("p is b.weight here. b.weight.grad is None because no graph")


def test_a_gradient_of_another_shape_is_told_by_who_gave_the_leaf_another_memory() -> None:
    answer = asked(
        "p = torch.ones(2, requires_grad=True)\np.data = torch.ones(3)\np.sum().backward()\np.data = torch.ones(4)\n"
        "p.sum().backward()\n"
    )
    assert [(event.line, event.role, event.culprit) for event in answer.events] == [
        (3, "made", False),
        (4, "wrote", True),
        (5, "raised", False),
    ]
    assert [(way.text, way.measured) for way in answer.ways] == [
        ("before line 5:  p.grad = None", "[1., 1., 1., 1.]")
    ]
