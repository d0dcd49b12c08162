"""A session with its results as a document: text, Markdown that pastes into an issue, a page of HTML, JSON lines.

Each statement is shown after the prompt, so that the text of a transcript can be pasted into a session again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Final

from tensorcli.explorer import results
from tensorcli.render.json import json_line
from tensorcli.render.layout import Line, line_text
from tensorcli.render.pages import told, transcript
from tensorcli.render.theme import STYLES

WIDTH: Final = 100
"""Cells: what a reader of an issue or a page sees without scrolling. Ids, names and versions are never cut, so a
table may still be wider.
"""


def text(found: results.Transcript) -> str:
    """Plain text."""
    return "".join(f"{line_text(each)}\n" for each in transcript(found, WIDTH))


def markdown(found: results.Transcript) -> str:
    """A fenced block, its fence longer than any that a statement printed."""
    body = text(found)
    longest = max((len(each) for each in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{caption(found)}:\n\n{fence}text\n{body}{fence}\n"


def caption(found: results.Transcript) -> str:
    """What made it."""
    from tensorcli import __version__

    engine = "PyTorch 2.13 semantics" if found.engine == "embedded" else "PyTorch's own tensors"
    return f"tensorcli {__version__}, {engine}"


def json_lines(found: results.Transcript) -> str:
    """What `tensorcli run --json` prints."""
    return "".join(f"{json_line(each)}\n" for each in found.steps)


COLOURS: Final = {
    "red": ("#b3261e", "#ff8a80"),
    "green": ("#1a7f37", "#7ee787"),
    "yellow": ("#8a6100", "#e3b341"),
    "blue": ("#0b5fc1", "#79c0ff"),
    "magenta": ("#8250df", "#d2a8ff"),
    "cyan": ("#0b6e7f", "#56d4dd"),
    "dim": ("#5d6570", "#9198a1"),
}
"""A colour of the theme on a light page and on a dark one, each with a contrast of at least 4.5 to 1."""

PAGE = """\
:root { color-scheme: light dark; --page: #fff; --text: #1f2328; --rule: #d0d7de; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --text: #e6edf3; --rule: #30363d; } }
body { margin: 0 auto; max-width: 110ch; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--text);
  font: 14px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
h1 { font: 600 1.1rem/1.4 system-ui, sans-serif; }
section { overflow-x: auto; padding: .5rem 0; border-top: 1px solid var(--rule); }
pre { margin: 0; font: inherit; width: max-content; }
"""


def html(found: results.Transcript) -> str:
    """A page that needs nothing else, light or dark as its reader has it."""
    title = escape(caption(found))
    lines = ['<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">']
    lines.append('<meta name="viewport" content="width=device-width, initial-scale=1">')
    lines.append(f"<title>{title}</title>\n<style>\n{PAGE}{style_sheet()}</style>\n</head>\n<body>")
    lines.append(f"<h1>{title}</h1>")
    for each in found.steps:
        shown = "\n".join(map(html_line, told(each, WIDTH)))
        lines.append(f'<section id="step-{each.index}"><pre>{shown}</pre></section>')
    return "\n".join([*lines, "</body>\n</html>\n"])


def html_line(found: Line) -> str:
    """A line with each styled piece in an element of its meaning."""
    return "".join(
        f'<span class="{piece.style}">{escape(piece.text)}</span>' if piece.style else escape(piece.text)
        for piece in found
    )


def style_sheet() -> str:
    """The theme as CSS."""
    light, dark = [], []
    for name, style in STYLES.items():
        words = style.split()
        rules = ["font-weight: 600"] if "bold" in words else []
        colour = next((COLOURS[word] for word in words if word in COLOURS), None)
        if colour is not None:
            rules.append(f"color: {colour[0]}")
            dark.append(f".{name} {{ color: {colour[1]}; }}")
        if rules:
            light.append(f".{name} {{ {'; '.join(rules)}; }}")
    return "\n".join([*light, "@media (prefers-color-scheme: dark) {", *dark, "}", ""])


FORMS: Final[dict[str, Callable[[results.Transcript], str]]] = {
    "txt": text,
    "md": markdown,
    "html": html,
    "json": json_lines,
}
"""By suffix."""
