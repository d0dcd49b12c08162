"""The sentence about an expression: what it gives, on whose memory, what it wrote, or why it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.errors import known_error, refused_cast
from tensorcli.explorer.explain.rules import Operand
from tensorcli.explorer.facts import short_text
from tensorcli.explorer.results import plural, size_text, some

if TYPE_CHECKING:
    from tensorcli.explorer.engines.reading import Look
    from tensorcli.explorer.explain.expression import Reading


def verdict(reading: Reading, result: Any) -> str:
    """What an expression that gave `result` does."""
    if reading.legacy is not None:
        return reading.legacy.verdict
    if reading.prints:
        rows = reading.engine.printed(reading.tensors[0].value)
        return "; ".join(f"{what}: {why}" for what, why in rows) or "prints what an array prints"
    kind = reading.engine.kind(result)
    written = [each for each in reading.tensors if _moved(reading, each)]
    if written:
        return _written(reading, written[0], result)
    if isinstance(result, tuple | list) and any(reading.engine.kind(each) == "tensor" for each in result):
        return _several(reading, result)
    if result is None:
        return f"gives None; `dry {reading.text}` says what it changes"
    if kind not in ("tensor", "ndarray"):
        return f"gives {short_text(reading.engine, result)}, of Python's type {type(result).__name__}"
    known = [*reading.tensors, *_named(reading, result)]
    for operand in known:
        if operand.value is result:
            return (
                f"gives {operand.text} itself, the same object: nothing is copied, and a write to it is a write to "
                f"{operand.text}"
            )
    look = reading.engine.look(result)
    for operand in known:
        if reading.engine.memory(operand.value) is reading.engine.memory(result):
            return _sharing(reading, operand, result, look)
    new = _new(reading, result, look)
    if reading.tensors:
        names = " or ".join(each.text for each in reading.tensors[:3])
        return f"{new}: writes into it do not reach {names}{_edge(reading, look)}"
    return new


def _edge(reading: Reading, look: Look) -> str:
    """Whether gradients go on from a new tensor to what it was made of."""
    sources = [operand.text for operand in reading.tensors if operand.look.requires_grad]
    if not sources:
        return ""
    return (
        f"; gradients go on to {some(sources, 3, ' and ')}" if look.requires_grad else "; cut from the graph"
    )


def _new(reading: Reading, result: Any, look: Look) -> str:
    """A result in memory of its own: what about it is not as in the operands, and how much memory that is."""
    looks = [each.look for each in reading.tensors]
    what = "tensor" if look.kind == "tensor" else "array"
    if looks and all(each.dtype != look.dtype for each in looks):
        what = f"{look.dtype} {what}"
    if looks and all(each.device != look.device for each in looks):
        what += f" on {look.device}"
    extent = reading.engine.extent(reading.engine.memory(result))
    if look.kind == "tensor" and extent > look.nbytes:
        return (
            f"gives a new {what} of {look.nbytes} B in a storage of its own of {extent} B (the whole storage was copied, "
            "not only the elements)"
        )
    return f"gives a new {what} with {size_text(look.nbytes)} of its own"


def _named(reading: Reading, result: Any) -> list[Operand]:
    """The tensors and arrays with a name that lie in the memory of a result."""
    observation = reading.session.observation
    if observation is None:
        return []
    entries = observation.index.sharing(id(reading.engine.memory(result)))
    return [
        Operand(observation.index.names(entry)[0], reading.engine.look(entry.value), entry.value)
        for entry in entries
    ]


def _several(reading: Reading, result: Sequence[Any]) -> str:
    """Several tensors at once: how many of them lie in memory that was there before."""
    tensors = [each for each in result if reading.engine.kind(each) == "tensor"]
    sharing = 0
    names: dict[str, None] = {}
    for each in tensors:
        memory = reading.engine.memory(each)
        known = [*reading.tensors, *_named(reading, each)]
        owner = next((each.text for each in known if reading.engine.memory(each.value) is memory), None)
        if owner is not None:
            sharing += 1
            names[owner] = None
    what = f"gives {plural(len(tensors), 'tensor')}"
    where = " or ".join(names)
    if not sharing:
        return f"{what} with memory of {'their' if len(tensors) > 1 else 'its'} own"
    if sharing == len(tensors):
        return f"{what} on the storage of {where}: nothing is copied"
    return f"{what}, {sharing} of them on the storage of {where}"


def _moved(reading: Reading, operand: Operand) -> bool:
    before, after = operand.look, reading.engine.look(operand.value)
    return before.version is not None and after.version != before.version


def _written(reading: Reading, operand: Operand, result: Any) -> str:
    now = reading.engine.look(operand.value)
    same = "gives it back" if result is operand.value else "gives something else back"
    names = [name for name in reading.sharing_names(operand.value) if name != operand.text]
    seen = f"; also seen by {some(names)}" if names else ""
    if now.requires_grad and not operand.look.requires_grad:
        seen += f"; {operand.text} is computed from then on ({now.grad_fn}), and no leaf"
    return f"writes into {operand.text}, version {operand.look.version} to {now.version}, and {same}{seen}"


def _sharing(reading: Reading, operand: Operand, result: Any, look: Look) -> str:
    storage = reading.session.allocations.name(look.memory)
    where = f"the storage of {operand.text}" + (f" ({storage})" if storage else "")
    if look.kind == "tensor" and operand.look.kind == "tensor":
        if reading.engine.base(result) is not None:
            return f"gives a view: {where} and its version counter, nothing is copied"
        shared = _shares_counter(reading, operand.value, result)
        if shared is None:
            return f"gives a tensor on {where}: nothing is copied, and writes reach both"
        if shared:
            return f"gives a tensor on {where} and its version counter, cut from the graph; nothing is copied"
        return f"gives a tensor on {where}, with a version counter of its own: autograd does not see writes into it"
    thing = "an array" if look.kind == "ndarray" else "a tensor"
    return f"gives {thing} over {where}: nothing is copied, and writes reach both"


def _shares_counter(reading: Reading, value: Any, result: Any) -> bool | None:
    """Whether two tensors on one storage share their version counter; tried out, in the fork, where the engine
    does not tell. None where it cannot be known.
    """
    if reading.engine.tells_nodes:
        return bool(reading.engine.look(value).counter == reading.engine.look(result).counter)
    before = reading.engine.look(value).version
    try:
        no_grad = reading.session.modules["torch"].members["no_grad"]
        with no_grad():
            result.add_(0)
    except (RuntimeError, TypeError):
        return None
    return bool(reading.engine.look(value).version != before)


def refused(reading: Reading, error: str) -> str:
    """Why an expression raises."""
    kind, _, message = error.partition(": ")
    name = reading.operator()
    if name in ("view", "view_as") and reading.tensors and "view size is not compatible" in message:
        operand = reading.tensors[0]
        return (
            f"would raise: {operand.text} is {operand.look.sizes} with stride {operand.look.strides}, and no "
            f"strides for the new shape visit the same slots in the same order"
        )
    cast = refused_cast(message)
    if cast is not None:
        result, kept = cast
        return f"would raise {kind}: the result is {result}, and what is written in place stays {kept} (TSC-E012)"
    if "not resizable" in message and reading.tensors:
        arrays = [
            name
            for name, value in reading.sharing_with(reading.tensors[0].value)
            if reading.engine.kind(value) == "ndarray"
        ]
        if arrays:
            of = f"{reading.tensors[0].text} is shared with the numpy array {arrays[0]}"
            return f"would raise {kind}: the memory of {of}, and cannot move (TSC-E025)"
    known = known_error(kind, message)
    return f"would raise {kind}" + ("" if known is None else f": {known.meaning} ({known.code})")
