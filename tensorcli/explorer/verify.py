"""A script on the embedded engine and on real PyTorch, statement by statement: where do they differ?

Compared are what a statement prints, the warnings that were not given before, its value and its error, then every
tensor and array that a name, a container or a `.grad` reaches: dtype, shape, strides, offset, device, version,
requires_grad, is_leaf, grad_fn, which of them share memory, and the values, within the tolerances of
torch.testing.assert_close. Both sessions are quiet: nothing that is looked at here changes what runs. Commands that only
look are run for what their arguments do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from tensorcli.explorer.commands import only_looks
from tensorcli.explorer.engines.opening import open_engine
from tensorcli.explorer.engines.reading import Look
from tensorcli.explorer.facts import short_text, text_of
from tensorcli.explorer.names import Index
from tensorcli.explorer.results import Answer, Divergence, Exit, Failure, Step, Verified
from tensorcli.explorer.session import Session
from tensorcli.language.evaluate import NOTHING
from tensorcli.language.syntax import Expectation, Form, Statement

TOLERANCES: Final = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex32": (1e-3, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
"""Relative and absolute, by dtype: those of torch.testing.assert_close. Every other dtype has to agree exactly."""
PLAIN = (bool, int, float, complex, str, list, tuple, dict, set, type(None))
_PLACE = re.compile(r" ?\(Triggered internally at [^)]*\)")
"""The place in PyTorch's own C++, which it adds to a warning."""
_NUMBER = re.compile(r"(?:0x[0-9a-f]+|[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)", re.IGNORECASE)

Difference = tuple[str, str, str, str]
"""Where, which fact, what PyTorch has, what the embedded engine has."""


class Ran(NamedTuple):
    """What one side made of a statement."""

    output: str
    value: Any
    failure: Failure | None
    result: Answer | None
    warnings: str
    """Those whose text was not given before, a line each: PyTorch gives some once, and others each time."""


class Side(Session):
    """A quiet session that keeps the value of its last statement, an index of what its names reach, and numpy's
    generator, which is the process's own.
    """

    value: Any = NOTHING
    random: Any = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.index = Index(self.engine, self.names)
        self.given: set[str] = set()
        prepared = self.evaluator.prepared
        self.evaluator.prepared = lambda function, args: self.engine.zeroing(prepared(function, args))  # type: ignore[method-assign]

    def evaluate(
        self, statement: Statement, text: str, name: str
    ) -> tuple[Any, Answer | None, Failure | None]:
        value, result, failure = super().evaluate(statement, text, name)
        self.value = value
        return value, result, failure

    def ran(self, statement: Statement, text: str, name: str, form: Form) -> Ran:
        """Run a statement. Errors: KeyboardInterrupt."""
        if self.random is not None:
            np.random.set_state(self.random)
        wanted = None if statement.command is None else statement.command.get("expectation")
        if isinstance(wanted, Expectation) and wanted.kind == "hazard" and wanted.statement is not None:
            statement = wanted.statement  # hazards are ours alone
        command = statement.command
        self.hearing.silent = command is not None and only_looks(command.verb)
        step: Step = self.execute(statement, text, name, form)
        self.random = np.random.get_state()
        if step.error is not None and step.error.kind == "interrupted":
            raise KeyboardInterrupt
        value, self.value = self.value, NOTHING
        texts = [f"{each.category}: {_PLACE.sub('', each.message).strip()}" for each in step.warnings]
        new = [text for text in dict.fromkeys(texts) if text not in self.given]
        self.given.update(new)
        return Ran(step.output, value, step.error, step.result, "\n".join(new))

    def reached(self) -> dict[str, Any]:
        """Every tensor and array by the first path that leads there."""
        for name in [name for name in self.index.roots if name not in self.names]:
            self.index.unbind(name)
        for name, value in self.names.items():
            self.index.bind(name, value)
        for entry in list(self.index.entries.values()):
            self.index.see_grad(entry)
        found = {}
        for entry in self.index.entries.values():
            paths = self.index.names(entry)
            if paths and entry.value is not None:
                found[paths[0]] = entry.value
        return found


