"""Dimensions that stand for something else than they are taken for: the sizes are right, and the elements are not."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate, permutations
from operator import mul
from typing import Final

from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.trees import called_name, receiver_of, root_name
from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.operands import behind
from tensorcli.explorer.why.surprises.surprise import Surprise

RECURRENT: Final = ("RNN", "LSTM", "GRU")


def last_of_the_batch(case: Case) -> Iterator[Surprise]:
    """`out, h = lstm(x)` and `out[:, -1]`, where the steps are dimension 0 and the examples dimension 1."""
    makers: dict[str, tuple[int, ast.Call]] = {}
    outputs: dict[str, str] = {}
    for at, step in enumerate(case.trace.steps):
        for node in step.nodes:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            call = node.value if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) else None
            if call is not None and target is not None:
                if called_name(call) in RECURRENT:
                    makers[_last_part(target)] = at, call
                elif isinstance(target, ast.Tuple) and isinstance(target.elts[0], ast.Name):
                    outputs[target.elts[0].id] = _last_part(call.func)
            name = root_name(node) if isinstance(node, ast.Subscript) else ""
            place, maker = makers.get(outputs.get(name or "", ""), (0, None))
            first = maker is not None and all(each.arg != "batch_first" for each in maker.keywords)
            if (
                maker is None
                or not first
                or not isinstance(node, ast.Subscript)
                or not _is_last_of_the_second(node)
            ):
                continue
            text = (
                f"takes the last example of {name}, and not the last step: the steps are its first dimension"
            )
            new = with_argument(case.journal.source(place, maker), "batch_first=True")
            ways = [
                case.journal.changed(place, [(maker, new)], "the examples first"),
                case.journal.changed(at, [(node, f"{name}[-1]")], "the last step of each example"),
            ]
            yield Surprise(case.event(at, text, "other", node=node), ways)


def in_the_order_of_memory(case: Case) -> Iterator[Surprise]:
    """`heads.reshape(B, T, H * D)` of (B, H, T, D), which has the sizes that were wanted, and mixes what they stand for."""
    sizes: dict[int, tuple[int, ...]] = {}
    said: set[ast.AST] = set()
    for step in case.trace.steps:
        for made in step.made:
            old, node = sizes.get(made.inputs[0]) if made.inputs else None, made.node_at
            sizes[made.tensor] = new = made.look.sizes
            owner = receiver_of(node) if called_name(node) in ("view", "reshape") else None
            if owner is None or not isinstance(node, ast.Call) or node in said:
                continue
            given = case.tensor(owner) if old is None else None
            old = old if given is None else case.engine.look(given).sizes
            order = None if old is None else permuted(old, new)
            home = None if order is None else case.holder_of(node)
            if order is None or home is None:
                continue
            said.add(node)
            text = f"cuts {old} anew in the order of memory to get {new}, and moves no dimension"
            whole, function = (case.journal.source(home, each) for each in (node, node.func))
            inner = f".permute({', '.join(map(str, order))}).reshape{whole.removeprefix(function)}"
            moved = behind(owner, case.journal.source(home, owner), inner)
            moves = case.journal.changed(home, [(node, moved)], "move the dimensions first")
            yield Surprise(case.event(step.number - 1, text, "other", node=node), [moves])


def permuted(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...] | None:
    """The order of dimensions in which sizes only have to be merged to give others, where they do not as they stand; None where
    there is no such order, or no need of one.
    """
    if not 2 < len(old) <= 5 or 0 in old or _aligned(old, new):
        return None
    orders = permutations(range(len(old)))
    return next((each for each in orders if _merges([old[at] for at in each], new)), None)


def _aligned(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    """Whether dimensions that stand together are merged, or one is cut, and nothing else."""
    old, new = (tuple(size for size in each if size > 1) for each in (old, new))
    ends = set(accumulate(old, mul)) & set(accumulate(new, mul))
    return all(min(_within(old, ends)[each], _within(new, ends)[each]) == 1 for each in ends)


def _within(sizes: tuple[int, ...], ends: set[int]) -> Counter[int]:
    """How many sizes there are up to each of these products, from the one before."""
    ordered = sorted(ends)
    return Counter(
        next(end for end in ordered if product <= end) for product in accumulate(sizes, mul) if ordered
    )


def _merges(old: list[int], new: tuple[int, ...]) -> bool:
    """Whether each of the new sizes is a product of old ones that stand together."""
    waiting = [size for size in old if size > 1]
    for size in new:
        product = 1
        while product < size and waiting:
            product *= waiting.pop(0)
        if product != size:
            return False
    return not waiting


def _last_part(node: ast.expr) -> str:
    """`lstm` of `self.lstm`."""
    return ast.unparse(node).rpartition(".")[2]


def _is_last_of_the_second(node: ast.Subscript) -> bool:
    """Whether an index is `[:, -1]` or `[:, -1, :]`."""
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
    return len(parts) > 1 and ast.unparse(parts[0]) == ":" and ast.unparse(parts[1]) == "-1"
