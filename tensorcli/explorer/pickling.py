"""The `pickle` module of a session: bytes of data, and what they were made of.

A pickle can make anything of Python's: only those are read that the session wrote. What is not data (functions of the script,
modules) is not written.
"""

from __future__ import annotations

import io
import pickle
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tensorcli.engine.serialization.writing import check_data
from tensorcli.engine.serialization.written import Written
from tensorcli.language.vocabulary import BAGS

if TYPE_CHECKING:
    from tensorcli.language.namespaces import Namespace


class Pickler(pickle.Pickler):
    """Writes data."""

    def reducer_override(self, value: Any) -> Any:
        check_data(value)
        place = type(value).__module__, type(value).__qualname__
        # By its name it would become Python's own, on which a script may read nothing.
        return (_bag, place, dict(vars(value))) if place in BAGS else NotImplemented


def _bag(module: str, name: str) -> Any:
    kind = getattr(import_module(f"tensorcli.language.library.{module}"), name)
    return kind()


class Pickling:
    """The functions of the module, and which pickles they wrote."""

    def __init__(self) -> None:
        self.written = Written()

    def namespace(self) -> Namespace:
        """The module."""
        from tensorcli.language.builtin_objects import Builtin
        from tensorcli.language.namespaces import Namespace

        functions = (self.dumps, self.loads, self.dump, self.load)
        members: dict[str, Any] = {each.__name__: Builtin(each.__name__, each) for each in functions}
        for name in (
            "DEFAULT_PROTOCOL",
            "HIGHEST_PROTOCOL",
            "PickleError",
            "PicklingError",
            "UnpicklingError",
        ):
            members[name] = getattr(pickle, name)
        return Namespace("pickle", members)

    def dumps(self, obj: Any, protocol: int | None = None, *, fix_imports: bool = True) -> bytes:
        """An object as bytes. Errors: pickle.PicklingError for what is not data."""
        file = io.BytesIO()
        Pickler(file, protocol, fix_imports=fix_imports).dump(obj)
        data = file.getvalue()
        self.written.add(data)
        return data

    def dump(
        self, obj: Any, file: io.BytesIO, protocol: int | None = None, *, fix_imports: bool = True
    ) -> None:
        """Write an object into a buffer."""
        if not hasattr(file, "write"):
            raise TypeError("file must have a 'write' attribute")
        file.write(self.dumps(obj, protocol, fix_imports=fix_imports))

    def loads(self, data: Any, /) -> Any:
        """The object that bytes were made of. Errors: EOFError where there are none, pickle.UnpicklingError for others' bytes."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(
                f"a bytes-like object is required, not '{type(data).__name__}'"
            )  # a number would be a length
        return self._read(bytes(data))[0]

    def load(self, file: io.BytesIO) -> Any:
        """The object at a buffer's place. Errors: as `loads`."""
        if not (hasattr(file, "read") and hasattr(file, "seek")):
            raise TypeError("file must have 'read' and 'readline' attributes")
        begin = file.tell()
        found, length = self._read(file.read())
        file.seek(begin + length)
        return found

    def _read(self, data: bytes) -> tuple[Any, int]:
        if not data:
            raise EOFError("Ran out of input")
        ours = self.written.beginning(data)
        if ours is None:
            raise pickle.UnpicklingError("a session reads only what its own pickle.dumps wrote")
        return pickle.loads(ours), len(ours)
