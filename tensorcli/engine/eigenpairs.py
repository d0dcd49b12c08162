"""`torch.lobpcg`: the largest or smallest eigenvalues of a symmetric matrix, by conjugate gradients.

The method is A. Knyazev's (SIAM J. Sci. Comput. 23, 2001), with the orthogonalisations of A. Stathopoulos and K. Wu (SIAM J. Sci.
Comput. 23, 2002) and of J. Duersch and others (SIAM J. Sci. Comput. 40, 2018). The steps are those of PyTorch's Python code, so
that they round alike.
"""

from collections.abc import Callable
from typing import Any

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.function import Function
from tensorcli.engine.callers import functions
from tensorcli.engine.random import Generator

Parameters = dict[str, Any] | None

_EPSILONS = {dtypes.float32: 1.2e-07, dtypes.float64: 2.23e-16}


def lobpcg(
    A: Any,
    k: int | None = None,
    B: Any = None,
    X: Any = None,
    n: int | None = None,
    iK: Any = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: Callable[[Any], None] | None = None,
    ortho_iparams: Parameters = None,
    ortho_fparams: Parameters = None,
    ortho_bparams: Parameters = None,
) -> tuple[Any, Any]:
    """The k largest (or smallest) eigenvalues and eigenvectors of a symmetric matrix, or of several: (…, m, m).

    A x = λ B x, where B is given. X are first approximations (m, n), drawn where there are none; iK is a preconditioner.
    Errors: ValueError where m is less than 3 n; AssertionError for shapes that do not fit.
    """
    rest = (X, n, iK, niter, tol, largest, method, tracker, ortho_iparams, ortho_fparams, ortho_bparams)
    if A.requires_grad or (B is not None and B.requires_grad):
        symmetric = [None if one is None else (one + one.mT) / 2 for one in (A, B)]
        return LOBPCGAutogradFunction.apply(symmetric[0], k, symmetric[1], *rest)  # type: ignore[no-any-return]
    return _lobpcg(A, k, B, *rest)


def _lobpcg(
    A: Any, k: Any, B: Any, X: Any, n: Any, iK: Any, niter: Any, tol: Any, largest: Any, method: Any, tracker: Any,
    ortho_iparams: Parameters, ortho_fparams: Parameters, ortho_bparams: Parameters,
) -> tuple[Any, Any]:  # fmt: skip
    if A.shape[-2] != A.shape[-1]:
        raise AssertionError(f"A must be square, got shape {A.shape}")
    if B is not None and A.shape != B.shape:
        raise AssertionError(f"A and B must have same shape, got {A.shape} vs {B.shape}")
    dtype = A.dtype if A.dtype in (dtypes.float16, dtypes.float32, dtypes.float64) else dtypes.float32
    if tol is None:
        tol = _EPSILONS[dtype] ** 0.5
    m = A.shape[-1]
    k = (1 if X is None else X.shape[-1]) if k is None else k
    n = (k if n is None else n) if X is None else X.shape[-1]
    if m < 3 * n:
        raise ValueError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than 3 x the number of requested "
            f"eigenpairs (={n})"
        )
    method = "ortho" if method is None else method
    iparams = {"m": m, "n": n, "k": k, "niter": 1000 if niter is None else niter}
    fparams = {"tol": tol}
    bparams = {"largest": True if largest is None else largest}
    if method == "ortho":
        iparams = {**iparams, **(ortho_iparams or {})}
        fparams = {**fparams, **(ortho_fparams or {})}
        bparams = {**bparams, **(ortho_bparams or {})}
        for name in ("ortho_i_max", "ortho_j_max"):
            iparams.setdefault(name, 3)
        for name in ("ortho_tol", "ortho_tol_drop", "ortho_tol_replace"):
            fparams.setdefault(name, tol)
        bparams.setdefault("ortho_use_drop", False)

    def solve(A: Any, B: Any, X: Any, name: str) -> LOBPCG:
        X = functions.randn((m, n), dtype=dtype, device=A.device) if X is None else X
        if X.shape != (m, n):
            raise AssertionError(f"{name} shape mismatch: got {X.shape}, expected {(m, n)}")
        worker = LOBPCG(A, B, X, iK, iparams, fparams, bparams, method, tracker)
        worker.run()
        return worker

    if A.dim() <= 2:
        worker = solve(A, B, X, "X")
        return worker.E[:k], worker.X[:, :k]
    sizes = tuple(A.shape[:-2])
    flat: list[Any] = [None if one is None else one.reshape((-1, *one.shape[-2:])) for one in (A, B, X)]
    count = len(flat[0])
    values = functions.empty((count, k), dtype=dtype, device=A.device)
    vectors = functions.empty((count, m, k), dtype=dtype, device=A.device)
    for i in range(count):
        iparams["batch_index"] = i
        one_A, one_B, one_X = (None if one is None else one[i] for one in flat)
        worker = solve(one_A, one_B, one_X, "X_")
        values[i] = worker.E[:k]
        vectors[i] = worker.X[:, :k]
    return values.reshape((*sizes, k)), vectors.reshape((*sizes, m, k))


