"""Modules that hold modules: in a row, in a list, under names."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from operator import index
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.nn.module import Module, indented


def pairs_of(kind: str, owner: str, given: Any) -> Iterator[tuple[Any, Any]]:
    """The items of a mapping, or of a sequence of pairs. Errors: TypeError, ValueError."""
    if not isinstance(given, Iterable):
        raise TypeError(
            f"{kind}.update should be called with an iterable of key/value pairs, but got {type(given).__name__}"
        )
    for place, pair in enumerate(given):
        if not isinstance(pair, Iterable):
            raise TypeError(
                f"{owner} update sequence element #{place} should be Iterable; is{type(pair).__name__}"
            )
        found: Any = pair
        if len(found) != 2:
            raise ValueError(
                f"{owner} update sequence element #{place} has length {len(found)}; 2 is required"
            )
        yield found[0], found[1]


class _Numbered(Module):
    """Modules by their numbers."""

    __module__ = "torch.nn.modules.container"

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def _key(self, idx: Any) -> str:
        idx = index(idx)
        if not -len(self) <= idx < len(self):
            raise IndexError(f"index {idx} is out of range")
        key: str = list(self._modules)[idx]
        return key

    def __setitem__(self, idx: Any, module: Any) -> None:
        setattr(self, self._key(idx), module)

    def __delitem__(self, idx: Any) -> None:
        for key in list(self._modules)[idx] if isinstance(idx, slice) else [self._key(idx)]:
            delattr(self, key)
        self._modules = {str(i): module for i, module in enumerate(self._modules.values())}

    def __getitem__(self, idx: Any) -> Any:
        return self._part(idx) if isinstance(idx, slice) else self._modules[self._key(idx)]

    def _part(self, idx: slice) -> Any:
        raise NotImplementedError

    def append(self, module: Any) -> Any:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def _insert(self, place: int, module: Any) -> None:
        for i in range(len(self._modules), place, -1):
            self._modules[str(i)] = self._modules[str(i - 1)]
        self._modules[str(place)] = module

    def _take(self, key: Any) -> Any:
        found = self[key]
        del self[key]
        return found


class Container(Module):
    """Modules under names, as PyTorch had them before each module could hold others."""

    __module__ = "torch.nn.modules.container"

    def __init__(self, **kwargs: Any) -> None:
        messages.warn(
            "`nn.Container` is deprecated. All of its functionality is now implemented in `nn.Module`. Subclass that instead.",
            FutureWarning,
        )
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)


class Sequential(_Numbered):
    """Modules called one after the other."""

    def pop(self, key: Any) -> Any:
        """Take a module out."""
        return self._take(key)

    __module__ = "torch.nn.modules.container"

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = len(args) == 1 and isinstance(args[0], OrderedDict)
        for name, module in args[0].items() if named else ((str(i), each) for i, each in enumerate(args)):
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        """The input through every module."""
        for module in self:
            input = module(input)
        return input

    def _part(self, idx: slice) -> Any:
        return type(self)(OrderedDict(list(self._modules.items())[idx]))

    def __add__(self, other: Any) -> "Sequential":
        return Sequential(*self, *self._same(other))

    def __iadd__(self, other: Any) -> Any:
        return self.extend(self._same(other))

    def _same(self, other: Any) -> "Sequential":
        if isinstance(other, Sequential):
            return other
        raise ValueError(
            f"add operator supports only objects of Sequential class, but {type(other)} is given."
        )

    def _times(self, other: Any) -> list[Any]:
        if not isinstance(other, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(other)}")
        if other <= 0:
            raise ValueError(f"Non-positive multiplication factor {other} for {type(self)}")
        return [*self] * other

    def __mul__(self, other: Any) -> "Sequential":
        return Sequential(*self._times(other))

    __rmul__ = __mul__

    def __imul__(self, other: Any) -> Any:
        return self.extend(self._times(other)[len(self) :])

    def insert(self, index: int, module: Any) -> Any:
        """Put a module before another."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        count = len(self)
        if not -count <= index <= count:
            raise IndexError(f"Index out of range: {index}")
        self._insert(index + count if index < 0 else index, module)
        return self

    def extend(self, sequential: Iterable[Any]) -> Any:
        """Add modules at the end."""
        for module in sequential:
            self.append(module)
        return self


class ModuleList(_Numbered):
    """Modules in a list; calling it is not defined."""

    __module__ = "torch.nn.modules.container"

    def pop(self, key: Any) -> Any:
        """Take a module out."""
        return self._take(key)

    def __init__(self, modules: Iterable[Any] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _key(self, idx: Any) -> str:
        super()._key(idx)
        return str(index(idx) % len(self))

    def _part(self, idx: slice) -> Any:
        return type(self)(list(self._modules.values())[idx])

    def __iadd__(self, modules: Iterable[Any]) -> Any:
        return self.extend(modules)

    def __add__(self, other: Iterable[Any]) -> "ModuleList":
        combined = ModuleList()
        for module in chain(self, other):
            combined.append(module)
        return combined

    def insert(self, index: int, module: Any) -> None:
        """Put a module before another."""
        self._insert(index, module)

    def extend(self, modules: Iterable[Any]) -> Any:
        """Add modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def __repr__(self) -> str:
        blocks: list[list[Any]] = []
        for place, text in enumerate(map(repr, self)):
            if blocks and blocks[-1][2] == text:
                blocks[-1][1] = place
            else:
                blocks.append([place, place, text])
        lines = [
            f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}"
            for first, last, text in blocks
        ]
        if not lines:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(map(indented, lines)) + "\n)"


class ModuleDict(Module):
    """Modules under names."""

    __module__ = "torch.nn.modules.container"

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Any) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take a module out."""
        found = self[key]
        del self[key]
        return found

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """The names and modules."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Put modules under the names of a mapping, or of pairs."""
        named = isinstance(modules, Mapping | ModuleDict)
        for key, module in modules.items() if named else pairs_of("ModuleDict", "ModuleDict", modules):
            self[key] = module
