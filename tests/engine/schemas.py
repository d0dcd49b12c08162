"""Schema lines of PyTorch's, with what they do not say: whether the function takes `out=`."""

from pathlib import Path

from tensorcli.engine.schema import Schema, parse

WITH_OUT = frozenset(Path(__file__).with_name("with_out.txt").read_text("utf-8").split())
"""The operators of PyTorch 2.13 whose Python function takes `out=`, by the full name of the one that returns a new tensor."""


def read(line: str) -> Schema:
    """The schema of a line."""
    found = parse(line)
    return found._replace(has_out=found.name in WITH_OUT)
