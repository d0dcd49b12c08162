"""Wrong calls raise what PyTorch raises: those of its operator database, recorded, and live where it is installed."""

import importlib
import warnings
from typing import Any

import pytest

import tensorcli.engine as engine
from tests.oracle import wrong_calls

CALLS = wrong_calls.read()


def _function(name: str) -> Any:
    target: Any = engine
    for part in name.split("."):
        target = getattr(target, part, None)
    return target if target is not None else getattr(engine.Tensor, name.rpartition(".")[2])


def _answer(entry: dict[str, Any]) -> tuple[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wrong_calls.complaint(engine, _function(entry["call"]), entry["arguments"])


@pytest.mark.parametrize("name", dict.fromkeys(entry["call"] for entry in CALLS))
def test_a_wrong_call_raises_what_pytorch_raises(name: str) -> None:
    for entry in CALLS:
        if entry["call"] != name or entry.get("deviates") == "type":
            continue
        kind, text = _answer(entry)
        assert kind == entry["type"], entry
        if "deviates" not in entry:
            assert text == entry["text"]


def test_most_wrong_calls_raise_pytorchs_type_and_text() -> None:
    types = sum(entry.get("deviates") != "type" for entry in CALLS)
    texts = sum("deviates" not in entry for entry in CALLS)
    assert types >= 0.85 * len(CALLS)
    assert texts >= 0.75 * len(CALLS)


def test_the_recorded_answers_are_the_installed_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("expecttest")
    opinfo = importlib.import_module("tests.oracle.opinfo")
    for entry in CALLS[::7]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = wrong_calls.complaint(torch, opinfo.named(torch, entry["call"]), entry["arguments"])
        assert found == (entry["type"], entry["text"])
