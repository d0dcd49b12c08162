"""`torch.testing`: assertions that two values are close, whose errors say in PyTorch's words where they are not.

Values are walked side by side; each pair of leaves is prepared (dtypes and tolerances refused early) before any is
compared, so that a wrong call is reported ahead of a wrong value.
"""

import cmath
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.samples import make_tensor
from tensorcli.engine.tensor import Tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]


_TOLERANCES = {
    dtypes.float16: (0.001, 1e-5),
    dtypes.bfloat16: (0.016, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
    dtypes.complex32: (0.001, 1e-5),
    dtypes.complex64: (1.3e-6, 1e-5),
    dtypes.complex128: (1e-7, 1e-7),
}
"""The relative and the absolute tolerance of each dtype; other dtypes must be equal."""
_OLD_TOLERANCES = {
    dtypes.float16: (1e-3, 1e-3),
    dtypes.float32: (1e-4, 1e-5),
    dtypes.float64: (1e-5, 1e-8),
}
"""Those of `assert_allclose`."""
_NUMBERS = {int: dtypes.int64, float: dtypes.float64, complex: dtypes.complex128}


class Options(NamedTuple):
    """How close is close, and which attributes must agree."""

    rtol: float | None
    atol: float | None
    equal_nan: bool
    allow_subclasses: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool


class _Pair(NamedTuple):
    """Two leaves: how they are compared, and what PyTorch calls them where that fails otherwise than by a difference."""

    compare: Callable[[], None]
    name: str
    actual: Any
    expected: Any
    settings: dict[str, Any]

    def described(self, path: tuple[Any, ...]) -> str:
        """The pair as PyTorch's class for it shows itself."""
        shown = {"id": path, "actual": self.actual, "expected": self.expected, **self.settings}
        return f"{self.name}(\n" + "".join(f"    {name}={value},\n" for name, value in shown.items()) + ")"


_UNEXPECTED = (
    "\n\nresulted in the unexpected exception above. If you are a user and see this message during normal operation please "
    "file an issue at https://github.com/pytorch/pytorch/issues. If you are a developer and working on the comparison "
    "functions, please except the previous error and raise an expressive `ErrorMeta` instead."
)


class _MismatchError(Exception):
    def __init__(self, kind: type[Exception], text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True, check_layout: bool = True,
    check_stride: bool = False, msg: str | Callable[[str], str] | None = None,
) -> None:  # fmt: skip
    """Refuse two values (tensors, numbers, arrays, or sequences and mappings of them) that are not close.

    Errors: AssertionError with what differs and where; ValueError for one tolerance without the other; TypeError.
    """
    options = Options(
        rtol, atol, equal_nan, allow_subclasses, check_device, check_dtype, check_layout, check_stride
    )
    # A wrong call is reported as it is; `msg` replaces only what is said about values.
    try:
        pairs = list(_pairs(actual, expected, (), options))
    except _MismatchError as found:
        raise found.kind(found.text) from None
    for path, pair in pairs:
        try:
            pair.compare()
        except _MismatchError as found:
            text = found.text + _place(path)
            raise found.kind(msg if isinstance(msg, str) else msg(text) if callable(msg) else text) from None
        except Exception as error:
            raise RuntimeError(f"Comparing\n\n{pair.described(path)}{_UNEXPECTED}") from error


def assert_allclose(
    actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None, equal_nan: bool = True,
    msg: str = "",
) -> None:  # fmt: skip
    """The old name of assert_close, which lets dtypes and devices differ."""
    messages.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use `torch.testing.assert_close()` instead. "
        "You can find detailed upgrade instructions in https://github.com/pytorch/pytorch/issues/61844.",
        category=FutureWarning,
    )
    from tensorcli.engine.construct import tensor

    if not isinstance(actual, Tensor):
        actual = tensor(actual)
    if not isinstance(expected, Tensor):
        expected = tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        found = [_OLD_TOLERANCES.get(one.dtype, (0.0, 0.0)) for one in (actual, expected)]
        rtol, atol = max(r for r, _ in found), max(a for _, a in found)
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=True,
        check_dtype=False,
        msg=msg or None,
    )


# ---- pairs of values


