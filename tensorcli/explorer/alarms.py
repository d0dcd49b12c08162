"""What will fail, or be wrong, because of a statement: stale saved tensors, and writes that PyTorch cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer import results
from tensorcli.explorer.engines.reading import KeptCopy
from tensorcli.explorer.facts import operation_of
from tensorcli.explorer.graphs import nodes_below, root_of
from tensorcli.explorer.names import name_of, path_root
from tensorcli.explorer.observe import Writing
from tensorcli.explorer.results import plural

if TYPE_CHECKING:
    from tensorcli.explorer.changes import Observation


TRIED = 300
"""A backward pass through so many nodes is tried, with the bytes of then and of now."""


class Silence(NamedTuple):
    """A write that may have passed some counters by: into which allocation, as the engine reported it, if it did."""

    memory: int
    writing: Writing | None


def pass_from(observation: Observation, name: str) -> str:
    """`loss.backward()`; of a tensor that is not a single number, a backward pass from it."""
    for entry in observation.index.under(path_root(name)):
        if name in entry.paths and observation.engine.look(entry.value).numel != 1:
            return f"a backward pass from {name}"
    return f"{name}.backward()"


def stale_alarm(observation: Observation) -> results.Alarm | None:
    """Saved tensors whose version moved in this statement: unpacking them will raise."""
    found: list[results.StaleSave] = []
    nodes: set[int] = set()
    strays = observation.index.table.strays
    for written, writing in observation.recorder.writes_to.items():
        # A tensor that `.data =` moved shares its counter with those that it left: for the check, they are written with it.
        elsewhere = {each.memory for counter in writing.before for each in strays(counter)} - {written}
        for memory in (written, *sorted(elsewhere, key=observation.allocations.number)):
            for node, saved in saves_of(observation, memory):
                before = writing.before.get(observation.engine.look(saved.tensor).counter)
                if before is not None and saved.saved == before and saved.now != saved.saved:
                    nodes.add(id(node))
                    found.append(_save(observation, node, saved))
    if not found:
        return None
    what = ", ".join(f"{operation_of(each.node)}.{each.slot}" for each in found[:6]) + (
        ", …" if len(found) > 6 else ""
    )
    verb = "is" if len(found) == 1 else "are"
    name, _ = root_of(observation.engine, observation.index, nodes)
    then = f"{pass_from(observation, name)} will raise" if name else "a backward pass through them will raise"
    return results.Alarm(
        "stale",
        f"{plural(len(found), 'saved tensor')} {verb} now stale ({what}): {then}.",
        "why?",
        stale=tuple(found),
    )


def silent_alarm(observation: Observation, silences: list[Silence]) -> results.Alarm | None:
    """Saved tensors whose bytes changed in this statement while their version stayed: the gradient will be wrong."""
    found: list[results.StaleSave] = []
    nodes: set[int] = set()
    copies: list[KeptCopy] = []
    watch = observation.recorder.watch
    for memory, writing in silences:
        for node, saved in saves_of(observation, memory):
            if saved.now != saved.saved:
                continue
            when = observation.recorder.savers[memory][id(node)].clock
            counter = observation.engine.look(saved.tensor).counter
            stayed = (
                writing is not None and writing.stayed > when and observation.engine.reads(node, saved.slot)
            )
            if writing is not None and not stayed:
                before = all(seen.clock < when for seen in writing.seen_writes.values())
                if before or writing.seen_by(counter, saved.now):
                    continue
            owner = observation.engine.memory(saved.tensor)
            if watch.keeper.harmless(node, saved, owner, when):
                continue
            watch.taint(node)
            nodes.add(id(node))
            found.append(_save(observation, node, saved))
            copies.extend(watch.keeper.as_kept(node, owner, when))
    moved = _moved(observation)
    for node, saved, left, kept in moved:
        watch.taint(node)
        nodes.add(id(node))
        found.append(replace(_save(observation, node, saved), storage=left))
        copies.extend(kept)
    if not found:
        return None
    what = " and ".join(dict.fromkeys(f"{operation_of(each.node)}.{each.slot}" for each in found[:6]))
    name, _ = root_of(observation.engine, observation.index, nodes)
    if name is not None and _comes_to_nothing(observation, name, copies):
        return None
    verb = "was" if len(found) == 1 else "were"
    then = pass_from(observation, name) if name else "a backward pass"
    return results.Alarm(
        "silent",
        f"{what} {verb} saved before this {'write' if len(found) > len(moved) else 'assignment'} and PyTorch cannot see it: "
        f"{then} will succeed with wrong gradients.",
        "why",
        "TSC-H001",
        tuple(found),
    )


def _comes_to_nothing(observation: Observation, name: str, copies: Sequence[KeptCopy]) -> bool:
    """Whether a backward pass from a tensor gives leaves the same gradients with the bytes that nodes had saved: what differs is
    multiplied by 0 on the way, or cancels out. Graphs of many nodes are not tried.
    """
    engine = observation.engine
    root = next((each.value for each in observation.index.under(path_root(name)) if name in each.paths), None)
    nodes = () if root is None else tuple(nodes_below(engine, engine.node(root), TRIED + 1))
    return 0 < len(nodes) <= TRIED and engine.same_pass(root, nodes, copies)


def _moved(observation: Observation) -> list[tuple[Any, Any, str | None, Sequence[KeptCopy]]]:
    """The saved tensors that `.data =` moved to other memory in this statement, so that their nodes give other gradients: each
    with its node, the id of the allocation that it left, and copies of what the node kept there.
    """
    engine = observation.engine
    found: list[tuple[Any, Any, str | None, Sequence[KeptCopy]]] = []
    for reference, tensor, left, copies in observation.recorder.moved:
        node, moved = reference(), tensor()
        if node is None or moved is None or engine.released(node) or engine.same_gradients(node, copies):
            continue
        found.extend((node, saved, left, copies) for saved in engine.saved(node) if saved.tensor is moved)
    return found


def saves_of(observation: Observation, memory: int) -> Iterator[tuple[Any, Any]]:
    """The saved tensors of an allocation in nodes that are alive and not released."""
    engine = observation.engine
    for saver in list(observation.recorder.savers.get(memory, {}).values()):
        node = saver.reference()
        if node is None or engine.released(node):
            continue
        for saved in engine.saved(node):
            if id(engine.memory(saved.tensor)) == memory:
                yield node, saved


def _save(observation: Observation, node: Any, saved: Any) -> results.StaleSave:
    return results.StaleSave(
        observation.engine.node_name(node),
        saved.slot,
        name_of(observation.engine, observation.index, observation.allocations, saved.tensor),
        saved.saved,
        saved.now,
        observation.allocations.name(id(observation.engine.memory(saved.tensor))),
    )
