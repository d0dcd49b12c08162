"""Which kernels of PyTorch are compiled for few dtypes where ours would take more: LAPACK, special functions, losses, pooling.

The tables name PyTorch's kernels, which its errors name.
"""

from typing import TYPE_CHECKING, Final

from tensorcli.engine import dtypes

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
    frozenset(dtypes.DTYPES.values()) - {dtypes.bool_, *dtypes.BAREBONES, *dtypes.FLOAT8}: {
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


def compiled_for(op: "Op") -> tuple[str, frozenset[dtypes.dtype]] | None:
    """The kernel that PyTorch calls for an operator and the dtypes it takes; None where ours takes no more."""
    return _COMPILED.get(op.base)


def is_refused(op: "Op", kind: dtypes.dtype, elements: int) -> bool:
    """Whether PyTorch calls a kernel for an operator that is not compiled for the dtype of its first tensor."""
    found = op.compiled_for
    return found is not None and kind not in found[1] and (elements > 0 or found[0] in _EVEN_FOR_NOTHING)
