"""What a file of surprises gives: a fact, and what one would write who did not mean it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tensorcli.explorer.results import Event

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal


class Surprise(NamedTuple):
    """A fact, and what one would write who did not mean it."""

    event: Event
    proposals: list[Proposal | None]
