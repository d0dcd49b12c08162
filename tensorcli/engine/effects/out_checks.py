"""What PyTorch asks of the tensors given as `out=`: their dtype, and that they do not share memory with the inputs.

Operators fall into kinds by how they fill an output: element-wise ones cast into it, the others want the dtype of their
result exactly, some compute in the output's dtype, and a few have words of their own. Read when `out=` is first used.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.devices import META
from tensorcli.engine.effects.writing import keeps_sizes
from tensorcli.engine.geometry import Geometry, contiguous
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

COMPUTES_IN_OUTPUT: Final = frozenset("sum nansum prod cumsum cumprod mean".split())
"""Without a `dtype=` these compute in the dtype of the output."""

CASTING: Final = frozenset(
    "var std logsumexp bernoulli addr cholesky cholesky_inverse cholesky_solve linalg_eig linalg_eigvals linalg_pinv "
    "linalg_householder_product linalg_tensorinv linalg_tensorsolve fft_fftfreq fft_rfftfreq geqrf linalg_lstsq".split()
)
"""Operators that are not element-wise and cast their result into the output all the same."""

EXACT_COMPOSITES: Final = frozenset(
    "isin slice_scatter cross diag lu_solve linear qr svd msort take_along_dim softmax log_softmax special_softmax "
    "special_log_softmax linalg_ldl_factor "
    "norm index_add linalg_det linalg_cholesky linalg_eigh linalg_eigvalsh linalg_slogdet linalg_lu_factor linalg_inv "
    "inverse linalg_solve linalg_solve_ex linalg_svd linalg_svdvals linalg_qr expand_copy diagonal_copy alias_copy "
    "as_strided_copy view_copy permute_copy split_with_sizes_copy unbind_copy unfold_copy squeeze_copy unsqueeze_copy "
    "transpose_copy t_copy slogdet det argsort matmul".split()
)
"""Operators made of others that want the dtype of their result exactly."""

CHECKED_FIRST: Final = frozenset("softmax log_softmax amax amin mm matmul".split())
"""Operators that look at the dtype of the output before they look at that of the input, which is the result's."""

OVERLAP_FIRST: Final = frozenset("diff take index_select masked_select nonzero".split())
"""Operators that look at the memory of the output before they give it its size, as element-wise ones do; the others after."""

OVERLAP_BEFORE_DTYPE: Final = frozenset("scatter scatter_add scatter_reduce addbmm".split())
"""Operators that look at the memory of the output before anything else."""

SIZED_SILENTLY: Final = frozenset("addbmm log_sigmoid multinomial bernoulli".split())
"""Operators that give the output its size without a warning."""

COPIED_FROM_ROWS: Final = frozenset("cholesky linalg_tensorinv linalg_tensorsolve".split())
"""Operators that copy into an output which they gave its size row by row, as transforms do, whatever strides their result has."""
FILLED_BY_COLUMN: Final = frozenset("geqrf ormqr linalg_eig linalg_householder_product linalg_lstsq".split())
"""Operators that do so where LAPACK cannot write into the output: one of another dtype, or that has elements already."""

SIZED_ONCE: Final = frozenset("floor_divide mvlgamma angle logit abs".split())
"""Element-wise operators that size the output alone, as logical ones do; the others size what they compute in as well, where that
has another dtype, and warn of both.
"""

ELEMENTWISE_INSIDE: Final = frozenset("max.other min.other outer square".split())
"""Operators that are an element-wise one on other arguments."""

DTYPE_LAST: Final[dict[str, Callable[[tuple[Any, ...]], bool]]] = {
    # Along a new last dimension it is `cat` of the output itself, else of a view of the output.
    "stack": lambda values: values[1] not in (-1, values[0][0].ndim),
    "matmul": lambda values: max(one.ndim for one in values) > 2,
    **dict.fromkeys(("std", "var"), lambda values: not values[0].dtype.is_complex),
    **dict.fromkeys(
        "matrix_power linalg_matrix_power normal kron dot vdot diag addbmm log_sigmoid expand_copy diagonal_copy "
        "alias_copy as_strided_copy view_copy permute_copy unfold_copy squeeze_copy unsqueeze_copy transpose_copy t_copy "
        "split_with_sizes_copy unbind_copy diff slice_scatter linalg_solve_triangular".split(),
        lambda values: True,
    ),
}
"""Operators that give the output its size before they look at its dtype, and for which values."""