def _pairs(
    actual: Any, expected: Any, path: tuple[Any, ...], options: Options
) -> Iterator[tuple[tuple[Any, ...], _Pair]]:
    """Each pair of leaves with its path, as a comparison to run."""
    try:
        keys = _keys(actual, expected)
        if keys is None:
            yield path, _pair(actual, expected, path, options)
            return
    except _MismatchError as found:
        raise _MismatchError(found.kind, found.text + _place(path)) from None
    for key in keys:
        yield from _pairs(actual[key], expected[key], (*path, key), options)


def _place(path: tuple[Any, ...]) -> str:
    return f"\n\nThe failure occurred for item {''.join(str([key]) for key in path)}" if path else ""


def _keys(actual: Any, expected: Any) -> Any:
    """What both containers are walked by, or None for leaves."""
    if all(isinstance(one, Sequence) and not isinstance(one, str) for one in (actual, expected)):
        if len(actual) != len(expected):
            raise _MismatchError(
                AssertionError, f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            )
        return range(len(actual))
    if not (isinstance(actual, Mapping) and isinstance(expected, Mapping)):
        return None
    own, wanted = set(actual), set(expected)
    if own != wanted:
        raise _MismatchError(
            AssertionError,
            f"The keys of the mappings do not match:\nMissing keys in the actual mapping: {sorted(wanted - own)}\n"
            f"Additional keys in the actual mapping: {sorted(own - wanted)}",
        )
    keys: Any = own
    with contextlib.suppress(Exception):
        keys = sorted(keys)
    return keys


def _pair(actual: Any, expected: Any, path: tuple[Any, ...], options: Options) -> _Pair:
    """Two leaves. Errors: _MismatchError with a TypeError or a ValueError for a wrong call; RuntimeError."""
    both = (actual, expected)
    if actual is None or expected is None:
        return _Pair(lambda: _compare_nothing(actual, expected), "NonePair", actual, expected, {})
    if all(isinstance(one, (bool, np.bool_)) for one in both):
        return _Pair(
            lambda: _compare_booleans(bool(actual), bool(expected)), "BooleanPair", actual, expected, {}
        )
    if all(isinstance(one, (int, float, complex, np.number)) for one in both):
        one, other = (v.item() if isinstance(v, np.number) else v for v in both)
        if bool in (type(one), type(other)):
            # PyTorch has no tolerances for those.
            place = "".join(str([key]) for key in path)
            named = "\n\nand\n\n".join(f"{type(v).__name__}(): {v}" for v in both)
            raise RuntimeError(f"Originating a NumberPair() at item {place} with\n\n{named}{_UNEXPECTED}")
        tolerances = _loosest([_NUMBERS[type(v)] for v in (one, other)], options)
        return _Pair(
            lambda: _compare_numbers(one, other, tolerances, options),
            "NumberPair",
            one,
            other,
            _settings(tolerances, options, "equal_nan", "check_dtype"),
        )
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if related and (options.allow_subclasses or type(actual) is type(expected)):
        with contextlib.suppress(TypeError, ValueError, RuntimeError):
            first, second = (v if isinstance(v, Tensor) else _as_tensor(v) for v in both)
            tolerances = _loosest([first.dtype, second.dtype], options)
            return _Pair(
                lambda: _compare_tensors(first, second, tolerances, options),
                "TensorLikePair",
                first,
                second,
                _settings(tolerances, options, "equal_nan", *_CHECKS),
            )
    raise _MismatchError(
        TypeError,
        f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.",
    )


_CHECKS = ("check_device", "check_dtype", "check_layout", "check_stride")


def _settings(tolerances: tuple[float, float], options: Options, *names: str) -> dict[str, Any]:
    return {"rtol": tolerances[0], "atol": tolerances[1], **{name: getattr(options, name) for name in names}}


def _as_tensor(value: Any) -> Any:
    """The value as a tensor. Errors: what as_tensor raises."""
    from tensorcli.engine.construct import as_tensor

    return as_tensor(value)


