"""Calls at the wrong time, told: gradients clipped too early or too late, dropout in evaluation, steps in it; steps that write
one memory twice, and steps that were never made.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tensorcli.explorer.hazards.untimely import APPLIED, DROPOUTS
from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.trees import called_name, holds, receiver_of
from tensorcli.explorer.why.case import Case, Story
from tensorcli.language.syntax import in_order

if TYPE_CHECKING:
    from tensorcli.explorer.results import HazardRow


def idle_clip(case: Case, row: HazardRow) -> Story:
    """`clip_grad_norm_` before the pass or after the step: the two in the other order."""
    story = Story(f"line {case.line}: {row.text}")
    late = APPLIED in row.text
    clip = case.inner
    for at, statement in _beside(case, "step" if late else "backward", late):
        if at == case.home:
            texts = case.journal.source(at, clip), case.journal.source(at, statement)
            changes: list[tuple[ast.AST, str]] = [(clip, texts[1]), (statement, texts[0])]
            story.proposals.append(case.journal.changed(at, changes, "between the pass and the step"))
        elif late:
            story.proposals.append(case.journal.moved_below(at, case.home, "between the pass and the step"))
        break
    return story


def _beside(case: Case, method: str, before: bool) -> list[tuple[int, ast.stmt]]:
    """The statements that call a method, nearest first: those before the one in question, or those behind it."""
    line = case.inner.lineno
    found: list[tuple[int, ast.stmt]] = [
        (at, node)
        for at in range(case.home + 1)
        for node in ast.walk(case.journal.tree(at))
        if isinstance(node, ast.Expr) and called_name(node.value) == method
    ]
    beside = [(at, node) for at, node in found if at != case.home or (node.lineno < line) == before]
    return beside[::-1] if before else beside


def dropout_in_evaluation(case: Case, row: HazardRow) -> Story:
    """`F.dropout(x)` of a network in evaluation mode: told the network's mode."""
    story = Story(f"line {case.line}: {row.text}")
    call = case.call(*DROPOUTS)
    if call is not None:
        new = with_argument(case.text_of(call), f"training={row.names[0]}.training")
        story.proposals.append(case.changed([(call, new)], f"goes by the mode of {row.names[0]}"))
    return story


def stayed_in_evaluation(case: Case, row: HazardRow) -> Story:
    """A network that a loop puts into evaluation mode and goes on training: back to training at each round's beginning."""
    story = Story(f"line {case.line}: {row.text}")
    name = row.names[1]
    for at in range(case.home, -1, -1):
        for node in ast.walk(case.journal.tree(at)):
            if ast.unparse(node) == f"{name}.eval()" and isinstance(node, ast.Call):
                story.events.append(case.event(at, f"{name} goes over to evaluation", "wrote", node=node))
    loops = [
        each
        for each in ast.walk(case.tree)
        if isinstance(each, ast.For | ast.While) and holds(each, case.inner)
    ]
    if loops:
        note = "training at the beginning of each round"
        story.proposals.append(case.journal.before(case.home, loops[0].body[0], f"{name}.train()", note))
    within = None if loops else case.function_around(case.home, case.inner)
    if within is not None:
        at, function = within
        body = function.body[1:] if ast.get_docstring(function) else function.body
        note = "training at the beginning of each call"
        story.proposals.append(case.journal.before(at, body[0], f"{name}.train()", note))
    for at in range(case.home - 1 if not loops else -1, -1, -1):
        if any(_calls(node, name) for node in ast.walk(case.journal.tree(at))):
            story.proposals.append(case.journal.inserted(at, f"{name}.train()", "training from here on"))
            break
    return story


