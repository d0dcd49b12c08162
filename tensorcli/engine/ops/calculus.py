"""Differences, integrals and slopes of sampled functions."""

from tensorcli.engine import dtypes
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import distinct, wrap
from tensorcli.engine.ops._shared import times
from tensorcli.engine.tensor import Tensor


@composite(
    "diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor", out=True
)
def diff(self, n, dim, prepend, append):
    """The n-th differences of neighbours along a dimension."""
    if not self.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    for one in (prepend, append):
        if one is not None:
            _check_joined(self, dim, one)
    if n == 0:
        result = functions.zeros_like(self)
        return result.copy_(self)
    wrap(dim, self.ndim)
    parts = [t for t in (prepend, self, append) if t is not None]
    if len(parts) > 1:
        self = functions.cat(parts, dim)
    n = min(n, self.size(dim))
    for _ in range(n):
        size = self.size(dim)
        before, after = self.narrow(dim, 0, size - 1), self.narrow(dim, 1, size - 1)
        self = functions.logical_xor(after, before) if self.dtype is dtypes.bool_ else after - before
    return self


def _check_joined(self, dim, other):
    """What is put before or after must be as the tensor but for the size of the dimension. Errors: RuntimeError."""
    if other.ndim != self.ndim:
        raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    for d, (a, b) in enumerate(zip(self.geometry.sizes, other.geometry.sizes, strict=True)):
        if d != wrap(dim, self.ndim) and a != b:
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input except along the differencing "
                f"dimension; input.size({d}) = {a}, but got tensor.size({d}) = {b}"
            )


def _halves(y, dim):
    return functions.slice(y, dim, 0, -1), functions.slice(y, dim, 1)


def _spacing(y, x, dim, name):
    if x.ndim == 1:
        if x.size(0) != y.size(dim):
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        shape = [1] * y.ndim
        shape[wrap(dim, y.ndim)] = x.size(0)
        x = x.view(shape)
    elif x.ndim < y.ndim:
        x = x.view([1] * (y.ndim - x.ndim) + list(x.geometry.sizes))
    low, high = _halves(x, wrap(dim, y.ndim))
    return high - low


def _bool_refused(name, *tensors):
    if any(t.dtype is dtypes.bool_ for t in tensors):
        names = "`x` or `y`" if len(tensors) > 1 else "`y`"
        raise RuntimeError(f"{name}: received a bool input for {names}, but bool is not supported")


def _sliceable(y):
    if not y.ndim:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")


def _real_step(name, dx):
    if isinstance(dx, bool | complex):
        raise RuntimeError(f"{name}: Currently, we only support dx as a real number.")


def _trapezoid(y, dx, dim):
    low, high = _halves(y, dim)
    return direct("_div.Scalar", ((low + high) * dx).sum(dim), 2.0)


@composite("trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", variants="function")
def trapezoid(y, x, dim):
    """The integral along a dimension by the trapezoidal rule."""
    dim = wrap(dim, y.ndim)
    if not y.size(dim):
        return _nothing(y, dim)
    _bool_refused("trapezoid", y, x)
    return _trapezoid(y, _spacing(y, x, dim, "trapezoid"), dim)


def _nothing(y, dim):
    # PyTorch zeroes what it made empty, which counts.
    return functions.empty(
        [s for d, s in enumerate(y.geometry.sizes) if d != wrap(dim, y.ndim)], dtype=y.dtype
    ).zero_()


@composite("trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", variants="function")
def trapezoid_dx(y, dx, dim):
    """The integral along a dimension by the trapezoidal rule, for even spacing."""
    if not y.size(dim):
        return _nothing(y, dim)
    _bool_refused("trapezoid", y)
    _real_step("trapezoid", dx)
    ends = y.select(dim, 0) + y.select(dim, -1)
    return direct("_mul.Scalar", y.sum(dim) - direct("_mul.Scalar", ends, 0.5), float(dx))


@composite("trapz.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", variants="function")
def trapz(y, x, dim):
    """The integral along a dimension by the trapezoidal rule."""
    return functions.trapezoid(y, x, dim=dim)


@composite("trapz.dx(Tensor y, *, float dx=1, int dim=-1) -> Tensor", variants="function")
def trapz_dx(y, dx, dim):
    """The integral along a dimension by the trapezoidal rule, for even spacing."""
    return functions.trapezoid(y, dx=dx, dim=dim)


@composite("cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", variants="function")
def cumulative_trapezoid(y, x, dim):
    """The running integral along a dimension by the trapezoidal rule."""
    dim = wrap(dim, y.ndim)
    _bool_refused("cumulative_trapezoid", y, x)
    spacing = _spacing(y, x, dim, "cumulative_trapezoid")
    _sliceable(y)
    low, high = _halves(y, dim)
    return direct("_div.Scalar", ((low + high) * spacing).cumsum(dim), 2.0)


@composite("cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", variants="function")
def cumulative_trapezoid_dx(y, dx, dim):
    """The running integral along a dimension by the trapezoidal rule, for even spacing."""
    _bool_refused("cumulative_trapezoid", y)
    _real_step("cumulative_trapezoid", dx)
    _sliceable(y)
    low, high = _halves(y, dim)
    return direct("_mul.Scalar", low + high, dx / 2.0).cumsum(dim)


