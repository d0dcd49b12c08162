"""How the tests of the element-wise chapters ask: what an expression prints, and its gradients to second order."""

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import tensorcli.engine as engine


def transcripts() -> dict[tuple[str, str], str]:
    """What was typed after `>>> `, with its chapter, and what was printed: of the files in transcripts/."""
    return {
        (file.stem, typed): printed.rstrip("\n")
        for file in sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
        for entry in file.read_text().removeprefix(">>> ").split("\n>>> ")
        for typed, _, printed in [entry.partition("\n")]
    }


def answer(torch: Any, text: str) -> str:
    """What the last of some statements prints on an engine, or the error it raises."""
    names = {"torch": torch, "t": torch.tensor, "F": torch.nn.functional, "inf": math.inf, "nan": math.nan}
    *statements, expression = text.split("; ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for statement in statements:
                exec(statement, names)
            return str(eval(expression, names)).rstrip("\n")
        except Exception as error:
            return f"{type(error).__name__}: {error}".rstrip("\n")


def same_second_order(torch: Any, text: str) -> None:
    """Fail unless node names, gradients, their nodes and the gradients of their squares are PyTorch's."""
    theirs, ours = _orders(torch, text), _orders(engine, text)
    assert [one for one in ours if not isinstance(one, list)] == [
        one for one in theirs if not isinstance(one, list)
    ]
    for our, their in zip(ours, theirs, strict=True):
        if isinstance(their, list):
            np.testing.assert_allclose(our, their, rtol=1e-6, atol=1e-9)


def _orders(torch: Any, text: str) -> list[Any]:
    x = torch.tensor([0.15, 0.35, 0.62, 0.88], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0.71, 0.28, 0.45, 0.93], dtype=torch.float64, requires_grad=True)
    with np.errstate(all="ignore"):
        value = eval(text, {"torch": torch, "F": torch.nn.functional, "x": x, "y": y})
        first = torch.autograd.grad(value.sum(), (x, y), create_graph=True, allow_unused=True)
        found: list[Any] = [_node(value)]
        for one in first:
            found += [_node(one), None if one is None else (one + 0).tolist()]
        squares = [(one * one).sum() for one in first if one is not None and one.requires_grad]
        if squares:
            for one in torch.autograd.grad(sum(squares), (x, y), allow_unused=True):
                found.append(None if one is None else (one + 0).tolist())
    return found


def _node(tensor: Any) -> str | None:
    return None if tensor is None or tensor.grad_fn is None else tensor.grad_fn.name()
