"""A text that the language refused for its classes of modules: what it is with functions in their place, and what that does."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from tensorcli.explorer.results import Edit, Way, Why
from tensorcli.explorer.rewrite import edited
from tensorcli.language.classes import without_classes
from tensorcli.language.source import read
from tensorcli.language.syntax import Form, LanguageError

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

SECONDS = 10.0
"""So long may a text take that is tried."""


class Refused(NamedTuple):
    """A text that was refused, as it could be."""

    error: LanguageError
    name: str
    form: Form
    text: str
    edits: tuple[Edit, ...]
    lists: bool
    """Whether a function gives a list of items."""
    lacking: tuple[str, ...]
    """The classes of modules whose `__init__` forgets to call that of its base."""


def refused(
    session: Session, error: LanguageError, text: str | bytes, name: str, form: Form
) -> Refused | None:
    """The text with functions in the place of its classes; None where it cannot be written so."""
    try:
        typed = read(text).text
        found = without_classes(typed)
        lines = typed.split("\n")
        edits = [Edit(each.first, "\n".join(lines[each.first - 1 : each.last]), each.text) for each in found]
        new = edited(typed, edits)
        session.read(new, form)
    except LanguageError:
        return None
    lists, lacking = any(each.lists for each in found), tuple(each.lacks for each in found if each.lacks)
    return Refused(error, name, form, new, tuple(edits), lists, lacking) if edits else None


def explained(session: Session, found: Refused) -> Why:
    """What can be written instead, and how far it runs: it is run on a fork."""
    parts = []
    for edit in found.edits:
        first = edit.before.partition("\n")[0].strip().rstrip(":")
        parts.append(f"line {edit.line}:  a function in the place of {first}\n{edit.after}")
    way = Way(1, "\n\n".join(parts), "", "", "runs", found.edits)
    title = f"{found.error.message}; a function can make what it makes."
    notes = [
        "the rest of the text stays as it is: a call makes the module, parameters keep their names, a deep copy has "
        "methods of its own; only a print names it after its base"
    ]
    if found.lists:
        notes.append("a dataset becomes the list of its items, made once")
    notes.extend(
        f"{name} does not call super().__init__(): PyTorch raises AttributeError at its first layer or parameter, or where it "
        "is called; the function makes the module first"
        for name in found.lacking
    )
    return Why(title, None, "", (), None, (*notes, f"so written it {_outcome(session, found)}"), (way,))


def _outcome(session: Session, found: Refused) -> str:
    with session.fork() as other:
        other.evaluator.until = monotonic() + SECONDS
        for step in other.run(found.text, found.name, found.form):
            if step.error is None:
                continue
            if step.error.kind == "interrupted":
                if other.evaluator.late:
                    return f"runs for more than {SECONDS:.0f} s"
                raise KeyboardInterrupt
            statement = step.source.partition("\n")[0]
            message = step.error.message.partition("\n")[0]
            return f"runs up to {statement}, which raises {step.error.type}: {message}"
    return "runs to its end"
