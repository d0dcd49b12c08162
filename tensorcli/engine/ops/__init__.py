"""The table's chapters, in the order of the help page."""

from tensorcli.engine.ops import (  # noqa: I001
    create,
    pointwise,
    compare,
    complex,
    activation,
    reduce,
    scan,
    order,
    shape,
    strided,
    join,
    memory,
    index,
    scatter,
    random,
    linear,
    linalg,
    nn,
    loss,
    special,
)
