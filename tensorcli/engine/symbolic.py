"""Functions that take numbers of traced programs too. Nothing is traced here: these are Python's functions of numbers."""

import math
from typing import Any

import numpy as np


class _Symbolic:
    def __init__(self, node: Any) -> None:
        self.node = node


class SymInt(_Symbolic):
    """An integer of a traced program, of which there are none."""

    __module__ = "torch"


class SymFloat(_Symbolic):
    """A floating number of a traced program, of which there are none."""

    __module__ = "torch"


class SymBool(_Symbolic):
    """A truth value of a traced program, of which there are none."""

    __module__ = "torch"


def sym_int(a: Any) -> int:
    """The number cut off to an integer."""
    return int(a)


def sym_float(a: Any) -> float:
    """The number as a floating one."""
    return float(a)


def sym_max(a: Any, b: Any) -> Any:
    """The larger of two numbers; a float where one of them is. Errors: AssertionError for anything else."""
    return _either(max, a, b)


def sym_min(a: Any, b: Any) -> Any:
    """The smaller of two numbers; a float where one of them is. Errors: AssertionError for anything else."""
    return _either(min, a, b)


def _either(choose: Any, a: Any, b: Any) -> Any:
    numbers = (np.integer, np.floating, int, float)
    for one in (a, b):
        if not isinstance(one, numbers):
            raise AssertionError(f"expected {numbers}, got {type(one)}")
    found = choose(a, b)
    return float(found) if any(isinstance(one, (np.floating, float)) for one in (a, b)) else found


def sym_not(a: Any) -> bool:
    """Whether the value is false."""
    return not a


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """`t if b else f`, of one type. Errors: AssertionError."""
    if not isinstance(b, bool):
        raise AssertionError(f"expected SymBool or bool, got {type(b)}")
    if type(t) is not type(f):
        raise AssertionError(f"type mismatch: {type(t)} vs {type(f)}")
    return t if b else f


def sym_sum(*args: Any) -> Any:
    """The sum of numbers, or of those in a list."""
    return sum(args[0] if len(args) == 1 and isinstance(args[0], (list, tuple)) else args)


def _sym_sqrt(a: Any) -> float:
    """The square root of a number."""
    return math.sqrt(a)


sym_sqrt = _sym_sqrt
