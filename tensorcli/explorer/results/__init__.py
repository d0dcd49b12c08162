"""What a statement or a command has to show: frozen data that holds finished texts of values, never a tensor.

`Session.run` yields a `Step` for each statement; a command's answer is one of `RESULTS`, in `Step.result`.
Renderers take these and nothing else, so a result keeps what it said whatever the session does next. The
meaning of a field here is its meaning in JSON: a field is an object's key under the same name, a tuple an
array, None null.

This module knows no engine, no terminal and no colour. Which sign or style a kind has is a renderer's table.
The classes are made when they are first asked for: a quiet run needs few, and thirty cost as much as a tenth
of numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from tensorcli.explorer.results.step import Answer, Step

if TYPE_CHECKING:
    from tensorcli.explorer.results.answers import (
        AliasReport,
        Code,
        Devices,
        Exit,
        Expectation,
        Field,
        Help,
        HelpRow,
        HelpSection,
        History,
        HistoryRow,
        Inspection,
        Line,
        Notice,
        Run,
        SavedRow,
        SavedTable,
        Settings,
        SourcedFile,
        StorageMap,
        StorageRow,
        Transcript,
        Variable,
        Variables,
        ViewRow,
        Written,
    )
    from tensorcli.explorer.results.changes import (
        Alarm,
        AlarmKind,
        Change,
        ChangeKind,
        Facts,
        Inner,
        StaleSave,
        Value,
        Write,
    )
    from tensorcli.explorer.results.failure import Failure, FailureKind, WarningText
    from tensorcli.explorer.results.graph import (
        Graph,
        GraphNode,
        GraphSave,
        HookRow,
        Hooks,
        Witnesses,
        WitnessRow,
    )
    from tensorcli.explorer.results.hazards import HazardReport, HazardRow
    from tensorcli.explorer.results.predict import Prediction, PredictionRow, Predictions, Question
    from tensorcli.explorer.results.time import Blame, BlameRow, Difference, Dry, Travelled, Watched, Watching
    from tensorcli.explorer.results.understand import (
        Comparison,
        ComparisonRow,
        Explanation,
        Section,
        Tour,
        TourStep,
    )
    from tensorcli.explorer.results.verify import Divergence, Verified
    from tensorcli.explorer.results.why import Edit, Event, Fixed, Mark, Timeline, Way, Why
    from tensorcli.language.syntax import Span

_ANSWERS: Final = (
    "Field Line Inspection Variable Variables Run ViewRow StorageRow StorageMap SavedRow SavedTable "
    "AliasReport HistoryRow History HelpRow HelpSection Help Settings Code Devices Expectation "
    "Notice Written SourcedFile Transcript Exit "
).split()
_TIME: Final = "Travelled Difference Blame BlameRow Watched Watching Dry".split()
_WHY: Final = "Why Event Timeline Mark Way Edit Fixed".split()
_CHANGES: Final = "Facts Value Change Write StaleSave Alarm AlarmKind ChangeKind Inner".split()

_GRAPH: Final = "GraphSave GraphNode Graph HookRow Hooks WitnessRow Witnesses".split()

_UNDERSTAND: Final = "ComparisonRow Comparison Section Explanation Tour TourStep".split()

_MODULES: Final = {
    "explorer.results.understand": _UNDERSTAND,
    "explorer.results.hazards": ("HazardReport", "HazardRow"),
    "explorer.results.graph": _GRAPH,
    "explorer.results.answers": _ANSWERS,
    "explorer.results.time": _TIME,
    "explorer.results.why": _WHY,
    "explorer.results.predict": ("Prediction", "PredictionRow", "Predictions", "Question"),
    "explorer.results.verify": ("Divergence", "Verified"),
    "explorer.results.changes": _CHANGES,
    "explorer.results.failure": ("Failure", "FailureKind", "WarningText"),
    "language.syntax": ("Span",),
}

RESULT_NAMES: Final = (
    "Travelled Difference Blame Watching Dry Why Fixed Inspection Variables StorageMap SavedTable "
    "AliasReport History Help Settings Code Devices Expectation Notice Written SourcedFile Transcript Exit "
    "Graph Hooks Witnesses Comparison Explanation Tour HazardReport Verified Predictions "
).split()
PART_NAMES: Final = "Step Value Change Alarm WarningText Failure Question Prediction".split()

RESULTS: tuple[type[Answer], ...]
"""Every kind of answer that a command gives: a renderer is complete when it has them all, and `PARTS`."""
PARTS: tuple[type, ...]
"""What a step is made of."""


def __getattr__(name: str) -> Any:
    if name in ("RESULTS", "PARTS"):
        names = RESULT_NAMES if name == "RESULTS" else PART_NAMES
        found: Any = tuple(globals().get(each) or __getattr__(each) for each in names)
    else:
        module = next((module for module, names in _MODULES.items() if name in names), None)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = getattr(import_module(f"tensorcli.{module}"), name)
    globals()[name] = found
    return found


def plural(count: int, noun: str) -> str:
    """`1 node`, `3 nodes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def some(texts: Sequence[str], most: int = 6, joint: str = ", ", *, all_known: bool = True) -> str:
    """`a, b, c`; of many the first, and how many there are beside: `a, b, c and 97 more`. Where not all are known, `a, b, c, …`
    says only that there are more.
    """
    left = len(texts) - most
    if left <= 0:
        return joint.join(texts)
    return joint.join(texts[:most]) + (f" and {left} more" if all_known else ", …")


CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
BRIEF: Final = 60
"""Characters of a value that stands within a sentence."""


def brief(text: str) -> str:
    """A value as it stands within a sentence: elements stay whole, and brackets are closed."""
    end = len(text) if len(text) <= BRIEF else text.rfind(", ", 0, BRIEF)
    if end in (-1, len(text)):
        return text
    return f"{text[:end]}, …{closing(text[:end])}"


def closing(text: str) -> str:
    """The brackets that close what is open at the end of a text."""
    open_ones: list[str] = []
    for character in text:
        if character in CLOSING:
            open_ones.append(CLOSING[character])
        elif open_ones and character == open_ones[-1]:
            open_ones.pop()
    return "".join(reversed(open_ones))


def size_text(nbytes: int) -> str:
    """`12 B`, `4.0 KiB`."""
    if nbytes < 1024:
        return f"{nbytes} B"
    size = float(nbytes)
    for suffix in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {suffix}"
    return f"{size / 1024:.1f} TiB"


def size_of(text: str) -> int:
    """`512M`, `2 GiB`, `100000` as a number of bytes; K, M, G and T are powers of 1024. Errors: ValueError."""
    number = text.strip().upper().removesuffix("B").removesuffix("I")
    power = "KMGT".find(number[-1:]) + 1 if number[-1:] else 0
    try:
        return int(float(number[:-1] if power else number) * 1024**power)
    except OverflowError:
        raise ValueError(f"{text!r} is no size") from None


def yes(holds: bool) -> str:
    """`yes` or `no`."""
    return "yes" if holds else "no"


__all__ = [
    "Alarm",
    "AlarmKind",
    "AliasReport",
    "Answer",
    "Change",
    "ChangeKind",
    "Code",
    "Comparison",
    "ComparisonRow",
    "Devices",
    "Exit",
    "Expectation",
    "Explanation",
    "Facts",
    "Failure",
    "FailureKind",
    "Field",
    "Graph",
    "GraphNode",
    "GraphSave",
    "HazardReport",
    "HazardRow",
    "Help",
    "HelpRow",
    "HelpSection",
    "History",
    "HistoryRow",
    "HookRow",
    "Hooks",
    "Inner",
    "Inspection",
    "Line",
    "Notice",
    "PARTS",
    "Prediction",
    "PredictionRow",
    "Predictions",
    "Question",
    "RESULTS",
    "Run",
    "SavedRow",
    "SavedTable",
    "Section",
    "Settings",
    "Span",
    "StaleSave",
    "Step",
    "StorageMap",
    "StorageRow",
    "Tour",
    "TourStep",
    "Value",
    "Variable",
    "Variables",
    "ViewRow",
    "WarningText",
    "Witnesses",
    "WitnessRow",
    "Blame",
    "BlameRow",
    "Difference",
    "Divergence",
    "Dry",
    "Travelled",
    "Watching",
    "Watched",
    "Edit",
    "Event",
    "Fixed",
    "Mark",
    "Timeline",
    "SourcedFile",
    "Transcript",
    "Verified",
    "Way",
    "Why",
    "Write",
    "Written",
    "plural",
    "yes",
]
