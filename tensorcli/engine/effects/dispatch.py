"""The dtypes that PyTorch's kernels are compiled for, where ours would take more.

`_ONLY` has the kernels of a few dtypes: those of LAPACK, of special functions, of losses and pooling. `_WITHOUT` has the
others, which take all dtypes but uint16, uint32 and uint64. The names are those of PyTorch's kernels, which its errors say.
"""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tensorcli.engine import dtypes, messages

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

_FLOATS: Final = frozenset((dtypes.float32, dtypes.float64))
_HALVES: Final = _FLOATS | {dtypes.float16, dtypes.bfloat16}
_COMPLEX: Final = frozenset((dtypes.complex64, dtypes.complex128))
_ONLY: Final = {
    _FLOATS | _COMPLEX: {
        "lu_cpu": "linalg_lu linalg_lu_factor_ex _linalg_solve_ex _linalg_det",
        "linalg.lu_solve_cpu": "linalg_lu_solve",
        "linalg_svd_cpu": "_linalg_svd",
        "linalg_eigh_cpu": "_linalg_eigh",
        "linalg_eig_out_cpu": "linalg_eig",
        "geqrf_cpu": "geqrf linalg_qr",
        "orgqr_cpu": "linalg_householder_product",
        "ormqr_cpu": "ormqr",
        "cholesky_cpu": "cholesky linalg_cholesky_ex",
        "cholesky_inverse_out_cpu": "cholesky_inverse",
        "cholesky_solve_cpu": "cholesky_solve",
        "ldl_factor_kernel_cpu": "linalg_ldl_factor_ex",
        "ldl_solve_kernel_cpu": "linalg_ldl_solve",
        "triangular_solve_cpu": "linalg_solve_triangular triangular_solve",
    },
    _FLOATS: {
        **{
            f"{name}_cpu": f"special_{name}"
            for name in (
                "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u "
                "chebyshev_polynomial_v chebyshev_polynomial_w erfcx hermite_polynomial_h hermite_polynomial_he "
                "laguerre_polynomial_l legendre_polynomial_p log_ndtr modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 "
                "modified_bessel_k1 ndtri scaled_modified_bessel_k0 scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t "
                "shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w "
                "spherical_bessel_j0 zeta"
            ).split()
        },
        "multi_margin_loss_cpu_kernel": "multi_margin_loss",
        "multilabel_margin_loss_forward_out_frame": "multilabel_margin_loss_forward",
        "ctc_loss_cpu": "_ctc_loss",
    },
    _FLOATS | {dtypes.int64}: {"avg_pool3d_out_frame": "avg_pool3d"},
    _HALVES: {
        "max_unpool2d": "max_unpool2d",
        "max_unpool3d": "max_unpool3d",
        "grid_sampler_2d_cpu_kernel_impl": "grid_sampler_2d",
        "grid_sampler3d_cpu": "grid_sampler_3d",
        "nll_loss_out_frame": "nll_loss_forward",
        "nll_loss2d_forward_out_frame": "nll_loss2d_forward",
    },
    _HALVES | {dtypes.int64}: {"avg_pool2d": "avg_pool2d"},
    _HALVES | _COMPLEX | {dtypes.bool_}: {"im2col_out_cpu": "im2col"},
    frozenset(dtypes.DTYPES.values()) - {dtypes.bool_}: {
        f"{kind}_pad{n}d": f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3)
    },
}
"""By the dtypes, the kernels and the operators (base names) that call them."""
_EVEN_FOR_NOTHING: Final = frozenset(
    "geqrf_cpu orgqr_cpu ormqr_cpu linalg_eig_out_cpu cholesky_inverse_out_cpu cholesky_solve_cpu triangular_solve_cpu "
    "avg_pool2d avg_pool3d_out_frame nll_loss_out_frame nll_loss2d_forward_out_frame im2col_out_cpu".split()
) | {f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3)}
"""The kernels that PyTorch calls for tensors without elements too."""
_COMPILED: Final = {
    name: (kernel, kinds)
    for kinds, kernels in _ONLY.items()
    for kernel, names in kernels.items()
    for name in names.split()
}

