"""Reads scripts from files, and words the errors of the file system."""

from __future__ import annotations

import os

LIMIT = (
    8 << 20
) * 4 + 1  # bytes of the longest script that the language takes, and one more for it to refuse


def read_file(path: str) -> bytes:
    """The bytes of a file, as many as a script may have. Raises OSError."""
    with open(path, "rb") as file:
        return file.read(LIMIT)


def reason(error: OSError) -> str:
    """What the system says, in words of its own."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a directory, not a script"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return (error.strerror or os.strerror(error.errno or 0)).lower()
