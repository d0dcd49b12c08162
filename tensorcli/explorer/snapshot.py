"""What every name of a session stands for at one moment, and the difference between two such moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tensorcli.explorer.facts import describe, fingerprint, short_text
from tensorcli.explorer.results import Change, Facts

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


class Seen(NamedTuple):
    """A tensor or an array by its facts, anything else by its text."""

    facts: Facts | None
    text: str
    content: int = 0
    """A number that differs where the elements do, which the facts may not show."""


Snapshot = dict[str, Seen]


def snapshot(session: Session) -> Snapshot:
    """Every path of the session with what it stands for. Needs a session that observes."""
    observation = session.observation
    assert observation is not None
    engine = session.engine
    found: Snapshot = {}
    for entry in list(observation.index.entries.values()):
        value = entry.value
        if value is not None:
            facts = describe(engine, session.allocations, value)
            seen = Seen(facts, "", fingerprint(engine.elements(value)))
            for name in observation.index.names(entry):
                found[name] = seen
    reaching = {path.partition("[")[0] for path in found}
    for name, value in session.names.items():
        if name in reaching or name.startswith(" "):
            continue
        if isinstance(value, bool | int | float | complex | str | list | tuple | dict | set) or value is None:
            found[name] = Seen(None, short_text(engine, value))
    return found


def difference(before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    """The rows of a table: what changed from one moment to the other."""
    rows: list[Change] = []
    for name, now in after.items():
        was = before.get(name)
        if was == now:
            continue
        if now.facts is None:
            old = "not bound" if was is None else was.text or "a tensor"
            rows.append(Change("bound", (name,), note=f"{old} → {now.text}"))
        elif was is None or was.facts is None:
            rows.append(Change("created", (name,), None, now.facts, storage=now.facts.storage))
        else:
            bytes_too = (was.facts.value, was.facts.version) != (now.facts.value, now.facts.version)
            note = "" if was.facts.storage == now.facts.storage else f"in {now.facts.storage} now"
            if was.content != now.content and was.facts.value == now.facts.value:
                bytes_too, hidden = True, "in elements or places that are not shown"
                note = f"{note}; {hidden}" if note else hidden
            rows.append(
                Change(
                    "written" if bytes_too else "changed",
                    (name,),
                    was.facts,
                    now.facts,
                    note,
                    now.facts.storage,
                )
            )
    for name, was in before.items():
        if name not in after:
            rows.append(Change("unbound", (name,), was.facts, None, "not bound here"))
    return tuple(rows)
