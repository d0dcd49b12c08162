"""Element-wise operators, chapter by chapter: what they print, and their gradients' gradients.

The values stand in transcripts/ as PyTorch 2.13 printed them; where it is installed, it is asked again.
"""

import pytest

import tensorcli.engine as engine
from tests.engine.elementwise import answer, same_second_order, transcripts

RECORDED = transcripts()


@pytest.mark.parametrize(("chapter", "text"), RECORDED)
def test_an_expression_prints_what_pytorch_printed(chapter, text):
    assert answer(engine, text) == RECORDED[chapter, text]


@pytest.mark.parametrize(("chapter", "text"), RECORDED)
def test_the_record_is_what_pytorch_prints(chapter, text):
    torch = pytest.importorskip("torch")
    assert answer(torch, text) == RECORDED[chapter, text]


SECOND_ORDER = {
    "activation": (
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
    ),
    "compare": (
        "torch.where(x > y, x, y)",
        "x.masked_fill(x > 0.5, 0)",
        "torch.masked_fill(x, x > 0.5, y.sum())",
    ),
    "complex": (
        "torch.polar(x, y).real",
        "torch.complex(x, y).abs()",
        "torch.complex(x, y).angle()",
        "(torch.complex(x, y) * torch.complex(y, x)).imag",
        "torch.exp(torch.complex(x, y)).real",
        "(torch.complex(x, y) / torch.complex(y, x)).real",
        "torch.pow(torch.complex(x, y), torch.complex(y, x)).real",
        "torch.sgn(torch.complex(x, y)).imag",
    ),
    "elementary": (
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
    ),
    "pointwise": (
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
    ),
    "rounding": (
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
    ),
    "special": (
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
    ),
}


@pytest.mark.parametrize("text", [text for texts in SECOND_ORDER.values() for text in texts])
def test_gradients_agree_to_second_order(text):
    same_second_order(pytest.importorskip("torch"), text)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("F.softshrink(x, 0.2)", "F.softshrink(x, -0.5)", r"lambda must be in range \[0, 3.40282e\+38\]"),
        ("torch.mvlgamma(x, 2)", "torch.mvlgamma(x, 0)", "p has to be greater than or equal to 1"),
        ("torch.clamp(x, 0.0, 1.0)", "torch.clamp(x)", "At least one of 'min' or 'max' must not be None"),
    ],
)
def test_a_wrong_number_is_refused_after_right_ones_too(right: str, wrong: str, said: str) -> None:
    names = {"torch": engine, "F": engine.nn.functional, "x": engine.ones(3) * 3}
    for _ in range(3):
        eval(right, names)
    with pytest.raises(RuntimeError, match=said):
        eval(wrong, names)


@pytest.mark.parametrize("exponent", [5, 7, -3, 1.5, 2j, 1 + 1j])
@pytest.mark.parametrize("kind", ["complex64", "complex128"])
def test_powers_of_complex_numbers_have_pytorchs_bits(kind, exponent):
    torch = pytest.importorskip("torch")
    found = []
    for library in (engine, torch):
        x = library.tensor([0.3 - 1.2j, -2.5 + 0.1j, 1e-3 + 7j], dtype=getattr(library, kind))
        exponents = library.full((3,), exponent, dtype=x.dtype)
        found.append([each.numpy().tobytes() for each in (x**exponent, library.pow(x, exponents))])
    assert found[0] == found[1]
