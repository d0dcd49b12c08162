"""Shapes and dtypes that do not fit: what stands where, and what would fit."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.explain.rules import apart
from tensorcli.explorer.results import Event, plural
from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.trees import atom, loaded, receiver_of, root_name
from tensorcli.explorer.why.called import called, module_name
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.gradient import other_shape
from tensorcli.explorer.why.operands import (
    Operand,
    at_odds,
    bound_event,
    operand,
    operands,
    owner,
    told,
    with_operand,
)

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal


def broadcast(case: Case) -> Story | None:
    """Two shapes that do not broadcast."""
    found = operands(case)
    if len(found) < 2:
        return other_shape(case)
    left, right = found[:2]
    shapes = [left.look.sizes, right.look.sizes]
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    wrong = [d for d in range(rank) if padded[0][d] != padded[1][d] and 1 not in (padded[0][d], padded[1][d])]
    where = wrong[-1] if wrong else rank - 1
    story = Story(
        f"{left.text} {shapes[0]} and {right.text} {shapes[1]} do not broadcast: counted from the right, "
        f"dimension {where} is {padded[0][where]} against {padded[1][where]}; equal sizes or a 1 are wanted.",
        told(case, [left, right], "shape {look.sizes}"),
    )
    story.proposals.extend(_transposed_matrices(case, found))
    for each, other in ((right, left), (left, right)):
        if isinstance(case.node(), ast.AugAssign) and each is left:
            continue
        shape = each.look.sizes
        for d in range(len(shape), -1, -1):
            new = (*shape[:d], 1, *shape[d:])
            if not _meet(new, other.look.sizes):
                continue
            story.proposals.append(with_operand(case, each.node, f".unsqueeze({d})", f"{each.text} as {new}"))
            for name in _of_one_shape(case, each):
                story.proposals.append(case.before(f"{name} = {name}.unsqueeze({d})", f"{name} as {new}"))
        if len(shape) == 2:
            story.proposals.append(with_operand(case, each.node, ".T", "transposed"))
        story.proposals.append(_as_long_as(case, each, other))
    return story


def _as_long_as(case: Case, each: Operand, other: Operand) -> Proposal | None:
    """`self.pe[:, :x.size(1)]` of a table that was made for the longest: what a module holds, as far as the other goes."""
    if not isinstance(each.node, ast.Attribute) or each.look.requires_grad:
        return None
    shape, wanted = each.look.sizes, other.look.sizes
    for d in range(1, min(len(shape), len(wanted)) + 1):
        if shape[-d] > wanted[-d] > 1:
            place = len(shape) - d
            part = f"{':, ' * place}:{atom(other.node, other.text)}.size({len(wanted) - d})"
            note = f"as much of {each.text} as {other.text} is long"
            return case.changed([(each.node, f"{each.text}[{part}]")], note)
    return None


def _meet(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two shapes broadcast."""
    return all(a == b or 1 in (a, b) for a, b in zip(reversed(one), reversed(other), strict=False))


def _of_one_shape(case: Case, found: Operand) -> Iterator[str]:
    """The names of what an operand is computed from element by element: `a` of `(1 - a).sqrt()`, which may stand in the statement
    again.
    """
    for name in sorted(loaded(found.node)) if not isinstance(found.node, ast.Name) else ():
        tensor = case.named(name)
        if tensor is not None and case.engine.look(tensor).sizes == found.look.sizes:
            yield name


def _transposed_matrices(case: Case, found: list[Operand]) -> Iterator[Proposal | None]:
    """`k.mT` for `k.T` of a batch: the last two dimensions change places, and not all of them."""
    for each in found:
        node = each.node
        if isinstance(node, ast.Attribute) and node.attr == "T" and len(each.look.sizes) > 2:
            whole = case.text_of(node.value)
            yield case.changed([(node, f"{whole}.mT")], f"each matrix of {whole} transposed")


def matmul(case: Case) -> Story | None:
    """A matrix product whose inner sizes differ."""
    found = operands(case)
    if len(found) < 2:
        return None
    left, right = found[:2]
    shapes = [left.look.sizes, right.look.sizes]
    inner = shapes[1][-2] if len(shapes[1]) > 1 else shapes[1][0] if shapes[1] else 1
    which = "the last but one" if len(shapes[1]) > 1 else "that"
    story = Story(
        f"{left.text} {shapes[0]} times {right.text} {shapes[1]}: the last size of the left, "
        f"{shapes[0][-1] if shapes[0] else 1}, must be {which} of the right, {inner}.",
        told(case, [left, right], "shape {look.sizes}"),
    )
    for each in (right, left):
        if len(each.look.sizes) == 2:
            story.proposals.append(with_operand(case, each.node, ".T", f"{each.text} transposed"))
    return story


