"""What a statement or a command has to show: frozen data that holds finished texts of values, never a tensor.

`Session.run` yields a `Step` for each statement; a command's answer is one of `RESULTS`, in `Step.result`.
Renderers take these and nothing else, so a result keeps what it said whatever the session does next. The meaning
of a field here is its meaning in JSON: a field is an object's key under the same name, a tuple an array, None null.

This module knows no engine, no terminal and no colour. Which sign or style a kind has is a renderer's table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tensorcli.language.syntax import Span

# ---- tensors


@dataclass(frozen=True, slots=True)
class Facts:
    """A tensor or an ndarray at one moment."""

    kind: Literal["tensor", "ndarray"]
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    """In elements, of a tensor; in bytes, of an ndarray."""
    offset: int
    """Of the first element, in elements of this dtype from the storage's beginning."""
    dtype: str
    """PyTorch's name without `torch.` (`float32`)."""
    device: str
    storage: str | None
    """The allocation's id (`s2`); None for a temporary, which has none."""
    version: int | None
    """None for ndarrays and inference tensors, which have no counter."""
    requires_grad: bool | None
    is_leaf: bool | None
    grad_fn: str | None
    """The name of the node (`ExpBackward0`)."""
    value: str
    """The elements on one line (`[1., 2., 3.]`), without `tensor(…)`; more than 24 are summarised as PyTorch does."""


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a bare expression."""

    text: str
    """Its repr, as PyTorch prints it; may have several lines."""
    type: str
    facts: Facts | None = None


# ---- what a statement changed

ChangeKind = Literal[
    "created",  # a tensor that was not there
    "written",  # its bytes were written through this name
    "seen",  # its bytes were written through another name
    "changed",  # metadata only: requires_grad, grad_fn, shape, memory moved
    "shares",  # not changed: another name on a storage that the statement touched
    "gradient",  # `.grad` appeared, was added to, or went
    "bound",  # a name was given to an object that had one already
    "unbound",  # a name was deleted or given to another object
    "graph_freed",  # a backward pass dropped what nodes had saved
]


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the table of what changed. A cell changed where `before` and `after` differ in that field."""

    kind: ChangeKind
    names: tuple[str, ...]
    """The name of the row first (`w`, `params[0]`, `x.grad`), then the object's other names."""
    before: Facts | None = None
    after: Facts | None = None
    note: str = ""
    """The last column (`new storage 12 B, leaf`); for bound, unbound and graph_freed the whole sentence."""
    storage: str | None = None
    """The storage it is about, also where there are no facts any more."""
    same_as: str | None = None
    """bound: the name that the object had."""
    kept_by: tuple[str, ...] = ()
    """unbound: who keeps the storage; empty when it is gone."""
    operator: str = ""
    """The outermost operator that did it (`mul_`), where the engine said so."""


@dataclass(frozen=True, slots=True)
class Write:
    """A write into a storage, as a fact: the JSON twin of the rows written and seen."""

    storage: str | None
    version: tuple[int, int] | None
    """Before and after; both alike where the counter did not see it, None where there is none."""
    via: str | None
    """The name written through; None for a tensor without one."""
    seen_by: tuple[str, ...]
    operator: str = ""
    elements: int | None = None
    """How many elements of the storage the written tensor reaches; None where unknown."""
    silent: bool = False
    """The bytes changed and the version counter did not move (`.data`, numpy)."""


@dataclass(frozen=True, slots=True)
class StaleSave:
    """A saved tensor whose bytes or version moved since a node saved it."""

    node: str
    """`MulBackward0`."""
    slot: str
    """The name under which the node keeps it (`self`, `result`)."""
    tensor: str | None
    """A name of the tensor, where it has one."""
    saved: int
    now: int
    storage: str | None = None


