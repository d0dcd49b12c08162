"""The arithmetic behind an answer: strides that merge or do not, sizes that broadcast, dtypes that decide."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

from tensorcli.explorer.results import Section

SLOTS = 12
"""So many slots of a walk are written out."""
CATEGORIES = ("bool", "integer", "floating", "complex")


class Operand(NamedTuple):
    """An operand as typed, and its look where it is a tensor or an array, and its value."""

    text: str
    look: Any
    value: Any


# ---- strides


def slots_of(sizes: Sequence[int], strides: Sequence[int], offset: int, most: int) -> list[int]:
    """The slots that the first elements lie in, in logical order."""
    found = []
    index = [0] * len(sizes)
    total = 1
    for size in sizes:
        total *= size
    for _ in range(min(total, most)):
        found.append(offset + sum(at * stride for at, stride in zip(index, strides)))
        for dim in range(len(sizes) - 1, -1, -1):
            index[dim] += 1
            if index[dim] < sizes[dim]:
                break
            index[dim] = 0
    return found


def walk_text(slots: Sequence[int], total: int) -> str:
    """The slots in a row, with an ellipsis where there are more."""
    return " ".join(map(str, slots)) + (" …" if total > len(slots) else "")


def merging(name: str, sizes: Sequence[int], strides: Sequence[int]) -> Section:
    """Which neighbouring dimensions could be one: only then a view can join them."""
    rows = [("dims", "rule", "here", "")]
    kept = [(dim, size, stride) for dim, (size, stride) in enumerate(zip(sizes, strides)) if size != 1]
    for (dim, _, stride), (other, next_size, next_stride) in pairwise(kept):
        holds = stride == next_size * next_stride
        rows.append(
            (
                f"{dim}, {other}",
                f"stride[{dim}] == size[{other}] * stride[{other}]",
                f"{stride} {'==' if holds else '!='} {next_size} * {next_stride}",
                "merge" if holds else "do not merge",
            )
        )
    if len(rows) == 1:
        return Section(
            f"the dimensions of {name}", text=("there is only one that is larger than 1: nothing to merge",)
        )
    return Section(f"which dimensions of {name} are one run of memory", tuple(rows), True)


def apart(sizes: Sequence[int], strides: Sequence[int], wanted: Sequence[Any]) -> list[tuple[int, int]]:
    """The neighbouring dimensions that a view of the sizes `wanted` would have to merge and that do not: all that do not
    where the sizes wanted are not known.
    """
    kept = [(dim, size, stride) for dim, (size, stride) in enumerate(zip(sizes, strides)) if size != 1]
    groups = _together([size for _, size, _ in kept], wanted)
    return [
        (dim, other)
        for at, ((dim, _, stride), (other, size, step)) in enumerate(pairwise(kept))
        if stride != size * step and (groups is None or groups[at] == groups[at + 1])
    ]


def _together(sizes: Sequence[int], wanted: Sequence[Any]) -> list[int] | None:
    """For each size the number of its group: the smallest runs of sizes whose product is that of a run of those wanted.
    None where they do not fit.
    """
    if not wanted or not all(type(each) is int for each in wanted):
        return None
    known = prod(each for each in wanted if each != -1)
    if not known or prod(sizes) % known:
        return None
    rest = [prod(sizes) // known if each == -1 else each for each in wanted]
    groups, group, left, right = [], 0, 1, 1
    for size in sizes:
        while left == right and rest and rest[0] == 1:
            rest.pop(0)
        groups.append(group)
        left *= size
        while right < left and rest:
            right *= rest.pop(0)
        if left == right:
            group, left, right = group + 1, 1, 1
    return groups


def walks(name: str, look: Any, storage: str | None, sizes: Sequence[int] | None = None) -> Section | None:
    """In which order a tensor visits its slots; nothing for long or empty ones."""
    total = look.numel
    if not total:
        return None
    slots = slots_of(look.sizes, look.strides, look.offset, SLOTS)
    steps = [second - first for first, second in pairwise(slots)]
    rows = [(f"{name} walks {storage or 'its storage'} as", walk_text(slots, total))]
    if steps:
        constant = len(set(steps)) == 1 and total <= SLOTS
        rows.append(
            ("step between neighbours", walk_text(steps, total - 1) + ("   constant" if constant else ""))
        )
    if sizes is not None:
        wanted = ", ".join(map(str, sizes)) + ("," if len(sizes) == 1 else "")
        rows.append(
            (
                f"({wanted}) would have to walk",
                f"the same slots in the same order, with {len(sizes)} stride{'s' if len(sizes) != 1 else ''}",
            )
        )
    return Section("order in memory", tuple(rows))


# ---- broadcasting


def broadcast(operands: Sequence[Operand]) -> tuple[Section | None, bool]:
    """How the sizes of tensors meet from the right, and whether they do; nothing where they are alike."""
    shaped = [each for each in operands if each.look is not None]
    if len(shaped) < 2 or len({each.look.sizes for each in shaped}) < 2:
        return None, True
    rank = max(len(each.look.sizes) for each in shaped)
    padded = [("",) * (rank - len(each.look.sizes)) + tuple(map(str, each.look.sizes)) for each in shaped]
    result, fits = [], True
    for dim in range(rank):
        sizes = {text for row in padded if (text := row[dim]) not in ("", "1")}
        if len(sizes) > 1:
            fits = False
        result.append(" ≠ ".join(sorted(sizes)) if len(sizes) > 1 else next(iter(sizes), "1"))
    rows = [("dim", *map(str, range(rank)))]
    rows += [(each.text, *(text or "-" for text in row)) for each, row in zip(shaped, padded)]
    rows.append(("together", *result))
    said = [
        "sizes meet from the right; each pair is equal, or one of them is 1 (read again for each place) or missing"
    ]
    if not fits:
        said.append("where two sizes differ and none is 1, nothing fits")
    return Section("broadcasting", tuple(rows), True, tuple(said)), fits


# ---- promotion


def category(dtype: str) -> str:
    """bool, integer, floating or complex."""
    if dtype == "bool":
        return "bool"
    if dtype.startswith("complex"):
        return "complex"
    return "floating" if "float" in dtype else "integer"


def number_category(value: Any) -> str | None:
    """The category of a Python number; None for what is none."""
    if isinstance(value, bool):
        return "bool"
    return {int: "integer", float: "floating", complex: "complex"}.get(type(value))


def promotion(operands: Sequence[Operand], result: str, default: str) -> Section | None:
    """Which operand decided the dtype of a result; nothing where all are alike. The rule is told only where it gives
    the dtype that was measured.
    """
    rows = [("operand", "dtype", "category", "counts as")]
    ranks: list[tuple[int, int, str, str]] = []  # (category, priority, dtype, text)
    for each in operands:
        if each.look is not None:
            dimensioned = bool(each.look.sizes)
            kind = category(each.look.dtype)
            rows.append(
                (each.text, each.look.dtype, kind, "dimensioned" if dimensioned else "zero-dimensional")
            )
            ranks.append((CATEGORIES.index(kind), 2 if dimensioned else 1, each.look.dtype, each.text))
        else:
            found = number_category(each.value)
            if found is None:
                return None
            rows.append((each.text, f"Python {type(each.value).__name__}", found, "number"))
            ranks.append((CATEGORIES.index(found), 0, "", each.text))
    if len({dtype for _, _, dtype, _ in ranks}) < 2:
        return None
    tensors = {dtype for _, priority, dtype, _ in ranks if priority}
    if tensors == {result} and category(result) in ("floating", "complex"):
        return None
    text = [f"the result is {result}"]
    highest = max(rank[0] for rank in ranks)
    deciding = [rank for rank in ranks if rank[0] == highest]
    priority = max(rank[1] for rank in deciding)
    decided = [rank for rank in deciding if rank[1] == priority]
    names = " and ".join(dict.fromkeys(rank[3] for rank in decided))
    kind = CATEGORIES[highest]
    if priority == 0 and kind in ("floating", "complex"):
        expected = default if kind == "floating" else {"float64": "complex128"}.get(default, "complex64")
        reason = (
            f"{names} lifts the category to {kind}; a Python number brings no dtype, so it is the default one"
        )
    elif priority == 0:
        expected = {"integer": "int64", "bool": "bool"}[kind]
        reason = f"{names} lifts the category to {kind}"
    else:
        kinds = {rank[2] for rank in decided}
        expected = kinds.pop() if len(kinds) == 1 else ""
        lower = [rank[3] for rank in ranks if rank[0] == highest and rank[1] < priority]
        reason = f"{names} has the highest category, {kind}"
        if lower and all(rank[1] == 0 for rank in ranks if rank[0] == highest and rank[1] < priority):
            reason += f"; {' and '.join(lower)} is of that category too, and within it a Python number never changes a dtype"
        elif lower:
            reason += (
                f"; {' and '.join(lower)} is of that category too, but a dimensioned tensor decides before a "
            )
            reason += "zero-dimensional one, and both before a number"
    if expected == result:
        text.append(reason)
    elif expected == "":
        text.append(f"{result} is the smallest dtype that holds both")
    return Section("promotion", tuple(rows), True, tuple(text))
