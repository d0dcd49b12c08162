"""`check`: the hazards of the session so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorcli.explorer.results import HazardReport
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


def check(session: Session, invocation: Invocation) -> HazardReport:
    """Every hazard so far, in the order of the statements. Errors: RuntimeError in a quiet session."""
    if session.observation is None:
        raise RuntimeError("check needs a session that observes; this one is quiet")
    return HazardReport(tuple(session.hazards), len(session.journal))