def _slope(self, spacing, dim, edge_order):
    """The slopes along one dimension; `spacing` is a number or the coordinates."""
    if isinstance(spacing, (int, float, complex)):
        return _even_slope(self, spacing, dim, edge_order)

    def part(start, stop=None):
        return functions.slice(self, dim, start, stop)

    shape = [1] * self.ndim
    shape[dim] = -1
    size = self.size(dim)
    step = spacing.diff()
    h1, h2 = step.narrow(0, 0, size - 2).reshape(shape), step.narrow(0, 1, size - 2).reshape(shape)
    inner = (
        (-h2 / (h1 * (h1 + h2))) * part(0, -2) + ((h2 - h1) / (h1 * h2)) * part(1, -1)
        + (h1 / (h2 * (h1 + h2))) * part(2)
    )  # fmt: skip
    steps = (step[0], step[1], step[-2], step[-1]) if size > 2 else (step[0], step[0], step[0], step[0])
    if edge_order == 1:
        start, stop = (part(1, 2) - part(0, 1)) / steps[0], (part(-1) - part(-2, -1)) / steps[3]
        return functions.cat([start, inner, stop], dim)
    h1, h2 = steps[0], steps[1]
    start = (
        (-(2 * h1 + h2) / (h1 * (h1 + h2))) * part(0, 1) + ((h1 + h2) / (h1 * h2)) * part(1, 2)
        + (-h1 / (h2 * (h1 + h2))) * part(2, 3)
    )  # fmt: skip
    h1, h2 = steps[2], steps[3]
    stop = (
        (h2 / (h1 * (h1 + h2))) * part(-3, -2) + (-(h2 + h1) / (h1 * h2)) * part(-2, -1)
        + ((2 * h2 + h1) / (h2 * (h1 + h2))) * part(-1)
    )  # fmt: skip
    return functions.cat([start, inner, stop], dim)


def _even_slope(self, spacing, dim, edge_order):
    def part(start, stop=None):
        return functions.slice(self, dim, start, stop)

    def over(tensor, number):
        return direct("_div.Scalar", tensor, number)

    def difference(after, before):
        # The nodes are as old as C++ makes them, where the second of two operands is computed first.
        low = part(*before)
        return over(part(*after) - low, spacing)

    inner = difference((2,), (0, -2))
    if edge_order == 1:
        start, stop = difference((1, 2), (0, 1)), difference((-1,), (-2, -1))
    else:
        third, second = times(part(2, 3), 0.5), times(part(1, 2), 2)
        start = over(times(part(0, 1), -1.5) + second - third, spacing)
        third, second = times(part(-1), 1.5), times(part(-2, -1), 2)
        stop = over(times(part(-3, -2), 0.5) - second + third, spacing)
    return functions.cat([start, over(inner, 2), stop], dim)


def _gradient(self, spacings, dims, edge_order, named=True):
    """`named`: whether the call named its dimensions."""
    if self.dtype is dtypes.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if len(spacings) != len(dims) and named:
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same "
            f"length, but got a spacing argument of length {len(spacings)} and a dim argument of length {len(dims)}."
        )
    dims = distinct(dims, self.ndim)
    if len(spacings) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = "
            f"{self.ndim}', since dim argument was not given, but got a list of length {len(spacings)}"
        )
    for each in spacings:
        if isinstance(each, Tensor) and each.ndim != 1:
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have one dimension, but got an element with "
                f"{each.ndim} dimensions!"
            )
        if isinstance(each, Tensor) and each.device != self.device:
            raise RuntimeError(
                f"torch.gradient expected each tensor to be on the same device, but got devices {self.device} and "
                f"{each.device}!"
            )
    for d in dims:
        if self.size(d) < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    return tuple(_slope(self, h, d, edge_order) for h, d in zip(spacings, dims, strict=True))


def _dims(self, dim):
    return list(range(self.ndim)) if dim is None else [dim]


@composite(
    "gradient.scalarint(Tensor self, *, Scalar? spacing=None, int? dim=None, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient(self, spacing, dim, edge_order):
    """The slopes of sampled functions along their dimensions."""
    dims = _dims(self, dim)
    return _gradient(self, [1.0 if spacing is None else spacing] * len(dims), dims, edge_order)


@composite(
    "gradient.scalararray(Tensor self, *, Scalar spacing, int[] dim, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient_dims(self, spacing, dim, edge_order):
    """The slopes of sampled functions along some dimensions, for even spacing."""
    return _gradient(self, [spacing] * len(dim), dim, edge_order)


@composite("gradient.array(Tensor self, *, int[] dim, int edge_order=1) -> Tensor[]", variants="function")
def gradient_plain(self, dim, edge_order):
    """The slopes of sampled functions along some dimensions."""
    return _gradient(self, [1.0] * len(dim), dim, edge_order)


@composite(
    "gradient.scalarrayint(Tensor self, *, Scalar[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient_spacings(self, spacing, dim, edge_order):
    """The slopes of sampled functions, each dimension with its spacing."""
    return _gradient(self, list(spacing), _dims(self, dim), edge_order, dim is not None)


@composite(
    "gradient.scalarrayarray(Tensor self, *, Scalar[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient_spacings_dims(self, spacing, dim, edge_order):
    """The slopes of sampled functions along some dimensions, each with its spacing."""
    return _gradient(self, list(spacing), dim, edge_order)


@composite(
    "gradient.tensorarrayint(Tensor self, *, Tensor[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient_coordinates(self, spacing, dim, edge_order):
    """The slopes of functions sampled at given coordinates."""
    return _gradient(self, list(spacing), _dims(self, dim), edge_order, dim is not None)


@composite(
    "gradient.tensorarray(Tensor self, *, Tensor[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient_coordinates_dims(self, spacing, dim, edge_order):
    """The slopes of functions sampled at given coordinates, along some dimensions."""
    return _gradient(self, list(spacing), dim, edge_order)
