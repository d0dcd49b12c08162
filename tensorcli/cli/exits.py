"""Exit statuses, as one table."""

from __future__ import annotations

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
