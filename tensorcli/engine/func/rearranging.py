"""`torch.func.rearrange`: dimensions split, put into another order and merged, by a pattern such as `"b (h w) c -> b c h w"`.

As in PyTorch the tensor is seen by strides, with its dimensions split, then in the new order, and reshaped, so that it is a view
where it can be.
"""

import keyword
from collections.abc import Sequence

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.tensor import Tensor

Group = list[str]
_REST = "\u2026"
"""The ellipsis, as a dimension of a side that stands in no group."""


class DimensionBindError(Exception):
    """Sizes that do not fit their dimensions."""


class _Side:
    """One side of a pattern: groups of names, and an ellipsis on its own."""

    def __init__(self, text: str) -> None:
        self.groups: list[Group | str] = []
        self.names: set[str] = set()
        self.numbered = False
        """Whether there is a number other than 1 among the names."""
        self.rest_in_group: bool | None = None
        """Whether the ellipsis stands in a group; None where there is none."""
        self._read(text)

    def _read(self, text: str) -> None:
        if "." in text:
            if "..." not in text:
                raise ValueError("Expression may contain dots only inside ellipsis (...)")
            if text.count("...") != 1 or text.count(".") != 3:
                raise ValueError(
                    "Expression may contain dots only inside ellipsis (...); only one ellipsis for tensor "
                )
            text = text.replace("...", _REST)
        group: Group | None = None
        name = ""
        for character in text:
            if character not in "() ":
                if not (character.isalnum() or character in ("_", _REST)):
                    raise ValueError(f"Unknown character '{character}'")
                name += character
                continue
            self._add(name, group)
            name = ""
            if character == "(":
                if group is not None:
                    raise ValueError("Axis composition is one-level (brackets inside brackets not allowed)")
                group = []
            elif character == ")":
                if group is None:
                    raise ValueError("Brackets are not balanced")
                self.groups.append(group)
                group = None
        if group is not None:
            raise ValueError(f"Imbalanced parentheses in expression: '{text}'")
        self._add(name, group)

    def _add(self, name: str, group: Group | None) -> None:
        """Note a name where it stands; a 1 is a group without names, and within a group nothing."""
        if not name:
            return
        if name in self.names:
            raise ValueError(f"Indexing expression contains duplicate dimension '{name}'")
        if name == _REST:
            self.rest_in_group = group is not None
        elif name.isdecimal():
            if int(name) == 1:
                if group is None:
                    self.groups.append([])
                return
            if int(name) < 1:
                raise ValueError(f"Anonymous axis should have positive length, not {int(name)}")
            self.numbered = True
        else:
            _check_name(name)
        self.names.add(name)
        if group is not None:
            group.append(name)
        else:
            self.groups.append(name if name == _REST else [name])


