"""Mixed precision: what a scaler of gradients refuses, and a loss that autocast does."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorcli.explorer.trees import called_name, calls_in, receiver_of, root_name
from tensorcli.explorer.why.called import called
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.networks import squashing
from tensorcli.explorer.why.operands import operands

WITH_SCORES = {
    "BCELoss": "BCEWithLogitsLoss",
    "binary_cross_entropy": "binary_cross_entropy_with_logits",
}


def told(case: Case) -> Story:
    """What autocast or a scaler refuses."""
    if "autocast" in case.failure.message:
        return _unsafe(case)
    if "inf checks" in case.failure.message:
        return _unchecked(case)
    return _half(case) if "FP16" in case.failure.message else _scaler(case)


def _unsafe(case: Case) -> Story:
    """A binary cross entropy of probabilities under autocast: the one of scores, and a network that gives them."""
    story = called(case)
    story.title = "autocast refuses the binary cross entropy of probabilities, and takes that of scores."
    scores = list(_gives_scores(case))
    for at in range(case.at, -1, -1):
        for node in calls_in(case.journal.tree(at), *WITH_SCORES):
            function = case.journal.source(at, node.func)
            name = called_name(node)
            new = function.removesuffix(name) + WITH_SCORES[name]
            for place, squash, identity in scores:
                if place == at:
                    changes: list[tuple[ast.AST, str]] = [(node.func, new), (squash, identity)]
                    story.proposals.append(case.journal.changed(at, changes, "a loss of scores"))
                else:
                    one = case.journal.changed(
                        at, [(node.func, new)], "a loss of scores, and a network that gives them"
                    )
                    other = case.journal.changed(place, [(squash, identity)], "")
                    both = [each for each in (one, other) if each is not None]
                    story.proposals.append(case.journal.together(both))
    return story


def _gives_scores(case: Case) -> Iterator[tuple[int, ast.Call, str]]:
    """Where probabilities were made of scores, and what gives the scores there."""
    for each in operands(case):
        made = case.made(each.value)
        for at, node in squashing(case, made[1].node_at if made else each.node, ("sigmoid",)):
            layer = called_name(node)
            if layer[0].isupper():
                yield at, node, case.journal.source(at, node.func).removesuffix(layer) + "Identity()"


def _scaler(case: Case) -> Story:
    """`scaler.step(opt)` without a scaled loss, and `unscale_()` twice in a round."""
    message, inner = case.failure.message, case.inner
    story = Story("", [case.raised(message.partition("  ")[0])])
    name = root_name(inner.value) if isinstance(inner, ast.Expr) else None
    if "already been called" in message:
        story.title = (
            f"the gradients were divided by the factor of {name or 'the scaler'} in this round already."
        )
        story.proposals.append(case.journal.removed(case.home, inner, "once in a round"))
        return story
    story.title = f"{name or 'the scaler'} has multiplied no loss yet, and would divide gradients that are what they are."
    for at in range(case.home, -1, -1):
        for node in calls_in(case.journal.tree(at), "backward"):
            loss = receiver_of(node)
            if loss is not None and name is not None:
                new = f"{name}.scale({case.journal.source(at, loss)})"
                story.proposals.append(
                    case.journal.changed(at, [(loss, new)], "a pass of the multiplied loss")
                )
    return story


def _unchecked(case: Case) -> Story:
    """`opt.step()` where `scaler.step(opt)` was meant, and then `scaler.update()`."""
    name = root_name(case.inner.value) if isinstance(case.inner, ast.Expr) else None
    name = name or "the scaler"
    story = Story(
        f"{name}.update() goes by what {name}.step() found in the gradients, and no such step was made since the last one."
    )
    for at in range(case.home, -1, -1):
        for node in calls_in(case.journal.tree(at), "step"):
            owner = receiver_of(node)
            if owner is None or node.args or not hasattr(case.value(owner), "param_groups"):
                continue
            text = f"a step by gradients that have the factor of {name} in them"
            story.events.append(case.event(at, text, "wrote", culprit=True, node=node))
            new = f"{name}.step({case.journal.source(at, owner)})"
            story.proposals.append(
                case.journal.changed(at, [(node, new)], "divides the gradients, looks at them, and steps")
            )
        if story.events:
            break
    story.events.append(case.raised("no step to go by"))
    return story


def _half(case: Case) -> Story:
    """Gradients of float16: a scaler is for parameters of float32."""
    story = Story(
        "a scaler is for parameters of float32, which autocast computes with in float16: those that are float16 themselves have "
        "gradients of it.",
        [case.raised("finds gradients of float16")],
    )
    for at in range(case.at, -1, -1):
        for node in calls_in(case.journal.tree(at), "half"):
            owner = receiver_of(node)
            if owner is not None:
                text = case.journal.source(at, owner)
                story.events.insert(0, case.event(at, "makes them float16", "made", culprit=True, node=node))
                story.proposals.append(
                    case.journal.changed(at, [(node, text)], "float32; autocast does the rest")
                )
    return story
