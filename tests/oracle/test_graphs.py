"""Operators record PyTorch's graphs, and so do their gradients: the first samples of its database."""

from typing import Any, Final

import pytest

pytest.importorskip("torch")

from tests.oracle import graphs, opinfo

OTHERWISE: Final = {
    "linalg.householder_product": "its gradient is that of the reflections one after the other",
    "ormqr": "its gradient is that of the reflections one after the other",
}
INFOS: Final = [info for info in opinfo.operators() if info.supports_autograd and info.name not in OTHERWISE]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("info", INFOS, ids=opinfo.title)
def test_an_operator_and_its_gradient_record_pytorchs_nodes(info: Any) -> None:
    for dtype in ("float64", "complex128"):
        _, result, gradient = graphs.compare(info, dtype, 2)
        assert not result
        assert not gradient
