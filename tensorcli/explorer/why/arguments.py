"""A call whose arguments are not those of the function, a name that is not there, a value that is used as one of another kind."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.facts import article
from tensorcli.explorer.results import plural
from tensorcli.explorer.trees import called_name, holds, receiver_of, stored
from tensorcli.explorer.why.called import given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.copies import read_as_numbers
from tensorcli.explorer.why.nothing import of_a_call
from tensorcli.explorer.why.operands import behind, operands
from tensorcli.explorer.why.parameters import against, close
from tensorcli.explorer.why.schedules import by_what
from tensorcli.explorer.why.slips import (
    NOT_ITERABLE,
    bound_uncalled,
    is_method,
    is_result,
    is_uncalled,
    slips,
)

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

COMPILERS = frozenset(
    (
        "torch.compile",
        *(f"torch.jit.{name}" for name in "script trace freeze optimize_for_inference ignore unused".split()),
    )
)
"""What PyTorch compiles by, or marks what it compiles: what they are given comes back, and does the same."""
_ELEMENT = re.compile(r"expected Tensor as element (\d+) in argument \d+, but got (\w+)")
_WRONG_KIND = re.compile(r"argument '(\w+)'(?: \(position \d+\))? must be ([^,]+), not ([\w.]+)$")


def arguments(case: Case) -> Story:
    """What the function takes, against what the call gives."""
    node = case.expression()
    owner = receiver_of(node)
    if owner is not None and is_uncalled(case.value(owner)) and (bound := _uncalled(case, owner)) is not None:
        return bound
    story = _slipped(case, _of_call(case, node) if isinstance(node, ast.Call) else "")
    story.proposals.extend(by_what(case))
    story.proposals.extend(_unpacked(case))
    return story


def _unpacked(case: Case) -> Iterator[Proposal | None]:
    """`[*a.parameters(), *b.parameters()]` for a list of the two, and the groups that may have been meant."""
    if "optimizer can only optimize Tensors" not in case.failure.message:
        return
    for node in ast.walk(case.expression()):
        given = (
            [each for each in node.elts if called_name(each) == "parameters"]
            if isinstance(node, ast.List)
            else []
        )
        if given:
            texts = [(each, case.text_of(each)) for each in given]
            yield case.changed([(each, f"*{text}") for each, text in texts], "the parameters themselves")
            groups = [(each, f"{{'params': {text}}}") for each, text in texts]
            yield case.changed(groups, "a group of each, which may have a rate of its own")


def misused(case: Case) -> Story:
    """A value that is used as one of another kind: a method that was not called, a list as a tensor."""
    result = of_a_call(case)
    if result is not None:
        return result
    node = case.expression()
    title = ""
    for part in _used(node, whole=NOT_ITERABLE in case.failure.message):
        value, text = case.value(part), case.text_of(part)
        if is_method(value) and not isinstance(node, ast.Call):
            title = f"{text} is a method here, which was not called."
            bound = _uncalled(case, part)
            if bound is not None:
                return bound
        elif isinstance(node, ast.Call) and value is not None and not callable(value):
            title = f"{text} is {article(type(value).__name__)}: it is read, not called."
        elif is_result(value):
            title = f"{text} is a tuple of {plural(len(value), 'result')}, not one tensor."
        if title:
            break
    if not title and isinstance(node, ast.BinOp):
        left, right = (
            f"{case.text_of(part)} is {article(type(case.value(part)).__name__)}"
            for part in (node.left, node.right)
        )
        title = f"{left}, {right}: the operator is not there for the two."
    return _slipped(case, title)


def opened(case: Case) -> Story:
    """What `with` was given and cannot open: a class or a function in the place of what a call of it gives."""
    node = case.expression()
    text, value = case.text_of(node), case.value(node)
    story = Story(f"with cannot open {text}: {text} is {article(type(value).__name__)}.")
    if callable(value) and isinstance(node, ast.Name | ast.Attribute) and case.engine.kind(value) is None:
        kind = "a class" if isinstance(value, type) else "a function"
        story.title = f"{text} is {kind}: with opens what a call of it gives."
        story.proposals.append(case.changed([(node, f"{text}()")], f"{text} is called"))
    story.events.append(case.raised("cannot be opened"))
    return story


def _uncalled(case: Case, node: ast.expr) -> Story | None:
    """`y = x.clone`, then `y += 1`: the method, the class or the function was to be called where the name was bound to it."""
    bound = bound_uncalled(case, node)
    if bound is None:
        return None
    value, name = case.value(node), case.text_of(node)
    kind = "class" if isinstance(value, type) else "method" if is_method(value) else "function"
    what = f"{bound.maker} itself" if kind == "function" else f"the {kind} {bound.maker}"
    story = Story(f"{name} is {what}, which was not called.", proposals=[bound.called])
    story.events = [
        case.event(bound.at, f"{bound.maker} is a {kind}", "made", culprit=True),
        case.raised(f"{name} is no {'tensor' if kind == 'method' else 'module'}"),
    ]
    return story


def attribute(case: Case) -> Story:
    """A name that a value does not have."""
    node = case.expression()
    owner = case.value(node.value) if isinstance(node, ast.Attribute) else None
    if isinstance(node, ast.Call):
        return arguments(case)  # it was in the function's own lines that the name was missing
    if owner is None or not isinstance(node, ast.Attribute):
        return misused(case)
    text = case.text_of(node.value)
    if isinstance(owner, bool) and isinstance(node.value, ast.Compare):
        return _compared(case, node.value)
    numbers = read_as_numbers(case, node)
    if numbers is not None:
        return numbers
    if is_method(owner) or is_result(owner):
        return misused(case)
    if is_uncalled(owner) and (bound := _uncalled(case, node.value)) is not None:
        return bound
    if isinstance(owner, tuple | list):
        return _of_an_item(case, node, owner)
    if case.engine.kind(owner) == "tensor" and node.attr in ("append", "extend"):
        return _no_list(case, node)
    if isinstance(owner, dict) and node.attr in owner:
        story = given(case, f"{text} is a dict: {node.attr} is one of its keys, which stand in brackets.")
        story.proposals = [case.changed([(node, f"{text}[{node.attr!r}]")], "the value of the key")]
        return story
    around = (each for each in ast.walk(case.tree) if isinstance(each, ast.Attribute) and holds(each, node))
    if any(ast.unparse(each) in COMPILERS for each in around):
        return _not_compiled(case, node)
    inner = getattr(owner, "module", None) if is_module(owner) else None
    if is_module(inner) and hasattr(inner, node.attr):
        story = given(
            case, f"{text} is {article(type(owner).__name__)}: what it wraps, {text}.module, has {node.attr}."
        )
        story.proposals = [case.changed([(node, f"{text}.module.{node.attr}")], "of the wrapped module")]
        return story
    own = _own_of_constructor(case, node) if is_module(owner) else None
    if own is not None:
        return own
    names = case.trace.session.attributes_of(owner)
    near = close(node.attr, names)[:3]
    title = f"{text} has no attribute {node.attr}" + (f"; it has {' and '.join(near)}." if near else ".")
    story = _slipped(case, title)
    loop = _loop_over(case, node.value) if is_module(owner) else None
    if loop is not None:
        kinds = article(type(owner).__name__)
        story.title = f"{text} is {kinds} in this round of the loop, and has no {node.attr}."
        guarded = f"if hasattr({text}, {node.attr!r}):\n    {case.text_of(case.inner)}"
        story.proposals.append(case.instead(guarded, "only of those that have one"))
    return story


def _own_of_constructor(case: Case, node: ast.Attribute) -> Story | None:
    """`fc = nn.Linear(2, 1)` of a constructor, where `self.fc` was meant; None where there is no such name."""
    text = case.text_of(node.value)
    for at in range(len(case.trace.steps)):
        maker = case.journal.tree(at)
        for each in maker.body if isinstance(maker, ast.FunctionDef) else ():
            target = each.targets[0] if isinstance(each, ast.Assign) else None
            if not isinstance(target, ast.Name) or target.id != node.attr or not holds(maker, node):
                continue
            title = f"{text} has no {node.attr}: the constructor binds a name of its own, and not {text}.{node.attr}."
            story = given(case, title)
            event = case.event(at, "a name of the constructor's own", "made", culprit=True, node=each)
            story.events.insert(0, event)
            kept = case.journal.changed(at, [(target, f"{text}.{node.attr}")], "what the module keeps")
            story.proposals = [kept]
            return story
    return None


def _no_list(case: Case, node: ast.Attribute) -> Story:
    """`x.append(3.)` of a tensor, whose size is what it is: another one that has both."""
    text = case.text_of(node.value)
    story = given(case, f"{text} is a tensor, and keeps its size: torch.cat gives another one, of both.")
    call = getattr(case.inner, "value", None)
    if not isinstance(call, ast.Call) or call.func is not node or len(call.args) != 1:
        return story
    value, added = case.value(call.args[0]), case.text_of(call.args[0])
    if case.engine.kind(value) == "tensor":
        more = f"{added}.unsqueeze(0)" if node.attr == "append" else added
    else:
        more = f"torch.tensor({f'[{added}]' if node.attr == 'append' else added})"
    source = f"{text} = torch.cat([{text}, {more}])"
    story.proposals = [case.instead(source, f"{text} is the longer one")]
    return story


def _not_compiled(case: Case, node: ast.Attribute) -> Story:
    """`torch.compile(net)`, `@torch.jit.script`: what would be compiled, as it is."""
    story = Story("Nothing is compiled here: a function or a module runs as it is, and gives the same.")
    story.events.append(case.raised("compiles"))
    for each in ast.walk(case.tree):
        compiled = _compiled(each)
        if compiled is not None and holds(each, node) and not holds(compiled, node):
            whole = case.text_of(compiled)
            story.proposals.append(case.changed([(each, whole)], f"{whole} as it is"))
        elif isinstance(each, ast.FunctionDef) and any(holds(one, node) for one in each.decorator_list):
            kept = [f"@{case.text_of(one)}\n" for one in each.decorator_list if not holds(one, node)]
            source = "".join(kept) + case.text_of(each)
            story.proposals.append(case.instead(source, f"{each.name} as it is"))
    return story


def _compiled(node: ast.AST) -> ast.expr | None:
    """`net` of `torch.compile(net)`, and of `torch.compile(mode="default")(net)`."""
    if not isinstance(node, ast.Call):
        return None
    maker: ast.expr = node.func
    if isinstance(maker, ast.Call) and _compiled(maker) is None:
        maker = maker.func
    if ast.unparse(maker) not in COMPILERS:
        return None
    given = [*node.args, *(each.value for each in node.keywords if each.arg == "model")]
    return given[0] if given else None


def _loop_over(case: Case, node: ast.expr) -> ast.For | None:
    """The loop whose variable a name is."""
    loops = (each for each in ast.walk(case.tree) if isinstance(each, ast.For) and holds(each, case.inner))
    return next(
        (each for each in loops if isinstance(node, ast.Name) and node.id in stored(each.target)), None
    )


def _of_an_item(case: Case, node: ast.Attribute, owner: Sequence[Any]) -> Story:
    """A tuple or a list that was asked for what its items have: `out = lstm(x)`, then `out.shape`."""
    text, kind = case.text_of(node.value), type(owner).__name__
    having = [place for place, each in enumerate(owner) if hasattr(each, node.attr)]
    title = f"{text} is {article(kind)} of {plural(len(owner), 'item')}, and has no {node.attr} of its own."
    story = _slipped(case, title)
    items = [
        case.changed([(node.value, behind(node.value, text, f"[{place}]"))], f"of item {place}")
        for place in having[:2]
    ]
    bound = case.bound_at(text) if isinstance(node.value, ast.Name) else None
    tree = None if bound is None else case.journal.tree(bound)
    if (
        0 in having
        and bound is not None
        and isinstance(tree, ast.Assign)
        and isinstance(tree.value, ast.Call)
    ):
        rest = ", _" if len(owner) == 2 else ", *_"
        note = f"{text} is the first of its results"
        items.insert(0, case.journal.changed(bound, [(tree.targets[0], text + rest)], note))
    story.proposals = [*items, *story.proposals]
    return story


def _compared(case: Case, node: ast.Compare) -> Story:
    """A comparison that gave one truth value, because one side is no tensor."""
    parts = [node.left, *node.comparators]
    kinds = " and ".join(f"{case.text_of(each)} is {_kind(case.value(each))}" for each in parts)
    return _slipped(case, f"{kinds}: the two are compared as wholes, and that gives one truth value.")


def _kind(value: object) -> str:
    return f"a tuple of {plural(len(value), 'result')}" if is_result(value) else article(type(value).__name__)  # type: ignore[arg-type]


def _slipped(case: Case, title: str) -> Story:
    story = given(case, title)
    story.proposals = [*slips(case)]
    return story


def _used(node: ast.AST, whole: bool) -> list[ast.expr]:
    """The parts of an expression whose kind decides what can be done with them; `whole`: it is the expression itself."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.AugAssign):
        return [node.target, node.value]
    if isinstance(node, ast.Call):
        return [node.func]
    if isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and whole):
        return [node]
    if isinstance(node, ast.Attribute | ast.Subscript):
        return [node.value]
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    return []


