"""Views, joins, factories, copies, data and legacy constructors: each recorded line means what it means to PyTorch.

`shape_records.json` holds lines and PyTorch 2.13's answers (a repr, or an error's type and text). Where PyTorch is
installed the records themselves are checked against it.
"""

import copy
import json
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import tensorcli.engine as engine
from tensorcli.engine import allocation, messages

RECORDS = json.loads(Path(__file__).with_name("shape_records.json").read_text(encoding="utf-8"))
LINES = [
    pytest.param(line, expected, id=f"{table}-{number}")
    for table, lines in RECORDS.items()
    for number, (line, expected) in enumerate(lines.items())
]


def answer(torch, line):
    """The value of a line's last expression as text, or the error it raises."""
    names = {"torch": torch, "np": np, "copy": copy, "pickle": pickle}
    *before, last = line.split("; ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for statement in before:
                exec(statement, names)
            try:
                value = eval(last, names)
            except SyntaxError:
                exec(last, names)
                value = None
            return re.sub(r"0x[0-9a-f]+", "0x", repr(value))
        except Exception as error:
            return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_a_line_means_what_it_means_to_pytorch(line, expected):
    assert answer(engine, line) == expected


def test_the_records_are_pytorchs():
    torch = pytest.importorskip("torch")
    for lines in RECORDS.values():
        for line, expected in lines.items():
            assert answer(torch, line) == expected


def test_a_storage_object_is_the_same_while_it_is_held():
    x = engine.ones(2)
    held = x.untyped_storage()
    assert x.view(2).untyped_storage() is held


def test_an_array_keeps_the_memory_alive():
    array = engine.ones(1000).numpy()
    assert array.sum() == 1000


def test_numpy_twice_has_one_address_and_so_has_the_way_back():
    t = engine.ones(4)
    assert engine.from_numpy(t.numpy()).data_ptr() == t.data_ptr()
    assert engine.from_numpy(t.numpy()[1:]).data_ptr() == t.data_ptr() + 4


def test_a_read_only_array_warns_once_and_is_written_through():
    messages.said.once.clear()
    array = np.zeros(2)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        t = engine.from_numpy(array)
    t[0] = 5
    assert array[0] == 5
    assert engine.from_numpy(array)[0].item() == 5


def test_a_limit_refuses_a_factory_before_it_takes_memory(monkeypatch):

    monkeypatch.setattr(allocation.limit, "nbytes", 1000)
    for make in (
        lambda: engine.ones(10**9),
        lambda: engine.arange(10**9),
        lambda: engine.ones(9).repeat(10**9),
        lambda: engine.combinations(engine.ones(10**4), 3),
    ):
        with pytest.raises(MemoryError):
            make()


def test_more_bytes_than_can_be_addressed_are_refused_in_the_allocators_words(monkeypatch):

    monkeypatch.setattr(allocation.limit, "nbytes", None)
    for make in (lambda: engine.zeros(10**18), lambda: engine.ones(1).expand(10**18) + 1):
        with pytest.raises(
            RuntimeError,
            match="DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000000000000000000 bytes",
        ):
            make()


def test_views_gradients_agree_with_finite_differences_to_second_order():
    x = engine.arange(6.0, dtype=engine.float64).view(2, 3).requires_grad_()
    weights = engine.arange(1.0, 7.0, dtype=engine.float64)
    for view in (
        lambda t: t.select(0, 1).pow(3).sum(),
        lambda t: (t.narrow(1, 1, 2).pow(3)).sum(),
        lambda t: (t.diagonal() ** 3).sum(),
        lambda t: (t.unfold(1, 2, 1) ** 3).sum(),
        lambda t: (t.t().reshape(6) ** 3 * weights).sum(),
        lambda t: (engine.cat([t, t]) ** 3).sum(),
        lambda t: (engine.stack(t.unbind(1)) ** 3 * weights.view(3, 2)).sum(),
        lambda t: (t.flip(1) ** 3 * weights.view(2, 3)).sum(),
        lambda t: (t.repeat(2, 1).tril() ** 3).sum(),
        lambda t: (t.as_strided((2, 2), (1, 2)) ** 3).sum(),
    ):
        (first,) = engine.autograd.grad(view(x), x, create_graph=True)
        (second,) = engine.autograd.grad(first.sum(), x)
        step = 1e-5
        with engine.no_grad():
            for index in range(6):
                moved = engine.zeros(6, dtype=engine.float64)
                moved[index] = step
                moved = moved.view(2, 3)
                slope = (view(x + moved) - view(x - moved)) / (2 * step)
                assert abs(slope.item() - first.reshape(6)[index].item()) < 1e-4
        whole = engine.full((2, 3), step, dtype=engine.float64)
        with engine.enable_grad():
            above = engine.autograd.grad(view(x + whole), x)[0]
            below = engine.autograd.grad(view(x - whole), x)[0]
        difference = (above - below) / (2 * step)
        assert (difference - second).abs().max().item() < 1e-3
