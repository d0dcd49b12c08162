"""The name that was meant by one that is not there: the one rule behind every `did you mean`.

Knows nothing of who asks. Imports nothing, so that a message costs no start.
"""

from __future__ import annotations

from collections.abc import Iterable

MOVE = 2
"""What a letter costs that is missing, too much, or another one."""
SLIP = 1
"""What one costs that has another case or changed places with the next, and an underscore that is missing or too much."""
LONGEST = 40


def near(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The names that a word was meant for, the nearest first: beside the nearest those that a slip divides from it and
    that begin like the word for as long. The longer the names, the more may differ, as in Python's own suggestions.
    """
    if not 1 < len(word) <= LONGEST:
        return []
    found = []
    for place, name in enumerate(dict.fromkeys(known)):
        limit = (len(word) + len(name) + 3) * MOVE // 6 if len(word) > 2 else SLIP
        if word[0].lower() != name[:1].lower():
            limit //= 2  # the first letter is seldom a slip
        if name == word or abs(len(name) - len(word)) * SLIP > limit or len(name) > LONGEST:
            continue
        apart = distance(word, name, limit)
        if apart <= limit:
            found.append((apart, -_alike(word, name), place, name))
    found.sort()
    return [
        name
        for apart, alike, _, name in found[:count]
        if apart <= found[0][0] + SLIP and alike <= found[0][1]
    ]


def _alike(left: str, right: str) -> int:
    """With how many letters in common two words begin."""
    count = 0
    for letter, other in zip(left, right, strict=False):
        if letter != other:
            break
        count += 1
    return count


def distance(left: str, right: str, limit: int) -> int:
    """How far two words are apart; any number beyond the limit where they are further."""
    before: list[int] = []
    above = [0]
    for letter in right:
        above.append(above[-1] + _lone(letter))
    for row, letter in enumerate(left, 1):
        here = [above[0] + _lone(letter)]
        for column, other in enumerate(right, 1):
            cost = min(
                above[column - 1] + _pair(letter, other),
                above[column] + _lone(letter),
                here[-1] + _lone(other),
            )
            swapped = row > 1 and column > 1 and letter == right[column - 2] and left[row - 2] == other
            here.append(min(cost, before[column - 2] + SLIP) if swapped and letter != other else cost)
        if min(here) > limit and min(above) > limit:
            return limit + 1
        before, above = above, here
    return above[-1]


def _lone(letter: str) -> int:
    return SLIP if letter == "_" else MOVE


def _pair(letter: str, other: str) -> int:
    if letter == other:
        return 0
    return SLIP if letter.lower() == other.lower() else MOVE
