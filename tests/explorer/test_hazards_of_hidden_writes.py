"""Writes that the version counter does not see: reported where they happen and nowhere else, with the wrong gradient and the
right one. Values are PyTorch 2.13's, recorded from runs of it; the right gradients from runs in which the hidden write went
into a clone.
"""

import pytest

from tensorcli.explorer.session import Session
from tests.explorer.hazards_of import agreed, check, texts

SAVED = "w = torch.tensor([1., 2.], requires_grad=True)\ny = w.exp()\nloss = y.sum()\n"


@pytest.mark.parametrize(
    "write",
    [
        "y.data.mul_(10)",
        "y.data[0] = 5",
        "y.detach().numpy()[:] = 0",
        "n = y.detach().numpy(); n += 1",
        "torch.from_dlpack(y.detach()).mul_(2)",
        "copy.copy(y.detach()).mul_(2)",
        "d = torch.empty(2).set_(y.detach()); d.zero_()",
    ],
)
def test_a_hidden_write_is_told_and_so_is_the_wrong_gradient_it_leads_to(write):
    assert check(f"{SAVED}{write}\nloss.backward()") == [("TSC-H001", 4), ("TSC-H002", 5)]


def test_the_right_gradient_stands_beside_the_wrong_one():
    text = (
        "w = torch.tensor([1., 2., 3.], requires_grad=True)\ny = w.exp()\nloss = (y * w).sum()\n"
        "y.data.mul_(10)\nloss.backward()"
    )
    assert texts(text, "TSC-H002") == [
        "w.grad is wrong: [54.3656, 221.6717, 803.4215]. "
        "Without the hidden write it is [5.4366, 22.1672, 80.3421]."
    ]


def test_the_right_gradient_is_found_within_a_loop_too():
    text = (
        "w = torch.tensor([1., 2.], requires_grad=True)\n"
        "for i in range(2):\n    y = w.exp()\n    y.data.mul_(10)\n    y.sum().backward()\n"
    )
    assert check(text) == [("TSC-H001", 2), ("TSC-H002", 2)]
    assert texts(text, "TSC-H002") == [
        "w.grad is wrong: [54.3656, 147.7811]. Without the hidden write it is [5.4366, 14.7781]."
    ]


MOVED = "w = torch.tensor([1., 2.], requires_grad=True)\nloss = w.log().sum()\n"


def test_data_assigned_between_the_save_and_the_pass_is_told_and_so_is_the_wrong_gradient():
    text = MOVED + "w.data = w.data * 2\nloss.backward()"
    assert check(text) == [("TSC-H001", 3), ("TSC-H002", 4)]
    assert texts(text, "TSC-H002") == [
        "w.grad is wrong: [0.5000, 0.2500]. Without the hidden write it is [1.0000, 0.5000]."
    ]


@pytest.mark.parametrize(
    "text",
    [
        MOVED + "loss.backward()\nw.data = w.data * 2",
        MOVED + "w.data = w.data.clone()\nloss.backward()",
        "w = torch.tensor([1., 2.], requires_grad=True)\nloss = (w * 3).sum()\nw.data = w.data * 2\nloss.backward()",
        "w = torch.tensor([1., 2.], requires_grad=True)\n"
        "for i in range(3):\n"
        "    loss = w.log().sum()\n"
        "    loss.backward()\n"
        "    w.data = w.data - 0.1 * w.grad\n"
        "    w.grad = None",
    ],
)
def test_data_assigned_where_no_node_reads_other_numbers_for_it_is_none(text):
    assert check(text) == []


def test_parameters_that_get_other_data_between_the_save_and_the_pass_are_told():
    text = (
        "net = torch.nn.LayerNorm(2)\nx = torch.tensor([[1., 3.]], requires_grad=True)\nloss = net(x).pow(2).sum()\n"
        "for p in net.parameters():\n    p.data = p.data * 0.5\nloss.backward()"
    )
    assert check(text) == [("TSC-H001", 4), ("TSC-H002", 6)]


def test_a_hidden_write_of_which_the_node_gives_the_same_gradient_is_none():
    text = "w = torch.tensor([1., -2.], requires_grad=True)\ny = w.relu()\nloss = y.sum()\n"
    assert check(text + "y.data[0] = 5\nloss.backward()") == []
    assert check(text + "y.data[1] = 5\nloss.backward()") == [("TSC-H001", 4), ("TSC-H002", 5)]


def test_a_write_to_what_data_moved_apart_from_a_view_is_told_as_stale():
    text = (
        "w = torch.tensor([1., 2.], requires_grad=True)\nv = w.expand(2)\nw.data = w.data * 2\n"
        "loss = (v * v).sum()\nw.detach().fill_(3)"
    )
    (alarm,) = [each for step in Session().run(text) for each in step.alarms if each.kind == "stale"]
    assert [(each.node, each.tensor) for each in alarm.stale] == [
        ("MulBackward0", "v"),
        ("MulBackward0", "v"),
    ]


def test_a_hidden_write_that_changes_no_byte_is_none():
    assert check(SAVED + "y.data.mul_(1)\nloss.backward()") == []


def test_a_hidden_write_into_other_elements_than_the_saved_is_none():
    text = "w = torch.ones(4, requires_grad=True)\ny = w * 1\nloss = y[:2].exp().sum()\n"
    assert check(text + "y.data[2:] = 7\nloss.backward()") == []


