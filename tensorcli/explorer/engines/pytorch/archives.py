"""torch.save and torch.load of real PyTorch, as the embedded engine has them: nothing reaches the disk, and an archive makes
objects (`weights_only=False`) only where this process wrote it.
"""

from __future__ import annotations

import io
import os
import pickle
from typing import Any

import torch

from tensorcli.engine.serialization import files, written


def save(obj: Any, f: Any, *arguments: Any, **options: Any) -> None:
    """Write an object into a buffer, or keep it under a name."""
    kept = isinstance(f, str | os.PathLike)
    buffer = io.BytesIO()
    torch.save(obj, buffer if kept or isinstance(f, io.BytesIO) else f, *arguments, **options)
    data = buffer.getvalue()
    written.add(data)
    if kept:
        files[os.fspath(f)] = data
    elif isinstance(f, io.BytesIO):
        f.write(data)


def load(f: Any, map_location: Any = None, pickle_module: Any = None, **options: Any) -> Any:
    """The object of an archive, from a buffer's place on or of a name."""
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        if path not in files:
            raise FileNotFoundError(2, os.strerror(2), path)
        f = io.BytesIO(files[path])
    options = {"weights_only": True, **options}
    if not options["weights_only"]:
        begin, data = f.tell(), f.read()
        f.seek(begin)
        if data and written.beginning(data) is None:
            raise pickle.UnpicklingError("weights_only=False reads only what torch.save wrote here")
    return torch.load(f, map_location, pickle_module, **options)
