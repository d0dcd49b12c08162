"""`name.field: value`, one fact on each line, for grep and screen readers: no tables, no marks, nothing shortened, no width.

A changed fact reads `s2.version: 0 -> 1`. A text of several lines gives a line for each, all under the same
key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import singledispatch

from tensorcli.explorer import results
from tensorcli.explorer.results.changes import SENTENCES
from tensorcli.render.json import snake_case
from tensorcli.render.layout import visible

FACTS = (
    "shape",
    "stride",
    "offset",
    "dtype",
    "device",
    "storage",
    "version",
    "requires_grad",
    "is_leaf",
    "grad_fn",
    "value",
)


def plain_text(result: object) -> str:
    """The lines of a result or a step, each with its line end."""
    return "".join(f"{each}\n" for each in plain(result))


def entry(key: str, value: object) -> Iterator[str]:
    """A fact; each line of its text under the same key, none with white space at its end."""
    for each in visible(str(value)).split("\n"):
        yield f"{key}: {each}".rstrip()


@singledispatch
def plain(result: object) -> Iterator[str]:
    """The lines of a result: its fields in order under the name that its type has in JSON, those of what it holds under
    a dotted path.
    """
    yield from nested(snake_case(type(result).__name__), result)


def nested(path: str, value: object) -> Iterator[str]:
    """The fields of any result, a member of a tuple under its number from 1."""
    if is_dataclass(value):
        for each in fields(value):
            yield from nested(f"{path}.{each.name}", getattr(value, each.name))
    elif isinstance(value, results.Step):
        for name, held in zip(value._fields, value):
            yield from nested(f"{path}.{name}", held)
    elif isinstance(value, tuple):
        if all(isinstance(each, str | int) or each is None for each in value):
            texts = [str(each) for each in value]
            sentences = any(" " in text for text in texts)
            for text in texts if sentences or not texts else [" ".join(texts)]:
                yield from entry(path, text)
        else:
            for number, each in enumerate(value, 1):
                yield from nested(f"{path}.{number}", each)
    elif value is not None and value != "":
        yield from entry(path, value)


def facts_lines(name: str, found: results.Facts) -> Iterator[str]:
    """All facts of a tensor under its name."""
    for field in FACTS:
        value = getattr(found, field)
        if value is not None or field == "grad_fn":
            yield from entry(f"{name}.{field}", value)


@plain.register
def step(found: results.Step) -> Iterator[str]:
    if found.prediction is not None:
        yield from plain(found.prediction)
    if found.value is not None:
        yield from entry("value", found.value.text)
    if found.result is not None:
        yield from plain(found.result)
    for answer in found.answers:
        yield from plain(answer)
    if found.more_answers:
        yield from entry("more_answers", found.more_answers)
    for inner in found.inner:
        yield from entry("inner.line", inner.span.line)
        yield from entry("inner.source", inner.source)
        for each in (*inner.changes, *inner.alarms):
            yield from plain(each)
    if found.more_inner:
        yield from entry("more_inner", found.more_inner)
    for write in found.writes:
        yield from plain(write)
    for change in found.changes:
        yield from plain(change)
    if found.more_changes:
        yield from entry("more_changes", found.more_changes)
    for alarm in found.alarms:
        yield from plain(alarm)
    for each in found.watched:
        yield from entry(f"watch.{each.name}", f"{each.before} -> {each.after}")


@plain.register
def write(found: results.Write) -> Iterator[str]:
    """`s2.version: 0 -> 1 (via d, seen by y)`."""
    parts = [f"via {found.via}"] if found.via else []
    if found.seen_by:
        parts.append(f"seen by {' '.join(found.seen_by)}")
    if found.silent:
        parts.append("bytes changed, the counter did not move")
    remark = f" ({', '.join(parts)})" if parts else ""
    key = found.storage or "(temporary)"
    if found.version is None:
        yield f"{key}.written: no version counter{remark}"
    else:
        yield f"{key}.version: {found.version[0]} -> {found.version[1]}{remark}"


@plain.register
def change(found: results.Change) -> Iterator[str]:
    name = found.names[0] if found.names else "(temporary)"
    if found.kind in SENTENCES:
        yield from entry(f"{'graph' if found.kind == 'hooks_ran' else name}.{found.kind}", found.note)
        return
    if found.kind == "shares":
        return  # nothing changed
    if found.before is None and found.after is not None:
        yield from facts_lines(name, found.after)
    elif found.before is not None and found.after is not None:
        for field in FACTS:
            before, after = getattr(found.before, field), getattr(found.after, field)
            if before != after:
                was = "" if field == "value" and not before else f"{before} -> "
                yield from entry(f"{name}.{field}", f"{was}{after}")
    if found.note:
        yield from entry(f"{'graph' if found.kind == 'hooks_ran' else name}.{found.kind}", found.note)
    if found.names[1:]:
        yield from entry(f"{name}.also", " ".join(found.names[1:]))


@plain.register
def alarm(found: results.Alarm) -> Iterator[str]:
    yield from entry(f"alarm.{found.kind}", found.text)
    for stale in found.stale:
        yield f"{stale.node}.{stale.slot}.version: saved {stale.saved}, now {stale.now}"
    if found.hint:
        yield from entry("alarm.hint", found.hint)
    if found.code:
        yield from entry("alarm.code", found.code)


@plain.register
def value(found: results.Value) -> Iterator[str]:
    yield from entry("value", found.text)


@plain.register
def inspection(found: results.Inspection) -> Iterator[str]:
    name = found.name
    yield from entry(f"{name}.kind", found.kind)
    if found.origin:
        yield from entry(f"{name}.origin", found.origin)
    if found.line is not None:
        yield from entry(f"{name}.line", found.line)
    if found.tags:
        yield from entry(f"{name}.tags", " ".join(found.tags))
    for each in found.lines:
        for field in each.fields:
            yield from entry(f"{name}.{field.key}", field.value)
        if each.note:
            yield from entry(f"{name}.{each.label.replace(' ', '_')}.note", each.note)
    for item in found.items:
        yield from inspection(item)


@plain.register
def variables(found: results.Variables) -> Iterator[str]:
    for row in found.rows:
        name = row.names[0]
        yield from entry(f"{name}.type", row.type)
        if row.facts is not None:
            yield from facts_lines(name, row.facts)
        elif row.value:
            yield from entry(f"{name}.value", row.value)
        if row.names[1:]:
            yield from entry(f"{name}.also", " ".join(row.names[1:]))
        if row.note:
            yield from entry(f"{name}.note", row.note)


@plain.register
def storage_map(found: results.StorageMap) -> Iterator[str]:
    for storage in found.storages:
        key = storage.id or "(temporary)"
        for field in ("dtype", "elements", "nbytes", "device"):
            yield from entry(f"{key}.{field}", getattr(storage, field))
        for version, names in storage.versions:
            remark = f" (of {' '.join(names)})" if len(storage.versions) > 1 else ""
            yield f"{key}.version: {version}{remark}"
        yield from entry(f"{key}.names", " ".join(storage.names))
        if storage.made_by:
            yield from entry(f"{key}.made_by", storage.made_by)
        if storage.note:
            yield from entry(f"{key}.note", storage.note)
        if storage.cells:
            yield from entry(f"{key}.values", " ".join(storage.cells))
        for view in storage.views:
            yield from view_row(view, storage)
    yield from entry("storages.count", len(found.storages) + found.more)
    yield from entry("storages.nbytes", found.nbytes)
    yield from entry("storages.unshared_nbytes", found.unshared_nbytes)


def view_row(view: results.ViewRow, storage: results.StorageRow) -> Iterator[str]:
    """A view in the memory map, under its name."""
    name = view.names[0] if view.names else "(temporary)"
    yield from entry(f"{name}.storage", storage.id or "(temporary)")
    for field in ("shape", "stride", "offset"):
        yield from entry(f"{name}.{field}", getattr(view.facts, field))
    yield from entry(f"{name}.layout", view.layout)
    if view.operator:
        yield from entry(f"{name}.made_by", view.operator)
    for slot, cell in enumerate(view.cells, storage.first_slot):
        if cell:
            yield f"{name}.slot.{slot}: {cell}"
    for run in view.runs:
        yield f"{name}.slots: {run.first}..{run.last}"
    yield f"{name}.covered: {view.covered} of {storage.elements}"


@plain.register
def saved_table(found: results.SavedTable) -> Iterator[str]:
    for row in found.rows:
        key = f"{row.node}.{row.slot}"
        for field in (
            "tensor",
            "storage",
            "shape",
            "dtype",
            "nbytes",
            "saved",
            "now",
            "stale",
            "line",
            "value",
        ):
            value = getattr(row, field)
            if value is not None:
                yield from entry(f"{key}.{field}", value)
    yield from entry("saved.count", len(found.rows))
    yield from entry("saved.nbytes", found.nbytes)


@plain.register
def graph(found: results.Graph) -> Iterator[str]:
    for node in found.nodes:
        key = f"{found.of}.graph.{node.id}"
        yield from entry(f"{key}.name", node.name)
        if node.tensors:
            yield from entry(f"{key}.tensors", " ".join(node.tensors))
        if node.code:
            yield from entry(f"{key}.code", node.code)
        if node.line is not None:
            yield from entry(f"{key}.line", node.line)
        for save in node.saves:
            state = f"stale: saved {save.saved}, now {save.now}" if save.stale else f"version {save.saved}"
            yield from entry(f"{key}.saves.{save.slot}", f"{save.tensor or '(temporary)'} ({state})")
        for number in node.numbers:
            slot, _, value = number.partition("=")
            yield from entry(f"{key}.saves.{slot}", value)
        if node.freed:
            yield from entry(f"{key}.freed", True)
        if node.leaf:
            yield from entry(f"{key}.grad", node.grad)
        if node.hooks:
            yield from entry(f"{key}.hooks", node.hooks)
        yield from entry(f"{key}.next", " ".join(each or "None" for each in node.next))
    yield from entry(f"{found.of}.graph.nodes", len(found.nodes))
    yield from entry(f"{found.of}.graph.left_out", found.more)
    for note in (*found.notes, *((found.remark,) if found.remark else ())):
        yield from entry(f"{found.of}.graph.note", note)
    if found.path:
        yield from entry(f"{found.of}.graph.written", found.path)


@plain.register
def comparison(found: results.Comparison) -> Iterator[str]:
    for number, form in enumerate(found.forms):
        yield from entry(f"{form}.expression", found.expressions[number])
        for row in found.rows:
            if row.cells[number] != "-":
                yield from entry(f"{form}.{row.question.partition(':')[0].strip()}", row.cells[number])
    for number, note in enumerate(found.notes, 1):
        yield from entry(f"[{number}]", note)
    for group in found.groups:
        yield from entry("group", group)


@plain.register
def explanation(found: results.Explanation) -> Iterator[str]:
    yield from entry("explain.what", found.what)
    yield from entry("explain.verdict", found.verdict)
    for section in found.sections:
        key = f"explain.{section.title}" if section.title else "explain"
        yield from _section_rows(section, key)
        for text in section.text:
            yield from entry(f"{key}.text", text)
    if found.error:
        yield from entry("explain.error", found.error)
    if found.see_also:
        yield from entry("see also", "; ".join(found.see_also))


def _section_rows(section: results.Section, key: str) -> Iterator[str]:
    if section.titled and section.rows:
        titles, *rows = section.rows
        for row in rows:
            for title, cell in zip(titles[1:], row[1:]):
                if cell:
                    yield from entry(f"{key}.{row[0]}.{title}".rstrip("."), cell)
        return
    for name, *cells in section.rows:
        yield from entry(f"{key}.{name}", "  ".join(cells)) if cells else entry(key, name)


@plain.register
def tour(found: results.Tour) -> Iterator[str]:
    for each in found.steps:
        if each.text:
            yield from entry("comment", each.text)
        yield from entry("statement", each.step.source)
        if each.step.output:
            yield from entry("output", each.step.output.rstrip("\n"))
        yield from plain(each.step)
        if each.step.error is not None:
            yield from entry("error", f"{each.step.error.type}: {each.step.error.message}")
    yield from entry("others", " ".join(found.others))


@plain.register
def history(found: results.History) -> Iterator[str]:
    for row in found.rows:
        yield from entry(str(row.index), row.source)
        if row.outcome:
            yield from entry(f"{row.index}.outcome", row.outcome)


@plain.register
def hazard_report(found: results.HazardReport) -> Iterator[str]:
    for number, row in enumerate(found.rows, 1):
        key = f"hazard.{number}"
        yield from entry(f"{key}.code", f"{row.code} {row.rule}")
        yield from entry(f"{key}.text", row.text)
        yield from entry(f"{key}.place", f"{row.name}:{row.span.line}:{row.span.column + 1}")
        yield from entry(f"{key}.source", row.source)
        if row.hint:
            yield from entry(f"{key}.hint", row.hint)
    yield from entry("hazards.count", len(found.rows))
    yield from entry("hazards.statements", found.statements)


@plain.register
def hooks(found: results.Hooks) -> Iterator[str]:
    for number, row in enumerate(found.rows, 1):
        yield from nested(f"hook.{number}", row)
    yield from entry("hooks.count", len(found.rows))


@plain.register
def help_page(found: results.Help) -> Iterator[str]:
    yield from (each for each in (found.title, found.summary) if each)
    for section in found.sections:
        for row in section.rows:
            key = f"{section.title}.{row.usage}" if section.title else row.usage
            yield from entry(key, row.description) if row.description else (key,)
    for detail in found.details:
        yield from detail.split("\n")
    if found.see_also:
        yield from entry("see also", " ".join(found.see_also))


@plain.register(results.Settings)
@plain.register(results.Devices)
def settings(found: results.Settings | results.Devices) -> Iterator[str]:
    for row in found.rows:
        yield from entry(row.key, row.value)
        if row.text and row.text != str(row.value):
            yield from entry(f"{row.key}.note", row.text)


@plain.register
def code(found: results.Code) -> Iterator[str]:
    yield from found.text.rstrip("\n").split("\n")


@plain.register
def expectation(found: results.Expectation) -> Iterator[str]:
    yield from entry("expect.ok" if found.holds else "expect.failed", found.text)
    if found.found and not found.holds:
        yield from entry("expect.found", found.found)


@plain.register
def transcript(found: results.Transcript) -> Iterator[str]:
    for each in found.steps:
        yield from entry("statement", each.source)
        yield from step(each)


@plain.register
def verified(found: results.Verified) -> Iterator[str]:
    """`demo.tsc.line 4.y.version: PyTorch 1`, and the same of tensorcli."""
    for row in found.rows:
        key = ".".join(part for part in (found.name, f"line {row.span.line}", row.where, row.fact) if part)
        yield from entry(key, f"PyTorch {row.pytorch}")
        yield from entry(key, f"tensorcli {row.ours}")
    yield from entry(f"{found.name}.statements", found.statements)
    yield from entry(f"{found.name}.differences", len(found.rows))
    yield from entry(f"{found.name}.pytorch", found.pytorch)


@plain.register
def notice(found: results.Notice) -> Iterator[str]:
    yield from found.text.split("\n")


@plain.register
def leave(found: results.Exit) -> Iterator[str]:
    return iter(())


@plain.register
def travelled(found: results.Travelled) -> Iterator[str]:
    yield from entry("travel", found.text)
    yield from entry("travel.at", f"{found.at} of {found.of}")
    for each in found.changes:
        yield from change(each)


@plain.register
def difference(found: results.Difference) -> Iterator[str]:
    for each in found.changes:
        yield from change(each)


@plain.register
def blame(found: results.Blame) -> Iterator[str]:
    for row in found.rows:
        yield from entry(f"{found.name}.line {row.line}", row.source)
        if row.version is not None:
            yield from entry(f"{found.name}.line {row.line}.version", f"{row.version[0]} -> {row.version[1]}")
        if row.via:
            yield from entry(f"{found.name}.line {row.line}.via", row.via)
        yield from entry(f"{found.name}.line {row.line}.value", row.value)
    if found.note:
        yield from entry(f"{found.name}.blame", found.note)


@plain.register
def watching(found: results.Watching) -> Iterator[str]:
    for name, value in found.rows:
        yield from entry(f"watch.{name}", value)


@plain.register
def dry(found: results.Dry) -> Iterator[str]:
    yield from step(found.step)
    if found.step.error is not None:
        yield from entry("error", f"{found.step.error.type}: {found.step.error.message}")


@plain.register
def why(found: results.Why) -> Iterator[str]:
    yield from entry("why", found.title)
    if found.code:
        yield from entry("why.code", found.code)
    if found.error:
        yield from entry("why.error", found.error)
    for event in found.events:
        if event.source:
            yield from entry(f"line {event.line}.source", event.source)
        version = f" ({event.version})" if event.version else ""
        yield from entry(f"line {event.line}.{event.role}", event.text + version)
    if found.outcome:
        yield from entry("why.outcome", found.outcome)
    if found.then is not None:
        yield from why(found.then)
    for note in found.notes:
        yield from entry("why.note", note)
    for way in found.ways:
        key = f"way.{way.number or 'x'}"
        yield from entry(key, way.text)
        if way.note:
            yield from entry(f"{key}.note", way.note)
        if way.measured:
            yield from entry(f"{key}.gave", f"{found.measure} {way.measured}".strip())
        if way.verdict != "runs":
            yield from entry(f"{key}.verdict", way.verdict)


@plain.register
def fixed(found: results.Fixed) -> Iterator[str]:
    yield from entry("fix", found.text)
    for edit in found.edits:
        if edit.before:
            yield from entry(f"line {edit.line}.before", edit.before)
        if edit.after:
            yield from entry(f"line {edit.line}.after", edit.after)
    if found.measured:
        yield from entry("fix.gave", f"{found.measure} {found.measured}".strip())
