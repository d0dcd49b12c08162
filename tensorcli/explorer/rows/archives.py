"""The rows of what torch.save wrote: where it is, how big, and which storages it carries for less of a tensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.results import Change, plural, size_text
from tensorcli.explorer.rows.table import Table

if TYPE_CHECKING:
    from tensorcli.explorer.observe import Archived


def archived(table: Table) -> None:
    """What `torch.save` wrote, and the tensors that are a part of the storage that was saved with them."""
    for each in table.recorder.archives:
        what = f"{size_text(each.nbytes)}, {plural(len(each.tensors), 'tensor')}"
        name = "the buffer" if each.name is None else repr(each.name)
        where = "was written" if each.name is None else "is kept in this session, and no file is written"
        note = "; ".join([f"{name} {where}: {what}", *_carried_whole(table, each)])
        table.rows.append(Change("archived", (each.name or "buffer",), note=note))


def _carried_whole(table: Table, found: Archived) -> Iterator[str]:
    engine = table.engine
    over: dict[int, list[Any]] = {}
    for tensor in found.tensors:
        over.setdefault(id(engine.memory(tensor)), []).append(tensor)
    for tensors in over.values():
        sizes = [engine.look(each).nbytes for each in tensors]
        whole = engine.extent(engine.memory(tensors[0]))
        if sum(sizes) < whole:
            name = table.index.name(tensors[0]) or "a tensor"
            yield f"{name} has {size_text(sizes[0])} of a storage of {size_text(whole)}, all of which is saved"
