"""How the process ends: the exit statuses, as one table, and what becomes of its output."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tensorcli.explorer.results import FailureKind

OK: Final = 0
USAGE: Final = 2
DIFFERENT: Final = 5
REFUSED: Final = 65
NO_INPUT: Final = 66
FAULT: Final = 70
"""A fault of the program's own, as sysexits.h has it."""
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
"""What a shell reports of a program whose reader went away."""

FAILURES: Final[dict[FailureKind, int]] = {
    "statement": 1,
    "limit": 1,
    "expectation": 3,
    "hazard": 4,
    "language": REFUSED,
    "unavailable": 69,
    "interrupted": INTERRUPTED,
}


def forget_output() -> None:
    """Write out what is still buffered; where it has no reader, the interpreter must not try again when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        except (AttributeError, ValueError):
            continue  # closed from the beginning
