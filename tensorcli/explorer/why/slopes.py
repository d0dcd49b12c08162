"""Operations that no gradient flows through, and what does the same with one.

Scores stand for counts of hits, numbers for what was cut to whole ones, samples that are computed from their parameters for
drawn ones, and lengths for the parts of complex vectors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.trees import (
    atom,
    called_name,
    calls_in,
    holds,
    loaded,
    operand_of,
    receiver_of,
    stored,
)
from tensorcli.explorer.why.case import Case, Story

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal
    from tensorcli.explorer.why.cuts import Cut

ENTROPY: Final = "torch.nn.functional.cross_entropy({}, {})"
COUNTS: Final = "a count of hits has no slope; this loss of the scores has"
DECOMPOSITIONS: Final = frozenset("svd eig eigh".split())
PARTS: Final = ("real", "imag")
WHOLE: Final = frozenset("long int short to type bool round floor ceil trunc sign".split())
"""Methods that give whole numbers."""


def with_slope(case: Case, cut: Cut, root: str) -> Iterator[Proposal | None]:
    """What could stand in the place of an operation that has no slope. `root`: the name of what a pass begins at."""
    at, node = _standing(case, cut), cut.node
    scores = scores_of(case, cut)
    if scores is not None and root:
        for target in dict.fromkeys(_compared_with(case, cut)):
            yield _before_the_pass(case, at, f"{root} = {ENTROPY.format(scores, target)}")
        return
    if isinstance(node, ast.Compare):
        yield case.journal.changed(
            at,
            [(node, atom(node.left, case.journal.source(at, node.left)))],
            "the numbers, before the comparison",
        )
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner, name = node.func.value, node.func.attr
        if name in WHOLE:
            yield case.journal.changed(
                at, [(node, atom(owner, case.journal.source(at, owner)))], f"the numbers, without {name}()"
            )
        elif name == "sample":
            new = f"{case.journal.source(at, owner)}.rsample"
            yield case.journal.changed(at, [(node.func, new)], "a sample with an edge to its parameters")
    if called_name(node) == "checkpoint" and node is not None:
        yield from _not_reentrant(case, at, node, "the parameters inside count as well")


def _standing(case: Case, cut: Cut) -> int:
    """Where the statement stands that a cut is written in: the one that ran, or the function that it called."""
    first = cut.step.number - 1
    node = cut.node
    if node is None:
        return first
    return next((at for at in range(first, -1, -1) if holds(case.journal.tree(at), node)), first)


def _not_reentrant(case: Case, at: int, tree: ast.AST, note: str) -> Iterator[Proposal | None]:
    """`checkpoint(f, x, use_reentrant=False)`."""
    for node in calls_in(tree, "checkpoint"):
        given = next((each.value for each in node.keywords if each.arg == "use_reentrant"), None)
        if given is not None:
            yield case.journal.changed(at, [(given, "False")], note)
        else:
            new = with_argument(case.journal.source(at, node), "use_reentrant=False")
            yield case.journal.changed(at, [(node, new)], note)


def reentrant(case: Case) -> Story:
    """A call of grad() that leads through a checkpoint of the kind that only backward() can go through."""
    story = Story(
        "a checkpoint with use_reentrant=True can be gone through by backward() alone, and without inputs=."
    )
    for at in range(case.at + 1):
        tree = case.journal.tree(at)
        for node in calls_in(tree, "checkpoint"):
            if node.keywords:
                story.events.append(case.event(at, "runs a pass of its own in backward()", "made", node=node))
                note = "goes through with any pass"
                story.proposals.extend(_not_reentrant(case, at, node, note))
    story.events.append(case.raised("asks for some gradients alone"))
    return story


def phases(case: Case) -> Story:
    """A loss that depends on the phases of complex eigenvectors or singular vectors."""
    story = Story(
        "complex vectors of a decomposition are known up to a factor e^{iφ} each, which is chosen for them: what depends on the "
        "choice has no gradient. Their lengths do not depend on it, nor do products in which it cancels out."
    )
    for at in range(case.at + 1):
        for node in ast.walk(case.journal.tree(at)):
            if called_name(node) in DECOMPOSITIONS:
                story.events.append(case.event(at, "makes the vectors", "made", node=node))
            whole = _whole_of_part(node)
            if whole is not None and _may_be_complex(case, whole):
                story.events.append(
                    case.event(at, "takes a part of them, by their phase", "other", culprit=True, node=node)
                )
                new = f"{atom(whole, case.journal.source(at, whole))}.abs()"
                story.proposals.append(
                    case.journal.changed(at, [(node, new)], "lengths, which no phase changes")
                )
    story.events.append(case.raised("asks for the gradient"))
    return story


def _whole_of_part(node: ast.AST) -> ast.expr | None:
    """`x` of `x.real`, `x.imag`, `torch.real(x)` and the like."""
    if isinstance(node, ast.Attribute) and node.attr in PARTS:
        return node.value
    if isinstance(node, ast.Call) and called_name(node) in PARTS and node.args:
        return node.args[0]
    return None


def _may_be_complex(case: Case, node: ast.expr) -> bool:
    """Whether an expression may stand for a complex tensor: a name of the session says, others are tried."""
    value = case.trace.session.names.get(node.id) if isinstance(node, ast.Name) else None
    return value is None or (
        case.engine.kind(value) == "tensor" and case.engine.look(value).dtype.startswith("complex")
    )


def _before_the_pass(case: Case, first: int, source: str) -> Proposal | None:
    """With a statement before the backward pass that follows the one at `first`, or stands in it."""
    for at in range(first, len(case.trace.steps)):
        for node in ast.walk(case.journal.tree(at)):
            if isinstance(node, ast.Expr) and called_name(node.value) == "backward":
                return case.journal.before(at, node, source, COUNTS)
    return None


def scores_of(case: Case, cut: Cut) -> str | None:
    """What a call of `argmax` looks for the largest of: the scores, without a softmax, which does not change that."""
    node = cut.node
    if not isinstance(node, ast.Call) or called_name(node) != "argmax" or receiver_of(node) is None:
        return None
    found = operand_of(node)
    while isinstance(found, ast.Call) and called_name(found) in ("softmax", "log_softmax", "sigmoid"):
        found = operand_of(found)
    return case.journal.source(_standing(case, cut), found)


def _compared_with(case: Case, cut: Cut) -> Iterator[str]:
    """What the result of a cut is held against, in its statement or in a later one by its name: by ==, by a difference, as the
    other argument of a loss.
    """
    assert cut.node is not None
    first = cut.step.number - 1
    tree = case.journal.tree(first)
    named = isinstance(tree, ast.Assign) and holds(tree.value, cut.node)
    names = stored(tree) if named else set()
    for at in range(first, case.at):
        for node in ast.walk(case.journal.tree(at)):
            pair = _pair(node)
            for side, other in (pair, pair[::-1]) if pair else ():
                if holds(side, cut.node) or (loaded(side) & names and not loaded(other) & names):
                    yield _plain(case, at, other)


def _pair(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return node.left, node.comparators[0]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        return node.left, node.right
    if isinstance(node, ast.Call) and len(node.args) == 2:
        return node.args[0], node.args[1]
    return None


def _plain(case: Case, at: int, node: ast.expr) -> str:
    """`y` of `y.float()`: the classes as they were; as whole numbers where they are none."""
    while called_name(node) in ("float", "double") and (owner := receiver_of(node)) is not None:
        node = owner
    value = case.trace.session.names.get(node.id) if isinstance(node, ast.Name) else None
    floating = case.engine.kind(value) == "tensor" and case.engine.look(value).dtype.startswith("float")
    return atom(node, case.journal.source(at, node)) + ".long()" * floating