def verify(text: bytes, name: str, form: Form, *, seed: int = 0, max_bytes: int | None = None) -> Verified:
    """Run a script on both. Errors: LanguageError where it does not parse, ModuleNotFoundError where PyTorch is
    missing, KeyboardInterrupt.
    """
    with open_engine("embedded").aside(), open_engine("pytorch").aside():
        ours, theirs = (
            Side(quiet=True, seed=seed, max_bytes=max_bytes, engine=engine)
            for engine in ("embedded", "pytorch")
        )
        return _verify(ours, theirs, text, name, form)


def _verify(ours: Side, theirs: Side, text: bytes, name: str, form: Form) -> Verified:
    shown = text.decode("utf-8", "replace")
    programs = ours.read(text, form).statements, theirs.read(text, form).statements
    rows: list[Divergence] = []
    known: set[tuple[str, str]] = set()
    count = 0
    for count, (mine, other) in enumerate(zip(*programs), 1):
        ran = ours.ran(mine, shown, name, form)
        wanted = theirs.ran(other, shown, name, form)
        new = None
        for each in differences(ours, ran, theirs, wanted):
            if each[:2] not in known or each[0] in ("output", "value", "error", "warning"):
                new = new or each
                known.add(each[:2])
        if new is not None:
            rows.append(Divergence(count, name, mine.span, mine.source, *new))
        if isinstance(ran.result, Exit):
            break
    return Verified(name, count, tuple(rows), _version(theirs))


def _version(theirs: Side) -> str:
    return next(text for name, _, text in theirs.engine.devices() if name == "cpu").removeprefix("PyTorch ")


# ---- one statement


def differences(ours: Side, ran: Ran, theirs: Side, wanted: Ran) -> Iterator[Difference]:
    """Everything in which the two sides differ now."""
    if not _texts_agree(said(wanted.failure), said(ran.failure)):
        yield "error", "", said(wanted.failure) or "no error", said(ran.failure) or "no error"
    if not _texts_agree(wanted.warnings, ran.warnings):
        yield "warning", "", *_parting(wanted.warnings, ran.warnings)
    if not _texts_agree(wanted.output, ran.output):
        yield "output", "", *_parting(wanted.output, ran.output)
    yield from _values(ours, ran.value, theirs, wanted.value)
    mine, other = plain_names(ours), plain_names(theirs)
    for name in dict.fromkeys([*other, *mine]):
        texts = other.get(name, "not bound"), mine.get(name, "not bound")
        if not _texts_agree(*texts):
            yield name, "", *texts
    yield from _tensors(ours, theirs)


def said(failure: Failure | None) -> str:
    """An error in one text."""
    return "" if failure is None else f"{failure.type}: {failure.message}"


def _values(ours: Side, mine: Any, theirs: Side, other: Any) -> Iterator[Difference]:
    """The value of a bare expression."""
    if isinstance(mine, Answer) or isinstance(other, Answer):
        return
    kinds = ours.engine.kind(mine), theirs.engine.kind(other)
    if kinds[0] == kinds[1] and kinds[0] in ("tensor", "ndarray"):
        for fact, wanted, found in _facts(ours, mine, theirs, other):
            yield "value", fact, wanted, found
        return
    if not isinstance(mine, PLAIN) or not isinstance(other, PLAIN):
        if (mine is NOTHING) != (other is NOTHING) or kinds[0] != kinds[1]:
            yield "value", "", type(other).__name__, type(mine).__name__
        return
    texts = text_of(theirs.engine, other), text_of(ours.engine, mine)
    if not _texts_agree(*texts):
        yield "value", "", *_parting(*texts)


def plain_names(side: Side) -> dict[str, str]:
    """The names that stand for no tensor, each with the text of its value, or with its type."""
    found = {}
    for name, value in side.names.items():
        kind = side.engine.kind(value)
        if isinstance(value, PLAIN):
            found[name] = short_text(side.engine, value)
        elif kind is not None:
            found[name] = f"a {kind}"
        else:
            found[name] = "a value"
    return found


def _tensors(ours: Side, theirs: Side) -> Iterator[Difference]:
    """Every tensor and array that both sides reach, and those that one of them does not."""
    mine, other = ours.reached(), theirs.reached()
    groups = _sharing(theirs, other), _sharing(ours, mine)
    for path in dict.fromkeys([*other, *mine]):
        if path not in mine or path not in other:
            yield path, "", "a tensor" if path in other else "none", "a tensor" if path in mine else "none"
            continue
        for fact, wanted, found in _facts(ours, mine[path], theirs, other[path]):
            yield path, fact, wanted, found
        if groups[0][path] != groups[1][path]:
            yield path, "storage", _shares(groups[0][path]), _shares(groups[1][path])


