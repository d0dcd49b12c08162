"""Writes that are lost, or read what they wrote: each is reported where it happens and nowhere else."""

import pytest

from tensorcli.explorer.session import Session
from tests.explorer.hazards_of import check, texts

# ---- lost writes


@pytest.mark.parametrize(
    "write",
    [
        "x[m][0] = 5",
        "x[[0, 1]][0] += 2",
        "x[m].zero_()",
        "x.index_select(0, torch.tensor([0])).fill_(1)",
        "x.double()[0] = 1",
        "for i in range(2): x[m][0] = 5",
    ],
)
def test_a_write_into_a_copy_that_nobody_holds_is_lost(write):
    scene = "x = torch.zeros(3)\nm = torch.tensor([True, True, False])\n"
    assert check(scene + write) == [("TSC-H003", 3)]
    assert Session(checking=True).names is not None
    session = Session(checking=True)
    list(session.run(scene + write + "\nr = x.tolist()"))
    assert session.names["r"] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "write",
    [
        "x[m] = 5",
        "x[m] += 1",
        "x[1:][0] = 5",
        "x[0:2][m[:2]] = 5",
        "x.view(3, 1)[0] = 5",
        "y = x[m]; y[0] = 5",
        "y = x[m].zero_()",
        "print(x[m].add_(1))",
        "torch.stack([x[m].add_(1)])",
        "y = x[m].clone().mul_(2).sum()",
        "x.data[0] = 4",
        "l = [x[m]]; l[0][0] = 1; s = l[0].sum()",
    ],
)
def test_a_write_that_somebody_sees_is_not_lost(write):
    assert check("x = torch.zeros(3)\nm = torch.tensor([True, True, False])\n" + write) == []


# ---- overlaps


@pytest.mark.parametrize("write", ["a[:, 1:] = a[:, :-1]", "a -= a[:, :1]"])
def test_an_operand_that_overlaps_what_is_written_is_a_hazard(write):
    assert check("a = torch.arange(6.).reshape(2, 3)\n" + write) == [("TSC-H004", 2)]


@pytest.mark.parametrize(
    "write",
    [
        "a += a",
        "a.copy_(a)",
        "a[0] = a[1]",
        "a[:, 0] += a[:, 1]",
        "a *= a[:, :1].clone()",
        "a[:] = a",
        "a[1:] += a[:-1].flip(1) * 0 + a[:-1]",
    ],
)
def test_operands_that_do_not_overlap_or_are_the_same_elements_are_no_hazard(write):
    assert check("a = torch.arange(6.).reshape(2, 3)\n" + write) == []


# ---- swaps of views


@pytest.mark.parametrize(
    "write",
    [
        "x[0], x[1] = x[1], x[0]",
        "[x[0], x[1]] = [x[1], x[0]]",
        "x[:, 0], x[:, 1] = x[:, 1], x[:, 0]",
        "for i in range(1):\n    x[i], x[i + 1] = x[i + 1], x[i]",
        "def swap(t):\n    t[0], t[1] = t[1], t[0]\nswap(x)",
        "a, b = x[0], x[1]\nx[0], x[1] = b, a",
    ],
)
def test_a_swap_of_views_reads_what_it_wrote(write):
    found = texts("x = torch.arange(4.).reshape(2, 2)\n" + write, "TSC-H010")
    assert [each.partition(":")[0] for each in found] == ["the right side holds views, not copies"]


@pytest.mark.parametrize(
    "write",
    [
        "x[0], x[1] = x[1].clone(), x[0].clone()",
        "x[0], x[1] = x[1], x[0].clone()",
        "x[[0, 1]] = x[[1, 0]]",
        "x[0], x[1] = y[1], y[0]",
        "x[0], x[1] = x[0], x[1]",
        "x[0, 0], x[1, 1] = x[1, 1].item(), x[0, 0].item()",
        "a, b = x[0], x[1]\na, b = b, a",
    ],
)
def test_a_swap_that_reads_before_it_writes(write):
    text = "x = torch.arange(4.).reshape(2, 2)\ny = torch.ones(2, 2)\n" + write
    assert check(text) == []


# ---- duplicate indices


@pytest.mark.parametrize(
    "write", ["x[[0, 0, 1]] += 1", "x[torch.tensor([1, -2])] -= 1", "i = [2, 2]\nx[i] *= 3"]
)
def test_an_index_that_names_an_element_twice(write):
    assert [code for code, _ in check("x = torch.ones(3)\n" + write)] == ["TSC-H006"]


@pytest.mark.parametrize(
    "write",
    [
        "x[[0, 1]] += 1",
        "x[[0, 0]] = 1",
        "x[x > 0] += 1",
        "x[0] += 1",
        "x.index_add_(0, torch.tensor([0, 0]), torch.ones(2))",
        "y = torch.zeros(2, 2)\ny[[0, 0], [0, 1]] += 1",
    ],
)
def test_indices_that_lose_nothing(write):
    assert check("x = torch.ones(3)\n" + write) == []
