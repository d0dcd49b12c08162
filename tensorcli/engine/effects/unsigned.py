"""What PyTorch's kernels refuse of uint16, uint32 and uint64, which few of them are compiled for.

Read when an operator meets such an array for the first time; the names are those of PyTorch's kernels, which its errors say.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import dtypes

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

_WITHOUT: Final = {
    "add_stub": "add sub rsub",
    "div_floor_cpu": "floor_divide",
    "div_{2}_cpu": "div.Tensor_mode div.Scalar_mode",
    "remainder_cpu": "remainder",
    "fmod_cpu": "fmod",
    "addcmul_cpu_out": "addcmul",
    "pow": "pow square",
    "neg_cpu": "neg",
    "abs_cpu": "abs",
    "sign_cpu": "sgn sign",
    "maximum_cpu": "maximum fmax clamp_min.Tensor",
    "minimum_cpu": "minimum fmin clamp_max.Tensor",
    "clamp_min_scalar_cpu": "clamp_min relu",
    "clamp_max_scalar_cpu": "clamp_max",
    "clamp_scalar_cpu": "hardtanh",
    "heaviside_cpu": "heaviside",
    "max_all": "max",
    "min_all": "min",
    "max_values_cpu": "amax",
    "min_values_cpu": "amin",
    "aminmax_cpu": "aminmax histc",
    "argmax_cpu": "argmax",
    "argmin_cpu": "argmin",
    "nonzero_count_cpu": "count_nonzero nonzero",
    "median_cpu": "median nanmedian",
    "mode_cpu": "mode",
    "kthvalue_cpu": "kthvalue",
    "topk_cpu": "topk",
    "cummax_cpu": "cummax",
    "cummin_cpu": "cummin",
    "cumsum_out_cpu": "cumsum",
    "cumprod_out_cpu": "cumprod",
    "sum_cpu": "sum",
    "prod_out_cpu": "prod",
    **{f"{name}_cpu": name for name in ("lt", "le", "gt", "ge")},
    **{f"logical_{name}_cpu": f"logical_{name}" for name in ("and", "or", "xor", "not")},
    "searchsorted_out_cpu": "searchsorted bucketize",
    "isin_default_cpu": "isin",
    "conj_cpu": "_conj_physical",
    "take_cpu": "take",
    "take_put_cpu": "put put_",
    "masked_select": "masked_select",
    "masked_scatter": "masked_scatter masked_scatter_",
    "masked_fill": "masked_fill",
    "index_fill_cpu": "index_fill",
    "index_copy_cpu": "index_copy",
    "index_add_": "index_add",
    "scatter_gather_tensor_cpu": "gather scatter_add scatter_reduce scatter.src",
    "scatter_gather_scalar_cpu": "scatter.value",
    "addmm_impl_cpu_": "addmm mm",
    "dot": "dot vdot",
    "gcd_cpu": "gcd",
    "lcm_cpu": "lcm",
    "bitwise_not_cpu": "bitwise_not",
    "lshift_cpu": "bitwise_left_shift",
    "rshift_cpu": "bitwise_right_shift",
    "tril": "tril",
    "triu": "triu",
    "bincount_cpu": "bincount",
    "cholesky_solve_cpu": "cholesky_solve",
    "geqrf_cpu": "geqrf",
}
"""By the kernel's name, the operators that call it: base names, or full ones where overloads differ."""
_KERNELS: Final = {name: kernel for kernel, names in _WITHOUT.items() for name in names.split()}
_ONLY_ASKED: Final = ("cumsum", "cumprod", "sum", "prod")
"""Operators that compute in int64 unless another dtype is asked for."""


def refuse(op: "Op", arguments: Sequence[Any]) -> None:
    """Refuse arrays of a dtype that PyTorch's kernel is not compiled for. Errors: NotImplementedError."""
    kernel = _KERNELS.get(op.name) or _KERNELS.get(op.base)
    if kernel is None:
        return
    kind = next((one for one in arguments if isinstance(one, dtypes.dtype)), None)
    if kind is None:
        if op.base in _ONLY_ASKED:
            return
        kind = dtypes.from_numpy_dtype(next(one for one in arguments if is_wide(one)).dtype)
    if kind.np.char in dtypes.WIDE_UNSIGNED:
        raise NotImplementedError(f"\"{kernel.format(*arguments)}\" not implemented for '{kind.scalar_type}'")


def is_wide(one: Any) -> bool:
    """Whether this is an array of unsigned integers of more than a byte."""
    return hasattr(one, "dtype") and one.dtype.char in dtypes.WIDE_UNSIGNED
