"""Operators record PyTorch's graphs, and so do their gradients: the first samples of its database."""

from typing import Any, Final

import pytest

pytest.importorskip("torch")

from tests.oracle import graphs, opinfo

INFOS: Final = [info for info in opinfo.operators() if info.supports_autograd]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("info", INFOS, ids=opinfo.title)
def test_an_operator_and_its_gradient_record_pytorchs_nodes(info: Any) -> None:
    for dtype in ("float64", "complex128"):
        _, result, gradient = graphs.compare(info, dtype, 2)
        assert not result
        assert not gradient
