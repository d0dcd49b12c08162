"""`torch.nn.attention`: which of its implementations `scaled_dot_product_attention` may use."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from tensorcli.engine.backend_flags import only

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
    with only(name for name, way in _NAMES.items() if way in allowed):
        yield {}
