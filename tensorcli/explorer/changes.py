"""What a statement changed: an Observation stands around one statement, looks at what it names, and compares.

Only storages that the statement touched are looked at. The engine's events say what was written and saved; names
and paths come from the index; bytes that change without an event (numpy) are found by comparing content. The
rows of the table are collected in `rows`, the alarms under it in `alarms` and `hazards`.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.alarms import Silence, silent_alarm, stale_alarm
from tensorcli.explorer.containers import INERT
from tensorcli.explorer.engines import Engine
from tensorcli.explorer.entries import Entry
from tensorcli.explorer.hazards.report import hazards
from tensorcli.explorer.identity import Allocation, Allocations
from tensorcli.explorer.journal import Names
from tensorcli.explorer.mentions import Mentions, bodies, glance, mentions
from tensorcli.explorer.names import LONG, Index
from tensorcli.explorer.observe import Recorder
from tensorcli.explorer.origins import Origin, Origins
from tensorcli.language.functions import ScriptFunction
from tensorcli.language.syntax import Statement

if TYPE_CHECKING:
    from tensorcli.explorer.results import Alarm, Change, Write

ROWS = 20
"""More rows than this fold into a count."""
NAMED = 64
"""How many tensors under one name are looked at before a statement that names it."""
COMPARED = 1 << 20
"""Storages up to this many bytes are compared by content after statements that name an array of theirs."""
CONTAINERS = frozenset({list, tuple, dict})
"""Kinds of values in which functions are looked for."""
PLAIN = INERT - {ScriptFunction}
"""Kinds of values that cannot be called."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one statement changed."""

    changes: tuple[Change, ...] = ()
    more: int = 0
    writes: tuple[Write, ...] = ()
    alarms: tuple[Alarm, ...] = ()


NOTHING = Outcome()


class Content(NamedTuple):
    """The bytes of an allocation at a moment of the record's clock."""

    allocation: Allocation
    clock: int
    content: Any


def owner_of(value: Any) -> Any:
    """The array that an iterator over its elements, or a view of its buffer, writes into; anything else as it is."""
    if type(value) is memoryview:
        return value.obj
    return value.base if type(value).__name__ == "flatiter" else value


def reaches_more(value: Any, names: Mapping[str, Any]) -> bool:
    """Whether what may be called reaches more than the names of its text: a bound method, a function with arguments kept
    for it, one that was made in another or has a container for a default; or one of these in a container.
    """
    if type(value) in (list, tuple, dict):
        items = islice(value.values() if type(value) is dict else value, NAMED)
        return any(type(each) not in CONTAINERS and reaches_more(each, names) for each in items)
    if type(value) is ScriptFunction:
        arguments = getattr(value.tree, "args", None)
        kept = () if arguments is None else (*arguments.defaults, *arguments.kw_defaults)
        return value.frame.names is not names or any(
            not isinstance(each, ast.Constant | None) for each in kept
        )
    return callable(value) and any(hasattr(value, each) for each in ("__self__", "func", "__wrapped__"))


