"""Learning rates that change before the optimizer made its first step with them, or more often than was planned; and by what."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING

from tensorcli.explorer.trees import called_name, calls_in, root_name
from tensorcli.explorer.why.case import Case, Story

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal


def too_early(case: Case) -> Story:
    """`scheduler.step()` before `optimizer.step()`: behind it, where one block has both."""
    step = case.inner
    plan = root_name(step.value) if isinstance(step, ast.Expr) else None
    story = Story(
        f"{plan or 'the scheduler'} went on to the next learning rate before a step was made with the first one.",
        [case.raised("the optimizer has made no step yet")],
    )
    for block in ast.walk(case.statement.tree):
        body = getattr(block, "body", None)
        if not isinstance(body, list) or step not in body:
            continue
        first = body.index(step)
        for place, later in enumerate(body[first + 1 :], first + 1):
            call = later.value if isinstance(later, ast.Expr) else None
            if called_name(call) == "step" and root_name(call) != plan:
                moved = [*body[first + 1 : place + 1], step]
                changes = [(old, case.text_of(new)) for old, new in zip(body[first:], moved, strict=False)]
                story.proposals.append(case.changed(changes, "first the step, then the next learning rate"))
    return story


def too_many(case: Case) -> Story:
    """More steps than a scheduler was told: as many as the loops around its step make."""
    told = re.findall(r"\d+", case.failure.message)
    call = case.call("step")
    plan = root_name(call) or "the scheduler"
    rounds = _rounds(case)
    story = Story(
        f"{plan} was told that there are {told[-1]} steps in all, and each call of its step() is one: this is one more.",
        [case.raised(f"step {told[0]}")],
    )
    if rounds:
        product = f", which is {prod(rounds)}" if len(rounds) > 1 else ""
        story.title += f" The loops around it make {' times '.join(map(str, rounds))}{product}."
    for at in range(case.at):
        for node in calls_in(case.journal.tree(at), "OneCycleLR"):
            story.events.insert(
                0, case.event(at, f"{told[-1]} steps in all", "made", culprit=True, node=node)
            )
            story.proposals.extend(_as_many(case, at, node, rounds))
    return story


def _rounds(case: Case) -> list[int]:
    """How many rounds each of the loops around the failing statement makes, from the outside; none where one does not say."""
    found = []
    for loop in ast.walk(case.tree):
        if isinstance(loop, ast.For) and any(each is case.inner for each in ast.walk(loop)):
            items = case.value(loop.iter)
            if not hasattr(items, "__len__"):
                return []
            found.append(len(items))
    return found


def _as_many(case: Case, at: int, node: ast.Call, rounds: list[int]) -> Iterator[Proposal | None]:
    given = {each.arg: each.value for each in node.keywords}
    note = "as many as the loops make"
    if "total_steps" in given and rounds:
        yield case.journal.changed(at, [(given["total_steps"], str(prod(rounds)))], note)
    elif len(rounds) == 2 and {"epochs", "steps_per_epoch"} <= {*given}:
        counts = zip(("epochs", "steps_per_epoch"), rounds, strict=True)
        yield case.journal.changed(at, [(given[name], str(count)) for name, count in counts], note)


def by_what(case: Case) -> Iterator[Proposal | None]:
    """`plan.step(val_loss)` of a scheduler that goes by a measure: a number that the same block has computed before."""
    call = case.expression()
    if "ReduceLROnPlateau.step()" not in case.failure.message or not isinstance(call, ast.Call):
        return
    names: list[str] = []
    for block in ast.walk(case.tree):
        body = getattr(block, "body", None)
        if isinstance(body, list) and case.inner in body:
            for each in body[: body.index(case.inner)]:
                target = each.targets[0] if isinstance(each, ast.Assign) else None
                target = each.target if isinstance(each, ast.AugAssign) else target
                if isinstance(target, ast.Name) and _is_number(case, target.id):
                    names.append(target.id)
    # What was computed last is rather what is watched, and what is called so all the more.
    for name in sorted(dict.fromkeys(reversed(names)), key=lambda each: "val" not in each)[:2]:
        text = f"{case.text_of(call.func)}({name})"
        yield case.changed([(call, text)], f"the rate goes by {name}")


def _is_number(case: Case, name: str) -> bool:
    value = case.value(ast.Name(name, ast.Load()), like=case.node())
    tensor = case.engine.kind(value) == "tensor"
    return case.engine.look(value).numel == 1 if tensor else isinstance(value, float)