# ---- a call against the signatures


def _of_call(case: Case, node: ast.Call) -> str:
    """What is wrong with a call, in a sentence; empty where that cannot be said."""
    callee = f"{case.text_of(node.func)}()"
    message = case.failure.message.partition("\n")[0]
    element = _ELEMENT.search(message)
    if element is not None:
        place, kind = element.groups()
        return f"Element {place} of what {callee} was given is {article(kind)}, and is to be a Tensor."
    wrong = _WRONG_KIND.search(message)
    found = against(case, node)
    if found is None:
        return ""
    takes = f"it takes {found.shown}"
    if found.unknown:
        return f"{callee} has no argument {found.unknown[0]}: {takes}."
    if found.extra:
        return f"{callee} was given {plural(len(node.args), 'argument')} by position: {takes}."
    if found.missing:
        return f"{callee} was not given {' and '.join(found.missing)}: {takes}."
    if found.twice:
        return f"{callee} was given {found.twice[0]} twice, by position and by name."
    if wrong is not None:
        name, wanted, got = wrong.groups()
        kind = article(got.rpartition(".")[2])
        failed = case.trace.session.module
        if failed is not None and failed.path and failed.outer is case.value(node.func):
            callee = f"{case.text_of(node.func)}{failed.path}"
            kind += ": what the layer before it gives"
        return f"{callee} takes {article(wanted)} as {name}, and was given {kind}."
    function = case.value(node.func)
    module = getattr(getattr(function, "__wrapped__", function), "__module__", None) or ""
    if module.partition(".")[0] == "numpy" and operands(case):
        return f"{callee} asks the tensor for its own {called_name(node)}(), which takes other arguments."
    return f"{callee} does not take values of these kinds: {takes}."