def _check_name(name: str) -> None:
    if not name.isidentifier():
        raise ValueError(f"Invalid axis identifier: {name}\nnot a valid python identifier")
    if name[0] == "_" or name[-1] == "_":
        raise ValueError(
            f"Invalid axis identifier: {name}\naxis name should should not start or end with underscore"
        )
    if keyword.iskeyword(name):
        messages.warn(
            f"It is discouraged to use axes names that are keywords: {name}", category=RuntimeWarning
        )
    if name == "axis":
        messages.warn(
            "It is discouraged to use 'axis' as an axis name and will raise an error in future",
            category=FutureWarning,
        )


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """The tensor, or the stack of several, with the dimensions of the left side of the pattern as those of its right side.

    Errors: ValueError for a pattern that cannot be read or does not fit, DimensionBindError for sizes that do not.
    """
    whole: Tensor = tensor if isinstance(tensor, Tensor) else functions.stack(tensor)
    left, right = _sides(pattern, axes_lengths)
    rank = whole.ndim
    width = _rest_width(left, rank)
    if not left.names and not left.groups:
        return whole
    names: list[str] = []
    numbers: dict[str, tuple[int, ...]] = {}
    sizes: list[int] = []
    strides: list[int] = []
    units = []
    at = 0
    for group in left.groups:
        if group == _REST:
            numbers[_REST] = tuple(range(len(sizes), len(sizes) + width))
            sizes += whole.geometry.sizes[at : at + width]
            strides += whole.geometry.strides[at : at + width]
            names += [f"d{len(names) + i}" for i in range(width)]
            at += width
            continue
        pack = list(group) or [""]
        own = [f"d{len(names) + i}" for i in range(len(pack))]
        numbers.update((name, (len(sizes) + i,)) for i, name in enumerate(pack))
        units += [] if group else [len(sizes)]
        parts = _bound(whole.geometry.sizes[at], [axes_lengths.get(name) for name in pack], own)
        step = whole.geometry.strides[at]
        steps = []
        for size in reversed(parts):
            steps.append(step)
            step *= size
        names += own
        sizes += parts
        strides += reversed(steps)
        at += 1
    if any(isinstance(group, list) for group in left.groups):
        whole = whole.as_strided(sizes, strides, whole.geometry.offset)
    shape: list[int] = [sizes[i] for i in units]
    order = list(units)
    for group in right.groups:
        places = [i for name in ([_REST] if group == _REST else group) for i in numbers[name]]
        order += places
        if group == _REST:
            shape += [sizes[i] for i in places]
        else:
            merged = 1
            for i in places:
                merged *= sizes[i]
            shape.append(merged)
    if order != sorted(order):
        geometry = whole.geometry
        whole = whole.as_strided(
            [geometry.sizes[i] for i in order], [geometry.strides[i] for i in order], geometry.offset
        )
    found: Tensor = whole.reshape(shape)
    # What stands for a 1 on the left is added up, whatever its size.
    return found.sum(tuple(range(len(units)))) if units else found


def _sides(pattern: str, lengths: dict[str, int]) -> tuple[_Side, _Side]:
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError("Pattern must contain a single '->' separator")
    if _REST in lengths:
        raise ValueError(f"'{_REST}' is not an allowed axis identifier")
    left, right = _Side(sides[0]), _Side(sides[1])
    if left.rest_in_group is None and right.rest_in_group is not None:
        raise ValueError(f"Ellipsis found in right side, but not left side of a pattern {pattern}")
    if left.rest_in_group:
        raise ValueError(f"Ellipsis is parenthesis in the left side is not allowed: {pattern}")
    for length in lengths.values():
        if type(length) is not int:
            raise TypeError(f"rearrange axis lengths must be integers, got: {type(length)}")
    if left.numbered or right.numbered:
        raise ValueError("rearrange only supports unnamed axes of size 1")
    if alone := left.names ^ right.names:
        raise ValueError(f"Identifiers only on one side of rearrange expression (should be on both): {alone}")
    if unknown := lengths.keys() - left.names:
        raise ValueError(f"Identifiers not found in rearrange expression: {unknown}")
    return left, right


def _rest_width(left: _Side, rank: int) -> int:
    """How many dimensions the ellipsis stands for."""
    count = len(left.groups)
    if left.rest_in_group is None:
        if count != rank:
            raise ValueError(
                f"Number of dimensions in pattern ({count}) must be equal to the number of dimensions in the tensor ({rank})"
            )
        return 0
    named = len(left.names) - 1 + sum(group == [] for group in left.groups)
    if named > rank:
        raise ValueError(
            f"Number of dimensions in pattern ({named}) must be less than or equal to the number of dimensions in the tensor "
            f"({rank})"
        )
    return rank - (count - 1)


def _bound(size: int, lengths: list[int | None], names: list[str]) -> list[int]:
    """The sizes of the dimensions that one is split into; one that is not given is what remains."""
    open_ = [i for i, length in enumerate(lengths) if length is None]
    if len(open_) > 1:
        first, second = (names[i] for i in open_[:2])
        raise DimensionBindError(f"cannot infer the sizes of two dimensions at once {first} and {second}")
    product = 1
    for length in lengths:
        product *= 1 if length is None else length
    if open_ and size % product:
        picture = tuple("?" if length is None else length for length in lengths)
        raise DimensionBindError(
            f"inferred dimension does not evenly fit into larger dimension: {size} vs {picture}"
        )
    if not open_ and product != size:
        pack = f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"
        raise DimensionBindError(
            f"Dimension sizes to do not match ({size} != {product}) when matching dimension pack {pack}"
        )
    return [size // product if length is None else length for length in lengths]
