"""What the functions of torch.func refuse."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.trees import called_name, calls_in, holds, root_name
from tensorcli.explorer.why.called import given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import behind, operands

NEW = ("zeros", "ones", "full", "empty")
RANDOMNESS = {"different": "each example draws its own numbers", "same": "all examples draw the same numbers"}


def random(case: Case) -> Story:
    """A draw under a vmap that was not told how to draw."""
    story = given(case)
    for at in range(case.at, -1, -1):
        for call in calls_in(case.journal.tree(at)):
            if not _is_vmap(case, call) or any(each.arg == "randomness" for each in call.keywords):
                continue
            for how, note in RANDOMNESS.items():
                new = with_argument(case.journal.source(at, call), f"randomness={how!r}")
                story.proposals.append(case.journal.changed(at, [(call, new)], note))
    return story


def written(case: Case) -> Story:
    """A tensor that a function under vmap makes with room for one example: made of one that is mapped."""
    story = given(case)
    target, _ = case.write_target()
    inner = case.inner
    if target is None and isinstance(inner, ast.Assign):
        target = inner.targets[0]
    name = root_name(target)
    for at in range(case.at, -1, -1):
        for function in ast.walk(case.journal.tree(at)):
            if not isinstance(function, ast.FunctionDef) or not holds(function, inner):
                continue
            for call in _makings(function, name):
                event = case.event(at, "has room for one example", "made", culprit=True, node=call)
                story.events.insert(0, event)
                for mapped in function.args.args:
                    new = f"{mapped.arg}.new_{called_name(call)}"
                    note = f"with room for the examples of {mapped.arg}"
                    story.proposals.append(case.journal.changed(at, [(call.func, new)], note))
    return story


def one_result(case: Case) -> Story:
    """A gradient of a function that gives several numbers: of their sum, of their mean, or all gradients."""
    story = given(case)
    for call in calls_in(case.statement.tree, "grad", "grad_and_value"):
        function = case.value(call.args[0]) if call.args else None
        defined = getattr(function, "tree", None)
        home = None if defined is None else case.holder_of(defined)
        results = [] if defined is None or home is None else _results(defined)
        for suffix, note in ((".sum()", "the gradient of the sum"), (".mean()", "the gradient of the mean")):
            changes = [
                (each, behind(each, case.journal.source(home, each), suffix))
                for each in results
                if home is not None
            ]
            if home is not None and changes:
                story.proposals.append(case.journal.changed(home, changes, note))
        if called_name(call) == "grad":
            of = case.text_of(call.func).removesuffix("grad") or "torch.func."
            note = "the gradient of each of them"
            story.proposals.append(case.changed([(call.func, f"{of}jacrev")], note))
    return story


def _results(function: ast.AST) -> list[ast.expr]:
    """What a function returns, or a lambda."""
    if isinstance(function, ast.Lambda):
        return [function.body]
    return [
        each.value for each in ast.walk(function) if isinstance(each, ast.Return) and each.value is not None
    ]


def _makings(function: ast.FunctionDef, name: str | None) -> Iterator[ast.Call]:
    """The calls in a function that make a new tensor and give it to this name."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and root_name(node.targets[0]) == name:
            call = node.value
            if isinstance(call, ast.Call) and called_name(call) in NEW and call.args:
                yield call


def escaped(case: Case) -> Story:
    """An example that a function under vmap kept, used when vmap has ended."""
    texts = list(dict.fromkeys(each.text for each in operands(case)))
    text = f"{'one of ' * (len(texts) > 1)}{' and '.join(texts)}" if texts else "a tensor of this call"
    story = Story(
        f"{text} is one example of a vmap that has ended, and stands for nothing any more: what is wanted of the examples is to "
        "be returned, and comes out of vmap for all of them.",
        [case.raised("reads it outside")],
    )
    for at in range(case.at, -1, -1):
        for call in calls_in(case.journal.tree(at)):
            if _is_vmap(case, call):
                story.events.insert(0, case.event(at, "made the examples", "made", culprit=True, node=call))
                return story
    return story


def _is_vmap(case: Case, call: ast.Call) -> bool:
    """Whether a call is of vmap, by whatever name."""
    function = call.func
    value = case.trace.session.names.get(function.id) if isinstance(function, ast.Name) else None
    return "vmap" in (getattr(value, "__name__", ""), getattr(function, "attr", ""))
