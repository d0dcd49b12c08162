"""CPython's parser as this layer uses it: a tree or a refusal, never a warning."""

from __future__ import annotations

import ast
import warnings

REFUSALS = (SyntaxError, ValueError, RecursionError, MemoryError)


def module(text: str) -> ast.Module:
    """The tree of statements; one of REFUSALS where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def expression(text: str) -> ast.Expression:
    """The tree of one expression; one of REFUSALS where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, mode="eval")
