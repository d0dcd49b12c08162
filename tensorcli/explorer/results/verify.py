"""What `verify` found: where the embedded engine and PyTorch differ."""

from __future__ import annotations

from dataclasses import dataclass

from tensorcli.explorer.results.step import Answer
from tensorcli.language.syntax import Span


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first difference that a statement brought."""

    index: int
    """The statement's number, from 1."""
    name: str
    """The file's name as given."""
    span: Span
    source: str
    """The statement as typed."""
    where: str
    """What differs: a path (`y`, `w.grad`, `params[0]`), or `output`, `error`, `value`, `names`."""
    fact: str
    """Which fact of it (`version`, `values`, `grad_fn`); empty where it is the whole."""
    pytorch: str
    """What PyTorch has."""
    ours: str
    """What the embedded engine has."""


@dataclass(frozen=True, slots=True)
class Verified(Answer):
    """A script that ran on both engines."""

    name: str
    statements: int
    """How many ran."""
    rows: tuple[Divergence, ...]
    pytorch: str
    """The version of PyTorch."""
