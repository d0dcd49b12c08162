"""`NAME_copy`: copies instead of views."""

from functools import wraps
from typing import Any

from tensorcli.engine import dtypes, events, formats
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.recording import make_node, set_history, wants_grad
from tensorcli.engine.declare import op
from tensorcli.engine.op import Op
from tensorcli.engine.table import OPS


def _copying(declared: Op, values: Any) -> Any:
    """A view's result as a row-major copy, with the view's gradient."""
    source = values[0]
    if source.is_conj() or source.is_neg():
        source = source.resolve_conj().resolve_neg()
        values = (source, *values[1:])
    origin = OPS[declared.line.partition("(")[0].replace("_copy", "", 1)]
    grad = mode.grad
    mode.set(False)
    observer, events.observer = events.observer, None
    try:
        # What strides cannot express as a view may still be copied in other sizes.
        answer = source.reshape(values[1]) if origin.name == "view" else origin.effect(origin, values)
        several = isinstance(answer, tuple)
        results = [
            one.clone(memory_format=formats.contiguous_format) for one in (answer if several else (answer,))
        ]
    finally:
        mode.set(grad)
        events.observer = observer
    if source.dtype.category >= dtypes.FLOATING and wants_grad(declared, values):
        set_history(make_node(declared, values), results)
    if events.observer is not None:
        for result in results:
            events.observer.made(result, declared.name, values)
    return tuple(results) if several else results[0]


def _declare(name: str) -> None:
    """`NAME_copy` of a view by its full name: the same kernel and gradient, a result of its own."""
    origin = OPS[name]
    base, dot, overload = name.partition(".")
    _, _, rest = origin.line.partition("(")
    line = rest.replace("Tensor(a -> *)", "Tensor").replace("Tensor(a)", "Tensor")
    declare: Any = op
    # Where the view has no gradient (`detach`) the copy's is not implemented.
    formulas = {name: formula for name, formula in (origin.formulas or {}).items() if formula is not None}

    @wraps(origin.kernel)
    def kernel(*values: Any) -> Any:
        return origin.kernel(*values)

    kernel.__doc__ = f"What {base} gives, as a copy in new storage."
    declare(f"{base}_copy{dot}{overload}({line}", variants="function", **formulas)(kernel)
    made = OPS[f"{base}_copy{dot}{overload}"]
    made.effect = _copying
    made.chapter = "strided"
    made.node_name = f"{origin.node_name}_copy"


for _name in (
    "view view.dtype permute t transpose.int squeeze squeeze.dim squeeze.dims unsqueeze expand as_strided select.int "
    "slice.Tensor split.Tensor split_with_sizes unbind.int diagonal unfold alias detach view_as_real view_as_complex"
).split():
    _declare(_name)
