"""Says that a command takes its time because statements run again, and how it is stopped."""

from __future__ import annotations

import sys
from threading import Timer
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

SECONDS = 2.0
SAID = " the statements run again; Ctrl-C stops that\n"


class Patience:
    """A context in which statements run; `again` is called where the next one begins. Somebody must be there to read."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._timer: Timer | None = None

    def __enter__(self) -> Patience:
        self.again()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def again(self) -> None:
        """Begin to wait anew."""
        if self._timer is not None:
            self._timer.cancel()
        if sys.stderr is not None and sys.stderr.isatty():
            self._timer = Timer(SECONDS, self._say)
            self._timer.daemon = True
            self._timer.start()

    def _say(self) -> None:
        from tensorcli.explorer.commands.registry import RUNNING_AGAIN

        session = self._session
        command = session.asked.alone
        if session.hearing.silent or (command is not None and command.verb in RUNNING_AGAIN):
            sys.stderr.write(SAID)
            sys.stderr.flush()
