"""Max pooling, whatever its windows: where the largest elements are, and the gradient, which goes there."""

from math import prod

from tensorcli.engine.declare import op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.ops._shared import behind


def largest(xp, windows):
    """The largest element of each window (the last dimension), and its place: the first of equal ones, but the last NaN."""
    best = windows.argmax(axis=-1)
    values = xp.take_along_axis(windows, best[..., None], -1)[..., 0]
    if (values != values).any():
        lost = windows != windows
        latest = lost.shape[-1] - 1 - lost[..., ::-1].argmax(axis=-1)
        best = xp.where(lost.any(axis=-1), latest, best)
    return values, best


def _max_backward(xp, grad, self, indices, n):
    """The gradient of max pooling over the last n dimensions: each element where its index says."""
    cells = prod(self.shape[-n:])
    rows = grad.reshape(prod(self.shape[:-n]), prod(grad.shape[-n:]))
    result = xp.zeros((len(rows), cells), grad.dtype)
    behind(xp).combine("add", result, (xp.arange(len(rows))[:, None], indices.reshape(rows.shape)), rows)
    return result.reshape(self.shape)


def _picked(grad, indices, n):
    """The elements of the last n dimensions that flat indices name: the second derivative of max pooling."""
    lead = indices.geometry.sizes[:-n]
    return grad.reshape((*lead, -1)).gather(-1, indices.reshape((*lead, -1))).view(indices.geometry.sizes)


def declare_max_backward(chapter, name, n, settings="", check=None):
    """Declare, in a chapter, the gradient of a max pooling over the last n dimensions, whose second result is where the elements
    are.

    `check` refuses a gradient of the output. Errors: its own.
    """

    def backward(xp, grad_output, self, *settings_and_indices):
        if check is not None:
            check(grad_output)
        return _max_backward(xp, grad_output, self, settings_and_indices[-1], n)

    backward.__doc__, backward.__module__ = f"The gradient of {name}.", chapter
    given = f"{settings}, Tensor indices" if settings else "Tensor indices"
    op(
        f"{name}_backward(Tensor grad_output, Tensor self, {given}) -> Tensor",
        stepwise=REDUCED,
        variants="function",
        namespace="nn",
        grad_output=lambda grad, indices: _picked(grad, indices, n),
        self=lambda grad, self_geometry: grad.new_zeros(self_geometry.sizes),
        indices=None,
    )(backward)
