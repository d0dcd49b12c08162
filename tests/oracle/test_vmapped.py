"""Operators under `torch.vmap` give what they give on PyTorch, and the gradients through them are PyTorch's."""

from typing import Any

import pytest

pytest.importorskip("torch")

from tests.oracle import opinfo, vmapped

KNOWN = {
    "as_strided_copy": "PyTorch reads the batch's memory from an example's offset",
    "linalg.eig": "eigenvectors are known up to a factor",
    "linspace/tensor_overload": "the engine asks the tensors for numbers",
    "logspace/tensor_overload": "the engine asks the tensors for numbers",
    "native_batch_norm": "PyTorch does not differentiate by running statistics",
    "native_group_norm": "PyTorch's gradient by the deviations is not that of the formula",
    "nn.functional.batch_norm": "PyTorch does not differentiate by running statistics",
    "nn.functional.linear_cross_entropy/chunked": "the engine has no chunks",
    "nn.functional.linear_cross_entropy/chunked_none": "the engine has no chunks",
    "resize_": "the engine has no rule for it",
    "resize_as_": "the engine has no rule for it",
    "select_scatter": "PyTorch counts a gradient as often as there are elements",
    "sgn": "PyTorch cannot look at its gradient",
}
"""Operators that differ, and why."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("info", opinfo.operators(), ids=opinfo.title)
def test_operator_under_vmap_is_as_on_pytorch(info: Any) -> None:
    if opinfo.title(info) in KNOWN:
        pytest.skip(KNOWN[opinfo.title(info)])
    for arguments, masks in vmapped.cases(info, 1):
        assert vmapped.measure(info, arguments, masks) == ""
