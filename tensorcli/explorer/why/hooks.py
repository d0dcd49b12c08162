"""Hooks that put something else in the place of a gradient: which hook, and where it was registered."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from tensorcli.explorer.trees import called_name, calls_in, receiver_of
from tensorcli.explorer.why.called import called
from tensorcli.explorer.why.case import Case, Story

_NAMED: Final = re.compile(r"hook '([^']+)'")
LAMBDA: Final = "<lambda>"
OLD: Final = "register_backward_hook"


def result(case: Case) -> Story:
    """A hook whose result is no gradient of its tensor: where it was registered, and what it returns."""
    story = called(case)
    found = _NAMED.search(case.failure.message)
    name = found.group(1) if found else ""
    for at, node in _registered(case, name):
        value = node.args[0]
        text = case.journal.source(at, value.body) if isinstance(value, ast.Lambda) else name
        receiver = receiver_of(node)
        owner = "a tensor" if receiver is None else case.journal.source(at, receiver)
        event = case.event(at, f"{text} is what the hook of {owner} gives", "made", culprit=True, node=node)
        story.events.insert(0, event)
        story.title = f"line {event.line}: {story.title[0].lower()}{story.title[1:]}"
        nothing = f"lambda {ast.unparse(value.args)}: None" if isinstance(value, ast.Lambda) else ""
        if nothing:
            story.proposals.append(
                case.journal.changed(at, [(value, nothing)], "the gradient stays as it is")
            )
        break
    return story


def not_full(case: Case) -> Story:
    """`register_backward_hook` of a module that records several nodes: the hook of the module as a whole."""
    story = called(case)
    for at in range(case.at, -1, -1):
        for node in calls_in(case.journal.tree(at), OLD):
            function = case.journal.source(at, node.func)
            event = case.event(at, "sees the last node of the module", "made", culprit=True, node=node)
            story.events.insert(0, event)
            new = function.removesuffix(OLD) + "register_full_backward_hook"
            story.proposals.append(case.journal.changed(at, [(node.func, new)], "sees the whole module"))
    return story


def _registered(case: Case, name: str) -> Iterator[tuple[int, ast.Call]]:
    """Where hooks of a name were registered, the last one first."""
    for at in range(case.at, -1, -1):
        for node in calls_in(case.journal.tree(at)):
            if not called_name(node).startswith("register_") or not node.args:
                continue
            given = node.args[0]
            if isinstance(given, ast.Lambda) if name == LAMBDA else getattr(given, "id", "") == name:
                yield at, node
