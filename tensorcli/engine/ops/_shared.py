"""What the formulas and checks of several chapters use. No operators are declared here."""

from tensorcli.engine.dtypes import BOOL, COMPLEX, FLOATING, INTEGRAL
from tensorcli.engine.op import functions
from tensorcli.engine.tensor import Tensor


def zeros(grad):
    """A gradient of zeros: the function is constant but for its steps."""
    return functions.zeros_like(grad)


def zero(like):
    """Zero as a tensor without dimensions, of the dtype and on the device of another."""
    return functions.zeros((), dtype=like.dtype, device=like.device)


def category(value):
    """The category of a tensor or a Python number."""
    if isinstance(value, Tensor):
        return value.dtype.category
    return {bool: BOOL, int: INTEGRAL, float: FLOATING}.get(type(value), COMPLEX)
