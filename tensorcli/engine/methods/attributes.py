"""Attributes of Tensor that are no operators: `grad`, `data`, the transposes (`T`, `mT`, `H`, `mH`), and what kind of tensor
it is (`layout`, `is_sparse`, `is_cuda`).

What no tensor is here, sparse or quantised, is answered here too.
"""

from collections.abc import Callable
from typing import Any

from tensorcli.engine import dtypes, events, formats, messages
from tensorcli.engine.autograd.accumulate import check_assigned_grad, grad_dtype, set_grad_dtype
from tensorcli.engine.autograd.modes import mode, transforms
from tensorcli.engine.methods.declared import bare, parsed
from tensorcli.engine.native import type_name
from tensorcli.engine.ops import read_for
from tensorcli.engine.tensor import ReadOnly, Tensor, stored_tensor

# ---- x.grad


def get_grad(self: Tensor) -> Tensor | None:
    """The gradient that backward passes added up in a leaf; None before the first, and None of computed tensors that do not
    retain theirs.
    """
    if self._grad is None and not self.retains_grad and self.node is not None:
        messages.warn(messages.NON_LEAF_GRAD)
    return self._grad


def set_grad(self: Tensor, value: Any) -> None:
    """Set the gradient, or None. Errors: TypeError, RuntimeError for one that does not fit."""
    check_assigned_grad(self, value)
    self._grad = value


def delete_grad(self: Tensor) -> None:
    """Forget the gradient."""
    self._grad = None


Tensor.grad = property(get_grad, set_grad, delete_grad)  # type: ignore[assignment]
Tensor.grad_dtype = property(grad_dtype, set_grad_dtype)  # type: ignore[attr-defined]


# ---- x.data


def get_data(self: Tensor) -> Tensor:
    """Another handle on the storage: no history, and a version counter of its own, which checks do not see."""
    if self.batch is not None:
        raise RuntimeError("accessing `data` under vmap transform is not allowed")
    made = stored_tensor(self.memory, self.geometry, self.dtype, self.lazy)
    made.levels = self.levels
    if self.inference:
        made.become_inference(self, unguarded=not mode.inference)
    return made


def set_data(self: Tensor, value: Any) -> None:
    """Move this handle to another tensor's memory; both counters stay. Errors: TypeError, RuntimeError."""
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type_name(type(value))}")
    if self.batch is not None:
        raise RuntimeError("mutating directly with `.data` under vmap transform is not allowed.")
    if self.levels and transforms:
        raise RuntimeError("mutating directly with `.data` inside functorch transform is not allowed.")
    if self.requires_grad and value.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            "data set to a tensor that requires gradients must be floating point or complex dtype"
        )
    if value.is_meta is not self.is_meta:
        raise RuntimeError(
            "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have incompatible tensor type."
        )
    if self.accumulator is not None and (value.dtype is not self.dtype or value.device is not self.device):
        # The node that adds to .grad remembers what it was made for: the sizes too, which PyTorch forgets to look at.
        self.accumulator = None
    if events.observer is not None:
        events.observer.moves(self, value)
    uncounted = self.uncounted
    counter = None if uncounted else self.counter
    self.replace_memory(value.memory, value.geometry, value.dtype)
    self.lazy = value.lazy
    self.inference = value.inference
    if uncounted is not self.inference:
        self._uncounted = uncounted
    if counter is not None:
        self._counter = counter


def delete_data(self: Tensor) -> None:
    """Refused. Errors: RuntimeError."""
    raise RuntimeError("Deleting tensor data is not allowed. Delete tensor instead!")


Tensor.data = property(get_data, set_data, delete_data)  # type: ignore[attr-defined]


# ---- x.T and its kind


def reversed_dimensions(self: Tensor) -> Tensor:
    """All dimensions in reverse order: a view."""
    ndim = self.geometry.ndim
    if not ndim:
        _deprecated_on_scalars("Tensor.T", _IDENTITY)
    elif ndim != 2:
        messages.warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw "
            "an error in a future release. Consider `x.mT` to transpose batches of matrices or "
            "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor.",
            once=True,
        )
    return self.permute(tuple(range(ndim - 1, -1, -1)))  # type: ignore[no-any-return]


def matrix_transposed(self: Tensor) -> Tensor:
    """The last two dimensions swapped: a view. Errors: RuntimeError where there is one alone."""
    return matrices_transposed(self, "mT")


def hermitian(self: Tensor) -> Tensor:
    """The matrix transposed and conjugated: a view. Errors: RuntimeError on any but two dimensions."""
    ndim = self.geometry.ndim
    if not ndim:
        _deprecated_on_scalars("Tensor.H", _CONJUGATE)
        return self.conj()  # type: ignore[no-any-return]
    if ndim != 2:
        batches = " For batches of matrices, consider using tensor.mH" if ndim > 2 else ""
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor.{batches}"
        )
    return matrices_transposed(self, "mH", conjugate=True)


