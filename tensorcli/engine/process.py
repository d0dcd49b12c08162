"""State that belongs to the process and not to a tensor: grad mode, the default dtype, print options, hooks of all modules.

Each module that has such state registers it where it defines it (with `keep` and its variants). A session begins with
`reset`, which brings all of it back to what it was when it was registered. Within `aside` another session may run: at its end
everything is as it was before. A module that is imported later registers later.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_kept: list[tuple[Callable[[], Any], Callable[[Any], None], Any]] = []
"""What reads a state, what goes back to one, and the first one."""


def keep(state: Callable[[], Any], put_back: Callable[[Any], None]) -> None:
    """Something is the process's: `state()` is how it is now, which later changes leave alone, `put_back(state)` makes it so."""
    _kept.append((state, put_back, state()))


def keep_attributes(owner: Any, *names: str) -> None:
    """Attributes of an object are the process's: values that do not change."""

    def put_back(values: tuple[Any, ...]) -> None:
        for name, value in zip(names, values, strict=True):
            setattr(owner, name, value)

    keep(lambda: tuple([getattr(owner, name) for name in names]), put_back)


def keep_contents(*containers: Any) -> None:
    """What dicts, sets and lists hold is the process's."""

    def put_back(copies: list[Any]) -> None:
        for container, copy in zip(containers, copies, strict=True):
            container.clear()
            (container.extend if isinstance(container, list) else container.update)(copy)

    keep(lambda: [container.copy() for container in containers], put_back)


def reset() -> None:
    """Everything as it was when the process began."""
    for _, put_back, first in _kept:
        put_back(first)


@contextmanager
def aside() -> Iterator[None]:
    """What changes meanwhile is put back at the end."""
    before = [state() for state, _, _ in _kept]
    try:
        yield
    finally:
        for at, (_, put_back, first) in enumerate(_kept):
            put_back(before[at] if at < len(before) else first)
