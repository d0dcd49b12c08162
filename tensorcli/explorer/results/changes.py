"""What a statement changed: facts of tensors, the rows of its table, its writes, its alarms."""

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
    "hooks_ran",  # a backward pass called these
    "graph_freed",  # a backward pass dropped what nodes had saved
    "archived",  # torch.save wrote tensors
]
SENTENCES: Final[tuple[ChangeKind, ...]] = ("bound", "unbound", "hooks_ran", "graph_freed", "archived")
"""The kinds whose note says everything."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the table of what changed. A cell changed where `before` and `after` differ in that field."""

    kind: ChangeKind
    names: tuple[str, ...]
    """The name of the row first (`w`, `params[0]`, `x.grad`), then the object's other names."""
    before: Facts | None = None
    after: Facts | None = None
    note: str = ""
    """The last column (`new storage 12 B, leaf`); of SENTENCES the whole sentence."""
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
    """How many different elements of the storage were written; None where unknown."""
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
    names: tuple[str, ...] = ()
    """What a hazard happened to, as the script names it; then what else has a part in it. What has no name is left out."""


@dataclass(frozen=True, slots=True)
class Inner:
    """A statement that ran within a loop or a function, and what it changed."""

    span: Span
    depth: int
    """How many calls of script functions it stands in."""
    source: str
    """As typed, on one line."""
    changes: tuple[Change, ...] = ()
    more_changes: int = 0
    alarms: tuple[Alarm, ...] = ()