ALIASING_REFUSED: Final = frozenset(
    "gather take index_select masked_select kthvalue scatter scatter_add scatter_reduce index_add index_copy index_reduce "
    "nonzero cross linalg_cross take_along_dim diff hstack vstack row_stack dstack column_stack".split()
)
"""Operators that refuse an output which shares memory with an input, although it may be that input itself."""

WRITES_INTO_SELF: Final = frozenset(
    "scatter scatter_add scatter_reduce index_add index_copy index_reduce".split()
)
"""Of these, those that begin with a copy of `self` into the output, which may therefore be `self`."""

ALIASING_ALLOWED: Final = frozenset(
    "sum nansum mean nanmean prod amax amin logsumexp var std all any argmax argmin dot vdot norm linalg_norm "
    "linalg_vector_norm linalg_matrix_norm median nanmedian linalg_inv inverse "
    "linalg_inv_ex linalg_det _linalg_det det linalg_solve _linalg_solve_ex linalg_qr linalg_eigvalsh _linalg_eigh "
    "linalg_svdvals _linalg_svd linalg_pinv quantile nanquantile diag histc cummax cummin bmm tril triu".split()
) | {f"fft_{name}{over}" for name in ("fft", "ifft", "rfft", "irfft") for over in ("", "2", "n")}
"""Operators that write where they read: PyTorch does not look, and has read before it writes."""

CHECKED_ALONE: Final = frozenset(
    "mean logsumexp quantile nanquantile linalg_inv inverse median nanmedian diag addmm addmv addbmm norm linalg_norm "
    "linalg_matrix_norm linalg_eigvalsh linalg_qr linalg_inv_ex linalg_solve _linalg_solve_ex linalg_pinv linalg_svdvals".split()
) | {f"fft_{name}{over}" for name in ("fft", "ifft", "rfft", "irfft") for over in ("", "2", "n")}
"""Of these and the next, those that refuse an output whose elements share memory with each other."""

FILLED_FIRST: Final = frozenset("mv addmv addmm addbmm".split())
"""Products that begin with what is added to them, or zeros, in the output, and do not look whether a factor lies there too."""

COUNTED: Final = {"kron": 0, "nanmean": 2}
"""How often an output is written into, where it is not once: `kron` writes through a view with a counter of its own."""

Check = Callable[["Op", int, Tensor, Tensor, tuple[Any, ...]], None]
"""What refuses an output: the operator, the output's place, the output, what is to be written there, and the arguments."""

SILENT: Final = frozenset("split_copy split_with_sizes_copy unbind_copy".split())
"""Operators that write into a list of outputs and return nothing."""

