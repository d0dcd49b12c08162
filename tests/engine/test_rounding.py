"""Signs, rounding, limits and bits.

The values stand in transcripts/rounding.txt as PyTorch 2.13 printed them; where it is installed, it is asked again.
"""

import pytest

import tensorcli.engine as engine
from tests.engine.elementwise import answer, same_second_order, transcript

RECORDED = transcript("rounding")


@pytest.mark.parametrize("text", RECORDED)
def test_prints_as_recorded(text):
    assert answer(engine, text) == RECORDED[text]


@pytest.mark.parametrize("text", RECORDED)
def test_the_record_is_what_pytorch_prints(text):
    torch = pytest.importorskip("torch")
    assert answer(torch, text) == RECORDED[text]


SECOND_ORDER = (
    "x.abs()",
    "-x",
    "x.clamp(0.3, 0.6)",
    "x.clamp_min(0.3)",
    "torch.clamp(x, y * 0.5, y)",
    "torch.maximum(x, y)",
    "torch.fmin(x, y)",
    "torch.copysign(x, y)",
    "x.round(decimals=1)",
    "x.frac()",
)


@pytest.mark.parametrize("text", SECOND_ORDER)
def test_gradients_agree_to_second_order(text):
    same_second_order(pytest.importorskip("torch"), text)
