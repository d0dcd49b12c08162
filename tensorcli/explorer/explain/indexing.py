"""An index, part by part: what each does, and whether the whole copies."""

from __future__ import annotations

from typing import Any

from tensorcli.explorer.facts import short_text
from tensorcli.explorer.results import Section, plural


def index_rows(engine: Any, value: Any, shares: bool | None, name: str, typed: str) -> Section:
    """Each part of an index: what it does, and whether the whole copies; `shares` is what was measured."""
    rows = [("part", "kind", "does")]
    copies = False
    for part in value if isinstance(value, tuple) else (value,):
        text, kind, does, advanced = _part(engine, part)
        copies = copies or advanced
        rows.append((text, kind, does))
    if shares is not None:
        copies = not shares
    if copies:
        said: tuple[str, ...] = (
            "an index with a tensor, a list or a mask copies (advanced indexing)",
            f"{name}[{typed}] = v writes into {name} itself; {name}[{typed}][…] = v writes into a copy that is gone",
        )
    else:
        said = ("numbers, slices, None and … only move the offset and the strides: a view (basic indexing)",)
    return Section("the index", tuple(rows), True, said)


def _part(engine: Any, part: Any) -> tuple[str, str, str, bool]:
    """A part of an index: its text, its kind, what it does, whether it makes the whole a copy."""
    if part is None:
        return "None", "new dimension", "a dimension of size 1, stride 0 or as its neighbours'", False
    if part is Ellipsis:
        return "...", "ellipsis", "all dimensions that are not named", False
    if isinstance(part, bool):
        return str(part), "bool", "a mask without dimensions: copies", True
    if isinstance(part, int):
        return str(part), "number", "takes one place: the offset moves, the dimension is gone", False
    if isinstance(part, slice):
        return _slice_text(part), "slice", "moves the offset, multiplies the stride by the step", False
    if engine.kind(part) in ("tensor", "ndarray"):
        look = engine.look(part)
        if look.dtype in ("bool", "uint8"):
            return look.summary, "mask", "picks the elements where it is True: copies", True
        if not look.sizes and look.kind == "tensor":
            return f"{look.dtype} ()", "number in a tensor", "takes one place", False
        return (
            look.summary,
            "indices",
            f"picks {plural(look.numel, 'place')} one by one: copies",
            True,
        )
    if isinstance(part, list | tuple):
        return (
            short_text(engine, part),
            "list",
            f"picks {plural(len(part), 'place')} one by one: copies",
            True,
        )
    return short_text(engine, part), type(part).__name__, "", False


def _slice_text(part: slice) -> str:
    start, stop, step = ("" if each is None else str(each) for each in (part.start, part.stop, part.step))
    return f"{start}:{stop}" + (f":{step}" if step else "")
