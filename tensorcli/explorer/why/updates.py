"""Updates that gave a leaf's name to a new tensor (`w = w - lr * w.grad`): the same, written into the leaf."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tensorcli.explorer.hazards.slips import sign_in
from tensorcli.explorer.trees import binds, holds
from tensorcli.explorer.why.case import Case

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal


SIGNS: Final = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def sign_moved(case: Case, at: int, node: ast.stmt) -> Proposal | None:
    """`w =- lr * g` in the statement `at` as `w -= lr * g`; None where no sign stands so."""
    sign = sign_in(node, case.journal.python(at)[1])
    if sign is None or not isinstance(node, ast.Assign):
        return None
    value = case.journal.source(at, node.value)[1:].lstrip()
    new = f"{case.journal.source(at, node.targets[0])} {sign}= {value}"
    return case.journal.instead(at, node, new, "add to it" if sign == "+" else "subtract from it")


def in_place(case: Case, at: int, name: str) -> Iterator[Proposal | None]:
    """`w = w - g` as `w -= g`: the leaf keeps its name. With the updates of other leaves around it."""
    tree = case.journal.tree(at)
    together = _all_in_place(case, at, tree, name)
    if together is not None:
        yield together
    for node in ast.walk(tree):
        new = _written(case, at, node)
        if isinstance(node, ast.stmt) and new and binds(node, name):
            note = f"write the leaf {name} itself"
            if any(isinstance(each, ast.With) and holds(each, node) for each in ast.walk(tree)):
                yield case.journal.changed(at, [(node, new)], note)
            else:
                yield case.journal.instead(at, node, f"with torch.no_grad():\n    {new}", note)


def _written(case: Case, at: int, node: ast.AST) -> str:
    """`w -= g` for `w = w - g`; empty for anything else."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.BinOp) or len(node.targets) > 1:
        return ""
    sign = SIGNS.get(type(node.value.op))
    name = ast.unparse(node.targets[0])
    if sign is None or ast.unparse(node.value.left) != name:
        return ""
    return f"{name} {sign}= {case.journal.source(at, node.value.right)}"


def _all_in_place(case: Case, at: int, tree: ast.AST, name: str) -> Proposal | None:
    """The updates of several leaves that follow one another, `w = w - lr * w.grad` and `b = b - lr * b.grad`, in one block."""
    for around in ast.walk(tree):
        body = getattr(around, "body", None)
        if not isinstance(body, list) or isinstance(around, ast.With):
            continue
        run: list[ast.stmt] = []
        for each in [*body, None]:
            new = "" if each is None else _written(case, at, each)
            if each is not None and new and ".grad" in new:
                run.append(each)
                continue
            if len(run) > 1 and any(binds(one, name) for one in run):
                first = copy.copy(run[0])
                first.end_lineno, first.end_col_offset = run[-1].end_lineno, run[-1].end_col_offset
                indent = "\n" + " " * (run[0].col_offset + 4)
                lines = ["with torch.no_grad():", *(_written(case, at, one) for one in run)]
                return case.journal.changed(at, [(first, indent.join(lines))], "write the leaves themselves")
            run = []
    return None


def copied_into(case: Case, at: int, name: str) -> Iterator[Proposal | None]:
    """`p = 0.9 * p + 0.1 * q` as `p.copy_(0.9 * p + 0.1 * q)`: the tensor keeps its name."""
    for node in ast.walk(case.journal.tree(at)):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            new = f"{name}.copy_({case.journal.source(at, node.value)})"
            source = f"with torch.no_grad():\n    {new}"
            yield case.journal.instead(at, node, source, f"write into {name} itself")
