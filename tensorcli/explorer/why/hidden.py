"""Writes that no version counter saw, and the wrong gradients they lead to; views that swallow gradients, and swaps of views."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.shadow import right_gradients
from tensorcli.explorer.results import Alarm, Event, HazardRow
from tensorcli.explorer.trees import atom, holds, loaded, root_name
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.out_of_place import out_of_place_at
from tensorcli.explorer.why.views import cut_off, view_again, view_without_edge

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal
    from tensorcli.explorer.trace import Save, Traced


def hidden_write(case: Case, row: HazardRow) -> Story:
    """A write that no version counter saw, with the backward pass that it makes wrong, which may be yet to run."""
    expected = len(case.trace.steps) > len(case.session.journal)
    return (
        hidden(case, expected=expected) or _in_one_statement(case, row.index - 1) or _in_a_sentence(case, row)
    )


def swallowed_gradient(case: Case, row: HazardRow) -> Story:
    """A view without an edge: taken again."""
    return _swallowed(case, row.index - 1) or _in_a_sentence(case, row)


def _in_a_sentence(case: Case, row: HazardRow) -> Story:
    """What the session said when it happened, where no more can be told."""
    at = row.index - 1
    place = case.find(at, row.span)
    node = None if place is None else place[1]
    event = case.event(at, row.rule, "other", culprit=True, node=node)
    return Story(row.text, [event], [row.hint] if row.hint else [])


def swapped_views(case: Case, row: HazardRow) -> Story:
    """`x[0], x[1] = x[1], x[0]`: with copies on the right side."""
    at = row.index - 1
    place = case.find(at, row.span)
    if place is None:
        return _in_a_sentence(case, row)
    home, target = place
    tree = case.trace.steps[home].record.statement.tree
    event = case.event(
        at, "evaluates the right side to views, then stores one after the other", "wrote", node=target
    )
    story = Story(row.text, [replace(event, culprit=True)])
    assign = next(
        (each for each in ast.walk(tree) if isinstance(each, ast.Assign) and holds(each, target)), None
    )
    if assign is None or not isinstance(assign.value, ast.Tuple | ast.List):
        return story
    changes: list[tuple[ast.AST, str]] = [
        (each, f"{case.journal.source(home, each)}.clone()")
        for each in assign.value.elts
        if isinstance(each, ast.Subscript | ast.Name)
    ]
    found = case.journal.changed(home, changes, "read copies")
    if found is not None:
        name = root_name(target) if home == at else ""
        story.proposals.append(replace(found, shows=name or "", failing=at))
    return story


def hidden(case: Case, name: str = "", expected: bool = False) -> Story | None:
    """The last hidden write over saved bytes: who saved them, through what they were written, what became of the
    gradients. None where there was none, or none that `name` got its gradient from.
    """
    found = next(
        (
            (step, alarm)
            for step in reversed(case.trace.steps)
            for alarm in step.step.alarms
            if alarm.kind == "silent" and alarm.stale
        ),
        None,
    )
    if found is None:
        return None
    return _Hidden(case, *found).story(name, expected)


class _Hidden:
    def __init__(self, case: Case, step: Traced, alarm: Alarm) -> None:
        self.case = case
        self.culprit = step
        self.stale = alarm.stale
        self.storage = alarm.stale[0].storage or "the storage"
        write = next((each for each in step.step.writes if each.storage == self.storage), None)
        self.via = None if write is None else write.via
        self.moved = next(
            (
                each.names[0]
                for each in step.step.changes
                if each.names
                and each.before is not None
                and each.after is not None
                and each.before.storage == self.storage != each.after.storage
            ),
            None,
        )
        """The tensor that `.data =` took out of the storage."""
        saves = list(self._saves())
        earlier = [(at, save) for at, save in saves if at.number < step.number]
        self.saves = earlier or saves  # the one that writes keeps what it has written
        nodes = {save.node for _, save in self.saves}
        self.passes = [
            each for each in case.trace.steps[step.number :] if each.added and nodes & set(each.freed)
        ]

    def _saves(self) -> Iterator[tuple[Traced, Save]]:
        wanted = {(each.node, each.slot) for each in self.stale}
        for step in self.case.trace.steps[: self.culprit.number]:
            for save in step.saves:
                here = self.case.trace.storage(save.memory) == self.storage
                if here and (save.node_name, save.slot) in wanted:
                    yield step, save

    def story(self, name: str, expected: bool) -> Story | None:
        case, culprit = self.case, self.culprit
        at = culprit.number - 1
        records = [step.record for step in case.trace.steps]
        last = self.passes[-1] if self.passes else None
        right = {} if last is None else right_gradients(case.session, records[: last.number])
        wrong = {each: text for each, text in _left_by(last).items() if right.get(each, text) != text}
        if name and name not in wrong:
            return None
        saved_at = sorted({case.within_line(step.number - 1, save.node_at) for step, save in self.saves})
        saved = f"line{'s' * (len(saved_at) > 1)} {', '.join(map(str, saved_at))}" if saved_at else "a node"
        if self.moved is not None:
            over = f"line {culprit.line} gave {self.moved} other memory after {saved} had saved it for the backward pass"
        else:
            wrote = f"line {culprit.line} wrote" + (f" through {self.via}" if self.via else "")
            over = f"{wrote} over what {saved} had saved for the backward pass"
        over += ", and no version counter saw it"
        if wrong:
            first = name or next(iter(wrong))
            verb = "would be" if expected else "is"
            title = f"{first}.grad {verb} wrong: {wrong[first]} instead of {right[first]}; {over}."
        elif last is None:
            title = f"{over}: a backward pass will give wrong gradients and raise nothing."
        else:
            title = f"{over}."
        story = Story(title, self._events(last))
        story.proposals = [None if each is None else self._to_the_pass(each, last) for each in self._ways(at)]
        if last is not None:
            story.right = {each: right[each] for each in _left_by(last) if each in right}
        return story

    def _events(self, last: Traced | None) -> list[Event]:
        case, events = self.case, []
        seen: dict[tuple[int, str], tuple[Traced, Save, list[str]]] = {}
        for step, save in self.saves:
            seen.setdefault((save.node, save.node_name), (step, save, []))[2].append(save.slot)
        for step, save, slots in list(seen.values())[:4]:
            name = next(
                (each.tensor for each in self.stale if each.slot in slots and each.tensor), self.storage
            )
            text = f"{save.node_name} saved {' = '.join(dict.fromkeys(slots))} = {name}"
            events.append(
                case.event(
                    step.number - 1, text, "saved", f"{self.storage} at v{save.version}", node=save.node_at
                )
            )
        bound = None if self.via is None else case.bound_at(self.via)
        by_name = self.via is not None and self.via.isidentifier()
        value = case.trace.session.names.get(self.via or "")
        counted = {save.counter for _, save in self.saves}
        if (
            by_name
            and bound is not None
            and bound < self.culprit.number - 1
            and case.engine.look(value).counter not in counted
        ):
            own = (
                "numpy's writes move no counter"
                if case.engine.kind(value) == "ndarray"
                else "its writes move a counter of its own"
            )
            events.append(case.event(bound, f"{self.via} lies in {self.storage}; {own}", "shared"))
        version = self.stale[0].now
        changed = f"changed bytes of {self.storage}" + (f" through {self.via}" if self.via else "")
        events.append(
            case.event(
                self.culprit.number - 1,
                changed
                if self.moved is None
                else f"moved {self.moved} out of {self.storage}; the node reads it where it is",
                "wrote",
                f"version stayed {version}",
                culprit=True,
            )
        )
        if last is not None:
            nodes = ", ".join(dict.fromkeys(save.node_name for _, save in self.saves))
            events.append(
                case.event(
                    last.number - 1, f"{nodes} found v{version}, as saved, and used the new bytes", "other"
                )
            )
        return events

    def _ways(self, at: int) -> Iterator[Proposal | None]:
        case, journal = self.case, self.case.journal
        via = self.via
        bound = None if via is None else case.bound_at(via)
        if bound is not None and bound < at:
            tree = journal.tree(bound)
            if isinstance(tree, ast.Assign):
                array = case.engine.kind(case.trace.session.names.get(via or "")) == "ndarray"
                text = atom(tree.value, journal.source(bound, tree.value))
                copied = f"{text}.{'copy' if array else 'clone'}()"
                yield journal.changed(bound, [(tree.value, copied)], "write into a copy")
        tree = journal.tree(at)
        if self.moved is None:
            yield from out_of_place_at(case, at, tree, via)
            yield _into_copies(case, at, tree)
        if self.passes:
            yield journal.moved_below(
                at,
                self.passes[-1].number - 1,
                f"{'write' if self.moved is None else 'assign'} after the saved use",
            )
        for step, save in self.saves[:1]:
            saver = journal.tree(step.number - 1)
            if self.moved is not None:
                clones: list[tuple[ast.AST, str]] = [
                    (each, f"{self.moved}.clone()")
                    for each in ast.walk(saver)
                    if isinstance(each, ast.expr) and ast.unparse(each) == self.moved
                ]
                if clones:
                    yield journal.changed(step.number - 1, clones, "the node keeps a copy")
            elif save.slot == "result" and isinstance(saver, ast.Assign):
                text = atom(saver.value, journal.source(step.number - 1, saver.value))
                yield journal.changed(
                    step.number - 1, [(saver.value, f"{text}.clone()")], "the node keeps its own result"
                )

    def _to_the_pass(self, proposal: Proposal, last: Traced | None) -> Proposal:
        """Measured where the pass ended."""
        if last is None:
            return replace(proposal, failing=len(proposal.records) - 1)
        grown = len(proposal.records) - len(self.case.trace.steps)
        return replace(proposal, failing=last.number - 1 + grown - proposal.moved)


def _left_by(last: Traced | None) -> dict[str, str]:
    """The gradients that the passes of a statement left."""
    found: dict[str, str] = {}
    for change in () if last is None else last.step.changes:
        if change.names and change.names[0].endswith(".grad") and change.after is not None:
            found[change.names[0].removesuffix(".grad")] = change.after.value
    return found


def _in_one_statement(case: Case, at: int) -> Story | None:
    """A hidden write in the statement that runs the pass as well: in a loop, or in a function that it calls."""
    last = case.trace.steps[at]
    found = [
        (step, save, write)
        for step in case.trace.steps[: at + 1]
        for save in step.saves
        if save.node in last.freed
        for write in last.writes
        if write.memory == save.memory and write.counter != save.counter and write.node_at is not None
    ]
    if not found:
        return None
    step, save, write = found[0]
    assert write.node_at is not None
    right = right_gradients(case.session, [each.record for each in case.trace.steps[: at + 1]])
    present = _left_by(last)
    wrong = next((name for name, text in present.items() if right.get(name, text) != text), None)
    wrote = case.event(
        at, "changed bytes that were saved", "wrote", "version stayed", culprit=True, node=write.node_at
    )
    saved = case.event(step.number - 1, f"{save.node_name} saved {save.slot}", "saved", node=save.node_at)
    title = f"line {wrote.line} wrote over what line {saved.line} had saved for the backward pass, and no version counter saw it."
    if wrong is not None:
        title = f"{wrong}.grad is wrong: {present[wrong]} instead of {right[wrong]}; {title}"
    used = case.event(at, f"{save.node_name} used the new bytes", "other", node=last.freed[save.node])
    story = Story(title, [saved, wrote, used])
    story.proposals = list(_copies(case, save, write.node_at))
    story.right = {each: right[each] for each in present if each in right}
    return story


def _copies(case: Case, save: Save, write: ast.AST) -> Iterator[Proposal | None]:
    """The write into a copy, where it goes through `.data`; the saved result kept apart."""
    journal = case.journal
    place = case.holder_of(write)
    if place is not None:
        yield _into_copies(case, place, journal.tree(place), write)
    place = None if save.node_at is None else case.holder_of(save.node_at)
    if place is not None and save.slot == "result" and isinstance(save.node_at, ast.expr):
        text = atom(save.node_at, journal.source(place, save.node_at))
        yield journal.changed(place, [(save.node_at, f"{text}.clone()")], "the node keeps its own result")


def _into_copies(case: Case, at: int, tree: ast.AST, within: ast.AST | None = None) -> Proposal | None:
    """`d = w.detach().clone().mul_(2)` for `d = w.data.mul_(2)`, of the writes of a statement or of an expression in it; None
    where nobody would have the copies, as of `w.data.mul_(2)`.
    """
    data = [
        node
        for each in ast.walk(tree)
        if isinstance(each, ast.Assign | ast.AnnAssign | ast.Return | ast.NamedExpr)
        and each.value is not None
        for node in ast.walk(each.value)
        if isinstance(node, ast.Attribute) and node.attr == "data" and (within is None or holds(within, node))
    ]
    changes = [
        (node, f"{case.journal.source(at, node.value)}.detach().clone()") for node in dict.fromkeys(data)
    ]
    return case.journal.changed(at, changes, "write into a copy") if changes else None


def _swallowed(case: Case, at: int) -> Story | None:
    """The view without an edge that the statement used."""
    tree = case.trace.steps[at].record.statement.tree
    for name in sorted(loaded(tree)):
        value: Any = case.trace.session.names.get(name)
        if case.engine.kind(value) == "tensor" and cut_off(case, value):
            story = view_without_edge(case, value, name, f"{name} ")
            step = case.trace.steps[at]
            story.events.append(case.event(at, f"goes through {name}", "other"))
            story.proposals.extend(view_again(case, name, step, step))
            return story
    return None