def _loosest(kinds: Sequence[Any], options: Options) -> tuple[float, float]:
    rtol, atol = options.rtol, options.atol
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise _MismatchError(
            ValueError, f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
        )
    if rtol is not None and atol is not None:
        return rtol, atol
    found = [_TOLERANCES.get(kind, (0.0, 0.0)) for kind in kinds]
    return max(r for r, _ in found), max(a for _, a in found)


# ---- comparisons


def _fail(text: str) -> NoReturn:
    raise _MismatchError(AssertionError, text)


def _compare_nothing(actual: Any, expected: Any) -> None:
    if not (actual is None and expected is None):
        _fail(f"None mismatch: {actual} is not {expected}")


def _compare_booleans(actual: bool, expected: bool) -> None:
    if actual is not expected:
        _fail(f"Booleans mismatch: {actual} is not {expected}")


def _compare_numbers(actual: Any, expected: Any, tolerances: tuple[float, float], options: Options) -> None:
    rtol, atol = tolerances
    if options.check_dtype and type(actual) is not type(expected):
        _fail(f"The (d)types do not match: {type(actual)} != {type(expected)}.")
    if actual == expected or (options.equal_nan and cmath.isnan(actual) and cmath.isnan(expected)):
        return
    distance = abs(actual - expected)
    if not (cmath.isfinite(distance) and distance <= atol + rtol * abs(expected)):
        _fail(_about_numbers(actual, expected, rtol, atol))


def _compare_tensors(actual: Any, expected: Any, tolerances: tuple[float, float], options: Options) -> None:
    for name, checked, own, wanted in (
        ("shape", True, actual.shape, expected.shape),
        ("layout", options.check_layout, actual.layout, expected.layout),
        ("stride()", options.check_stride, actual.stride(), expected.stride()),
        ("device", options.check_device, actual.device, expected.device),
        ("dtype", options.check_dtype, actual.dtype, expected.dtype),
    ):
        if checked and own != wanted:
            _fail(f"The values for attribute '{name}' do not match: {own} != {wanted}.")
    if "meta" in (actual.device.type, expected.device.type):
        return
    if actual.device != expected.device:
        actual, expected = actual.cpu(), expected.cpu()
    if actual.dtype is not expected.dtype:
        kind = dtypes.promote_types(*(_signed(one.dtype) for one in (actual, expected)))
        actual, expected = actual.to(kind), expected.to(kind)
    rtol, atol = tolerances
    matches = functions.isclose(actual, expected, rtol, atol, options.equal_nan)
    if bool(matches.all()):
        return
    if not actual.dim():
        _fail(_about_numbers(actual.item(), expected.item(), rtol, atol))
    _fail(_about_tensors(actual, expected, matches, rtol, atol))


def _signed(kind: Any) -> Any:
    return dtypes.int64 if kind in (dtypes.uint16, dtypes.uint32, dtypes.uint64) else kind


# ---- what differs, in PyTorch's words


def _about_numbers(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    distance = abs(actual - expected)
    relative = float("inf") if expected == 0 else distance / abs(expected)
    exact = not rtol and not atol
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {distance}{_allowed(atol, exact)}\n"
        f"Relative difference: {relative}{_allowed(rtol, exact)}"
    )


def _about_tensors(actual: Any, expected: Any, matches: Any, rtol: float, atol: float) -> str:
    count = matches.numel()
    wrong = count - int(matches.sum())
    exact = not rtol and not atol
    if actual.dtype.category < dtypes.FLOATING:
        actual, expected = actual.to(dtypes.int64), expected.to(dtypes.int64)
    distance = (actual - expected).abs()
    relative = distance / expected.abs()
    lines = [f"Mismatched elements: {wrong} / {count} ({wrong / count:.1%})"]
    for name, values, allowed in (("absolute", distance, atol), ("relative", relative, rtol)):
        most, index = values.detach().masked_fill(matches, 0).flatten().max(0)
        where = tuple(int(i) for i in np.unravel_index(int(index), tuple(matches.shape)))
        lines.append(f"Greatest {name} difference: {most.item()} at index {where}{_allowed(allowed, exact)}")
    return f"Tensor-likes are not {'equal' if exact else 'close'}!\n\n" + "\n".join(lines)


def _allowed(tolerance: float, exact: bool) -> str:
    return "" if exact else f" (up to {tolerance} allowed)"
