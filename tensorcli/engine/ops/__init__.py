"""The table's chapters, in the order of the help page.

Chapters that most programs touch are read with the engine; the others when a name is not found in those (`table.Table`).
"""

from importlib import import_module

CHAPTERS = tuple(
    """
    create window pointwise power elementary rounding bits compare complex activation rectifier
    smooth piecewise reduce extreme spread scan order shape transpose expand strided replaced
    join reorder grid copy fill memory convert index gather mask scatter slices random sampling
    linear matmul contract norms linalg inverse solve cholesky decompose lu factor numbers
    softmax dropout loss cross_entropy likelihood margin ctc layer_norm batch_norm conv patch
    pad pool unpool image attention embedding embedding_bag packing weights spectrum fft
    calculus statistics distance histogram special gamma pathwise bessel polynomial recurrent
    """.split()
)
FIRST = tuple(
    """
    create pointwise power elementary rounding compare complex reduce extreme spread shape transpose
    expand strided replaced copy fill memory convert index gather mask linear matmul contract
    """.split()
)

_read: set[str] = set()


def read(chapters: tuple[str, ...]) -> bool:
    """Read these chapters; whether any of them was not read yet."""
    new = [name for name in chapters if name not in _read]
    _read.update(new)
    for name in new:
        import_module(f"tensorcli.engine.ops.{name}")
    return bool(new)


def read_all() -> bool:
    """Read the whole table; whether anything was left to read. A chapter of which half was read would be lost for good."""
    if len(_read) == len(CHAPTERS):
        return False
    from tensorcli.engine.uninterrupted import uninterrupted

    with uninterrupted():
        return read(CHAPTERS)


read(FIRST)