WORDS: Final[dict[str, str | tuple[str, ...]]] = {
    "take": "take(): self and out expected to have the same dtype, but got self.dtype = {want} and out.dtype = {got}",
    "index_select": "index_select(): self and result must have the same scalar type",
    "masked_select": "masked_select(): self and result must have the same scalar type",
    "nonzero_static": "nonzero_static: Expected out tensor to have scalar type {want} but got scalar type{got}",
    "kthvalue": ("output values must be of same type as input", "output indices must be of scalar type Long"),
    "mode": tuple(
        f"expected scalar type '{{want}}' but got '{{got}}' for {name} output"
        for name in ("values", "indices")
    ),
    "ormqr": "torch.ormqr: Expected input and result to have the same dtype, but input has dtype{want} and result has dtype "
    "{got}",
    "amax": "Expected the dtype for input and out to match, but got {want} for input's dtype and {got} for out's dtype.",
    "amin": "Expected the dtype for input and out to match, but got {want} for input's dtype and {got} for out's dtype.",
    **dict.fromkeys(("cummax", "cummin", "logcumsumexp"), "expected scalar_type {want} but found {got}"),
    "float_power": "the output given to float_power has dtype {got} but the operation's result requires dtype {want}",
    "conj_physical": "Found dtype {got} but expected {want}",
    "mean": "result type {want} can't be cast to the desired output type {got}",
    "dot": "result dtype {got} does not match input dtype {want}",
    "vdot": "result dtype {got} does not match input dtype {want}",
    "mv": "addmv input tensors must have the same dtype, but got {got}, {want}, and {want}",
    "addbmm": "self and mat2 must have the same dtype, but got {got} and {want}",
    "diff": "expected scalar_type {want} but found {got}",
    **dict.fromkeys(("logspace", "linspace"), "dtype {want} does not match dtype of out parameter ({got})"),
    "hash_tensor": "Expected result to be of dtype uint64, but got {got}",
    "heaviside": "heaviside is not yet implemented for tensors with different dtypes.",
    **dict.fromkeys(
        ("log_sigmoid", "linalg_solve_triangular"), "expected scalar type {want} but found {got}"
    ),
    "narrow_copy": "Expected self.dtype() == output.dtype() to be true, but got false.  (Could this error message be "
    "improved?  If so, please report an enhancement request to PyTorch.)",
    **dict.fromkeys(
        ("fft_ifft", "fft_ihfft"),
        "Found dtype {got} but expected {want}",
    ),
    **dict.fromkeys(
        ("median", "nanmedian"),
        "Expected tensor for 'values' to have the same type as tensor for argument #2 'self'; but type "
        "{got_type} does not equal {want_type} (while checking arguments for median)",
    ),
    "nonzero": "nonzero: Expected out tensor to have scalar type Long but got scalar type{got}",
    "all": "all only supports bool tensor for result, got: {got}",
    "any": "any only supports bool tensor for result, got: {got}",
    **dict.fromkeys(
        ("histc", "histogram"),
        tuple(
            f"torch.histogram: input tensor and {name} tensor should have the same dtype, but got input {{want_cpp}} and {name} "
            f"{{got_cpp}}{where}"
            for name, where in (("hist", ""), ("bin_edges", " for dimension 0"))
        ),
    ),
    **dict.fromkeys(
        ("complex", "polar"),
        "Expected object of scalar type {want} but got scalar type {got} for argument 'out'",
    ),
    "where": "Expected out type to be {want} but got {got}",
    "multinomial": "multinomial expects Long tensor out, got: {got}",
    "isposinf": "isposinf does not support non-boolean outputs.",
    "isneginf": "isneginf does not support non-boolean outputs.",
    "signbit": "signbit does not support non-boolean outputs.",
    "nan_to_num": "nan_to_num: dtype of out: {got} should be same as input: {want}",
    "quantile": "quantile() out tensor must be same dtype as the input tensor",
    "nanquantile": "quantile() out tensor must be same dtype as the input tensor",
    "linalg_norm": "linalg.norm expected out tensor dtype {want} but got: {got}",
    "linalg_matrix_norm": "linalg.matrix_norm expected out tensor dtype {want} but got: {got}",
    **dict.fromkeys(
        ("linalg_multi_dot", "chain_matmul"),
        "multi_dot(): expected out tensor to have dtype {want_cpp} but got {got_cpp}",
    ),
    "linalg_vecdot": "linalg.vecdot: Expected out of dtype{want} but found {got}",
    **dict.fromkeys(
        ("tensordot", "inner"),
        "tensordot: Expected the output tensor to have dtype {want}, but got an output tensor with dtype {got}",
    ),
    "frexp": (
        "torch.frexp() expects mantissa to have dtype {want_cpp} but got {got_cpp}",
        "torch.frexp() expects exponent to have int dtype but got {got_cpp}",
    ),
    **dict.fromkeys(
        ("searchsorted", "bucketize"),
        "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether "
        "out_int32 flag is True, but we got output tensor's dtype {got} and out_int32 flag is {out_int32}",
    ),
}
"""What operators say of an output whose dtype is not that of the result. Errors: RuntimeError."""

