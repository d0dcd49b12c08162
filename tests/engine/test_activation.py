"""Activation functions and their gradients' gradients.

The values stand in transcripts/activation.txt as PyTorch 2.13 printed them; where it is installed, it is asked again.
"""

import pytest

import tensorcli.engine as engine
from tests.engine.elementwise import answer, same_second_order, transcript

RECORDED = transcript("activation")


@pytest.mark.parametrize("text", RECORDED)
def test_prints_as_recorded(text):
    assert answer(engine, text) == RECORDED[text]


@pytest.mark.parametrize("text", RECORDED)
def test_the_record_is_what_pytorch_prints(text):
    torch = pytest.importorskip("torch")
    assert answer(torch, text) == RECORDED[text]


SECOND_ORDER = (
    "x.sigmoid()",
    "x.relu()",
    "F.gelu(x - 0.5)",
    "F.gelu(x - 0.5, approximate='tanh')",
    "F.silu(x)",
    "F.elu(x - 0.5)",
    "F.elu((x - 0.5) * 1, inplace=True)",
    "F.celu(x - 0.5)",
    "F.leaky_relu(x - 0.5)",
    "F.prelu(x - 0.5, y[0:1])",
    "F.hardtanh(x)",
    "F.hardswish(x)",
    "F.hardshrink(x)",
    "F.softshrink(x)",
    "F.softplus(x)",
    "F.logsigmoid(x)",
    "F.mish(x)",
    "F.threshold(x, 0.3, 1.0)",
    "F.glu(x)",
    "x.logit()",
)


@pytest.mark.parametrize("text", SECOND_ORDER)
def test_gradients_agree_to_second_order(text):
    same_second_order(pytest.importorskip("torch"), text)
