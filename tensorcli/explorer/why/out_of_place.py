"""A write in place, written as a new tensor."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorcli.explorer.rewrite import Proposal
from tensorcli.explorer.trees import atom, in_place_nodes, term
from tensorcli.explorer.why.case import Case, Story

SIGNS = {"add_": "+", "sub_": "-", "mul_": "*", "div_": "/", "pow_": "**"}
AUGMENTED = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@",
    ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip


NOTE = "no in-place write"


def out_of_place(case: Case, note: str = NOTE) -> Iterator[Proposal | None]:
    """The in-place operation of the failing statement written as a new tensor: `y += 1` as `y = y + 1`. Only where it
    writes a whole tensor that has a name.
    """
    yield from out_of_place_at(case, case.home, case.inner, None, note)


def out_of_place_at(
    case: Case, at: int, tree: ast.AST, name: str | None = None, note: str = NOTE
) -> Iterator[Proposal | None]:
    """`out_of_place` of what stands at or within `journal.python(at)`; of the writes into one name where that is given."""
    journal = case.journal
    for target, node in in_place_nodes(tree):
        whole = journal.source(at, target)
        if (name is not None and not _named(case, target, whole, name)) or not _is_whole(case, target):
            continue
        if isinstance(node, ast.AugAssign):
            value = term(node.value, journal.source(at, node.value))
            sign = AUGMENTED.get(type(node.op))
            if sign is not None:
                yield journal.changed(at, [(node, f"{whole} = {whole} {sign} {value}")], note)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            method = node.func.attr
            arguments = [journal.source(at, each) for each in node.args]
            keywords = [f"{each.arg}={journal.source(at, each.value)}" for each in node.keywords]
            expression = next(
                (each for each in ast.walk(tree) if isinstance(each, ast.Expr) and each.value is node),
                None,
            )
            if method in SIGNS and len(arguments) == 1 and not keywords:
                first = term(node.args[0], arguments[0])
                new = f"{whole} {SIGNS[method]} {first}"
            elif method in ("zero_", "fill_"):
                made = "zeros_like" if method == "zero_" else "full_like"
                new = f"torch.{made}({', '.join([whole, *arguments])})"
            elif method == "copy_":
                new = f"{atom(node.args[0], arguments[0])}.clone()" if arguments else ""
            else:
                new = f"{whole}.{method[:-1]}({', '.join([*arguments, *keywords])})"
            if new and expression is not None:
                yield journal.changed(at, [(expression, f"{whole} = {new}")], note)
            elif new:  # the statement goes on with what the method gives
                new = new if method not in SIGNS or _stands_alone(tree, node) else f"({new})"
                yield journal.changed(at, [(node, new)], note)


def _stands_alone(tree: ast.AST, node: ast.expr) -> bool:
    """Whether an expression may be a sum or a product without parentheses: the value of a statement, or an argument."""
    around = next(each for each in ast.walk(tree) if node in ast.iter_child_nodes(each))
    return isinstance(around, ast.stmt | ast.Lambda | ast.keyword) or (
        isinstance(around, ast.Call) and node in around.args
    )


def _named(case: Case, target: ast.expr, whole: str, name: str) -> bool:
    """Whether a target is what a name stands for: by that name, or by another one of the same memory."""
    if whole == name:
        return True
    if not isinstance(target, ast.Name):
        return False
    one, other = case.named(whole), case.named(name)
    return one is not None and other is not None and case.engine.memory(one) is case.engine.memory(other)


def _is_whole(case: Case, target: ast.expr) -> bool:
    """Whether an assignment to the target binds a name or a container's item, and writes into no tensor."""
    if isinstance(target, ast.Name):
        return True
    if not isinstance(target, ast.Subscript):
        return False
    return isinstance(target.value, ast.Name) and isinstance(case.value(target.value), list | dict)


def told_not_to_write(case: Case, at: int) -> Iterator[Proposal | None]:
    """The modules and functions of a statement, or of one before it, that write their result over what they are given, told
    not to.
    """
    for place in range(at, -1, -1):
        for node in ast.walk(case.journal.tree(place)):
            if isinstance(node, ast.keyword) and node.arg == "inplace" and ast.unparse(node.value) == "True":
                note = "a result of its own, and what it is given stays"
                yield case.journal.changed(place, [(node.value, "False")], note)


def own_view(case: Case) -> Story:
    """A view that PyTorch made for a hook, or that a custom function gave, written in place."""
    story = Story(
        "what is written here is a view that a full backward hook, or a custom function, handed on: a write into it would "
        "undo what that gives.",
        [case.raised("writes it in place")],
    )
    story.proposals = list(told_not_to_write(case, case.at))
    return story
