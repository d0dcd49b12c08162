"""Hooks that give nothing back, and steps that apply fewer passes in the first round than later."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorcli.explorer.trees import called_name, calls_in, loaded
from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.surprises.surprise import Surprise
from tensorcli.language.syntax import in_order

REGISTERS = (
    "register_hook",
    "register_forward_hook",
    "register_forward_pre_hook",
    "register_full_backward_hook",
)


def without_return(case: Case) -> Iterator[Surprise]:
    """`def scale(g): g = g * 0.1` as a hook: another tensor gets the parameter's name, and is dropped."""
    for at, step in enumerate(case.trace.steps):
        for call in calls_in(step.record.statement.tree, *REGISTERS):
            given = call.args[0] if call.args else None
            function = _function(case, at, given.id) if isinstance(given, ast.Name) else None
            if function is None:
                continue
            home, defined = function
            last, parameters = defined.body[-1], {each.arg for each in defined.args.args}
            target = last.targets[0] if isinstance(last, ast.Assign) else None
            if not isinstance(target, ast.Name) or target.id not in parameters:
                continue
            name = target.id
            text = f"{defined.name}() computes another {name} and returns nothing: what it was given stays"
            source = f"{case.journal.source(home, last)}\nreturn {name}"
            way = case.journal.instead(home, last, source, f"{defined.name}() gives it back")
            yield Surprise(case.event(home, text, "other", node=last), [way])


def _function(case: Case, before: int, name: str) -> tuple[int, ast.FunctionDef] | None:
    """The last definition of a function before a statement, or in it, and the place of what it stands in."""
    for at in range(before, -1, -1):
        for node in in_order(case.journal.tree(at)):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return at, node
    return None


def first_alone(case: Case) -> Iterator[Surprise]:
    """`if i % 4 == 0: opt.step(); opt.zero_grad()` in rounds that begin with 0: the first step applies one pass, the others four,
    and the passes behind the last step are applied by none.
    """
    for at in range(len(case.trace.steps)):
        tree = case.journal.tree(at)
        for loop in (each for each in in_order(tree) if isinstance(each, ast.For)):
            index = _from_zero(loop)
            if index is None or not any(calls_in(loop, "backward")):
                continue
            for branch in (each for each in loop.body if isinstance(each, ast.If)):
                test = branch.test
                if (
                    isinstance(test, ast.Compare)
                    and isinstance(test.ops[0], ast.Eq)
                    and ast.unparse(test.comparators[0]) == "0"
                    and isinstance(test.left, ast.BinOp)
                    and isinstance(test.left.op, ast.Mod)
                    and ast.unparse(test.left.left) == index
                    and _steps_and_begins(branch)
                    and (every := case.value(test.left.right)) != 1
                ):
                    text = f"steps after one pass in the first round, where {index} is 0, and after {every} in the others"
                    changes: list[tuple[ast.AST, str]] = [(test.left.left, f"({index} + 1)")]
                    way = case.journal.changed(at, changes, f"after each {every} passes")
                    yield Surprise(case.event(at, text, "other", node=test), [way])


def _from_zero(loop: ast.For) -> str | None:
    """The name that counts the rounds of a loop from 0: of `for i in range(n)`, of `for i, x in enumerate(data)`."""
    target, over = loop.target, loop.iter
    called = called_name(over)
    if not isinstance(over, ast.Call) or len(over.args) != 1 or over.keywords:
        return None
    if called == "enumerate" and isinstance(target, ast.Tuple):
        target = target.elts[0]
    return target.id if called in ("range", "enumerate") and isinstance(target, ast.Name) else None


def _steps_and_begins(branch: ast.If) -> bool:
    """Whether a branch steps and drops the gradients, which add up from one such branch to the next."""
    called = {called_name(node) for each in branch.body for node in ast.walk(each)}
    return {"step", "zero_grad"} <= called and bool(loaded(branch))
