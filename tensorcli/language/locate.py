"""Where in the script something happened: read off the traceback of an exception, or off the running stack.

The closures of the compiled script keep their node in a local named `node`; nothing has to be recorded
while a script runs.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from tensorcli.language.syntax import Span, span_of

_CLOSURES = frozenset(
    "tensorcli.language." + name for name in ("targets", "displays", "expressions", "statements")
)
_CALLS = "tensorcli.language.functions"


def _node(frame: FrameType) -> ast.AST | None:
    if frame.f_globals.get("__name__") not in _CLOSURES:
        return None
    node = frame.f_locals.get("node")
    return node if isinstance(node, ast.AST) and hasattr(node, "lineno") else None


def locate_nodes(exception: BaseException) -> list[ast.AST]:
    """For each call of the script that the exception passed through, the innermost node that was being
    evaluated.

    The innermost call comes first. Empty where the exception was not raised below a script.
    """
    calls: list[ast.AST | None] = [None]
    step = exception.__traceback__
    while step is not None:
        frame = step.tb_frame
        if frame.f_globals.get("__name__") == _CALLS and frame.f_code.co_name == "invoke":
            calls.append(None)
        else:
            node = _node(frame)
            if node is not None:
                calls[-1] = node
        step = step.tb_next
    return [node for node in reversed(calls) if node is not None]


def locate(exception: BaseException) -> list[Span]:
    """The places in the script that an exception came through, innermost first."""
    return [span_of(node) for node in locate_nodes(exception)]


def _evaluating(exception: BaseException) -> Iterator[tuple[ast.AST, dict[str, Any]]]:
    """The nodes whose evaluation the exception passed through, the innermost last, each with the closure's names."""
    step = exception.__traceback__
    while step is not None:
        node = _node(step.tb_frame)
        if node is not None:
            yield node, step.tb_frame.f_locals
        step = step.tb_next


def innermost_frame(exception: BaseException) -> Any:
    """The `functions.Frame` whose names the innermost node of `locate_nodes` was evaluated in; None where there is none."""
    found = None
    for _, local in _evaluating(exception):
        found = local.get("frame", found)
    return found


def failed_call(exception: BaseException) -> tuple[Any, dict[str, Any]] | None:
    """The function whose call with keywords was the innermost node that was being evaluated, and those; None for none."""
    evaluated = [*_evaluating(exception)]
    if evaluated:
        node, local = evaluated[-1]
        if isinstance(node, ast.Call) and "function" in local and "named" in local:
            return local["function"], local["named"]
    return None


def current_node() -> ast.AST | None:
    """The innermost node that is being evaluated on this thread's stack."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        node = _node(frame)
        if node is not None:
            return node
        frame = frame.f_back
    return None


def current_frame() -> Any:
    """The `functions.Frame` in which the innermost node on this thread's stack is being evaluated; None where none is."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") in _CLOSURES and "frame" in frame.f_code.co_varnames:
            return frame.f_locals["frame"]
        frame = frame.f_back
    return None


def running_calls() -> list[tuple[str, ast.AST]]:
    """The calls of the script on this thread's stack, outermost first: the function's name, and its innermost
    node that is being evaluated.
    """
    calls: list[tuple[str, ast.AST]] = []
    innermost: ast.AST | None = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == _CALLS and frame.f_code.co_name == "invoke":
            if innermost is not None:
                calls.append((frame.f_locals["self"].__name__, innermost))
            innermost = None
        elif innermost is None:
            innermost = _node(frame)
        frame = frame.f_back
    if innermost is not None:
        calls.append(("<module>", innermost))
    return calls[::-1]
