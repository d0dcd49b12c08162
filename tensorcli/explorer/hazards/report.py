"""The hazards of a statement as alarms, when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorcli.explorer import results
from tensorcli.explorer.facts import operation_of
from tensorcli.explorer.hazards.catalogue import HAZARDS
from tensorcli.explorer.hazards.told import Told
from tensorcli.language.syntax import span_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tensorcli.explorer.changes import Observation
    from tensorcli.explorer.hazards.watch import Poisoned
    from tensorcli.explorer.journal import Record
    from tensorcli.explorer.results import HazardRow


def hazard(told: Told, node: Any = None) -> results.Alarm:
    """A hazard as an alarm."""
    span = None if node is None else span_of(node)
    return results.Alarm(
        "hazard", told.text, told.hint or HAZARDS[told.code].hint, told.code, span=span, names=told.names
    )


def hazards(observation: Observation) -> Iterator[results.Alarm]:
    """The hazards of the statement so far, but for hidden writes."""
    watch = observation.recorder.watch
    for found in () if watch.silent else watch.findings():
        yield hazard(*found)
    if watch.poisoned:
        yield results.Alarm("silent", _used_text(watch.poisoned), HAZARDS["TSC-H001"].hint, "TSC-H001")
    if observation.recorder.gradients:
        yield from _aliases(observation)
    if observation.failed is not None:
        yield from _false_alarm(observation)


def hazard_row(alarm: results.Alarm, record: Record) -> HazardRow:
    """An alarm as what `check` lists."""
    from tensorcli.explorer.failures import line_at
    from tensorcli.explorer.journal import PROMPT
    from tensorcli.explorer.results import HazardRow

    assert alarm.code is not None
    span, statement = alarm.span or record.statement.span, record.statement
    source = statement.source
    inside = statement.span.line <= span.line <= statement.span.end_line
    if (inside and "\n" in source) or (not inside and record.name != PROMPT):
        source = line_at(record.text, span).strip()
    return HazardRow(
        alarm.code,
        HAZARDS[alarm.code].name,
        record.index,
        record.name,
        span,
        source,
        alarm.text,
        alarm.hint,
        alarm.names,
    )


def _used_text(poisoned: list[Poisoned]) -> str:
    names = list(dict.fromkeys(f"{operation_of(each.node)}.{each.slot}" for each in poisoned))
    verb = "was" if len(names) == 1 else "were"
    return (
        f"{' and '.join(names[:3])}{', …' if len(names) > 3 else ''} {verb} saved before a write that PyTorch "
        "cannot see; the backward pass in this statement used the new bytes: its gradients are wrong."
    )


def _aliases(observation: Observation) -> Iterator[results.Alarm]:
    """Names that hold what a second backward pass added to."""
    engine, index = observation.engine, observation.index
    added = [
        (leaf, id(engine.memory(grad)))
        for reference, kind in observation.recorder.gradients.values()
        if kind == "in place"
        and (leaf := reference()) is not None
        and (grad := engine.grad(leaf)) is not None
    ]
    named_too = index.named([memory for _, memory in added]) if added else ()
    for leaf, memory in added:
        if memory not in named_too:
            continue
        sharing = [each for each in index.sharing(memory) if each.paths and each.born < index.now]
        owner = index.name(leaf) if sharing else None
        held = [next(iter(each.paths)) for each in sharing if owner not in each.paths]
        if held and owner is not None:
            names = ", ".join(held[:3]) + (", …" if len(held) > 3 else "")
            verb, noun = ("is", "the tensor") if len(held) == 1 else ("are", "the memory")
            told = Told(
                "TSC-H008",
                f"{names} {verb} {noun} that {owner}.grad accumulates in: this backward pass added to it, and "
                f"{held[0]} is not the old gradient any more.",
                (held[0], owner),
                f"{held[0]} = {owner}.grad.clone()",
            )
            yield hazard(told)


def _false_alarm(observation: Observation) -> Iterator[results.Alarm]:
    """A backward pass that was refused although the elements are what they were."""
    node, watch, engine = observation.failed, observation.recorder.watch, observation.engine
    if node is None or engine.released(node):
        return
    stale = [
        (memory, clock, saved) for memory, clock, saved in watch.saves_of(node) if saved.now != saved.saved
    ]
    intact = [watch.keeper.intact(saved, engine.memory(saved.tensor), clock) for _, clock, saved in stale]
    if not stale or not all(intact):
        return
    name = operation_of(engine.node_name(node))
    saved = stale[0][2]
    count = engine.look(saved.tensor).numel
    elements = "the element" if count == 1 else f"the {count} elements"
    has, they = ("has", "it") if count == 1 else ("have", "they")
    told = Told(
        "TSC-H009",
        f"the version check is a false alarm here: {elements} that {name} saved as {saved.slot} {has} the "
        f"value{'s' * (count != 1)} that {they} had when saved.",
    )
    yield hazard(told, watch.running)
