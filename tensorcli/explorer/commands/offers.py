"""What can be typed after a command, with a line about each: the prompt offers it. This only looks, and runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tensorcli.explorer.trees import one_line

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


def topics(session: Session) -> Mapping[str, str]:
    """Of `help`: the commands, their categories, then the concepts."""
    from tensorcli.explorer.commands.help import ALL
    from tensorcli.explorer.commands.registry import CATEGORIES, COMMANDS, SECOND_NAMES
    from tensorcli.explorer.explain.concepts import CONCEPTS

    found = {name: each.summary for name, each in COMMANDS.items() if name not in SECOND_NAMES}
    found |= {name: f"the commands of {name}" for name in CATEGORIES} | {
        ALL: "all commands, with what each does"
    }
    return found | {name: each.verdict for name, each in CONCEPTS.items() if name not in found}


def explained(session: Session) -> Mapping[str, str]:
    """Of `explain`: the concepts, the lists, the codes."""
    from tensorcli.explorer.errors import ERRORS
    from tensorcli.explorer.explain import LISTS
    from tensorcli.explorer.explain.concepts import CONCEPTS
    from tensorcli.explorer.hazards.catalogue import HAZARDS

    return {
        **{name: each.verdict for name, each in CONCEPTS.items()},
        **{name: text for name, text in LISTS.items() if name.endswith("s")},
        **{code: each.summary for code, each in HAZARDS.items()},
        **{each.code: each.sentence for each in ERRORS},
    }


def forms(session: Session) -> Mapping[str, str]:
    """Of `compare`: the words, with the expressions that they stand for."""
    from tensorcli.explorer.comparison import FORMS

    return FORMS


def tours(session: Session) -> Mapping[str, str]:
    """Of `tour`: their names, with what each begins with."""
    from tensorcli.explorer.tours import names, subject

    return {name: subject(name) for name in names()}


def settings(session: Session) -> Mapping[str, str]:
    """Of `set`: what can be changed."""
    from tensorcli.explorer.commands.session import SETTINGS

    return {name: text for name, (_, text) in SETTINGS.items()}


def steps(session: Session) -> Mapping[str, str]:
    """Of `goto` and `diff`: the statements by their numbers, the last first."""
    timeline = enumerate(session.journal + session.future, 1)
    return {str(number): one_line(each.statement.source) for number, each in reversed([*timeline])}


def ways(session: Session) -> Mapping[str, str]:
    """Of `fix`: the ways out that the last `why` proposed."""
    proposals = getattr(session.proposed, "proposals", ())
    return {str(number): one_line(each.text) for number, each in enumerate(proposals, 1)}


def expectations(session: Session) -> Mapping[str, str]:
    """Of `expect`: what a statement can be expected to do."""
    return {
        "raises": '"text": STATEMENT',
        "warns": '"text": STATEMENT',
        "hazard": '"text": STATEMENT',
    }
