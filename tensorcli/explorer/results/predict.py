"""`predict`: a question about what a statement will do, what was answered, and the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tensorcli.explorer.results.step import Answer

Wants = Literal["yes or no", "a number", "names, or none", "a shape", "a dtype", "a node, or None", "values"]


@dataclass(frozen=True, slots=True)
class Question:
    """Asked before a statement runs; what it is about was found by running it on a fork of the session."""

    kind: str
    """`raises`, `stale`, `version`, `seen`, `sharing`, `requires_grad`, `grad_fn`, `dtype`, `shape`, `freed`,
    `gradient`."""
    text: str
    wants: Wants
    """How an answer looks."""
    answer: str
    """The right one."""
    fact: str
    """The reason, in a sentence."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A question with its answer."""

    question: Question
    given: str
    """As typed; empty where it was skipped."""
    right: bool | None
    """None where it was skipped, or not understood."""
    score: tuple[int, int]
    """How many answers were right so far, and how many there were."""


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """The answers to one kind of question."""

    kind: str
    right: int
    answered: int


@dataclass(frozen=True, slots=True)
class Predictions(Answer):
    """`predict`: whether questions are asked, and the score."""

    on: bool
    right: int
    answered: int
    skipped: int
    rows: tuple[PredictionRow, ...]
