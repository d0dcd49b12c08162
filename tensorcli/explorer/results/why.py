"""What `why` and `fix` answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tensorcli.explorer.results.step import Answer

Role = Literal["made", "shared", "saved", "wrote", "freed", "cut", "raised", "warned", "other"]
Verdict = Literal["ok", "wrong", "runs"]


@dataclass(frozen=True, slots=True)
class Event:
    """A statement of the story, and its part in it."""

    line: int
    source: str
    text: str
    """What it did (`ExpBackward0 saved result = y`)."""
    role: Role
    version: str = ""
    """Of the storage that it is about: `v0`, `v0 → v1`."""
    culprit: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on a storage's timeline."""

    line: int
    version: int
    """After it."""
    role: Role
    text: str
    """`saved: Exp`, `write via d`."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The versions of one storage, from left to right."""

    storage: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of the journal: what stands at a line, and what would."""

    line: int
    before: str
    """Empty where something is put in."""
    after: str
    """Empty where something is taken out."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way out. It was run on a fork of the session."""

    number: int | None
    """What `fix` calls it; None for what one should not do."""
    text: str
    """`line 4:  d = y.detach().clone()`."""
    note: str
    measured: str
    """What it gave: the value of `Why.measure`."""
    verdict: Verdict
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Why(Answer):
    """Why a statement failed, why a gradient is None, why a tensor is as it is."""

    title: str
    """The answer in a sentence."""
    code: str | None = None
    error: str = ""
    """PyTorch's words, where the question is about an error."""
    events: tuple[Event, ...] = ()
    timeline: Timeline | None = None
    notes: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()
    measure: str = ""
    """What every way shows (`w.grad`)."""
    apply: str = "fix 1"
    """What applies the first way, where the question was asked."""
    outcome: str = ""
    """About a text that was refused: how far it runs as it can be written."""
    then: Why | None = None
    """And what is to be said of that, by the lines as they were typed; its ways come first."""


@dataclass(frozen=True, slots=True)
class Fixed(Answer):
    """`fix N`: the journal as it is now."""

    text: str
    edits: tuple[Edit, ...]
    measure: str
    measured: str
