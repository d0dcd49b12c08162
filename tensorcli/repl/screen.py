"""One stream that pages are written to: whether it has colour, how wide it is, what happens to text it cannot
show.

Rich is imported for colour only, so that a pipe, a file and `--color never` need none. A stream that is
closed swallows what is written to it.
"""

from __future__ import annotations

import os
import shutil
from typing import IO, TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tensorcli.render.layout import Page

Colour = Literal["auto", "always", "never"]


class Screen:
    """Writes text and pages to a stream; `width` is None where the natural width is right."""

    def __init__(self, stream: IO[str] | None, colour: Colour = "auto") -> None:
        self.stream = stream
        self.is_terminal = stream is not None and stream.isatty()
        self.colour = colour == "always" or (colour == "auto" and self.is_terminal and terminal_has_colour())
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # an odd character is no reason to stop

    @property
    def width(self) -> int | None:
        """The terminal's width at this moment; None for a pipe or a file."""
        return shutil.get_terminal_size().columns if self.is_terminal else None

    def text(self, text: str) -> None:
        """Writes a text as it is."""
        if text and self.stream is not None:
            self.stream.write(text)

    def json(self, text: str) -> None:
        """Writes JSON: characters that the stream does not have become JSON's own escapes, which every reader knows."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        if not text.isascii() and text.encode(encoding, "ignore").decode(encoding) != text:
            from json import dumps

            text = "".join(each if each.isascii() else dumps(each)[1:-1] for each in text)
        self.text(text)

    def page(self, page: Page) -> None:
        """Writes a page, in colour where there is colour."""
        if self.stream is None or not page:
            return
        if not self.colour:
            self.stream.write(page.text())
            return
        from tensorcli.render.console import styled_console

        styled_console(self.stream, self.width).print(page)

    def flush(self) -> None:
        """Hands over what was written. Raises OSError where the reader is gone or the disk is full."""
        if self.stream is not None:
            self.stream.flush()


def terminal_has_colour() -> bool:
    """Whether the environment lets a terminal have colour."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("", "dumb")
