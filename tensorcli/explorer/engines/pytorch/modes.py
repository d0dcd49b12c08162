"""Dispatch modes over real PyTorch: one that listens, and one that zeroes memory that nobody wrote."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Listening(TorchDispatchMode):  # type: ignore[misc]
    """Tells an observer of the operators that run below autograd."""

    def __init__(self, observer: Any) -> None:
        super().__init__()
        self.observer = observer

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        schema = func._schema
        name = func.overloadpacket.__name__
        written = []
        for position, argument in enumerate(schema.arguments):
            info = argument.alias_info
            if info is not None and info.is_write:
                value = args[position] if position < len(args) else kwargs.get(argument.name)
                if isinstance(value, torch.Tensor):
                    written.append(value)
        for value in written:
            self.observer.writes(value, name, tuple(args))
        result = func(*args, **kwargs)
        for value in written:
            self.observer.wrote(value, name, tuple(args))
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, torch.Tensor) and not any(value is each for each in written):
                self.observer.made(value, name, tuple(args))
        return result


UNSET = frozenset(
    "empty empty_like empty_permuted empty_strided new_empty new_empty_strided resize_ resize_as_".split()
)
"""The operators that give memory which PyTorch leaves as it is."""
UNSETTING = UNSET | {"new", "Tensor"}
"""The functions that do. The other legacy constructors are known by their type."""


class Zeroing(TorchDispatchMode):  # type: ignore[misc]
    """Sets memory that PyTorch leaves as it is to zero; versions stay."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ not in UNSET:
            return func(*args, **(kwargs or {}))
        set_already = args[0].untyped_storage().nbytes() if func.overloadpacket.__name__.endswith("_") else 0
        made = func(*args, **(kwargs or {}))
        storage = made.untyped_storage()
        if made.device.type == "cpu" and storage.nbytes() > set_already:
            content = torch.tensor([], dtype=torch.uint8).set_(storage)
            content[set_already:] = 0
        return made
