"""The rows of what was written, seen through another name, or changed in anything but its bytes."""

from __future__ import annotations

from collections.abc import Iterator

from tensorcli.explorer.alarms import Silence, saves_of
from tensorcli.explorer.engines import Look
from tensorcli.explorer.facts import plural
from tensorcli.explorer.indexed import BY_INDEX
from tensorcli.explorer.memory import covered, is_dense, overlap, span_text
from tensorcli.explorer.names import MATES, Entry
from tensorcli.explorer.observe import Writing
from tensorcli.explorer.results import Write
from tensorcli.explorer.rows.table import Table

EXACT = 1 << 24
"""In storages of more bytes, strided tensors are not compared element by element."""


class Writes(Table):
    """What the statement wrote, with an event and without."""

    def _written(self, memory: int, writing: Writing) -> None:
        entries = [
            (entry, look)
            for entry, look, allocation in self.recorder.before.values()
            if look.memory == memory and entry.value is not None and (allocation is None or allocation.alive)
        ]
        reached = [entry for entry, _ in entries if entry.key in self.index.entries]
        new = [each for each in self.added if each.memory == memory and each.born == self.index.now]
        if not reached:
            return
        via = [entry for entry in (*reached, *new) if entry.key in writing.via]
        if not via:
            via = [entry for entry in reached if entry.key in writing.through]
        operator = writing.operator
        unnamed = list(self._unnamed(writing)) if not any(entry.key in writing.via for entry in via) else []
        via_name = next((self.index.names(each)[0] for each in via if self.index.names(each)), None)
        first = {entry.key for entry in via}
        ordered = sorted(entries, key=lambda pair: pair[0].key not in first)
        seen_by = []
        gradient = any(key in self.recorder.gradients for entry in reached for key in entry.owners)
        for entry, before in ordered:
            after = self._look(entry)
            if after is None or entry.key in self.shown or self.index.entries.get(entry.key) is not entry:
                continue
            is_via = entry in via
            if not is_via and not writing.bytes:
                continue  # no byte of it was written: where its version moved, `_changed` says so
            note = self._write_note(entry, before, after, writing, is_via, unnamed, gradient)
            if not is_via and not self._reached(entry, writing):
                moved = before.version != after.version
                note = "other elements; the counter moved" if moved else "other elements, own version counter"
            elif not is_via:
                seen_by.extend(self.index.names(entry)[:1])
            kind = ("gradient" if gradient else "written") if is_via else "seen"
            self._row(kind, entry, before, after, note, operator)
        rest = (
            len(self.index.by_memory.get(memory, ()))
            - len([entry for entry in reached if entry.key in self.shown])
            - len(new)
        )
        if writing.bytes:
            self.more += max(0, rest)
        self._record_write(memory, writing, via_name, seen_by, operator, via)

    def _write_note(
        self,
        entry: Entry,
        before: Look,
        after: Look,
        writing: Writing,
        is_via: bool,
        unnamed: list[str],
        gradient: bool,
    ) -> str:
        if is_via and before.memory != after.memory:
            return "memory moved"
        if is_via and not writing.bytes:
            same = before.sizes == after.sizes and before.strides == after.strides
            return "same bytes" if same else "same bytes, other shape"
        if not is_via:
            if before.version is not None and before.version == after.version:
                return f"bytes changed, version stayed {after.version}"
            return "sees the write"
        if gradient:
            return "added to in place"
        if unnamed:
            through = "a view" if len(unnamed) == 1 else f"{len(unnamed)} views"
            return f"wrote {' and '.join(unnamed[:3])}{', …' * (len(unnamed) > 3)}, through {through} without a name"
        walk = self.engine.walk(entry.value)
        storage = self._storage(after)
        total = self.engine.extent(self.engine.memory(entry.value))
        if writing.operator in BY_INDEX:
            return self._chosen_note(after, writing, storage)
        reached = covered(walk)
        size = max(after.itemsize, 1)
        if reached == total:
            what = f"all {plural(reached // size, 'element')} of {storage}"
        else:
            what = f"{span_text(walk, size)} of {storage}"
        note = f"wrote {what}" + (f", {writing.count} times" if writing.count > 1 else "")
        if before.grad_fn is not None and not any(
            saved.saved != saved.now for _, saved in saves_of(self.observation, after.memory)
        ):
            note += "; no node had saved the old values"
        return note

    def _reached(self, entry: Entry, writing: Writing) -> bool:
        """Whether a write reached elements of a tensor that it was not made through; where that is unknown too."""
        walks = [walk for walk, _ in writing.walks]
        if len(walks) >= MATES:
            return True
        for reference in writing.via.values():
            value = reference()
            if value is not None and id(self.engine.memory(value)) == entry.memory:
                walks.append(self.engine.walk(value))
        own = self.engine.walk(entry.value)
        if self.engine.extent(self.engine.memory(entry.value)) > EXACT and not all(
            map(is_dense, [own, *walks])
        ):
            return True
        return not walks or any(overlap(walk, own)[0] for walk in walks)

    def _chosen_note(self, after: Look, writing: Writing, storage: str) -> str:
        """What a write by index or mask reached."""
        how = f" ({writing.operator})"
        if writing.count > 1 or writing.chosen is None:
            times = f", {writing.count} times" if writing.count > 1 else ""
            return f"wrote into {storage}{times}{how}"
        if writing.chosen == after.numel:
            return f"wrote all {plural(after.numel, 'element')} of {storage}{how}"
        return f"wrote {writing.chosen or 'none'} of {plural(after.numel, 'element')} of {storage}{how}"

    def _unnamed(self, writing: Writing) -> Iterator[str]:
        """Where temporaries that were written through reach."""
        seen = set()
        for walk, itemsize in writing.walks:
            text = span_text(walk, max(itemsize, 1))
            if text not in seen:
                seen.add(text)
                yield text

    def _record_write(
        self,
        memory: int,
        writing: Writing,
        via: str | None,
        seen_by: list[str],
        operator: str,
        entries: list[Entry],
    ) -> None:
        versions = None
        elements = None
        silent = False
        for mate in self.index.sharing(memory, MATES):
            look = self._look(mate)
            if look is None or look.version is None:
                continue
            unseen = look.counter not in writing.seen_writes
            silent = silent or unseen
            if versions is None:
                versions = (writing.before.get(look.counter, look.version), look.version)
        if entries:
            walk = self.engine.walk(entries[0].value)
            elements = covered(walk) // max(walk.itemsize, 1)
        elif writing.walks:
            walk, itemsize = writing.walks[0]
            elements = covered(walk) // max(itemsize, 1)
        if writing.operator in BY_INDEX:
            elements = writing.chosen if writing.count == 1 else None
        elif not writing.bytes:
            elements, silent = 0, False
        self.writes.append(
            Write(self.allocations.name(memory), versions, via, tuple(seen_by), operator, elements, silent)
        )
        allocation = self.allocations.known.get(memory)
        if allocation is not None:
            allocation.written = (self.recorder.line, via)
        self.silences.append(Silence(memory, writing))

    def _changed(self) -> None:
        """Metadata: requires_grad, grad_fn, shape, memory."""
        for entry, before, _ in list(self.recorder.before.values()):
            if entry.key in self.shown or self.index.entries.get(entry.key) is not entry:
                continue
            after = self._look(entry)
            if after is None or after == before:
                continue
            note = ""
            if after.memory != before.memory:
                mates = [each for each in self.index.sharing(after.memory, 2) if each.key != entry.key]
                note = f"now in {self._storage(after)}"
                kept = self._left_behind(before, after)
                if mates:
                    note += f", shared with {self._first(mates)}"
                    others = all(self._counter(each) not in (0, after.counter) for each in mates)
                    note += ", own version counter" if after.counter and others and not kept else ""
                note += kept
            elif after._replace(version=before.version) == before:
                note = "shares the counter; bytes and shape as before"
            elif after.requires_grad != before.requires_grad and self.engine.kind(entry.value) == "tensor":
                base = self.engine.base(entry.value)
                if base is not None and after.is_leaf:
                    note = f"through its base {self._tensor_name(base)}"
            self._row("changed", entry, before, after, note)

    def _left_behind(self, before: Look, after: Look) -> str:
        """What a tensor that moved to other memory keeps, and which views of it stay where it was."""
        if before.version is None or before.counter != after.counter:
            return ""
        if before.version != after.version:
            return ""
        stay = [
            names[0]
            for each in self.index.sharing(before.memory, MATES)
            if self._counter(each) == after.counter and (names := self.index.names(each))
        ]
        note = "; keeps its version counter"
        if stay:
            where = self.allocations.name(before.memory) or "the old memory"
            shown = ", ".join(stay[:3]) + (", …" if len(stay) > 3 else "")
            note += f", as {'does' if len(stay) == 1 else 'do'} {shown}, still in {where}"
        return note

    def _rewritten(self) -> None:
        """Bytes that changed without an event."""
        for memory in self.observation.rewritten():
            entries = list(self.index.sharing(memory))
            arrays = [each for each in entries if self.engine.kind(each.value) == "ndarray"]
            via = next((each for each in arrays if each in self.observation.named), None)
            entries.sort(key=lambda each: each is not via)
            for entry in entries[:MATES]:
                look = self._look(entry)
                if look is None or entry.key in self.shown:
                    continue
                if look.kind == "ndarray":
                    note = "bytes changed" if entry is via else "sees the write"
                else:
                    note = f"bytes changed, version stayed {look.version}"
                self._row("written" if entry is via else "seen", entry, look, look, note)
            versions = next(
                (look.version for each in entries if (look := self._look(each)) and look.version is not None),
                None,
            )
            self.writes.append(
                Write(
                    self.allocations.name(memory),
                    None if versions is None else (versions, versions),
                    None if via is None else self.index.names(via)[0],
                    tuple(self.index.names(each)[0] for each in entries if each is not via),
                    "",
                    None,
                    silent=versions is not None,
                )
            )
            self.silences.append(Silence(memory, None))
