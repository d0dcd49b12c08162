"""Where the embedded engine and PyTorch differ, in the form that compilers use, so that editors can jump there."""

from __future__ import annotations

from collections.abc import Iterator

from tensorcli.explorer.results import Divergence, Verified, plural
from tensorcli.render.layout import Line, cells, line, paragraph, room_beside, visible, wrap


def verified(found: Verified, width: int | None) -> Iterator[Line]:
    """A paragraph a difference, and a count."""
    for row in found.rows:
        yield from divergence(row, width)
    count = plural(len(found.rows), "difference") if found.rows else "no difference"
    said = f"{found.name}: {plural(found.statements, 'statement')}, {count} from PyTorch {found.pytorch}"
    yield from paragraph(said, width, "title", " ", "   ")


def divergence(row: Divergence, width: int | None) -> Iterator[Line]:
    """The place and what differs, the statement, and both sides."""
    place = f"{row.name}:{row.span.line}:{row.span.column + 1}: "
    yield line(
        (place, "title"), (" ".join(part for part in (row.where, row.fact) if part), "alarm"), " differs"
    )
    first, *rest = row.source.split("\n")
    yield line((f"{row.span.line:>5} | ", "muted"), f"{visible(first)} …" if rest else visible(first))
    for label, text in (("PyTorch", row.pytorch), ("tensorcli", row.ours)):
        lead = f"  {label:<11}"
        room = room_beside(width, cells(lead))
        for number, part in enumerate(wrap(visible(text), room)):
            yield line(" " * cells(lead) if number else (lead, "label"), part)
