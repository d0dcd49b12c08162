"""`torch.nn.utils.parametrizations`: orthogonal weights, weights as a direction and a length, weights of spectral norm one."""

from typing import Any

from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.nn import functional
from tensorcli.engine.nn.layers.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tensorcli.engine.nn.module import Module
from tensorcli.engine.nn.utils.parametrize import register_parametrization
from tensorcli.engine.queries import finfo
from tensorcli.engine.tensor import Tensor

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _weight(module: Module, name: str) -> Any:
    found = getattr(module, name, None)
    if not isinstance(found, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return found


# ---- orthogonal


def _is_orthogonal(matrix: Any) -> bool:
    rows, columns = matrix.size(-2), matrix.size(-1)
    one = functions.eye(columns, dtype=matrix.dtype, device=matrix.device)
    return bool(functions.allclose(matrix.mH @ matrix, one, atol=10.0 * rows * finfo(matrix.dtype).eps))


def _make_orthogonal(matrix: Any) -> Any:
    """The orthogonal factor, with the signs that make the triangular one's diagonal positive."""
    reflectors, tau = functions.geqrf(matrix)
    found = functions.linalg_householder_product(reflectors, tau)
    found *= reflectors.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)
    return found


class _Orthogonal(Module):
    """An orthogonal matrix from any matrix, by one of three maps; `base` moves the identity to where it began."""

    __module__ = "torch.nn.utils.parametrizations"
    base: Any

    def __init__(self, weight: Any, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, matrix: Any) -> Any:
        """The orthogonal matrix."""
        wide = matrix.size(-2) < matrix.size(-1)
        if wide:
            matrix = matrix.mT
        found = (
            self._by_reflections(matrix) if self.orthogonal_map == "householder" else self._by_skew(matrix)
        )
        if hasattr(self, "base"):
            found = self.base @ found
        return found.mT if wide else found

    def _by_skew(self, matrix: Any) -> Any:
        """The exponential, or the Cayley transform, of the skew-symmetric matrix of the lower triangle."""
        n, k = matrix.size(-2), matrix.size(-1)
        matrix = matrix.tril()
        if n != k:
            rest = matrix.new_zeros(n, n - k).expand(*matrix.shape[:-2], -1, -1)
            matrix = functions.cat([matrix, rest], dim=-1)
        skew = matrix - matrix.mH
        if self.orthogonal_map == "matrix_exp":
            found = functions.matrix_exp(skew)
        else:
            one = functions.eye(n, dtype=skew.dtype, device=skew.device)
            found = functions.linalg_solve(
                functions.add(one, skew, alpha=-0.5), functions.add(one, skew, alpha=0.5)
            )
        return found if n == k else found[..., :k]

    def _by_reflections(self, matrix: Any) -> Any:
        """The product of the reflections that the columns stand for."""
        columns = matrix.tril(diagonal=-1)
        tau = 2.0 / (1.0 + (columns * columns).sum(dim=-2))
        found = functions.linalg_householder_product(columns, tau)
        return found * matrix.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)

    @no_grad()
    def right_inverse(self, wanted: Any) -> Any:
        """A matrix that is mapped to this one. Errors: ValueError, NotImplementedError where there is none."""
        if wanted.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {wanted.shape}."
            )
        matrix = wanted
        wide = matrix.size(-2) < matrix.size(-1)
        if wide:
            matrix = matrix.mT
        if not hasattr(self, "base"):
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            reflectors, tau = functions.geqrf(matrix)
            reflectors.diagonal(dim1=-2, dim2=-1).sign_()
            reflectors.diagonal(dim1=-2, dim2=-1)[tau == 0.0] *= -1
            return reflectors.mT if wide else reflectors
        n, k = matrix.size(-2), matrix.size(-1)
        if n == k:
            self.base = matrix.clone() if _is_orthogonal(matrix) else _make_orthogonal(matrix)
        else:
            drawn = functions.randn((*matrix.size()[:-2], n, n - k), dtype=matrix.dtype, device=matrix.device)
            self.base = _make_orthogonal(functions.cat([matrix, drawn], dim=-1))
        found = functions.zeros_like(wanted)
        found.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return found


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a weight orthogonal. Errors: ValueError for what is not a matrix, or an unknown map."""
    weight = _weight(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1) or weight.is_complex()
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)


# ---- weight norm


class _WeightNorm(Module):
    """A weight of a length (`original0`) and a direction (`original1`)."""

    __module__ = "torch.nn.utils.parametrizations"

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Any, weight_v: Any) -> Any:
        """The weight of a length and a direction."""
        return functions._weight_norm(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Any) -> Any:
        """The length and the direction of a weight."""
        return functions.norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int = 0) -> Module:
    """Train a weight as a length and a direction."""
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def upgrade(own: Module, state: Any, prefix: str, *rest: Any) -> None:
        # A state of `nn.utils.weight_norm` is loaded too.
        old = [f"{prefix}{name}_{letter}" for letter in "gv"]
        if all(key in state for key in old):
            for number, key in enumerate(old):
                state[f"{prefix}parametrizations.{name}.original{number}"] = state.pop(key)

    module.register_load_state_dict_pre_hook(upgrade)
    return module


# ---- spectral norm


class _SpectralNorm(Module):
    """A weight over its largest singular value, which the power method follows while training."""

    __module__ = "torch.nn.utils.parametrizations"
    _u: Any
    _v: Any

    def __init__(self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        count = weight.ndim
        if not -count <= dim < count:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{count}, {count - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % count
        self.eps = eps
        if count > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight)
            drawn = [matrix.new_empty(size).normal_(0, 1) for size in matrix.size()]
            for name, one in zip(("_u", "_v"), drawn, strict=True):
                self.register_buffer(name, functional.normalize(one, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _matrix(self, weight: Any) -> Any:
        if self.dim:
            weight = weight.permute(self.dim, *(d for d in range(weight.dim()) if d != self.dim))
        return weight.flatten(1)

    @no_grad()
    def _power_method(self, matrix: Any, count: int) -> None:
        for _ in range(count):
            self._u = functional.normalize(functions.mv(matrix, self._v), dim=0, eps=self.eps, out=self._u)
            self._v = functional.normalize(functions.mv(matrix.mH, self._u), dim=0, eps=self.eps, out=self._v)

    def forward(self, weight: Any) -> Any:
        """The weight of spectral norm one."""
        if weight.ndim == 1:
            return functional.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / functions.vdot(u, functions.mv(matrix, v))

    def right_inverse(self, value: Any) -> Any:
        """A weight that is its own original."""
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Keep the spectral norm of a weight at one."""
    weight = _weight(module, name)
    if dim is None:
        dim = int(isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)))
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
