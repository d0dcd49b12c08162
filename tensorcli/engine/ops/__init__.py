"""The table's chapters, in the order of the help page."""

from tensorcli.engine.ops import create, pointwise, reduce, shape, strided, memory  # noqa: I001
