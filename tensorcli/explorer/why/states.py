"""Why a tensor is as it is: whether it requires grad, what it was computed from, which writes were fine."""

from __future__ import annotations

from typing import Any

from tensorcli.explorer.results import Event, some
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.cuts import told, where_cut
from tensorcli.explorer.why.leaves import computed, leaves_behind
from tensorcli.explorer.why.views import cut_off, view_without_edge


def state_of(case: Case, value: Any, name: str) -> Story:
    """Why a tensor requires grad, or does not; where nothing had saved what was written in place, that."""
    engine = case.engine
    look = engine.look(value)
    if look.version is None:
        return _inference(case, value, name)
    if not look.requires_grad:
        cuts = where_cut(case, value)
        story = Story(f"{name} does not require grad")
        if not cuts:
            story.title += "; which statement made it is not known."
            return story
        sentence, story.events = told(cuts, case, value)
        story.title += f": {sentence}"
        if all(cut.kind == "leaf" for cut in cuts):
            story.notes.append(_memory_of(case, value, name))
        return story
    if cut_off(case, value):
        return view_without_edge(case, value, name, f"{name} ")
    bound = case.bound_at(name)
    events: list[Event] = []
    if look.is_leaf:
        if bound is not None:
            events.append(case.event(bound, "a leaf that requires grad", "made"))
        return Story(f"{name} requires grad: it is a leaf that was made so.", events)
    events.extend(computed(case, name, look, bound))
    title = f"{name} requires grad because it was computed ({look.grad_fn}) from what does."
    history = case.history_of(name, bound)
    if len(history) > 1 and not history[0][1]:
        title = (
            f"{name} requires grad because line {events[-1].line} wrote into it what does ({look.grad_fn}): since then it is a "
            "computed tensor, and no leaf."
        )
    leaves = [case.name(leaf) or "a leaf without a name" for leaf in leaves_behind(case, value)]
    notes = [f"its graph leads to {some(list(dict.fromkeys(leaves)))}."] if leaves else []
    harmless = _written_unsaved(case, value, name)
    if harmless:
        notes.append(harmless)
    return Story(title, events, notes)


def _memory_of(case: Case, value: Any, name: str) -> str:
    """Whose memory a tensor has, which is asked of one where no gradients are."""
    observation = case.trace.session.observation
    assert observation is not None
    index = observation.index
    others = [
        path
        for entry in index.by_memory.get(id(case.engine.memory(value)), {}).values()
        if entry.value is not value
        for path in index.names(entry)[:1]
    ]
    if others:
        return f"it shares its memory with {some(others)}: a write through one shows in the other{'s' * (len(others) > 1)}."
    return "its memory is its own: a write into it shows in no other tensor."


def _inference(case: Case, value: Any, name: str) -> Story:
    """A tensor that was made in inference mode."""
    made = case.made(value)
    events = []
    if made is not None:
        step, one = made
        events.append(case.event(step.number - 1, "made in inference mode", "made", node=one.node_at))
    where = f", made at line {events[0].line}" if events else ""
    return Story(
        f"{name} is an inference tensor{where}: it has no version counter and no history. It may be read, computed with "
        "and cloned, but not saved for backward, and not written outside inference mode.",
        events,
    )


def _written_unsaved(case: Case, value: Any, name: str) -> str:
    """Why writing a computed tensor in place was fine: no node had saved what was written over."""
    engine = case.engine
    memory, counter = case.trace.token(engine.memory(value)), engine.look(value).counter
    writes = [
        (step, write)
        for step in case.trace.steps
        for write in step.writes
        if write.memory == memory and write.counter == counter and write.before is not None
    ]
    saves = [save for step in case.trace.steps for save in step.saves if save.memory == memory]
    first = min((write.before or 0 for _, write in writes), default=0)
    last = max((write.before or 0 for _, write in writes), default=0)
    if not writes or any(first <= save.version <= last for save in saves):
        return ""
    lines = sorted({case.within_line(step.number - 1, write.node_at) for step, write in writes})
    where = f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines[:4]))}{', …' * (len(lines) > 4)}"
    nodes: list[str] = []
    node = engine.node(value)
    while node is not None and len(nodes) <= len(writes) and engine.variable(node) is None:
        nodes.append(engine.node_name(node))
        node = next((each for each in engine.edges(node) if each is not None), None)
    nodes = list(dict.fromkeys(nodes[:4]))
    savers = " and ".join(nodes)
    return (
        f"{name} was written in place ({where}), and that is fine: no node had saved what was written over "
        f"({savers} {'save' if len(nodes) > 1 else 'saves'} nothing of it)."
    )
