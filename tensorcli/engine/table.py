"""The table that operators are declared in, which is read chapter by chapter."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import ops

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


class Table(dict[str, Any]):
    """A dictionary that reads the chapter in which something is when it is asked for, and all when all is asked for.

    A session touches a few chapters; reading all takes as long as importing numpy's linear algebra. Filling the table goes
    by `setdefault` and item assignment, which read nothing.
    """

    def __missing__(self, key: str) -> Any:
        if _find(self, key):
            return dict.__getitem__(self, key)
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        return dict.__getitem__(self, key) if key in self else default

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or (isinstance(key, str) and _find(self, key))

    def __iter__(self) -> Iterator[str]:
        read_chapters()
        return dict.__iter__(self)

    def __len__(self) -> int:
        read_chapters()
        return dict.__len__(self)

    def keys(self) -> Any:
        read_chapters()
        return dict.keys(self)

    def values(self) -> Any:
        read_chapters()
        return dict.values(self)

    def items(self) -> Any:
        read_chapters()
        return dict.items(self)


OPS: Final[dict[str, "Op"]] = Table()
"""All operators by their full name (`mul.Tensor`), in the order of declaration, which is the order of the help page."""
PACKETS: Final[dict[str, list["Op"]]] = Table()
"""The overloads of each base name (`mul`)."""


def _find(table: Table, key: str) -> bool:
    """Read on until something is there; whether it is."""
    return ops.read_for(key.partition(".")[0]) and dict.__contains__(table, key)


def read_chapters() -> None:
    """Read the chapters that are not read yet."""
    ops.read_all()
