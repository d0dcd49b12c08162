"""Values that cannot be what they are taken for: losses of what are no logarithms, gradients that became nan."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.trace import traced
from tensorcli.explorer.trees import MODULES, called_name, calls_in, receiver_of
from tensorcli.explorer.why.called import called
from tensorcli.explorer.why.case import LOOKING, Case, Story
from tensorcli.explorer.why.gradient import nan
from tensorcli.explorer.why.networks import squashing
from tensorcli.explorer.why.operands import behind, operands, with_operand
from tensorcli.language.limits import OutOfTime

if TYPE_CHECKING:
    from tensorcli.explorer.results import Event, HazardRow
    from tensorcli.explorer.rewrite import Proposal

LOGARITHMS: Final = {
    "softmax": ("log_softmax", "the logarithms of the probabilities"),
    "Softmax": ("LogSoftmax", "the network gives logarithms"),
}
OVER: Final = ("softmax", "log_softmax", "Softmax", "LogSoftmax")
DEVIATIONS: Final = ("std", "var", "std_mean", "var_mean")
FEW: Final = "degrees of freedom is <= 0"
"""What PyTorch warns of where a deviation is of one element."""
ANOMALY: Final = "torch.autograd.set_detect_anomaly(True)"
STEEP: Final = frozenset(
    f"{name}Backward0"
    for name in "Sqrt Rsqrt Log Log2 Log10 Reciprocal Div LinalgVectorNorm Norm Acos Asin".split()
)
"""The nodes whose slope is infinite somewhere."""
ARCS: Final = ("acos", "asin", "arccos", "arcsin")
LEAST: Final = ".clamp(min=1e-12)"


def no_logarithm(case: Case, row: HazardRow) -> Story:
    """A loss of logarithms that was given probabilities, or scores: what it is to be given."""
    story = Story(f"line {case.line}: {row.text}")
    found = operands(case)
    given = found[0] if found else None
    if given is None:
        # The names of a function are gone with it: what it was given may be seen in the text.
        call = case.call()
        story.proposals.extend(_logarithm(case, call.args[0] if call is not None and call.args else None))
        return story
    made = case.made(given.value)
    node: ast.AST = given.node
    if made is not None:
        step, one = made
        text = f"{given.text} comes out of {given.look.grad_fn or 'this'}"
        story.events.append(case.event(step.number - 1, text, "made", node=one.node_at))
        node = node if isinstance(node, ast.Call) and called_name(node) == "softmax" else one.node_at or node
    if "add up to 1" in row.text:
        story.proposals.extend(_over_the_classes(case))
        return story
    story.proposals.extend(_logarithm(case, node))
    suffix, note = (
        f".log_softmax({min(1, len(given.look.sizes) - 1)})",
        "the logarithms of the scores' probabilities",
    )
    if given.look.grad_fn == "SoftmaxBackward0":
        suffix, note = ".log()", "the logarithms of the probabilities"
    story.proposals.append(with_operand(case, given.node, suffix, note))
    return story


def _logarithm(case: Case, node: ast.AST | None) -> Iterator[Proposal | None]:
    """log_softmax where softmax made the probabilities: a call of it, or a module."""
    for at, made in squashing(case, node, ("softmax",)):
        name = called_name(made)
        instead, note = LOGARITHMS[name]
        function = case.journal.source(at, made.func).removesuffix(name) + instead
        yield case.journal.changed(at, [(made.func, function)], note)


def _over_the_classes(case: Case) -> Iterator[Proposal | None]:
    """`softmax(x, dim=0)`, wherever it is written, with the dimension of the classes."""
    for at in range(case.at + 1):
        for call in calls_in(case.journal.tree(at), *OVER):
            dims = [each.value for each in call.keywords if each.arg == "dim"] or call.args[-1:]
            for dim in dims:
                if isinstance(dim, ast.Constant) and dim.value != 1:
                    yield case.journal.changed(at, [(dim, "1")], "over the classes")


def nan_gradient(case: Case, row: HazardRow) -> Story:
    """A gradient that became nan: the node that made it so, which anomaly detection names in a second run."""
    story = Story(f"line {case.line}: {row.text}")
    found = _made_nan(case)
    if found is None:
        return story
    told, steep, nodes = found
    story.events = [each for each in told.events if each.role != "raised"]
    if nodes[0] not in steep:
        story.events.extend(_at_the_edge(case, [node for node in nodes if node in steep]))
    story.notes.append(told.title)
    few = _few(case)
    if few is not None:
        story.events = [few, *story.events]
        story.proposals.extend(_divided_by_all(case))
    for node in nodes:
        if node in steep:
            story.proposals.extend(_off_the_edge(case, node))
        story.proposals.extend(_where_it_counts(case, node))
    return story


def few_samples(case: Case) -> Story:
    """The deviation, or the variance, of one element."""
    story = called(case)
    story.proposals = [*_divided_by_all(case)]
    return story


def _divided_by_all(case: Case) -> Iterator[Proposal | None]:
    """`x.std()` as `x.std(correction=0)`, which is 0 of one element, and kept above 0 where it divides."""
    for at in range(len(case.trace.steps)):
        for call in calls_in(case.journal.tree(at), *DEVIATIONS):
            told = next((each for each in call.keywords if each.arg in ("unbiased", "correction")), None)
            text = case.journal.source(at, call)
            if told is None:
                new = with_argument(text, "correction=0")
            else:
                kept = [case.journal.source(at, each) for each in call.args]
                kept += [
                    f"{each.arg}={case.journal.source(at, each.value)}"
                    for each in call.keywords
                    if each is not told
                ]
                new = f"{case.journal.source(at, call.func)}({', '.join([*kept, 'correction=0'])})"
            yield case.journal.changed(at, [(call, new)], "of one element it is 0")
            yield case.journal.changed(at, [(call, f"{new}{LEAST}")], "of one element a little above 0")


def _few(case: Case) -> Event | None:
    """Where the deviation of one element was taken, which is nan, in what a pass goes back through."""
    for step in case.trace.steps:
        for warning in step.step.warnings:
            if FEW in warning.message:
                found = None if warning.span is None else case.find(step.number - 1, warning.span)
                text = "the deviation of one element is nan: it divides by one less than their number"
                return case.event(step.number - 1, text, "cut", culprit=True, node=found and found[1])
    return None


def _at_the_edge(case: Case, nodes: Sequence[ast.AST]) -> Iterator[Event]:
    """The operations whose slope is infinite at what they were given: 0 times that is nan."""
    for node in nodes:
        operand, at = _operand(node), case.holder_of(node)
        value = None if operand is None else case.tensor(operand)
        if at is None or operand is None or value is None:
            continue
        edge = 1 if called_name(node) in ARCS else 0
        elements = abs(case.engine.elements(value))
        if elements.size and (elements == edge).any():
            where = "-1 or 1" if edge else "0"
            text = f"an infinite slope where {case.journal.source(at, operand)} is {where}; 0 times it is nan"
            yield case.event(at, text, "cut", culprit=True, node=node)


def _where_it_counts(case: Case, node: ast.AST) -> Iterator[Proposal | None]:
    """A side of `torch.where` that is not taken everywhere: computed of 1 where it is not."""
    at, operand = case.holder_of(node), _operand(node)
    if at is None or operand is None:
        return
    for chosen in calls_in(case.journal.tree(at), "where"):
        if len(chosen.args) != 3:
            continue
        condition = case.journal.source(at, chosen.args[0])
        text = case.journal.source(at, operand)
        for place, side in enumerate(chosen.args[1:]):
            if any(each is node for each in ast.walk(side)):
                taken = (text, "1.") if place == 0 else ("1.", text)
                new = f"torch.where({condition}, {taken[0]}, {taken[1]})"
                yield case.journal.changed(at, [(operand, new)], "computed of 1 where it is not taken")


def _made_nan(case: Case) -> tuple[Story, set[ast.AST], list[ast.AST]] | None:
    """What is told of the node that gave nan, the expressions whose slope may be infinite, and the same with its own, which
    comes first; None where no node gave it.
    """
    try:
        with traced(case.session, case.journal.records, LOOKING, before=ANOMALY) as trace:
            error = trace.last.step.error
            told = None if error is None else nan(Case(case.session, trace, error))
            failed = trace.session.failed
            saves = [save for step in trace.steps for save in step.saves]
            saves = [save for save in saves if save.node_name in STEEP or save.node == failed]
            saves.sort(key=lambda save: save.node != failed)
    except OutOfTime:
        return None
    nodes = dict.fromkeys(save.node_at for save in saves if save.node_at is not None)
    steep = {save.node_at for save in saves if save.node_at is not None and save.node_name in STEEP}
    return None if told is None else (told, steep, list(nodes))


def _off_the_edge(case: Case, node: ast.AST) -> Iterator[Proposal | None]:
    """An operation whose operand may be 0, kept a little above it."""
    at = case.holder_of(node)
    operand = _operand(node)
    value = case.tensor(operand)
    elements = None if value is None else case.engine.elements(value)
    negative = elements is not None and elements.size and elements.min() < 0
    if at is None or operand is None:
        return
    text = case.journal.source(at, operand)
    if called_name(node) == "log" and called_name(operand) == "softmax" and isinstance(operand, ast.Call):
        function = case.journal.source(at, operand.func).removesuffix("softmax") + "log_softmax"
        rest = text.removeprefix(case.journal.source(at, operand.func))
        yield case.journal.changed(at, [(node, f"{function}{rest}")], "both in one, which does not overflow")
    if called_name(node) in ARCS:
        new = behind(operand, text, ".clamp(-1 + 1e-6, 1 - 1e-6)")
        yield case.journal.changed(
            at, [(operand, new)], "a little within -1 and 1, where the slope is finite"
        )
    elif not negative:
        new = behind(operand, text, LEAST)
        yield case.journal.changed(at, [(operand, new)], "a little above 0, where the slope is finite")


def _operand(node: ast.AST) -> ast.expr | None:
    """What the slope of an operation depends on: the divisor, the base, what a function is of."""
    if isinstance(node, ast.BinOp):
        return node.right if isinstance(node.op, ast.Div) else node.left
    if not isinstance(node, ast.Call):
        return None
    receiver = receiver_of(node)
    if receiver is not None and ast.unparse(receiver) not in (*MODULES, "torch.linalg"):
        return receiver
    return node.args[0] if node.args else None
