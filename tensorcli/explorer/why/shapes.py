"""Shapes, dtypes, devices and conversions that do not fit: what stands where, and what would fit."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

from tensorcli.explorer.explain.rules import apart
from tensorcli.explorer.facts import plural
from tensorcli.explorer.results import Event
from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.why.called import given
from tensorcli.explorer.why.case import Case, Story, root_name
from tensorcli.explorer.why.gradient import other_shape
from tensorcli.explorer.why.operands import ATOMS, bound_event, operand, operands, told, with_operand
from tensorcli.explorer.why.slips import made_first, slips


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
    for each in (right, left):
        if isinstance(case.node(), ast.AugAssign) and each is left:
            continue
        shape = each.look.sizes
        for d in range(len(shape), -1, -1):
            new = (*shape[:d], 1, *shape[d:])
            story.proposals.append(with_operand(case, each.node, f".unsqueeze({d})", f"{each.text} as {new}"))
        if len(shape) == 2:
            story.proposals.append(with_operand(case, each.node, ".T", "transposed"))
    return story


def matmul(case: Case) -> Story | None:
    """A matrix product whose inner sizes differ."""
    found = operands(case)
    if len(found) < 2:
        return None
    left, right = found[:2]
    shapes = [left.look.sizes, right.look.sizes]
    inner = shapes[1][-2] if len(shapes[1]) > 1 else shapes[1][0] if shapes[1] else 1
    story = Story(
        f"{left.text} {shapes[0]} times {right.text} {shapes[1]}: the last size of the left, "
        f"{shapes[0][-1] if shapes[0] else 1}, must be the last but one of the right, {inner}.",
        told(case, [left, right], "shape {look.sizes}"),
    )
    for each in (right, left):
        if len(each.look.sizes) == 2:
            story.proposals.append(with_operand(case, each.node, ".T", f"{each.text} transposed"))
    return story


def view(case: Case) -> Story | None:
    """A view that strides cannot express."""
    call = case.call("view")
    if call is None or not isinstance(call.func, ast.Attribute):
        return None
    tensor = case.tensor(call.func.value)
    if tensor is None:
        return None
    text = case.text_of(call.func.value)
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
    name = root_name(call.func.value)
    bound_event(
        case, case.bound(name),
        f"{name} has shape {look.sizes}, stride {look.strides}", events, "shared",
    )  # fmt: skip
    events.append(case.raised("no stride visits the same slots in the same order"))
    story = Story(f"{text} has shape {look.sizes} and stride {look.strides}: no view of that memory has the new shape.",
                  events, notes)  # fmt: skip
    arguments = ", ".join(case.text_of(each) for each in call.args)
    receiver = text if isinstance(call.func.value, ATOMS) else f"({text})"
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
    found = operands(case)
    if len(found) < 2:
        return None
    dtypes = [each.look.dtype for each in found]
    listed = ", ".join(f"{each.text} is {each.look.dtype}" for each in found)
    story = Story(f"{listed}: this operation does not promote.", told(case, found, "dtype {look.dtype}"))
    for each in found:
        for wanted in dict.fromkeys([*dtypes, "int64"]):
            if wanted != each.look.dtype:
                story.proposals.append(
                    with_operand(case, each.node, f".to(torch.{wanted})", f"{each.text} as {wanted}")
                )
    return story


def device(case: Case) -> Story | None:
    """Tensors of two devices."""
    found = operands(case)
    if len(found) < 2:
        return None
    devices = [each.look.device for each in found]
    listed = ", ".join(f"{each.text} is on {each.look.device}" for each in found)
    story = Story(f"{listed}: one operation takes one device.", told(case, found, "device {look.device}"))
    for each in found:
        for wanted in dict.fromkeys(devices):
            if wanted != each.look.device:
                story.proposals.append(
                    with_operand(case, each.node, f'.to("{wanted}")', f"a copy of {each.text} on {wanted}")
                )
    return story


def numpy(case: Case) -> Story | None:
    """A tensor that numpy does not get."""
    node = next((found for each in _converted(case) if (found := operand(case, each)) is not None), None)
    if node is None:
        return None
    text, look = node.text, node.look
    facts = (
        "requires_grad {look.requires_grad}"
        if "requires grad" in case.failure.message
        else "dtype {look.dtype}"
    )
    events = told(case, [node], facts)
    message = case.failure.message
    if "requires grad" in message:
        title = f"{text} requires grad: numpy would read and write its memory where autograd does not see it."
        suffixes = [(".detach()", "the same memory, outside the graph"), (".detach().clone()", "a copy")]
    elif "conj" in message:
        title = f"{text} is a conjugate that was not worked out yet: its memory holds the other numbers."
        suffixes = [(".resolve_conj()", "work it out")]
    elif "negative bit" in message:
        title = f"{text} is a negation that was not worked out yet: its memory holds the other numbers."
        suffixes = [(".resolve_neg()", "work it out")]
    elif "ScalarType" in message:
        title = f"{text} is {look.dtype}, which numpy does not have."
        suffixes = [(".float()", "float32 holds each value exactly")]
    else:
        title = f"{text} is on {look.device}: numpy reads the memory of the host only."
        suffixes = [(".cpu()", "a copy on the host")]
    story = Story(title, events)
    story.proposals = [with_operand(case, node.node, suffix, note) for suffix, note in suffixes]
    return story


def _converted(case: Case) -> Iterator[ast.expr]:
    for node in ast.walk(case.inner):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "numpy":
                yield node.func.value
            elif case.text_of(node.func).startswith(("np.", "numpy.")):
                yield from node.args


def deepcopy(case: Case) -> Story | None:
    """deepcopy of a computed tensor, or of something that holds one."""
    call = case.call("deepcopy")
    if call is None or not call.args:
        return None
    node = call.args[0]
    text = case.text_of(node)
    tensor = case.tensor(node)
    if tensor is None:
        return _computed_inside(case, call, node)
    look = case.engine.look(tensor)
    events: list[Event] = []
    name = root_name(node)
    where = bound_event(
        case,
        case.bound(name),
        f"{name} was computed here ({look.grad_fn})",
        events,
    )
    events.append(case.raised("copies leaves only"))
    story = Story(
        f"{text} is computed{where}: a graph stands behind it, which deepcopy does not copy.", events
    )
    atom = text if isinstance(node, ATOMS) else f"({text})"
    story.proposals = [
        case.changed([(call, f"{atom}.detach().clone()")], "the numbers, outside the graph"),
        case.changed([(call, f"{atom}.clone()")], "the numbers, with an edge to the original"),
    ]
    return story


def _computed_inside(case: Case, call: ast.Call, node: ast.expr) -> Story:
    """deepcopy of a container that holds a computed tensor: which, and where it was computed."""
    text = case.text_of(node)
    inside = [
        (path, each)
        for path, each in _members(case, case.value(node), text)
        if not case.engine.look(each).is_leaf
    ]
    events: list[Event] = []
    told_of = []
    for path, each in inside[:4]:
        look = case.engine.look(each)
        made = case.made(each)
        where = ""
        if made is not None:
            event = case.event(
                made[0].number - 1, f"{path} was computed here ({look.grad_fn})", "made", node=made[1].node_at
            )
            events.append(event)
            where = f", line {event.line}"
        told_of.append(f"{path} ({look.grad_fn}{where})")
    events.append(case.raised("copies leaves only"))
    what = ", ".join(told_of) or "a tensor inside it"
    story = Story(
        f"{what} {'are' if len(told_of) > 1 else 'is'} computed: a graph stands behind it, which deepcopy does not copy.",
        events,
    )
    changes = "\n".join(f"{path} = {path}.detach()" for path, _ in inside)
    if inside and isinstance(node, ast.Name):
        story.proposals = [case.before(changes, "only the numbers are kept there")]
    return story


def _members(case: Case, value: Any, path: str, depth: int = 4) -> Iterator[tuple[str, Any]]:
    """The tensors in a container, each with the expression that reads it."""
    if case.engine.kind(value) == "tensor":
        yield path, value
    elif depth and isinstance(value, dict | list | tuple):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in pairs:
            yield from _members(case, each, f"{path}[{key!r}]", depth - 1)


def negative_stride(case: Case) -> Story | None:
    """An array that runs backwards."""
    call = case.call("from_numpy", "as_tensor", "tensor")
    if call is None or not call.args:
        return None
    node = call.args[0]
    value = case.value(node)
    strides = f" {value.strides} bytes" if case.engine.kind(value) == "ndarray" else ""
    story = Story(
        f"{case.text_of(node)} runs backwards: its strides{strides} are negative, and a tensor's never are.",
        [case.raised("a tensor cannot share this memory")],
    )
    story.proposals = [with_operand(case, node, ".copy()", "a copy in the order it is read")]
    return story


def many(case: Case) -> Story:
    """One number of a tensor with several."""
    ambiguous = "ambiguous" in case.failure.message
    node = case.node()
    nodes = [node] if ambiguous and isinstance(node, ast.expr) else []
    for each in ast.walk(case.inner):
        if isinstance(each, ast.If | ast.While | ast.Assert | ast.IfExp) and ambiguous:
            nodes.append(each.test)
        elif isinstance(each, ast.Call):
            if isinstance(each.func, ast.Attribute) and each.func.attr == "item":
                nodes.append(each.func.value)
            elif isinstance(each.func, ast.Name) and each.func.id in ("bool", "float", "int"):
                nodes.extend(each.args)
    classes = [*made_first(case, case.expression())]
    only = next((found for each in nodes if (found := operand(case, each)) is not None), None)
    if classes:
        return Story(
            "The class was given the tensors; a module of it takes them.",
            [case.raised("a module is made first")],
            proposals=[case.changed([(each.node, each.source)], each.note) for each in classes],
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
            and node.attr == "requires_grad_"
            and isinstance(node.value, ast.Name)
        ):
            name = node.value.id
            story.proposals.append(case.before(f"{name} = {name}.float()", "a floating copy"))
    return story