DEVICE_AFTER_DTYPE: Final = frozenset(
    "avg_pool2d svd index_reduce scatter scatter_add argmax argmin hash_tensor gather topk max.dim min.dim inverse linalg_inv "
    "linalg_inv_ex linalg_det linalg_cholesky linalg_cholesky_ex linalg_svd linalg_svdvals".split()
)
"""Operators that look at the dtype of an output before they look where it is."""

DEVICE_WORDS: Final = {
    **dict.fromkeys(
        ("quantile", "nanquantile"), "quantile() out tensor must be on the same device as the input tensor"
    ),
}
"""What operators say of an output on another device; the others say that nothing can be copied there."""

_CASTABLE: Final = (
    "{name}: Expected {output} to be safely castable from {want} dtype, but got {output} with dtype {got}"
)
CAST_WORDS: Final[dict[str, tuple[type[Exception], str, str]]] = {
    **dict.fromkeys(
        "cat concat concatenate stack hstack vstack dstack row_stack column_stack".split(),
        (TypeError, "torch.cat(): input types can't be cast to the desired output type {got}", ""),
    ),
    **{
        name: (RuntimeError, _CASTABLE, name.removeprefix("linalg_"))
        for name in "cholesky cholesky_inverse cholesky_solve matrix_power linalg_matrix_power linalg_tensorinv "
        "linalg_tensorsolve".split()
    },
    "linalg_eigvals": (RuntimeError, _CASTABLE.replace("{output}", "eigenvalues"), "torch.linalg.eigvals"),
    "geqrf": (RuntimeError, _CASTABLE, "torch.geqrf"),
    "linalg_eig": (RuntimeError, _CASTABLE, "torch.linalg.eig"),
    "linalg_lstsq": (RuntimeError, _CASTABLE, "torch.linalg.lstsq"),
    "linalg_matrix_rank": (RuntimeError, _CASTABLE, "torch.linalg.matrix_rank"),
    "diag": (RuntimeError, "diag: result type {want} can't be cast to the desired out= type {got}", ""),
    "mvlgamma": (
        RuntimeError,
        "mvlgamma: result type {source} can't be cast to the desired output type {want}",
        "",
    ),
    "ldexp": (RuntimeError, "ldexp can't be cast to the desired output type {got}", ""),
    "linalg_pinv": (RuntimeError, _CASTABLE, "linalg.pinv"),
    "linalg_cond": (RuntimeError, _CASTABLE, "linalg.cond"),
    "linalg_householder_product": (RuntimeError, _CASTABLE, "torch.linalg.householder_product"),
    "logsumexp": (
        RuntimeError,
        "logsumexp(): Expected floating point type for result tensor, but got: {got}",
        "",
    ),
}
"""What operators that cast say of an output that cannot hold the result."""


def check_kind(op: "Op", outs: Sequence[Tensor]) -> None:
    """Refuse what PyTorch sees before it looks at anything else: an output of a transform that holds numbers of another kind.

    Errors: RuntimeError.
    """
    name = _origin(op).base
    if name.startswith("fft_") and not name.endswith("freq"):
        _check_spectrum(name.removeprefix("fft_"), outs[0].dtype)


def check_device(op: "Op", values: Sequence[Any], outs: Sequence[Tensor]) -> None:
    """Refuse an output that holds no elements where the inputs do, or the other way round. Errors: RuntimeError."""
    if not any(isinstance(one, Tensor) and one.device is META for one in (*outs, *values)):
        return
    origin = _origin(op)
    device = effects.device_of(origin, values)
    if not DEVICE_AFTER_DTYPE.isdisjoint((origin.name, origin.base)):
        return  # `check_dtype` looks.
    for one in outs:
        if one.device is not device:
            text = DEVICE_WORDS.get(
                origin.base,
                "Attempting to copy from device {want} to device {got}, but cross-device copies are not allowed!",
            )
            raise RuntimeError(text.format(want=device, got=one.device))


