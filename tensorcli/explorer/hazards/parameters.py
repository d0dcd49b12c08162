"""Parameters that a pass reaches and no optimizer holds: those that their module does not name, those of a module that was
made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.hazards.told import Told

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope


class Hidden(NamedTuple):
    """A place in a module that `parameters()` does not look into."""

    module: str
    """The module, or the part of it, whose attribute it is, as the script names it."""
    path: str
    """`net.layers`."""
    value: Any


def unheld(
    engine: Engine, names: Scope, held: Sequence[Any], reached: Iterable[Any], gone: int, text: str
) -> Told | None:
    """What is to be said of a step of an optimizer where a pass reached parameters that no optimizer holds: because their
    module does not name them, or because nothing does; None for another. `reached`: leaves, weakly. `gone`: how many
    parameters there are no more since then.
    """
    if gone:
        return _anew(text)
    known = {id(leaf) for leaf in held}
    leaves = [leaf for leaf in (each() for each in reached) if leaf is not None and id(leaf) not in known]
    leaves = [leaf for leaf in leaves if engine.grad(leaf) is not None]
    if not leaves:
        return None
    others = {id(leaf) for _, value in names.reached() for leaf in optimised(engine, value)}
    leaves = [leaf for leaf in leaves if id(leaf) not in others]
    if not leaves:
        return None
    for place in _hidden(engine, names, known):
        inside = {id(each) for each in _tensors(engine, place.value)}
        if any(id(leaf) in inside for leaf in leaves):
            kind = type(place.value).__name__
            what = "a plain tensor" if engine.kind(place.value) == "tensor" else f"a {kind}"
            return Told(
                "TSC-H031",
                f"{text} does not hold what is in {place.path}, which has gradients: it is {what}, and "
                f"{place.module}.parameters() does not look there.",
                (text, place.path),
            )
    for leaf in leaves:
        if (
            type(leaf).__name__ == "Parameter"
            and names.name(leaf) is None
            and not _somewhere(engine, names, leaf)
        ):
            return _anew(text)
    return None


def _anew(text: str) -> Told:
    return Told(
        "TSC-H031",
        f"{text} does not hold all that the pass reached: a module, or a parameter, was made on the way, and nothing holds it.",
        (text,),
    )


def optimised(engine: Engine, optimizer: Any) -> list[Any]:
    """The parameters of an optimizer; none of anything else."""
    groups = getattr(optimizer, "param_groups", None)
    if not isinstance(groups, list):
        return []
    found = [leaf for group in groups if isinstance(group, dict) for leaf in group.get("params", ())]
    return found if all(engine.kind(leaf) == "tensor" for leaf in found) else []


def _hidden(engine: Engine, names: Scope, known: set[int]) -> Iterator[Hidden]:
    """The places in modules, some of whose tensors are known, that `parameters()` does not look into."""
    for name, module in names.reached():
        if not is_module(module):
            continue
        places = list(_places(engine, name, module))
        mine = (*module.parameters(), *(each.value for each in places))
        if any(id(each) in known for each in mine):
            yield from places


def _places(engine: Engine, name: str, module: Any) -> Iterator[Hidden]:
    for path, part in module.named_modules():
        inner = path.split(".") if path else ()
        whole = name + "".join(f"[{each}]" if each.isdigit() else f".{each}" for each in inner)
        for attribute, value in vars(part).items():
            if not attribute.startswith("_") and (
                engine.kind(value) == "tensor" or isinstance(value, list | tuple | dict)
            ):
                yield Hidden(whole, f"{whole}.{attribute}", value)


def _tensors(engine: Engine, value: Any) -> Iterator[Any]:
    """The tensors of a value: itself, a module's parameters, what a container of such holds."""
    if engine.kind(value) == "tensor":
        yield value
    elif is_module(value):
        yield from value.parameters()
    elif isinstance(value, list | tuple | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _tensors(engine, each)


def _somewhere(engine: Engine, names: Scope, leaf: Any) -> bool:
    """Whether a value of the script holds a leaf, in a container or a module."""
    return any(each is leaf for _, value in names.reached() for each in _tensors(engine, value))
