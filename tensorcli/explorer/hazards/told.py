"""What is said of one hazard that was found: which it is, in what words, and about which names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Namer = Callable[[Any], str | None]
"""Gives a tensor's name in the script."""


class Told(NamedTuple):
    """What is to be said where a hazard was seen."""

    code: str
    """Which one, by the catalogue."""
    text: str
    """What happened, in a sentence."""
    names: tuple[str, ...] = ()
    """What it happened to, as the script names it; then what else has a part in it. What has no name is left out."""
    hint: str = ""
    """What to type or to write instead."""


def named(*names: str | None) -> tuple[str, ...]:
    """Those that there are."""
    return tuple(name for name in names if name is not None)
