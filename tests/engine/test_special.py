"""Special functions.

The values stand in transcripts/special.txt as PyTorch 2.13 printed them; where it is installed, it is asked again.
"""

import pytest

import tensorcli.engine as engine
from tests.engine.elementwise import answer, same_second_order, transcript

RECORDED = transcript("special")


@pytest.mark.parametrize("text", RECORDED)
def test_prints_as_recorded(text):
    assert answer(engine, text) == RECORDED[text]


@pytest.mark.parametrize("text", RECORDED)
def test_the_record_is_what_pytorch_prints(text):
    torch = pytest.importorskip("torch")
    assert answer(torch, text) == RECORDED[text]


SECOND_ORDER = (
    "torch.erf(x)",
    "torch.erfc(x)",
    "torch.erfinv(x)",
    "torch.lgamma(x)",
    "torch.digamma(x)",
    "torch.polygamma(2, x)",
    "torch.mvlgamma(x + 3, 2)",
    "torch.i0(x)",
    "torch.special.erfcx(x)",
    "torch.special.ndtr(x)",
    "torch.special.log_ndtr(x)",
    "torch.special.ndtri(x)",
    "torch.special.entr(x)",
    "torch.special.i0e(x)",
    "torch.special.i1(x)",
    "torch.special.i1e(x)",
    "torch.xlogy(x, y)",
    "torch.xlogy(x, 2)",
    "torch.special.xlog1py(x, y)",
    "torch.special.zeta(2, x + 1)",
)


@pytest.mark.parametrize("text", SECOND_ORDER)
def test_gradients_agree_to_second_order(text):
    same_second_order(pytest.importorskip("torch"), text)
