"""Sizes checked before the operation: what would fill the memory is refused with what was asked and what
the limit is.

A guard looks at the operands and either returns or raises LimitError; the operation itself is then Python's
own. Knows no syntax.
"""

from __future__ import annotations

import ast
import mmap
import operator
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

Guard = Callable[[Any, Any], None]
TEXTS = str | bytes | bytearray
CONTAINERS = (list, tuple, dict, set, frozenset, deque)
MAX_NESTING = 990


class Limits(NamedTuple):
    """How far a script may go. Depth counts calls of the script's own functions."""

    depth: int = 990
    integer_bits: int = 1 << 20
    characters: int = 1 << 26
    items: int = 1 << 24
    shown: int = 1 << 20
    array_bytes: int = 1 << 33


class LimitError(MemoryError):
    """An operation would need more than a limit of ours allows; it was not begun. A script sees a MemoryError."""

    __module__ = "builtins"


def figure(size: int) -> str:
    """How many there would be, in a sentence; of a number that nobody could read its power of two."""
    return f"{size:,}" if size.bit_length() <= 64 else f"2 ** {size.bit_length() - 1} or more"


class Spare:
    """Memory that is kept until a statement has taken all that there was: what is said of that needs some, too."""

    def __init__(self) -> None:
        self.wanted = False
        """Whether the process has a limit."""
        self.kept: mmap.mmap | None = None

    def keep(self) -> None:
        """Set some aside, which counts as taken; it is not touched, and takes no page of the machine's."""
        if self.wanted and self.kept is None:
            try:
                self.kept = mmap.mmap(-1, 1 << 26, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            except OSError:
                pass

    def release(self) -> None:
        """Give it back."""
        self.kept = None


spare = Spare()


class OutOfTime(KeyboardInterrupt):
    """A script that was tried did not end in its time. It passes every handler of the script, as Ctrl-C does."""


LimitError.__name__ = LimitError.__qualname__ = "MemoryError"


class TypeTable(dict[type, Any]):
    """What is known of a type, inherited along its bases; None where nothing is."""

    def __missing__(self, kind: type) -> Any:
        found = None
        for base in kind.__mro__[1:]:
            if base in self:
                found = self[base]
                break
        self[kind] = found
        return found


class Guards:
    """The guards of every operator, by the type of the left operand."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        growing: dict[type, Guard] = {
            str: self.joined_text,
            bytes: self.joined_text,
            bytearray: self.joined_text,
            list: self.joined_items,
            tuple: self.joined_items,
            deque: self.joined_items,
        }
        self.tables: dict[type[ast.operator], TypeTable] = {
            ast.Add: TypeTable(growing),
            ast.Sub: TypeTable(),
            ast.Mult: TypeTable(
                {
                    int: self.product,
                    str: self.repeated,
                    bytes: self.repeated,
                    bytearray: self.repeated,
                    list: self.repeated,
                    tuple: self.repeated,
                    deque: self.repeated,
                }
            ),
            ast.Div: TypeTable(),
            ast.FloorDiv: TypeTable({int: self.quotient}),
            ast.Mod: TypeTable(
                {int: self.quotient, str: self.percent, bytes: self.percent, bytearray: self.percent}
            ),
            ast.Pow: TypeTable({int: self.power}),
            ast.LShift: TypeTable({int: self.shift}),
            ast.RShift: TypeTable(),
            ast.BitOr: TypeTable(),
            ast.BitXor: TypeTable(),
            ast.BitAnd: TypeTable(),
            ast.MatMult: TypeTable(),
        }

    def watch_arrays(self, array: type) -> None:
        """Guard broadcasting between two arrays of this type (numpy's, which has no limit of its own)."""
        for kind, table in self.tables.items():
            if kind is not ast.MatMult:
                table[array] = self.broadcast

    # Text and lists

    def text(self, size: int, what: str) -> None:
        """Refuses a string of `size` characters."""
        if size > self.limits.characters:
            raise LimitError(
                f"{what} would have {figure(size)} characters; the limit is {self.limits.characters:,}"
            )

    def items(self, size: int, what: str) -> None:
        """Refuses a list of `size` items."""
        if size > self.limits.items:
            raise LimitError(f"{what} would have {figure(size)} items; the limit is {self.limits.items:,}")

    def joined_text(self, left: Any, right: Any) -> None:
        if isinstance(right, TEXTS):
            self.text(len(left) + len(right), "the joined text")

    def joined_items(self, left: Any, right: Any) -> None:
        if isinstance(right, list | tuple | deque):
            self.items(len(left) + len(right), f"the joined {type(left).__name__}")

    def repeated(self, left: Any, right: Any) -> None:
        if isinstance(right, int) and right > 0:
            if isinstance(left, TEXTS):
                self.text(len(left) * right, "the repeated text")
            else:
                self.items(len(left) * right, f"the repeated {type(left).__name__}")

    # Integers

    def bits(self, size: int, what: str) -> None:
        """Refuses an integer of `size` bits."""
        if size > self.limits.integer_bits:
            raise LimitError(
                f"{what} would have {figure(size)} bits; the limit is {self.limits.integer_bits:,}"
            )

    def product(self, left: Any, right: Any) -> None:
        if isinstance(right, int):
            size = left.bit_length() + right.bit_length()
            if size > 4096:
                self.bits(size, "the product")
        elif isinstance(right, TEXTS | list | tuple | deque):
            self.repeated(right, left)

    def quotient(self, left: Any, right: Any) -> None:
        if isinstance(right, int):
            self.bits(left.bit_length(), "the dividend")

    def power(self, left: Any, right: Any) -> None:
        if isinstance(right, int) and right > 1 and not -2 < left < 2:
            size = left.bit_length() * right
            if size > 4096:
                self.bits(size, f"{shown(left)} ** {shown(right)}")

    def shift(self, left: Any, right: Any) -> None:
        if isinstance(right, int) and left:
            self.bits(left.bit_length() + right, f"{shown(left)} << {shown(right)}")

    # Formats

    def percent(self, left: Any, right: Any) -> None:
        """The widths and precisions of a %-format, given in digits or by a star."""
        text = left if isinstance(left, str) else left.decode("latin-1")
        if "%" not in text:
            return
        for found in re.finditer(r"%(?:\([^)]*\))?[^a-zA-Z%]*", text):
            for digits in re.findall(r"\d+", re.sub(r"\([^)]*\)", "", found.group())):
                self.width(digits)
            if "*" in found.group():
                for value in right if isinstance(right, tuple) else (right,):
                    if isinstance(value, int):
                        self.width(str(value) if -(10**12) < value < 10**12 else "9" * 13)

    def width(self, digits: str) -> None:
        """Refuses a width or precision, given as digits."""
        digits = digits.lstrip("-0")
        if len(digits) > 12 or (digits and int(digits) > self.limits.characters):
            raise LimitError(f"a width of {digits[:20]} characters; the limit is {self.limits.characters:,}")

    # Arrays

    def array(self, elements: int, itemsize: int = 8) -> None:
        """Refuses an array of `elements` elements."""
        if elements * itemsize > self.limits.array_bytes:
            size, limit = elements * itemsize, self.limits.array_bytes
            raise LimitError(
                f"an array of {figure(elements)} elements needs {figure(size)} bytes; the limit is {limit:,}"
            )

    def broadcast(self, left: Any, right: Any) -> None:
        """Two arrays whose common shape is far larger than either; object arrays of large integers."""
        shape = getattr(right, "shape", None)
        if left.dtype.kind == "O":
            raise LimitError(
                "arithmetic on arrays of objects is not available; give the array a number's dtype"
            )
        if not shape or left.shape == shape or left.size * right.size <= 1 << 20:
            return
        elements = 1
        for mine, theirs in zip(
            (1,) * (len(shape) - left.ndim) + left.shape, (1,) * (left.ndim - len(shape)) + shape, strict=True
        ):
            elements *= max(mine, theirs)
        self.array(elements, left.dtype.itemsize)

    # Iteration

    def bounded(self, iterable: Iterable[Any], what: str) -> Iterator[Any]:
        """The items of an iterable, interruptible, and refused beyond the limit."""
        limit = self.limits.items
        for count, item in enumerate(iterable):
            if count == limit:
                raise LimitError(f"{what} would have more than {limit} items; that is the limit")
            yield item

    def range(self, values: range, what: str) -> None:
        """Refuses to make a container of a range that is too long."""
        self.items(range_length(values), what)

    def measure(self, value: Any) -> None:
        """Refuses the text of nested containers that hold one another more often than could be printed."""
        if not (isinstance(value, CONTAINERS) or _names_parts(value)):
            return
        limit = self.limits.shown
        count = 0
        known: dict[int, tuple[int, int]] = {}
        """Of containers that were counted: how many items they show, and how deep. None of them holds itself."""
        path: list[_Counting] = []
        inside: set[int] = set()
        parts: list[Iterator[Any]] = [iter((value,))]
        while parts:
            each = next(parts[-1], None)
            if each is None:
                parts.pop()
                if path:
                    done = path.pop()
                    inside.remove(done.key)
                    if not done.holds_itself:
                        known[done.key] = (count - done.before, done.height)
                    if path:
                        path[-1].holds_itself |= done.holds_itself
                        path[-1].height = max(path[-1].height, done.height + 1)
                continue
            key = id(each)
            if key in inside:
                path[-1].holds_itself = True  # it is shown as dots there, and entered once
                continue
            depth = len(path)
            items, height = known.get(key, (0, 0))
            if not height:
                whole = each if isinstance(each, CONTAINERS) else vars(each)["_modules"]
                inner = whole.values() if isinstance(whole, dict) else whole
                items, height = len(inner), 1
                path.append(_Counting(key, count))
                inside.add(key)
                parts.append(
                    iter([item for item in inner if isinstance(item, CONTAINERS) or _names_parts(item)])
                )
            else:
                path[-1].height = max(path[-1].height, height + 1)
            count += items
            if count > limit:
                raise LimitError(f"the text would show more than {limit} items; that is the limit")
            if depth + height > MAX_NESTING:
                raise RecursionError("maximum recursion depth exceeded while getting the repr of an object")


class _Counting:
    """A container whose items are being counted, and how many were counted before it."""

    __slots__ = ("before", "height", "holds_itself", "key")

    def __init__(self, key: int, before: int) -> None:
        self.key = key
        self.before = before
        self.height = 1
        self.holds_itself = False


def _names_parts(value: Any) -> bool:
    """Whether a value is a module, whose text contains those of its parts."""
    return isinstance(getattr(value, "__dict__", {}).get("_modules"), dict)


def range_length(values: range) -> int:
    """len(values), also where it is beyond what len can say."""
    if values.step > 0:
        return max(0, (values.stop - values.start + values.step - 1) // values.step)
    return max(0, (values.start - values.stop - values.step - 1) // -values.step)


def shown(value: int) -> str:
    """An integer as an error shows it."""
    return str(value) if -(10**20) < value < 10**20 else f"an integer of {value.bit_length()} bits"


BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
    ast.MatMult: operator.matmul,
}
IN_PLACE: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.iadd,
    ast.Sub: operator.isub,
    ast.Mult: operator.imul,
    ast.Div: operator.itruediv,
    ast.FloorDiv: operator.ifloordiv,
    ast.Mod: operator.imod,
    ast.Pow: operator.ipow,
    ast.LShift: operator.ilshift,
    ast.RShift: operator.irshift,
    ast.BitOr: operator.ior,
    ast.BitXor: operator.ixor,
    ast.BitAnd: operator.iand,
    ast.MatMult: operator.imatmul,
}
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
