"""Hazards of memory that several places share, that a list keeps again and again, or that nothing wrote: each is reported where
it happens and nowhere else.
"""

import pytest

from tests.explorer.hazards_of import check, texts

# ---- memory that places share, and that nothing wrote


@pytest.mark.parametrize("write", ["x[0, 0] = 1", "x[0][1] += 1", "x[1:, 0] = 2"])
def test_a_write_into_one_place_of_an_expanded_tensor_is_a_hazard(write):
    assert check(f"x = torch.zeros(3, 1).expand(3, 4)\n{write}") == [("TSC-H015", 2)]


@pytest.mark.parametrize(
    "text",
    [
        "x = torch.zeros(3, 1).expand(3, 4).clone()\nx[0, 0] = 1",
        "y = torch.zeros(3, 1)\nx = y.expand(3, 4)\ny[0] = 1",
        "x = torch.zeros(1, 4).expand(1, 4)\nx[0, 0] = 1",
    ],
)
def test_a_write_whose_places_are_its_own_is_no_hazard(text):
    assert check(text) == []


@pytest.mark.parametrize(
    "made", ["torch.empty(3)", "torch.Tensor(3)", "torch.FloatTensor(3)", "torch.ones(3).new(3)"]
)
@pytest.mark.parametrize(
    "read", ["y = x + 1", "y = torch.cat([torch.ones(2), x])", "x += 1", "torch.ones(3).copy_(x)"]
)
def test_a_read_of_memory_that_was_never_written_is_a_hazard(made, read):
    assert check(f"x = {made}\n{read}") == [("TSC-H018", 2)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = torch.empty(3)\nx[0] = 1\ny = x + 1", 3),
        ("x = torch.Tensor(2, 3)\nx[:, 0] = 1\ny = x[0].sum()", 3),
        ("x = torch.empty(3)\nfor i in range(2):\n    x[i] = i\ny = x.sum()", 4),
    ],
)
def test_a_read_of_what_was_written_in_part_is_a_hazard(text, line):
    assert check(text) == [("TSC-H018", line)]


def test_a_copy_of_what_was_never_written_is_as_unwritten() -> None:
    made = "x = torch.empty(1, 3, 2, 2).to(memory_format=torch.channels_last)\n"
    assert not check(f"{made}x.stride()\nx.fill_(1)\nx + 1")
    assert check(f"{made}y = x + 1") == [("TSC-H018", 2)]


def test_what_was_written_in_part_is_told_from_what_was_never_written():
    part = ["x was written in part: PyTorch leaves in the rest what the memory held (zero here)."]
    assert texts("x = torch.empty(3)\nx[0] = 1\ny = x + 1", "TSC-H018") == part
    assert texts("x = torch.empty(3)\nx[0] = 1\ny = x[1:] + 1", "TSC-H018") == part
    assert texts("x = torch.empty(3)\ny = x[1:] + 1", "TSC-H018") == [
        "x was never written: PyTorch leaves in it what the memory held (zero here)."
    ]


@pytest.mark.parametrize(
    "text",
    [
        "x = torch.empty(3).fill_(1)\ny = x + 1",
        "x = torch.empty(3)\nx[0] = 1\nx[1:] = 2\ny = x + 1",
        "x = torch.empty(3)\nx[1] = 1\ny = x[1] + 1",
        "x = torch.empty(3)\nfor i in range(3):\n    x[i] = i\ny = x.sum()",
        "x = torch.empty(2, 3)\nx[:, 0] = 1\nx.t()[1:] = 2\ny = x.sum()",
        "x = torch.empty(3)\ntorch.add(torch.ones(3), 1, out=x)\ny = x + 1",
        "x = torch.empty(3)\nx.uniform_()\nx += 1",
        "x = torch.empty(3)\nx.numpy()[:] = 5\ny = x + 1",
        "x = torch.empty(3, 1)\ny = torch.empty(4)\nprint((x + y).shape)",
        "x = torch.empty(3)\ny = torch.zeros_like(x) + x.new_ones(3)",
        "x = torch.empty(2, 3)\ny = x.t().view(6)",
        "x = torch.empty(0)\ny = torch.cat([x, torch.ones(2)])",
        "net = nn.LSTM(2, 3)\nnet(torch.ones(1, 1, 2))",
        "net = nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Embedding(2, 2), nn.Bilinear(1, 1, 1))\n"
        "total = sum(each.sum() for each in net.parameters())",
    ],
)
def test_memory_that_was_written_or_is_not_read_is_no_hazard(text):
    assert check(text) == []


def test_a_backward_pass_that_writes_into_its_own_copies_loses_no_write():
    text = (
        "from torch.nn.utils import rnn\nx = torch.ones(2, 3, 2, requires_grad=True)\n"
        "packed = rnn.pack_padded_sequence(x, torch.tensor([3, 2]), batch_first=True)\n"
        "out, h = nn.GRU(2, 3)(packed)\npadded, lengths = rnn.pad_packed_sequence(out)\n"
        "(padded.pow(2).sum() + h.sum()).backward()"
    )
    assert check(text) == []


@pytest.mark.parametrize("write", ["rows[0] += 1", "rows[1].add_(1)", "rows[2][0] = 5"])
def test_a_write_into_an_item_that_is_other_items_too_is_a_hazard(write):
    assert check(f"rows = [torch.zeros(2)] * 3\n{write}") == [("TSC-H021", 2)]


@pytest.mark.parametrize(
    "text",
    [
        "rows = [torch.zeros(2) for i in range(3)]\nrows[0] += 1",
        "rows = [torch.zeros(2)] * 3\nrows[0] = torch.ones(2)",
        "x = torch.zeros(2)\npair = [x, x]\nx += 1",
        "x = torch.zeros(4)\nhalves = [x[:2], x[2:]]\nhalves[0] += 1",
        "net = nn.Linear(2, 2)\nties = [net.weight, net.bias]\nwith torch.no_grad():\n    ties[0].zero_()",
    ],
)
def test_a_write_into_an_item_of_its_own_is_no_hazard(text):
    assert check(text) == []


# ---- lists that keep one memory

KEEP = "h, kept = torch.zeros(2), []\nfor i in range(3):\n    h += 1\n    kept.append({})\n"


@pytest.mark.parametrize("item", ["h", "h.detach()", "h.data", "h.numpy()", "h[0]", "h.view(2, 1)"])
def test_a_list_that_keeps_one_memory_again_and_again_is_a_hazard(item):
    assert check(KEEP.format(item)) == [("TSC-H025", 4)]


@pytest.mark.parametrize(
    "text",
    [
        KEEP.format("h.clone()"),
        KEEP.format("h + 1"),
        KEEP.format("h.numpy().copy()"),
        KEEP.format("h.tolist()"),
        "b, kept = torch.zeros(3), []\nfor i in range(3):\n    b[i] = i\n    kept.append(b[i])",
        "b, kept = torch.zeros(3), []\nfor i in range(3):\n    kept.append(b)",
        "kept = []\nfor i in range(3):\n    h = torch.zeros(2)\n    h += 1\n    kept.append(h)",
    ],
)
def test_a_list_of_copies_of_parts_or_of_what_nobody_writes_is_no_hazard(text):
    assert check(text) == []
