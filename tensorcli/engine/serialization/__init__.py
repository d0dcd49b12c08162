"""`torch.save`, `torch.load` and `torch.serialization`: archives in buffers, and under names.

An archive has PyTorch's bytes, except for the number that identifies it (`archive.py`). What is saved under a name is kept in
memory, in `files`: nothing here reaches the disk. `weights_only=False`, with which an archive may make any object, reads only
what was saved in this process.
"""

import os
import pickle
from collections.abc import Iterable
from io import BytesIO
from pathlib import PurePath
from typing import Any, Final

from tensorcli.engine import events, messages, process
from tensorcli.engine.backends import host
from tensorcli.engine.serialization.archive import Archive, write
from tensorcli.engine.serialization.written import Written

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "safe_globals",
    "save",
]

DEFAULT_PROTOCOL = 2
_ZIP = b"PK\x03\x04"
_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
"""With which archives began that were no zip files."""

files: dict[str, bytes] = {}
"""What was saved under each name."""
_safe: list[Any] = []
"""What scripts let archives name, beside what they may by default."""
written = Written()
"""The archives of this process: what they name was somebody's object here."""
process.keep_contents(files, _safe)


# ---- saving


def save(
    obj: object,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Save an object into a buffer, or in memory under a name. Tensors carry their whole storage, each storage once.

    Errors: AttributeError for what cannot be written to; RuntimeError for one storage under two dtypes; pickle.PicklingError
    for objects that are no data.
    """
    from tensorcli.engine.serialization.writing import pickled

    path = os.fspath(f) if isinstance(f, str | os.PathLike) else None
    if path is None and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    text, pickler = pickled(obj, pickle_protocol)
    records = {
        "data.pkl": text,
        ".format_version": b"1",
        ".storage_alignment": b"64",
        **({} if _disable_byteorder_record else {"byteorder": b"little"}),
        **{f"data/{i}": host(one.bytes).tobytes() for i, one in enumerate(pickler.storages)},
    }
    data = write("archive" if path is None else PurePath(path).stem, records)
    written.add(data)
    if path is None:
        f.write(data)
        f.flush()
    else:
        files[path] = data
    if events.observer is not None:
        events.observer.archived(path, len(data), tuple(pickler.tensors))


# ---- loading


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what torch.save wrote, from where a buffer stands or by its name. Tensors have new storages, shared as they were.

    Errors: FileNotFoundError for a name under which nothing was saved; EOFError at the end of a buffer;
    pickle.UnpicklingError for what is not an archive, or names what it may not.
    """
    if weights_only is None:
        weights_only = pickle_module is None
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if weights_only and pickle_load_args:
        messages.warn("pickle_load_args only works if `weights_only=False`.")
    if mmap and not isinstance(f, str | os.PathLike):
        raise ValueError("f must be a file path in order to use the mmap argument")
    data, begin = _bytes_of(f)
    if other := [name for name in pickle_load_args if name not in _ARGUMENTS[weights_only]]:
        raise TypeError(
            f"Unpickler.__init__() got an unexpected keyword argument '{other[0]}'"
            if weights_only
            else f"'{other[0]}' is an invalid keyword argument for Unpickler()"
        )
    try:
        found, end = _loaded(data, map_location, weights_only)
    except pickle.UnpicklingError as error:
        if not weights_only:
            raise
        raise pickle.UnpicklingError(_explained(str(error))) from None
    if hasattr(f, "seek"):
        f.seek(begin + end)
    return found


_ARGUMENTS: Final = {True: ("encoding",), False: ("encoding", "errors", "fix_imports", "buffers")}
"""What unpicklers take by name, with `weights_only=True` and without."""


def _bytes_of(f: Any) -> tuple[bytes, int]:
    """The bytes to read, and where in a buffer they begin."""
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        if path not in files:
            raise FileNotFoundError(2, os.strerror(2), path)
        return files[path], 0
    for name in ("seek", "tell", "read"):
        if not hasattr(f, name):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{name}'. You can only torch.load from a file that is seekable. "
                "Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
            )
    begin = f.tell()
    data = f.read()
    if not isinstance(data, bytes):
        raise AssertionError(f"Expected bytes, got {type(data).__name__}")
    return data, begin


