"""The host's memory: how much is free. Knows no devices."""

from tensorcli.engine.backends import Memory


def free_memory() -> Memory | None:
    """Free and total bytes of the machine's memory; None where the system does not say."""
    import os

    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return Memory(os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page)
    except (AttributeError, OSError, ValueError):
        return None
