"""What is true of a value, as finished text: facts, reprs and short descriptions, read without any effect.

Everything goes through the engine's protocol; PyTorch's own repr and `.grad_fn` make nodes anew, so they are
not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorcli.explorer import results
from tensorcli.explorer.engines import Engine
from tensorcli.explorer.engines.reading import Look
from tensorcli.explorer.identity import Allocation, Allocations
from tensorcli.language.addresses import without_addresses
from tensorcli.language.limits import Guards, Limits

READ = 1 << 28
"""Tensors of more bytes are compared by their texts alone."""
SHORT = 200
"""A text of one line for what is not a tensor is cut after this many characters."""


class Verbatim:
    """A finished text, for what asks a value for its repr."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def describe(
    engine: Engine, allocations: Allocations, value: Any, look: Look | None = None, text: bool = True
) -> results.Facts:
    """The facts of a tensor or an ndarray. `text` false leaves its elements out."""
    seen = engine.look(value) if look is None else look
    return settle(seen, allocations, engine.text(value) if text else "")


def settle(
    look: Look, allocations: Allocations, text: str = "", owner: Allocation | None = None
) -> results.Facts:
    """A look as facts for a reader: the allocation by its id. `owner` is the allocation where it may be gone by now."""
    return results.Facts(
        kind="ndarray" if look.kind == "ndarray" else "tensor",
        shape=tuple(look.sizes),
        stride=tuple(look.strides),
        offset=look.offset,
        dtype=look.dtype,
        device=look.device,
        storage=allocations.name(look.memory) if owner is None else owner.id,
        version=look.version,
        requires_grad=look.requires_grad,
        is_leaf=look.is_leaf,
        grad_fn=look.grad_fn,
        value=text,
    )


def text_of(engine: Engine, value: Any) -> str:
    """The repr that Python would print, without what reading it does to tensors."""
    return _text(engine, value, set())


def _text(engine: Engine, value: Any, inside: set[int]) -> str:
    kind = type(value)
    if engine.kind(value) == "tensor":
        return engine.repr(value)
    if kind not in (list, tuple, dict, set) or not value:
        return repr(value)
    if id(value) in inside:
        return repr(kind()).replace("()", "(...)").replace("[]", "[...]").replace("{}", "{...}")
    inside = inside | {id(value)}
    if kind is dict:
        pairs = (
            f"{_text(engine, key, inside)}: {_text(engine, each, inside)}" for key, each in value.items()
        )
        return "{" + ", ".join(pairs) + "}"
    items = ", ".join([_text(engine, each, inside) for each in value])
    if kind is tuple:
        return f"({items},)" if len(value) == 1 else f"({items})"
    return f"[{items}]" if kind is list else "{" + items + "}"


def short_text(engine: Engine, value: Any, addressed: Callable[[str], str] = without_addresses) -> str:
    """A value that is not a tensor, on one line. `addressed` says which addresses of objects stand in it: a look gives none."""
    if isinstance(value, list | tuple | set | dict) and len(value) > 8:
        return f"{type(value).__name__} of {len(value)}"
    try:
        Guards(Limits()).measure(value)
    except (MemoryError, RecursionError):
        return f"{type(value).__name__} of more parts than can be shown"
    with engine.giving_no_address():
        text = " ".join(addressed(text_of(engine, value)).split())
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def text_of_elements(engine: Engine, elements: Any, dtype: str) -> str:
    """The text, on one line, of elements that were copied: a tensor's of this dtype, an array's where it is empty."""
    if dtype:
        return engine.shown(elements, dtype)
    from tensorcli.explorer.engines import arrays

    return arrays.text(elements)


def fingerprint(elements: Any) -> int:
    """A number that distinguishes elements of which a text shows only some, or only some digits; 0 where there are none, or
    too many to read.
    """
    from zlib import crc32

    if elements is None or elements.nbytes > READ or elements.dtype.kind == "O":
        return 0
    return crc32(elements.tobytes())


def type_text(value: Any) -> str:
    """The type as a reader calls it."""
    return type(value).__name__


def said(function: Any) -> str:
    """What a function or a class says of itself in its first sentences; numpy's say their signature first."""
    import ast
    import inspect

    from tensorcli.language.functions import ScriptFunction

    if isinstance(function, ScriptFunction):
        text = ast.get_docstring(function.tree) if isinstance(function.tree, ast.FunctionDef) else None
    else:
        text = getattr(inspect.unwrap(function), "__doc__", None)
    paragraphs = [" ".join(each.split()) for each in (text or "").split("\n\n")]
    if len(paragraphs) > 1 and paragraphs[0].startswith(f"{function.__name__}("):
        return paragraphs[1]
    return paragraphs[0]


def article(noun: str) -> str:
    """`an int`, `a list`."""
    return f"{'an' if noun[:1].lower() in 'aeiou' or noun == 'ndarray' else 'a'} {noun}"


def operation_of(node_name: str) -> str:
    """`Mul` of `MulBackward0`."""
    return node_name.partition("Backward")[0]
