"""What a statement says while it runs: prints, and warnings with the line of the script that caused them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from tensorcli.explorer import results
from tensorcli.language.locate import current_node
from tensorcli.language.syntax import span_of

Filter = dict[str, Any]
"""The arguments of warnings.filterwarnings."""


class Hearing:
    """Collects the prints and warnings of one statement. A context manager, entered once a statement.

    A warning is kept once for each file, line and text, for the length of the session.
    """

    def __init__(self, write: Callable[[str], None] | None) -> None:
        self.live = write
        self.pieces: list[str] = []
        self.warnings: list[results.WarningText] = []
        self.known: set[tuple[str, int, str]] = set()
        self.name = "<input>"
        self.silent = False
        self.filters: list[Filter] = []
        """The filters that the script asked for, oldest first: they hold from one statement to the next."""
        self._caught: list[warnings.catch_warnings[None]] = []

    def begin(self, name: str) -> None:
        """A statement of the file `name` begins."""
        self.name = name
        self.pieces = []
        self.warnings = []

    @property
    def output(self) -> str:
        """What was printed."""
        return "".join(self.pieces)

    def print(self, text: str) -> None:
        """What `print` calls."""
        if self.silent:
            return
        if self.live is not None:
            self.live(text)
        else:
            self.pieces.append(text)

    def warned(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: Any = None,
    ) -> None:
        """What the warnings module calls for each warning."""
        if category is RuntimeWarning and _computed_by_the_engine():
            return
        node = current_node()
        span = None if node is None else span_of(node)
        text = self.addressed(str(message))
        key = (self.name, 0 if span is None else span.line, text)
        if key not in self.known:
            self.known.add(key)
            self.warnings.append(results.WarningText(category.__name__, text, span, self.name))

    @staticmethod
    def addressed(text: str) -> str:
        """A text with the addresses that its session shows."""
        return text

    def __enter__(self) -> Hearing:
        caught = warnings.catch_warnings()
        caught.__enter__()
        self._caught.append(caught)
        warnings.filters = [*_filters()]
        warnings.showwarning = self.warned
        for each in self.filters:
            warnings.filterwarnings(**each)
        if self.filters:
            quiet_engine()
        return self

    def __exit__(self, *error: Any) -> None:
        self._caught.pop().__exit__(*error)


def _computed_by_the_engine() -> bool:
    """Whether numpy warns of what the engine computes: PyTorch computes an infinity in silence. numpy's functions in Python stand
    between, so that the filter of `quiet_engine` does not see whose call it was.
    """
    frame = sys._getframe(2)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("tensorcli."):
            return module.startswith("tensorcli.engine.")
        frame = frame.f_back  # type: ignore[assignment]
    return False


@cache
def _filters() -> list[Any]:
    """Every warning is heard. The filters before these can match nothing more; making them takes longer than most
    statements.
    """
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("always")
        # What PyTorch's own modules have to change is nothing to a script: Python does not show it either.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.")
        quiet_engine()
        return list(warnings.filters)


def quiet_engine() -> None:
    """Before all other filters: numpy warns where PyTorch computes an infinity in silence. The user's own numpy calls still
    warn.
    """
    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"tensorcli\.engine\.")
