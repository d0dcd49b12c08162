"""The one Rich console: our theme, and no guesses about the text. Text is text: no markup, no emoji, no highlighting, no
wrapping by Rich.

Imported only where styles are shown; nothing here writes by itself.
"""

from __future__ import annotations

from typing import IO

from rich.console import Console
from rich.theme import Theme

from tensorcli.render.theme import STYLES


def styled_console(file: IO[str], width: int | None) -> Console:
    """A console that writes styles to `file`, whether it is a terminal or not."""
    return Console(
        file=file,
        theme=Theme(STYLES),
        force_terminal=True,
        width=width,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
        legacy_windows=False,
    )
