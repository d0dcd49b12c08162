"""Complex numbers: lazy bits, views and parts.

The values stand in transcripts/complex.txt as PyTorch 2.13 printed them; where it is installed, it is asked again.
"""

import pytest

import tensorcli.engine as engine
from tests.engine.elementwise import answer, same_second_order, transcript

RECORDED = transcript("complex")


@pytest.mark.parametrize("text", RECORDED)
def test_prints_as_recorded(text):
    assert answer(engine, text) == RECORDED[text]


@pytest.mark.parametrize("text", RECORDED)
def test_the_record_is_what_pytorch_prints(text):
    torch = pytest.importorskip("torch")
    assert answer(torch, text) == RECORDED[text]


SECOND_ORDER = (
    "torch.polar(x, y).real",
    "torch.complex(x, y).abs()",
    "torch.complex(x, y).angle()",
    "(torch.complex(x, y) * torch.complex(y, x)).imag",
    "torch.exp(torch.complex(x, y)).real",
    "(torch.complex(x, y) / torch.complex(y, x)).real",
    "torch.pow(torch.complex(x, y), torch.complex(y, x)).real",
    "torch.sgn(torch.complex(x, y)).imag",
)


@pytest.mark.parametrize("text", SECOND_ORDER)
def test_gradients_agree_to_second_order(text):
    same_second_order(pytest.importorskip("torch"), text)
