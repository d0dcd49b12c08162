"""The table's chapters, in the order of the help page.

Chapters that most programs touch are read with the engine; the others when a name is not found in those (`table.Table`).
"""

from importlib import import_module

CHAPTERS = (
    *(
        "create",
        "window",
        "pointwise",
        "elementary",
        "rounding",
        "bits",
        "compare",
        "complex",
        "activation",
        "reduce",
    ),
    *(
        "scan",
        "order",
        "shape",
        "strided",
        "replaced",
        "join",
        "copy",
        "fill",
        "memory",
        "convert",
        "index",
        "scatter",
        "random",
    ),
    *(
        "linear",
        "linalg",
        "inverse",
        "solve",
        "decompose",
        "factor",
        "nn",
        "loss",
        "ctc",
        "norm",
        "conv",
        "pool",
        "unpool",
        "image",
        "attention",
        "embedding",
        "packing",
        "spectrum",
        "fft",
        "statistics",
        "histogram",
        "special",
    ),
)
FIRST = (
    *(
        "create",
        "pointwise",
        "elementary",
        "rounding",
        "compare",
        "complex",
        "reduce",
        "shape",
        "strided",
        "replaced",
    ),
    *("copy", "fill", "memory", "convert", "index", "linear"),
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
    """Read the whole table; whether anything was left to read."""
    return read(CHAPTERS)


read(FIRST)
