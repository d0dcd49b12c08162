"""The devices that there are, as a list for people: each with what it really is, or what to install for it."""

from collections.abc import Iterator
from importlib.util import find_spec

from tensorcli.engine.backends import HOST, Backend, Memory, of
from tensorcli.engine.devices import CPU, META, Device, cuda_devices

MISSING = "CuPy is not installed: pip install 'tensorcli[cuda]' for a card of NVIDIA's; --simulate-cuda lets numpy stand in"
NO_CARD = "CuPy is installed and finds no card or no driver; --simulate-cuda lets numpy stand in"


def inventory(memory: bool = True) -> Iterator[tuple[str, bool, str]]:
    """Each device: its name, whether tensors can lie on it, and its library, card and (with `memory`) free memory."""
    yield str(CPU), True, _text(HOST, CPU, HOST.memory(CPU) if memory else None)
    yield str(META), True, "shapes, strides and dtypes without elements"
    found = cuda_devices()
    for device in found:
        behind = of(device)
        name = f"{device} (simulated)" if behind.simulated else str(device)
        yield name, True, _text(behind, device, behind.memory(device) if memory else None)
    if not found:
        yield "cuda", False, MISSING if find_spec("cupy") is None else NO_CARD


def _text(behind: Backend, device: Device, memory: Memory | None) -> str:
    what = behind.describe(device)
    parts = [f"{what.library} {what.version}"]
    if what.card:
        parts.append(what.card)
    if memory is not None:
        parts.append(f"{_gibibytes(memory.free)} of {_gibibytes(memory.total)} free")
    return ", ".join(parts)


def _gibibytes(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
