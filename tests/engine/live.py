"""Compare an expression on the engine with PyTorch's answer: values, dtype, strides, node, gradients."""

from typing import Any

import numpy as np
import pytest

import tensorcli.engine as engine


def compare(expression: str, *arrays: Any, gradients: bool = True, tolerance: float = 1e-5) -> None:
    """`expression` names torch, F, and the arrays as x, y, z. Skipped without PyTorch."""
    torch = pytest.importorskip("torch")
    wanted, found = (_run(space, expression, arrays, gradients) for space in (torch, engine))
    assert len(wanted) == len(found)
    for w, f in zip(wanted, found, strict=True):
        assert w[1:] == f[1:]
        np.testing.assert_allclose(f[0], w[0], rtol=tolerance, atol=tolerance, equal_nan=True)


def error(expression: str, *arrays: Any) -> tuple[str, str]:
    """The type and the text of the engine's error, after checking that PyTorch's is the same (where it is installed)."""
    found = _error(engine, expression, arrays)
    try:
        import torch
    except ImportError:
        return found
    assert found == _error(torch, expression, arrays)
    return found


def _names(space: Any, arrays: Any, gradients: bool) -> dict[str, Any]:
    names: dict[str, Any] = {"torch": space, "F": space.nn.functional}
    for name, array in zip("xyz", arrays, strict=False):
        tensor = space.from_numpy(np.array(array, order="K"))
        names[name] = tensor.requires_grad_() if gradients and tensor.is_floating_point() else tensor
    return names


def _run(space: Any, expression: str, arrays: Any, gradients: bool) -> list[Any]:
    names = _names(space, arrays, gradients)
    answer = eval(expression, names)
    outputs = list(answer) if isinstance(answer, (tuple, list)) else [answer]
    rows = []
    total = None
    for output in outputs:
        node = None if output.grad_fn is None else output.grad_fn.name()
        detached = output.detach()
        array = detached.resolve_conj().numpy() if output.is_complex() else detached.numpy()
        sizes = tuple(output.shape)
        strides = tuple(s for s, n in zip(output.stride(), sizes, strict=True) if n > 1)
        rows.append((array, str(output.dtype), sizes, strides, node))
        if output.requires_grad:
            part = (output.abs() if output.is_complex() else output * output.detach().cos()).sum()
            total = part if total is None else total + part
    if total is not None:
        total.backward()
        leaves = [names[n] for n in "xyz" if n in names and names[n].requires_grad]
        rows += [
            (np.zeros(()) if leaf.grad is None else leaf.grad.numpy(), leaf.grad is None) for leaf in leaves
        ]
    return rows


def _error(space: Any, expression: str, arrays: Any) -> tuple[str, str]:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (which one is the question)
        eval(expression, _names(space, arrays, False))
    return type(caught.value).__name__, str(caught.value)