def prepare(op: "Op", values: tuple[Any, ...], outs: Sequence[Tensor]) -> tuple[Any, ...]:
    """The values to compute from; refuses, before anything is computed, what an element-wise operator refuses."""
    origin = _origin(op)
    if origin.effect is effects.pointwise:
        _check_pointwise(origin, values, outs[0])
    elif (
        origin.base in COMPUTES_IN_OUTPUT
        and "dtype" in origin.names
        and values[-1] is None
        and (
            origin.base != "mean" or min(outs[0].dtype.category, values[0].dtype.category) >= dtypes.FLOATING
        )
    ):
        if origin.base in ("cumsum", "cumprod") and outs[0].dtype is dtypes.bool_:
            # There is no kernel, which PyTorch finds out when the output has its size.
            effects.size_out(outs[0], values[0].geometry)
        if origin.base == "nansum":
            _check_nansum(values[0], values[1:3], outs[0])
        return (*values[:-1], outs[0].dtype)
    elif origin.base == "nanmean":
        _check_nansum(values[0], values[1:3], outs[0])
    elif origin.base == "bernoulli" and outs[0].dtype.is_complex:
        size(op, outs[0], values[0], values)
        raise messages.not_implemented("bernoulli_tensor_cpu_self_", outs[0].dtype.scalar_type)
    elif origin.base == "multinomial":
        # Nothing is drawn for an output that cannot hold it.
        weights = values[0]
        known = 0 < weights.ndim <= 2 and weights.dtype.category == dtypes.FLOATING
        if known and outs[0].dtype is not dtypes.int64:
            raise _wrong_dtype(origin, 0, dtypes.int64, outs[0].dtype, values)
    elif origin.base in FILLED_FIRST:
        _fill_first(origin.base, values, outs[0])
    elif origin.base == "normal" and isinstance(values[0], Tensor):
        # PyTorch draws in the output, whose sizes count where the deviation is a number.
        mean, kind = values[0].detach(), outs[0].dtype
        if not isinstance(values[1], Tensor):
            mean = mean.expand(effects.broadcast_sizes([mean.geometry.sizes, outs[0].geometry.sizes]))
        return (mean.to(kind), *values[1:])
    elif origin.base == "mean" and outs[0].dtype.category < dtypes.FLOATING <= values[0].dtype.category:
        _mean_into_integers(values, outs[0])
    elif origin.base in CHECKED_FIRST:
        given = dict(zip(origin.names, values, strict=False))
        kind = given.get("dtype") or given["self"].dtype
        dimensions = [one.ndim for one in values[:2] if isinstance(one, Tensor)]
        matrices = {"mm": dimensions == [2, 2], "matmul": 0 < min(dimensions) <= max(dimensions) < 3}.get(
            origin.base, True
        )
        if kind is not outs[0].dtype and matrices:
            raise _wrong_dtype(origin, 0, kind, outs[0].dtype, values)
        if origin.base.endswith("softmax") and kind.category != dtypes.FLOATING:
            # There is no kernel, which PyTorch finds out when the output has its size.
            effects.size_out(outs[0], values[0].geometry)
    return values


def _check_nansum(source: Tensor, dims: tuple[Any, ...], out: Tensor) -> None:
    """Refuse to write sums of floating numbers as others: no kernel does, which PyTorch finds out when the output has its size.

    Errors: NotImplementedError.
    """
    from tensorcli.engine.callers import functions

    if source.dtype.category == dtypes.FLOATING != out.dtype.category:
        effects.size_out(out, functions.nansum(source.detach(), *dims).geometry)
        raise messages.not_implemented("nansum_cpu", out.dtype.scalar_type)


