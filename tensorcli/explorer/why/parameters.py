"""A call against the signatures of its function: which one was meant, and what is missing, unknown or too much by that."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tensorcli.language.near import near

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Taken
    from tensorcli.explorer.why.case import Case

LONG: Final = 60
"""A list of parameters is shown up to so many characters."""


@dataclass(frozen=True, slots=True)
class Against:
    """How a call differs from the signature that it comes nearest to."""

    signature: Sequence[Taken]
    unknown: Sequence[str]
    """Keywords that the function has in no signature."""
    missing: Sequence[str]
    twice: Sequence[str]
    """What was given by position and by name."""
    most: int
    """So many arguments can be given by position."""
    extra: int
    """So many more were."""
    free: Sequence[str]
    """The parameters that were not given."""
    known: Collection[str]
    """Those that the function has in any signature."""

    @property
    def shown(self) -> str:
        """`(input, target, weight=None)`; of a long list, what has to be given and what comes first."""
        taken = [each for each in self.signature if not each.name.startswith("_")]
        parts = [
            f"*{each.name}" if each.several else each.name if each.required else f"{each.name}={each.default}"
            for each in taken
        ]
        shown, needed = 0, sum(each.required for each in taken)
        while shown < len(parts) and (shown < needed or len(", ".join(parts[: shown + 1])) <= LONG):
            shown += 1
        star = next((place for place, each in enumerate(taken) if each.keyword_only), None)
        listed = [*parts[:shown], *(["…"] if shown < len(parts) else [])]
        if star is not None and star <= shown and not any(each.several for each in taken):
            listed.insert(star, "*")
        return f"({', '.join(listed)})"

    @property
    def distance(self) -> float:
        """How much would have to be changed. A name that is nearly right is a sign; who gives too much is rarer than who
        forgets.
        """
        meant = {names[0] for each in self.unknown if (names := close(each, self.free))}
        missing = sum(each not in meant for each in self.missing)
        return len(self.unknown) - len(meant) / 2 + missing + 2 * self.extra + len(self.twice)


def against(case: Case, node: ast.Call) -> Against | None:
    """The nearest signature of what a call calls; None where its signatures are not known, or not what it gives."""
    overloads = case.engine.takes(case.value(node.func))
    keywords = [each.arg for each in node.keywords if each.arg is not None]
    if (
        not overloads
        or any(isinstance(each, ast.Starred) for each in node.args)
        or len(keywords) < len(node.keywords)
    ):
        return None
    known = {each.name for overload in overloads for each in overload}
    found = [_differs(each, known, len(node.args), keywords) for each in overloads]
    return min(found, key=lambda each: each.distance)


def _differs(signature: Sequence[Taken], known: set[str], count: int, keywords: Sequence[str]) -> Against:
    most = sum(not each.keyword_only for each in signature)
    if any(each.several for each in signature):
        most = max(most, count)
    given = {each.name for each in signature[: min(count, most)]}
    free = [each for each in signature if each.name not in given and each.name not in keywords]
    return Against(
        signature,
        [each for each in keywords if each not in known],
        [each.name for each in free if each.required],
        [each for each in keywords if each in given],
        most,
        max(0, count - most),
        [each.name for each in free],
        known,
    )


def close(name: str, names: Iterable[str]) -> list[str]:
    """The names that one may have been meant for: nearly the same, or one the beginning or the initials of the other."""
    known = sorted(set(names))
    found = [each for each in known if each.lower() == name.lower()]
    found += near(name, known)
    for each in known:
        shorter, longer = sorted((each, name), key=len)
        initials = "".join(part[:1] for part in longer.split("_"))
        if shorter == initials or (len(shorter) > 2 and longer.startswith(shorter)):
            found.append(each)
    return [each for each in dict.fromkeys(found) if each != name]
