"""Runs an expression or a statement on the engine and on PyTorch and describes what each made of it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorcli.engine as engine
from tensorcli.engine import allocation, dtypes, messages


def rows(table: str) -> list[str]:
    """The calls of a table: one a line, or several on a line with `|` between them."""
    return [one.strip() for one in table.replace("\n", "|").split("|") if one.strip()]


def tensor_of(torch: Any, data: Any, requires_grad: bool = False) -> Any:
    """A tensor of a numpy array (or of what numpy makes of the data; floats become float32)."""
    array = np.array(data)
    if array.dtype == np.float64 and not isinstance(data, np.ndarray):
        array = array.astype(np.float32)
    made = (
        allocation.adopt(array, dtypes.from_numpy_dtype(array.dtype))
        if torch is engine
        else torch.from_numpy(array)
    )
    return made.requires_grad_() if requires_grad else made


def describe(torch: Any, value: Any) -> Any:
    """All that can be seen of a value: of a tensor its dtype, geometry, numbers, version and place in the graph."""
    if isinstance(value, torch.Tensor):
        node = value.grad_fn
        return (
            str(value.dtype),
            tuple(value.shape),
            tuple(value.stride()),
            value._version,
            value.requires_grad,
            None if node is None else node.name(),
            None
            if node is None
            else [None if one[0] is None else one[0].name() for one in node.next_functions],
            None if value.is_meta else _numbers(torch, value),
        )
    if isinstance(value, (list, tuple)):
        return [describe(torch, one) for one in value]
    if isinstance(value, dict):
        return {key: describe(torch, one) for key, one in value.items()}
    return value


def _numbers(torch: Any, value: Any) -> Any:
    plain = value.detach()
    if value.dtype in (torch.float16, torch.bfloat16):
        plain = plain.to(torch.float32)
    array = plain.values if torch is engine else plain.resolve_conj().numpy()
    return np.asarray(array).astype(np.complex64 if array.dtype.kind == "c" else array.dtype).tolist()


def outcome(torch: Any, text: str, names: dict[str, Any], look: tuple[str, ...] = ()) -> Any:
    """What an expression gives, or what a statement leaves in the names to look at; or the error; and the warnings."""
    names = {"torch": torch, "np": np, **names}
    # What is told once is told again, whatever ran before.
    if torch is engine:
        messages.said.once.clear()
    else:
        torch.set_warn_always(True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if look:
                exec(text, names)
                result = [describe(torch, names[name]) for name in look]
            else:
                result = describe(torch, eval(text, names))
        except Exception as error:
            result = (type(error).__name__, str(error))
    told = [re.sub(r" \(Triggered internally.*", "", str(one.message)) for one in caught]
    return result, list(dict.fromkeys(told))


def check(text: str, names: Callable[[Any], dict[str, Any]], look: tuple[str, ...] = ()) -> None:
    """Fail where the engine's outcome is not PyTorch's. Skips the test where PyTorch is not installed."""
    torch = pytorch()
    ours, theirs = outcome(engine, text, names(engine), look), outcome(torch, text, names(torch), look)
    assert close(ours, theirs), f"\n{text}\nengine:  {ours}\npytorch: {theirs}"


def pytorch() -> Any:
    """PyTorch, or a skipped test where it is not installed."""
    return pytest.importorskip("torch")


def close(ours: Any, theirs: Any, tolerance: float = 2e-6) -> bool:
    """Whether two descriptions are equal, floats within a tolerance."""
    if isinstance(theirs, (float, complex)) and isinstance(ours, (float, complex)):
        return bool(np.isclose(ours, theirs, rtol=tolerance, atol=tolerance, equal_nan=True))
    if isinstance(theirs, (list, tuple)):
        return (
            isinstance(ours, (list, tuple))
            and len(ours) == len(theirs)
            and all(close(a, b, tolerance) for a, b in zip(ours, theirs, strict=True))
        )
    if isinstance(theirs, dict):
        return (
            isinstance(ours, dict)
            and list(ours) == list(theirs)
            and all(close(ours[key], theirs[key], tolerance) for key in theirs)
        )
    return bool(ours == theirs)
