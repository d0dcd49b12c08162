"""Where the prompt's history is kept: a file in the platform's state folder that only the user can read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory


class EntryHistory(FileHistory):
    """Appends each entry as it is made; a disk that refuses costs the entry's memory, never the session."""

    def load_history_strings(self) -> Iterable[str]:
        try:
            return list(super().load_history_strings())
        except OSError:
            return []

    def store_string(self, string: str) -> None:
        try:
            super().store_string(string)
        except OSError:
            return


def history_path() -> Path:
    """The history file, in the platform's folder for state."""
    from platformdirs import user_state_path

    return user_state_path("tensorcli", appauthor=False) / "history"


def open_history(path: Path) -> History:
    """The history at `path`, made with mode 0600 where it is not there; in memory alone where it cannot be made."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        os.chmod(path, 0o600)
    except OSError:
        return InMemoryHistory()
    return EntryHistory(path)
