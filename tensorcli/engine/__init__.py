"""The engine: PyTorch 2.13's tensor semantics over numpy, usable alone as a small torch.

    import tensorcli.engine as torch

The public surface carries PyTorch's names. Operators are found in the table (`table.OPS`) when they are first asked for;
everything else is named in `_PUBLIC`. The engine knows no terminal, no session and no colour; its only text is PyTorch's.
"""

import math as _math
import sys as _sys
import warnings as _warnings
from importlib import import_module as _import_module
from os import listdir as _listdir
from typing import Any

from tensorcli.engine import callers as _callers
from tensorcli.engine import dtypes as _dtypes
from tensorcli.engine import methods as _methods  # noqa: F401 (what is not an operator, over the table; special methods)
from tensorcli.engine import ops as _ops  # noqa: F401 (fills the table)
from tensorcli.engine import overrides as _overrides
from tensorcli.engine.autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from tensorcli.engine.devices import Device as device  # noqa: N813 (PyTorch's name)
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.late import listed as _listed
from tensorcli.engine.methods import attributes as _attributes  # noqa: F401 (Tensor's, that are no operators)
from tensorcli.engine.tensor import Size, Tensor
from tensorcli.engine.torch_version import TorchVersion as _TorchVersion

__version__ = _TorchVersion("2.13.0+cpu")

_overrides.torch = _sys.modules[__name__]

# numpy warns where PyTorch computes an infinity or a NaN in silence: a filter costs a call nothing, unlike `np.errstate`.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"tensorcli\.engine\.")

globals().update(_dtypes.DTYPES)
half, float, double = _dtypes.float16, _dtypes.float32, _dtypes.float64
short, int, long = _dtypes.int16, _dtypes.int32, _dtypes.int64
cfloat, cdouble, chalf = _dtypes.complex64, _dtypes.complex128, _dtypes.complex32
inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
newaxis = None
has_lapack = has_mkl = has_openmp = has_spectral = True

_SUBMODULES = frozenset(
    "accelerator amp autograd backends cpu cuda distributions fft func linalg mps nn optim quasirandom random serialization "
    "signal special testing torch_version utils version xpu".split()
)


def tensor(*args: Any, **kwargs: Any) -> Tensor:
    """A new leaf made of numbers, nested lists or an array, which are always copied."""
    # The submodule of this name is bound to the package when it is imported: the function stands over it from here on.
    from tensorcli.engine import construct

    return construct.tensor(*args, **kwargs)


_PUBLIC: dict[str, str] = _listed(
    {
        "amp.scaler": "GradScaler",
        "utils.dlpack": "to_dlpack",
        "eigenpairs": "lobpcg",
        "serialization": "save load",
        "construct": "as_tensor asarray from_numpy from_dlpack frombuffer",
        "construct.legacy": "FloatTensor DoubleTensor HalfTensor BFloat16Tensor LongTensor IntTensor ShortTensor CharTensor "
        "ByteTensor BoolTensor set_default_tensor_type",
        "printing": "set_printoptions",
        "random": "Generator manual_seed seed initial_seed get_rng_state set_rng_state default_generator",
        "queries": "finfo iinfo promote_types result_type can_cast is_tensor is_floating_point is_complex is_nonzero "
        "is_storage numel broadcast_shapes memory_format layout strided preserve_format contiguous_format "
        "channels_last channels_last_3d is_same_size typename is_conj is_neg is_inference is_distributed "
        "sparse_coo sparse_csr unravel_index is_signed get_device",
        "devices": "AcceleratorError OutOfMemoryError",
        "indexing": "nonzero",
        "removed": "matrix_rank solve lstsq symeig eig",
        "untyped_storages": "UntypedStorage",
        "typed_storages": " ".join(["TypedStorage", *(f"{kind}Storage" for kind in _dtypes.STORED)]),
        "variadic": "split broadcast_tensors block_diag cartesian_prod meshgrid atleast_1d atleast_2d atleast_3d",
        "settings": "set_default_dtype get_default_dtype get_default_device set_default_device get_num_threads "
        "set_num_threads get_num_interop_threads set_num_interop_threads get_float32_matmul_precision "
        "set_float32_matmul_precision use_deterministic_algorithms are_deterministic_algorithms_enabled "
        "is_deterministic_algorithms_warn_only_enabled set_deterministic_debug_mode "
        "get_deterministic_debug_mode set_flush_denormal is_warn_always_enabled set_warn_always",
        "amp.casting": "autocast is_autocast_enabled set_autocast_enabled get_autocast_dtype set_autocast_dtype "
        "is_autocast_cache_enabled set_autocast_cache_enabled clear_autocast_cache get_autocast_gpu_dtype "
        "get_autocast_cpu_dtype is_autocast_cpu_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled "
        "set_autocast_gpu_dtype",
        "autograd.anomaly": "is_anomaly_enabled is_anomaly_check_nan_enabled set_anomaly_enabled",
        "checks": "_assert _check _check_index _check_is_size _check_not_implemented _check_tensor_all _check_type "
        "_check_value _check_with",
        "return_types": "return_types",
        "lowrank": "svd_lowrank pca_lowrank",
        "batch.vmap": "vmap",
        "symbolic": "SymBool SymFloat SymInt sym_float sym_int sym_ite sym_max sym_min sym_not sym_sqrt sym_sum",
        "version": "compiled_with_cxx11_abi is_vulkan_available",
        "functional": "tensordot einsum cdist chain_matmul unique_consecutive",
    }
)
"""Where each public name that is not an operator comes from: a module of the engine."""


_DEPRECATED = {
    "has_mps": "mps.is_built",
    "has_cuda": "cuda.is_built",
    "has_cudnn": "cudnn.is_available",
    "has_mkldnn": "mkldnn.is_available",
}
"""What PyTorch keeps under another name, below `torch.backends`, and warns of."""

_OWN = frozenset(entry.partition(".")[0] for entry in _listdir(__path__[0]))
"""The package's modules: `from tensorcli.engine import events` asks for the attribute before it imports the module."""


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return _import_module(f"tensorcli.engine.{name}")
    if name in _DEPRECATED:
        from tensorcli.engine.removed import deprecated_flag

        return deprecated_flag(name, _DEPRECATED[name])
    where = _PUBLIC.get(name)
    if where is None and name in _OWN:
        raise AttributeError(name)
    if where is not None:
        module = _import_module(f"tensorcli.engine.{where}")
        found = module if where == name else getattr(module, name)
    elif name == "Storage":
        # The storage class of the default dtype, which may change: not kept.
        return getattr(
            _import_module("tensorcli.engine.typed_storages"),
            f"{_dtypes.default.floating.scalar_type}Storage",
        )
    elif name.startswith("_foreach_"):
        from tensorcli.engine import foreach

        found = foreach.function(name) if name in foreach.NAMES else _callers.function(name)
    else:
        found = _callers.function(name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    names = set(globals()) | _SUBMODULES | set(_PUBLIC) | _callers.function_names()
    return sorted(name for name in names if not name.startswith("_"))


__all__ = [
    "Size",
    "Tensor",
    "device",
    "dtype",
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]