def _calls(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def twice_held(case: Case, row: HazardRow) -> Story:
    """`out.weight.data = emb.weight.data`: one parameter under both names."""
    story = Story(f"line {case.line}: {row.text}")
    both = set(row.names[1:])
    for at in range(case.home + 1):
        for node in ast.walk(case.journal.tree(at)):
            if not isinstance(node, ast.Assign) or len(both) < 2:
                continue
            target, value = (
                ast.unparse(each).removesuffix(".data") for each in (node.targets[0], node.value)
            )
            if {target, value} == both:
                story.events.append(
                    case.event(at, f"{target} takes the memory of {value}", "shared", node=node)
                )
                story.proposals.append(case.journal.instead(at, node, f"{target} = {value}", "one parameter"))
            elif target in both and any(
                each in both - {target} for each in map(ast.unparse, in_order(node.value))
            ):
                text = f"{target} is a parameter of its own over the memory of {(both - {target}).pop()}"
                story.events.append(case.event(at, text, "shared", culprit=True, node=node))
                story.notes.append(
                    f"computed in each pass instead ({_argument(node.value)}), it is one parameter."
                )
    return story


def _argument(node: ast.expr) -> str:
    """`w.t()` of `nn.Parameter(w.t())`."""
    return ast.unparse(node.args[0] if isinstance(node, ast.Call) and node.args else node)


def no_step(case: Case, row: HazardRow) -> Story:
    """A loop that makes gradients and drops them: a step behind the pass."""
    story = Story(f"line {case.line}: {row.text}")
    step = f"{row.names[0]}.step()"
    passes = [(at, node) for before in (False, True) for at, node in _beside(case, "backward", before)]
    for at, node in passes[:1]:
        event = case.event(at, "makes gradients, which nothing applies", "made", culprit=True, node=node)
        story.events.append(event)
        source = f"{case.journal.source(at, node)}\n{step}"
        story.proposals.append(case.journal.instead(at, node, source, "apply the gradients of the pass"))
    return story


def frozen_moves(case: Case, row: HazardRow) -> Story:
    """A step that moves what was frozen: without the gradient that it goes by."""
    story = Story(f"line {case.line}: {row.text}")
    optimizer = row.names[0]
    for at in range(case.home + 1):
        tree = case.journal.tree(at)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node) == f"{optimizer}.zero_grad(set_to_none=False)"
            ):
                story.events.append(
                    case.event(at, "writes zeros into the gradients, and keeps them", "wrote", node=node)
                )
                new = f"{optimizer}.zero_grad()"
                story.proposals.append(
                    case.journal.changed(at, [(node, new)], "drop the gradients: what has none is left out")
                )
    dropped = (
        f"for group in {optimizer}.param_groups:\n    for each in group['params']:\n"
        "        if not each.requires_grad:\n            each.grad = None"
    )
    story.proposals.append(case.before(dropped, "no gradient of what is frozen"))
    return story


def dropped_passes(case: Case, row: HazardRow) -> Story:
    """zero_grad() in each round, and a step in some of them: the one beside the other."""
    story = Story(f"line {case.line}: {row.text}")
    optimizer, drop = row.names[0], case.inner
    for _, step in _beside(case, "step", False):
        if not holds(case.tree, step) or not any(ast.unparse(each) == optimizer for each in ast.walk(step)):
            continue
        story.events.append(case.event(case.home, "applies the last pass alone", "other", node=step))
        lines = [case.text_of(step), case.text_of(drop)]
        behind = ("\n" + " " * step.col_offset).join(lines)
        without = case.journal.line_of(case.home, drop)
        if without is not None:
            changes = [(without, ""), (step, behind)]
            story.proposals.append(
                case.journal.changed(case.home, changes, "gradients add up until the step")
            )
        break
    return story


def scaled_clip(case: Case, row: HazardRow) -> Story:
    """Gradients that are clipped with a scaler's factor in them: divided before."""
    story = Story(f"line {case.line}: {row.text}")
    scaler, *optimizers = row.names
    for each in optimizers:
        source = f"{scaler}.unscale_({each})"
        story.proposals.append(case.before(source, "the gradients of the loss itself"))
    return story


def vanished_rate(case: Case, row: HazardRow) -> Story:
    """A scheduler that goes on with each batch: with each epoch."""
    story = Story(f"line {case.line}: {row.text}")
    for at, step in _beside(case, "step", False):
        owner = receiver_of(step.value) if isinstance(step, ast.Expr) else None
        loops = [
            each
            for each in ast.walk(case.journal.tree(at))
            if isinstance(each, ast.For | ast.While) and holds(each, step)
        ]
        if owner is None or not hasattr(case.value(owner), "last_epoch") or len(loops) < 2:
            continue
        story.events.append(case.event(at, "goes on with each batch", "wrote", culprit=True, node=step))
        batches, without = loops[-1], case.journal.line_of(at, step)
        if without is not None and batches.body[-1] is step:
            whole, line = case.journal.source(at, batches), case.journal.source(at, without)
            later = f"\n{' ' * batches.col_offset}{case.journal.source(at, step)}"
            changed = [(batches, whole.removesuffix(line) + later)]
            story.proposals.append(case.journal.changed(at, changed, "with each epoch"))
    return story
