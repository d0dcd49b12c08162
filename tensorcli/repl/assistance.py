"""What the prompt knows of the session while a line is typed: verbs, names, completions, the toolbar's
segments.

Knows no prompt_toolkit. Colours and the toolbar take what is there already; completion and Enter wait for the
session. Nothing here runs a statement: what stands before a dot is looked up, never evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tensorcli.language.evaluate import BOUND_MODULES
from tensorcli.language.invocations import whole_number
from tensorcli.language.vocabulary import BAGS, BUILTIN_FUNCTIONS
from tensorcli.repl.background import Background

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session
    from tensorcli.language.complete import Completion
    from tensorcli.language.syntax import Verb

NO_VERBS: Mapping[str, Verb] = {}

# Attributes of a tensor that are tensors again, with the same attributes.
TENSOR_ATTRIBUTES = frozenset("data grad T mT H mH real imag".split())

# What makes a tensor of data, and is no operator.
CONSTRUCTORS = frozenset("tensor as_tensor from_numpy".split())

KEYS = "F1 help  F8 undo"


class Described(Mapping[str, str]):
    """The names of a session with what they stand for, described only where it is asked."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getitem__(self, name: str) -> str:
        return description(self._session, self._session.names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._session.names)

    def __len__(self) -> int:
        return len(self._session.names)


def description(session: Session, value: Any) -> str:
    """`float32 (2, 3) s1` of a tensor or an array, else the type."""
    from tensorcli.explorer.facts import describe, type_text

    if session.engine.kind(value) in ("tensor", "ndarray"):
        facts = describe(session.engine, session.allocations, value, text=False)
        return " ".join(part for part in (facts.dtype, str(facts.shape), facts.storage or "") if part)
    return type_text(value)


