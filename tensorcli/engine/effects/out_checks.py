"""What PyTorch asks of the tensors given as `out=`: their dtype, and that they do not share memory with the inputs.

Operators fall into kinds by how they fill an output: element-wise ones cast into it, the others want the dtype of their
result exactly, some compute in the output's dtype, and a few have words of their own. Read when `out=` is first used.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.devices import META
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

COMPUTES_IN_OUTPUT: Final = frozenset("sum nansum prod cumsum cumprod mean".split())
"""Without a `dtype=` these compute in the dtype of the output."""

CASTING: Final = frozenset(
    "var std logsumexp bernoulli addr cholesky cholesky_inverse cholesky_solve linalg_eig linalg_eigvals linalg_pinv "
    "linalg_householder_product matrix_power linalg_matrix_power linalg_tensorinv linalg_tensorsolve fft_fftfreq "
    "fft_rfftfreq".split()
)
"""Operators that are not element-wise and cast their result into the output all the same."""

EXACT_COMPOSITES: Final = frozenset(
    "cross diag lu_solve linear qr svd msort take_along_dim softmax log_softmax special_softmax special_log_softmax "
    "norm index_add linalg_det linalg_cholesky linalg_eigh linalg_eigvalsh linalg_slogdet linalg_lu_factor linalg_inv "
    "inverse linalg_solve linalg_solve_ex linalg_svd linalg_svdvals linalg_qr expand_copy diagonal_copy alias_copy "
    "as_strided_copy view_copy permute_copy split_with_sizes_copy unbind_copy unfold_copy squeeze_copy unsqueeze_copy "
    "transpose_copy t_copy slogdet det argsort matmul".split()
)
"""Operators made of others that want the dtype of their result exactly."""

CHECKED_FIRST: Final = frozenset("softmax log_softmax amax amin mm matmul".split())
"""Operators that look at the dtype of the output before they look at that of the input, which is the result's."""

OVERLAP_FIRST: Final = frozenset("diff take index_select masked_select scatter scatter_add nonzero".split())
"""Operators that look at the memory of the output before they give it its size, as element-wise ones do; the others after."""

DTYPE_LAST: Final[dict[str, Callable[[tuple[Any, ...]], bool]]] = {
    # Along a new last dimension it is `cat` of the output itself, else of a view of the output.
    "stack": lambda values: values[1] not in (-1, values[0][0].ndim),
    "matmul": lambda values: max(one.ndim for one in values) > 2,
    **dict.fromkeys(("matrix_power", "linalg_matrix_power"), lambda values: True),
}
"""Operators that give the output its size before they look at its dtype, and for which values."""

ALIASING_REFUSED: Final = frozenset(
    "gather take index_select masked_select kthvalue scatter scatter_add scatter_reduce index_add index_copy index_reduce "
    "nonzero cross linalg_cross take_along_dim diff".split()
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
    "linalg_svdvals _linalg_svd linalg_pinv quantile nanquantile diag histc".split()
) | {f"fft_{name}{over}" for name in ("fft", "ifft", "rfft", "irfft") for over in ("", "2", "n")}
"""Operators that write where they read: PyTorch does not look, and has read before it writes."""

CHECKED_ALONE: Final = frozenset(
    "mean logsumexp quantile nanquantile linalg_inv inverse median nanmedian diag addmm addbmm".split()
)
"""Of these and the next, those that refuse an output whose elements share memory with each other."""

FILLED_FIRST: Final = frozenset("mv addmv addmm addbmm".split())
"""Products that begin with what is added to them, or zeros, in the output, and do not look whether a factor lies there too."""

COUNTED: Final = {"kron": 0, "nanmean": 2}
"""How often an output is written into, where it is not once: `kron` writes through a view with a counter of its own."""

WORDS: Final = {
    "take": "take(): self and out expected to have the same dtype, but got self.dtype = {want} and out.dtype = {got}",
    "index_select": "index_select(): self and result must have the same scalar type",
    "masked_select": "masked_select(): self and result must have the same scalar type",
    "nonzero_static": "nonzero_static: Expected out tensor to have scalar type {want} but got scalar type{got}",
    "kthvalue": "output values must be of same type as input",
    "mode": "expected scalar type '{want}' but got '{got}' for values output",
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
    "histc": "torch.histogram: input tensor and hist tensor should have the same dtype, but got input {want.lower} and hist "
    "{got.lower}",
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
    "frexp": "torch.frexp() expects mantissa to have dtype {want_cpp} but got {got_cpp}",
    **dict.fromkeys(
        ("searchsorted", "bucketize"),
        "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether "
        "out_int32 flag is True, but we got output tensor's dtype {got} and out_int32 flag is {out_int32}",
    ),
}
"""What operators say of an output whose dtype is not that of the result. Errors: RuntimeError."""

DEVICE_WORDS: Final = {
    **dict.fromkeys(
        ("gather", "topk", "max", "min", "linalg_det", "linalg_inv", "inverse"),
        "Expected out tensor to have device {want}, but got {got} instead",
    ),
    **dict.fromkeys(
        ("quantile", "nanquantile"), "quantile() out tensor must be on the same device as the input tensor"
    ),
}
"""What operators say of an output on another device; the others say that nothing can be copied there."""

