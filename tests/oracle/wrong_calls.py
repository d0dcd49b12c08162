"""Wrong calls of PyTorch's operator database as data: arguments in JSON, and what PyTorch raised. Replayed without PyTorch.

A tensor is recorded by its sizes, strides, dtype and, where it is small and not floating, its elements; floating elements
are a fixed sequence, so that the recorded answer is PyTorch's answer to the very arguments that the engine gets.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

RECORD: Final = Path(__file__).parent / "wrong_calls.json"


def read() -> list[dict[str, Any]]:
    """The recorded calls: `call` names the operator, `arguments` are encoded, `type` and `text` are PyTorch's."""
    return json.loads(RECORD.read_text())  # type: ignore[no-any-return]


def decode(space: Any, value: Any) -> Any:
    """An encoded argument in a namespace."""
    if isinstance(value, list):
        return [decode(space, one) for one in value]
    if not isinstance(value, dict):
        return value
    (kind, inside) = next(iter(value.items()))
    if kind == "tensor":
        return _tensor(space, **inside)
    if kind == "tuple":
        return tuple(decode(space, one) for one in inside)
    if kind == "named":
        return getattr(space, inside)
    if kind == "number":
        return complex(inside) if "j" in inside else float(inside)
    return {key: decode(space, one) for key, one in inside.items()}


def _tensor(
    space: Any, sizes: Any, strides: Any, dtype: str, values: Any, requires_grad: bool, device: str
) -> Any:
    kind = getattr(space, dtype)
    if device == "meta" or 0 in sizes:
        result = space.empty_strided(tuple(sizes), tuple(strides), dtype=kind, device=device)
    else:
        span = 1 + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        elements = np.arange(span) / 8 % 4 if values is None else np.array(values)
        flat = space.from_numpy(np.ascontiguousarray(elements)).to(kind)
        result = space.as_strided(flat, tuple(sizes), tuple(strides))
    return result.requires_grad_() if requires_grad else result


def complaint(space: Any, function: Callable[..., Any], arguments: Any) -> tuple[str, str]:
    """The type and text of what a call raises; ("", "") when it raises nothing."""
    first, rest, options = decode(space, arguments)
    try:
        function(first, *rest, **options)
    except Exception as error:
        return type(error).__name__, str(error).partition("\nException raised from")[0]
    return "", ""


def record() -> tuple[int, int, int]:
    """Write the record anew with the installed PyTorch: (calls, types, texts) that the engine has alike."""
    import torch

    import tensorcli.engine as engine
    from tests.oracle import opinfo

    found: list[dict[str, Any]] = []
    for info in opinfo.operators():
        if opinfo.title(info) in opinfo.CALLS:
            continue
        for sample in opinfo.error_inputs(info):
            try:
                arguments = _encode([sample.input, list(sample.args), {"dict": dict(sample.kwargs)}])
                kind, text = complaint(torch, info.op, arguments)
            except (TypeError, ValueError, NotImplementedError, RuntimeError):
                continue
            entry = {"call": info.name, "arguments": arguments, "type": kind, "text": text}
            if not kind or entry in found:
                continue
            found.append(entry)
    kinds = texts = 0
    for entry in found:
        try:
            ours = complaint(engine, opinfo.named(engine, entry["call"]), entry["arguments"])
        except NotImplementedError:
            ours = ("absent", "")
        kinds += ours[0] == entry["type"]
        texts += ours == (entry["type"], entry["text"])
        if ours[0] != entry["type"]:
            entry["deviates"] = "type"
        elif ours[1] != entry["text"]:
            entry["deviates"] = "text"
    RECORD.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in found) + "\n]\n")
    return len(found), kinds, texts


def _encode(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.numel() > 20000:
            raise TypeError("only small dense tensors are recorded")
        kind = str(value.dtype).removeprefix("torch.")
        device = value.device.type
        floating = value.dtype.is_floating_point or value.dtype.is_complex
        values = None
        if not floating and value.numel() and device == "cpu":
            span = 1 + sum(
                (size - 1) * stride for size, stride in zip(value.shape, value.stride(), strict=True)
            )
            values = torch.as_strided(value, (span,), (1,)).tolist()
        inside = {
            "sizes": list(value.shape),
            "strides": list(value.stride()),
            "dtype": kind,
            "values": values,
        }
        return {"tensor": {**inside, "requires_grad": value.requires_grad, "device": device}}
    if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
        return {"named": str(value).removeprefix("torch.")}
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, dict):
        return {"dict": {key: _encode(one) for key, one in (value.get("dict", value)).items()}}
    if isinstance(value, tuple):
        return {"tuple": [_encode(one) for one in value]}
    if isinstance(value, list):
        return [_encode(one) for one in value]
    if isinstance(value, complex) or (isinstance(value, float) and not np.isfinite(value)):
        return {"number": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"not recorded: {type(value).__name__}")
