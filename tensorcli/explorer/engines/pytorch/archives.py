"""torch.save and torch.load of real PyTorch, as the embedded engine has them: nothing reaches the disk, and an archive makes
objects (`weights_only=False`) only where this process wrote it.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Final

import torch

from tensorcli.engine.serialization import written
from tensorcli.explorer.pickling import Pickler

files: dict[str, bytes] = {}
"""What was saved under each name."""
_AT_FIRST: Final = torch.serialization.get_safe_globals()
"""What PyTorch itself lets archives name."""
_PICKLE: Final = SimpleNamespace(**{**vars(pickle), "Pickler": Pickler})
"""What PyTorch pickles with: Python's module, which writes data alone."""


def begin() -> None:
    """Nothing was saved, and archives name what they may by default."""
    _put_back({}, _AT_FIRST)


@contextmanager
def aside() -> Iterator[None]:
    """What is saved meanwhile, and what archives may name, is put back at the end."""
    before = dict(files), torch.serialization.get_safe_globals()
    try:
        yield
    finally:
        _put_back(*before)


def _put_back(kept: dict[str, bytes], safe: list[Any]) -> None:
    files.clear()
    files.update(kept)
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(safe)


def save(obj: Any, f: Any, pickle_module: Any = None, *arguments: Any, **options: Any) -> None:
    """Write an object into a buffer, or keep it under a name."""
    kept = isinstance(f, str | os.PathLike)
    buffer = io.BytesIO()
    torch.save(obj, buffer if kept or hasattr(f, "write") else f, _PICKLE, *arguments, **options)
    data = buffer.getvalue()
    written.add(data)
    if kept:
        files[os.fspath(f)] = data
    else:
        f.write(data)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    **options: Any,
) -> Any:
    """The object of an archive, from a buffer's place on or of a name."""
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        if path not in files:
            raise FileNotFoundError(2, os.strerror(2), path)
        f = io.BytesIO(files[path])
    if weights_only or (weights_only is None and pickle_module is None):
        return torch.load(f, map_location, pickle_module, weights_only=True, **options)
    begin, data = f.tell(), f.read()
    archive = io.BytesIO(written.checked(data) if data else b"")
    found = torch.load(archive, map_location, weights_only=False, **options)
    f.seek(begin + archive.tell())
    return found
