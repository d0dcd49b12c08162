"""Facts about PyTorch 2.13's Python signatures that its schema lines do not state.

Literal tables, in PyTorch's own names. This module knows nothing but the tables; `signatures` reads them.
"""

from typing import Final

NUMPY_NAMES: Final = {"dim": ("axis",), "keepdim": ("keepdims",), "input": ("x", "a", "x1"), "other": ("x2",)}
"""numpy's keywords for the arguments they stand for, tried in this order after the argument's own name."""

NUMBERS_AS_TENSORS: Final = frozenset(
    (
        *(
            "add",
            "add_",
            "div",
            "div_",
            "divide",
            "divide_",
            "mul",
            "mul_",
            "multiply",
            "multiply_",
            "sub",
            "sub_",
        ),
        *(
            "subtract",
            "subtract_",
            "true_divide",
            "true_divide_",
            "floor_divide",
            "floor_divide_",
            "to",
            "copy_",
        ),
    )
)
"""Functions whose Tensor arguments a Python number may stand for."""

_FIVE = "Scalar beta, Tensor self, Scalar alpha, {}"
_FOUR = "Scalar beta, Tensor self, {}"
_VALUE = "Tensor self, Scalar value, Tensor tensor1, Tensor tensor2"


def _scaled(operands: str) -> tuple[str, ...]:
    return _FIVE.format(operands), _FOUR.format(operands)


_DEPRECATED: Final[dict[str, tuple[str, ...]]] = {
    "add": ("Tensor self, Scalar alpha, Tensor other",),
    "addbmm": _scaled("Tensor batch1, Tensor batch2"),
    "addcdiv": (_VALUE,),
    "addcmul": (_VALUE,),
    "addmm": _scaled("Tensor mat1, Tensor mat2"),
    "addmv": _scaled("Tensor mat, Tensor vec"),
    "addr": _scaled("Tensor vec1, Tensor vec2"),
    "baddbmm": _scaled("Tensor batch1, Tensor batch2"),
    "sspaddmm": _scaled("Tensor mat1, Tensor mat2"),
    "sub": ("Tensor self, Scalar alpha, Tensor other",),
}


def deprecated(name: str) -> tuple[str, ...]:
    """The old orders of arguments that PyTorch still takes, with a warning, for a function or its twin."""
    return _DEPRECATED.get(name.removesuffix("_"), ())
