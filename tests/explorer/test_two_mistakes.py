"""Scripts with two mistakes: `why` goes on to the error behind the first, and its ways out mend both."""

import pytest

from tensorcli.explorer.commands.why import rewritten
from tensorcli.explorer.session import Session
from tests.explorer.why_of import asked

TWICE = {
    "two writes over saved values": (
        "h = torch.ones(2, requires_grad=True) * 1\n"
        "y = h.sigmoid()\n"
        "out = torch.nn.ReLU(inplace=True)(y)\n"
        "y += 1\n"
        "out.sum().backward()\n",
        ("out = torch.nn.ReLU(inplace=False)(y)", "y = y + 1"),
    ),
    "a dtype of the input, a dtype of the target": (
        "x = torch.ones(4, 3, dtype=torch.float64)\n"
        "t = torch.tensor([0, 1, 2, 0], dtype=torch.int32)\n"
        "net = torch.nn.Linear(3, 3)\n"
        "loss = torch.nn.CrossEntropyLoss()(net(x), t)\n",
        ("(net(x.to(torch.float32)), t.to(torch.int64))",),
    ),
    "a dimension of the input, a size of a layer": (
        "net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Linear(10, 2))\n"
        "x = torch.rand(8, 28, 28)\n"
        "y = net(x)\n",
        ("torch.nn.Linear(26, 2)", "y = net(x.unsqueeze(1))"),
    ),
    "a view of several, a leaf": (
        "leaf = torch.ones(2, 2, requires_grad=True)\nleaf.unbind()[0].add_(1)\n",
        ("with torch.no_grad():\n    leaf[0].add_(1)",),
    ),
    "one mistake in two places": (
        "def heads(y):\n    return y.transpose(1, 2).view(2, 6)\n"
        "def loss(y, t):\n    return (heads(y).view(-1) - t.view(-1)).sum()\n"
        "out = loss(torch.ones(2, 2, 3), torch.ones(2, 7)[:, 1:])\n",
        ("y.transpose(1, 2).reshape(2, 6)", "t.reshape(-1)"),
    ),
    "a method that was not called, and is no range": (
        "n = torch.ones(3).numel\nm = [i for i in torch.ones(3).numel]\n",
        ("range(torch.ones(3).numel())",),
    ),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_way_out_of_two_mistakes_changes_both_in_one_patch(name: str) -> None:
    text, changes = TWICE[name]
    session = Session()
    answer = asked(text, session=session)
    assert any(note.startswith("one change is not enough") for note in answer.notes)
    patched = rewritten(session, 1, text)
    for change in changes:
        assert change in patched
    assert [step.error for step in Session().run(patched, "program.tsc")] == [None] * len(
        Session().read(patched).statements
    )


@pytest.mark.parametrize("name", TWICE)
def test_fix_makes_both_changes_in_the_session(name: str) -> None:
    text, _ = TWICE[name]
    session = Session()
    asked(text, session=session)
    *_, last = session.run("fix 1")
    assert last.error is None
    assert all(not record.outcome for record in session.journal)


def test_one_mistake_is_not_taken_for_two() -> None:
    answer = asked("x = torch.ones(2, 3)\ny = torch.ones(3, 2)\nz = x @ y.T\n")
    assert answer.ways
    assert not any("not enough" in note for note in answer.notes)


def test_what_is_changed_twice_on_one_line_is_shown_once() -> None:
    answer = asked(TWICE["a dtype of the input, a dtype of the target"][0])
    first = answer.ways[0]
    assert first.text.count("line 4:") == 1
    assert len(first.edits) == 1


def test_a_shape_and_a_dtype_are_put_right_at_once() -> None:
    answer = asked(
        "p = torch.full((4, 1), 0.5)\nl = torch.nn.functional.binary_cross_entropy(p, torch.tensor([0, 1, 1, 0]))\n"
    )
    assert [way.note for way in answer.ways] == [
        "p as float32 (4,), torch.tensor([0, 1, 1, 0]) as float32 (4,)",
        "torch.tensor([0, 1, 1, 0]) as float32 (4, 1)",
    ]


def test_a_second_change_in_a_loop_that_has_no_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorcli.explorer.why import prove

    monkeypatch.setattr(prove, "allowance", lambda trace: prove.Allowance(0.3, 1 << 20))
    monkeypatch.setattr("tensorcli.explorer.why.failed.allowance", prove.allowance)
    answer = asked(
        "x = torch.zeros(1, requires_grad=True)\nfor i in [1]:\n    x += 1\n    while x.sum() != 0:\n        x.data.add_(1)\n"
    )
    assert answer.code == "TSC-E032"
    assert answer.ways == ()
