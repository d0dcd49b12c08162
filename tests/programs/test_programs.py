"""Random programs do on the engine what they do on PyTorch, statement by statement, errors and their texts included."""

import pytest

import tensorcli.engine as engine
from tests.programs import compare
from tests.programs.statements import STATEMENTS

PROGRAMS = 150


def test_statements_are_drawn_from_wide_tables() -> None:
    least = {"view": 30, "pure": 45, "write": 40, "gradient": 10, "mode": 6}
    assert [kind for kind, count in least.items() if len(STATEMENTS[kind]) < count] == []


@pytest.mark.filterwarnings("ignore")
def test_random_programs_agree_with_pytorch() -> None:
    torch = pytest.importorskip("torch")
    score = compare.run(range(PROGRAMS), torch, engine)
    report = "\n".join(f"- {example}\n      {lines}" for example, lines in score.examples.items())
    print(report)
    assert score.succeeded >= 0.6 * score.statements
    assert score.agree >= 0.97 * PROGRAMS, report
    assert score.agree_text >= 0.9 * PROGRAMS, report
