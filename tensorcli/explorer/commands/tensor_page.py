"""The page of `inspect` about a tensor or an array, line by line. Looking changes nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.arguments import named_base, named_parent, node_text
from tensorcli.explorer.engines import ALLOCATING
from tensorcli.explorer.engines.reading import Look
from tensorcli.explorer.journal import line_of
from tensorcli.explorer.memory import covered, layout
from tensorcli.explorer.results import Field, Inspection, Line, brief, size_text
from tensorcli.explorer.trees import root_name, stored

if TYPE_CHECKING:
    from tensorcli.explorer.identity import Allocation
    from tensorcli.explorer.session import Session

NAMES = 20
"""Names of the same object, and of others over the same memory, that are shown; the rest is counted."""
CELLS = 24
"""Storages up to this many elements are drawn in the line `shared with`."""
LARGE = 1024
"""Storages of fewer bytes are not worth a word when a few elements keep them alive."""
LAYOUTS = {
    "contig": "contiguous",
    "strided": "not contiguous",
    "expanded": "expanded: several elements lie in one place",
    "overlapping": "overlaps itself",
    "empty": "no elements",
}


def tensor_page(session: Session, value: Any, name: str) -> Inspection:
    """Everything about a tensor or an array that is called `name`."""
    engine = session.engine
    look = engine.look(value)
    allocation = session.allocations.known.get(look.memory)
    tags = [look.dtype, look.device]
    if look.kind == "tensor" and look.version is None:
        tags.append("inference")
    lines = [_values(session, value, look), *_printed(session, value, look)]
    lines.append(_layout(session, value, look, allocation))
    lines.append(_storage(look, allocation))
    lines.extend(_carried(look, allocation))
    lines.extend(_names(session, value, name))
    lines.extend(_shared(session, value, look, allocation))
    if look.kind == "tensor":
        lines.extend(_view(session, value))
        lines.append(_autograd(session, value, look))
        lines.extend(_history(session, value, look))
    else:
        lines.append(_owner(value))
    line, source = _made(session, value, look, allocation)
    origin = _right_side(source) if _binds(source, name) else ""
    return Inspection(
        "ndarray" if look.kind == "ndarray" else "tensor", name, origin, line, tuple(tags), tuple(lines)
    )


def _made(session: Session, value: Any, look: Look, allocation: Allocation | None) -> tuple[int | None, str]:
    """The line and the text of the statement that made it; of what has no name, that of its memory, where it is the owner."""
    entry = None if session.observation is None else session.observation.index.entry(value)
    if entry is not None and entry.born <= len(session.journal):
        record = session.journal[entry.born - 1]
        return line_of(record, record.index), record.statement.source
    if entry is None and allocation is not None and _owns(session.engine, value, look, allocation):
        return allocation.line, allocation.source
    return None, ""


def _owns(engine: Any, value: Any, look: Look, allocation: Allocation) -> bool:
    parent = engine.base(value) if look.kind == "tensor" else None
    return parent is None and look.nbytes == allocation.nbytes


def _binds(source: str, name: str) -> bool:
    """Whether a statement binds what `name` begins with, so that its right side is what made it."""
    try:
        tree = ast.parse(source)
        root = root_name(ast.parse(name, mode="eval").body)
    except (SyntaxError, ValueError):
        return True
    bound = stored(tree)
    return not bound or root is None or root in bound


def _right_side(source: str) -> str:
    """The right side of an assignment, as typed."""
    try:
        tree = ast.parse(source).body[0]
    except (SyntaxError, ValueError, IndexError):
        _, equals, rest = source.partition("=")
        return rest.strip() if equals else source.strip()
    return (ast.get_source_segment(source, tree.value) or source) if isinstance(tree, ast.Assign) else ""


def _values(session: Session, value: Any, look: Look) -> Line:
    engine = session.engine
    note = f"n={look.numel}"
    elements = engine.elements(value)
    if elements is not None and look.numel > 1 and elements.dtype.kind in "iuf" and look.numel <= 1 << 22:
        if elements.dtype.kind == "f" and elements.dtype.itemsize < 8:
            elements = elements.astype("float64")
        low, high, mean = float(elements.min()), float(elements.max()), float(elements.mean(dtype="float64"))
        note += f"  min {low:.4g}  max {high:.4g}  mean {mean:.4g}"
    return Line("values", (Field("values", engine.text(value)),), note)


def _printed(session: Session, value: Any, look: Look) -> Iterable[Line]:
    """Why the repr does not show the numbers as they are, where it does not."""
    if look.kind != "tensor":
        return
    for what, why in session.engine.printed(value):
        if what.startswith(("scientific", "...")):
            yield Line("printed", (Field("printed", what),), why)


def _layout(session: Session, value: Any, look: Look, allocation: Allocation | None) -> Line:
    walk = session.engine.walk(value)
    how = LAYOUTS[layout(walk)]
    size = max(look.itemsize, 1)
    if allocation is not None and look.numel:
        total = allocation.nbytes // size
        reached = covered(walk) // size
        where = f" in {allocation.id}" if allocation.id else ""
        part = f"{reached} of {total}" if reached < total else f"all {total}" if total > 1 else "the one"
        how += f" · covers {part}{where}"
    unit = "bytes" if look.kind == "ndarray" else "elements"
    return Line(
        "layout",
        (
            Field("shape", str(look.sizes), f"shape {look.sizes}"),
            Field(
                "stride", str(look.strides), f"stride {look.strides}" + (" bytes" if unit == "bytes" else "")
            ),
            Field("offset", look.offset, f"offset {look.offset}"),
        ),
        how,
    )


def _storage(look: Look, allocation: Allocation | None) -> Line:
    nbytes = look.nbytes if allocation is None else allocation.nbytes
    storage = None if allocation is None else allocation.id
    fields = [
        Field("storage", storage, storage or "(temporary)"),
        Field("nbytes", nbytes, size_text(nbytes)),
    ]
    if look.kind == "tensor":
        fields.append(
            Field(
                "version",
                look.version,
                "no version counter" if look.version is None else f"version {look.version}",
            )
        )
    note = ""
    if look.device == "meta":
        note = f"nothing is allocated; a real run would allocate {size_text(nbytes)}"
    elif allocation is not None:
        if allocation.written is not None:
            line, via = allocation.written
            note = f"written at line {line}" + (f" via {via}" if via else "")
        elif not look.version and allocation.operator in ALLOCATING:
            note = "PyTorch leaves this memory uninitialised; here it is zero"
        elif allocation.line:
            note = f"made at line {allocation.line}"
    return Line("storage" if look.kind == "tensor" else "buffer", tuple(fields), note)


def _carried(look: Look, allocation: Allocation | None) -> Iterable[Line]:
    """A few elements that keep a large storage alive."""
    if look.kind != "tensor" or allocation is None or look.device == "meta":
        return
    if allocation.nbytes >= LARGE and allocation.nbytes > 2 * look.nbytes:
        yield Line(
            "carries",
            (
                Field("elements_nbytes", look.nbytes, size_text(look.nbytes)),
                Field("storage_nbytes", allocation.nbytes, f"of a storage of {size_text(allocation.nbytes)}"),
            ),
            f"deepcopy and torch.save take the whole storage; clone() takes {size_text(look.nbytes)}",
        )


def _names(session: Session, value: Any, name: str) -> Iterable[Line]:
    """The other names of the very same object."""
    observation = session.observation
    entry = None if observation is None else observation.index.entry(value)
    if observation is None or entry is None:
        return
    others = [each for each in observation.index.names(entry) if each != name]
    if others:
        more = f"; {len(others) - NAMES} more" if len(others) > NAMES else ""
        fields = tuple(Field("also_called", each) for each in others[:NAMES])
        yield Line("also called", fields, f"one object{more}")


def _shared(session: Session, value: Any, look: Look, allocation: Allocation | None) -> Iterable[Line]:
    observation = session.observation
    if observation is None:
        return
    mates = [each for each in observation.index.sharing(look.memory) if each.value is not value]
    if not mates:
        return
    groups: dict[str, list[Field]] = {}
    for each in mates[:NAMES]:
        name = observation.index.names(each)[0]
        field = Field(
            "shared_with", name, f"{name} {_picture(session, each.value, look, allocation)}".strip()
        )
        groups.setdefault(_counted(look, session.engine.look(each.value)), []).append(field)
    if len(mates) > NAMES:
        *_, last = groups
        groups[f"{last}; {len(mates) - NAMES} more"] = groups.pop(last)
    for note, fields in groups.items():
        yield Line("shared with", tuple(fields), note)


def _counted(look: Look, other: Look) -> str:
    """Who counts the writes of another tensor or array over the same memory."""
    if look.kind == "ndarray" or look.version is None:
        return "one memory, no version counter here"
    if not other.counter:
        return "same storage; numpy's writes there move no version counter"
    if other.counter == look.counter:
        return "same storage, same version counter"
    return "same storage, another version counter: writes there are not seen by autograd's checks"


def _picture(session: Session, value: Any, look: Look, allocation: Allocation | None) -> str:
    size = max(look.itemsize, 1)
    if allocation is None or not 0 < allocation.nbytes // size <= CELLS:
        return ""
    from tensorcli.explorer.memory import cells

    reached = cells(session.engine.walk(value), size, 0, allocation.nbytes // size)
    return "[" + " ".join("█" if each else "·" for each in reached) + "]"


def _view(session: Session, value: Any) -> Iterable[Line]:
    engine = session.engine
    base = engine.base(value)
    if base is None:
        return
    name, root = named_parent(session, value), named_base(session, base)
    operator = ""
    if session.observation is not None:
        entry = session.observation.index.entry(value)
        operator = "" if entry is None else entry.operator
    kind = engine.view_kind(value)
    note = {
        "normal": "differentiable view",
        "multi_output": "one of several outputs: in-place writes are refused",
    }.get(kind, f"made in {kind}: not recorded")
    yield Line(
        "view of",
        (Field("view_of", name, name + (f"  ({operator})" if operator else "")), Field("base", root, "")),
        f"{note}, _base is {root}",
    )


def _autograd(session: Session, value: Any, look: Look) -> Line:
    engine = session.engine
    grad = engine.grad(value)
    if grad is not None:
        note = f"grad {brief(engine.text(grad))}"
    elif look.is_leaf:
        note = "grad None"
    else:
        note = "grad None: not a leaf" + ("" if engine.retains_grad(value) else ", no retain_grad()")
    return Line(
        "autograd",
        (
            Field("requires_grad", look.requires_grad, f"requires_grad {look.requires_grad}"),
            Field("is_leaf", look.is_leaf, f"leaf {look.is_leaf}"),
        ),
        note,
    )


def _history(session: Session, value: Any, look: Look) -> Iterable[Line]:
    engine = session.engine
    node, old = engine.node(value), engine.old_node(value)
    note = "" if old is None else f"was {engine.node_name(old)} until its base was written"
    yield Line("grad_fn", (Field("grad_fn", look.grad_fn, str(look.grad_fn)),), note)
    start = node
    if old is not None:
        base = engine.base(value)
        start = None if base is None else engine.node(base)
        chain = [] if start is None else [node_text(session, start)]
    else:
        chain = []
    while start is not None and len(chain) < 6:
        edges = [each for each in engine.edges(start) if each is not None]
        if not edges:
            break
        chain.append(node_text(session, edges[0]) + (f" and {len(edges) - 1} more" if len(edges) > 1 else ""))
        start = edges[0]
    if chain:
        yield Line("leads to", (Field("leads_to", " → ".join(chain)),))


def _owner(value: Any) -> Line:
    owns = bool(value.flags.owndata)
    return Line(
        "memory",
        (
            Field("owndata", owns, "owns its memory" if owns else "another object's memory"),
            Field(
                "writeable",
                bool(value.flags.writeable),
                "writeable" if value.flags.writeable else "read-only",
            ),
        ),
    )