def matrix_adjoint(self: Tensor) -> Tensor:
    """The last two dimensions swapped, and conjugated: a view. Errors: RuntimeError where there is one alone."""
    return matrices_transposed(self, "mH", conjugate=True)


def matrices_transposed(self: Tensor, name: str, conjugate: bool = False) -> Tensor:
    """The last two dimensions swapped, for what is called `name`. Errors: RuntimeError where there is one alone."""
    ndim = self.geometry.ndim
    if ndim == 1:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    if not ndim:
        shown = name if name.endswith("()") else f"Tensor.{name}"
        _deprecated_on_scalars(shown, _CONJUGATE if conjugate else _IDENTITY)
        return self.conj() if conjugate else self
    found = self.transpose(-2, -1)
    return found.conj() if conjugate and self.dtype.is_complex else found  # type: ignore[no-any-return]


_IDENTITY = " This function is the identity in these cases."
_CONJUGATE = " Consider using x.conj()."


def _deprecated_on_scalars(shown: str, advice: str) -> None:
    messages.warn(f"{shown} is deprecated on 0-D tensors.{advice}", once=True)


Tensor.T = ReadOnly(reversed_dimensions)  # type: ignore[attr-defined]
Tensor.mT = ReadOnly(matrix_transposed)  # type: ignore[attr-defined]
Tensor.H = ReadOnly(hermitian)  # type: ignore[attr-defined]
Tensor.mH = ReadOnly(matrix_adjoint)  # type: ignore[attr-defined]


# ---- attributes that say what kind of tensor this is

Tensor.layout = ReadOnly(lambda self: formats.strided)  # type: ignore[attr-defined]
for _kind in (
    "sparse",
    "sparse_csr",
    "quantized",
    "mkldnn",
    "nested",
    "xpu",
    "mps",
    "mtia",
    "hpu",
    "ipu",
    "maia",
    "vulkan",
    "xla",
):
    setattr(Tensor, f"is_{_kind}", ReadOnly(lambda self: False))
_NO_SPARSE = {
    "coalesce": "coalesce expected sparse coordinate tensor layout but got Strided",
    "indices": "indices expected sparse coordinate tensor layout but got Strided",
    "is_coalesced": "is_coalesced expected sparse coordinate tensor layout but got Strided",
    "crow_indices": "crow_indices expected sparse row compressed tensor layout but got Strided",
    "col_indices": "col_indices expected sparse row compressed tensor layout but got Strided",
}
"""What only sparse tensors have, and what PyTorch says of it on the others."""


def _refusing(name: str, complaint: str) -> Callable[[Tensor], Any]:
    def refuse(self: Tensor) -> Any:
        raise RuntimeError(complaint)

    refuse.__doc__ = f"Refused: all tensors here are strided. Errors: RuntimeError ({complaint})."
    return bare(name, refuse)  # type: ignore[no-any-return]


for _name, _complaint in _NO_SPARSE.items():
    setattr(Tensor, _name, _refusing(_name, _complaint))


def sparse_dim(self: Tensor) -> int:
    """How many dimensions are sparse: none."""
    return 0


def dense_dim(self: Tensor) -> int:
    """How many dimensions are dense: all."""
    return self.geometry.ndim


@parsed("to_dense(ScalarType? dtype=None, *, bool? masked_grad=None)")
def to_dense(self: Tensor, dtype: Any, masked_grad: bool | None) -> Tensor:
    """The tensor itself (in another dtype where one is named): all tensors here are strided."""
    return self if dtype is None else self.to(dtype)


class _InChapter:
    """An attribute that a chapter of operators declares, until it is read: who sets it need not have looked at it before."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        self._read()
        return getattr(owner if instance is None else instance, self.name)

    def __set__(self, instance: Tensor, value: Any) -> None:
        self._read()
        setattr(instance, self.name, value)

    def __delete__(self, instance: Tensor) -> None:
        self._read()
        delattr(instance, self.name)

    def _read(self) -> None:
        read_for(self.name)


for _name in ("real", "imag"):
    if _name not in vars(Tensor):
        setattr(Tensor, _name, _InChapter(_name))


def _volatile(self: Tensor) -> bool:
    messages.warn("volatile was removed (Variable.volatile is always False)")
    return False


def _set_volatile(self: Tensor, value: Any = None) -> None:
    messages.warn(messages.VOLATILE)


Tensor.sparse_dim = bare("sparse_dim", sparse_dim)  # type: ignore[attr-defined]
Tensor.dense_dim = bare("dense_dim", dense_dim)  # type: ignore[attr-defined]
Tensor.to_dense = to_dense  # type: ignore[attr-defined]
Tensor.name = ReadOnly(lambda self: None)  # type: ignore[attr-defined]
Tensor.volatile = property(_volatile, _set_volatile, _set_volatile)  # type: ignore[attr-defined]
