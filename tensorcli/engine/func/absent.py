"""The transforms of `torch.func` that this engine does not have: each says so when it is called."""

from typing import Any


def linearize(func: Any, *primals: Any) -> Any:
    """Not there. Errors: NotImplementedError."""
    raise NotImplementedError("torch.func.linearize is not part of this engine: torch.func.jvp is")


def functionalize(func: Any, *, remove: str = "mutations") -> Any:
    """Not there. Errors: NotImplementedError."""
    raise NotImplementedError("torch.func.functionalize is not part of this engine")
