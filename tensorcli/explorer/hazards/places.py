"""Where an operator reads and writes: operands that overlap unseen, indices that name one element twice, elements that lie in
one place.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.engines.reading import Walk
from tensorcli.explorer.hazards.told import Namer, Told, named
from tensorcli.explorer.trees import atom
from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope

IDEMPOTENT = ast.BitOr, ast.BitAnd
"""What gives the same when it is done twice."""
MOST = 1 << 20
"""Indices with more elements are not looked at."""


def reads_what_it_writes(engine: Engine, target: Any, memory: Any, others: Sequence[Any]) -> Any:
    """The operand whose elements an element-wise write into `target`, which lies in `memory`, changes before, or
    while, it reads them elsewhere; None where there is none.
    """
    walk: Walk | None = None
    for other in others:
        if other is target or engine.kind(other) != "tensor" or engine.memory(other) is not memory:
            continue
        walk = walk or engine.walk(target)
        source = engine.walk(other)
        if not _element_by_element(walk, source):
            from tensorcli.explorer.memory import overlap

            if overlap(walk, source)[0]:
                return other
    return None


def _element_by_element(target: Walk, source: Walk) -> bool:
    """Whether each element of the target is computed from the source's element in the same place."""
    if target.start != source.start or target.itemsize != source.itemsize:
        return False
    missing = len(target.sizes) - len(source.sizes)
    if missing < 0:
        return False
    sizes = (1,) * missing + source.sizes
    strides = (0,) * missing + source.strides
    return all(
        mine == 1 or (mine == theirs and step == other)
        for mine, theirs, step, other in zip(target.sizes, sizes, target.strides, strides)
    )


def overlapping(
    engine: Engine, name: str | None, tensor: Any, other: Any, operator: str, statement: ast.stmt | None
) -> Told:
    """What is to be said of an operator that reads of another tensor what it writes into this one, known by a name."""
    from tensorcli.explorer.memory import overlap, places_text

    walk = engine.walk(tensor)
    size = max(walk.itemsize, 1)
    nbytes, where = overlap(walk, engine.walk(other))
    what = f"element{'s' if nbytes // size != 1 else ''} {places_text(where, size)}"
    hint = ""
    if isinstance(statement, ast.Assign | ast.AugAssign):
        hint = f"read a copy: {atom(statement.value, ast.unparse(statement.value))}.clone()"
    return Told(
        "TSC-H004",
        f"{operator} reads {what} of {name or 'the same storage'} that it also writes, and PyTorch does not notice: the result "
        "depends on the order of reading and writing.",
        named(name),
        hint,
    )


def duplicate(engine: Engine, name: Namer, tensor: Any, inputs: Sequence[Any]) -> Told | None:
    """What is to be said of `x[i] += 1` where i names an element twice; None where it does not."""
    node = current_node()
    if len(inputs) < 4 or inputs[3] or not isinstance(node, ast.AugAssign):
        return None
    if not isinstance(node.target, ast.Subscript) or isinstance(node.op, IDEMPOTENT):
        return None
    twice = duplicates(engine, tensor, inputs[1])
    if twice is None:
        return None
    place, times = twice
    known = name(tensor)
    text = known or ast.unparse(node.target.value)
    adds = isinstance(node.op, ast.Add | ast.Sub)
    return Told(
        "TSC-H006",
        f"{text}[{place}] stands {times} times in the index and is written once: the other "
        f"{'update is' if times == 2 else f'{times - 1} updates are'} lost.",
        named(known),
        f"{text}.index_put_((index,), values, accumulate=True)" if adds else "",
    )


def duplicates(engine: Engine, target: Any, indices: Sequence[Any]) -> tuple[str, int] | None:
    """An element that an index names more than once, and how often; None where each is named once."""
    import numpy as np

    sizes = engine.look(target).sizes
    found, named = [], []
    for dimension, index in enumerate(indices):
        named.append(index is not None)
        if index is None:
            continue
        elements = engine.elements(index) if engine.kind(index) == "tensor" else None
        if elements is None or elements.dtype.kind == "b" or elements.size > MOST:
            return None
        found.append(np.where(elements < 0, elements + sizes[dimension], elements))
    if not found:
        return None
    rows = np.stack([each.reshape(-1) for each in np.broadcast_arrays(*found)], -1)
    unique, counts = np.unique(rows, axis=0, return_counts=True)
    if rows.shape[0] == unique.shape[0]:
        return None
    most = int(np.argmax(counts))
    places = iter(unique[most].tolist())
    return ", ".join(str(next(places)) if each else ":" for each in named), int(counts[most])