def view(case: Case) -> Story | None:
    """A view that strides cannot express."""
    call = case.call("view")
    base = receiver_of(call)
    tensor = case.tensor(base)
    if call is None or base is None or tensor is None:
        return None
    text = case.text_of(base)
    look = case.engine.look(tensor)
    wanted = [case.value(each) for each in call.args]
    if len(wanted) == 1 and isinstance(wanted[0], tuple | list):
        wanted = list(wanted[0])
    notes = [
        f"dimensions {d} and {other} have to merge, and can only if stride[{d}] is size[{other}] * stride[{other}]: "
        f"{look.strides[d]} is not {look.sizes[other]} * {look.strides[other]} = {look.sizes[other] * look.strides[other]}."
        for d, other in apart(look.sizes, look.strides, wanted)
    ]
    events: list[Event] = []
    name, whole = owner(case, Operand(base, text, tensor, look))
    if name:
        bound = case.bound(root_name(base))
        bound_event(case, bound, f"{name} has shape {whole.sizes}, stride {whole.strides}", events, "shared")
    events.append(case.raised("no stride visits the same slots in the same order"))
    story = Story(f"{text} has shape {look.sizes} and stride {look.strides}: no view of that memory has the new shape.",
                  events, notes)  # fmt: skip
    arguments = ", ".join(case.text_of(each) for each in call.args)
    receiver = atom(base, text)
    story.proposals = [
        case.changed([(call, f"{receiver}.reshape({arguments})")], "copies here; a view where it can"),
        case.changed([(call, f"{receiver}.contiguous().view({arguments})")], "the same copy, spelled out"),
    ]
    return story


def sizes(case: Case) -> Story | None:
    """Another number of elements."""
    call = case.call("view", "reshape", "view_", "reshape_as", "view_as")
    if call is None or not isinstance(call.func, ast.Attribute):
        return None
    receiver = operand(case, call.func.value)
    first = receiver or operand(case, call.args[0] if call.args else None)
    if first is None:
        return None
    story = Story(
        f"{first.text} {first.look.sizes} has {plural(first.look.numel, 'element')}: a view or reshape keeps all of them.",
        told(case, [first], "shape {look.sizes}"),
    )
    wanted = [case.value(each) for each in call.args if receiver is not None]
    if len(wanted) == 1 and isinstance(wanted[0], tuple | list):
        wanted = list(wanted[0])
    if wanted and all(isinstance(each, int) for each in wanted):
        if len(wanted) == 2 < len(first.look.sizes) and first is receiver:
            rows = case.changed([(call, f"{first.text}.flatten(1)")], "each example in one row")
            story.proposals.append(rows)
        for shape in _near(wanted, first.look.sizes):
            new = ", ".join(map(str, shape))
            story.proposals.append(
                case.changed(
                    [(call, f"{first.text}.{call.func.attr}({new})")], "one size worked out from the rest"
                )
            )
    return story


def _near(wanted: list[int], sizes: Sequence[int]) -> Iterator[list[int]]:
    """Shapes like the wanted one with one size to be worked out, and what else was so, or cannot be, one of the sizes that
    there are.
    """
    numel = prod(sizes)
    unknown = [d for d, size in enumerate(wanted) if size == -1]
    for keep in unknown or range(len(wanted)):
        rest = prod(size for d, size in enumerate(wanted) if d != keep and size != -1)
        others = [d for d in unknown if d != keep]
        if not others and unknown and rest and numel % rest:
            others = [d for d in range(len(wanted)) if d != keep]
            rest = 1
        for chosen in product(dict.fromkeys(sizes), repeat=len(others)):
            whole = rest * prod(chosen)
            if whole > 0 and numel % whole == 0:
                instead = dict(zip(others, chosen, strict=True))
                yield [-1 if d == keep else instead.get(d, size) for d, size in enumerate(wanted)]


def same_dtype(case: Case) -> Story | None:
    """Dtypes that would have to be one."""
    rule = "this operation does not promote."
    story = at_odds(case, "dtype", "is", rule, ".to(torch.{})", "{} as {}", also=("int64",))
    name = module_name(case) or _network_in(case)
    if name is not None:
        story = story or called(case)
        # What a network holds besides its parameters may have the other dtype.
        for method in ("float", "double"):
            story.proposals.append(case.before(f"{name}.{method}()", f"all of {name} as {method}"))
    return story


def _network_in(case: Case) -> str | None:
    """The name of a network that a failing statement calls, where what failed is a part of it."""
    for node in ast.walk(case.inner):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and is_module(case.value(node.func))
        ):
            return node.func.id
    return None


def float_only(case: Case) -> Story | None:
    """A gradient of whole numbers."""
    story = Story(
        "a gradient is a limit of small steps, and whole numbers have none: the tensor must be floating or complex.",
        [case.raised("refused")],
    )
    call = case.call()
    if call is not None:
        whole = case.text_of(call)
        if any(each.arg == "requires_grad" for each in call.keywords) and not any(
            each.arg == "dtype" for each in call.keywords
        ):
            story.proposals.append(
                case.changed(
                    [(call, with_argument(whole, "dtype=torch.float32"))], "floating from the beginning"
                )
            )
    for node in ast.walk(case.statement.tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in ("requires_grad", "requires_grad_")
            and isinstance(node.value, ast.Name)
        ):
            name = node.value.id
            story.proposals.append(case.before(f"{name} = {name}.float()", "a floating copy"))
    return story
