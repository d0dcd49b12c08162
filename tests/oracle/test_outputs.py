"""What operators do with an `out=` of another dtype, of other sizes and in another order of memory: PyTorch's database."""

from typing import Any, Final

import pytest

pytest.importorskip("torch")

from tests.oracle import opinfo, outputs

_UNWRITTEN: Final = "PyTorch writes out of order, or not at all, where the output does not lie row by row"
OTHERWISE: Final = {
    "std": "an output of the wrong size is sized twice",
    "var": "an output of the wrong size is sized twice",
    "mv": "other words of an output that has another dtype and other sizes",
    "matmul": "a product of vectors gives the output its size before it looks at the dtype",
    "diff": "the sizing of an output that it subtracts into counts as a write",
    "normal": "an output of integers gets its size before it is refused",
    "nn.functional.linear": "a vector's output gets a dimension more, with a warning",
    "nn.functional.avg_pool3d": _UNWRITTEN,
    "nn.functional.gelu": _UNWRITTEN,
    "narrow_copy": _UNWRITTEN,
}
DTYPES: Final = ("float32", "int64", "complex64")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("info", [one for one in opinfo.operators() if one.supports_out], ids=opinfo.title)
def test_an_output_is_taken_or_refused_as_pytorch_does(info: Any) -> None:
    if opinfo.title(info) in OTHERWISE:
        pytest.skip(OTHERWISE[opinfo.title(info)])
    for dtype in DTYPES:
        for sample in opinfo.samples(info, dtype, 1):
            assert not outputs.compared(info, sample), dtype
