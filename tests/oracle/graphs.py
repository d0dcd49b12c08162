"""The graphs that operators record, node by node, over the samples of PyTorch's operator database: that of the result,
and that of the gradient with create_graph, which second derivatives walk.

    python -m tests.oracle.graphs [REGEX [DTYPE]]

Prints each operator whose graphs differ from PyTorch's at some sample. Needs PyTorch.
"""

import sys
import warnings
from collections import Counter
from typing import Any, Final

import numpy as np
import torch

import tensorcli.engine as engine
from tests.oracle import opinfo

SAMPLES: Final = 6


def drawn(space: Any, function: Any, sample: Any) -> tuple[list[str], list[str]]:
    """The nodes of a result's graph and of its gradient's, one line a node, where a shared node is drawn once."""
    call = opinfo.Call(sample, space)
    inputs = [x for x in call.tensors if x.requires_grad]
    numbers: dict[int, int | str] = {id(x): number for number, x in enumerate(inputs)}
    space.manual_seed(42)
    roots = call.roots(call.of(function))
    first = lines([root.grad_fn for root in roots], numbers)
    seeds = [space.ones_like(root, requires_grad=True) for root in roots]
    numbers.update((id(seed), f"seed {number}") for number, seed in enumerate(seeds))
    found = space.autograd.grad(roots, inputs, seeds, create_graph=True, allow_unused=True)
    second = lines([None if g is None else g.grad_fn for g in found], numbers)
    return first, second


def lines(nodes: list[Any], numbers: dict[int, int | str]) -> list[str]:
    """Nodes below the given ones, depth first."""
    made: list[str] = []
    seen: dict[Any, int] = {}

    def add(node: Any, output: int, depth: int) -> None:
        if node is None:
            made.append("  " * depth + "None")
            return
        name = node.name()
        if hasattr(node, "variable"):
            name = f"leaf {numbers.get(id(node.variable), '?')}"
        known = node in seen
        made.append(
            "  " * depth + name + (f" #{seen[node]}" if known else "") + (f".{output}" if output else "")
        )
        if not known:
            seen[node] = len(seen)
            for below, number in node.next_functions:
                add(below, number, depth + 1)

    for node in nodes:
        add(node, 0, 0)
    return made


def compare(info: Any, dtype: str = "float64", most: int = SAMPLES) -> tuple[int, str, str]:
    """How many samples were compared; what differed in the result's graph and in the gradient's ("" for nothing)."""
    try:
        function = opinfo.resolve(engine, info)
    except NotImplementedError:
        return 0, "", ""
    compared, wrong = 0, ["", ""]
    for sample in opinfo.samples(info, dtype)[: 4 * most]:
        try:
            want = drawn(torch, opinfo.resolve(torch, info), sample)
        except Exception:
            continue
        if not any(want):
            continue
        try:
            got = drawn(engine, function, sample)
        except opinfo.UnsupportedError:
            continue
        except Exception as error:
            wrong[1] = wrong[1] or f"{type(error).__name__}: {error}"
            continue
        compared += 1
        for order in (0, 1):
            if want[order] != got[order] and not wrong[order]:
                wrong[order] = side_by_side(want[order], got[order])
        if compared == most:
            break
    return compared, wrong[0], wrong[1]


def side_by_side(want: list[str], got: list[str]) -> str:
    width = max(map(len, want), default=0)
    rows = max(len(want), len(got))
    pairs = zip(want + [""] * (rows - len(want)), got + [""] * (rows - len(got)), strict=True)
    return "\n".join(f"    {a:{width}}  {' ' if a == b else '|'}  {b}" for a, b in pairs)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    with np.errstate(all="ignore"):
        dtype = sys.argv[2] if len(sys.argv) > 2 else "float64"
        for info in opinfo.operators(sys.argv[1] if len(sys.argv) > 1 else ""):
            compared, first, second = compare(info, dtype)
            counts["operators"] += bool(compared)
            counts["first"] += bool(compared) and not first
            counts["second"] += bool(compared) and not second
            if first or second:
                print(f"{opinfo.title(info)}: {'first' if first else ''} {'second' if second else ''}")
                print(first or second, flush=True)
    print(dict(counts))
