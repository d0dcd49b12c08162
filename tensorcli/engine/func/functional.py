"""`torch.func.functionalize`: a function without writes and views in its program. Here it is the function: programs are not
transformed, values are the same, and inside its tensors print as they are.
"""

from collections.abc import Callable
from typing import Any

from tensorcli.engine.decorators import like

_OPTIONS = (
    "functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are:\n"
    "     remove='mutations': all inplace and out= operators will be removed from the program, and replaced with their "
    "out-of-place equivalents.\n"
    "     remove='mutations_and_views': In addition to the above, all aliasing operators {{view}} will be replaced with their "
    "non-aliasing counterparts, {{view}}_copy.\n"
)


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """The function, with the same results. Errors: RuntimeError for what else is to be removed."""
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(_OPTIONS.format(remove=remove))

    @like(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapped
