"""The last hazard, told as an error is: which statement did it, to what, and what to write instead.

Each way out is run on a fork, and is shown only where the hazard is gone there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from tensorcli.explorer.facts import short_text
from tensorcli.explorer.hazards.catalogue import HAZARDS
from tensorcli.explorer.results import Failure, HazardRow, Why
from tensorcli.explorer.rewrite import Proposal
from tensorcli.explorer.trace import traced
from tensorcli.explorer.trees import atom, called_name, has_pass, receiver_of, root_name
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.failed import with_what_follows
from tensorcli.explorer.why.flat import zeroed
from tensorcli.explorer.why.operands import as_loaded, behind, operands, told, with_operand
from tensorcli.explorer.why.out_of_place import AUGMENTED
from tensorcli.explorer.why.prove import LONG, Allowance, allowance, numbered, rerun, short, value_text
from tensorcli.explorer.why.refused import smearing
from tensorcli.explorer.why.tellers import find

if TYPE_CHECKING:
    from tensorcli.explorer.results.why import Verdict
    from tensorcli.explorer.session import Session

TELLERS: Final = {
    "TSC-H001": "hidden.hidden_write",
    "TSC-H002": "hidden.hidden_write",
    "TSC-H003": "traps.lost_write",
    "TSC-H004": "traps.overlapping_write",
    "TSC-H005": "hidden.swallowed_gradient",
    "TSC-H006": "traps.duplicate_index",
    "TSC-H007": "traps.wrap_around",
    "TSC-H008": "traps.gradient_alias",
    "TSC-H009": "",  # the error that it comes with is told
    "TSC-H010": "hidden.swapped_views",
    "TSC-H011": "traps.gradient_twice",
    "TSC-H012": "traps.outer_difference",
    "TSC-H013": "networks.squashed_twice",
    "TSC-H014": "meant.live_state",
    "TSC-H015": "meant.expanded_write",
    "TSC-H016": "meant.lost_update",
    "TSC-H017": "meant.kept_history",
    "TSC-H018": "meant.unwritten_read",
    "TSC-H019": "optimizers.dropped_gradient",
    "TSC-H020": "meant.discarded_result",
    "TSC-H021": "meant.one_item",
    "TSC-H022": "optimizers.outdated_optimizer",
    "TSC-H023": "values.no_logarithm",
    "TSC-H024": "values.nan_gradient",
    "TSC-H025": "meant.kept_alias",
    "TSC-H026": "optimizers.idle_step",
    "TSC-H027": "meant.not_called",
    "TSC-H028": "meant.misspelt_attribute",
    "TSC-H029": "traps.no_slope",
    "TSC-H030": "meant.idle_attribute",
    "TSC-H031": "optimizers.unheld_parameter",
    "TSC-H032": "meant.lost_fraction",
    "TSC-H033": "untimely.idle_clip",
    "TSC-H034": "untimely.dropout_in_evaluation",
    "TSC-H035": "untimely.twice_held",
    "TSC-H036": "untimely.stayed_in_evaluation",
    "TSC-H037": "meant.one_with_itself",
    "TSC-H038": "untimely.no_step",
    "TSC-H039": "untimely.frozen_moves",
    "TSC-H040": "optimizers.unreached_parameter",
    "TSC-H041": "meant.idle_context",
    "TSC-H042": "meant.sign_of_the_value",
    "TSC-H043": "constants.constant_term",
    "TSC-H044": "optimizers.diverging_steps",
    "TSC-H045": "untimely.dropped_passes",
    "TSC-H046": "untimely.scaled_clip",
    "TSC-H047": "untimely.vanished_rate",
    "TSC-H048": "optimizers.outdated_graph",
}
"""Who tells a hazard."""
MEASURED: Final = ("TSC-H001", "TSC-H002", "TSC-H005", "TSC-H010")
"""Those that are told where the session is now, and whose ways out are measured by what they give; of any other a way out holds
where the hazard is gone.
"""
WAYS = 3
"""So many ways out are shown."""
WIDER: Final = ("int16", "int32", "int64", "float64")
"""What holds more, from the narrowest."""


def explained(session: Session, row: HazardRow) -> tuple[Why, list[Proposal]]:
    """The answer, and the proposals that it numbers."""
    records = list(session.journal[: row.index])
    failure = Failure("hazard", "", row.text, (row.span,), (), records[-1].statement.span)
    with traced(session, records) as trace:
        case = Case(session, trace, failure)
        story: Story = find(TELLERS[row.code])(case, row)
        shown = row.names[0] if row.code == "TSC-H008" else _shown(case)
        was = _text(trace.session, shown)
        allowed = allowance(trace)
        there = case.raised(f"{shown} is {was} after it" if was else HAZARDS[row.code].name.replace("-", " "))
    held = (
        (proposal, tried)
        for proposal in _once(story.proposals)
        if (tried := _tried(session, proposal, shown, row, allowed)) is not None
    )
    ways, kept = numbered(_best(held))
    if not ways:
        for proposal, note in with_what_follows(session, story.proposals, allowed):
            tried = _tried(session, proposal, shown, row, allowed)
            if tried is not None:
                ways, kept = numbered([(proposal, tried.gave, "runs")])
                story.notes.append(note)
                break
    culprit = not any(event.culprit for event in story.events)
    events = (*story.events, replace(there, role="wrote", culprit=culprit))
    title = story.title or f"line {there.line}: {row.text}"
    return Why(title, row.code, "", events, None, tuple(story.notes), tuple(ways)), kept


def _best(held: Iterable[tuple[Proposal, Tried]]) -> Iterator[tuple[Proposal, str, Verdict]]:
    """The ways that lead into no other trap; where each does, as in a text with two mistakes, those."""
    clean: list[tuple[Proposal, str, Verdict]] = []
    trapped: list[tuple[Proposal, str, Verdict]] = []
    for proposal, tried in held:
        (clean if tried.clean else trapped).append((proposal, tried.gave, "runs"))
        if len(clean) == WAYS:
            break
    yield from islice(clean or trapped, WAYS)


def _once(proposals: Iterable[Proposal | None]) -> Iterator[Proposal]:
    """Those that there are, each once."""
    seen: set[str] = set()
    for proposal in proposals:
        if proposal is not None and proposal.text not in seen:
            seen.add(proposal.text)
            yield proposal


def _expression(case: Case) -> ast.AST:
    """Where it happened: an expression, where the statement is one."""
    node = case.node()
    return node.value if isinstance(node, ast.Expr | ast.Assign) and not _stores(node) else node


def _stores(node: ast.AST) -> bool:
    """Whether an assignment writes into an index."""
    return isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name)


def _shown(case: Case) -> str | None:
    """The name whose value tells whether a way leads out: what the statement binds, or writes into."""
    tree: ast.AST = case.statement.tree
    if isinstance(tree, ast.For | ast.With | ast.If | ast.While):
        tree = case.node()
        if isinstance(tree, ast.Subscript):
            return root_name(tree)
    if isinstance(tree, ast.Assign | ast.AugAssign | ast.AnnAssign):
        target = tree.targets[0] if isinstance(tree, ast.Assign) else tree.target
        if isinstance(target, ast.Attribute) and target.attr not in ("data", "grad"):
            return None  # the numbers of what has the attribute say nothing of it
        return root_name(target)
    return root_name(tree.value) if isinstance(tree, ast.Expr) else None


def _text(session: Session, name: str | None) -> str:
    value = session.names.get(name) if name else None
    if session.engine.kind(value) in ("tensor", "ndarray"):
        return short(session.engine, value)
    if isinstance(value, int | float | bool | tuple | list):
        text = short_text(session.engine, value)
        many = len(text) > LONG and isinstance(value, tuple | list)
        return f"{type(value).__name__} of {len(value)}" if many else text  # type: ignore[arg-type]
    return ""


class Tried(NamedTuple):
    """What a way gave."""

    gave: str
    clean: bool
    """Whether it leads into no trap of another kind."""


def _tried(
    session: Session, proposal: Proposal, shown: str | None, row: HazardRow, allowed: Allowance
) -> Tried | None:
    """What a way gives; None where it fails, shows the hazard again, or takes more than is allowed."""
    with session.fork([]) as other:
        step = rerun(other, proposal, allowed)
        if step is None or _like(other, row.code, proposal.failing + 1) >= _like(
            session, row.code, row.index
        ):
            return None
        known = {each.code for each in session.hazards}
        clean = all(each.code in known for each in other.hazards)
        text = _text(other, shown)
        if row.code == "TSC-H044" and any(word in text for word in ("inf", "nan")):
            return None  # it grows more slowly, and that is all
        return Tried(value_text(step) or (f"{shown} = {text}" if text else ""), clean)


def _like(session: Session, code: str, index: int) -> int:
    """How many hazards of a kind a statement showed: of several in one function or loop a way leads out of one."""
    return sum(each.index == index and each.code == code for each in session.hazards)


# ---- the tellers


def lost_write(case: Case, row: HazardRow) -> Story:
    """`x[m][0] = 5`: read the part, write into it, write it back."""
    node = _expression(case)
    target = node.target if isinstance(node, ast.AugAssign) else node
    part = target.value if isinstance(target, ast.Subscript) else receiver_of(target)
    if part is None:
        return Story("")
    part = _copying(case, part)
    if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr == "diag":
        view = case.text_of(part.func.value) + ".diagonal"
        return Story(
            f"line {case.line}: {row.text} diagonal() is a view.",
            proposals=[case.changed([(part.func, view)], "the diagonal itself")],
        )
    copied, owner = case.text_of(part), root_name(part) or "the tensor"
    story = Story(
        f"line {case.line} wrote into the copy that {copied} made. Nobody holds that copy: {owner} is as it was.",
    )
    tree = case.statement.tree
    if isinstance(part, ast.Subscript) and isinstance(tree, ast.Assign | ast.AugAssign | ast.Expr):
        names = case.trace.session.names
        name = next(each for each in ("part", "part_", "the_part") if each not in names)
        changed = case.changed([(part, name)], "")
        if changed is not None:
            source = f"{name} = {copied}\n{changed.edits[0].after}\n{copied} = {name}"
            story.proposals.append(
                case.journal.replaced(case.at, source, "take the part, write into it, put it back")
            )
    return story


def _copying(case: Case, part: ast.expr) -> ast.expr:
    """Of `x[m][0:1]`, the part that is a copy: `x[m]`."""
    each = part
    while isinstance(each, ast.Subscript):
        own = case.tensor(each)
        if own is None:
            return part
        if case.engine.base(own) is None:
            return each  # no view of what it was taken of
        each = each.value
    return part


def overlapping_write(case: Case, row: HazardRow) -> Story:
    """`a[:, 1:] = a[:, :-1]`: read a copy."""
    told = smearing(case, ". The result depends on the order, and PyTorch does not notice.")
    return Story(f"line {case.line}: {told.title}", proposals=told.proposals)


def duplicate_index(case: Case, row: HazardRow) -> Story:
    """`x[[0, 0, 1]] += 1`: accumulate."""
    node = _expression(case)
    story = Story("")
    if not isinstance(node, ast.AugAssign) or not isinstance(node.target, ast.Subscript):
        return story
    owner, value = case.text_of(node.target.value), case.text_of(node.value)
    index = node.target.slice
    sign = AUGMENTED.get(type(node.op), "?")
    part = as_loaded(case, node.target)
    many = f"{case.engine.look(part).numel} " if part is not None else "the "
    story.title = (
        f"line {case.line}: {row.text.rstrip('.')}. {case.text_of(node.target)} {sign}= {value} reads {many}"
        f"elements into a copy, computes, and writes them back one after the other."
    )
    if isinstance(node.op, ast.Add | ast.Sub) and not isinstance(index, ast.Slice):
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        if not any(isinstance(each, ast.Slice) for each in parts):
            texts = [(case.text_of(each), each) for each in parts]
            indices = ", ".join(
                text if _is_tensor(case, each) else f"torch.tensor({text})" for text, each in texts
            )
            added = value if isinstance(node.op, ast.Add) else f"-{atom(node.value, value)}"
            if isinstance(node.op, ast.Sub) and isinstance(node.value, ast.Constant):
                added = f"-{value}"
            if not _is_tensor(case, node.value):
                added = f"torch.tensor({added}, dtype={owner}.dtype)"
            new = f"{owner}.index_put_(({indices},), {added}, accumulate=True)"
            story.proposals.append(case.changed([(node, new)], "each of them is added"))
    return story


def _is_tensor(case: Case, node: ast.expr) -> bool:
    """Whether an expression is a tensor; one whose value is gone with the names of its function is taken for one, if it can be
    one.
    """
    value = case.value(node)
    if value is None:
        return not isinstance(node, ast.Constant | ast.List | ast.Tuple)
    return case.engine.kind(value) == "tensor"


def wrap_around(case: Case, row: HazardRow) -> Story:
    """`u + 300` in uint8: compute in a dtype that holds the result."""
    node = _expression(case)
    story = Story(f"line {case.line}: {row.text}")
    story.notes.append(
        "integer arithmetic is modular; a Python number never widens the dtype of a tensor, and in place no dtype changes."
    )
    operand: ast.expr | None = None
    if isinstance(node, ast.BinOp):
        operand = next((each for each in (node.left, node.right) if case.tensor(each) is not None), None)
    elif isinstance(node, ast.AugAssign):
        operand = node.target
    elif isinstance(node, ast.Call):
        parts = (receiver_of(node), *node.args)
        operand = next((each for each in parts if case.tensor(each) is not None), None)
    elif isinstance(node, ast.UnaryOp):
        operand = node.operand
    if operand is None:
        return story
    text = case.text_of(operand)
    for wanted in WIDER:
        wide = f"{atom(operand, text)}.to(torch.{wanted})"
        note = f"computed in {wanted}"
        if isinstance(node, ast.AugAssign):
            sign = AUGMENTED.get(type(node.op))
            if isinstance(operand, ast.Name) and sign is not None:
                value = case.text_of(node.value)
                value = value if isinstance(node.value, ast.Constant) else atom(node.value, value)
                new = f"{text} = {wide} {sign} {value}"
                story.proposals.append(case.changed([(node, new)], f"{text} is {wanted} then"))
        else:
            story.proposals.append(case.changed([(operand, wide)], note))
    return story


def gradient_alias(case: Case, row: HazardRow) -> Story:
    """`g = x.grad`, and then another backward pass: keep a copy."""
    held = row.names[0]
    at = case.bound_at(held)
    story = Story(f"line {case.line}: {row.text}")
    if at is None:
        return story
    tree = case.journal.tree(at)
    if isinstance(tree, ast.Assign):
        value = tree.value
        story.events.append(case.event(at, f"{held} is the very tensor, not its values", "shared"))
        source = case.journal.source(at, value)
        story.proposals.append(
            case.journal.changed(at, [(value, f"{atom(value, source)}.clone()")], "keep the values")
        )
    return story


def gradient_twice(case: Case, row: HazardRow) -> Story:
    """A backward pass that adds to what was applied: begin anew before it."""
    story = Story(f"line {case.line}: {row.text}")
    made = [
        name
        for name, value in case.trace.session.names.items()
        if hasattr(value, "zero_grad") and hasattr(value, "step")
    ]
    stepping = (root_name(node) for node in ast.walk(case.tree) if called_name(node) == "step")
    for name in dict.fromkeys([*made, *filter(None, stepping)]):
        story.proposals.append(_before_the_pass(case, f"{name}.zero_grad()", "begin each gradient anew"))
    if row.names:
        story.proposals.append(
            _before_the_pass(case, f"{row.names[0]}.grad = None", "begin its gradient anew")
        )
    return story


def _before_the_pass(case: Case, source: str, note: str) -> Proposal | None:
    """With a statement before the last backward pass: the one where it happened, or one of an earlier statement."""
    if has_pass(case.inner):
        return case.before(source, note)
    earlier = (at for at in range(case.at - 1, -1, -1) if has_pass(case.journal.tree(at)))
    at = next(earlier, None)
    return None if at is None else case.journal.inserted(at, source, note)


def outer_difference(case: Case, row: HazardRow) -> Story:
    """`p - t` of (N, 1) and (N,): one of them with the other's shape."""
    found = operands(case)
    story = Story(f"line {case.line}: {row.text}", told(case, found, "shape {look.sizes}")[:-1])
    # (N,) is what else there is mostly has: (N, 1) would go on to broadcast.
    for each in sorted(found, key=lambda each: -len(each.look.sizes)):
        suffix = ".squeeze(1)" if len(each.look.sizes) == 2 else ".unsqueeze(1)"
        story.proposals.append(with_operand(case, each.node, suffix, f"{each.text} with the other's shape"))
    if not found:
        story.proposals.extend(_with_the_shape_of(case, row))
    return story


def _with_the_shape_of(case: Case, row: HazardRow) -> Iterator[Proposal | None]:
    """The same in a function whose names are gone with it: the shapes are those that the hazard tells."""
    node = case.expression()
    for each in (node.left, node.right) if isinstance(node, ast.BinOp) else ():
        text = case.text_of(each)
        if f"{text} (" in row.text:
            suffix = (
                ".squeeze(1)" if re.search(rf"{re.escape(text)} \(\d+, 1\)", row.text) else ".unsqueeze(1)"
            )
            yield case.changed([(each, behind(each, text, suffix))], f"{text} with the other's shape")


def no_slope(case: Case, row: HazardRow) -> Story:
    """A gradient that is 0 throughout: the step on the way, with the slope of its operand or without it."""
    leaf = case.trace.session.value_of(ast.parse(row.names[0], mode="eval").body) if row.names else None
    told = None if leaf is None else zeroed(case, leaf, row.names[0], case.at)
    if told is None:
        return Story(f"line {case.line}: {row.text}")
    told.events.pop()  # what the pass gave is said by the last line
    return told
