"""Learning rates that change before the optimizer made its first step with them."""

from __future__ import annotations

import ast

from tensorcli.explorer.trees import called_name, root_name
from tensorcli.explorer.why.case import Case, Story


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
