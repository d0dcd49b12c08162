"""What a statement changed: the rows of its table, its writes as facts, and the alarms under it.

An Observation stands around one statement: `before` looks at what the statement names, `after` compares. Only
storages that the statement touched are looked at. The engine's events say what was written and saved; names
and paths come from the index; bytes that change without an event (numpy) are found by comparing content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from tensorcli.explorer.alarms import Silence, silent_alarm, stale_alarm
from tensorcli.explorer.engines import Engine, Look
from tensorcli.explorer.facts import plural, settle, size_text
from tensorcli.explorer.graphs import root_of
from tensorcli.explorer.identity import Allocation, Allocations
from tensorcli.explorer.memory import covered, span_text
from tensorcli.explorer.mentions import Mentions
from tensorcli.explorer.names import Entry, Index
from tensorcli.explorer.observe import MATES, Recorder, Writing, parents
from tensorcli.explorer.origins import Origin, Origins
from tensorcli.explorer.results import Alarm, Change, Write

ROWS = 20
"""More rows than this fold into a count."""
NAMED = 64
"""How many tensors under one name are looked at before a statement that names it."""
COMPARED = 1 << 20
"""Storages up to this many bytes are compared by content after statements that name an array of theirs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one statement changed."""

    changes: tuple[Change, ...] = ()
    more: int = 0
    writes: tuple[Write, ...] = ()
    alarms: tuple[Alarm, ...] = ()


class Observation:
    """Watches the statements of one session."""

    def __init__(self, engine: Engine, allocations: Allocations) -> None:
        self.engine = engine
        self.allocations = allocations
        self.index = Index(engine)
        self.recorder = Recorder(engine, self.index, allocations)
        self.origins = Origins()
        self.clock = engine.clock()
        self.contents: dict[int, tuple[Allocation, Any]] = {}
        self.named: set[int] = set()
        """The tensors and arrays that the statement names."""
        self.rows = ROWS

    # ---- before

    def before(self, mentioned: Mentions, number: int, line: int) -> None:
        """Statement `number`, on this line, begins: look at what it names."""
        self.clock = self.engine.clock()
        self.index.begin(number)
        self.recorder.begin(line)
        self.contents = {}
        self.named = set()
        for name in (*mentioned.loaded, *mentioned.stored):
            for count, entry in enumerate(self.index.under(name)):
                if count >= NAMED:
                    break
                self.recorder.look_before(entry)
                grad = self.index.entries.get(entry.grad or 0)
                if grad is not None:
                    self.recorder.look_before(grad)
                if name in mentioned.loaded:
                    self.named.add(entry.key)
                    self._keep_content(entry, mentioned)

    def _keep_content(self, entry: Entry, mentioned: Mentions) -> None:
        """Copy the bytes of what may be written behind the engine's back."""
        if entry.memory in self.contents:
            return
        value = entry.value
        if value is None:
            return
        if self.engine.kind(value) != "ndarray" and not mentioned.exports:
            return
        memory = self.engine.memory(value)
        content = self.engine.content(memory)
        if content is not None and content.nbytes <= COMPARED:
            self.contents[entry.memory] = (self.allocations.of(memory, content.nbytes), content.copy())

    # ---- after

    def after(
        self,
        names: Mapping[str, Any],
        touched: Iterable[str],
        mentioned: Mentions,
        source: str,
        line: int | None,
    ) -> Outcome:
        """The statement ended: bring the index up to date, give ids, and say what changed."""
        self.origins.mark(self.clock, self.engine.clock(), Origin(self.index.now, line or 0, source))
        self._index_names(names, touched, mentioned)
        self._give_ids(source, line)
        return Rows(self).outcome()

    def alarms_now(self) -> list[Alarm]:
        """The alarms of what the statement did so far."""
        silences = [Silence(memory, writing) for memory, writing in self.recorder.writes_to.items()]
        silences.extend(Silence(memory, None) for memory in self.rewritten())
        found = (stale_alarm(self), silent_alarm(self, silences))
        return [alarm for alarm in found if alarm is not None]

    def rewritten(self) -> Iterator[int]:
        """The allocations whose bytes changed without an event."""
        for memory, (allocation, content) in self.contents.items():
            if memory in self.recorder.writes_to or not allocation.alive:
                continue
            now = self.engine.content(allocation.reference())
            if now is not None and now.nbytes == content.nbytes and bytes(now) != bytes(content):
                yield memory

    def _index_names(self, names: Mapping[str, Any], touched: Iterable[str], mentioned: Mentions) -> None:
        index = self.index
        done = set()
        for name in touched:
            done.add(name)
            if name in names:
                index.bind(name, names[name])
            else:
                index.unbind(name)
        for name in mentioned.loaded:
            if name in names and name not in done:
                index.bind(name, names[name], mentioned.reorders)
            if mentioned.touches_grad:
                for entry in list(index.under(name)):
                    index.see_grad(entry)
        for reference, _ in self.recorder.gradients.values():
            variable = reference()
            leaf = None if variable is None else index.entry(variable)
            if leaf is not None:
                index.see_grad(leaf)
        for entry, _, _ in list(self.recorder.before.values()):
            value = entry.value
            if value is not None and index.entries.get(entry.key) is entry:
                index.moved(entry, value)

    def _give_ids(self, source: str, line: int | None) -> None:
        engine, allocations = self.engine, self.allocations
        for tensor_reference, memory_reference, operator, _ in self.recorder.results:
            memory = memory_reference()
            if memory is None:
                continue
            found = allocations.of(memory, engine.extent(memory))
            if not found.number:
                allocations.give(found, source, line)
                found.operator = operator
            tensor = tensor_reference()
            entry = None if tensor is None else self.index.entry(tensor)
            if entry is not None:
                entry.operator = operator
        moved = (known.entry for known in self.recorder.before.values())
        for entry in (*(entry for _, entry in self.index.added), *moved):
            value = entry.value
            if value is not None and allocations.name(entry.memory) is None:
                memory = engine.memory(value)
                allocations.give(allocations.of(memory, engine.extent(memory)), source, line)


