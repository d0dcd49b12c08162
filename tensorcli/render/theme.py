"""What each style means and how it looks: the only place that knows colours.

A style is never the only sign of its meaning: marks, words and arrows say the same without colour.
"""

from __future__ import annotations

from typing import Final

STYLES: Final[dict[str, str]] = {
    # signs of a row
    "created": "green",
    "written": "yellow",
    "freed": "magenta",
    "bound": "cyan",
    # cells
    "name": "bold",
    "id": "cyan",
    "changed": "bold yellow",
    "muted": "dim",
    "header": "dim",
    "title": "bold",
    "label": "cyan",
    "value": "",
    # what was said
    "alarm": "bold red",
    "error": "bold red",
    "warning": "bold yellow",
    "caret": "bold red",
    "hint": "cyan",
    "code": "dim",
    "good": "green",
    # source text
    "prompt": "bold green",
    "keyword": "magenta",
    "verb": "bold cyan",
    "number": "blue",
    "string": "green",
    "comment": "dim",
    "operator": "",
}