# ---- steps in matrices, of which None is the unit


def _times(matrix: Any, other: Any) -> Any:
    return other if matrix is None else functions.matmul(matrix, other)


def _form(matrix: Any, vectors: Any) -> Any:
    return functions.matmul(vectors.mT, _times(matrix, vectors))


def _eigen(matrix: Any, largest: bool = False) -> tuple[Any, Any]:
    values, vectors = functions.linalg_eigh(matrix, UPLO="U")
    if largest:
        values, vectors = functions.flip(values, dims=(-1,)), functions.flip(vectors, dims=(-1,))
    return values, vectors


class LOBPCG:
    """One run for one matrix: what `tracker` is given after each step.

    X (m, n) are the approximations, E their values, R the residuals, S what the next ones are sought in.
    """

    __module__ = "torch._lobpcg"

    def __init__(
        self,
        A: Any,
        B: Any,
        X: Any,
        iK: Any,
        iparams: Any,
        fparams: Any,
        bparams: Any,
        method: str,
        tracker: Any,
    ) -> None:
        self.A = A
        self.B = B
        self.iK = iK
        self.iparams = iparams
        self.fparams = fparams
        self.bparams = bparams
        self.method = method
        self.tracker = tracker
        self.X = X
        m, n = iparams["m"], iparams["n"]
        self.E, self.R, self.S = (
            functions.zeros(sizes, dtype=X.dtype, device=X.device) for sizes in ((n,), (m, n), (m, 3 * n))
        )
        self.tvars: dict[str, Any] = {}
        self.ivars: dict[str, int] = {"istep": 0}
        self.fvars: dict[str, float] = {"_": 0.0}
        self.bvars: dict[str, bool] = {"_": False}

    def __str__(self) -> str:
        shown = "iparams fparams bparams ivars fvars bvars tvars A B iK X E".split()
        return "".join(["LOBPCG:\n", *(f"  {name}={getattr(self, name)}\n" for name in shown)])

    def run(self) -> None:
        """Step by step, until enough pairs have converged or there were enough steps."""
        stopped = False
        while not stopped:
            self.update()
            if self.tracker is not None:
                self.tracker(self)
            stopped = self.stop_iteration()

    def stop_iteration(self) -> bool:
        """Whether the tracker said so (`bvars["force_stop"]`), no step is left, or k pairs have converged."""
        return (
            self.bvars.get("force_stop", False)
            or self.ivars["iterations_left"] == 0
            or self.ivars["converged_count"] >= self.iparams["k"]
        )

    def update(self) -> None:
        """One step."""
        first = self.ivars["istep"] == 0
        if first:
            norm = float(functions.norm(self.X))
            inverse = norm ** (-1)
            self.fvars["X_norm"] = norm
            for name, matrix in (("A_norm", self.A), ("B_norm", self.B)):
                self.fvars[name] = float(functions.norm(_times(matrix, self.X))) * inverse
            self.ivars["iterations_left"] = self.iparams["niter"]
            self.ivars["converged_count"] = 0
            self.ivars["converged_end"] = 0
        if first:
            self._begin()
        else:
            self._go_on()
        self.ivars["iterations_left"] -= 1
        self.ivars["istep"] += 1

    def _begin(self) -> None:
        n = self.iparams["n"]
        ortho = self.method == "ortho"
        ritz = self._ritz(self.X)
        values, turned = _eigen(_form(_form(self.A, self.X), ritz), self.bparams["largest"])
        found = functions.matmul(self.X, functions.matmul(ritz, turned))
        if ortho:
            self.X = found
        else:
            self.X[:] = found
            self.E[:] = values
        self._measure()
        self.S[..., :n] = self.X
        self._append(self._orthogonal(self.R, self.X) if ortho else _times(self.iK, self.R), n)

    def _go_on(self) -> None:
        n, largest = self.iparams["n"], self.bparams["largest"]
        done, end = self.ivars["converged_count"], self.ivars["converged_end"]
        space = self.S[:, done:end]
        mm = functions.matmul
        if self.method == "ortho":
            values, turned = _eigen(_form(self.A, space), largest)
            self.X[:, done:] = mm(space, turned[:, : n - done])
            self.E[done:] = values[: n - done]
            basis = functions.linalg_qr(turned[: n - done, n - done :].mT).Q
            conjugate = mm(space, mm(turned[:, n - done :], basis))
        else:
            ritz = self._ritz(space)
            values, turned = _eigen(_form(_form(self.A, space), ritz), largest)
            self.X[:, done:] = mm(space, mm(ritz, turned[:, : n - done]))
            self.E[done:] = values[: n - done]
            conjugate = mm(space, mm(ritz, turned[:, n : 2 * n - done]))
        taken = n + conjugate.shape[-1]
        now = self._measure()
        self.S[..., :n] = self.X
        self.S[:, n:taken] = conjugate
        rest = self.R[:, now:]
        if self.method == "ortho":
            self._append(self._orthogonal(rest, self.S[:, :taken]), taken)
        else:
            self._append(_times(self.iK, rest), taken)

    def _append(self, directions: Any, at: int) -> None:
        """Let the next step seek in these directions too."""
        end = self.ivars["converged_end"] = at + directions.shape[-1]
        self.S[:, at:end] = directions

    def _measure(self) -> int:
        """The residuals, and how many pairs from the first on have converged."""
        self.R = _times(self.A, self.X) - _times(self.B, self.X) * self.E
        norms = functions.norm(self.X, 2, (0,)) * (
            self.fvars["A_norm"] + functions.abs(self.E[: self.X.shape[-1]]) * self.fvars["B_norm"]
        )
        errors = functions.norm(self.R, 2, (0,)) / norms
        count = 0
        for converged in errors < self.fparams["tol"]:
            if not converged:
                break
            count += 1
        before = self.ivars["converged_count"]
        if count < before:
            raise AssertionError(
                f"the number of converged eigenpairs (was {before}, got {count}) cannot decrease"
            )
        self.ivars["converged_count"] = count
        self.tvars["rerr"] = errors
        return count

    def _ritz(self, space: Any) -> Any:
        """What makes the space orthonormal, by a scaled Cholesky factor."""
        form = _form(self.B, space)
        row = form.diagonal(0, -2, -1) ** (-0.5)
        column = row.reshape(row.shape[0], 1)
        factor = functions.linalg_cholesky(form * row * column, upper=True)
        return functions.linalg_solve_triangular(factor, row.diag_embed(), upper=True, left=False)

    def _svqb(self, vectors: Any, drop: bool, tau: float) -> Any:
        """The vectors made orthonormal by their own singular values; directions that are hardly there are dropped or raised."""
        if vectors.numel() == 0:
            return vectors
        form = _form(self.B, vectors)
        lengths = form.diagonal(0, -2, -1)
        (there,) = functions.where(abs(lengths) != 0.0)
        if len(there) < len(lengths):
            vectors = vectors[:, there]
            if vectors.numel() == 0:
                return vectors
            form = _form(self.B, vectors)
            lengths = form.diagonal(0, -2, -1)
        column = (lengths**-0.5).reshape(lengths.shape[0], 1)
        values, turned = _eigen(form * column * column.mT)
        least = tau * abs(values).max()
        if drop:
            (keep,) = functions.where(values > least)
            values, turned, column = values[keep], turned[:, keep], column[keep]
        else:
            values[functions.where(values < least)[0]] = least
        return functions.matmul(vectors * column.mT, turned * values**-0.5)

    def _orthogonal(self, vectors: Any, others: Any) -> Any:
        """The vectors made orthonormal, and orthogonal to others."""
        mm, norm = functions.matmul, functions.norm
        for name in [name for name in self.fvars if name.startswith("ortho_") and name.endswith("_rerr")]:
            del self.fvars[name]
        for name in ("ortho_i", "ortho_j"):
            self.ivars.pop(name, 0)
        others_norm = norm(_times(self.B, others))
        across = mm(others.mT, _times(self.B, vectors))
        i = j = 0
        for i in range(self.iparams["ortho_i_max"]):
            vectors = vectors - mm(others, across)
            drop, tau = False, self.fparams["ortho_tol_drop"]
            for j in range(self.iparams["ortho_j_max"]):
                if self.bparams["ortho_use_drop"]:
                    vectors = self._svqb(vectors, drop, tau)
                    drop, tau = True, self.fparams["ortho_tol_replace"]
                else:
                    vectors = self._svqb(vectors, False, self.fparams["ortho_tol_replace"])
                if vectors.numel() == 0:
                    self.ivars["ortho_i"], self.ivars["ortho_j"] = i, j
                    return vectors
                weighted = _times(self.B, vectors)
                form = mm(vectors.mT, weighted)
                unit = functions.eye(form.shape[-1], device=form.device, dtype=form.dtype)
                error = float(norm(form - unit)) * float(norm(weighted) * norm(vectors)) ** (-1)
                self.fvars[f"ortho_UBUmI_rerr[{i}, {j}]"] = error
                if error < self.fparams["ortho_tol"]:
                    break
            across = mm(others.mT, weighted)
            error = float(norm(across)) * float(others_norm * norm(vectors)) ** (-1)
            self.fvars[f"ortho_VBU_rerr[{i}]"] = error
            if error < self.fparams["ortho_tol"]:
                break
            if self.iparams["m"] < vectors.shape[-1] + others.shape[-1]:
                if self.B is None:
                    raise AssertionError("B must not be None")
                raise ValueError(
                    f"Overdetermined shape of U: #B-cols(={self.B.shape[-1]}) >= #U-cols(={vectors.shape[-1]}) + "
                    f"#V-cols(={others.shape[-1]}) must hold"
                )
        self.ivars["ortho_i"], self.ivars["ortho_j"] = i, j
        return vectors


