"""The session behind the prompt: its modules are imported in a thread while the prompt is drawn and the user
types.

Whoever asks for the session waits until it is there, and so does completion. The toolbar and the colours never wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


class Background:
    """A session that is being made. `make` constructs it; the slow part is what it imports."""

    def __init__(self, make: Callable[[], Session], load: Callable[[], object]) -> None:
        self._make = make
        self._load = load
        self._session: Session | None = None
        self._thread = threading.Thread(target=self._import, name="tensorcli-engine", daemon=True)
        self._started = False

    def start(self) -> None:
        """Begins to import; more than once is once."""
        if not self._started:
            self._started = True
            self._thread.start()

    @property
    def session(self) -> Session:
        """The session, waited for. Raises what its making raised."""
        if self._session is None:
            self.start()
            self._thread.join()
            self._session = self._make()
        return self._session

    @property
    def present(self) -> Session | None:
        """The session if it is there already."""
        return self._session

    def _import(self) -> None:
        try:
            self._load()
        except ImportError:
            return  # the main thread meets it again, where it can be said