def onto_itself(engine: Engine, memory: Any, inputs: Sequence[Any]) -> Told | None:
    """What is to be said where a module is given back its own state: a copy in `load_state_dict` that reads the memory which
    it writes. None for any other copy.
    """
    source = inputs[1] if len(inputs) > 1 else None
    if engine.kind(source) != "tensor" or engine.memory(source) is not memory or source is inputs[0]:
        return None  # where a state lacks an entry, a module may give its own tensor
    node = current_node()
    called = node.func if isinstance(node, ast.Call) else None
    if (
        not isinstance(node, ast.Call)
        or not isinstance(called, ast.Attribute)
        or called.attr != "load_state_dict"
    ):
        return None
    state, module = ast.unparse(node.args[0]) if node.args else "the state", ast.unparse(called.value)
    text = f"{state} holds the very tensors of {module}, not copies: each was written with itself."
    return Told("TSC-H014", text, (state, module))


def own_moments(engine: Engine, names: Scope, node: ast.Call) -> Told | None:
    """What is to be said of `opt.load_state_dict(kept)` where what was kept holds the optimizer's own moments; None for any
    other call.
    """
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    optimizer: Any = None if owner is None else names.at(owner)
    given = names.at(node.args[0]) if node.args else None
    saved = given.get("state") if isinstance(given, dict) else None
    if not hasattr(optimizer, "param_groups") or not isinstance(saved, dict):
        return None
    own = {id(each) for moments in optimizer.state.values() for each in moments.values()}
    parts = (each for moments in saved.values() if isinstance(moments, dict) for each in moments.values())
    if not any(engine.kind(each) == "tensor" and id(each) in own for each in parts):
        return None
    state, name = ast.unparse(node.args[0]), ast.unparse(owner) if owner is not None else ""
    text = f"{state} holds the very moments of {name}, not copies: they are what they are now, and nothing goes back."
    return Told("TSC-H014", text, (state, name))


def shared_places(engine: Engine, names: Scope, memory: Any, statement: ast.stmt | None) -> Told | None:
    """What is to be said of a write into a tensor whose places are one in memory with others: `x[0, 0] = 1` where x is expanded,
    any write where it is `y.as_strided((4, 3), (1, 1))`, or `y.unfold(0, 3, 1)`, whose windows overlap. None for any other
    statement that writes this memory. PyTorch refuses a write to all places of an expanded tensor alone.
    """
    target = root = _written(statement)
    while isinstance(root, ast.Subscript):
        root = root.value
    value = names.get(root.id) if isinstance(root, ast.Name) else None
    if value is None or engine.kind(value) != "tensor" or engine.memory(value) is not memory:
        return None
    walk, name = engine.walk(value), ast.unparse(root)  # type: ignore[arg-type]
    if 0 in walk.strides:
        dimension = next((d for d, s in enumerate(walk.strides) if s == 0 and walk.sizes[d] > 1), None)
        whole = root is target and not isinstance(statement, ast.Assign)
        if dimension is None or whole:
            return None
        return Told(
            "TSC-H015",
            f"{name} is expanded along dimension {dimension}: its {walk.sizes[dimension]} places there are one in memory, and "
            "the write shows in each.",
            (name,),
        )
    reach = sum((size - 1) * stride for size, stride in zip(walk.sizes, walk.strides, strict=True))
    places, cells = prod(walk.sizes), 1 + reach // max(walk.itemsize, 1)
    if places <= cells:
        return None
    return Told(
        "TSC-H015",
        f"{name} has {places} places over {cells} in memory, which its windows share: the write shows in several.",
        (name,),
    )


def one_item(engine: Engine, names: Scope, memory: Any, statement: ast.stmt | None) -> Told | None:
    """What is to be said of `rows[0] += 1` where `rows[1]` is the very same tensor; None for any other statement."""
    target = _written(statement)
    while isinstance(target, ast.Subscript) and not isinstance(target.value, ast.Name):
        target = target.value
    root = target.value if isinstance(target, ast.Subscript) else None
    items = names.get(root.id) if isinstance(root, ast.Name) else None
    if not isinstance(root, ast.Name) or not isinstance(items, list | tuple | dict):
        return None
    places = dict(items) if isinstance(items, dict) else dict(enumerate(items))
    found = [
        each for each in places.values() if engine.kind(each) == "tensor" and engine.memory(each) is memory
    ]
    same = [place for place, each in places.items() if found and each is found[0]]
    if len(same) < 2 or (isinstance(items, dict) and len(same) < len(items)):
        return None  # under two keys of several one tensor may well be meant
    listed = ", ".join(f"{root.id}[{place!r}]" for place in same[:3]) + (", …" if len(same) > 3 else "")
    text = f"{root.id} holds one tensor at {len(same)} places ({listed}): the write shows in each."
    return Told("TSC-H021", text, (root.id,))


def _written(statement: ast.stmt | None) -> ast.expr | None:
    """What a statement writes into: the tensor of an assignment to its elements, or of an in-place method."""
    if isinstance(statement, ast.AugAssign):
        return statement.target
    if isinstance(statement, ast.Assign):
        target = statement.targets[-1]
        return target.value if isinstance(target, ast.Subscript) else None
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr.endswith("_"):
        return call.func.value
    return None
