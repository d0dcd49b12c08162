"""Which of the existing names a misspelt one was probably meant for. difflib is imported only when that is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def near(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The names that one may have been meant for, where some are likelier than all others only those. A private name is
    meant by no public one.
    """
    return next((found for found in _likely(name, known) if found), [])[:most]


def nearest_first(name: str, known: Iterable[str]) -> list[str]:
    """All names that one may have been meant for, the likeliest first."""
    return list(dict.fromkeys(each for found in _likely(name, known) for each in found))


def did_you_mean(names: Sequence[str]) -> str | None:
    """`did you mean detach or detach_?`; None where no name is near."""
    return f"did you mean {' or '.join(names)}?" if names else None


def _likely(name: str, known: Iterable[str]) -> Iterator[list[str]]:
    """What differs in case alone; what has the same letters, or nearly the same name; what abbreviates it, or is
    abbreviated; what has another letter; what has a similar name.
    """
    from difflib import get_close_matches

    names = sorted({each for each in known if each != name and (name.startswith("_") or each[:1] != "_")})
    lowered = name.lower()
    yield [each for each in names if each.lower() == lowered]
    same = [each for each in names if len(name) > 2 and sorted(each.lower()) == sorted(lowered)]
    alike = [
        *sorted(same, key=lambda each: sorted(each) != sorted(name)),
        *get_close_matches(name, names, 3, 0.76),
    ]
    # One seldom errs in the first letter.
    yield sorted(dict.fromkeys(alike), key=lambda each: each[:1].lower() != lowered[:1])
    yield [each for each in names if _abbreviates(name, each) or _shortened(name, each)]
    # Of a short name little is left where a letter differs.
    apart = {each: place for each in names if (place := _apart_at(name, each))}
    yield [each for each, place in apart.items() if place == max(apart.values())]
    yield get_close_matches(name, names, 1, 0.7 if len(name) > 4 else 0.8)


def _apart_at(name: str, other: str) -> int:
    """Where two names of three letters or more differ in one letter alone; 0 where they do not, or in the first."""
    if len(name) != len(other) or len(name) < 3:
        return 0
    places = [place for place, letter in enumerate(name) if letter != other[place]]
    return places[0] if len(places) == 1 else 0


def _abbreviates(short: str, name: str) -> bool:
    """Whether a name begins with another, or has that for its initials. Of fewer than three letters too much would."""
    return 2 < len(short) < len(name) and (name.startswith(short) or short == initials(name))


def _shortened(name: str, known: str) -> bool:
    """Whether a known name is the first part of another, or its initials: `forward` is no `for`."""
    return _abbreviates(known, name) and (name.startswith(f"{known}_") or known == initials(name))


def initials(name: str) -> str:
    """`mse` of `mean_squared_error`."""
    return "".join(part[:1] for part in name.split("_"))