class Observation:
    """Watches the statements of one session."""

    def __init__(
        self,
        engine: Engine,
        allocations: Allocations,
        names: Names,
        *,
        keep_bytes: int | None = None,
        checking: bool = False,
        gives_ids: bool = True,
    ) -> None:
        self.engine = engine
        self.allocations = allocations
        self.functions: dict[str, Mentions] = {}
        """What the bodies of the script's functions name."""
        self.index = Index(engine, names)
        self.recorder = Recorder(engine, self.index, allocations, keep_bytes, compares=not checking)
        self.recorder.first_save = self._copy_as_saved
        self.checking = checking
        """Whether only alarms are looked for: no rows and no texts of values."""
        self.gives_ids = gives_ids and not checking
        self.failed: Any = None
        """The node whose version check made the statement fail."""
        self.expected: list[Alarm] = []
        """The hazards that the statement said it expects."""
        self.origins = Origins()
        self.clock = engine.clock()
        self.contents: dict[int, Content] = {}
        """What allocations held before anything could write there without an event."""
        self.as_saved: dict[int, Content] = {}
        """What they held when a node first saved a tensor of them, in the course of the statement."""
        self.registered = False
        """Whether a hook was registered, which may write arrays whenever it runs."""
        self.named: set[Entry] = set()
        """The tensors and arrays that the statement names: not by their addresses, which others may get while it runs."""
        self.rows = ROWS

    # ---- before

    def begin(self, statement: Statement, number: int, line: int) -> Mentions:
        """A statement of the session begins; what it names."""
        mentioned = None
        if self.checking and statement.form == "python" and statement.command is None:
            mentioned = glance(statement.source, statement.tree, self.functions)
        if mentioned is None:
            mentioned = mentions(statement.tree, self.functions)
        self.before(mentioned, number, line)
        return mentioned

    def before(self, mentioned: Mentions, number: int, line: int) -> None:
        """Statement `number`, on this line, begins: look at what it names."""
        if not self.checking:
            self.clock = self.engine.clock()
        self.index.begin(number)
        self.recorder.begin(line)
        if self.contents:
            self.contents, self.as_saved = {}, {}
        self.failed = None
        self.expected = []
        if self.checking:
            self.index.running = True
            exports = mentioned.exports
            if exports or self.index.has_arrays:
                for value in self._exposed(mentioned.loaded, exports):
                    self._expect_writes(self.engine.memory(value))
            return
        self.named = set()
        self._look_at_unnamed(mentioned)
        for name in (*mentioned.loaded, *mentioned.stored):
            for entry in islice(self.index.under(name), NAMED):
                self._look_at(entry, mentioned if name in mentioned.loaded else None)

    def _look_at_unnamed(self, mentioned: Mentions) -> None:
        """Look at what the statement may write without naming it: all arrays, where hooks or functions may reach them, and what
        shares the memory that it names.
        """
        self.registered = self.registered or any(
            each.startswith("register_") for each in mentioned.attributes
        )
        if self.index.has_arrays and (self.registered or self._calls_unseen(mentioned)):
            arrays = (
                each for each in self.index.entries.values() if self.engine.kind(each.value) == "ndarray"
            )
            for entry in islice(arrays, NAMED):
                self.recorder.look_before(entry)
                self._keep_content(entry, mentioned)
        bound = self.index.bound
        for handle in [each for name in mentioned.loaded for each in self._handles(bound.get(name))]:
            mentioned.attributes.add("untyped_storage")
            for entry in self.index.sharing(id(self.engine.memory(handle))):
                self.recorder.look_before(entry)
                self.named.add(entry)
                self._keep_content(entry, mentioned)

    def _look_at(self, entry: Entry, read_by: Mentions | None) -> None:
        """Look at what stands under a name of the statement, and at its gradient; `read_by`: what the statement names, where it
        reads the name and may write into what it finds there.
        """
        grad = self.index.entries.get(entry.grad or 0)
        self.recorder.look_before(entry)
        if grad is not None:
            self.recorder.look_before(grad)
        if read_by is None:
            return
        if grad is not None:
            self._keep_content(grad, read_by)
        self.named.add(entry)
        self._keep_content(entry, read_by)

    def _handles(self, value: Any) -> Iterator[Any]:
        """What memory may be written through that is neither a tensor nor an array: storages, and the arrays behind what goes
        through their elements or is their buffer; alone or in a list that begins with such a thing.
        """
        items: Iterable[Any] = (value,)
        if isinstance(value, list | tuple):
            if not value or type(value[0]) in INERT or self.engine.kind(value[0]) == "tensor":
                return
            items = islice(value, NAMED)
        for each in items:
            if type(each) not in INERT:
                behind = owner_of(each)
                kind = self.engine.kind(behind)
                if kind == "storage" or (kind == "ndarray" and behind is not each):
                    yield behind

    def _exposed(self, loaded: Iterable[str], exports: bool) -> Iterator[Any]:
        """What may be written behind the engine's back through these names: arrays, and tensors if their bytes are
        exported.
        """
        names, kind = self.index.bound, self.engine.kind
        for name in loaded:
            value = names.get(name)
            if type(value) in INERT:
                continue
            what = kind(value)
            if what == "ndarray" or (what == "tensor" and exports):
                yield value
                if what == "tensor" and (grad := self.engine.grad(value)) is not None:
                    yield grad
            elif what != "tensor":
                yield from self._handles(value)
                for entry in islice(self.index.under(name), NAMED):
                    each = entry.value
                    if each is not None and (exports or kind(each) == "ndarray"):
                        yield each

    def _expect_writes(self, memory: Any) -> None:
        """Copy the bytes of an allocation that may be written unheard, where a node has saved them or comes to save them in
        this statement.
        """
        key = id(memory)
        if key not in self.recorder.savers:
            self.recorder.unsaved.add(key)
        elif key not in self.contents:
            self._copy_bytes(memory, self.recorder.began, self.contents)

    def _keep_content(self, entry: Entry, mentioned: Mentions) -> None:
        """Copy the bytes of what may be written behind the engine's back."""
        value = entry.value
        if value is None or entry.memory in self.contents:
            return
        if mentioned.exports or self.engine.kind(value) == "ndarray":
            memory = self.engine.memory(value)
            self._copy_bytes(memory, self.recorder.began, self.contents)
            if id(memory) not in self.recorder.savers:
                self.recorder.unsaved.add(id(memory))

    def _copy_as_saved(self, memory: Any, clock: int) -> None:
        self._copy_bytes(memory, clock, self.as_saved if id(memory) in self.contents else self.contents)

    def _copy_bytes(self, memory: Any, clock: int, into: dict[int, Content]) -> None:
        content = self.engine.content(memory)
        if content is not None and content.nbytes <= COMPARED:
            allocation = self.allocations.of(memory, content.nbytes)
            into[id(memory)] = Content(allocation, clock, content.copy())

    # ---- after

    def end(self, tree: ast.stmt, mentioned: Mentions, source: str, line: int) -> Outcome:
        """A statement of the session ended: what it changed."""
        if mentioned.defines:
            self.functions.update(bodies(tree))
        names = self.index.bound
        return self.after(names, names.touched, mentioned, source, line)

    def after(
        self,
        names: Mapping[str, Any],
        touched: Iterable[str],
        mentioned: Mentions,
        source: str,
        line: int | None,
    ) -> Outcome:
        """The statement ended: bring the index up to date, give ids, and say what changed."""
        if self.checking:
            self._note_names(names, touched, mentioned)
        else:
            self.origins.mark(self.clock, self.engine.clock(), Origin(self.index.now, line or 0, source))
            self._index_names(names, touched, mentioned)
        if self.gives_ids:
            self._give_ids(source, line, [names[each] for each in touched if each in names])
        if self.contents:
            for memory in self.rewritten():
                for kept in (self.contents[memory], self.as_saved.get(memory)):
                    if kept is not None:
                        self.recorder.watch.keeper.add(memory, kept.clock, kept.content)
        if self.checking:
            if not self._happened():
                return NOTHING
            alarms = self.alarms_now()
            return Outcome(alarms=tuple(alarms)) if alarms else NOTHING
        from tensorcli.explorer.rows import collect

        rows = collect(self)
        return Outcome(
            tuple(rows.rows[: self.rows]),
            rows.more + max(0, len(rows.rows) - self.rows),
            tuple(rows.writes),
            tuple(self._alarms(rows.silences)),
        )

    def _happened(self) -> bool:
        """Whether there is anything that an alarm could be about."""
        recorder, watch = self.recorder, self.recorder.watch
        return bool(
            (recorder.writes_to and not recorder.writes_to.keys().isdisjoint(recorder.savers))
            or recorder.moved
            or self.contents
            or not watch.silent
            or watch.poisoned
            or recorder.gradients
            or self.failed is not None
        )

    def alarms_now(self) -> list[Alarm]:
        """The alarms of what the statement did so far."""
        savers = self.recorder.savers
        silences = [
            Silence(memory, writing)
            for memory, writing in self.recorder.writes_to.items()
            if memory in savers  # nobody else minds
        ]
        if self.contents:
            silences.extend(Silence(memory, None) for memory in self.rewritten())
        return self._alarms(silences)

    def _alarms(self, silences: list[Silence]) -> list[Alarm]:
        stale = None if self.checking else stale_alarm(self)
        silent = silent_alarm(self, silences) if silences or self.recorder.moved else None
        return [alarm for alarm in (stale, silent, *hazards(self)) if alarm is not None]

    def rewritten(self) -> Iterator[int]:
        """The allocations whose bytes changed without an event."""
        for memory, (allocation, _, content) in self.contents.items():
            if memory in self.recorder.writes_to or not allocation.alive:
                continue
            now = self.engine.content(allocation.reference())
            if now is not None and now.nbytes == content.nbytes and bytes(now) != bytes(content):
                yield memory

    def _index_names(self, names: Mapping[str, Any], touched: Iterable[str], mentioned: Mentions) -> None:
        index = self.index
        done = set(touched)
        with index.together():
            for name in touched:
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
        if self.recorder.hooks or self._calls_unseen(mentioned):
            for name in index.containers():
                if name in names and name not in done:
                    index.bind(name, names[name])
        owners = [reference for reference, _ in self.recorder.gradients.values()]
        for reference in (*owners, *self.recorder.retained.values()):
            variable = reference()
            leaf = None if variable is None else index.entry(variable)
            if leaf is not None:
                index.see_grad(leaf)
        for entry, _, _ in list(self.recorder.before.values()):
            value = entry.value
            if value is not None and index.entries.get(entry.key) is entry:
                index.table.moved(entry, value)

    def _calls_unseen(self, mentioned: Mentions) -> bool:
        """Whether a statement names something that may be called and reaches what the statement does not name."""
        bound = self.index.bound
        return any(
            reaches_more(value, bound)
            for name in mentioned.loaded
            if type(value := bound.get(name)) not in PLAIN
        )

    def _note_names(self, names: Mapping[str, Any], touched: Iterable[str], mentioned: Mentions) -> None:
        """Note the names of tensors and arrays for when somebody asks; scan containers, which change unseen."""
        index, kind = self.index, self.engine.kind
        index.running = False
        gradients = mentioned.touches_grad
        for name in touched:
            if name not in names:
                index.unbind(name)
                continue
            value = names[name]
            what = "inert" if type(value) in INERT else kind(value)
            if what in ("tensor", "inert"):
                index.note(name, True, gradients)
            elif what == "ndarray":
                index.has_arrays = True
                index.note(name, True, gradients)
            else:
                index.has_arrays = index.has_arrays or next(self._handles(value), None) is not None
                index.bind(name, value)
        moving = mentioned.moves
        for name in mentioned.loaded:
            value = names.get(name)
            if type(value) in INERT or name in touched:
                continue
            if kind(value) not in ("tensor", "ndarray"):
                long = isinstance(value, list | tuple) and len(value) > LONG
                written = not long or mentioned.reorders
                index.bind(name, value, written)
            if moving:
                index.note(name, False, gradients)
        for reference, _ in self.recorder.gradients.values():
            index.note_leaf(reference)

    def _forget_cycles(self, bound: Iterable[Any]) -> None:
        """Free what was made and is held by cycles of references alone: when Python's collector comes by is no fact about the
        script, and what is left then would have an id.
        `bound`: what names were bound to, which needs no look at the index.
        """
        savers, number, index, engine = self.recorder.savers, self.allocations.number, self.index, self.engine
        held = set()
        for tensor_reference, memory_reference, *_ in self.recorder.results:
            memory = memory_reference()
            if memory is None or (key := id(memory)) in savers or number(key):
                continue
            tensor = tensor_reference()
            # A leaf that requires grad is held by its graph.
            if tensor is None or not (tensor.requires_grad and tensor.is_leaf):
                held.add(key)
        for each in bound if held else ():
            if engine.kind(each) in ("tensor", "ndarray"):
                held.discard(id(engine.memory(each)))
        if held and held.difference(index.named(held), index.known.by_memory):
            gc.collect()  # a long statement's may be old by now

    def _give_ids(self, source: str, line: int | None, bound: Iterable[Any]) -> None:
        engine, allocations = self.engine, self.allocations
        self._forget_cycles(bound)
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
