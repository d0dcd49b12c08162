"""Help pages of operators, drawn from the engine's table: what it does, its schema lines, how it differentiates."""

from __future__ import annotations

from typing import Any

from tensorcli.engine import effects
from tensorcli.engine.op import Op
from tensorcli.engine.table import OPS, PACKETS
from tensorcli.engine.tensor import Tensor
from tensorcli.explorer.engines.abouts import ABOUT
from tensorcli.explorer.engines.attributes import TENSOR_INTERNALS
from tensorcli.explorer.results import Help, HelpRow, HelpSection

SAME_STORAGE = "the same storage and version counter, but no view: _base is None"


def operator_page(name: str) -> Help | None:
    """The page of an operator, or of another method of tensors."""
    overloads = PACKETS.get(name)
    if overloads is None:
        return _other(name)
    first = overloads[0]
    facts = [HelpRow("result", _effect(first))]
    gradient = _gradient(overloads)
    if gradient:
        facts.append(HelpRow("gradient", gradient))
    twin = None if name.endswith("_") else PACKETS.get(name + "_")
    if twin is not None:
        facts.append(HelpRow("in place", f"{name}_ {_twin(first)}"))
    chapter = tuple(dict.fromkeys(each.base for each in OPS.values() if each.chapter == first.chapter))
    around = _around(chapter, name)
    return Help(
        name,
        summary_of(name),
        (HelpSection("facts", tuple(facts)),),
        tuple(each.line for each in overloads),
        around,
    )


def summary_of(name: str) -> str:
    """What an operator does, in a sentence; an in-place one without words of its own does what the other does."""
    found = _sentence(PACKETS[name][0].kernel.__doc__) or ABOUT.get(name)
    if found is None:
        other = name.removesuffix("_")
        found = summary_of(other) if other != name and other in PACKETS else ""
    return found


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _effect(op: Op) -> str:
    if op.writes:
        return "the written tensor itself"
    if op.effect is effects.view:
        return "a view: the same storage and version counter" if op.tracked else SAME_STORAGE
    if op.effect is effects.compose:
        return "made of other operators; may be a view or a copy"
    return "a new storage"


def _twin(op: Op) -> str:
    """What the in-place twin of an operator does."""
    if op.effect is not effects.view:
        return "writes into the tensor and bumps its version"
    if op.tracked:
        return "changes how the tensor reads its storage: no element is written, and the version is bumped"
    return "does it to the tensor itself: no element is written, and the version stays"


def _gradient(overloads: list[Op]) -> str:
    for op in overloads:
        formulas: dict[str, Any] = (op.twin_of or op).formulas or {}
        names = [name.replace("__", " ") for name, formula in formulas.items() if formula is not None]
        if names:
            return f"{op.node_name}, for {', '.join(names)}"
    return ""


def _around(chapter: tuple[str, ...], name: str) -> tuple[str, ...]:
    position = chapter.index(name)
    near = chapter[max(0, position - 4) : position + 5]
    return tuple(each for each in near if each != name and not each.startswith("_") and each != name + "_")


def _other(name: str) -> Help | None:
    if name.startswith("_") or name in TENSOR_INTERNALS.split():
        return None
    found = next((vars(kind)[name] for kind in Tensor.__mro__[:-1] if name in vars(kind)), None)
    if found is None:
        return None
    if not (isinstance(found, property) or name in ABOUT or callable(found)):
        return None
    return Help(name, _sentence(found.__doc__) or ABOUT.get(name, ""))