def _sharing(side: Side, found: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """By path: the other paths in the same allocation, in the order of the alphabet."""
    groups: dict[int, list[str]] = {}
    memories = {path: id(side.engine.memory(value)) for path, value in found.items()}
    for path, memory in memories.items():
        groups.setdefault(memory, []).append(path)
    return {
        path: tuple(sorted(each for each in groups[memory] if each != path))
        for path, memory in memories.items()
    }


def _shares(paths: tuple[str, ...]) -> str:
    return f"shared with {' '.join(paths)}" if paths else "its own"


# ---- one tensor

FACTS: Final = (
    ("kind", lambda look: look.kind),
    ("dtype", lambda look: look.dtype),
    ("shape", lambda look: str(tuple(look.sizes))),
    ("stride", lambda look: str(walked(look))),
    ("offset", lambda look: str(look.offset)),
    ("device", lambda look: look.device),
    ("version", lambda look: "none" if look.version is None else str(look.version)),
    ("requires_grad", lambda look: str(look.requires_grad)),
    ("is_leaf", lambda look: str(look.is_leaf)),
    ("grad_fn", lambda look: look.grad_fn or "None"),
)


def walked(look: Look) -> tuple[int, ...]:
    """The strides that are walked: those of dimensions with more than one element, of a tensor that has any."""
    if 0 in look.sizes:
        return ()
    return tuple(stride for size, stride in zip(look.sizes, look.strides) if size > 1)


def _facts(ours: Side, mine: Any, theirs: Side, other: Any) -> Iterator[tuple[str, str, str]]:
    looks = theirs.engine.look(other), ours.engine.look(mine)
    for name, text in FACTS:
        wanted, found = map(text, looks)
        if wanted != found:
            yield name, wanted, found
    if looks[0].dtype == looks[1].dtype and tuple(looks[0].sizes) == tuple(looks[1].sizes):
        wanted, found = theirs.engine.elements(other), ours.engine.elements(mine)
        if wanted is not None and found is not None:
            parted = _first_parting(np.asarray(wanted), np.asarray(found), looks[0].dtype)
            if parted is not None:
                yield "values", *parted


def _first_parting(wanted: Any, found: Any, dtype: str) -> tuple[str, str] | None:
    """The first element that differs, on both sides with its index."""
    relative, absolute = TOLERANCES.get(dtype, (0.0, 0.0))
    with np.errstate(all="ignore"):
        if dtype in TOLERANCES:
            close = np.isclose(found, wanted, rtol=relative, atol=absolute, equal_nan=True)
        else:
            close = np.asarray(found == wanted)
    if close.all():
        return None
    at = tuple(int(each) for each in np.argwhere(~close)[0])
    index = f"[{', '.join(map(str, at))}]" if at else ""
    return f"{index} {wanted[at]}".strip(), f"{index} {found[at]}".strip()


# ---- texts


def _texts_agree(wanted: str, found: str) -> bool:
    """Whether two texts say the same, their floating-point numbers within the last place printed; addresses are
    not compared.
    """
    if wanted == found:
        return True
    if " ".join(_NUMBER.sub("#", wanted).split()) != " ".join(_NUMBER.sub("#", found).split()):
        return False
    numbers = zip(_NUMBER.findall(wanted), _NUMBER.findall(found))
    return all(_numbers_agree(left, right) for left, right in numbers)


def _numbers_agree(left: str, right: str) -> bool:
    if left == right or (left[:2].lower() == "0x" and right[:2].lower() == "0x"):
        return True
    if not all(any(sign in text for sign in ".eE") for text in (left, right)):
        return False
    first, second = float(left), float(right)
    return abs(first - second) <= max(_place(left), _place(right), 1.3e-6 * abs(first))


def _place(text: str) -> float:
    """The unit of the last place of a number as printed."""
    digits, _, exponent = text.lower().partition("e")
    return 1.01 * 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


def _parting(wanted: str, found: str) -> tuple[str, str]:
    """The first lines in which two texts part."""
    left, right = wanted.splitlines() or [""], found.splitlines() or [""]
    for first, second in zip(left, right):
        if not _texts_agree(first, second):
            return first, second
    shorter = min(len(left), len(right))
    return next(iter(left[shorter:]), "nothing"), next(iter(right[shorter:]), "nothing")
