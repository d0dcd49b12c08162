"""The engine answers as PyTorch does: each recorded transcript and table row, replayed without PyTorch.

Known deviations stand in deviations.json, each with its reason.
"""

import json
from pathlib import Path
from typing import Any

import pytest

import tensorcli.engine as engine
from tensorcli.engine import messages
from tensorcli.engine.autograd import anomaly
from tests.oracle import expressions, transcripts

HERE = Path(__file__).parent
DEVIATIONS: dict[str, str] = json.loads((HERE / "deviations.json").read_text())
FACTS = [t for path in sorted(HERE.glob("*.transcripts")) for t in transcripts.read(path.read_text())]
HISTORY: dict[str, list[Any]] = json.loads((HERE / "history.json").read_text())
SAVED: dict[str, dict[str, str]] = json.loads((HERE / "saved.json").read_text())


def _known(key: str) -> None:
    if key in DEVIATIONS:
        pytest.skip(f"known deviation: {DEVIATIONS[key]}")


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.key)
def test_a_transcript_prints_what_pytorch_printed(
    fact: transcripts.Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    _known(fact.key)
    # A session that ran before told whose calls a traceback shows.
    monkeypatch.setattr(anomaly.anomaly, "where", anomaly._stack)
    messages.said.once.clear()
    assert transcripts.run(engine, fact.blocks) == fact.text


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", HISTORY)
def test_history_of_an_expression_is_pytorchs(expression: str) -> None:
    _known(expression)
    assert expressions.describe(engine, expression) == HISTORY[expression]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", SAVED)
def test_an_expression_keeps_what_pytorch_keeps(expression: str) -> None:
    _known(expression)
    assert expressions.keeps(engine, expression) == SAVED[expression]


def test_deviations_are_few_and_name_what_is_recorded() -> None:
    assert len(DEVIATIONS) <= 5
    recorded = {fact.key for fact in FACTS} | set(HISTORY) | set(SAVED)
    assert set(DEVIATIONS) <= recorded