_CASTABLE: Final = (
    "{name}: Expected result to be safely castable from {want} dtype, but got result with dtype {got}"
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
    "linalg_eigvals": (
        RuntimeError,
        "torch.linalg.eigvals: Expected eigenvalues to be safely castable from {want} dtype, but got eigenvalues with dtype "
        "{got}",
        "",
    ),
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


def check_device(op: "Op", values: Sequence[Any], outs: Sequence[Tensor]) -> None:
    """Refuse an output that holds no elements where the inputs do, or the other way round. Errors: RuntimeError."""
    if not any(isinstance(one, Tensor) and one.device is META for one in (*outs, *values)):
        return
    origin = _origin(op)
    device = effects.device_of(origin, values)
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
        return (*values[:-1], outs[0].dtype)
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
            raise _wrong_dtype(origin, kind, outs[0].dtype, values)
        if origin.base.endswith("softmax") and kind.category != dtypes.FLOATING:
            # There is no kernel, which PyTorch finds out when the output has its size.
            effects.size_out(outs[0], values[0].geometry)
    return values


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

    dim, keepdim = (values[1], values[2]) if len(values) > 2 else (None, False)
    total = functions.sum(values[0].detach(), dim, keepdim, dtype=out.dtype)
    effects.size_out(out, total.geometry)
    effects.store_quietly(out, total.values)
    raise messages.result_cast(dtypes.default.floating.scalar_type, out.dtype.scalar_type)


def order(op: "Op", values: tuple[Any, ...]) -> tuple[bool, bool]:
    """Whether the output's dtype, and whether its memory, is looked at before the output gets its size."""
    name = _origin(op).base
    return not (name in DTYPE_LAST and DTYPE_LAST[name](values)), name in OVERLAP_FIRST


def check_dtype(op: "Op", target: Tensor, result: Tensor, values: tuple[Any, ...]) -> None:
    """Refuse an output of another dtype than the operator writes. Errors: RuntimeError, TypeError."""
    origin = _origin(op)
    name = origin.base
    if result.dtype is not target.dtype:
        if name.startswith("fft_"):
            _check_spectrum(name.removeprefix("fft_"), target.dtype, result.dtype.is_complex)
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
        words = _words(origin, values)
        exact = origin.effect is effects.fresh and origin.rule is None and name not in CASTING
        if name.endswith("matrix_power"):
            exact = values[1] not in (0, 1)  # The output gets the last product itself.
        if words is not None or exact or name in EXACT_COMPOSITES:
            raise _wrong_dtype(origin, result.dtype, target.dtype, values)
        if name in CAST_WORDS and not dtypes.can_cast(result.dtype, target.dtype):
            kind, text, called = CAST_WORDS[name]
            raise kind(text.format(name=called, want=result.dtype.scalar_type, got=target.dtype.scalar_type))
        if not dtypes.can_cast(result.dtype, target.dtype):
            raise messages.result_cast(result.dtype.scalar_type, target.dtype.scalar_type)


def _check_spectrum(name: str, got: dtypes.dtype, complex_result: bool) -> None:
    """Refuse an output that is complex where a transform gives real numbers, or the other way round. Errors: RuntimeError."""
    if got.is_complex if complex_result else got.is_floating_point:
        return
    over = name.rstrip("2n") + "n" if name[-1] in "2n" else name
    called = "fftn" if over == "ifftn" else over
    raise RuntimeError(
        f"{called} expects a {'complex' if complex_result else 'floating point'} output tensor, but got {got.scalar_type}"
    )


def check_memory(op: "Op", target: Tensor, inputs: Sequence[Any]) -> None:
    """Refuse an output that shares memory with itself or with an input. Errors: RuntimeError."""
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


def _words(origin: "Op", values: Sequence[Any]) -> str | None:
    name = origin.base
    if name == "matmul":
        # PyTorch multiplies by `dot` or `mv` where there are vectors.
        name = "mm" if values[1].ndim > 1 else "dot" if values[0].ndim == 1 else "mv"
    if name == "diff" and values[1]:
        return None  # It subtracts into the output.
    return None if origin.effect is effects.pointwise and name != "where" else WORDS.get(name)


def _wrong_dtype(origin: "Op", want: dtypes.dtype, got: dtypes.dtype, values: Sequence[Any]) -> RuntimeError:
    text = _words(origin, values) or "Expected out tensor to have dtype {want_cpp}, but got {got_cpp} instead"
    return RuntimeError(
        text.format(
            want=_Named(want.scalar_type),
            got=_Named(got.scalar_type),
            want_cpp=want.cpp_name,
            got_cpp=got.cpp_name,
            want_type=want.tensor_type,
            got_type=got.tensor_type,
            out_int32=dict(zip(origin.names, values, strict=False)).get("out_int32"),
        )
    )


class _Named(str):
    """The name of a scalar type, which some texts write in small letters: `{want.lower}`."""

    __slots__ = ()

    @property
    def lower(self) -> str:  # type: ignore[override]
        return str.lower(self)


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
        text = WORDS[op.base].format(want=kind.scalar_type, got=out.dtype.scalar_type)
        raise RuntimeError(text)
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
        raise messages.result_cast(kind.scalar_type, out.dtype.scalar_type)
