"""Answers that teach: `compare` and `explain`."""

from __future__ import annotations

from dataclasses import dataclass

from tensorcli.explorer.results.step import Answer, Step


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """A question, and what each form answers."""

    question: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Answer):
    """`compare`: forms of one thing side by side, each cell measured when it was asked."""

    probe: str
    """What was run for each form, in words."""
    forms: tuple[str, ...]
    """The words as typed."""
    expressions: tuple[str, ...]
    """What each stands for (`y.detach()`)."""
    rows: tuple[ComparisonRow, ...]
    notes: tuple[str, ...]
    """The errors that cells point at by number, from 1."""
    groups: tuple[str, ...]
    """What the cells come to, a sentence for each kind of form."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of an explanation: a table, its first row the titles where `titled`, then sentences."""

    title: str
    rows: tuple[tuple[str, ...], ...] = ()
    titled: bool = False
    text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation(Answer):
    """`explain`: an operator, an expression on the session's values, a code, a concept."""

    what: str
    verdict: str
    """The answer in a sentence."""
    sections: tuple[Section, ...] = ()
    error: str = ""
    """What PyTorch says, whole, where it refuses the expression."""
    see_also: tuple[str, ...] = ()
    """Commands that say more."""


@dataclass(frozen=True, slots=True)
class TourStep:
    """A statement of a tour, and the comments before it."""

    text: str
    step: Step


@dataclass(frozen=True, slots=True)
class Tour(Answer):
    """`tour`: a script of the package, run in a session of its own."""

    name: str
    steps: tuple[TourStep, ...]
    others: tuple[str, ...]
    """The other tours."""