class Rows:
    """The rows of one statement, collected group by group, in the order in which they are shown."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.engine = observation.engine
        self.allocations = observation.allocations
        self.index = observation.index
        self.recorder = observation.recorder
        self.rows: list[Change] = []
        self.limit = observation.rows
        self.added: list[Entry] = []
        self.shown: set[int] = set()
        self.more = 0
        self.writes: list[Write] = []
        self.silences: list[Silence] = []

    def outcome(self) -> Outcome:
        """Everything that changed."""
        self.added = list(self._added())
        created = [entry for entry in self.added if entry.born == self.index.now]
        self._created(created)
        self._bound(created)
        for memory, writing in self.recorder.writes_to.items():
            self._written(memory, writing)
        self._changed()
        self._rewritten()
        self._sharing(created)
        self._unbound()
        self._graph_freed()
        alarms = [
            alarm
            for alarm in (stale_alarm(self.observation), silent_alarm(self.observation, self.silences))
            if alarm is not None
        ]
        return Outcome(
            tuple(self.rows[: self.limit]),
            self.more + max(0, len(self.rows) - self.limit),
            tuple(self.writes),
            tuple(alarms),
        )

    # ---- helpers

    def _look(self, entry: Entry) -> Look | None:
        value = entry.value
        return None if value is None else self.engine.look(value)

    def _row(
        self,
        kind: Any,
        entry: Entry,
        before: Look | None,
        after: Look,
        note: str,
        operator: str = "",
        text: bool = True,
    ) -> None:
        self.shown.add(entry.key)
        if len(self.rows) >= self.limit:
            self.more += 1
            return
        shown = self.engine.text(entry.value) if text else ""
        self.rows.append(
            Change(
                kind,
                tuple(self.index.names(entry)),
                None if before is None else settle(before, self.allocations),
                settle(after, self.allocations, shown),
                note,
                self.allocations.name(after.memory),
                operator=operator.partition(".")[0],
            )
        )

    def _added(self) -> Iterator[Entry]:
        seen: set[int] = set()
        for _, entry in self.index.added:
            if (
                entry.key not in seen
                and self.index.entries.get(entry.key) is entry
                and entry.value is not None
            ):
                seen.add(entry.key)
                yield entry

    # ---- groups of rows

    def _created(self, created: list[Entry]) -> None:
        saves = self._saves()
        for position, entry in enumerate(created):
            if position >= self.limit:
                self.more += 1
                self.shown.add(entry.key)
                continue
            look = self._look(entry)
            if look is None:
                continue
            own = self.engine.node(entry.value) if look.kind == "tensor" else None
            notes = [self._origin(entry, look), *self._accumulated(entry)]
            if own is not None and id(own) in saves:
                notes.append("node saved " + saves.pop(id(own))[1])
            if position == len(created) - 1 and look.grad_fn is not None:
                notes.extend(f"{name} saved {what}" for name, what in list(saves.values())[:3])
                if len(saves) > 3:
                    notes.append(f"{plural(len(saves) - 3, 'more node')} saved tensors")
            kind = "gradient" if not entry.paths else "created"
            self._row(kind, entry, None, look, "; ".join(note for note in notes if note), entry.operator)

    def _accumulated(self, entry: Entry) -> list[str]:
        if any(key in self.recorder.gradients for key in entry.owners) and not entry.paths:
            return ["the gradient arrived"] if entry.grad else []
        return []

    def _saves(self) -> dict[int, tuple[str, str]]:
        """What nodes that are still there saved in this statement: (node's name, `y@v0 w@v0`)."""
        found: dict[int, tuple[str, str]] = {}
        for reference, _, _ in self.recorder.saves:
            node = reference()
            if node is None or id(node) in found or self.engine.released(node):
                continue
            names = [f"{self._tensor_name(each.tensor)}@v{each.saved}" for each in self.engine.saved(node)]
            if names:
                found[id(node)] = (self.engine.node_name(node), " ".join(dict.fromkeys(names)))
        return found

    def _tensor_name(self, tensor: Any) -> str:
        return name_of(self.engine, self.index, self.allocations, tensor) or "(temporary)"

    def _origin(self, entry: Entry, look: Look) -> str:
        """Where a new tensor's memory comes from."""
        value = entry.value
        parent = self.engine.parent(value) if look.kind == "tensor" else None
        if parent is not None:
            return self._view_note(entry, look, parent)
        mates = [each for each in self.index.sharing(look.memory, MATES) if each.key != entry.key]
        older = [each for each in mates if each.born < self.index.now or each.key in self.shown]
        if older:
            return self._sharing_note(look, older)
        extent = 0
        allocation = self.allocations.known.get(look.memory)
        if allocation is not None:
            extent = allocation.nbytes
        what = "buffer" if look.kind == "ndarray" else "storage"
        if allocation is not None and look.kind == "tensor" and extent > look.nbytes:
            note = f"{size_text(look.nbytes)} of a storage of {size_text(extent)}"
        else:
            note = f"new {what} {size_text(extent)}"
        return note + (", leaf" if look.requires_grad and look.is_leaf else "")

    def _view_note(self, entry: Entry, look: Look, parent: Any) -> str:
        named = (each for each in parents(self.engine, entry.value) if self.index.entry(each) is not None)
        parent = next(named, parent)
        name = self.index.name(parent) or f"a temporary in {self.allocations.name(look.memory)}"
        walk = self.engine.walk(entry.value)
        whole = self.engine.walk(parent)
        if covered(walk) == covered(whole):
            operator = entry.operator.partition(".")[0]
            note = f"view of {name}" + (f" ({operator})" if operator else "")
        else:
            note = f"view of {name}, {span_text(walk, max(look.itemsize, 1))}"
            if whole.start:
                note += f" of {self.allocations.name(look.memory)}"
        kind = self.engine.view_kind(entry.value)
        if kind in ("no_grad", "inference") and look.requires_grad:
            note += f"; made in {kind}: no edge to {name}"
        return note

    def _sharing_note(self, look: Look, older: list[Entry]) -> str:
        storage = self.allocations.name(look.memory)
        counted = [each for each in older if self._counter(each) == look.counter and look.counter]
        if counted:
            return f"shares {storage} and its version counter with {self._first(counted)}"
        if look.version is None or all(self._counter(each) == 0 for each in older):
            return f"shares {storage} with {self._first(older)}"
        return f"shares {storage} with {self._first(older)}, own version counter"

    def _counter(self, entry: Entry) -> int:
        look = self._look(entry)
        return 0 if look is None else look.counter

    def _first(self, entries: list[Entry]) -> str:
        return next((names[0] for each in entries if (names := self.index.names(each))), "another tensor")

    def _bound(self, created: list[Entry]) -> None:
        new = {entry.key for entry in created}
        for path, entry in self.index.added:
            if entry.key in new or entry.value is None or self.index.entries.get(entry.key) is not entry:
                continue
            others = [name for name in self.index.names(entry) if name != path]
            root = path.partition("[")[0].partition(".")[0]
            if not others or ("[" in path and any(_root(name) == root for name in others)):
                continue
            look = self._look(entry)
            assert look is not None
            self.rows.append(
                Change(
                    "bound",
                    (path,),
                    after=settle(look, self.allocations),
                    note=f"same object as {others[0]}",
                    storage=self.allocations.name(look.memory),
                    same_as=others[0],
                )
            )

    def _written(self, memory: int, writing: Writing) -> None:
        entries = [
            (entry, look)
            for entry, look, allocation in self.recorder.before.values()
            if look.memory == memory and entry.value is not None and (allocation is None or allocation.alive)
        ]
        reached = [entry for entry, _ in entries if entry.key in self.index.entries]
        new = [each for each in self.added if each.memory == memory and each.born == self.index.now]
        if not reached:
            return
        via = [entry for entry in (*reached, *new) if entry.key in writing.via]
        if not via:
            via = [entry for entry in reached if entry.key in writing.through]
        operator = writing.operator.partition(".")[0]
        unnamed = list(self._unnamed(writing)) if not any(entry.key in writing.via for entry in via) else []
        via_name = next((self.index.names(each)[0] for each in via if self.index.names(each)), None)
        first = {entry.key for entry in via}
        ordered = sorted(entries, key=lambda pair: pair[0].key not in first)
        seen_by = []
        gradient = any(key in self.recorder.gradients for entry in reached for key in entry.owners)
        for entry, before in ordered:
            after = self._look(entry)
            if after is None or entry.key in self.shown or self.index.entries.get(entry.key) is not entry:
                continue
            is_via = entry in via
            if not is_via:
                seen_by.extend(self.index.names(entry)[:1])
            self._row(
                ("gradient" if gradient else "written") if is_via else "seen",
                entry,
                before,
                after,
                self._write_note(entry, before, after, writing, is_via, unnamed, gradient),
                operator,
            )
        rest = (
            len(self.index.by_memory.get(memory, ()))
            - len([entry for entry in reached if entry.key in self.shown])
            - len(new)
        )
        self.more += max(0, rest)
        self._record_write(memory, writing, via_name, seen_by, operator, via)

    def _write_note(
        self,
        entry: Entry,
        before: Look,
        after: Look,
        writing: Writing,
        is_via: bool,
        unnamed: list[str],
        gradient: bool,
    ) -> str:
        if is_via and before.memory != after.memory:
            return "memory moved"
        if is_via and (before.sizes != after.sizes or before.strides != after.strides):
            return "same bytes, other shape"
        if not is_via:
            if before.version is not None and before.version == after.version:
                return f"bytes changed, version stayed {after.version}"
            return "sees the write"
        if gradient:
            return "added to in place"
        if unnamed:
            return f"wrote {unnamed[0]}"
        walk = self.engine.walk(entry.value)
        storage = self.allocations.name(after.memory)
        total = self.allocations.known[after.memory].nbytes if after.memory in self.allocations.known else 0
        reached = covered(walk)
        size = max(after.itemsize, 1)
        if reached == total:
            what = f"all {plural(reached // size, 'element')} of {storage}"
        else:
            what = f"{span_text(walk, size)} of {storage}"
        return f"wrote {what}" + (f", {writing.count} times" if writing.count > 1 else "")

    def _unnamed(self, writing: Writing) -> Iterator[str]:
        """Where temporaries that were written through reach."""
        for walk, itemsize in writing.walks:
            yield f"{span_text(walk, max(itemsize, 1))}, through a view without a name"

    def _record_write(
        self,
        memory: int,
        writing: Writing,
        via: str | None,
        seen_by: list[str],
        operator: str,
        entries: list[Entry],
    ) -> None:
        versions = None
        elements = None
        silent = False
        for mate in self.index.sharing(memory, MATES):
            look = self._look(mate)
            if look is None or look.version is None:
                continue
            unseen = look.counter not in writing.seen_writes
            silent = silent or unseen
            if versions is None:
                versions = (writing.before.get(look.counter, look.version), look.version)
        if entries:
            walk = self.engine.walk(entries[0].value)
            elements = covered(walk) // max(walk.itemsize, 1)
        elif writing.walks:
            walk, itemsize = writing.walks[0]
            elements = covered(walk) // max(itemsize, 1)
        self.writes.append(
            Write(self.allocations.name(memory), versions, via, tuple(seen_by), operator, elements, silent)
        )
        allocation = self.allocations.known.get(memory)
        if allocation is not None:
            allocation.written = (self.recorder.line, via)
        self.silences.append(Silence(memory, writing))

    def _changed(self) -> None:
        """Metadata: requires_grad, grad_fn, shape, memory."""
        for entry, before, _ in list(self.recorder.before.values()):
            if entry.key in self.shown or self.index.entries.get(entry.key) is not entry:
                continue
            after = self._look(entry)
            if after is None or after == before:
                continue
            note = ""
            if after.memory != before.memory:
                mates = [each for each in self.index.sharing(after.memory, 2) if each.key != entry.key]
                note = f"now in {self.allocations.name(after.memory)}" + (
                    f", shared with {self._first(mates)}" if mates else ""
                )
            elif after.requires_grad != before.requires_grad and self.engine.kind(entry.value) == "tensor":
                base = self.engine.base(entry.value)
                if base is not None and after.is_leaf:
                    note = f"through its base {self._tensor_name(base)}"
            self._row("changed", entry, before, after, note)

    def _rewritten(self) -> None:
        """Bytes that changed without an event."""
        for memory in self.observation.rewritten():
            entries = list(self.index.sharing(memory))
            arrays = [each for each in entries if self.engine.kind(each.value) == "ndarray"]
            via = next((each for each in arrays if each.key in self.observation.named), None)
            entries.sort(key=lambda each: each is not via)
            for entry in entries[:MATES]:
                look = self._look(entry)
                if look is None or entry.key in self.shown:
                    continue
                if look.kind == "ndarray":
                    note = "bytes changed" if entry is via else "sees the write"
                else:
                    note = f"bytes changed, version stayed {look.version}"
                self._row("written" if entry is via else "seen", entry, look, look, note)
            versions = next(
                (look.version for each in entries if (look := self._look(each)) and look.version is not None),
                None,
            )
            self.writes.append(
                Write(
                    self.allocations.name(memory),
                    None if versions is None else (versions, versions),
                    None if via is None else self.index.names(via)[0],
                    tuple(self.index.names(each)[0] for each in entries if each is not via),
                    "",
                    None,
                    silent=versions is not None,
                )
            )
            self.silences.append(Silence(memory, None))

    def _sharing(self, created: list[Entry]) -> None:
        """The other names on the storages of what was created."""
        for memory in dict.fromkeys(entry.memory for entry in created):
            mates = self.index.by_memory.get(memory, {})
            for entry in islice(mates.values(), MATES):
                if entry.key in self.shown or entry.value is None:
                    continue
                look = self._look(entry)
                if look is not None:
                    self._row("shares", entry, look, look, "", text=False)
            self.more += max(0, len(mates) - MATES)

    def _unbound(self) -> None:
        """Names that were deleted or given to another object."""
        for path, entry in self.index.removed:
            known = self.recorder.before.get(entry.key)
            if known is None or known.entry is not entry or known.allocation is None:
                continue
            before, allocation = known.look, known.allocation
            here = self.index.entries.get(entry.key) is entry
            if here and "[" in path:
                continue
            kept = list(self._keepers(entry if here else None, allocation))
            note = f"{allocation.id} kept by {', '.join(kept)}" if kept else f"{allocation.id} freed"
            facts = replace(settle(before, self.allocations), storage=allocation.id)
            self.rows.append(
                Change("unbound", (path,), facts, None, note, allocation.id, kept_by=tuple(kept))
            )

    def _keepers(self, entry: Entry | None, allocation: Allocation) -> Iterator[str]:
        """Who keeps an allocation: nodes of the graph, other names, something without a name."""
        if not allocation.alive:
            return
        found = False
        nodes = []
        for saver in self.recorder.savers.get(allocation.key, {}).values():
            node = saver.reference()
            if node is not None and not self.engine.released(node):
                nodes.append(self.engine.node_name(node))
        if nodes:
            found = True
            listed = ", ".join(dict.fromkeys(nodes[:3])) + (", …" if len(nodes) > 3 else "")
            yield f"the graph ({listed})"
        if entry is not None:
            found = True
            yield self.index.names(entry)[0]
        for mate in list(self.index.sharing(allocation.key, 4)):
            if mate is not entry:
                found = True
                yield self.index.names(mate)[0]
        if not found:
            yield "something without a name"

    def _graph_freed(self) -> None:
        released = self.recorder.released
        if not released:
            return
        saved = sum(count for _, count in released)
        name, nodes = root_of(self.engine, self.index, {node for node, _ in released})
        count = max(nodes, len(released))
        what = f"graph of {name}" if name else "graph"
        kept = f", {plural(saved, 'saved tensor')}" if saved else ""
        self.rows.append(
            Change(
                "graph_freed",
                (name,) if name else (),
                note=f"{what} freed: {plural(count, 'node')}{kept}; a second backward would raise",
            )
        )


def _root(name: str) -> str:
    return name.partition("[")[0].partition(".")[0]


def name_of(engine: Engine, index: Index, allocations: Allocations, tensor: Any) -> str | None:
    """A name for a tensor: its own, that of one with the same elements, or its storage's id."""
    found = index.name(tensor)
    if found is not None:
        return found
    memory = id(engine.memory(tensor))
    walk = None
    for entry in index.sharing(memory, MATES):
        value = entry.value
        if engine.kind(value) != "tensor":
            continue
        walk = walk or engine.walk(tensor)
        if engine.walk(value) == walk:
            return next(iter(index.names(entry)), None)
    return allocations.name(memory)
