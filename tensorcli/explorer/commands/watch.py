"""`watch`: a value that is shown again whenever a statement changes it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tensorcli.explorer.commands.arguments import typed
from tensorcli.explorer.results import Answer, Watching
from tensorcli.explorer.watching import can_watch, peek
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


def watch(session: Session, invocation: Invocation) -> Answer:
    """Show a value again whenever a statement changes it; without one, list what is watched."""
    if invocation.get("clear"):
        session.watched.clear()
    elif invocation.arguments:
        argument = invocation.arguments[0]
        assert isinstance(argument.value, ast.expr)
        if not can_watch(session, argument.value):
            raise TypeError("watch follows a name, an item of it (x[0]), its .grad, or a part of a network")
        text = typed(session, invocation, argument)
        session.watched[text] = (argument.value, peek(session, argument.value))
    return Watching(tuple((text, value.text) for text, (_, value) in session.watched.items()))
