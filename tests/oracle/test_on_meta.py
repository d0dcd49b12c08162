"""On meta an operator gives PyTorch's shapes, strides, dtypes and graph, or its error: the first samples of its database."""

from typing import Any, Final

import pytest

pytest.importorskip("torch")

from tensorcli.engine import placement
from tensorcli.engine.table import OPS
from tests.oracle import on_meta, opinfo

KERNELS: Final = (
    "Meta",
    "CompositeExplicitAutograd",
    "CompositeImplicitAutograd",
    "CompositeExplicitAutogradNonFunctional",
)
"""Where PyTorch finds what it runs on meta."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("info", opinfo.operators(), ids=opinfo.title)
def test_an_operator_on_meta_is_as_on_pytorch(info: Any) -> None:
    for difference in on_meta.compared(info, most=4):
        assert not difference


def test_what_is_refused_on_meta_has_no_kernel_there() -> None:
    import torch

    has = torch._C._dispatch_has_kernel_for_dispatch_key
    known = set(torch._C._dispatch_get_all_op_names())
    absent = {
        op.base
        for op in map(OPS.get, list(OPS))
        if op is not None
        and f"aten::{op.name}" in known
        and not any(has(f"aten::{op.name}", key) for key in KERNELS)
    }
    # is_set_to reads no elements and refuses by itself; unique_consecutive has a name of its own here, linalg_lstsq there.
    assert (
        absent - {"is_set_to", "unique_consecutive"}
        == placement.WITHOUT_META_KERNEL - placement.NAMED_ON_META.keys()
    )
