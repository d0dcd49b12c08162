"""What a session may do with files: reads scripts, and writes a result in the format that the suffix of its name says."""

from __future__ import annotations

import os

from tensorcli.explorer.files import Files, suffix_of
from tensorcli.explorer.results import Answer, Code, Graph, Transcript
from tensorcli.repl.reading import read_file, reason

DRAWN_BY_DOT = 2000
"""Graphviz takes minutes for more nodes than this: there our own layout is used."""


def anywhere() -> Files:
    """At the prompt: wherever the person who types may read and write."""
    try:
        folder = os.getcwd()
    except OSError:
        folder = ""  # it is gone; what needs it says so
    return Files(folder, os.path.abspath(os.sep), read, write)


def within(folder: str) -> Files:
    """In a run: in this folder and below, where relative paths begin too."""
    return Files(folder, folder, read, write)


def read(path: str) -> bytes:
    """The bytes of a script. Raises OSError, in our words."""
    try:
        return read_file(path)
    except OSError as error:
        raise type(error)(f"{os.path.basename(path)}: {reason(error)}") from None


def write(path: str, found: Answer, force: bool = False) -> None:
    """Write a result into a file, over one that is there only where it is told to. Raises OSError, in our words;
    TypeError for what has no form in a file.
    """
    text = text_for(path, found)
    name = os.path.basename(path)
    try:
        with open(path, "w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise FileExistsError(f"{name} is there already: --force writes over it") from None
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no folder {os.path.dirname(path)}") from None
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        raise type(error)(f"{name} cannot be written: {said}") from None


def text_for(path: str, found: Answer) -> str:
    """What stands in a file of this suffix."""
    suffix = suffix_of(path)
    if isinstance(found, Code):
        return found.text
    if isinstance(found, Transcript):
        from tensorcli.render import transcript

        return transcript.FORMS[suffix](found)
    if not isinstance(found, Graph):
        raise TypeError(f"{type(found).__name__} has no form in a file")
    from tensorcli.render import diagrams, drawing

    if suffix == "svg":
        return drawn_by_dot(found) or drawing.svg(found)
    if suffix == "html":
        return drawing.html(found)
    return diagrams.text_of(found, {"dot": "dot", "mmd": "mermaid", "json": "json"}[suffix])


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
