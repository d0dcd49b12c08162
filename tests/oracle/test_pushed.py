"""Operators push tangents forward as on PyTorch: of results, of gradients, and of several at once."""

from typing import Any

import pytest

pytest.importorskip("torch")

from tests.oracle import opinfo, pushed

KNOWN = {
    "linalg.eig": "eigenvectors are known up to a factor",
    "logcumsumexp": "the second derivative has few digits, on both sides",
}
"""Operators that differ, and why."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "info", [one for one in opinfo.operators() if one.supports_autograd], ids=opinfo.title
)
def test_operator_pushes_tangents_as_on_pytorch(info: Any) -> None:
    if opinfo.title(info) in KNOWN:
        pytest.skip(KNOWN[opinfo.title(info)])
    for arguments in pushed.cases(info, 1):
        for observe in pushed.WAYS.values():
            assert pushed.measure(info, arguments, observe) == ""
