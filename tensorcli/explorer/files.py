"""Which files a command may write: none, unless whoever opened the session said where, and how.

Nothing is opened here: the caller that shows results hands in what writes one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tensorcli.explorer.results import Answer

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


@dataclass(frozen=True, slots=True)
class Files:
    """Where files may be written, and what writes a result into one."""

    folder: str
    """Relative paths begin here."""
    within: str
    """Nothing outside of this folder is written."""
    write: Callable[[str, Answer], None]
    """Writes a result into the file of this path. Raises OSError."""


def permitted(session: Session, path: str, suffixes: Sequence[str]) -> str:
    """The full path of a file that may be written. Errors: ValueError for another suffix, PermissionError for a
    place outside of the allowed folder.
    """
    suffix = os.path.splitext(path)[1].removeprefix(".").lower()
    if suffix not in suffixes:
        endings = ", ".join("." + each for each in suffixes)
        raise ValueError(f"-o wants a file that ends in {endings}; {path!r} does not")
    files = session.files
    if files is None:
        raise PermissionError(
            "files are written only where the run allows it: tensorcli run --allow-files DIR"
        )
    within = os.path.realpath(files.within)
    full = os.path.realpath(os.path.join(files.folder, path))
    if os.path.commonpath([within, full]) != within:
        raise PermissionError(f"{path!r} is outside of {files.within}, where this run may write")
    return full


def export(session: Session, path: str, found: Answer) -> None:
    """Write a result, unless this is a replay of what was written before. Errors: OSError."""
    if session.files is not None and not session.hearing.silent:
        session.files.write(path, found)
