"""Writes a result into a file, in the form that its suffix says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tensorcli.explorer.results import Answer, Graph

if TYPE_CHECKING:
    from tensorcli.explorer.files import Files

DRAWN_BY_DOT = 2000
"""Graphviz takes minutes beyond so many nodes: our own layout is taken there."""


def anywhere() -> Files:
    """At the prompt: wherever the person who types may write."""
    from tensorcli.explorer.files import Files

    here = os.getcwd()
    return Files(here, os.path.abspath(os.sep), write)


def within(folder: str) -> Files:
    """In a run: in this folder and below, where relative paths begin too."""
    from tensorcli.explorer.files import Files

    return Files(folder, folder, write)


def write(path: str, found: Answer) -> None:
    """Write a result into a file. Raises OSError, TypeError for what has no form in a file."""
    text = text_for(path, found)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def text_for(path: str, found: Answer) -> str:
    """What stands in a file of this suffix."""
    if not isinstance(found, Graph):
        raise TypeError(f"{type(found).__name__} has no form in a file")
    from tensorcli.render import diagrams, drawing

    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".svg":
        return drawn_by_dot(found) or drawing.svg(found)
    if suffix == ".html":
        return drawing.html(found)
    return diagrams.text_of(found, {".dot": "dot", ".mmd": "mermaid", ".json": "json"}[suffix])


def drawn_by_dot(found: Graph) -> str:
    """The picture that Graphviz makes, empty where it is not installed or does not answer."""
    import shutil
    import subprocess

    program = shutil.which("dot")
    if program is None or len(found.nodes) > DRAWN_BY_DOT:
        return ""
    from tensorcli.render.diagrams import dot

    try:
        done = subprocess.run(
            [program, "-Tsvg"], input=dot(found).encode(), capture_output=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace")