def _fill_first(name: str, values: Sequence[Any], out: Tensor) -> None:
    factors = values[:2] if name == "mv" else values[1:3]
    wanted = (*factors[0].geometry.sizes[-2:-1], *factors[1].geometry.sizes[1:][-1:])
    there = any(one is out or effects.overlap_of(out, one) != "no" for one in factors)
    if out.geometry.sizes != wanted or not there:
        return
    beta = 0 if name == "mv" else values[3]
    if beta:
        effects.store_quietly(out, np.broadcast_to(values[0].values, wanted))
    elif name.endswith("mv"):
        effects.store_quietly(out, np.zeros(wanted, out.dtype.np))


def _mean_into_integers(values: Sequence[Any], out: Tensor) -> None:
    """PyTorch puts the sum there, and finds out when it divides. Errors: RuntimeError."""
    from tensorcli.engine.callers import functions

    if len(values) == 2:
        got = out.dtype.scalar_type
        raise RuntimeError(f"mean.dtype_out(): input types can't be cast to the desired output type {got}")
    dim, keepdim = values[1:3]
    total = functions.sum(values[0].detach(), dim, keepdim, dtype=out.dtype)
    effects.size_out(out, total.geometry)
    effects.store_quietly(out, total.values)
    raise messages.result_cast(dtypes.default.floating.scalar_type, out.dtype.scalar_type)


def in_order(op: "Op", values: tuple[Any, ...]) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    """What is looked at before, and what after an output gets its size."""
    name = _origin(op).base
    last = name in DTYPE_LAST and DTYPE_LAST[name](values)
    if last and name == "stack":
        return (), (check_cast, check_dtype, check_memory)
    if name in OVERLAP_BEFORE_DTYPE:
        return (check_memory, *(() if last else (check_dtype,))), (check_dtype,) if last else ()
    first: tuple[Check, ...] = (check_cast,) if last else (check_cast, check_dtype)
    then: tuple[Check, ...] = (check_dtype,) if last else ()
    return ((*first, check_memory), then) if name in OVERLAP_FIRST else (first, (*then, check_memory))


def size(op: "Op", target: Tensor, result: Tensor, values: tuple[Any, ...]) -> None:
    """Give an output the size of the result, with PyTorch's warning."""
    if keeps_sizes(op, target, result.geometry) or target.geometry.sizes == result.geometry.sizes:
        return
    origin = _origin(op)
    if origin.base in SIZED_SILENTLY:
        effects.resize(target, result.geometry)
        return
    if _casts(origin, target, result, values) and target.geometry.numel:
        messages.warn(messages.output_resized(target.geometry.sizes, result.geometry.sizes))
    effects.size_out(target, _sized_as(origin, target, result, values))


def _sized_as(origin: "Op", target: Tensor, result: Tensor, values: tuple[Any, ...]) -> Geometry:
    name = origin.base
    by_rows = name in COPIED_FROM_ROWS or (name.startswith("fft_") and _words(origin, values) is None)
    if by_rows or (
        name in FILLED_BY_COLUMN and (target.dtype is not result.dtype or target.geometry.numel > 0)
    ):
        return contiguous(result.geometry.sizes)
    return result.geometry


def _casts(origin: "Op", target: Tensor, result: Tensor, values: tuple[Any, ...]) -> bool:
    """Whether PyTorch computes element-wise in a tensor that it makes in another dtype than the output's."""
    if origin.name in ELEMENTWISE_INSIDE:
        return target.dtype is not result.dtype
    if origin.effect is not effects.pointwise or origin.rule == dtypes.LOGICAL or origin.base in SIZED_ONCE:
        return False
    rule = origin.rule(*values) if callable(origin.rule) else origin.rule
    computed, _ = dtypes.apply_rule(rule, effects.promoted_dtype(origin, values))
    return target.dtype is not computed and target.dtype is not result.dtype


def check_cast(op: "Op", place: int, target: Tensor, result: Tensor, values: tuple[Any, ...]) -> None:
    """Refuse an output that cannot hold the result, for operators that look at this in words of their own, before anything else.

    Errors: RuntimeError, TypeError.
    """
    origin = _origin(op)
    if origin.base == "diag" and values[0].ndim != 1:
        return
    if origin.base in CAST_WORDS and not dtypes.can_cast(result.dtype, target.dtype):
        raise _cannot_cast(origin, place, result.dtype, target.dtype, values)


