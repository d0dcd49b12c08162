"""The version error: what a node had saved was written before it was used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tensorcli.explorer.facts import operation_of
from tensorcli.explorer.memory import covered, reaches, region_text, span_text, whole_text
from tensorcli.explorer.results import Event, Mark, Timeline
from tensorcli.explorer.rewrite import Proposal
from tensorcli.explorer.trace import Save, Traced, WriteEvent
from tensorcli.explorer.trees import (
    atom,
    calls_in,
    holds,
    in_place_nodes,
    loaded,
    receiver_of,
    root_name,
    stored,
)
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.counted import copies_where_saved, counted
from tensorcli.explorer.why.freed import again_in, recomputed, round_of
from tensorcli.explorer.why.leaves import leaves_behind
from tensorcli.explorer.why.one_block import around, copied_before
from tensorcli.explorer.why.out_of_place import out_of_place_at, told_not_to_write
from tensorcli.explorer.why.passes import backward_root
from tensorcli.explorer.why.rounds import carried_graphs, detached_each_round

IN_PLACE = frozenset(
    "relu leaky_relu elu selu celu rrelu hardtanh hardswish silu mish threshold dropout clamp mul".split()
)
"""The operators by which modules and functions with inplace=True write."""
_VERSIONS = re.compile(r"is at version (\d+); expected version (\d+)")


def version(case: Case) -> Story:
    """A saved value was written: who saved it, who wrote it, through which name, and which version was wanted."""
    found = _VERSIONS.search(case.failure.message)
    assert found is not None
    now, wanted = int(found.group(1)), int(found.group(2))
    node = case.trace.session.failed
    needed = [
        (step, save)
        for step in case.trace.steps
        for save in step.saves
        if save.node == node and save.version == wanted
    ]
    if not needed:
        return Story(
            "a value that a node saved for the backward pass was written before it was used; which one, this "
            "engine does not say.",
            [case.raised(f"found version {now}, wanted version {wanted}")],
        )
    written = [(step, save, writes) for step, save in needed if (writes := _writes_after(case, save, wanted))]
    # What an own function wrote and marked moved the version once more than was heard.
    moved = [each for each in written if each[2][-1][1].after == now] or written
    if not moved:
        return next(
            (story for step, save in needed if (story := counted(case, step, save, wanted, now))),
            _unheard(case, *needed[0], wanted, now),
        )
    step, save, writes = moved[0]
    return _Version(case, step, save, writes, wanted, now).story()


def _unheard(case: Case, step: Traced, save: Save, wanted: int, now: int) -> Story:
    """What is told where nothing of the script shows what moved the version."""
    return Story(
        f"{save.node_name} saved a value at version {wanted}, and it is at version {now} now; what moved it is no "
        "write that could be heard.",
        [case.event(step.number - 1, f"{save.node_name} saved it", "saved", f"v{wanted}")],
    )


def _writes_after(case: Case, save: Save, wanted: int) -> list[tuple[Traced, WriteEvent]]:
    """The writes that moved a saved value's counter on from the version wanted."""
    return [
        (each, write)
        for each in case.trace.steps
        for write in each.writes
        if write.memory == save.memory
        and write.counter == save.counter
        and write.before is not None
        and write.before >= wanted
    ]


