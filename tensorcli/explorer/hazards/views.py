"""Views without a history, through which no gradient flows though they say that they require one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.told import Namer, Told, named

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine


def swallowed(engine: Engine, name: Namer, view: Any) -> Told | None:
    """What is to be said of an operand that is a view without a history, and whose base has, or is, what should get the
    gradient; None of any other.
    """
    base = engine.base(view)
    if base is None:
        return None
    look = engine.look(view)
    if not look.requires_grad or look.grad_fn is not None or not engine.look(base).requires_grad:
        return None
    names = name(view), name(base)
    text, whole = names[0] or "a view", names[1] or "its base"
    if engine.view_kind(view) == "no_grad":
        how = "was made under no_grad"
    elif engine.look(base).is_leaf:
        how = f"is older than {whole}.requires_grad_()"
    else:
        return None
    return Told(
        "TSC-H005",
        f"{text} {how} and has no history: no gradient flows through it, neither to {whole} nor to {text}.grad.",
        named(*names),
        f"take the view again: {text} = {whole}[…]" if names[0] else "take the view again",
    )
