"""Commands that look: `vars`, `alias`. Looking changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.arguments import argument, named_parent
from tensorcli.explorer.engines.reading import Look
from tensorcli.explorer.facts import describe
from tensorcli.explorer.memory import overlap
from tensorcli.explorer.observe import parents
from tensorcli.explorer.results import (
    AliasReport,
    Variable,
    Variables,
    plural,
    some,
)
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

LISTED = 6
"""At most this many of the names that share a storage are listed."""


def variables(session: Session, invocation: Invocation) -> Variables:
    """One row an object, with all its names."""
    engine = session.engine
    rows: dict[int, tuple[Any, list[str]]] = {}
    for name, value in session.names.items():
        rows.setdefault(id(value), (value, []))[1].append(name)
    found = []
    for value, names in rows.values():
        if engine.kind(value) in ("tensor", "ndarray"):
            facts = describe(engine, session.allocations, value)
            found.append(
                Variable(tuple(names), type(value).__name__, facts, facts.value, _relation(session, value))
            )
        else:
            found.append(Variable(tuple(names), type(value).__name__, None, session.short_text(value)))
    return Variables(tuple(found))


def _relation(session: Session, value: Any) -> str:
    """Who shares the memory."""
    engine = session.engine
    look = engine.look(value)
    if look.kind == "tensor" and engine.parent(value) is not None:
        return f"view of {named_parent(session, value)}"
    if session.observation is None:
        return ""
    index = session.observation.index
    mates = [
        index.names(each)[0] for each in index.sharing(look.memory, LISTED + 2) if each.value is not value
    ]
    return (
        f"shares {session.allocations.name(look.memory)} with {some(mates, LISTED, all_known=False)}"
        if mates
        else ""
    )


def alias(session: Session, invocation: Invocation) -> AliasReport:
    """The independent questions about two values; bytes are compared exactly."""
    engine = session.engine
    left, left_name = argument(session, invocation, "left")
    right, right_name = argument(session, invocation, "right")
    for value in (left, right):
        if engine.kind(value) not in ("tensor", "ndarray"):
            raise TypeError(f"alias wants tensors or arrays, not '{type(value).__name__}'")
    a, b = engine.look(left), engine.look(right)
    same_storage = a.memory == b.memory
    same_counter = (
        None
        if not a.counter or not b.counter or a.version is None or b.version is None
        else a.counter == b.counter
    )
    count, ranges = overlap(engine.walk(left), engine.walk(right)) if same_storage else (0, ())
    relation = _relation_of(session, left, left_name, right, right_name)
    ids = session.allocations.name(a.memory), session.allocations.name(b.memory)
    return AliasReport(
        left_name,
        right_name,
        left is right,
        same_storage,
        same_counter,
        count,
        ranges,
        relation,
        ids,
        _verdict(left_name, right_name, left is right, same_storage, same_counter, count, a, b),
    )


def _relation_of(session: Session, left: Any, left_name: str, right: Any, right_name: str) -> str:
    engine = session.engine
    if engine.kind(left) != "tensor" or engine.kind(right) != "tensor" or left is right:
        return ""
    left_base, right_base = engine.base(left), engine.base(right)
    if left_base is right:
        return f"{left_name} is a view of {right_name}"
    if right_base is left:
        return f"{right_name} is a view of {left_name}"
    if left_base is not None and left_base is right_base:
        if any(each is right for each in parents(engine, left)):
            return f"{left_name} is a view of {right_name}"
        if any(each is left for each in parents(engine, right)):
            return f"{right_name} is a view of {left_name}"
        index = None if session.observation is None else session.observation.index
        name = None if index is None else index.name(left_base)
        name = name or session.allocations.name(id(engine.memory(left_base)))
        return f"both are views of {name or 'one base without a name'}"
    return ""


def _verdict(
    left: str, right: str, same: bool, storage: bool, counter: bool | None, count: int, a: Look, b: Look
) -> str:
    if same:
        return f"{left} and {right} are one object"
    if not storage and counter is True:
        return (
            f"{left} and {right} share no memory, but one version counter: a write to one is counted for both"
        )
    if not storage:
        return f"{left} and {right} share nothing"
    if not count:
        where = f"{left} and {right} lie in one storage, in different places"
        counted = ", but moves the counter of both" if counter else ""
        return f"{where}: a write to one does not show in the other{counted}"
    text = f"a write to {left} shows in {right}: {plural(count, 'byte')} are both's"
    if counter is True:
        return text + ", and autograd's version checks see it"
    if counter is False:
        counters = f"each has a version counter of its own ({a.version} and {b.version})"
        return f"{text}, but {counters}, and autograd's checks on {right} do not see it"
    return text + ", and no version counter moves for numpy's writes"
