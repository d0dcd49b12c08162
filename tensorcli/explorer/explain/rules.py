"""The arithmetic behind an answer: strides that merge or do not, sizes that broadcast, dtypes that decide."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

from tensorcli.explorer.results import Section

SLOTS = 12
"""At most this many slots of a walk are written out."""
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
    """The category of a Python number; None for anything else."""
    if isinstance(value, bool):
        return "bool"
    return {int: "integer", float: "floating", complex: "complex"}.get(type(value))


class _Rank(NamedTuple):
    """What an operand brings into the decision of a dtype: the highest category wins, then the highest weight."""

    category: int
    weight: int
    """2 for a tensor with dimensions, 1 for one without, 0 for a number."""
    dtype: str
    """Empty for a number."""
    text: str


def promotion(operands: Sequence[Operand], result: str, default: str) -> Section | None:
    """Which operand decided the dtype of a result; nothing where all are alike. The rule is told only where it gives
    the dtype that was measured.
    """
    rows = [("operand", "dtype", "category", "counts as")]
    ranks: list[_Rank] = []
    for each in operands:
        if each.look is not None:
            kind = category(each.look.dtype)
            weight = 2 if each.look.sizes else 1
            rows.append((each.text, each.look.dtype, kind, ("zero-dimensional", "dimensioned")[weight - 1]))
            ranks.append(_Rank(CATEGORIES.index(kind), weight, each.look.dtype, each.text))
            continue
        found = number_category(each.value)
        if found is None:
            return None
        rows.append((each.text, f"Python {type(each.value).__name__}", found, "number"))
        ranks.append(_Rank(CATEGORIES.index(found), 0, "", each.text))
    if len({rank.dtype for rank in ranks}) < 2:
        return None
    tensors = {rank.dtype for rank in ranks if rank.weight}
    if tensors == {result} and category(result) in ("floating", "complex"):
        return None
    text = [f"the result is {result}"]
    expected, reason = _decision(ranks, default)
    if expected == result:
        text.append(reason)
    elif not expected:
        text.append(f"{result} is the smallest dtype that holds both")
    return Section("promotion", tuple(rows), True, tuple(text))


def _decision(ranks: Sequence[_Rank], default: str) -> tuple[str, str]:
    """The dtype that the rule gives, empty where several dtypes have to be held, and what decided it."""
    highest = max(rank.category for rank in ranks)
    same = [rank for rank in ranks if rank.category == highest]
    weight = max(rank.weight for rank in same)
    deciding = [rank for rank in same if rank.weight == weight]
    names = " and ".join(dict.fromkeys(rank.text for rank in deciding))
    kind = CATEGORIES[highest]
    if not weight:
        lifts = f"{names} lifts the category to {kind}"
        if kind in ("integer", "bool"):
            return {"integer": "int64", "bool": "bool"}[kind], lifts
        expected = default if kind == "floating" else {"float64": "complex128"}.get(default, "complex64")
        return expected, f"{lifts}; a Python number brings no dtype, so it is the default one"
    kinds = {rank.dtype for rank in deciding}
    expected = kinds.pop() if len(kinds) == 1 else ""
    reason = f"{names} has the highest category, {kind}"
    below = [rank for rank in same if rank.weight < weight]
    if below:
        reason += f"; {' and '.join(rank.text for rank in below)} is of that category too, "
        reason += (
            "but a dimensioned tensor decides before a zero-dimensional one, and both before a number"
            if any(rank.weight for rank in below)
            else "and within it a Python number never changes a dtype"
        )
    return expected, reason
