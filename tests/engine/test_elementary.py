"""Exponentials, logarithms and angles.

The values stand in transcripts/elementary.txt as PyTorch 2.13 printed them; where it is installed, it is asked again.
"""

import pytest

import tensorcli.engine as engine
from tests.engine.elementwise import answer, same_second_order, transcript

RECORDED = transcript("elementary")


@pytest.mark.parametrize("text", RECORDED)
def test_prints_as_recorded(text):
    assert answer(engine, text) == RECORDED[text]


@pytest.mark.parametrize("text", RECORDED)
def test_the_record_is_what_pytorch_prints(text):
    torch = pytest.importorskip("torch")
    assert answer(torch, text) == RECORDED[text]


SECOND_ORDER = (
    "x.exp()",
    "x.exp2()",
    "x.expm1()",
    "x.log()",
    "x.log2()",
    "x.log10()",
    "x.log1p()",
    "x.sin()",
    "x.cos()",
    "x.tan()",
    "x.asin()",
    "x.acos()",
    "x.atan()",
    "x.sinh()",
    "x.cosh()",
    "x.tanh()",
    "x.asinh()",
    "torch.acosh(x + 1)",
    "x.atanh()",
    "x.sinc()",
    "torch.hypot(x, y)",
    "torch.atan2(x, y)",
    "torch.logaddexp(x, y)",
    "torch.logaddexp2(x, y)",
    "torch.ldexp(x, y)",
)


@pytest.mark.parametrize("text", SECOND_ORDER)
def test_gradients_agree_to_second_order(text):
    same_second_order(pytest.importorskip("torch"), text)
