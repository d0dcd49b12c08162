"""What the engine said while a statement ran: made, written, saved, freed, accumulated.

A Recorder is the engine's observer for the length of a statement. It keeps weak references and numbers, runs
no operator, and costs what the statement did. What outlives a statement is only which nodes saved a tensor of
which allocation.
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tensorcli.explorer.containers import loses_gradient
from tensorcli.explorer.engines import Engine, base_of
from tensorcli.explorer.engines.reading import KeptCopy, Look
from tensorcli.explorer.entries import MATES, Entry
from tensorcli.explorer.hazards.watch import Watch
from tensorcli.explorer.identity import Allocation, Allocations
from tensorcli.explorer.index_writes import BY_INDEX, MOVES, marks
from tensorcli.explorer.memory import Region, places
from tensorcli.explorer.names import Index

MANY = 4096
"""Beyond this many results of a statement, the ones that are gone are dropped from the record."""

HOOKS = 12
"""At most this many hooks that ran are listed for one statement."""
LAMBDA = 48
"""A lambda's text is cut after this many characters."""


class Before(NamedTuple):
    """A tensor as it was before the statement, and the allocation it lay in."""

    entry: Entry
    look: Look
    allocation: Allocation | None


class Saver(NamedTuple):
    """A node that saved a tensor, weakly: when, by the record's clock, and at which line."""

    reference: Any
    clock: int
    line: int


class Through:
    """The writes of one statement through one tensor."""

    __slots__ = ("operator", "reference", "region", "times", "whole")

    def __init__(self, tensor: Any) -> None:
        self.reference = weakref.ref(tensor)
        self.operator = ""
        self.times = 0
        """How many of them wrote bytes; the others changed how it reads them."""
        self.whole = 0
        """How many of those wrote all of its elements."""
        self.region: int | None = None
        """Where it reaches, in the regions of the allocation; None once it reads the memory in another way."""


class Seen(NamedTuple):
    """The last write that moved a counter: when, by the record's clock, and the version after it."""

    clock: int
    version: int | None


class Writing:
    """The writes of one statement into one allocation."""

    __slots__ = (
        "before",
        "bytes",
        "count",
        "lost",
        "operator",
        "regions",
        "regions_more",
        "seen_writes",
        "stayed",
        "through",
        "version",
        "via",
    )

    def __init__(self) -> None:
        self.count = 0
        self.lost = False
        """Whether what was written requires grad, and the dtype written into has no gradients."""
        self.bytes = 0
        """How many of them wrote bytes; the others changed how a tensor reads them."""
        self.operator = ""
        self.via: dict[int, Through] = {}
        """The tensors written through."""
        self.before: dict[int, int] = {}
        """The version before, by the counter's identity."""
        self.seen_writes: dict[int, Seen] = {}
        """By the counter's identity."""
        self.version: int | None = None
        """The version before the last write, where nodes had saved a tensor of the allocation."""
        self.stayed = 0
        """When a write ended last that left it as it was, by the record's clock."""
        self.through: dict[int, Any] = {}
        """The named tensors that temporaries written through are views of, weakly."""
        self.regions: list[tuple[Any, Region]] = []
        """What was written, by the tensors, weakly, that it was written through."""
        self.regions_more = False
        """Whether more was written than `regions` tells."""

    def seen_by(self, counter: int, version: int | None) -> bool:
        """Whether a counter, which is at this version now, tells of the last write that moved it: it may have been put back."""
        seen = self.seen_writes.get(counter)
        return seen is not None and seen.version == version


class Archived(NamedTuple):
    """An archive that `torch.save` wrote: under a name or into a buffer (None), with these tensors."""

    name: str | None
    nbytes: int
    tensors: tuple[Any, ...]


class Moved(NamedTuple):
    """A tensor that a node saved and that `.data =` moved: both weakly, the id of the allocation that it left, and copies of
    what the node kept there.
    """

    node: weakref.ref[Any]
    tensor: weakref.ref[Any]
    left: str | None
    copies: Sequence[KeptCopy]


