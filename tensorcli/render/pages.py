"""`render`: one result to one page of text, by its kind. The one table of which function draws what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import singledispatch
from typing import Any

from tensorcli.explorer import results
from tensorcli.render import answers, facts, failures, hazards, predict, time, why
from tensorcli.render.comparison import comparison
from tensorcli.render.explanation import explanation
from tensorcli.render.graph import hooks, tree_page, witnesses
from tensorcli.render.inspection import inspection
from tensorcli.render.layout import Line, Page, line, page, paragraph, room_beside, wrap
from tensorcli.render.prompts import CONTINUATION, PROMPT
from tensorcli.render.storages import storage_map
from tensorcli.render.verified import verified


@singledispatch
def render(result: object, width: int | None = None) -> Page:
    """The page of a result or a part of a step, set to `width` terminal cells, or in its natural width.

    Raises TypeError for what is not a result.
    """
    raise TypeError(f"{type(result).__name__} is no result")


def step(found: results.Step, width: int | None) -> Iterator[Line]:
    """What a statement has to show beside what it printed: its value, its answer, what changed, alarms.
    Errors stand elsewhere.
    """
    if found.prediction is not None:
        yield from predict.prediction(found.prediction, width)
    if found.value is not None:
        yield from value(found.value, width)
    if found.result is not None and not (found.error and isinstance(found.result, results.Expectation)):
        yield from render(found.result, width).lines  # an expectation that failed is told by its error
    for answer in found.answers:
        yield from render(answer, width).lines
    if found.more_answers:
        yield line(" ", (f"… and {results.plural(found.more_answers, 'more answer')}", "muted"))
    for inner in found.inner:
        yield line(f"{'  ' * inner.depth}", (f"{inner.span.line:>4} | ", "muted"), (inner.source, "verb"))
        yield from facts.changes(inner.changes, inner.more_changes, width)
        for each in inner.alarms:
            yield from alarm(each, width)
    if found.more_inner:
        yield line("     | ", (f"… and {found.more_inner} more statements", "muted"))
    if found.inner:
        yield line("     = ", ("the whole statement", "muted"))
    yield from facts.changes(found.changes, found.more_changes, width)
    for each in found.alarms:
        yield from alarm(each, width)
    for watched in found.watched:
        yield from time.watched(watched, width)


def dry(found: results.Dry, width: int | None) -> Iterator[Line]:
    """What the statement would show, its error among it."""
    yield line(" ", ("would do", "title"), f"   {found.step.source.partition(chr(10))[0]}")
    for each in found.step.output.splitlines():
        yield line(each)
    yield from step(found.step, width)
    for warned in found.step.warnings:
        yield from failures.warning_at_prompt(warned, width)
    if found.step.error is not None:
        yield from failures.failure_at_prompt(found.step.error, width, 0, None, happened=False)
    elif not (found.step.output or found.step.value or found.step.changes or found.step.result):
        yield line("   ", ("no tensor would change", "muted"))


def value(found: results.Value, width: int | None) -> Iterator[Line]:
    """The repr as it is: PyTorch has set it to a width of its own."""
    for each in found.text.split("\n"):
        yield line(each)


def change(found: results.Change, width: int | None) -> Iterator[Line]:
    yield from facts.changes([found], 0, width)


def alarm(found: results.Alarm, width: int | None) -> Iterator[Line]:
    """`! what will fail   what to type`, wrapped under itself."""
    text = (
        f"SILENT: {found.text}"
        if found.kind == "silent" and not found.text.startswith("SILENT")
        else found.text
    )
    tail = "   ".join(part for part in (found.hint, found.code) if part)
    parts = wrap(text, room_beside(width, 3))
    beside = tail and (width is None or len(parts[-1]) + 6 + len(tail) <= width)
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        lead = (" ", ("!", "alarm"), " ") if number == 0 else ("   ",)
        yield line(*lead, part, *(("   ", (tail, "hint")) if last and beside else ()))
    if tail and not beside:
        yield line("   ", (tail, "hint"))


def failure(found: results.Failure, width: int | None) -> Iterator[Line]:
    yield from failures.failure_in_file(found)


def warning(found: results.WarningText, width: int | None) -> Iterator[Line]:
    yield from failures.warning_in_file(found)


def variables(found: results.Variables, width: int | None) -> Iterator[Line]:
    if not found.rows:
        yield line(" ", "no names yet")
    yield from facts.variables(found.rows, width)


def told(found: results.Step, width: int | None) -> Iterator[Line]:
    """A statement behind the prompt, then all that it showed. One that read or wrote a file is a comment: what a file gave
    stands below it.
    """
    first, *rest = found.source.split("\n")
    if touched_file(found.result):
        yield line((PROMPT, "prompt"), (f"# {first}", "comment"))
    else:
        yield line((PROMPT, "prompt"), first)
        for each in rest:
            yield line((CONTINUATION, "prompt"), each)
    for each in found.output.splitlines():
        yield line(each)
    yield from step(found, width)
    for warned in found.warnings:
        yield from failures.warning_in_file(warned)
    if found.error is not None:
        yield from failures.failure_in_file(found.error)


def touched_file(result: results.Answer | None) -> bool:
    """Whether a command read or wrote a file."""
    graph = isinstance(result, results.Graph) and result.path is not None
    return graph or isinstance(result, results.SourcedFile | results.Written)


def transcript(found: results.Transcript, width: int | None) -> Iterator[Line]:
    """The session from its first statement to its last."""
    for number, each in enumerate(found.steps):
        if number:
            yield ()
        yield from told(each, width)


def graph(found: results.Graph, width: int | None) -> Iterator[Line]:
    """The tree, or the text for other programs that was asked for."""
    if found.form == "tree":
        yield from tree_page(found, width)
        return
    from tensorcli.render.diagrams import text_of

    for each in text_of(found, found.form).rstrip("\n").split("\n"):
        yield line(each)


def tour(found: results.Tour, width: int | None) -> Iterator[Line]:
    """The comments, then each statement behind the prompt with what it shows."""
    for each in found.steps:
        if each.text:
            yield ()
            for text in wrap(each.text, room_beside(width, 2)):
                yield line((f"# {text}", "comment"))
        yield from told(each.step, width)
    if found.others:
        yield ()
        yield from paragraph(f"more: tour {' | '.join(found.others)}", width, "hint", " ", "   ")


DRAWN: dict[type, Callable[[Any, int | None], Iterator[Line]]] = {
    results.Step: step,
    results.Value: value,
    results.Change: change,
    results.Alarm: alarm,
    results.WarningText: warning,
    results.Failure: failure,
    results.Inspection: inspection,
    results.Variables: variables,
    results.StorageMap: storage_map,
    results.SavedTable: answers.saved_table,
    results.HazardReport: hazards.hazard_report,
    results.AliasReport: answers.alias_report,
    results.History: answers.history,
    results.Help: answers.help_page,
    results.Settings: answers.settings,
    results.Devices: answers.settings,
    results.Code: answers.code,
    results.Expectation: answers.expectation,
    results.Notice: answers.notice,
    results.Written: answers.written,
    results.SourcedFile: answers.sourced,
    results.Transcript: transcript,
    results.Exit: answers.leave,
    results.Comparison: comparison,
    results.Explanation: explanation,
    results.Tour: tour,
    results.Graph: graph,
    results.Hooks: hooks,
    results.Witnesses: witnesses,
    results.Travelled: time.travelled,
    results.Difference: time.difference,
    results.Blame: time.blame,
    results.Watching: time.watching,
    results.Dry: dry,
    results.Verified: verified,
    results.Question: predict.question,
    results.Prediction: predict.prediction,
    results.Predictions: predict.predictions,
    results.Why: why.why,
    results.Fixed: why.fixed,
}


def _register(kind: type, draw: Callable[[Any, int | None], Iterator[Line]]) -> None:
    render.register(kind, lambda result, width=None: page(draw(result, width)))


for _kind, _draw in DRAWN.items():
    _register(_kind, _draw)
