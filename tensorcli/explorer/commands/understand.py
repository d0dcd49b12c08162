"""Commands that teach: `compare`, `explain`, `tour`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorcli.explorer.results import Comparison, Dry, Explanation, Tour
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


def compare(session: Session, invocation: Invocation) -> Comparison:
    """Forms side by side, measured. Errors: ValueError for a word that is not a form."""
    from tensorcli.explorer.comparison import compare as measured

    text = invocation.get("forms")
    return measured(session, words(text) if isinstance(text, str) else ())


def explain(session: Session, invocation: Invocation) -> Explanation | Dry:
    """The explanation of a text. Errors: ValueError where there is nothing of that name."""
    from tensorcli.explorer.explain import explain as explained

    text = invocation.get("what")
    try:
        return explained(session, text if isinstance(text, str) else "")
    except Exception as raised:
        # The places that it came through are places of the text that is explained, not of the script.
        raise raised.with_traceback(None) from None


def tour(session: Session, invocation: Invocation) -> Tour:
    """A tour, by the name of its topic; the general one without a name. Errors: ValueError for another name."""
    from tensorcli.explorer.tours import FIRST
    from tensorcli.explorer.tours import tour as toured

    name = invocation.get("name")
    return toured(session, name if isinstance(name, str) else FIRST)


def words(text: str) -> list[str]:
    """A text cut at white space and commas outside brackets and quotes."""
    found: list[str] = []
    current, depth, quote = "", 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth = max(depth - 1, 0)
        elif depth == 0 and (character.isspace() or character == ","):
            found.append(current)
            current = ""
            continue
        current += character
    return [each for each in (*found, current) if each]