def test_a_hidden_write_that_was_taken_back_leaves_the_gradient_right():
    found = check(SAVED + "y.data.mul_(2)\ny.data.div_(2)\nloss.backward()")
    assert ("TSC-H002", 6) not in found


def test_a_write_that_the_counter_sees_is_no_hazard():
    assert check(SAVED + "d = y.detach()\nd.mul_(10)") == []


def test_the_update_of_parameters_through_data_is_no_hazard():
    text = (
        "w = torch.tensor([1., 2.], requires_grad=True)\n"
        "for i in range(3):\n    loss = (w * w).sum()\n    loss.backward()\n"
        "    w.data -= 0.1 * w.grad\n    w.grad = None\n"
    )
    assert check(text) == []


def test_a_hidden_write_beyond_what_is_kept_is_still_reported():
    assert check(SAVED + "y.data.mul_(10)", keep_bytes=1) == [("TSC-H001", 4)]


def test_looking_for_the_right_gradient_leaves_the_generator_alone():
    text = SAVED + "torch.rand(1)\ny.data.mul_(10)\nloss.backward()\nprint(torch.rand(3))"
    shown = [step.output for step in Session(checking=True).run(text)][-1]
    assert shown == [step.output for step in Session(quiet=True).run(text)][-1]


BRIDGED = """\
import numpy as np
w = torch.ones(2, requires_grad=True)
a = np.ones(2, dtype=np.float32)
"""


def test_a_hidden_write_right_after_its_name_is_bound_is_found():
    export = BRIDGED + "y = w.exp()\ny.untyped_storage().fill_(0)\n"
    assert agreed(export) == [("TSC-H001", 5)]
    array = BRIDGED + "y = w * torch.from_numpy(a)\na[0] = 3.0\n"
    assert agreed(array) == [("TSC-H001", 5)]


def test_an_array_in_a_container_is_watched_through_the_container():
    for held, write in (
        ("[a]", "held[0][0] = 3.0"),
        ("{'x': a}", "held['x'][0] = 3.0"),
        ("(1, [a])", "held[1][0][0] = 3.0"),
    ):
        text = BRIDGED + f"held = {held}\ny = w * torch.from_numpy(a)\n{write}\n"
        assert agreed(text) == [("TSC-H001", 6)]


def test_an_array_that_came_into_a_container_unseen_is_watched():
    for held, put in (("[1.5]", "held.append(a)"), ("[w]", "held[0] = a"), ("{'x': 2}", "held['x'] = a")):
        at = {"held.append(a)": "held[1]", "held[0] = a": "held[0]", "held['x'] = a": "held['x']"}[put]
        text = BRIDGED + f"held = {held}\n{put}\ny = w * torch.from_numpy(a)\n{at}[0] = 3.0\n"
        assert agreed(text) == [("TSC-H001", 7)]


def test_a_statement_may_save_an_array_and_then_write_it():
    text = BRIDGED + "def f():\n    y = w * torch.from_numpy(a)\n    a[0] = 3.0\n    return y\ny = f()\n"
    assert agreed(text) == [("TSC-H001", 8)]


def test_what_was_written_before_it_was_saved_is_no_hazard():
    """The gradient is what PyTorch gives: that of the bytes in which the product was computed."""
    text = (
        BRIDGED
        + "def f():\n    a[0] = 3.0\n    return w * torch.from_numpy(a)\ny = f()\ny.sum().backward()\n"
    )
    assert agreed(text) == []


@pytest.mark.parametrize(
    "write",
    [
        "s = y.untyped_storage()\ns.fill_(0)",
        "held = [y.untyped_storage()]\nheld[0].fill_(0)",
        "row = y.detach().numpy().flat\nrow[0] = 5",
        "memory = y.detach().numpy().data\nmemory[0] = 5",
    ],
)
@pytest.mark.parametrize("checking", [True, False])
def test_a_write_through_another_handle_is_a_hidden_write(write: str, checking: bool) -> None:
    session = Session(checking=checking)
    text = f"x = torch.ones(2, requires_grad=True)\ny = x.exp()\n{write}\ny.sum().backward()"
    codes = [row.code for step in session.run(text) for row in step.alarms]
    assert codes == ["TSC-H001", "TSC-H002"]


def test_a_version_error_for_elements_that_were_written_is_no_false_alarm():
    text = "x = torch.ones(2, 3, requires_grad=True) * 1\nv = x[0]\nloss = (v * v).sum()\nx[0] = 5\n"
    assert check(text + "loss.backward()") == []


@pytest.mark.parametrize(
    "lines",
    [
        "y = w * 2\ny[0] = 7\nloss = y.sin().sum()\ny.data[0] = 4",
        "y = w.clamp(max=1.5)\nloss = y.exp().sum()\ny.data[1] = 4",
        "y = w * 2\nloss = (y / y).sum()\ny.data.mul_(3)",
    ],
)
def test_a_hidden_write_that_comes_to_nothing_on_the_way_to_the_leaves_is_none(lines):
    text = f"w = torch.tensor([1., 2.], requires_grad=True)\n{lines}\nloss.backward()"
    assert check(text) == []
