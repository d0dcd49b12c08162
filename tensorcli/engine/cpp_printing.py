"""A tensor as PyTorch's C++ prints it, which a few of its errors show (aten/src/ATen/core/Formatting.cpp)."""

import math
from typing import Any

import numpy as np

from tensorcli.engine.tensor import Tensor

_LINE = 80


def text(tensor: Tensor) -> str:
    """The matrices of a tensor of two or more dimensions as numbers of double precision; a last line has type and sizes."""
    values = tensor.values
    values = np.asarray((values.real if values.dtype.kind == "c" else values).astype(np.float64))
    sizes = tensor.geometry.sizes
    if not values.size:
        shown = ""
    elif len(sizes) == 2:
        shown = _matrix(values, "")
    else:
        # The first index runs fastest.
        places = [index[::-1] for index in np.ndindex(*sizes[-3::-1])]
        shown = "\n".join(
            f"({','.join(str(i + 1) for i in place)},.,.) = \n{_matrix(values[place], ' ')}"
            for place in places
        )
    return f"{shown}[ {tensor.dtype.tensor_type}{{{','.join(map(str, sizes))}}} ]"


def _format(values: Any) -> tuple[float, str]:
    """What the elements are divided by, and the format of one."""
    finite = np.abs(values[np.isfinite(values)])
    least, most = (_digits(finite.min()), _digits(finite.max())) if finite.size else (1, 1)
    if (finite == np.ceil(finite)).all():
        return 1.0, "11.4e" if most > 9 else f"{most + 1}g"
    if most - least > 4:
        return 1.0, f"{12 if max(abs(most), abs(least)) > 99 else 11}.4e"
    if most > 5 or most < 0:
        return 10.0 ** (most - 1), "7.4f"
    return 1.0, f"{most + 6 if most else 7}.4f"


def _digits(value: float) -> int:
    return math.floor(math.log10(value)) + 1 if value else 1


def _matrix(values: Any, indent: str) -> str:
    """Rows of a matrix, in blocks of as many columns as fit a line; the first row of a block stands as PyTorch puts it."""
    scale, form = _format(values.reshape(-1))
    columns = values.shape[1]
    fitting = (_LINE - len(indent)) // (int(form.partition(".")[0].rstrip("g")) + 1)
    found = ""
    for first in range(0, columns, fitting):
        last = min(first + fitting, columns)
        if fitting < columns:
            found += ("\n" if first else "") + f"Columns {first + 1} to {last}{indent}"
        if scale != 1:
            found += f"{scale:g} *\n{indent}"
        rows = [" ".join(f"{value:{form}}" for value in row) for row in values[:, first:last] / scale]
        found += f"\n{indent}{' ' if scale != 1 else ''}".join(rows) + "\n"
    return found
