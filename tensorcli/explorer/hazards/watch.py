"""The Watch listens to the statements of a session for what PyTorch does not report.

It hears what the Recorder hears, and asks the files beside it, one for each kind of trap. What is certain at once (wrap-around,
overlap, an index that stands twice, a swallowed gradient) is noted at once; the rest is decided when the statement ends
(`findings`).
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.containers import located, operands
from tensorcli.explorer.engines import base_of
from tensorcli.explorer.hazards.appended import Held, held_by, kept
from tensorcli.explorer.hazards.beginning import begins
from tensorcli.explorer.hazards.constants import Constants
from tensorcli.explorer.hazards.discarded import discarded
from tensorcli.explorer.hazards.itself import into_itself
from tensorcli.explorer.hazards.keeper import Keeper
from tensorcli.explorer.hazards.loops import Loops
from tensorcli.explorer.hazards.lost import LostWrites
from tensorcli.explorer.hazards.operators import Operator
from tensorcli.explorer.hazards.outer import outer_total
from tensorcli.explorer.hazards.places import (
    duplicate,
    one_item,
    onto_itself,
    overlapping,
    reads_what_it_writes,
    shared_places,
)
from tensorcli.explorer.hazards.rounds import Rounds
from tensorcli.explorer.hazards.scope import Scope
from tensorcli.explorer.hazards.steps import Steps
from tensorcli.explorer.hazards.swaps import Stores
from tensorcli.explorer.hazards.told import Told
from tensorcli.explorer.hazards.training import Gradients, outdated_graph
from tensorcli.explorer.hazards.unreached import Unreached
from tensorcli.explorer.hazards.untimely import dropout_in_evaluation
from tensorcli.explorer.hazards.unwritten import Unwritten, asked_for_its_sizes
from tensorcli.explorer.hazards.values import Flats, no_numbers, over_one, probabilities_compared
from tensorcli.explorer.hazards.views import swallowed
from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.engines.reading import Saved
    from tensorcli.explorer.observe import Recorder

BINDING = (ast.Assign, ast.AugAssign)
INTEGRAL = frozenset("uint8 int8 int16 int32 int64".split())
MOST = 20
"""Findings of one statement; more are all alike."""


class Finding(NamedTuple):
    """A hazard that a statement showed: what is said of it, the innermost place in the script."""

    told: Told
    node: ast.AST | None


class Poisoned(NamedTuple):
    """A saved tensor whose elements a hidden write changed, when its node was used."""

    node: str
    slot: str
    saved: Saved
    memory: int


class Watch:
    """The hazards of one session's statements. `begin` forgets those of the last."""

    def __init__(self, recorder: Recorder, keep_bytes: int | None = None) -> None:
        self.recorder = recorder
        self.engine = recorder.engine
        self.index = recorder.index
        self.keeper = Keeper(recorder, keep_bytes)
        self.tainted: dict[int, weakref.ref[Any]] = {}
        """The nodes, weakly, that hold bytes which a hidden write changed; until the statement ends in which they are gone."""
        self.untainted: list[int] = []
        """Those that are gone, by their identity."""
        self.recorded = False
        """Whether any operator was recorded: where none was, nobody is learning."""
        self.operators: dict[str, Operator] = {}
        self.shared = False
        """Whether there was a view of which places may be one in memory."""
        self.gradients = Gradients(recorder.engine)
        self.constants = Constants(recorder.engine, self.gradients.leaves)
        self.loops = Loops(recorder.engine)
        self.flats = Flats(recorder.engine)
        self.steps = Steps(recorder.engine)
        self.rounds = Rounds(recorder.engine)
        self.unreached = Unreached(recorder.engine)
        self.factor: Any = None
        """What the last matrix was multiplied with, weakly: kl_div() multiplies before it takes logarithms."""
        self.names = Scope(recorder.index.bound, recorder.index.name)
        self.lost = LostWrites(recorder.engine, self.names.name)
        self.stores = Stores(recorder.engine)
        self.unwritten = Unwritten(recorder.engine, self.names.name)
        self.shown = True
        """Whether a statement that is an expression shows its value: Python's files show none."""
        self.text = ""
        """What the statement that runs points into."""
        self.begin()

    def begin(self) -> None:
        """A statement begins."""
        self.found: dict[tuple[str, str], Finding] = {}
        self.lost.begin()
        self.pending: list[Callable[[], Told | None]] = []
        """What is asked for when the write that is about to happen is done."""
        self.poisoned: list[Poisoned] = []
        self.gradients.begin()
        self.loops.begin()
        self.lists: list[Held] | None = None
        """The lists that loops append to, from the first write of the innermost statement on."""
        self.used_tainted = False
        self.past: Any = None
        """The leaf that the pass which runs may come to, and that a step wrote since it was computed with."""
        self.nan = False
        """Whether a gradient became nan."""
        self.zero = False
        """Whether one became 0 throughout for want of a slope."""
        self.running: ast.stmt | None = None
        """The innermost statement that runs."""
        self.inner = self.names.inside = False
        """Whether it stands within another: then nobody is shown its value."""
        self.keeper.begin()
        while self.untainted:
            key = self.untainted.pop()
            if key in self.tainted and self.tainted[key]() is None:  # and no other node has its place
                del self.tainted[key]

    def reads(self, text: str, shows: bool) -> None:
        """A statement of a text is about to begin. shows: whether one that is an expression shows its value."""
        self.text, self.shown = text, shows

    def taint(self, node: Any) -> None:
        """A hidden write changed bytes that a node saved."""
        key, gone = id(node), self.untainted
        self.tainted[key] = weakref.ref(node, lambda _: gone.append(key))

    def note(self, told: Told | None, node: ast.AST | None = None) -> None:
        """A hazard was seen at a node, or in what is being evaluated, where there is something to say."""
        if told is not None and len(self.found) < MOST:
            self.found.setdefault((told.code, told.text), Finding(told, node or current_node()))

    def _note_once(self, told: Told | None, node: ast.AST | None) -> None:
        """The same, but for a hazard that was seen at this node before, with other words."""
        if told is not None and not any(
            each.told.code == told.code and each.node is node for each in self.found.values()
        ):
            self.note(told, node)

    def runs(self, statement: ast.stmt) -> None:
        """A statement of the script begins, one within a loop or a function included."""
        self.inner = self.names.inside = self.running is not None
        self.running = statement
        if self.steps.frozen:
            self._moved()
        self.stores.begin()
        self.lost.runs()
        self.lists = None
        begins(self, statement)

    # ---- what the recorder hears

    def _operator(self, operator: str) -> Operator:
        found = self.operators.get(operator)
        if found is None:
            found = self.operators[operator] = Operator.of(self.engine, operator)
            self.shared = self.shared or found.shares
        return found

    def made(self, tensor: Any, operator: str, inputs: Sequence[Any]) -> None:
        """A new tensor came out of an operator."""
        engine = self.engine
        known = self.operators.get(operator) or self._operator(operator)
        if self.lost.written:
            self.lost.used(operands(engine, inputs))
        if known.allocates:
            self.unwritten.allocated(tensor)
        elif self.unwritten.memory:
            self._unwritten(self.unwritten.read(known.name, tensor, inputs))
        if isinstance(self.running, ast.Expr) and (self.inner or not self.shown):
            told = discarded(engine, self.names, self.running, tensor, inputs, self.inner)
            if told is not None and not self.loops.repeats(self.running):
                self.note(told)
        if known.copies:
            self.lost.made(known.name, tensor, inputs)
        if known.pairs and tensor.ndim == 2:
            if _ranks(inputs) == 3:
                told = outer_total(engine, self.names.name, self.running, known.name, inputs)
                self.note(told)
            elif known.name == "mul" and len(inputs) > 1 and engine.kind(inputs[1]) == "tensor":
                self.factor = weakref.ref(inputs[1])
        elif known.name == "xlogy":
            factor = None if self.factor is None else self.factor()
            self._note_once(probabilities_compared(engine, self.names, factor), current_node())
        if known.wraps and (wrapping := self._wrapping(known, tensor, inputs)) is not None:
            self.note(wrapping())
        whole = engine.tells_results_whole
        recorded = engine.node(tensor) is not None if whole else self._will_be_recorded(tensor, inputs)
        if not recorded:
            if self.gradients.passes or self.recorded:
                given = located(engine, inputs)
                self.gradients.made(tensor, given)
                self.constants.computed(tensor, known.name, given)
        else:
            self.recorded = True
            self._without_history(inputs)
            if known.adds:
                self._adds(inputs)
            if known.flat or over_one(tensor, known.name, inputs):
                self.flats.made(tensor)
            if known.trap is not None:
                self._note_once(known.trap(engine, self.names.name, inputs), current_node())

    def _wrapping(
        self, known: Operator, tensor: Any, inputs: Sequence[Any]
    ) -> Callable[[], Told | None] | None:
        """What holds the elements of a tensor, once the operator has written them, against what arithmetic says; None where they
        are no integers.
        """
        dtype = "" if tensor.dtype.is_floating_point else self.engine.look(tensor).dtype
        if dtype not in INTEGRAL:
            return None
        from tensorcli.explorer.hazards.numbers import exact_result, wrapped

        exact = exact_result(self.engine, known.name, inputs, dtype)
        return None if exact is None else partial(wrapped, self.engine, *exact, tensor)

    def _cut_off(self, operator: str, tensor: Any, inputs: Sequence[Any]) -> None:
        if not isinstance(self.running, ast.Assign) or not isinstance(self.running.targets[0], ast.Subscript):
            return  # copy_() and fill_() say that they convert
        from tensorcli.explorer.hazards.numbers import cut_off

        name = self.names.name(tensor) or self.names.name(self.recorder.named_parent(tensor))
        value = self.running.value
        number = value.value if isinstance(value, ast.Constant) else None
        if isinstance(value, ast.Name):
            number = self.names.get(value.id)
        assigned = number if isinstance(number, float) else None
        self.note(cut_off(self.engine, name, tensor, operator, inputs, assigned))

    def _will_be_recorded(self, tensor: Any, inputs: Sequence[Any]) -> bool:
        """Whether a result that has no node yet is about to get one."""
        engine = self.engine
        return (
            engine.recording()
            and tensor.is_floating_point()
            and any(engine.look(each).requires_grad for each in operands(engine, inputs))
        )

    def writes(self, tensor: Any, memory: Any, operator: str, inputs: Sequence[Any]) -> None:
        """The bytes of a tensor, in this memory, are about to be written."""
        engine = self.engine
        known = self.operators.get(operator) or self._operator(operator)
        self.keeper.before_write(memory)
        if self.loops.begun:
            self.loops.written.put(memory, None)
            if self.lists is None:
                self.lists = held_by(self.names, self.loops.appends)
            if self.lists:
                self._kept((id(memory),))
        if self.pending:
            self.pending = []
        binding = self.running if isinstance(self.running, BINDING) else None
        if binding is not None:
            self.note(self.stores.store(tensor, memory, operands(engine, inputs[1:]), self.running))
        if known.wraps:
            if (wrapping := self._wrapping(known, tensor, inputs)) is not None:
                self.pending.append(wrapping)
        elif known.indexes:
            self.note(duplicate(engine, self.names.name, tensor, inputs))
        if known.fills and not tensor.dtype.is_floating_point and engine.look(tensor).dtype in INTEGRAL:
            self._cut_off(known.name, tensor, inputs)
        if self.unwritten.memory:
            self._unwritten(self.unwritten.changed(known.name, tensor, memory, inputs))
            self._unwritten(self.unwritten.read(known.name, tensor, inputs))
            self.unwritten.written(tensor, memory)
        if known.name == "bernoulli_":
            self.note(dropout_in_evaluation(self.names, current_node()))
        if known.name == "copy_":
            self.note(onto_itself(engine, memory, inputs))
        if self.shared and engine.base(tensor) is not None:
            self.note(shared_places(engine, self.names, memory, self.running))
        self.note(one_item(engine, self.names, memory, self.running))
        if known.reads and len(inputs) > 1:
            if self.gradients.leaves and known.name != "copy_":
                self.note(into_itself(engine, tensor, memory, inputs, self.gradients.leaves))
            other = reads_what_it_writes(engine, tensor, memory, inputs)
            if other is not None:
                name = self.names.name(tensor) or self.names.name(self.recorder.named_parent(tensor))
                self.pending.append(
                    partial(overlapping, engine, name, tensor, other, known.name, self.running)
                )

    def wrote(self, tensor: Any, memory: Any, operator: str, inputs: Sequence[Any]) -> None:
        """The bytes of a tensor, in this memory, were written."""
        engine = self.engine
        for told in self.pending:
            self.note(told())
        if self.pending:
            self.pending = []
        if self.lost.written:
            self.lost.used(operands(engine, [each for each in inputs if each is not tensor]))
        if self.lost.born:
            self.lost.wrote(memory, self.running)
        if tensor.requires_grad:
            self._without_history([each for each in inputs if each is not tensor])
            if base_of(operator) == "add_" and engine.node(tensor) is not None:
                self._adds(inputs)
        if not (self.gradients.passes or self.recorded):
            return
        given = located(engine, inputs[1:])
        if not tensor.requires_grad:
            self.constants.computed(tensor, base_of(operator), given)
        self.gradients.wrote(memory, [*located(engine, inputs[:1]), *given])
        if self.gradients.twice:
            self._applied_twice()

    def accumulated(self, leaf: Any, gradient: Any, kind: str) -> None:
        """A leaf's gradient was made or added to."""
        if leaf is self.past:
            self.note(outdated_graph(self.names.name(leaf)))
            self.past = None
        self.gradients.accumulated(leaf, gradient, kind)
        if not self.nan:
            moved = id(leaf) in self.gradients.moved
            told = no_numbers(self.engine, self.names.name, leaf, gradient, moved)
            self.nan = told is not None
            self.note(told)
        if self.flats.nodes and kind == "new" and not self.zero:
            told = self.flats.zeroed(self.names.name, leaf, gradient)
            self.zero = told is not None
            self.note(told)

    def freed(self, node: Any) -> None:
        """A node is about to drop what it had saved: it was used as it is now."""
        if id(node) in self.tainted:
            self.used_tainted = True
        elif self.keeper.copies:
            for memory, clock, saved in list(self.saves_of(node)):
                owner = self.engine.memory(saved.tensor)
                if saved.now == saved.saved and self.keeper.harmless(node, saved, owner, clock) is False:
                    self.poisoned.append(Poisoned(self.engine.node_name(node), saved.slot, saved, memory))
                    self.used_tainted = True

    def saves_of(self, node: Any) -> Iterator[tuple[int, int, Saved]]:
        """The tensors that a node keeps, with the allocation and the moment of the save."""
        for saved in self.engine.saved(node):
            memory = id(self.engine.memory(saved.tensor))
            saver = self.recorder.savers.get(memory, {}).get(id(node))
            if saver is not None and self.engine.reads(node, saved.slot):
                yield memory, saver.clock, saved

    # ---- single traps

    def _kept(self, written: Collection[int]) -> None:
        for told, node in kept(self.engine, self.lists or (), written):
            self._note_once(told, node)

    def _applied_twice(self) -> None:
        told, node = self.gradients.told(self.names.name)
        self.note(told, node)

    def _without_history(self, inputs: Sequence[Any]) -> None:
        for each in operands(self.engine, inputs):
            if self.engine.base(each) is not None:
                self.note(swallowed(self.engine, self.names.name, each))

    def _moved(self) -> None:
        """What is frozen, after the step that ran last."""
        for told, node in self.steps.moved():
            self.note(told, node)

    def _adds(self, inputs: Sequence[Any]) -> None:
        """A recorded sum: whether a term is without a graph, and, in a loop, whether it keeps those of all rounds."""
        value = getattr(self.running, "value", None)
        if not isinstance(value, ast.Call) or getattr(value.func, "id", "") != "print":
            self.note(self.constants.added(self.names.name, inputs))
        if self.loops.begun:
            self._history(inputs)

    def _history(self, inputs: Sequence[Any]) -> None:
        """An addition in a loop: whether its sum keeps the graph of each round."""
        node = current_node()
        told = self.loops.history(node, inputs, self.running)
        if told is None and self.gradients.moved:
            outdates, name = self.gradients.outdates, self.names.name
            told = self.loops.outdated_history(node, inputs, outdates, name, self.running)
        if told is not None:
            self._note_once(told, node)

    def _unwritten(self, told: Told | None) -> None:
        if told is not None and not asked_for_its_sizes(self.running, current_node()):
            self.note(told)

    # ---- when the statement ends

    @property
    def silent(self) -> bool:
        """Whether there is nothing to be found."""
        return not (
            self.found
            or self.lost.written
            or self.gradients.twice
            or self.gradients.sums
            or self.loops.written
            or self.steps.frozen
            or self.steps.idle
            or self.steps.closures
            or self.rounds.dropping
            or self.unreached.waiting
        )

    def findings(self) -> list[Finding]:
        """The hazards of the statement so far, but for those about saved bytes."""
        for copied in self.lost.found():
            self.note(copied.told, copied.node)
        self._applied_twice()
        self._moved()
        for told, node in self.steps.without_gradients(self.gradients.passes, self.gradients.brought):
            if self.recorded:
                self.note(told, node)
        for told, node in self.steps.never_made(self.gradients.ever_applied):
            self.note(told, node)
        for told, node in self.rounds.dropped():
            self.note(told, node)
        for told, node in self.unreached.never():
            self.note(told, node)
        if self.loops.written:
            self.lists = held_by(self.names, self.loops.appends)
            self._kept(self.loops.written)
        return list(self.found.values())


def _ranks(inputs: Sequence[Any]) -> int:
    """How many dimensions two operands have together."""
    return sum(getattr(each, "ndim", 0) for each in inputs[:2])
