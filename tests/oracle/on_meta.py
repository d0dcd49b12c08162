"""The operator database's samples on meta tensors: PyTorch and the engine give the same shapes, strides, dtypes and graphs,
or refuse with the same words.

Needs PyTorch. Nothing is written here; the callers count.
"""

from collections.abc import Callable
from typing import Any, Final

import torch

import tensorcli.engine as engine
from tests.oracle import opinfo

MOST_SAMPLES: Final = 12
"""How many samples of an operator count."""


def compared(info: Any, dtype: str = "float32", most: int = MOST_SAMPLES) -> list[str]:
    """For each sample of an operator that counts what differs; "" when nothing does."""
    differentiate = opinfo.differentiable(info, dtype)
    found = []
    for sample in opinfo.samples(info, dtype, most):
        moved = sample.transform(_moved)
        expected = _outcome(torch, info.op, moved, differentiate)
        with opinfo.torch_is_refused():
            answer = _outcome(engine, opinfo.resolve(engine, info), moved, differentiate)
        found.append("" if answer == expected else f"{expected} expected, {answer} found")
    return found


def _moved(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    there = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    return there.requires_grad_(value.requires_grad)


def _outcome(space: Any, function: Callable[..., Any], sample: Any, differentiate: bool) -> Any:
    """Facts of the results, versions of the inputs, facts of the gradients; or the error, of the call or of backward()."""
    call = opinfo.Call(sample, space)
    try:
        outputs = call.of(function)
    except Exception as error:
        return type(error).__name__, opinfo.first_words(str(error))
    facts = [_facts(one) if isinstance(one, space.Tensor) else str(one) for one in outputs]
    versions = [one._version for one in call.tensors]
    roots = call.roots(outputs)
    if not differentiate or not roots:
        return facts, versions, None
    try:
        space.autograd.backward(roots, [space.ones_like(root) for root in roots])
    except Exception as error:
        return facts, versions, (type(error).__name__, opinfo.first_words(str(error)))
    return facts, versions, [None if grad is None else _facts(grad) for grad in call.gradients()]


def _facts(tensor: Any) -> Any:
    # Where a size is 0 or 1 a stride addresses nothing.
    strides = tuple(tensor.stride()) if all(size > 1 for size in tensor.shape) else None
    node = tensor.grad_fn and tensor.grad_fn.name()
    return str(tensor.dtype), tuple(tensor.shape), strides, str(tensor.device), tensor.requires_grad, node
