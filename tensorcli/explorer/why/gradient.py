"""No gradient: results without a graph, backward passes without a beginning, tensors that were not used."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

from tensorcli.explorer.graphs import nodes_below
from tensorcli.explorer.results import Event, some
from tensorcli.explorer.rewrite import Proposal, with_argument
from tensorcli.explorer.trees import atom, called_name, root_name, stored
from tensorcli.explorer.why.called import given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.cuts import MADE_WITHOUT, Cut, told, way_back, where_cut
from tensorcli.explorer.why.leaves import gradient_of, leaves_behind
from tensorcli.explorer.why.nothing import of_a_call
from tensorcli.explorer.why.operands import bound_event, operand, operands, with_operand
from tensorcli.explorer.why.passes import backward_root
from tensorcli.explorer.why.reconnect import ways_back
from tensorcli.explorer.why.unreached import cuts_between
from tensorcli.explorer.why.updates import sign_moved


def no_grad_fn(case: Case) -> Story:
    """The result does not require grad."""
    root = backward_root(case)
    tensor = case.tensor(root)
    text = "the result" if root is None else case.text_of(root)
    if tensor is None:
        return Story(
            f"{text} does not require grad: no graph leads back from it.", [case.raised("no graph to follow")]
        )
    cuts = where_cut(case, tensor)
    if not cuts:
        story = Story(f"{text} does not require grad; which statement made it is not known.")
        story.events.append(case.raised("no graph to follow"))
        return story
    sentence, events = told(cuts, case, tensor)
    events.append(case.raised(f"{text} does not require grad"))
    way = way_back(cuts, text, case)
    story = Story(f"{text} does not require grad: {sentence}", events, [way] if way else [])
    _tell_signs(case, story)
    story.proposals.extend(ways_back(case, cuts, text))
    return story


def _tell_signs(case: Case, story: Story) -> None:
    """`w =- lr * w.grad` in a loop, after which w is what was computed from a gradient."""
    for node in ast.walk(case.tree):
        at = case.place_of(node)
        proposal = sign_moved(case, at, node) if isinstance(node, ast.Assign) else None
        if proposal is not None and isinstance(node, ast.Assign):
            name = ast.unparse(node.targets[0])
            text = f"= assigns, whatever sign stands behind it: {name} is another tensor after it"
            story.events.insert(0, case.event(at, text, "cut", culprit=True, node=node))
            story.proposals.append(proposal)


_TO_ONE_NUMBER: Final = ((".sum()", "the gradient of the sum"), (".mean()", "the gradient of the mean"))
_TO_REAL: Final = ((".abs()", "the gradient of its size"), (".real", "the gradient of its real part"))
_TO_ONE_REAL: Final = (
    (".abs().sum()", "the gradient of the sum of sizes"),
    (".real.sum()", "the gradient of the sum of real parts"),
)


def scalar(case: Case) -> Story:
    """A pass that begins at many numbers."""
    root = backward_root(case)
    tensor = case.tensor(root)
    text = "the result" if root is None else case.text_of(root)
    shape = "" if tensor is None else f" has shape {case.engine.look(tensor).sizes} and"
    story = Story(
        f"{text}{shape} is no single number: backward() needs one to begin at, or a gradient of the same shape.",
        [case.raised(f"{text} has several elements" if tensor is None else f"{text} has shape "
                     f"{case.engine.look(tensor).sizes}")],
    )  # fmt: skip
    look = None if tensor is None else case.engine.look(tensor)
    reduced = _TO_ONE_NUMBER
    if look is not None and look.dtype.startswith("complex"):
        reduced = _TO_ONE_REAL if look.sizes else _TO_REAL
        if not look.sizes:
            story.title = (
                f"{text} is {look.dtype}: backward() begins by itself at a real number alone; at a complex one it needs a "
                "gradient that says in which direction."
            )
            story.events = [case.raised(f"{text} is {look.dtype}")]
    call = case.call("backward", "grad")
    if root is None or call is None:
        return story
    whole = case.text_of(call)
    for suffix, note in reduced:
        story.proposals.append(case.changed([(root, f"{atom(root, text)}{suffix}")], note))
    if (
        isinstance(call.func, ast.Attribute)
        and call.func.value is root
        and not call.args
        and not call.keywords
    ):
        new = f"{whole[:-1]}torch.ones_like({text}))"
        story.proposals.append(case.changed([(call, new)], "a weight for each element"))
    return story


def unused(case: Case) -> Story:
    """A gradient with respect to a tensor that the result does not depend on, or that does not require it."""
    call = case.call("grad")
    found = re.search(r"at index (\d+)", case.failure.message)
    index = int(found.group(1)) if found else 0
    inputs = None
    if call is not None:
        inputs = call.args[1] if len(call.args) > 1 else None
        inputs = inputs or next((each.value for each in call.keywords if each.arg == "inputs"), None)
    if isinstance(inputs, ast.List | ast.Tuple):
        if not found:
            members = [each for each in inputs.elts if (_t := case.tensor(each)) is not None]
            inputs = next(
                (each for each in members if not case.engine.look(case.tensor(each)).requires_grad), None
            )
        else:
            inputs = inputs.elts[index] if index < len(inputs.elts) else None
    several, own = None if inputs is None else case.value(inputs), ""
    if isinstance(several, list | tuple) and index < len(several) and inputs is not None:
        own = case.own_name(several[index]) or f"{case.text_of(inputs)}[{index}]"
    text = f"the tensor at index {index}" if inputs is None else own or case.text_of(inputs)
    root = backward_root(case)
    result = "the result" if root is None else case.text_of(root)
    tensor = case.tensor(inputs)
    requires = None if tensor is None else case.engine.look(tensor).requires_grad
    events: list[Event] = []
    name = root_name(inputs)
    bound = case.bound(name)
    proposals: list[Proposal | None] = []
    if requires is False:
        bound_event(case, bound, f"{text} does not require grad", events)
        within = None if name is None else _bound_within(case, name)
        if name is not None and within is not None:
            source = f"{case.text_of(within)}\n{name}.requires_grad_()"
            proposals.append(case.journal.instead(case.home, within, source, f"make {name} want a gradient"))
        elif bound is not None and bound.node is None:
            proposals.extend(ways_back(case, [Cut(case.trace.steps[bound.at], MADE_WITHOUT, "leaf")]))
        title = (
            f"{text} does not require grad: nothing about it was recorded, so {result} has no gradient there."
        )
    else:
        bound_event(case, bound, f"{name} was made here", events)
        title = f"no recorded operation leads from {text} to {result}."
        cuts, ends = ([], []) if tensor is None else cuts_between(case, tensor, text)
        if cuts:
            title = f"the way from {text} to {result} was cut at line {ends[0].line}."
            events.extend(ends)
            proposals.extend(ways_back(case, cuts))
        whole = _taken_of(case, tensor, root)
        if whole is not None and inputs is not None and call is not None:
            title = f"{result} was computed from {whole}, and not from {text}, which is a part that was taken of it beside that."
            proposals.append(case.changed([(inputs, whole)], f"the gradient at all of {whole}"))
    events.append(case.raised(f"asks for the gradient of {result} at {text}"))
    if call is not None and requires is not False:
        whole = case.text_of(call)
        for option, note in (
            ("allow_unused=True", "None for what was not used"),
            ("materialize_grads=True", "zeros for what was not used"),
        ):
            proposals.append(case.changed([(call, with_argument(whole, option))], note))
    story = Story(title, events)
    story.proposals = proposals
    return story


def _bound_within(case: Case, name: str) -> ast.Assign | None:
    """The last assignment to a name that stands before the failing statement in its block: of a loop, or of a function."""
    found = [
        each
        for each in ast.walk(case.tree)
        if isinstance(each, ast.Assign)
        and each is not case.tree
        and name in stored(each)
        and each.lineno < case.inner.lineno
    ]
    return max(found, key=lambda each: each.lineno, default=None)


def _taken_of(case: Case, part: Any, root: ast.expr | None) -> str | None:
    """The name of the tensor that a view was taken of and that a result was computed from; None where there is none."""
    base = None if part is None else case.engine.base(part)
    name = None if base is None else case.own_name(base)
    result = case.tensor(root)
    if name is None or result is None:
        return None
    below = nodes_below(case.engine, case.engine.node(result))
    node = case.engine.node(base)
    led = any(each is node if node is not None else case.engine.variable(each) is base for each in below)
    return name if led else None


def flag(case: Case) -> Story:
    """requires_grad of a computed tensor, or a gradient to retain where there is none."""
    target: ast.expr | None = None
    for node in ast.walk(case.inner):
        if isinstance(node, ast.Attribute) and node.attr in (
            "requires_grad",
            "requires_grad_",
            "retain_grad",
            "register_hook",
        ):
            target = node.value
    events: list[Event] = []
    name = root_name(target)
    value = None if name is None else case.named(name)
    if value is None:  # no name stands for it
        name, value = None, case.tensor(target)
    called = name or ("the tensor" if target is None else case.text_of(target))
    bound = case.bound(name)
    story = Story("")
    if "requires_grad flags" not in case.failure.message:
        cuts = [] if value is None else where_cut(case, value)
        sentence, events = told(cuts, case, value) if cuts else ("", [])
        story.title = f"{called} does not require grad, so no gradient comes to it: {sentence}".strip(": ")
        story.proposals = list(ways_back(case, cuts))
    else:
        grad_fn = None if value is None else case.engine.look(value).grad_fn
        bound_event(case, bound, f"{name} was computed here" + (f" ({grad_fn})" if grad_fn else ""), events)
        story.title = (
            f"{called} was computed: whether it requires grad follows from what it was made of. To go on "
            "without a graph, detach it."
        )
        if _is_told_to(case.inner):
            note = f"{called} requires grad already: it was computed from what does"
            story.proposals.append(case.journal.removed(case.home, case.inner, note))
        if name is not None:
            story.proposals.append(case.instead(f"{name} = {name}.detach()", "go on without a graph"))
    story.events = [*events, case.raised("refused")]
    return story


def _is_told_to(tree: ast.stmt) -> bool:
    """Whether a statement is `x.requires_grad = True`, or `x.requires_grad_()`."""
    if isinstance(tree, ast.Assign):
        return isinstance(tree.value, ast.Constant) and tree.value.value is True
    call = tree.value if isinstance(tree, ast.Expr) else None
    return called_name(call) == "requires_grad_" and isinstance(call, ast.Call) and not call.args


def absent(case: Case) -> Story | None:
    """None where a gradient was expected."""
    for node in ast.walk(case.inner):
        owner = operand(case, node.value) if isinstance(node, ast.Attribute) and node.attr == "grad" else None
        if owner is not None and case.engine.grad(owner.value) is None:
            name = case.own_name(owner.value) or owner.text
            story = gradient_of(case, owner.value, name)
            if name != owner.text:
                story.title = f"{owner.text} is {name} here. {story.title}"
            story.events.append(case.raised(f"{owner.text}.grad is None"))
            if isinstance(case.inner, ast.Expr):
                guarded = f"if {owner.text}.grad is not None:\n    {case.text_of(case.inner)}"
                story.proposals.append(case.instead(guarded, "only where there is one"))
            return story
    return of_a_call(case)


def other_shape(case: Case) -> Story | None:
    """A pass that cannot add to a gradient, which has the shape that its leaf had before."""
    root = case.tensor(backward_root(case))
    for leaf in [] if root is None else leaves_behind(case, root):
        grad, name = case.engine.grad(leaf), case.own_name(leaf)
        if grad is None or name is None:
            continue
        shape, was = case.engine.look(leaf).sizes, case.engine.look(grad).sizes
        if shape == was:
            continue
        story = Story(
            f"{name} has shape {shape} now, and {name}.grad still has {was}: the pass cannot add one to the other."
        )
        for step in case.trace.steps[: case.at]:
            for change in step.step.changes:
                if f"{name}.grad" in change.names and change.kind in ("created", "gradient"):
                    story.events = [case.event(step.number - 1, f"made {name}.grad {was}", "made")]
                elif (
                    name in change.names
                    and change.before
                    and change.after
                    and change.after.shape != change.before.shape
                ):
                    what = f"gave {name} another memory, of shape {change.after.shape}"
                    story.events.append(case.event(step.number - 1, what, "wrote", culprit=True))
        story.events.append(case.raised(f"adds to {name}.grad"))
        story.proposals = [case.before(f"{name}.grad = None", "begin its gradient anew")]
        return story
    return None


def nan(case: Case) -> Story | None:
    """A node that gave nan: what it stands for, and what it had saved."""
    failed = case.trace.session.failed
    saves = [(step, save) for step in case.trace.steps for save in step.saves if save.node == failed]
    if not saves:
        return None
    events = [
        case.event(step.number - 1, f"{save.node_name} saved {save.slot}", "saved", node=save.node_at)
        for step, save in saves
    ]
    events = list(dict.fromkeys(events))
    title = f"the gradient of line {events[0].line} became nan in {saves[0][1].node_name}."
    return Story(title, [*events, case.raised("looked at the gradients, and found nan")])


def optimised(case: Case) -> Story:
    """An optimizer that was given a computed tensor."""
    found = next((each for each in operands(case) if each.look.grad_fn is not None), None)
    if found is None:
        return given(case)
    names = [name for leaf in leaves_behind(case, found.value) if (name := case.own_name(leaf)) is not None]
    story = given(
        case,
        f"{found.text} was computed ({found.look.grad_fn}){' from ' if names else ''}{some(names, 3, ' and ')}, and an "
        f"optimizer changes leaves: a step would not change what {found.text} is computed from.",
    )
    if names:
        story.proposals.append(
            case.changed([(found.node, ", ".join(names))], "the leaves that it was computed from")
        )
    leaf = ".detach().requires_grad_()"
    if isinstance(found.node, ast.Name):  # what the rest of the program calls by this name is to be the leaf
        story.proposals.append(
            case.before(f"{found.text} = {found.text}{leaf}", f"{found.text} as a leaf, cut off")
        )
    else:
        story.proposals.append(with_operand(case, found.node, leaf, "a leaf of its own, cut off"))
    return story