def _cannot_cast(
    origin: "Op", place: int, want: dtypes.dtype, got: dtypes.dtype, values: Sequence[Any]
) -> Exception:
    # `ldexp` looks whether the output has a fraction, and leaves the rest to its product.
    if origin.base not in CAST_WORDS or (origin.base == "ldexp" and got.category >= dtypes.FLOATING):
        return messages.result_cast(want.scalar_type, got.scalar_type)
    kind, text, called = CAST_WORDS[origin.base]
    return kind(
        text.format(
            name=called,
            source=getattr(values[0], "dtype", want).scalar_type,
            want=want.scalar_type,
            got=got.scalar_type,
            output=origin.returns[place],
        )
    )


def check_dtype(op: "Op", place: int, target: Tensor, result: Tensor, values: tuple[Any, ...]) -> None:
    """Refuse an output of another dtype than the operator writes, or on another device. Errors: RuntimeError."""
    origin = _origin(op)
    if result.dtype is not target.dtype:
        _check_other_dtype(origin, place, target, result, values)
    if result.device is not target.device:
        raise RuntimeError(
            f"Expected out tensor to have device {result.device}, but got {target.device} instead"
        )


def _check_other_dtype(
    origin: "Op", place: int, target: Tensor, result: Tensor, values: tuple[Any, ...]
) -> None:
    name = origin.base
    if origin.name in ("max", "min"):
        if not dtypes.can_cast(result.dtype, target.dtype):
            raise RuntimeError(
                "Expected canCast( typeMetaToScalarType(self.dtype()), typeMetaToScalarType(out.dtype())) to be true, but "
                "got false.  (Could this error message be improved?  If so, please report an enhancement request to "
                "PyTorch.)"
            )
        return
    if name == "bernoulli" or (name in ("all", "any") and target.dtype is dtypes.uint8):
        return
    if _words(origin, values) is not None or _is_exact(origin, values):
        raise _wrong_dtype(origin, place, result.dtype, target.dtype, values)
    if not dtypes.can_cast(result.dtype, target.dtype):
        raise messages.result_cast(result.dtype.scalar_type, target.dtype.scalar_type)


def _is_exact(origin: "Op", values: Sequence[Any]) -> bool:
    """Whether an operator without words of its own wants the dtype of its result exactly."""
    name = origin.base
    if name.endswith("matrix_power"):
        return not ends_with_a_square(values[1])  # The output gets the last product itself.
    if name in EXACT_COMPOSITES:
        return True
    return origin.effect is effects.fresh and origin.rule is None and name not in CASTING


def ends_with_a_square(n: int) -> bool:
    """Whether PyTorch makes this power of a matrix by squaring alone, and copies it."""
    return n in (0, 1) or ((n := abs(n)) > 2 and n & (n - 1) == 0)


def _check_spectrum(name: str, got: dtypes.dtype) -> None:
    """Refuse an output that is complex where a transform gives real numbers, or the other way round. Errors: RuntimeError."""
    real = name.startswith(("irfft", "hfft"))
    if got.is_floating_point if real else got.is_complex:
        return
    over = name.rstrip("2n") + "n" if name[-1] in "2n" else name
    called = "fftn" if over == "ifftn" else over
    raise RuntimeError(
        f"{called} expects a {'floating point' if real else 'complex'} output tensor, but got {got.scalar_type}"
    )


def check_memory(op: "Op", place: int, target: Tensor, result: Tensor, values: tuple[Any, ...]) -> None:
    """Refuse an output that shares memory with itself or with an input. Errors: RuntimeError."""
    inputs: Sequence[Any] = [
        one for value in values for one in (value if type(value) in (list, tuple) else (value,))
    ]
    origin = _origin(op)
    name = origin.base
    if name in CHECKED_ALONE:
        effects.check_overlap(target, ())
    if (
        name in ALIASING_ALLOWED
        or name in FILLED_FIRST
        or origin.name in ("max", "min")
        or origin.effect is effects.pointwise
    ):
        return
    if name in WRITES_INTO_SELF:
        source, *inputs = inputs
        if target.geometry.sizes == source.geometry.sizes:
            effects.check_overlap(target, (source,))
    effects.check_overlap(target, inputs)
    if name in ALIASING_REFUSED or origin.rule == dtypes.COMMON:
        for one in inputs[:1] if name == "gather" else inputs:
            if one is target or (
                isinstance(one, Tensor) and effects.overlap_of(target, one) in ("full", "partial")
            ):
                raise RuntimeError(messages.PARTIAL_OVERLAP)