class Attributes(Mapping[str, str]):
    """What a value has, each described only where it is asked: what a method does, or the value that is there."""

    def __init__(self, session: Session, value: Any, summary: Callable[[str], str]) -> None:
        self._session = session
        self._value = value
        self._summary = summary
        self._names = session.attributes_of(value)

    def __getitem__(self, name: str) -> str:
        from tensorcli.explorer.facts import said

        engine, owner = self._session.engine, self._value
        if engine.kind(owner) == "tensor":
            return self._summary(name)
        members = getattr(owner, "members", None)
        if isinstance(members, Mapping):
            if members is self._session.modules["torch"].members and (line := self._summary(name)):
                return line
            found = members[name]
        else:
            try:
                found = getattr(owner, name)
            except Exception:  # a property may refuse
                return ""
        if callable(found) and hasattr(found, "__name__"):
            return said(found)
        return description(self._session, found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Unknown(Exception):  # noqa: N818 - not an error: nobody can tell without running it
    """What stands before the dot has to be run to be known."""


class Assistance:
    """Reads the session for the prompt."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._counted: tuple[int, list[str]] = (-1, [])
        self._summaries: dict[str, str] = {}

    @property
    def verbs(self) -> Mapping[str, Verb]:
        """The verbs, none before the session is there."""
        session = self._background.present
        return NO_VERBS if session is None else session.verbs

    @property
    def names(self) -> Iterable[str]:
        """The names that are bound, none before the session is there."""
        session = self._background.present
        return () if session is None else session.names

    @property
    def known_verbs(self) -> Mapping[str, Verb]:
        """The verbs, waited for."""
        return self._background.session.verbs

    def completions(self, text: str, cursor: int) -> Iterator[Completion]:
        """What could be typed at the cursor, operators with what they do."""
        from tensorcli.language.complete import Completion, Known, complete

        session = self._background.session
        known = Known(
            session.verbs,
            Described(session),
            self.attributes_of,
            self.arguments_of,
            session.modules.below,
            self.items_of,
            self.words_of,
        )
        for found in complete(text, cursor, known):
            if not found.description and found.kind == "verb":
                yield Completion(found.text, found.start, found.kind, self.summary(found.text))
            else:
                yield found

    def summary(self, operator: str) -> str:
        """What an operator or a method does, in a line; empty where nobody says."""
        if operator not in self._summaries:
            page = self._background.session.engine.help(operator)
            self._summaries[operator] = page.summary if page is not None else ""
        return self._summaries[operator]

    def attributes_of(self, source: str) -> Iterable[str]:
        """What the value before a dot has; nothing where that cannot be told without running it."""
        session = self._background.session
        try:
            value = look_up(session, ast.parse(source.strip(), mode="eval").body)
        except (SyntaxError, Unknown, LookupError, TypeError):
            return ()
        return Attributes(session, value, self.summary)

    def items_of(self, source: str) -> Mapping[str, str]:
        """The texts that are keys of the dict before an opening bracket, each with what is there."""
        session = self._background.session
        try:
            value = look_up(session, ast.parse(source.strip(), mode="eval").body)
        except (SyntaxError, Unknown, LookupError, TypeError):
            return {}
        if not isinstance(value, dict):
            return {}
        return {key: description(session, held) for key, held in dict.items(value) if type(key) is str}

    def arguments_of(self, source: str) -> Mapping[str, str]:
        """What the function before an opening bracket, or a verb, takes by keyword, with the defaults."""
        session = self._background.session
        try:
            function = called(session, ast.parse(source.strip(), mode="eval").body)
        except (SyntaxError, Unknown, LookupError, TypeError):
            return {}
        found: dict[str, str] = {}
        for signature in session.engine.takes(function):
            for each in signature:
                found[each.name] = found.get(each.name) or (f"default {each.default}" if each.default else "")
        return found

    def words_of(self, command: str) -> Mapping[str, str]:
        """What can stand behind a command of the explorer."""
        from tensorcli.explorer.commands import COMMANDS

        found = COMMANDS.get(command)
        return {} if found is None else found.offered(self._background.session)

    def segments(self) -> list[str]:
        """The parts of the toolbar that have something to say."""
        session = self._background.present
        if session is None:
            return [KEYS]
        ran = len(session.journal)
        if self._counted[0] != ran:
            self._counted = (ran, list(state(session)))
        return [*self._counted[1], KEYS]


def look_up(session: Session, tree: ast.expr) -> Any:
    """The value of names, attributes and constant indices, without running anything. Raises Unknown, LookupError."""
    match tree:
        case ast.Name(id=name):
            if name in session.names:
                return session.names[name]
            name = BOUND_MODULES.get(name, name)
            return session.modules[name] if name in session.modules else session.bare[name]
        case ast.Attribute(value=owner, attr=name):
            value = look_up(session, owner)
            members = getattr(value, "members", None)
            if isinstance(members, Mapping):
                return members[name]
            for table in tables(value):
                if name in table:
                    return table[name]
            if name in TENSOR_ATTRIBUTES and session.engine.kind(value) == "tensor":
                return value
        case ast.Subscript(value=owner, slice=ast.Constant() | ast.UnaryOp() as place):
            value = look_up(session, owner)
            key: Any = place.value if isinstance(place, ast.Constant) else whole_number(place)
            if type(value) in (list, tuple, dict):
                return value[key]
            for table in tables(value)[:1]:  # a network's parts, by their place or their name
                return [*table.values()][key] if type(key) is int else table[key]
            if session.engine.kind(value) == "tensor":
                return value
        case ast.Call(func=ast.Attribute(value=owner, attr=name)):
            value = look_up(session, owner)
            if session.engine.kind(value) == "tensor":
                return value  # nearly every method of a tensor gives a tensor
            if value is session.modules["torch"] and gives_tensor(session, name):
                return some_tensor(session)
        case ast.Call(func=ast.Name(id=name)):
            known = session.names.get(name)
            if gives_tensor(session, name) if known is None else tables(known):
                return some_tensor(session)  # so does nearly every operator, and a network
        case ast.Constant(value=value):
            return value
    raise Unknown


def gives_tensor(session: Session, name: str) -> bool:
    """Whether a function of torch's gives a tensor, as far as its kind says."""
    return name in CONSTRUCTORS or (name not in BUILTIN_FUNCTIONS and session.engine.verb(name) is not None)


def some_tensor(session: Session) -> Any:
    """A tensor that stands for another one: only what all tensors have is asked of it."""
    return session.modules["torch"].members["empty"](0)


def tables(value: Any) -> list[dict[str, Any]]:
    """What a network has by name (its parts, its parameters, its buffers), and what a namespace has: read without its help."""
    held = getattr(value, "__dict__", {})
    if (type(value).__module__, type(value).__name__) in BAGS:
        return [held]
    return [held[name] for name in ("_modules", "_parameters", "_buffers") if type(held.get(name)) is dict]


def called(session: Session, tree: ast.expr) -> Any:
    """The function that a name or an attribute is, without running anything. Raises Unknown, LookupError."""
    if isinstance(tree, ast.Name):
        if tree.id in session.names:
            return session.names[tree.id]
        verb = session.verbs[tree.id]
        if verb.kind == "method":
            return getattr(some_tensor(session), tree.id)
        owner, _, name = (verb.path).rpartition(".")
        if not owner:
            raise Unknown
        return session.modules[BOUND_MODULES.get(owner, owner)].members[name]
    if isinstance(tree, ast.Attribute):
        value = look_up(session, tree.value)
        members = getattr(value, "members", None)
        if isinstance(members, Mapping):
            return members[tree.attr]
        if session.engine.kind(value) == "tensor":
            method = session.engine.verb(tree.attr)
            known = method is not None and method.kind == "method"  # reading an attribute may warn
        else:
            known = tree.attr in session.attributes_of(value)
        if known:
            return getattr(value, tree.attr)
    raise Unknown


def state(session: Session) -> Iterator[str]:
    """`past: step 4/6`, `no_grad`, `5 tensors · 3 storages · 28 B`, `cuda:0`, `step 6`, `! 2 stale saves`: each only
    where it says something.
    """
    if session.future:
        yield f"past: step {len(session.journal)}/{len(session.journal) + len(session.future)}"
    if asked(session, "is_inference_mode_enabled") is True:
        yield "inference"
    elif asked(session, "is_grad_enabled") is False:
        yield "no_grad"
    observation, stale = session.observation, 0
    if observation is not None:
        from tensorcli.explorer.graphs import roots, stale_below
        from tensorcli.explorer.results import plural, size_text

        engine = session.engine
        values = [value for entry in observation.index.entries.values() if (value := entry.value) is not None]
        sizes = {id(memory): engine.extent(memory) for memory in map(engine.memory, values)}
        if values:
            counts = (
                plural(len(values), "tensor"),
                plural(len(sizes), "storage"),
                size_text(sum(sizes.values())),
            )
            yield " · ".join(counts)
        seen: set[int] = set()
        stale = sum(
            1 for _, root in roots(engine, observation.index) for _ in stale_below(engine, root, seen)
        )
    device = str(asked(session, "get_default_device"))
    if device not in ("cpu", "None"):
        yield device
    if session.journal and not session.future:
        yield f"step {len(session.journal)}"
    if stale:
        yield f"! {plural(stale, 'stale save')}"


def asked(session: Session, name: str) -> Any:
    """What a function of torch's without arguments says now, None where there is none."""
    function = session.modules["torch"].members.get(name)
    return None if function is None else function()
