"""Scripts as bytes: from files, from standard input, from the command line.

Decoding a text, and what is said of one that cannot be decoded, belong to the language; here are the errors of the file
system.
"""

from __future__ import annotations

import sys
from typing import Literal, NamedTuple

from tensorcli.repl.reading import LIMIT, read_file, reason

STDIN = "-"
STATEMENTS = "<command>"
"""The name of what stands on the command line."""


class Unreadable(Exception):  # noqa: N818 - it says what the source is
    """There is no such script; the text says why."""


class Script(NamedTuple):
    """A script that was read: its name in messages, its bytes, its form."""

    name: str
    text: bytes
    form: Literal["tsc", "py"]


def read_script(path: str) -> Script:
    """The script at `path`, `-` for standard input. A name that ends in `.py` has the Python form. Raises Unreadable."""
    if path == STDIN:
        return Script("<stdin>", read_stdin(), "tsc")
    try:
        text = read_file(path)
    except OSError as error:
        raise Unreadable(f"{path or repr(path)}: {reason(error)}") from None
    except ValueError:
        raise Unreadable(f"{path!r}: no file can have this name") from None
    return Script(path, text, "py" if path.endswith(".py") else "tsc")


def read_stdin() -> bytes:
    """The bytes of standard input. Raises Unreadable."""
    if sys.stdin is None:
        raise Unreadable("standard input is closed")
    try:
        return sys.stdin.buffer.read(LIMIT)
    except OSError as error:
        raise Unreadable(f"standard input: {reason(error)}") from None
