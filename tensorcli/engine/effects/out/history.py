"""What `out=` does where an argument asks for a gradient.

Most operators refuse it. Those for which PyTorch generates no code of its own let their dispatcher write and record that
they have no derivative, unless the output is a leaf. A few copy a recorded result into the output, and a few, which have
no derivative at all, write and record nothing. Measured on PyTorch 2.13 by calling each.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.edges import gradient_edge
from tensorcli.engine.autograd.nodes import Node, NotImplementedNode
from tensorcli.engine.effects.out.checks import check_cast, check_dtype
from tensorcli.engine.effects.out.kinds import ends_with_a_square
from tensorcli.engine.effects.writing import size_out
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

RECORDED, COPIED, UNRECORDED = "recorded", "copied", "unrecorded"
"""What an operator that does not refuse does."""

_Name = str | Callable[[Sequence[Any]], str]


def _of_input(real: str, complex_: str) -> Callable[[Sequence[Any]], str]:
    return lambda values: complex_ if values[0].dtype.is_complex else real


_REFUSED_AS: Final[dict[str, _Name]] = {
    "cross": "linalg_cross",
    "lu_solve": "linalg_lu_solve",
    "qr": "linalg_qr",
    **dict.fromkeys("hstack vstack dstack column_stack row_stack".split(), "cat"),
    **dict.fromkeys("outer ger kron".split(), "mul"),
    **dict.fromkeys(("float_power", "square"), "pow"),
    "norm": "linalg_vector_norm",
    "max.other": "maximum",
    "min.other": "minimum",
    "log_sigmoid": "log_sigmoid_forward",
    "msort": "sort",
    "inner": "mul",
    "take_along_dim": "gather",
    "nanmean": "nansum",
    "diff": "sub",
    **dict.fromkeys(
        ("matrix_power", "linalg_matrix_power"),
        lambda values: "linalg_inv_ex" if values[1] == -1 else "matmul",
    ),
    "det": "_linalg_det",
    "slogdet": "_linalg_slogdet",
    "inverse": "linalg_inv_ex",
    "svd": "_linalg_svd",
    "linalg_vecdot": "vdot",
    "linalg_multi_dot": "mm",
    "linalg_cholesky": "linalg_cholesky_ex",
    "linalg_lu_factor": "linalg_lu_factor_ex",
    "linalg_inv": "linalg_inv_ex",
    "linalg_solve": "_linalg_solve_ex",
    "linalg_svdvals": "_linalg_svd",
    "linalg_eigvalsh": "_linalg_eigh",
    **{f"linalg_{name}": f"_linalg_{name}" for name in "det eigh slogdet solve_ex svd".split()},
    **dict.fromkeys((f"fft_{name}" for name in "hfft hfft2 hfftn irfft irfft2 irfftn".split()), "_fft_c2r"),
    **dict.fromkeys(
        (f"fft_{name}" for name in "ifft fft2 fftn ifft2 ifftn ihfft2 ihfftn".split()), "_fft_c2c"
    ),
    "fft_fft": _of_input("_fft_r2c", "_fft_c2c"),
    **dict.fromkeys(("fft_rfft", "fft_rfft2", "fft_rfftn"), "_fft_r2c"),
}
"""What those that refuse call themselves, where it is the operator inside them: by base name, or by the full one."""
_RECORDED: Final[dict[str, _Name]] = {
    **{
        name: name
        for name in (
            "conj_physical floor_divide linspace logspace heaviside softmax log_softmax slice_scatter linalg_eigvals histogram "
            "linalg_ldl_factor_ex linalg_ldl_solve expand_copy diagonal_copy alias_copy as_strided_copy view_copy permute_copy "
            "unfold_copy squeeze_copy unsqueeze_copy transpose_copy t_copy"
        ).split()
    },
    "special_softmax": "softmax",
    "special_log_softmax": "log_softmax",
    "linalg_ldl_factor": "linalg_ldl_factor_ex",
    "diag": lambda values: "diag_embed" if values[0].ndim == 1 else "diagonal_copy",
    "fft_ifft": _of_input("conj_physical", ""),
    "fft_ihfft": "conj_physical",
}
"""Those that record that they have no derivative, and the name that they say this in."""
_COPIED: Final = frozenset(
    "quantile nanquantile tensordot inner linalg_cond linalg_norm linalg_matrix_norm linalg_pinv linalg_tensorinv "
    "linalg_tensorsolve special_ndtr".split()
)

_UNRECORDED: Final = frozenset(("split_with_sizes_copy", "unbind_copy", "linalg_matrix_rank"))
"""Those that write and record nothing although they have a derivative. So do all that have none."""


def kind(op: "Op", values: Sequence[Any], outs: Sequence[Tensor]) -> str:
    """What the operator does, of the kinds above. Errors: RuntimeError where it refuses."""
    if (
        (op.base == "norm" and values[1] == "nuc")
        or (op.base in _COPIED and not op.gradients and not _is_product(op, values))
    ) or (op.base.endswith("matrix_power") and ends_with_a_square(values[1])):
        return COPIED
    recorded = _RECORDED.get(op.base, "")
    if recorded := recorded if isinstance(recorded, str) else recorded(values):
        check_recorded(recorded, outs)
        return RECORDED
    origin = op
    while origin.alias_of is not None:
        origin = origin.alias_of
    derived = bool(origin.gradients) and origin.rule not in (dtypes.COMPARE, dtypes.LOGICAL)
    if origin.base in _UNRECORDED or (origin.effect in (effects.pointwise, effects.fresh) and not derived):
        return UNRECORDED  # It has no derivative to lose.
    if op.base == "matmul" and not all(one.ndim for one in values[:2]):
        op.effect(op, tuple(values))  # refuses what has no dimensions
    name = _REFUSED_AS.get(op.name) or _REFUSED_AS.get(op.base, op.base)
    raise messages.out_with_gradient(name if isinstance(name, str) else name(values))


def _is_product(op: "Op", values: Sequence[Any]) -> bool:
    return op.base == "inner" and not all(one.ndim for one in values[:2])


def check_recorded(name: str, outs: Sequence[Tensor]) -> None:
    """Refuse leaves and views of leaves that ask for gradients. Errors: RuntimeError in the dispatcher's words."""
    for one in outs:
        if one.requires_grad and (one.is_leaf or (one.view_of is not None and one.view_of.base.is_leaf)):
            raise messages.out_with_gradient(f"aten::{name}")


def record(op: "Op", concerned: Sequence[Tensor], outs: Sequence[Tensor]) -> None:
    """Make a node that has no derivative the author of what was written."""
    made = type("NotImplemented", (NotImplementedNode,), {"op": op, "__module__": "builtins"})
    node: Node = made(tuple(gradient_edge(one) for one in concerned), {})
    for one in outs:
        if one.dtype.category >= dtypes.FLOATING:
            views.rebase_history(one, node)


def copied(op: "Op", values: tuple[Any, ...], out: Tensor) -> Tensor:
    """The result, with its history, copied into the output."""
    result = op.effect(op, values)
    check_cast(op, 0, out, result, values)
    check_dtype(op, 0, out, result, values)
    size_out(out, result.geometry)
    return out.copy_(result)  # type: ignore[no-any-return]
