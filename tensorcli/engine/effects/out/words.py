"""What operators say of an output that cannot hold their result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import dtypes, messages

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

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
        (
            "Expected tensor for 'values' to have the same type as tensor for argument #2 'self'; but type "
            "{got_type} does not equal {want_type} (while checking arguments for median)",
            "Expected tensor for argument #1 'indices' to have scalar type Long; but got {got_type} instead "
            "(while checking arguments for median)",
        ),
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


def words(origin: "Op", values: Sequence[Any]) -> str | tuple[str, ...] | None:
    """What the operator says of another dtype, for each output where they differ; None where it has no words of its own."""
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


def wrong_dtype(
    origin: "Op", place: int, want: dtypes.dtype, got: dtypes.dtype, values: Sequence[Any]
) -> RuntimeError:
    """The error for an output of dtype `got` where the result has `want`."""
    said = words(origin, values) or "Expected out tensor to have dtype {want_cpp}, but got {got_cpp} instead"
    text = said if isinstance(said, str) else said[place]
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


def cannot_cast(
    origin: "Op", place: int, want: dtypes.dtype, got: dtypes.dtype, values: Sequence[Any]
) -> Exception:
    """The error for an output of dtype `got` that no result of dtype `want` can be cast to."""
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
