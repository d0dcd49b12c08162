"""`torch.nn.attention`: which of its implementations `scaled_dot_product_attention` may use."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.ops.attention import WAYS

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(Enum):
    """A way to compute attention. On the CPU there are FLASH_ATTENTION, the fused operator, and MATH, multiplications."""

    __module__ = "torch.nn.attention"

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __int__(self) -> int:
        return int(self.value)

    __index__ = __int__


SDPBackend.__qualname__ = "_SDPBackend"
_NAMES = {
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "flash": SDPBackend.FLASH_ATTENTION,
    "mem_efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
    "overrideable": SDPBackend.OVERRIDEABLE,
}


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[dict[str, Any]]:
    """Allow only these ways inside. The CPU takes the fused one where it applies, whatever the order is said to be.

    Errors: AssertionError for what is neither a way nor a list of them.
    """
    if not isinstance(backends, list | SDPBackend):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    allowed = [backends] if isinstance(backends, SDPBackend) else backends
    with _only(name for name, way in _NAMES.items() if way in allowed):
        yield {}


@contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[dict[str, Any]]:
    """`torch.backends.cuda.sdp_kernel`, which `sdpa_kernel` has replaced."""
    messages.warn(
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager will be removed. Please see "
        "`torch.nn.attention.sdpa_kernel()` for the new context manager, with updated signature.",
        category=FutureWarning,
    )
    told = {"flash": enable_flash, "math": enable_math, "mem_efficient": enable_mem_efficient}
    with _only(name for name, enabled in (told | {"cudnn": enable_cudnn}).items() if enabled):
        yield {}


@contextmanager
def _only(names: Iterable[str]) -> Iterator[None]:
    before = dict(WAYS)
    try:
        WAYS.update(dict.fromkeys(WAYS, False) | dict.fromkeys(names, True))
        yield
    finally:
        WAYS.update(before)
