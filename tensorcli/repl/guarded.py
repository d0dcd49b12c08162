"""Where statements run: Ctrl-C stops them, and they take the memory that is free alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tensorcli.repl.interrupts import Interrupts
from tensorcli.repl.memory import free_memory_alone


@contextmanager
def guarded() -> Iterator[None]:
    """A context in which statements run."""
    with free_memory_alone(), Interrupts():
        yield
