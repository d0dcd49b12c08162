"""The same samples on the CPU and on a CUDA device: which operators agree, and which the device's library lacks.

The samples are those of PyTorch's operator database, so that PyTorch has to be installed; it computes nothing here. The
CUDA device is whatever the engine has: a card behind CuPy, or what stands in for it. Nothing is written; callers count.
"""

import sys
import types
import unittest
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

if find_spec("expecttest") is None:
    # PyTorch's test classes derive from this package's one; the database of samples needs no more of it.
    sys.modules["expecttest"] = types.ModuleType("expecttest")
    sys.modules["expecttest"].TestCase = unittest.TestCase  # type: ignore[attr-defined]

from torch.testing._internal.common_methods_invocations import op_db

import tensorcli.engine as engine
from tests.oracle import opinfo

DTYPES: Final = ("float32", "int64", "bool", "complex64", "float16", "bfloat16")
MOST_SAMPLES: Final = 12
"""How many samples of an operator count in each dtype."""
OUTSIDE: Final = ("sparse", "masked.", "jiterator", "to_sparse", "torch.ops", "empty", "new_empty")
"""Operators that the engine does not have, or whose elements are nobody's."""
ON_THE_CPU: Final = ("tensor_split",)
"""Operators whose other arguments PyTorch wants on the CPU."""
CHOOSING: Final = ("topk", "kthvalue")
"""Operators that name one of several equal elements, which may be another on another device: only values count."""
CLOSE: Final = {"float32": 1e-4, "complex64": 1e-4, "float16": 1e-2, "bfloat16": 1e-1}
"""How close numbers are that agree, by the dtype of the sample or of the result."""
SIGN: Final = " is not available on "
"""What the error says that names an operator and a device."""


@dataclass
class Tally:
    """The outcome of an operator: samples that agree, what the device lacks and what differs, each by its words."""

    agreed: int = 0
    lacking: dict[str, int] = field(default_factory=dict)
    differing: dict[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """`differs` before `lacks` before `partly` before `agrees`."""
        if self.differing:
            return "differs"
        if self.lacking:
            return "partly" if self.agreed else "lacks"
        return "agrees"


def operators(only: str = "") -> Iterator[Any]:
    """The operators of the database that the engine may have."""
    for info in op_db:
        if not info.name.startswith(OUTSIDE) and only in opinfo.title(info):
            yield info


def measure(info: Any, most: int = MOST_SAMPLES, dtypes: tuple[str, ...] = DTYPES) -> Tally:
    """An operator's samples on the CPU and on the device. Those that the CPU refuses do not count."""
    tally = Tally()
    try:
        function = opinfo.named(engine, info.name)
    except (AttributeError, NotImplementedError):
        return tally
    for dtype in dtypes:
        for sample in opinfo.samples(info, dtype, most):
            here = outcome(function, sample, "cpu")
            if isinstance(here, Exception):
                continue
            there = outcome(function, sample, "cuda", info.name not in ON_THE_CPU)
            if info.name in CHOOSING and not isinstance(there, Exception):
                here, there = here[:1], there[:1]
            if isinstance(there, Exception):
                words = f"{type(there).__name__}: {there}"
                group = tally.lacking if SIGN in words else tally.differing
            elif difference := compared(here, there, dtype):
                words, group = difference, tally.differing
            else:
                tally.agreed += 1
                continue
            words = f"{dtype}: {words}"
            group[words] = group.get(words, 0) + 1
    return tally


def outcome(function: Callable[..., Any], sample: Any, device: str, everything: bool = True) -> Any:
    """The outputs and the gradients of a sample whose tensors (or the first) lie on a device; or the exception."""
    try:
        call = opinfo.Call(sample, engine)
        moved: dict[int, Any] = {}
        first, *rest = call.arguments
        first, options = move(first, device, moved), call.options
        if everything:
            rest, options = move(rest, device, moved), move(options, device, moved)
        engine.manual_seed(0)
        # Tensors decide where an operator runs; what has none is told by the default device.
        with nullcontext() if moved else engine.device(device):
            # Singular and eigenvectors are any of several: the sample says what of them is the same in all libraries.
            outputs = opinfo.leaves(sample.output_process_fn_grad(function(first, *rest, **options)))
        tensors = [one for one in outputs if isinstance(one, engine.Tensor)]
        roots = [one for one in tensors if one.requires_grad and one.dtype.is_floating_point]
        gradients: list[Any] = []
        if roots:
            engine.autograd.backward([one.sum() for one in roots])
            gradients = [one.grad for one in moved.values() if one.requires_grad and one.is_leaf]
        return [row(one, device) for one in [*outputs, *gradients]]
    except Exception as error:
        return error


def move(value: Any, device: str, memo: dict[int, Any]) -> Any:
    """Arguments with their tensors on a device, strides kept, each tensor once."""
    if isinstance(value, engine.Tensor):
        if id(value) not in memo:
            moved = value.detach().to(device)
            memo[id(value)] = moved.requires_grad_() if value.requires_grad else moved
        return memo[id(value)]
    if isinstance(value, (list, tuple)):
        return type(value)(move(one, device, memo) for one in value)
    if isinstance(value, dict):
        return {key: move(one, device, memo) for key, one in value.items()}
    return device if value == "cpu" else value


def row(output: Any, device: str) -> Any:
    if not isinstance(output, engine.Tensor):
        return output
    plain = output.detach().resolve_conj().resolve_neg().cpu()
    kind = str(plain.dtype)
    wide = plain.float() if plain.dtype is engine.bfloat16 else plain
    return wide.numpy(), kind, tuple(output.shape), output.stride(), output.device.type == device


def compared(here: list[Any], there: list[Any], dtype: str) -> str:
    """What differs between the outcomes; "" where nothing does. Numbers may differ as two libraries' do, which among very
    large ones is much."""
    for want, got in zip(here, there, strict=True):
        if not isinstance(want, tuple) or len(want) != 5 or not isinstance(want[0], np.ndarray):
            if want != got and not (want != want and got != got):
                return f"{want} here, {got} there"
        elif want[1:] != got[1:]:
            return f"{want[1:]} here, {got[1:]} there"
        else:
            close = max(CLOSE.get(kind, 1e-6) for kind in (dtype, want[1].removeprefix("torch.")))
            apart = close * max(1, largest(want[0]) / 10)
            if not np.allclose(want[0], got[0], rtol=close, atol=apart, equal_nan=True):
                return "values"
    return ""


def largest(array: Any) -> float:
    """The largest magnitude among the finite elements."""
    return float(np.max(np.abs(array), where=np.isfinite(array), initial=0))
