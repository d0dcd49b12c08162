"""What the prompt knows of the session while a line is typed: verbs, names, completions, the segments of the
toolbar.

Knows no prompt_toolkit. Colours and the toolbar take what is there already; completion and Enter wait for the
session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tensorcli.repl.background import Background

if TYPE_CHECKING:
    from tensorcli.language.complete import Completion
    from tensorcli.language.syntax import Verb

NO_VERBS: Mapping[str, Verb] = {}


class Assistance:
    """Reads the session for the prompt; never runs anything in it."""

    def __init__(self, background: Background) -> None:
        self._background = background

    @property
    def verbs(self) -> Mapping[str, Verb]:
        """The verbs, none before the session is there."""
        session = self._background.present
        return NO_VERBS if session is None else session.verbs

    @property
    def names(self) -> Iterable[str]:
        """The names that are bound, none before the session is there."""
        session = self._background.present
        return () if session is None else session.names

    @property
    def known_verbs(self) -> Mapping[str, Verb]:
        """The verbs, waited for."""
        return self._background.session.verbs

    @property
    def known_names(self) -> Iterable[str]:
        """The names that are bound, waited for."""
        return self._background.session.names

    def completions(self, text: str, cursor: int) -> list[Completion]:
        """What could be typed at the cursor."""
        from tensorcli.language.complete import complete

        session = self._background.session
        return complete(text, cursor, session.verbs, session.names, session.attributes_of)

    def segments(self) -> list[str]:
        """The parts of the toolbar that have something to say."""
        session = self._background.present
        state = [] if session is None else list(session.segments())
        return [*state, "F1 help", "Ctrl-D leaves"]
