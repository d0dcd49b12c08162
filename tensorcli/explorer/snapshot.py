"""What every name of a session stands for at one moment, and the difference between two such moments."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.facts import describe, fingerprint, short_text, text_of_elements
from tensorcli.explorer.results import Change, Facts

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.session import Session


FEW = 1024
"""Bytes: of tensors of no more the elements are kept, and printed where they are seen to differ."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A tensor or an array by its facts, anything else by its text."""

    facts: Facts | None
    """Without the text of the elements, where they are kept."""
    text: str
    content: int = 0
    """A number that differs where the elements do, which the facts may not show."""
    elements: Any = field(default=None, compare=False)
    """A copy of them, where they are few."""

    def told(self, engine: Engine) -> Facts | None:
        """The facts with the text of the elements."""
        if self.facts is None or self.elements is None:
            return self.facts
        dtype = self.facts.dtype if self.facts.kind == "tensor" else ""
        return replace(self.facts, value=text_of_elements(engine, self.elements, dtype))


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
            elements = engine.elements(value)
            few = elements is not None and 0 < elements.nbytes <= FEW
            facts = describe(engine, session.allocations, value, text=not few)
            seen = Seen(facts, "", fingerprint(elements), elements.copy() if few else None)
            for name in observation.index.names(entry):
                found[name] = seen
    reaching = {path.partition("[")[0] for path in found}
    for name, value in session.names.items():
        if name in reaching or name.startswith(" "):
            continue
        if isinstance(value, bool | int | float | complex | str | list | tuple | dict | set) or value is None:
            found[name] = Seen(None, short_text(engine, value))
    return found


def difference(engine: Engine, before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    """The rows of a table: what changed from one moment to the other."""
    rows: list[Change] = []
    for name, now in after.items():
        was = before.get(name)
        if was == now:
            continue
        old, new = None if was is None else was.told(engine), now.told(engine)
        if new is None:
            text = "not bound" if was is None else was.text or "a tensor"
            rows.append(Change("bound", (name,), note=f"{text} → {now.text}"))
        elif was is None or old is None:
            rows.append(Change("created", (name,), None, new, storage=new.storage))
        else:
            bytes_too = (old.value, old.version) != (new.value, new.version)
            note = "" if old.storage == new.storage else f"in {new.storage} now"
            if was.content != now.content and old.value == new.value:
                bytes_too, hidden = True, "in elements or places that are not shown"
                note = f"{note}; {hidden}" if note else hidden
            rows.append(Change("written" if bytes_too else "changed", (name,), old, new, note, new.storage))
    for name, was in before.items():
        if name not in after:
            rows.append(Change("unbound", (name,), was.told(engine), None, "not bound here"))
    return tuple(rows)
