"""One number, or one truth value, where a tensor has several."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorcli.explorer.results import plural
from tensorcli.explorer.trees import ATOMS, atom, called_name, holds, receiver_of
from tensorcli.explorer.why.called import called, given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import operand, with_operand
from tensorcli.explorer.why.precedence import CONDITIONS, SIGNS, precedence
from tensorcli.explorer.why.slips import BoundUncalled, bound_uncalled, made_first, slips


def many(case: Case) -> Story:
    """One number of a tensor with several."""
    ambiguous = "ambiguous" in case.failure.message
    node = case.node()
    nodes = [node] if ambiguous and isinstance(node, ast.expr) else []
    for each in ast.walk(case.inner):
        if isinstance(each, CONDITIONS) and ambiguous:
            nodes.append(each.test)
        elif isinstance(each, ast.Call):
            owner = receiver_of(each)
            if owner is not None and called_name(each) == "item":
                nodes.append(owner)
            elif owner is None and called_name(each) in ("bool", "float", "int"):
                nodes.extend(each.args)
    nodes.extend(_formatted(case))
    bound = precedence(case)
    if bound is not None:
        return bound
    classes = [*made_first(case, case.expression())]
    written = _element_wise(case)
    found = (each for each in (operand(case, node) for node in nodes) if each is not None)
    only = next((each for each in found if each.look.numel != 1), None)
    if classes:
        return Story(
            "The class was given the tensors; a module of it takes them.",
            [case.raised("a module is made first")],
            proposals=[
                *(each.called for each in _bound_classes(case)),
                *(case.changed([(each.node, each.source)], each.note) for each in classes),
            ],
        )
    if written:
        return Story(
            "and, or, not and a < b < c ask Python for one truth value; &, | and ~ go element by element.",
            [case.raised("one truth value was asked of several elements")],
            proposals=[case.changed([(node, text)], note) for node, text, note in written],
        )
    if only is None:
        story = given(case)
        story.proposals = [*slips(case)]
        return story
    story = Story(
        f"{only.text} {only.look.sizes} has {plural(only.look.numel, 'element')}, and one is wanted.",
        [case.raised("which one?")],
    )
    if ambiguous:
        for suffix, note in ((".all()", "true where all are"), (".any()", "true where any is")):
            story.proposals.append(with_operand(case, only.node, suffix, note))
    else:
        for suffix, note in (
            (".sum()", "their sum"),
            (".mean()", "their mean"),
            (".flatten()[0]", "the first"),
        ):
            story.proposals.append(with_operand(case, only.node, suffix, note))
    return story


def mask_sign(case: Case) -> Story:
    """`-mask` and `1 - mask`, which turn a mask over in numpy: `~mask`."""
    story = called(case)
    for node in ast.walk(case.inner):
        turned = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and ast.unparse(node.left) == "1":
            turned = node.right
        if turned is not None and case.tensor(turned) is not None:
            new = f"~{atom(turned, case.text_of(turned))}"
            story.proposals.insert(0, case.changed([(node, new)], "the mask, turned over"))
    return story


def _bound_classes(case: Case) -> Iterator[BoundUncalled]:
    """Where the name of what is called was bound to a class: `criterion = nn.MSELoss`."""
    node = case.expression()
    bound = bound_uncalled(case, node.func) if isinstance(node, ast.Call) else None
    if bound is not None:
        yield bound


def _formatted(case: Case) -> Iterator[ast.expr]:
    """What the failing statement writes as text by a format: in an f-string, by `format` and by `%`."""
    for node in ast.walk(case.inner):
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            yield node.value
        elif isinstance(node, ast.Call) and called_name(node) == "format":
            yield from (*node.args, *(each.value for each in node.keywords))
        elif (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Mod)
            and isinstance(case.value(node.left), str)
        ):
            yield from node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]


def _element_wise(case: Case) -> list[tuple[ast.AST, str, str]]:
    """The failing condition with operators that go element by element: the expression that they take the place of, what they
    are, and a word on it.
    """
    failed = case.node()
    for node in ast.walk(case.inner):
        text = _with_operators(case, node) if holds(node, failed) or holds(failed, node) else None
        if text is None:
            continue
        if any(isinstance(each, CONDITIONS) and each.test is node for each in ast.walk(case.inner)):
            return [
                (node, f"({text}).all()", "true where all are"),
                (node, f"({text}).any()", "true where any is"),
            ]
        return [(node, text, "element by element")]
    return []


def _with_operators(case: Case, node: ast.AST) -> str | None:
    """`(x > 1) & (x < 4)` of `x > 1 and x < 4`, and of `1 < x < 4`; None of what is neither."""
    if isinstance(node, ast.BoolOp):
        sign = " & " if isinstance(node.op, ast.And) else " | "
        return sign.join(_atom(case, each) for each in node.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return f"~{_atom(case, node.operand)}"
    if isinstance(node, ast.Compare) and len(node.ops) > 1:
        parts = [case.text_of(each) for each in (node.left, *node.comparators)]
        signs = [SIGNS.get(type(each)) for each in node.ops]
        if None not in signs:
            return " & ".join(f"({a} {sign} {b})" for a, sign, b in zip(parts, signs, parts[1:]))
    return None


def _atom(case: Case, node: ast.expr) -> str:
    """The text of an operand of `&`, which binds more tightly than a comparison."""
    text = _with_operators(case, node) or case.text_of(node)
    return text if isinstance(node, ATOMS) else f"({text})"
