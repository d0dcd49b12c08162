"""`out=` as a measure: an operator's sample with outputs of other dtypes, sizes and orders of memory, on PyTorch and the engine.

Needs PyTorch. Two calls agree when type and text of what they raise, their warnings, what they return, and the outputs' sizes,
strides, dtypes, versions and values do. What an output holds after a refused call is not compared: PyTorch leaves it half done.
"""

import re
import warnings
from typing import Any, Final

import numpy as np
import torch

import tensorcli.engine as engine
from tests.oracle import opinfo

DTYPES: Final = "float64 float32 float16 int64 int32 bool complex64 complex128".split()
OTHERS: Final = ("float64", "int64", "complex64")


def specimens(result: torch.Tensor) -> list[tuple[str, str]]:
    """The outputs to give for a result: a dtype and a shape of each."""
    native = str(result.dtype).removeprefix("torch.")
    found = [(kind, "plain") for kind in DTYPES]
    found += [(kind, how) for kind in dict.fromkeys((native, *OTHERS)) for how in ("none", "larger")]
    return [*found, *((native, how) for how in ("stepped", "reversed") if result.ndim)]


def compared(info: Any, sample: Any) -> dict[str, tuple[Any, Any]]:
    """What differs, by the output that was given. Empty where the operator has no single tensor as its result."""
    sample = sample.transform(lambda one: one.detach() if isinstance(one, torch.Tensor) else one)
    call = opinfo.Call(sample, torch)
    try:
        result = info.op(*call.arguments, **call.options)
    except Exception:
        return {}
    found: dict[str, tuple[Any, Any]] = {}
    if not isinstance(result, torch.Tensor):
        return found
    for kind, how in specimens(result):
        expected = _called(torch, info.op, sample, result, kind, how)
        with opinfo.torch_is_refused():
            got = _called(engine, opinfo.resolve(engine, info), sample, result, kind, how)
        if not _agree(expected, got):
            found[f"{kind} {how}"] = expected, got
    return found


def _output(space: Any, sizes: tuple[int, ...], kind: str, how: str) -> Any:
    made = {
        "plain": sizes,
        "none": (0,),
        "larger": (*sizes, 3),
        "stepped": (*sizes[:-1], 2 * (sizes or (0,))[-1]),
        "reversed": sizes[::-1],
    }[how]
    output = space.ones(made, dtype=getattr(space, kind))
    if how == "stepped":
        return output[..., ::2]
    return output.permute(*range(len(sizes))[::-1]) if how == "reversed" else output


def _called(
    space: Any, function: Any, sample: Any, result: Any, kind: str, how: str
) -> tuple[Any, list[str], Any, Any]:
    call = opinfo.Call(sample, space)
    output = _output(space, tuple(result.shape), kind, how)
    space.manual_seed(42)
    error = answer = None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        try:
            answer = function(*call.arguments, **call.options, out=output)
        except Exception as refusal:
            error = type(refusal).__name__, opinfo.first_words(str(refusal))
    texts = [str(one.message).partition(" (Triggered internally")[0] for one in said]
    # What PyTorch says once only, it said before.
    texts = [
        text
        for text in texts
        if not re.search("deprecated in favor|in beta|discards the imaginary part", text)
    ]
    if error is not None:
        return error, texts, None, None
    facts = (
        answer is output,
        tuple(output.shape),
        tuple(output.stride()) if output.numel() else None,
        output.storage_offset(),
        output._version,
    )
    return None, texts, facts, opinfo.array(output)


def _agree(expected: Any, got: Any) -> bool:
    if expected[:3] != got[:3]:
        return False
    want, found = expected[3], got[3]
    if want is None or want.dtype.kind in "biu":
        return want is None or bool((want == found).all())
    tolerance = 2e-3 if want.dtype.itemsize == 2 else 2e-4
    return bool(np.allclose(want, found, rtol=tolerance, atol=tolerance, equal_nan=True))