# ---- the gradient


class LOBPCGAutogradFunction(Function):
    """Eigenvalues and eigenvectors, of which the matrix has a gradient."""

    __module__ = "torch._lobpcg"

    @staticmethod
    def forward(ctx: Any, A: Any, k: Any, B: Any, *rest: Any) -> Any:
        """`lobpcg` of symmetric matrices."""
        A = A.contiguous()
        B = None if B is None else B.contiguous()
        values, vectors = _lobpcg(A, k, B, *rest)
        ctx.save_for_backward(A, B, values, vectors)
        ctx.largest = rest[5]
        return values, vectors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradient of A. Errors: ValueError for complex matrices, and where B is given."""
        A, B, values, vectors = ctx.saved_tensors
        if any(one is not None and one.dtype in (dtypes.complex64, dtypes.complex128) for one in (A, B)):
            raise ValueError(
                "lobpcg.backward does not support complex input yet. Note that lobpcg.forward does though."
            )
        if B is not None:
            raise ValueError("lobpcg.backward does not support backward with B != I yet.")
        largest = True if ctx.largest is None else ctx.largest
        of_values, of_vectors = grads
        found = _within(of_values, of_vectors, values, vectors)
        if vectors.size(-1) != vectors.size(-2):
            found -= _outside(of_vectors, A, values, vectors, largest)
        return (found, *[None] * 13)


def _within(grad_values: Any, grad_vectors: Any, values: Any, vectors: Any) -> Any:
    """What the eigenvectors that were found have of the gradient."""
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
    gaps.diagonal(dim1=-2, dim2=-1).fill_(float("inf"))
    gaps.pow_(-1)
    transposed = vectors.mT.contiguous()
    inner = functions.diag_embed(grad_values) + functions.matmul(transposed, grad_vectors) * gaps
    return functions.matmul(vectors, functions.matmul(inner, transposed))


def _outside(grad_vectors: Any, A: Any, values: Any, vectors: Any, largest: bool) -> Any:
    """What the other eigenvectors have of it: they solve a polynomial of A whose roots are the eigenvalues that were found."""
    mm = functions.matmul
    transposed = vectors.mT.contiguous()
    projection = -vectors.matmul(transposed)
    projection.diagonal(dim1=-2, dim2=-1).add_(1)
    sizes = (*A.shape[:-1], A.size(-1) - values.size(-1))
    drawn = functions.randn(sizes, dtype=A.dtype, device=A.device, generator=Generator(A.device))
    others = projection.matmul(drawn)
    across = others.mT.contiguous()
    polynomial = _polynomial(values)
    power, total = grad_vectors, grad_vectors.new_zeros(grad_vectors.shape)
    for degree in range(1, polynomial.size(-1)):
        total += power * _horner(polynomial[..., degree:], values).unsqueeze(-2)
        power = A.matmul(power)
    unit = functions.eye(A.size(-1), A.size(-1), dtype=A.dtype, device=A.device)
    at_A = unit.view(*[1] * (A.dim() - 2), A.size(-1), A.size(-1)).clone()
    for place in range(polynomial.size(-1) - 2, -1, -1):
        at_A = A.matmul(at_A)
        at_A.diagonal(dim1=-2, dim2=-1).add_(polynomial[..., place].unsqueeze(-1))
    sign = -1 if largest and degree % 2 == 1 else 1
    factor = functions.linalg_cholesky(sign * mm(across, mm(at_A, others)))
    return others.matmul(sign * functions.cholesky_solve(across.matmul(total), factor)).matmul(transposed)


def _polynomial(roots: Any) -> Any:
    """The coefficients of the polynomial with these roots, the lowest first."""
    order = roots.shape[-1]
    found = roots.new_zeros([*roots.shape[:-1], order + 2])
    found[..., 0] = 1
    found[..., -1] = 1
    for i in range(1, order + 1):
        new = found.clone() if roots.requires_grad else found
        part = new.narrow(-1, order - i, i + 1)
        part -= roots.narrow(-1, i - 1, 1) * found.narrow(-1, order - i + 1, i + 1)
        found = new
    return found.narrow(-1, 1, order + 1)


def _horner(polynomial: Any, points: Any) -> Any:
    """A polynomial's values at some points."""
    found = points.new_ones(1).expand(points.shape).clone()
    for place in range(polynomial.size(-1) - 2, -1, -1):
        found = functions.addcmul(polynomial[..., place].unsqueeze(-1), points, found)
    return found