class Recorder:
    """Listens to one session's engine. The record of a statement begins with `begin`."""

    def __init__(
        self,
        engine: Engine,
        index: Index,
        allocations: Allocations,
        keep_bytes: int | None = None,
        *,
        compares: bool = True,
    ) -> None:
        self.engine = engine
        self.index = index
        self.allocations = allocations
        self.clock = 0
        self.savers: dict[int, dict[int, Saver]] = {}
        """By allocation: the nodes that saved a tensor of it."""
        self.compares = compares
        """Whether tensors are looked at before a statement, for the rows of what changed."""
        self.first_save: Callable[[Any, int], None] = _ignore
        """Told of an allocation in `unsaved`, and when, as soon as a node saves a tensor of it."""
        self.watch = Watch(self, keep_bytes)
        if not compares:
            self.made = self.watch.made  # type: ignore[method-assign]  # nothing else is done with what is made
        self.begin(0)

    def begin(self, line: int) -> None:
        """Forget the last statement; the one on this line begins."""
        self.line = line
        self.began = self.clock
        """When the statement began, by the record's clock."""
        self.results: list[tuple[Any, Any, str, int]] = []
        """(tensor, owner of its memory, operator without its overload, the first input's identity), weakly, in the order made."""
        self.before: dict[int, Before] = {}
        self.writes_to: dict[int, Writing] = {}
        self.saves: list[tuple[Any, str, Any]] = []
        self.released: list[tuple[weakref.ref[Any], int]] = []
        """The nodes that dropped what they had saved: weakly, how many tensors."""
        self.gradients: dict[int, tuple[Any, str]] = {}
        self.retained: dict[int, Any] = {}
        """The tensors, weakly, that keep their gradients without being leaves, and got one."""
        self.moved: list[Moved] = []
        """What `.data =` moved to other memory, of what nodes had saved."""
        self.archives: list[Archived] = []
        """What was saved by `torch.save`."""
        self.hooks: list[tuple[str, str]] = []
        """The hooks that ran, and the nodes that they sit on."""
        self.hooks_more = 0
        self.unsaved: set[int] = set()
        """Allocations that may be written without an event, and of which no node saved a tensor yet."""
        self.watch.begin()

    def look_before(self, entry: Entry) -> None:
        """Look at a tensor before the statement does anything to it, and at those that share its memory."""
        if not self.compares:
            return
        self._look(entry)
        for each in self._mates(entry.memory):
            self._look(each)

    def _look(self, entry: Entry) -> None:
        if entry.key not in self.before:
            value = entry.value
            if value is not None:
                look = self.engine.look(value)
                self.before[entry.key] = Before(entry, look, self.allocations.known.get(look.memory))

    def _mates(self, memory: int) -> list[Entry]:
        found = self.index.by_memory.get(memory)
        if not found:
            return []
        if len(found) <= MATES:
            return list(found.values())
        iterator = iter(found.values())
        return [next(iterator) for _ in range(MATES)]

    # ---- events.Observer

    def made(self, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """A new tensor came out of an operator."""
        self.watch.made(tensor, operator, inputs)
        memory = self.engine.memory(tensor)
        results = self.results
        if len(results) >= MANY and not len(results) % MANY:
            results = self.results = [each for each in results if each[1]() is not None]
        first = inputs[0] if inputs else None
        results.append((weakref.ref(tensor), weakref.ref(memory), base_of(operator), id(first)))

    def writes(self, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """The bytes of a tensor are about to be written."""
        owner = self.engine.memory(tensor)
        self.watch.writes(tensor, owner, operator, inputs)
        memory = id(owner)
        writing = self.writes_to.get(memory)
        if writing is None:
            writing = self.writes_to[memory] = Writing()
            if self.compares:
                for each in (*self._mates(memory), *self.index.table.strays(self.engine.counter(tensor))):
                    self._look(each)
        writing.version = self.engine.look(tensor).version if memory in self.savers else None
        if self.compares:
            operator = base_of(operator)
            writing.bytes += operator not in MOVES
            self._note_place(writing, tensor, operator, inputs)

    def _note_place(self, writing: Writing, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """Note where a write goes, through what, and the version before, for the rows of what changed."""
        look = self.engine.look(tensor)
        if look.version is not None:
            writing.before.setdefault(look.counter, look.version)
        through = writing.via.get(id(tensor))
        if through is None or through.reference() is not tensor:
            if len(writing.via) >= MATES:
                writing.via = {key: each for key, each in writing.via.items() if each.reference() is not None}
            through = writing.via[id(tensor)] = Through(tensor)
            if self.index.entry(tensor) is None and len(writing.regions) < MATES:
                named = self.named_parent(tensor)
                if named is not None:
                    writing.through[id(named)] = weakref.ref(named)
        through.operator = operator
        if operator in MOVES:
            through.region = None
            return
        writing.lost = writing.lost or loses_gradient(self.engine, look.dtype, inputs)
        through.times += 1
        through.whole += operator not in BY_INDEX
        if through.region is not None:
            if through.whole < 2 or operator in BY_INDEX:
                reference, known = writing.regions[through.region]
                writing.regions[through.region] = reference, _again(known, operator)
        elif len(writing.regions) < MATES:
            through.region = len(writing.regions)
            writing.regions.append((through.reference, self._region(tensor, look, operator, inputs)))
        else:
            writing.regions_more = True

    def _region(self, tensor: Any, look: Look, operator: str, inputs: tuple[Any, ...]) -> Region:
        """What one write through a tensor reaches."""
        walk = self.engine.walk(tensor)
        if operator not in BY_INDEX:
            return Region(walk, look.itemsize)
        chosen = marks(self.engine, tensor, operator, inputs)
        if chosen is None:
            return Region(walk, look.itemsize, exact=False)
        return Region(walk, look.itemsize, places(walk, chosen))

    def named_parent(self, tensor: Any) -> Any:
        """The nearest tensor with a name that a temporary is a view of."""
        for each in (*parents(self.engine, tensor), self.engine.base(tensor)):
            if each is not None and self.index.entry(each) is not None:
                return each
        return None

    def wrote(self, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """The bytes of a tensor were written and its version counter moved."""
        memory = self.engine.memory(tensor)
        writing = self.writes_to.get(id(memory))
        if writing is None:
            return  # a handle that moved to other memory (`set_`): the bytes there are as they were
        writing.count += 1
        if self.compares:
            writing.operator = base_of(operator)
        self.clock += 1
        version = self.engine.look(tensor).version
        writing.seen_writes[self.engine.counter(tensor)] = Seen(self.clock, version)
        if writing.version is not None and version == writing.version:
            writing.stayed = self.clock
        self.watch.wrote(tensor, memory, operator, inputs)

    def moves(self, tensor: Any, source: Any) -> None:
        """A tensor is about to move to other memory, unseen by its version counter: nodes that saved it will read that."""
        owner, target = self.engine.memory(tensor), self.engine.memory(source)
        savers = self.savers.get(id(owner))
        content = None if savers is None else self.engine.content(owner)
        if savers is None or content is None or content.nbytes > self.watch.keeper.most:
            return
        left = self.allocations.name(id(owner))
        for saver in list(savers.values()):
            node = saver.reference()
            copies = () if node is None else self.engine.copies(node, id(owner), content, tensor)
            if not copies:
                continue
            if self.watch.keeper.shields:
                self.engine.shield(copies)
                continue
            self.moved.append(Moved(saver.reference, weakref.ref(tensor), left, copies))
            self._note_saver(node, id(target))

    def saved(self, node: Any, name: str, value: Any) -> None:
        """A node keeps a tensor for the backward pass."""
        self.clock += 1
        owner = self.engine.memory(value.tensor)
        memory = id(owner)
        if memory in self.unsaved:
            self.unsaved.discard(memory)
            self.first_save(owner, self.clock)
        if self.compares:
            self.saves.append((weakref.ref(node), name, weakref.ref(value.tensor)))
            if len(self.saves) > MANY:
                self.saves = [each for each in self.saves[-MANY:] if each[0]() is not None]
        self._note_saver(node, memory)

    def _note_saver(self, node: Any, memory: int) -> None:
        nodes = self.savers.setdefault(memory, {})
        key = id(node)
        nodes[key] = Saver(weakref.ref(node, _forget(self.savers, memory, key)), self.clock, self.line)

    def freed(self, node: Any) -> None:
        """A node dropped what it had saved."""
        self.watch.freed(node)
        saved = self.engine.saved(node)
        self.released.append((weakref.ref(node), len(saved)))
        for each in saved:
            memory = id(self.engine.memory(each.tensor))
            nodes = self.savers.get(memory)
            if nodes is not None and nodes.pop(id(node), None) is not None and not nodes:
                del self.savers[memory]

    def archived(self, name: str | None, nbytes: int, tensors: tuple[Any, ...]) -> None:
        """`torch.save` wrote an archive."""
        self.archives.append(Archived(name, nbytes, tensors))

    def accumulated(self, tensor: Any, gradient: Any, kind: str) -> None:
        """A leaf's gradient was made or added to."""
        known = self.gradients.get(id(tensor))
        self.gradients[id(tensor)] = (weakref.ref(tensor), kind if known is None else known[1])
        self.watch.accumulated(tensor, gradient, kind)

    def hooked(self, node: Any, kind: str, function: Any) -> None:
        """A hook is about to run."""
        if kind == "retain_grad" and function is not None:
            self.retained[id(function)] = weakref.ref(function)
        if len(self.hooks) >= HOOKS:
            self.hooks_more += 1
            return
        if kind == "retain_grad":
            text = f"retain_grad of {self.index.name(function) or 'a tensor without a name'}"
        else:
            text = function_text(function)
        self.hooks.append((text, self.engine.node_name(node)))


def _again(region: Region, operator: str) -> Region:
    """What two writes through one tensor reach, the second of which is by this operator."""
    if operator not in BY_INDEX:
        return region._replace(places=None, exact=True)
    whole = region.exact and region.places is None
    return region if whole else region._replace(places=None, exact=False)


def _ignore(memory: Any, clock: int) -> None:
    """Nobody asks."""


def function_text(function: Any) -> str:
    """A function by its name; a lambda of the script as it is written."""
    name = getattr(function, "__name__", "")
    tree = getattr(function, "tree", None)
    if name == "<lambda>" and isinstance(tree, ast.AST):
        text = ast.unparse(tree)
        return text if len(text) <= LAMBDA else text[: LAMBDA - 1] + "…"
    return name if isinstance(name, str) and name else type(function).__name__


def parents(engine: Engine, tensor: Any) -> Iterator[Any]:
    """What a view was taken of, and what that was taken of."""
    parent = engine.parent(tensor)
    while parent is not None:
        yield parent
        parent = engine.parent(parent)


def _forget(savers: dict[int, dict[int, Saver]], memory: int, key: int) -> Any:
    def forget(reference: Any) -> None:
        nodes = savers.get(memory)
        if nodes is not None and key in nodes and nodes[key].reference is reference:
            del nodes[key]
            if not nodes:
                del savers[memory]

    return forget
