"""`predict`: questions before each statement, and how the answers went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorcli.explorer.predict import Predictor
from tensorcli.explorer.results import Predictions
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


def predict(session: Session, invocation: Invocation) -> Predictions:
    """Begin or stop to ask; the score. Errors: RuntimeError where nobody can be asked."""
    switch = invocation.get("switch")
    if session.predictor is None:
        session.predictor = Predictor(on=False)
    if switch == "on":
        if session.ask is None:
            raise RuntimeError(
                "predict asks before each statement, and here is nobody to ask: open the prompt"
            )
        if session.quiet:
            raise RuntimeError("predict needs a session that observes; this one is quiet")
        session.predictor.on = True
    elif switch == "off":
        session.predictor.on = False
    return session.predictor.score()