class _Version:
    """The story of one stale value."""

    def __init__(
        self,
        case: Case,
        step: Traced,
        save: Save,
        writes: list[tuple[Traced, WriteEvent]],
        wanted: int,
        now: int,
    ) -> None:
        self.case = case
        self.step = step
        self.save = save
        self.writes = writes
        self.wanted, self.now = wanted, now
        self.culprit, self.write = writes[0]
        trace = case.trace
        self.storage = trace.storage(save.memory) or "the storage"
        self.name = self._name_of(save, step.number)

    def _name_of(self, save: Save, number: int) -> str:
        names = self.case.trace.names_at(number, save.memory)
        session = self.case.trace.session
        observation = session.observation
        assert observation is not None
        for name in names:
            for entry in observation.index.entries.values():
                value = entry.value
                if value is None or name not in observation.index.names(entry):
                    continue
                if session.engine.walk(value) == save.walk:
                    return name
        return names[0] if names else self.storage

    def story(self) -> Story:
        case, culprit = self.case, self.culprit
        events = self._events()
        false_alarm = self._false_alarm()
        wrote = case.within_line(culprit.number - 1, self.write.node_at)
        saved = case.within_line(self.step.number - 1, self.save.node_at)
        if false_alarm:
            title = (
                f"a false alarm: line {wrote} wrote other elements than line {saved} had saved for backward, but moved "
                "the version that they share."
            )
        elif culprit.number == case.failing.number and wrote == case.line:
            title = f"line {wrote} itself wrote over a value that was saved for its backward pass."
        elif wrote == saved:
            title = f"line {wrote} saved a value for the backward pass and wrote over it."
        else:
            title = f"line {wrote} wrote over a value that line {saved} had saved for backward."
        notes = []
        if false_alarm:
            notes.append(false_alarm)
        story = Story(title, events, notes, self._timeline())
        story.proposals = list(self._proposals())
        story.reference = self._reference()
        return story

    def _events(self) -> list[Event]:
        case, save = self.case, self.save
        events: dict[int, list[Event]] = {}
        for each in case.trace.steps[: case.at + 1]:
            nodes: dict[int, list[Save]] = {}
            for other in each.saves:
                if (other.memory, other.counter) == (
                    save.memory,
                    save.counter,
                ) and other.version <= self.wanted:
                    nodes.setdefault(other.node, []).append(other)
            for saves in nodes.values():
                first = saves[0]
                slots = " = ".join(dict.fromkeys(each_save.slot for each_save in saves))
                mine = first.node == save.node
                event = case.event(
                    each.number - 1,
                    f"{first.node_name} saved {slots} = {self._name_of(first, each.number)}",
                    "saved",
                    f"{self.storage} at v{first.version}" + (f", needs v{self.wanted}" if mine else ""),
                    node=first.node_at,
                )
                if event not in events.setdefault(each.number, []):
                    events[each.number].append(event)
        via = self.write.via
        bound = None if via is None else case.bound_at(via)
        if bound is not None and bound + 1 not in events and bound + 1 < self.culprit.number:
            note = self._sharing(bound, via or "")
            if note:
                events[bound + 1] = [case.event(bound, note, "shared")]
        for count, (each, write) in enumerate(self.writes[:4]):
            what = f"wrote {self._reach(write)}" + self._through(write)
            versions = f"v{write.before} → v{write.after}"
            event = case.event(
                each.number - 1, what, "wrote", versions, culprit=count == 0, node=write.node_at
            )
            events.setdefault(each.number, []).append(event)
        found = [event for number in sorted(events) for event in events[number]]
        if len(self.writes) > 4:
            found.append(Event(0, "", f"… and {len(self.writes) - 4} more writes", "other"))
        found.append(
            case.raised(
                f"{self.save.node_name} unpacked {save.slot}: wants v{self.wanted}, finds v{self.now}"
            )
        )
        return found

    def _sharing(self, at: int, name: str) -> str:
        for change in self.case.trace.steps[at].step.changes:
            if name in change.names and change.kind == "created" and change.storage == self.storage:
                if "shares" in change.note:
                    return f"{name} {change.note.partition(';')[0]}"
                if change.note.startswith("view of"):
                    return f"{name} is a {change.note.partition(';')[0]}"
        return ""

    def _reach(self, write: WriteEvent) -> str:
        size = max(write.walk.itemsize, 1)
        allocation = self.case.trace.session.allocations.named(self.storage)
        whole = write.region.exact and write.region.elements * size == covered(write.walk)
        if allocation is not None and whole and covered(write.walk) == allocation.nbytes:
            return f"{whole_text(allocation.nbytes // size)} of {self.storage}"
        return f"{region_text(write.region)} of {self.storage}"

    def _through(self, write: WriteEvent) -> str:
        if write.via is None:
            return " through a tensor without a name"
        return f" through {write.via}" if write.own_name else f" through a view of {write.via}"

    def _false_alarm(self) -> str:
        reached = [write.region for _, write in self.writes]
        if len(self.writes) != self.now - self.wanted or any(
            reaches(each, self.save.walk) for each in reached
        ):
            return ""
        size = max(self.save.walk.itemsize, 1)
        wrote = " and ".join(dict.fromkeys(map(region_text, reached[:3])))
        return (
            f"written were {wrote} of {self.storage}, saved {span_text(self.save.walk, size)}: no overlap. PyTorch counts "
            "writes for all tensors that share a counter, not for each element."
        )

    def _timeline(self) -> Timeline:
        marks: list[Mark] = []
        for each in self.case.trace.steps[: self.case.at + 1]:
            savers: dict[int, list[str]] = {}
            for other in each.saves:
                same = (other.memory, other.counter) == (self.save.memory, self.save.counter)
                if same and other.version <= self.wanted:
                    line = self.case.within_line(each.number - 1, other.node_at)
                    savers.setdefault(line, []).append(operation_of(other.node_name))
            for line, names in savers.items():
                marks.append(Mark(line, self.wanted, "saved", "saved: " + ", ".join(dict.fromkeys(names))))
        for each, write in self.writes[:4]:
            via = f"write via {write.via}" if write.via else "write"
            line = self.case.within_line(each.number - 1, write.node_at)
            marks.append(Mark(line, write.after or 0, "wrote", via))
        short = operation_of(self.save.node_name)
        marks.append(
            Mark(self.case.line, self.now, "raised", f"{short} unpacks v{self.wanted}, finds v{self.now}")
        )
        return Timeline(self.storage, tuple(marks[-6:]))

    # ---- ways out

    def _proposals(self) -> Iterator[Proposal | None]:
        case, journal = self.case, self.case.journal
        at, via = self.culprit.number - 1, self.write.via
        bound = None if via is None else case.bound_at(via)
        saved_at, writing = self.step.number - 1, journal.tree(at)
        if at == case.at and carried_graphs(case):
            yield from detached_each_round(case)
        body = round_of(case) if saved_at < at == case.at else None
        if body is not None:
            yield from again_in(case, body, saved_at)
        if self.write.operator.rstrip("_") in IN_PLACE:
            yield from told_not_to_write(case, at)
        if bound is not None and via != self.name and bound < at:
            yield from self._copy_at(bound)
        yield from out_of_place_at(case, at, writing, via)
        if self.write.via is None:
            for step in case.trace.steps[:at]:
                tree = step.record.statement.tree
                if isinstance(tree, ast.FunctionDef):
                    yield from out_of_place_at(case, step.number - 1, tree)
        goes_on = self._pass_goes_on_to_what_was_written()
        later = "write after the saved use" + (f"; {goes_on}.grad has both passes then" if goes_on else "")
        if goes_on and saved_at < at < case.at:
            yield from recomputed(case, saved_at)
        if at < case.at and not self._reads_what_was_written():
            yield journal.moved_below(at, case.at, later)
        saving, wrote = self.save.node_at, self.write.node_at
        body = round_of(case) if saving is not None and wrote is not None else None
        if body is not None and saving is not None and wrote is not None:
            yield from around(case, body, saving, wrote, later)
        if wrote is not None and not holds(writing, wrote):
            yield from copied_before(case, wrote)
        if isinstance(writing, ast.Assign | ast.AugAssign | ast.Expr) and via is not None:
            targets = [target for target, _ in in_place_nodes(writing)]
            if any(isinstance(target, ast.Name) and target.id == via for target in targets):
                yield journal.inserted(at, f"{via} = {via}.clone()", "write into a copy")
        if saved_at == at:
            yield self._copied_where_read(writing)
        else:
            yield from copies_where_saved(case, saved_at, self.name)
        if bound is not None:
            yield from self._data_at(bound)

    def _copied_where_read(self, tree: ast.stmt) -> Proposal | None:
        """`h[i] = h[i - 1].clone() * w` for `h[i] = h[i - 1] * w`: one statement saves what it writes, in a loop for one."""
        saving = self.save.node_at
        if saving is None:
            return None
        at, journal = self.step.number - 1, self.case.journal
        if holds(tree, saving):
            read = [each for each in outermost(saving, self.name) if each is not saving]
        else:
            # In a method an attribute of the session's object is one of `self`.
            home = self.case.holder_of(saving)
            attribute = self.name.rpartition(".")[2]
            at = at if home is None else home
            read = [
                each
                for each in ast.walk(saving)
                if isinstance(each, ast.Attribute) and each.attr == attribute and each is not saving
            ]
        changes = [(each, f"{journal.source(at, each)}.clone()") for each in read]
        return journal.changed(at, changes, "save a copy") if changes else None

    def _copy_at(self, at: int) -> Iterator[Proposal | None]:
        tree = self.case.journal.tree(at)
        if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Name):
            text = self.case.journal.source(at, tree.value)
            yield self.case.journal.changed(
                at, [(tree.value, f"{atom(tree.value, text)}.clone()")], "write into a copy"
            )

    def _data_at(self, at: int) -> Iterator[Proposal | None]:
        tree = self.case.journal.tree(at)
        for node in calls_in(tree, "detach"):
            if (owner := receiver_of(node)) is not None:
                data = f"{self.case.journal.source(at, owner)}.data"
                yield self.case.journal.changed(at, [(node, data)], "no error, but wrong", warning=True)

    def _reads_what_was_written(self) -> bool:
        """Whether the failing statement computes from the written memory: then the write changed what it
        differentiates.
        """
        session = self.case.trace.session
        assert session.observation is not None
        for name in loaded(self.case.statement.tree):
            for entry in session.observation.index.under(name):
                if self.case.trace.token(session.engine.memory(entry.value)) == self.save.memory:
                    return True
        return False

    def _pass_goes_on_to_what_was_written(self) -> str:
        """The name of the parameter that a step wrote between two passes, where the failing one brings it a gradient as well:
        what was computed with its old value can be computed anew, and the step can only wait if it is to apply both.
        """
        case, name = self.case, self.write.via or ""
        root = case.tensor(backward_root(case))
        for leaf in () if root is None else leaves_behind(case, root):
            mine = case.trace.token(case.engine.memory(leaf)) == self.save.memory
            if mine and case.engine.grad(leaf) is not None:
                return name
        return ""

    def _reference(self) -> Proposal | None:
        """The failing pass without the write: its gradients are those of what was saved. Only where everything that it names
        stood before the write.
        """
        case = self.case
        at = self.culprit.number - 1
        if self._pass_goes_on_to_what_was_written():
            return None
        if at >= case.at or not isinstance(case.statement.tree, ast.Expr):
            return None
        rebound: set[str] = set()
        for step in case.trace.steps[at : case.at]:
            rebound |= stored(step.record.statement.tree)
        if rebound & loaded(case.statement.tree) or self._reads_what_was_written():
            return None
        records = case.journal.records
        return Proposal((*records[:at], *records[at + 1 : case.at + 1]), "", "", (), case.at - 1)


def outermost(tree: ast.AST, name: str) -> Iterator[ast.expr]:
    """The expressions within a tree that read a name, or a part of it by an index: `h[i - 1]`."""
    if (
        isinstance(tree, ast.Name | ast.Subscript)
        and isinstance(tree.ctx, ast.Load)
        and root_name(tree) == name
    ):
        yield tree
        return
    for each in ast.iter_child_nodes(tree):
        yield from outermost(each, name)