def _loaded(data: bytes, map_location: Any, weights_only: bool) -> tuple[Any, int]:
    """The object of an archive, and behind which byte of it reading ended."""
    from tensorcli.engine.serialization.reading import by_default, names_of, restoring, unpickled

    if not data:
        raise EOFError("" if weights_only else "Ran out of input")
    if not weights_only:
        data = written.checked(data)
    if not data.startswith(_ZIP):
        from tensorcli.engine.serialization.weights_only import WeightsUnpickler

        if WeightsUnpickler(BytesIO(data), {}).load() != _MAGIC_NUMBER:
            raise RuntimeError("Invalid magic number; corrupt file?")
        raise pickle.UnpicklingError("archives that are no zip files are not read here")
    archive = Archive(data)
    text = archive.read("data.pkl")
    for name in (".format_version", "byteorder", ".storage_alignment"):
        if name in archive:
            archive.read(name)
    allowed = {**by_default(), **names_of(_safe)} if weights_only else None
    return unpickled(text, archive, restoring(map_location), allowed), archive.at


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The full names in an archive that it may not hold with `weights_only=True`. Errors: ValueError for what is no archive."""
    from pickletools import genops

    from tensorcli.engine.serialization.reading import by_default, names_of
    from tensorcli.engine.serialization.weights_only import of_python_3

    data, begin = _bytes_of(f)
    if not data.startswith(_ZIP):
        raise ValueError("Expected input to be a checkpoint returned by torch.save")
    archive = Archive(data)
    named = (
        str(text).split(" ", 1) for code, text, _ in genops(archive.read("data.pkl")) if code.name == "GLOBAL"
    )
    found = {".".join(of_python_3(module, name)) for module, name in named}
    if hasattr(f, "seek"):
        f.seek(begin + archive.at)
    return sorted(found - by_default().keys() - names_of(_safe).keys())


_UNSAFE = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to `True`. "
    "Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code "
    "execution. Do it only if you got the file from a trusted source."
)


def _explained(message: str) -> str:
    """What torch.load says around the complaint of its reader."""
    if "was not an allowed global by default." in message:
        text = (
            "Weights only load failed. This file can still be loaded, to do so you have two options, \033[1mdo those steps only "
            f"if you trust the source of the checkpoint\033[0m. \n\t(1) {_UNSAFE}\n\t(2) Alternatively, to load with "
            "`weights_only=True` please check the recommended steps in the following error message.\n\tWeightsUnpickler error: "
            f"{message}"
        )
    else:
        issue = (
            "Please file an issue with the following so that we can make `weights_only=True` compatible with your use case: "
            "WeightsUnpickler error: "
        )
        text = f"Weights only load failed. {_UNSAFE}\n{'' if 'is blocked' in message else issue}\n\n{message}"
    return (
        f"{text}\n\nCheck the documentation of torch.load to learn more about types accepted by default with weights_only "
        "https://pytorch.org/docs/stable/generated/torch.load.html."
    )


# ---- what archives may name


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Let archives name these classes and functions; a pair gives one with its full name."""
    _safe.extend(each for each in safe_globals if each not in _safe)


def get_safe_globals() -> list[Any]:
    """What archives may name beside what they may by default."""
    return list(_safe)


def clear_safe_globals() -> None:
    """Let archives name only what they may by default."""
    _safe.clear()


class safe_globals:  # noqa: N801 (PyTorch's name)
    """A context in which archives may name these classes and functions."""

    __module__ = "torch.serialization"

    def __init__(self, safe_globals: Iterable[Any]) -> None:
        self.safe_globals = list(safe_globals)

    def __enter__(self) -> None:
        add_safe_globals(self.safe_globals)

    def __exit__(self, *error: object) -> None:
        _safe[:] = [each for each in _safe if each not in self.safe_globals]
