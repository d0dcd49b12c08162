"""Arithmetic: values, promotion, refusals, nodes.

The values stand in transcripts/pointwise.txt as PyTorch 2.13 printed them; where it is installed, it is asked again.
"""

import pytest

import tensorcli.engine as engine
from tests.engine.elementwise import answer, same_second_order, transcript

RECORDED = transcript("pointwise")


@pytest.mark.parametrize("text", RECORDED)
def test_prints_as_recorded(text):
    assert answer(engine, text) == RECORDED[text]


@pytest.mark.parametrize("text", RECORDED)
def test_the_record_is_what_pytorch_prints(text):
    torch = pytest.importorskip("torch")
    assert answer(torch, text) == RECORDED[text]


SECOND_ORDER = (
    "x * y",
    "x / y",
    "y - x",
    "1 - x",
    "3 / x",
    "x ** 3",
    "x ** 0.5",
    "x ** 0",
    "2 ** x",
    "x ** y",
    "torch.remainder(x, y)",
    "torch.fmod(x, y)",
    "torch.lerp(x, y, y)",
    "torch.addcmul(x, x, y, value=2.0)",
    "torch.addcdiv(x, x, y, value=2.0)",
    "x.rsqrt()",
    "x.sqrt()",
    "x.reciprocal()",
)


@pytest.mark.parametrize("text", SECOND_ORDER)
def test_gradients_agree_to_second_order(text):
    same_second_order(pytest.importorskip("torch"), text)
