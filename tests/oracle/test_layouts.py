"""Operators on tensors whose elements lie in another order of memory: the first samples of PyTorch's database, laid out anew."""

from typing import Any, Final

import pytest

pytest.importorskip("torch")

from tests.oracle import opinfo

OTHERWISE: Final = {
    "matrix_exp": "beyond the tolerance: another order of summation",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("info", opinfo.operators(), ids=opinfo.title)
def test_an_operator_keeps_pytorchs_order_of_memory(info: Any) -> None:
    if opinfo.title(info) in OTHERWISE:
        pytest.skip(OTHERWISE[opinfo.title(info)])
    for sample in opinfo.samples(info, "float32", 2):
        for order in opinfo.ORDERS:
            assert not opinfo.measure(info, opinfo.relaid(sample, order), "float32")
