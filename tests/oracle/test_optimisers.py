"""Optimisers train, save and refuse as on PyTorch: every twelfth run over its database."""

from itertools import islice
from typing import Any

import pytest

pytest.importorskip("torch")

import tensorcli.engine as engine
from tests.oracle import optimisers


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("info", optimisers.optimisers(), ids=lambda info: info.name)
def test_an_optimiser_does_what_pytorchs_does(info: Any) -> None:
    for words, run in islice(optimisers.runs(info), 0, None, 12):
        assert (words, optimisers.compared(run)) == (words, "")


@pytest.mark.filterwarnings("ignore")
def test_an_optimiser_that_does_something_else_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    (sgd,) = optimisers.optimisers("^SGD")
    monkeypatch.setattr(engine.optim.SGD, "update", lambda self, param, grad, state, group: param.add_(grad))
    assert any(optimisers.compared(run) for _, run in islice(optimisers.runs(sgd), 2))
