"""While statements run, the process may take the memory that is free, and no more: what no guard foresaw (a list that grows
without end) ends in a MemoryError, and not in a machine that stands still.

The system does the counting, where it has the means (Linux); elsewhere only what the guards foresee is refused. Where CuPy is
installed nothing is counted: the driver of a GPU reserves more addresses than there is memory, and the system counts those too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from tensorcli.language.limits import spare

SHARE = 0.9
"""How much of the free memory a process may take."""
UNLIMITED = 1 << 50


@contextmanager
def free_memory_alone() -> Iterator[None]:
    """A context in which the process cannot take more memory than is free where it begins."""
    most = None if find_spec("cupy") else _most()
    if most is None:
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [most, *(each for each in before if each != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), before[1]))
    spare.wanted = True
    spare.keep()
    try:
        yield
    finally:
        spare.wanted = False
        spare.release()
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _most() -> int | None:
    """How many bytes of data the process may have: those that it has, and most of what is free; None where nobody knows."""
    free = [
        number for number in (_number("/proc/meminfo", "MemAvailable"), _of_group()) if number is not None
    ]
    data = _number("/proc/self/status", "VmData")
    return None if data is None or not free else data + int(min(free) * SHARE)


def _number(path: str, key: str) -> int | None:
    """The kilobytes that a file of the system's has under a key, as bytes."""
    found = re.search(rf"^{key}:\s*(\d+) kB", _text(path), re.MULTILINE)
    return None if found is None else int(found[1]) << 10


def _of_group() -> int | None:
    """What is left of the memory that a container, a group of processes, was given; None where it is all of the machine's.
    Copies of files are no use that counts: they are dropped where memory is short.
    """
    for folder, most, taken in (
        ("", "memory.max", "memory.current"),
        ("memory/", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        given, used = (_text(f"/sys/fs/cgroup/{folder}{name}").strip() for name in (most, taken))
        if given.isdigit() and used.isdigit() and int(given) < UNLIMITED:
            stat = _text(f"/sys/fs/cgroup/{folder}memory.stat")
            files = re.findall(r"^(?:in)?active_file (\d+)", stat, re.MULTILINE)
            return max(int(given) - int(used) + sum(map(int, files)), 0)
    return None


def _text(path: str) -> str:
    """What stands in a file of the system's; nothing where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""
