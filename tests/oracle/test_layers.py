"""Modules are made, called and differentiated as on PyTorch: the first inputs of its database, and its wrong calls."""

from typing import Any

import pytest

pytest.importorskip("torch")

import tensorcli.engine as engine
from tests.oracle import layers


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("info", layers.modules(), ids=lambda info: info.name)
def test_a_module_does_what_pytorchs_does(info: Any) -> None:
    for training in (True, False):
        assert not {what for what in layers.measure(info, training, 3) if what}


def test_a_module_that_does_something_else_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    (relu,) = layers.modules(r"\.ReLU$")
    monkeypatch.setattr(engine.nn.ReLU, "forward", lambda self, x: x * 1.0)
    assert {what.partition(":")[0] for what in layers.measure(relu, True)} == {"result"}
