"""The engines by name. One is imported when it is asked for."""

from __future__ import annotations

from tensorcli.explorer.engines import Engine

ENGINES = ("embedded", "pytorch")


def open_engine(name: str) -> Engine:
    """The engine of that name. Errors: ValueError for another name, ModuleNotFoundError where PyTorch is missing."""
    if name not in ENGINES:
        raise ValueError(f"there is no engine {name}; the engines are {', '.join(ENGINES)}")
    if name == "pytorch":
        from tensorcli.explorer.engines.pytorch import PyTorch

        return PyTorch()
    from tensorcli.explorer.engines.embedded import Embedded

    return Embedded()
