"""PyTorch's repr of a tensor, as plain text, to the character.

`tensor_text` is given an array and what the repr says beside the numbers; it knows no Tensor, no colour and
no terminal. Bits that PyTorch resolves before it prints (conjugate, negative) are the caller's to resolve. Of
a summarised tensor only the items shown are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tensorcli.engine import process

if TYPE_CHECKING:
    from numpy.typing import NDArray


# ---- options


class PrintOptions:
    """What torch.set_printoptions sets."""

    def __init__(
        self,
        precision: int = 4,
        threshold: float = 1000,
        edgeitems: int = 3,
        linewidth: int = 80,
        sci_mode: bool | None = None,
    ) -> None:
        self.precision = precision
        self.threshold = threshold
        self.edgeitems = edgeitems
        self.linewidth = linewidth
        self.sci_mode = sci_mode


PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}

options = PrintOptions()
process.keep_attributes(options, *vars(options))


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set the options that are named, after those of a profile ("default", "short", "full").

    `sci_mode` is the exception: not named, it goes back to None, which lets the numbers decide.
    """
    named = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen = dict(vars(PROFILES[profile])) if profile in PROFILES else {}
    chosen |= {name: value for name, value in named.items() if value is not None}
    for name, value in (chosen | {"sci_mode": sci_mode}).items():
        setattr(options, name, value)


def get_printoptions() -> dict[str, Any]:
    """The options, as a dictionary that set_printoptions takes."""
    return dict(vars(options))


@contextmanager
def printoptions(**changes: Any) -> Iterator[None]:
    """Set options for the length of a `with` block."""
    before = get_printoptions()
    set_printoptions(**changes)
    try:
        yield
    finally:
        set_printoptions(**before)


# ---- the repr


def tensor_text(
    array: NDArray[Any] | None,
    *,
    dtype: str,
    sizes: tuple[int, ...],
    device: str = "cpu",
    requires_grad: bool = False,
    grad_fn: str | None = None,
    default_dtype: str = "float32",
    prefix: str = "tensor",
    is_meta: bool = False,
    tangent: str | None = None,
) -> str:
    """The repr of a tensor of `sizes`.

    `array` has the same sizes, any strides, and the elements of `dtype` (PyTorch's name); it may be None
    where nothing of it is shown: for a meta tensor and for one without elements. `grad_fn` is the node's
    name, printed in place of `requires_grad`; `tangent` is the repr of a dual tensor's.
    """
    indent = len(prefix) + 1
    empty = 0 in sizes
    suffixes = [] if device == "cpu" else [f"device='{device}'"]
    if is_meta or (empty and len(sizes) != 1) or (not empty and not options.edgeitems):
        suffixes.append(f"size={sizes}")
    if dtype != default_dtype and (is_meta or empty or dtype not in _hidden_dtypes(default_dtype)):
        suffixes.append(f"dtype=torch.{dtype}")
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")
    if is_meta:
        numbers = "..."
    elif empty:
        numbers = "[]"
    else:
        assert array is not None, "only a meta or empty tensor prints without its elements"
        numbers = array_text(array, dtype=dtype, indent=indent)
    return _with_suffixes(f"{prefix}({numbers}", suffixes, indent)


def array_text(array: NDArray[Any], *, dtype: str, indent: int = 0) -> str:
    """The numbers of a tensor that has some, in brackets, as printed from the column `indent` on."""
    summarize = array.size > options.threshold
    if summarize and options.edgeitems == 0 and array.ndim:
        return "[...]"
    cuts: tuple[bool, ...] = tuple(summarize and size > 2 * options.edgeitems for size in array.shape)
    shown = _plain(_shown(array, cuts))
    if shown.dtype.kind == "c":
        whole = _Complex(number_format(shown.real, dtype), number_format(shown.imag, dtype))
        return _nested(shown, indent, cuts, whole)
    return _nested(shown, indent, cuts, number_format(shown, dtype))


def _hidden_dtypes(default_dtype: str) -> tuple[str, ...]:
    """The dtypes that a reader can tell from the numbers."""
    return (default_dtype, "complex128" if default_dtype == "float64" else "complex64", "int64", "bool")


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if length + len(suffix) + 2 > options.linewidth:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
            length += len(suffix) + 2
    return text + ")"


# ---- elements


def _shown(array: NDArray[Any], cuts: tuple[bool, ...]) -> NDArray[Any]:
    """The items that are printed: of each dimension that is cut, the first and the last `edgeitems`."""
    if not any(cuts):
        return array
    edge = options.edgeitems
    kept = []
    for cut, size in zip(cuts, array.shape, strict=True):
        places = list(range(size)) if not cut else [*range(edge), *range(size - edge, size)]
        kept.append(places)
    shown: NDArray[Any] = array[np.ix_(*kept)]
    return shown


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in an element type whose tolist() gives Python's numbers."""
    name = array.dtype.name
    if name == "complex32":
        return array.astype(np.complex64)
    return array.astype(np.float32) if name.startswith(("bfloat16", "float8")) else array


class NumberFormat(NamedTuple):
    """How the real numbers of a tensor are written; the magnitudes that decided it (0.0 where none did)."""

    pattern: str
    width: int = 1
    scientific: bool = False
    dot: bool = False
    smallest: float = 0.0
    largest: float = 0.0

    @property
    def room(self) -> int:
        return self.width

    def text(self, value: float) -> str:
        text = self.pattern.format(value)
        if self.dot and math.isfinite(value):
            text += "."
        return text.rjust(self.width)