AlarmKind = Literal["stale", "silent", "hazard"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that will fail, or be wrong, because of this statement."""

    kind: AlarmKind
    text: str
    hint: str = ""
    """What to type to learn more (`why?`, `explain data`)."""
    code: str | None = None
    """Its entry in the catalogue (`TSC-W003`)."""
    stale: tuple[StaleSave, ...] = ()
    span: Span | None = None


# ---- what a statement said


@dataclass(frozen=True, slots=True)
class WarningText:
    """A warning that PyTorch, numpy or Python gave."""

    category: str
    """`UserWarning`."""
    message: str
    """Whole, as given."""
    span: Span | None
    name: str = "<input>"


FailureKind = Literal[
    "language",  # the text does not parse, or uses what the language refuses: nothing of it ran
    "statement",  # a statement raised
    "expectation",  # `expect` or `assert` failed
    "limit",  # stopped by a limit of ours; taken back whole
    "interrupted",  # Ctrl-C; taken back whole
    "unavailable",  # a device or an engine that is not there
    "hazard",  # a hazard, where the session is strict
]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a statement, or the whole text, did not run to its end."""

    kind: FailureKind
    type: str
    """The exception's class (`RuntimeError`, `SyntaxError`)."""
    message: str
    """Its text, whole; may have several lines."""
    spans: tuple[Span, ...]
    """Where: the innermost expression first, then the calls that led there, outwards."""
    lines: tuple[str, ...]
    """The source line of each span, as typed (its first line)."""
    statement: Span | None
    """The top-level statement; None for a language failure."""
    name: str = "<input>"
    """The file's name as given."""
    hints: tuple[str, ...] = ()
    """Ours: `did you mean detach?`, which effects stay."""
    code: str | None = None


# ---- answers of commands


@dataclass(frozen=True, slots=True)
class Field:
    """One fact under a key: `v.storage: s2` in the plain form, `"storage": "s2"` in JSON."""

    key: str
    value: str | int | float | bool | None
    text: str = ""
    """How it reads in a sentence (`offset 1`); the value itself where empty."""


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled line of an inspection: its facts, and a remark beside them."""

    label: str
    fields: tuple[Field, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """`inspect`: everything about one value."""

    kind: Literal["tensor", "ndarray", "node", "storage", "collection", "other"]
    name: str
    """What was asked: the expression as typed."""
    origin: str
    """The right side that made it (`y[1:]`), empty where unknown."""
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
    """Short text for what is no tensor."""
    note: str = ""
    """`view of y`, `shares s2 with y, v`."""


@dataclass(frozen=True, slots=True)
class Variables:
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
    """For each shown slot the logical index that reads it (`1,0`), empty where none does; several, in a tensor that
    overlaps itself, are joined by spaces."""
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
class StorageMap:
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
class SavedTable:
    """`saved`: what the graph keeps."""

    of: str | None
    """The tensor whose graph it is; None for all graphs that names reach."""
    rows: tuple[SavedRow, ...]
    nbytes: int
    """Of different storages, each counted once."""


@dataclass(frozen=True, slots=True)
class AliasReport:
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
class History:
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


@dataclass(frozen=True, slots=True)
class Help:
    """A help page: of the session, a command, an operator, a value."""

    title: str
    summary: str
    sections: tuple[HelpSection, ...] = ()
    details: tuple[str, ...] = ()
    """Paragraphs or schema lines."""
    see_also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """`set`: every setting with its value."""

    rows: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """`code`: the session as a PyTorch script."""

    text: str


@dataclass(frozen=True, slots=True)
class Devices:
    """`device`: what tensors can lie on here."""

    rows: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Expectation:
    """`expect`: whether it held, and what was found. One that fails comes with a Failure beside it."""

    holds: bool
    text: str
    """What was expected, as typed."""
    found: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A command that did something and says so in a line (`seed 3`, `reset`)."""

    text: str


@dataclass(frozen=True, slots=True)
class Exit:
    """`exit`: the session wants to end with this status."""

    status: int


Result = (
    Inspection
    | Variables
    | StorageMap
    | SavedTable
    | AliasReport
    | History
    | Help
    | Settings
    | Code
    | Devices
    | Expectation
    | Notice
    | Exit
)

RESULTS: Final[tuple[type, ...]] = (
    Inspection,
    Variables,
    StorageMap,
    SavedTable,
    AliasReport,
    History,
    Help,
    Settings,
    Code,
    Devices,
    Expectation,
    Notice,
    Exit,
)
"""Every kind of answer that a command gives: a renderer is complete when it has them all, and `PARTS`."""


# ---- the step


@dataclass(frozen=True, slots=True)
class Step:
    """One statement that ran, or a text that did not."""

    index: int
    """Its number in the session, from 1; 0 for a text of which nothing ran."""
    name: str
    """The file's name as given (`demo.tsc`, `<input>`)."""
    source: str
    """The statement as typed."""
    span: Span | None
    output: str = ""
    """What `print` printed, with its line ends."""
    value: Value | None = None
    """Of a bare expression that is not None."""
    result: Result | None = None
    """The answer, where the statement is a command of the explorer."""
    changes: tuple[Change, ...] = ()
    more_changes: int = 0
    """Rows left out beyond the first 20."""
    writes: tuple[Write, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    warnings: tuple[WarningText, ...] = ()
    error: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether the statement ran to its end and what it expected held."""
        return self.error is None


PARTS: Final[tuple[type, ...]] = (Step, Value, Change, Alarm, WarningText, Failure)
"""What a step is made of."""
