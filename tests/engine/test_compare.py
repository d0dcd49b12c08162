"""Comparisons, truth values, choosing and searching.

The values stand in transcripts/compare.txt as PyTorch 2.13 printed them; where it is installed, it is asked again.
"""

import pytest

import tensorcli.engine as engine
from tests.engine.elementwise import answer, same_second_order, transcript

RECORDED = transcript("compare")


@pytest.mark.parametrize("text", RECORDED)
def test_prints_as_recorded(text):
    assert answer(engine, text) == RECORDED[text]


@pytest.mark.parametrize("text", RECORDED)
def test_the_record_is_what_pytorch_prints(text):
    torch = pytest.importorskip("torch")
    assert answer(torch, text) == RECORDED[text]


SECOND_ORDER = (
    "torch.where(x > y, x, y)",
    "x.masked_fill(x > 0.5, 0)",
    "torch.masked_fill(x, x > 0.5, y.sum())",
)


@pytest.mark.parametrize("text", SECOND_ORDER)
def test_gradients_agree_to_second_order(text):
    same_second_order(pytest.importorskip("torch"), text)