class _Complex(NamedTuple):
    """How each complex number is written: its two parts have widths of their own."""

    real: NumberFormat
    imag: NumberFormat

    @property
    def room(self) -> int:
        return self.real.width + self.imag.width + 1

    def text(self, value: complex) -> str:
        imag = self.imag.text(value.imag).lstrip() + "j"
        return self.real.text(value.real) + ("" if imag[0] == "-" else "+") + imag


def number_format(values: NDArray[Any], dtype: str) -> NumberFormat:
    """The format that the shown numbers together ask for: zeros, infinities and nan have no say in it.

    `values` are real, of any sizes. Scientific where largest / smallest > 1000, largest > 1e8 or
    smallest < 1e-4.
    """
    values = _plain(values)
    numbers = values.ravel().tolist()  # they are few: numpy would take longer than Python
    if values.dtype.kind != "f":
        return NumberFormat("{}", width=max(1, *(len(str(value)) for value in numbers)))
    if dtype == "float8_e8m0fnu":  # it has no zero: the smallest stands for it, and nan is "finite"
        counted = [value for value in numbers if value != 2.0**-127]
    else:
        counted = [value for value in numbers if value and math.isfinite(value)]
    if not counted:
        return NumberFormat("{:.0f}", dot=True)
    integral = all(map(float.is_integer, counted))
    smallest, largest = min(map(abs, counted)), max(map(abs, counted))
    if any(map(math.isnan, counted)):
        smallest = largest = math.nan
    scientific = options.sci_mode
    if scientific is None:
        scientific = largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4
    style = f".{options.precision}e" if scientific else ".0f" if integral else f".{options.precision}f"
    layout = NumberFormat(
        f"{{:{style}}}",
        scientific=scientific,
        dot=integral and not scientific,
        smallest=smallest,
        largest=largest,
    )
    return layout._replace(width=max(len(layout.text(value)) for value in counted))


def reasons(
    array: NDArray[Any] | None,
    *,
    dtype: str,
    sizes: tuple[int, ...],
    requires_grad: bool = False,
    grad_fn: str | None = None,
    default_dtype: str = "float32",
    is_meta: bool = False,
) -> list[tuple[str, str]]:
    """Why the repr of a tensor looks as it does: what is seen, and the rule that made it so."""
    found: list[tuple[str, str]] = []
    empty = 0 in sizes
    if array is not None and not empty and not is_meta:
        found.extend(dict.fromkeys(_number_reasons(array, dtype)))
    told = dtype in _hidden_dtypes(default_dtype)
    if dtype == default_dtype:
        found.append(("dtype is not shown", f"{dtype} is the default dtype"))
    elif told and not empty and not is_meta:
        seen = {"bool": "True and False", "int64": "numbers without a dot"}.get(dtype, "numbers with a j")
        found.append(("dtype is not shown", f"{seen} mean {dtype}"))
    else:
        why = "there are no numbers that tell it" if told else f"it is not the default ({default_dtype})"
        found.append((f"dtype=torch.{dtype} is shown", why))
    if grad_fn is not None and requires_grad:
        found.append(
            (f"grad_fn=<{grad_fn}> is shown", "it was computed; requires_grad=True goes without saying")
        )
    return found


def _number_reasons(array: NDArray[Any], dtype: str) -> Iterator[tuple[str, str]]:
    edge = options.edgeitems
    summarize = array.size > options.threshold
    cuts = tuple(summarize and size > 2 * edge for size in array.shape)
    if any(cuts):
        yield (
            "... is shown",
            f"{array.size} elements > {options.threshold:g} (threshold): the first and the last {edge} of each dimension "
            f"longer than {2 * edge}",
        )
    shown = _plain(_shown(array, cuts))
    if shown.dtype.kind not in "fc":
        return
    for part in (shown,) if shown.dtype.kind == "f" else (shown.real, shown.imag):
        layout = number_format(part, dtype)
        if not layout.scientific:
            if layout.dot:
                if not np.isfinite(part).any():
                    continue  # nan and inf are written without one
                yield "1. with nothing behind the dot", "all of the numbers are whole, and floating"
            else:
                yield (
                    f"{options.precision} decimals",
                    f"precision is {options.precision}; what is stored is not rounded",
                )
            continue
        ratio = layout.largest / layout.smallest if layout.smallest else 0.0
        if options.sci_mode is not None:
            why = "set_printoptions(sci_mode=True) asks for it"
        elif ratio > 1000.0:
            span = f"{layout.largest:g} / {layout.smallest:g} = {ratio:g}"
            why = f"max / min = {span} > 1000 (absolute values, zeros left out)"
        elif layout.largest > 1.0e8:
            why = f"the largest is {layout.largest:g} > 1e8"
        else:
            why = f"the smallest that is not zero is {layout.smallest:g} < 1e-4"
        yield "scientific (1.0000e+00)", why


def _nested(array: NDArray[Any], indent: int, cuts: tuple[bool, ...], layout: NumberFormat | _Complex) -> str:
    if array.ndim == 0:
        return layout.text(array.item())
    edge = options.edgeitems
    if array.ndim == 1:
        words = [layout.text(value) for value in array.tolist()]
        if cuts[0]:
            words.insert(edge, " ...")
        per_line = max(1, math.floor((options.linewidth - indent) / (layout.room + 2)))
        lines: Sequence[str] = [
            ", ".join(words[start : start + per_line]) for start in range(0, len(words), per_line)
        ]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    rows = [_nested(row, indent + 1, cuts[1:], layout) for row in array]
    if cuts[0]:
        rows.insert(edge, "...")
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(rows) + "]"
