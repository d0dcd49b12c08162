"""Answers of commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tensorcli.explorer.results.changes import Facts
from tensorcli.explorer.results.step import Answer, Step


@dataclass(frozen=True, slots=True)
class Field:
    """One fact under a key: `v.storage: s2` in the plain form, `"storage": "s2"` in JSON."""

    key: str
    value: str | int | float | bool | None
    text: str | None = None
    """How it reads in a sentence (`offset 1`); the value itself where None; empty where the remark says it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled line of an inspection: its facts, and a remark beside them."""

    label: str
    fields: tuple[Field, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Inspection(Answer):
    """`inspect`: everything about one value."""

    kind: Literal["tensor", "ndarray", "node", "storage", "collection", "other"]
    name: str
    """What was asked: the expression as typed."""
    origin: str
    """The right side that made it (`y[1:]`), of a storage the statement; empty where unknown."""
    line: int | None
    """The line of the statement that made it."""
    tags: tuple[str, ...]
    """Short marks beside the title (`float32`, `cpu`, `inference`)."""
    lines: tuple[Line, ...]
    items: tuple[Inspection, ...] = ()
    """Of a collection: its members."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A name of the session and what it stands for."""

    names: tuple[str, ...]
    """All names of one object, in the order they were bound."""
    type: str
    facts: Facts | None
    value: str
    """Short text for what is not a tensor."""
    note: str = ""
    """`view of y`, `shares s2 with y, v`."""


@dataclass(frozen=True, slots=True)
class Variables(Answer):
    """`vars`."""

    rows: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring slots first..last (inclusive)."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ViewRow:
    """How one tensor or array walks its storage."""

    names: tuple[str, ...]
    facts: Facts
    operator: str
    """How it was made from its parent (`select`); empty for what owns the storage."""
    depth: int
    """In the tree of views: 0 for a base."""
    layout: str
    """`contig`, `strided`, `expanded`, `overlapping`, `empty`."""
    cells: tuple[str, ...]
    """For each shown slot the logical index that reads it (`1,0`), empty where none does; several, in a
    tensor that overlaps itself, are joined by spaces."""
    runs: tuple[Run, ...]
    """The slots it reaches, for storages too large for cells; at most 16, the rest in `more_runs`."""
    more_runs: int
    covered: int
    """How many different slots it reaches."""


@dataclass(frozen=True, slots=True)
class StorageRow:
    """One allocation and all that looks at it."""

    id: str | None
    dtype: str
    elements: int
    nbytes: int
    device: str
    versions: tuple[tuple[int, tuple[str, ...]], ...]
    """Each version counter over it: its count and the names that share it."""
    names: tuple[str, ...]
    made_by: str
    """The statement that made it, empty where unknown."""
    line: int | None
    first_slot: int
    """The first shown slot; slots are numbered in elements of `dtype`."""
    cells: tuple[str, ...]
    """The value in each shown slot; empty where the storage is collapsed to runs."""
    views: tuple[ViewRow, ...]
    note: str = ""
    """`memory of numpy array n`, `kept by the graph (MulBackward0)`."""


@dataclass(frozen=True, slots=True)
class StorageMap(Answer):
    """`storages`: the memory map."""

    storages: tuple[StorageRow, ...]
    nbytes: int
    unshared_nbytes: int
    """What the named tensors would take if each had memory of its own."""
    more: int = 0
    """Storages left out."""


@dataclass(frozen=True, slots=True)
class SavedRow:
    """One tensor that a node keeps for the backward pass."""

    node: str
    slot: str
    tensor: str | None
    storage: str | None
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    saved: int
    """The version at saving."""
    now: int
    stale: bool
    line: int | None
    value: str


@dataclass(frozen=True, slots=True)
class SavedTable(Answer):
    """`saved`: what the graph keeps."""

    of: str | None
    """The tensor whose graph it is; None for all graphs that names reach."""
    rows: tuple[SavedRow, ...]
    nbytes: int
    """Of different storages, each counted once."""


@dataclass(frozen=True, slots=True)
class AliasReport(Answer):
    """`alias A B`: the independent questions about two values."""

    left: str
    right: str
    same_object: bool
    same_storage: bool
    same_counter: bool | None
    """None where one of them has no counter."""
    overlapping_bytes: int
    """Bytes that elements of both occupy, exactly."""
    overlap: tuple[Run, ...]
    """Byte ranges of the storage that both occupy; at most 16."""
    view_relation: str
    """`b is a view of a`, `both are views of x`, empty for none."""
    storages: tuple[str | None, str | None]
    verdict: str
    """The whole in a sentence."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A statement of the journal."""

    index: int
    line: int
    source: str
    outcome: str
    """Empty, or the exception that it raised."""


@dataclass(frozen=True, slots=True)
class History(Answer):
    """`history`."""

    rows: tuple[HistoryRow, ...]


@dataclass(frozen=True, slots=True)
class HelpRow:
    """What to type, and what it does."""

    usage: str
    description: str


@dataclass(frozen=True, slots=True)
class HelpSection:
    """A group of a help page."""

    title: str
    rows: tuple[HelpRow, ...]
    brief: bool = False
    """Text shows what to type side by side; what each does is had by asking for the group."""


@dataclass(frozen=True, slots=True)
class Help(Answer):
    """A help page: of the session, a command, an operator, a value."""

    title: str
    summary: str
    sections: tuple[HelpSection, ...] = ()
    details: tuple[str, ...] = ()
    """Paragraphs or schema lines."""
    see_also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings(Answer):
    """`set`: every setting with its value."""

    rows: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Code(Answer):
    """`code`: the session as a PyTorch script."""

    text: str


@dataclass(frozen=True, slots=True)
class Devices(Answer):
    """`device`: what tensors can lie on here."""

    rows: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Expectation(Answer):
    """`expect`: whether it held, and what was found. One that fails comes with a Failure beside it."""

    holds: bool
    text: str
    """What was expected, as typed."""
    found: str


@dataclass(frozen=True, slots=True)
class Notice(Answer):
    """A command that did something and says so in a line (`seed 3`, `reset`)."""

    text: str


@dataclass(frozen=True, slots=True)
class Written(Answer):
    """`save`, `export`: a file was written."""

    path: str
    """As typed."""
    what: Literal["script", "transcript"]
    statements: int
    """How many of the session are in it."""


@dataclass(frozen=True, slots=True)
class SourcedFile(Answer):
    """`source`: a file was read; its statements are the next steps."""

    path: str
    statements: int


@dataclass(frozen=True, slots=True)
class Transcript(Answer):
    """A session with what each of its statements showed."""

    steps: tuple[Step, ...]
    engine: str


@dataclass(frozen=True, slots=True)
class Exit(Answer):
    """`exit`: the session wants to end with this status."""

    status: int
