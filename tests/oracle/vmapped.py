"""PyTorch's operator database under `torch.vmap`: two samples as a batch, on PyTorch and on the engine, and what differs.

Needs PyTorch. An operator agrees when values, dtypes, shapes and the gradients of all inputs agree, or both refuse.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import tensorcli.engine as engine
from tests.oracle import opinfo

Outcome = tuple[list[tuple[str, tuple[int, ...], Any]], list[Any]]


def cases(info: Any, most: int) -> Iterator[tuple[list[Any], list[bool]]]:
    """The arguments of the first samples with their tensors in batches of two, and which of them are in batches: all of them,
    or the first alone."""
    taken = 0
    for sample in opinfo.samples(info, "float32"):
        arguments = [sample.input, list(sample.args), sample.kwargs]
        count = len(tensors(arguments, torch.Tensor))
        if taken == most:
            return
        if not 0 < count <= 6:
            continue
        taken += 1
        for masks in ([True] * count, [True] + [False] * (count - 1)):
            plain = tensors(arguments, torch.Tensor)
            given = [_pair(one) if mapped else one.detach() for one, mapped in zip(plain, masks)]
            yield replaced(arguments, iter(given), torch.Tensor), masks
            if count == 1:
                break


def _pair(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor and another of its kind: smaller, where that keeps what it is (positive, below one, symmetric)."""
    first = tensor.detach()
    return torch.stack([first, first * 0.9 if first.is_floating_point() or first.is_complex() else first])


def tensors(value: Any, kind: type) -> list[Any]:
    """The tensors in nested containers."""
    if isinstance(value, kind):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [one for each in inner for one in tensors(each, kind)]


def replaced(value: Any, given: Iterator[Any], kind: type) -> Any:
    """A container with other tensors."""
    if isinstance(value, kind):
        return next(given)
    if isinstance(value, dict):
        return {key: replaced(each, given, kind) for key, each in value.items()}
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)(replaced(each, given, kind) for each in value)
    return value


def observe(
    space: Any, function: Callable[..., Any], arguments: Any, masks: list[bool], differentiate: bool
) -> Outcome:
    """Call a function under vmap, and differentiate the sum of its outputs."""
    inputs = [one.clone() for one in tensors(arguments, space.Tensor)]
    if differentiate:
        inputs = [
            one.requires_grad_() if one.dtype.is_floating_point or one.dtype.is_complex else one
            for one in inputs
        ]

    def call(*given: Any) -> Any:
        first, rest, options = replaced(arguments, iter(given), space.Tensor)
        return tuple(tensors(opinfo.leaves(function(first, *rest, **options)), space.Tensor))

    outputs = space.func.vmap(call, in_dims=tuple(0 if mapped else None for mapped in masks))(*inputs)
    rows = [(str(one.dtype).removeprefix("torch."), tuple(one.shape), opinfo.array(one)) for one in outputs]
    roots = [one for one in outputs if one.requires_grad]
    if roots:
        space.autograd.backward([one.abs().sum() if one.dtype.is_complex else one.sum() for one in roots])
    return rows, [None if one.grad is None else opinfo.array(one.grad) for one in inputs] if roots else []


def measure(info: Any, arguments: Any, masks: list[bool]) -> str:
    """What differs between PyTorch and the engine; "" when they agree. Gradients are looked at where all is mapped."""
    differentiate = info.supports_autograd and all(masks)
    try:
        wanted = observe(torch, opinfo.resolve(torch, info), arguments, masks, differentiate)
    except Exception as error:
        wanted = None
        refusal = error
    try:
        carried = opinfo.carry(arguments, engine, {})
        with opinfo.torch_is_refused():
            found = observe(engine, opinfo.resolve(engine, info), carried, masks, differentiate)
    except Exception as error:
        return "" if wanted is None else f"{type(error).__name__}: {str(error)[:100]}"
    if wanted is None:
        return f"PyTorch refuses: {str(refusal)[:100]}"
    for want, got in zip(wanted[0], found[0], strict=True):
        if want[:2] != got[:2]:
            return f"{want[:2]} expected, {got[:2]} found"
        if not alike(want[2], got[2], 2e-4):
            return "values"
    if len(wanted[1]) != len(found[1]):
        return "no gradients"
    for want, got in zip(*(each[1] for each in (wanted, found)), strict=True):
        if (want is None) != (got is None):
            return "a gradient is missing"
        if want is not None and not alike(want, got, 2e-3):
            return "gradients"
    return ""


def alike(want: Any, got: Any, tolerance: float) -> bool:
    want, got = (
        one.astype(np.complex64) if np.asarray(one).dtype.name == "complex32" else one for one in (want, got)
    )
    return bool(np.allclose(want, got, rtol=tolerance, atol=tolerance, equal_nan=True))
