"""The same expressions on each device."""

import json
from pathlib import Path
from typing import Any

import pytest

import tensorcli.engine as engine
from tests.oracle import expressions

HISTORY: dict[str, Any] = json.loads(Path(expressions.__file__).with_name("history.json").read_text())


def raised(call: Any) -> tuple[str, str]:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (the caller compares the text)
        call()
    return type(caught.value).__name__, str(caught.value)


def results_on(name: str, expression: str) -> tuple[dict[str, Any], list[Any]]:
    """The names that an expression used, and its tensors, with all its inputs on a device."""
    with engine.device(name):
        scope = expressions.names(engine, leaves=False)
        engine.manual_seed(0)
        result = eval(expression.removesuffix(" (x non-leaf)"), scope)
    return scope, flat(result)


def flat(result: Any) -> list[Any]:
    if isinstance(result, engine.Tensor):
        return [result]
    return [each for one in result for each in flat(one)] if isinstance(result, (tuple, list)) else []


def backward(tensors: list[Any]) -> str:
    """Run the backward pass of the first result; the words of its failure, if it fails."""
    first = tensors[0]
    if not first.requires_grad or not first.dtype.is_floating_point:
        return ""
    try:
        first.sum().backward()
    except RuntimeError as error:
        return str(error)[:40]
    return ""


MOVES = ("x.to('meta')", "x.cpu()")
LEAVES = ("v", "v2", "b3", "b4")