_WITHOUT: Final = {
    "add_stub": "add sub rsub dist",
    "div_floor_cpu": "floor_divide",
    "div_{2}_cpu": "div.Tensor_mode",
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
    "max_cpu": "max.dim",
    "min_cpu": "min.dim",
    "max_values_cpu": "amax",
    "min_values_cpu": "amin",
    "aminmax_cpu": "aminmax",
    "argmax_cpu": "argmax",
    "argmin_cpu": "argmin",
    "nonzero_count_cpu": "count_nonzero nonzero",
    "median_cpu": "median nanmedian",
    "mode_cpu": "mode",
    "index_select": "index_select",
    "addr_cpu": "addr",
    "cross": "linalg_cross",
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
    "flip_cpu": "flip",
    "eye": "eye",
    **{f"{name}_cpu": name for name in ("arange", "linspace", "logspace", "range")},
    **{name: name for name in ("tril_indices", "triu_indices")},
}
"""By the kernel's name, the operators that call it: base names, or full ones where overloads differ."""
_REFUSED_FIRST: Final = ("bincount", "dist")
"""The operators whose kernel is refused before anything else is."""
_NOT_FOR_NOTHING: Final = frozenset(
    "amax amin cummax cummin gather masked_select median nanmedian mode tril triu mm addmm".split()
)
"""The operators that do not call their kernel where there are no elements, to read or to give."""
_KERNELS: Final = {name: kernel for kernel, names in _WITHOUT.items() for name in names.split()}
_ONLY_ASKED: Final = ("cumsum", "cumprod", "sum", "prod")
"""Operators that compute in int64 unless another dtype is asked for."""


def compiled_for(op: "Op") -> tuple[str, frozenset[dtypes.dtype]] | None:
    """The kernel that PyTorch calls for an operator and the dtypes it takes; None where ours takes no more."""
    return _COMPILED.get(op.base)


def is_refused(op: "Op", kind: dtypes.dtype, elements: int) -> bool:
    """Whether PyTorch calls a kernel for an operator that is not compiled for the dtype of its first tensor."""
    found = op.compiled_for
    return found is not None and kind not in found[1] and (elements > 0 or found[0] in _EVEN_FOR_NOTHING)


def refuse_wide(op: "Op", arguments: Sequence[Any]) -> None:
    """Refuse arrays of a dtype that PyTorch's kernel is not compiled for, after what our kernel has to say of sizes and numbers,
    which PyTorch checks first. Errors: NotImplementedError.
    """
    out_of_place = op.base.rstrip("_")
    names = (op.name, op.base, f"{out_of_place}.{op.overload}", out_of_place)
    kernel = next((_KERNELS[name] for name in names if name in _KERNELS), None)
    if kernel is None:
        return
    kind = next((one for one in arguments if isinstance(one, dtypes.dtype)), None)
    if kind is None:
        if op.base in _ONLY_ASKED:
            return
        kind = dtypes.from_numpy_dtype(next(one for one in arguments if is_wide(one)).dtype)
    if kind.np.char not in dtypes.WIDE_UNSIGNED:
        return
    refusal = messages.not_implemented(kernel.format(*arguments), kind.scalar_type)
    if op.base in _REFUSED_FIRST:
        raise refusal
    first = arguments[0]
    tried = (first.copy(), *arguments[1:]) if "(a!)" in op.line else arguments
    with contextlib.suppress(TypeError, ValueError, OverflowError):  # numpy's
        answer = op.kernel(np, *tried)
        found = answer[0] if type(answer) is tuple else answer
        found = np.asarray(getattr(found, "array", found))
        if op.base.rstrip("_") in _NOT_FOR_NOTHING and not (first.size and found.size):
            return
    raise refusal


def is_wide(one: Any) -> bool:
    """Whether this is an array of unsigned integers of more than a byte."""
    return hasattr(one, "dtype") and one.dtype.char in dtypes.WIDE_UNSIGNED