def _words(origin: "Op", values: Sequence[Any]) -> str | tuple[str, ...] | None:
    name = origin.base
    if name == "matmul":
        # PyTorch multiplies by `dot` or `mv` where there are vectors.
        name = "mm" if values[1].ndim > 1 else "dot" if values[0].ndim == 1 else "mv"
    if name == "diff" and values[1]:
        return None  # It subtracts into the output.
    if name == "fft_ifft" and values[0].dtype.is_complex:
        return None  # Only real numbers are conjugated into the output.
    if name == "norm" and values[1] == "nuc":
        name = "linalg_matrix_norm"
    if name == "inner" and not all(one.ndim for one in values[:2]):
        return None  # It multiplies into the output.
    return WORDS.get(name)


def _wrong_dtype(
    origin: "Op", place: int, want: dtypes.dtype, got: dtypes.dtype, values: Sequence[Any]
) -> RuntimeError:
    words = (
        _words(origin, values) or "Expected out tensor to have dtype {want_cpp}, but got {got_cpp} instead"
    )
    text = words if isinstance(words, str) else words[place]
    return RuntimeError(
        text.format(
            want=want.scalar_type,
            got=got.scalar_type,
            want_cpp=want.cpp_name,
            got_cpp=got.cpp_name,
            want_type=want.tensor_type,
            got_type=got.tensor_type,
            out_int32=dict(zip(origin.names, values, strict=False)).get("out_int32"),
        )
    )


def _origin(op: "Op") -> "Op":
    while op.alias_of is not None:
        op = op.alias_of
    return op


def _check_pointwise(op: "Op", values: Sequence[Any], out: Tensor) -> None:
    """Refuse an `out=` of the wrong dtype before anything is computed. A function of one tensor converts nothing."""
    if op.check is not None:
        op.check(*values)
    rule = op.rule(*values) if callable(op.rule) else op.rule
    _, kind = dtypes.apply_rule(rule, effects.promoted_dtype(op, values))
    if out.dtype is not kind and op.base in WORDS:
        if op.base == "heaviside" and out.dtype.is_complex:
            raise RuntimeError("heaviside is not yet implemented for complex tensors.")
        raise _wrong_dtype(op, 0, kind, out.dtype, values)
    tensors = [one for i in op.tensors if isinstance(one := values[i], Tensor)]
    effects.check_overlap(out, tensors)
    sizes = effects.broadcast_sizes([one.geometry.sizes for one in tensors])
    if any(one is out for one in tensors):
        effects.check_output_shape(out, sizes)
    if (
        (
            rule in (dtypes.PROMOTE, dtypes.TO_REAL)
            and len(op.tensors) == 1
            and values[op.tensors[0]].dtype is kind
        )
        or op.name in ("clamp", "clamp_min", "clamp_max", "lerp.Tensor")
    ) and out.dtype is not kind:
        raise RuntimeError(f"Found dtype {out.dtype.scalar_type} but expected {kind.scalar_type}")
    if rule == dtypes.TO_REAL and out.dtype.is_complex:
        kind = values[op.tensors[0]].dtype  # The sizes of complex numbers are first written as such.
        if kind.is_complex and out.dtype is not kind:
            raise RuntimeError(f"Found dtype {out.dtype.scalar_type} but expected {kind.scalar_type}")
    if not dtypes.can_cast(kind, out.dtype):
        raise _cannot_cast(op, 0, kind, out.dtype, values)
