"""Tensors that are refused as they are: by numpy, by copy.deepcopy, by a gradient."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from tensorcli.explorer.engines.members import is_module, parts
from tensorcli.explorer.results import Event
from tensorcli.explorer.trees import atom, called_name, calls_in, receiver_of, root_name
from tensorcli.explorer.why.called import given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import (
    Operand,
    bound_event,
    operand,
    operands,
    owner,
    told,
    with_operand,
)
from tensorcli.explorer.why.slips import NUMPY, torch_s_own


def numpy(case: Case) -> Story | None:
    """A tensor that numpy does not get."""
    node = next((found for each in _converted(case) if (found := operand(case, each)) is not None), None)
    if node is None:
        return _list_of_tensors(case)
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
    story.proposals = [case.changed([(each.node, each.source)], each.note) for each in torch_s_own(case)]
    story.proposals += [with_operand(case, node.node, suffix, note) for suffix, note in suffixes]
    return story


def _list_of_tensors(case: Case) -> Story | None:
    """`np.array([x, y])` of tensors, one of which requires grad."""
    for each in _converted(case):
        values = case.value(each)
        if isinstance(values, list | tuple) and any(case.engine.kind(one) == "tensor" for one in values):
            text = case.text_of(each)
            story = given(
                case, f"a tensor in {text} requires grad: numpy would read it where autograd does not see it."
            )
            stacked = f"torch.stack({text}).detach()"
            story.proposals = [case.changed([(each, stacked)], "one tensor, outside the graph")]
            return story
    return None


def _converted(case: Case) -> Iterator[ast.expr]:
    for node in calls_in(case.inner):
        owner = receiver_of(node)
        if owner is not None and called_name(node) == "numpy":
            yield owner
        elif case.text_of(node.func).startswith(NUMPY):
            yield from node.args


def constant(case: Case) -> Story | None:
    """An argument that requires grad, of a function that gives it none: weights of classes, and what else is not learned."""
    asking = [each for each in operands(case) if each.look.requires_grad]
    named = re.search(r"function '(\w+)' .* argument '(\w+)'", case.failure.message)
    if named is None or not asking:
        return None
    function, argument = named.groups()
    story = Story(
        f"{function} gives its {argument} no gradient, and refuses one that requires grad.",
        told(case, asking, "requires_grad {look.requires_grad}"),
    )
    # What was given last is asked first: the argument stands behind what the function is differentiated by.
    for each in reversed(asking):
        story.proposals.append(
            with_operand(case, each.node, ".detach()", f"{each.text} as numbers, outside the graph")
        )
    return story


def deepcopy(case: Case) -> Story | None:
    """deepcopy of a computed tensor, or of something that holds one."""
    call = case.call("deepcopy")
    if call is None or not call.args:
        return None
    node = call.args[0]
    text = case.text_of(node)
    tensor = case.tensor(node)
    if tensor is None:
        return _computed_inside(case, node)
    events: list[Event] = []
    name, whole = owner(case, Operand(node, text, tensor, case.engine.look(tensor)))
    where = ""
    if name and whole.grad_fn is not None:
        bound = case.bound(root_name(node))
        where = bound_event(case, bound, f"{name} was computed here ({whole.grad_fn})", events)
    events.append(case.raised("copies leaves only"))
    story = Story(
        f"{text} is computed{where}: a graph stands behind it, which deepcopy does not copy.", events
    )
    text = atom(node, text)
    story.proposals = [
        case.changed([(call, f"{text}.detach().clone()")], "the numbers, outside the graph"),
        case.changed([(call, f"{text}.clone()")], "the numbers, with an edge to the original"),
    ]
    return story


def of_arrays(case: Case) -> Story | None:
    """`torch.tensor([a, b])` of arrays: of one array that has them."""
    call = case.call("tensor", "as_tensor", "Tensor", "FloatTensor")
    if call is None or not call.args:
        return None
    given_list = call.args[0]
    story = given(case)
    new = f"np.array({case.text_of(given_list)})"
    story.proposals = [case.changed([(given_list, new)], "one array of them")]
    return story


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


def _computed_inside(case: Case, node: ast.expr) -> Story:
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
    """The tensors in a container, or in a module, each with the expression that reads it."""
    if case.engine.kind(value) == "tensor":
        yield path, value
    elif depth and isinstance(value, dict | list | tuple):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in pairs:
            yield from _members(case, each, f"{path}[{key!r}]", depth - 1)
    elif depth and is_module(value):
        for suffix, each in parts(value):
            yield from _members(case, each, f"{path}{suffix}", depth - 1)
