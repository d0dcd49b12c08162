"""The table's chapters, in the order of the help page.

A chapter is read when one of its operators is first asked for (`table.Table`): `_contents` says which one that is.
"""

from importlib import import_module

CHAPTERS = tuple(
    """
    create ranges window pointwise power elementary rounding limits bits compare search complex activation rectifier
    smooth piecewise reduce extreme spread scan segment order shape transpose expand strided split replaced
    view_copies join reorder grid copy fill memory convert index gather mask scatter slices random sampling
    linear matmul contract norms linalg inverse solve cholesky decompose lu factor numbers
    softmax dropout loss cross_entropy likelihood margin ctc layer_norm batch_norm conv patch
    pad pool adaptive_pool fractional unpool image sampler attention embedding embedding_bag packing weights spectrum
    fft_kernels fft calculus statistics distance histogram special gamma pathwise bessel polynomial cells recurrent rnn sobol
    """.split()
)

_read: set[str] = set()
_chapters: dict[str, str] = {}


def read_for(name: str) -> bool:
    """Read the chapter that declares an operator, by the name of all its overloads; whether it was not read yet."""
    if not _chapters:
        from tensorcli.engine.ops._contents import NAMES

        _chapters.update((each, chapter) for chapter, names in NAMES.items() for each in names.split())
    chapter = _chapters.get(name)
    if chapter is None or chapter in _read:
        return False
    _read_chapters((chapter,))
    return True


def read_all() -> None:
    """Read the whole table."""
    if len(_read) < len(CHAPTERS):
        _read_chapters(CHAPTERS)


def _read_chapters(chapters: tuple[str, ...]) -> None:
    """Read these chapters, undisturbed: one of which half was read would be lost for good."""
    from tensorcli.engine.uninterrupted import uninterrupted

    new = [name for name in chapters if name not in _read]
    with uninterrupted():
        _read.update(new)
        for name in new:
            import_module(f"tensorcli.engine.ops.{name}")
