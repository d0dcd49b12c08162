"""Padding by constants, by copies and by reflection."""

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.conversion import number_for
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import preserved_strides
from tensorcli.engine.ops._shared import behind, own_geometry


@op(
    "constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor",
    out=False,
    variants="function",
    check=lambda self, pad, value: number_for(value, self.dtype),
    stepwise=REDUCED,
    self=lambda grad, pad: functions.constant_pad_nd(grad, [-p for p in pad], 0),
)
def constant_pad_nd(xp, self, pad, value):
    """A constant added around the last dimensions; a negative amount cuts off."""
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * self.ndim:
        raise RuntimeError(
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is "
            f"{len(pad)}while the input has {self.ndim}dimensions."
        )
    amounts = _amounts(self, pad)
    if any(n + min(a, 0) + min(b, 0) < 0 for (a, b), n in zip(amounts, self.shape, strict=True)):
        raise RuntimeError("narrow(): length must be non-negative.")
    cut = self[
        tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(amounts, self.shape, strict=True))
    ]
    if all(a <= 0 and b <= 0 for a, b in amounts):
        # Nothing is added: PyTorch clones the view that is left.
        return Laid(cut.copy(), preserved_strides(own_geometry(cut)))
    return xp.pad(cut, [(max(a, 0), max(b, 0)) for a, b in amounts], constant_values=self.dtype.type(value))


def _amounts(array, pad):
    """(before, after) for each dimension, from PyTorch's flat list that begins with the last one."""
    amounts = [(0, 0)] * array.ndim
    for i in range(len(pad) // 2):
        amounts[array.ndim - 1 - i] = (pad[2 * i], pad[2 * i + 1])
    return amounts


def _too_far(array, amounts, n):
    """Errors: RuntimeError for a reflection of more than there is, from the last dimension on."""
    for i in range(n):
        d = array.ndim - 1 - i
        if max(amounts[d]) >= array.shape[d]:
            raise RuntimeError(
                f"Argument #{4 + 2 * i}: Padding size should be less than the corresponding input dimension, but got: padding "
                f"{amounts[d]} at dimension {d} of input {messages.numbers(array.shape)}"
            )


def _sources(xp, array, pad, mode):
    """For each padded dimension (dimension, indices of the elements it takes)."""
    found = []
    n = len(pad) // 2
    if 0 in array.shape[-n - 1 :]:
        raise RuntimeError(
            f"Expected {n + 1}D or {n + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            f"input, but got: {messages.numbers(array.shape)}"
        )
    amounts = _amounts(array, pad)
    _too_small(array, amounts[-n:], mode)
    if mode == "reflect":
        _too_far(array, amounts, n)
    for d, (a, b) in enumerate(amounts):
        if a or b:
            size = array.shape[d]
            places = xp.arange(-a, size + b)
            if mode == "reflect":
                places = xp.abs(places)
                places = xp.where(places >= size, 2 * (size - 1) - places, places)
            else:
                places = xp.clip(places, 0, size - 1)
            found.append((d, places))
    return found


def _too_small(array, amounts, mode):
    """Refuse to cut off all that there is, in the words of each of PyTorch's kernels. Errors: RuntimeError."""
    sizes = array.shape[-len(amounts) :]
    left = [n + a + b for (a, b), n in zip(amounts, sizes, strict=True)]
    if max(left) >= 1:  # PyTorch asks whether some size is left.
        if min(left) < 0:
            raise messages.negative_size((*array.shape[: -len(amounts)], *left))
        return
    letters = "DHW"[-len(amounts) :]
    own = [f"{letter}: {size}" for letter, size in zip(letters, sizes, strict=True)]
    listed = ", ".join([" ".join(own[:-1]), own[-1]]) if len(own) > 1 else own[0]
    space = " " * (len(own) == 2 and mode == "replicate")
    calculated = " ".join(f"{letter}: {size}" for letter, size in zip(letters, left, strict=True))
    raise RuntimeError(f"input ({listed}{space}) is too small. Calculated output {calculated}")


def _declare_pad(kind, mode, n):
    name = f"{kind}_pad{n}d"

    def pad(xp, self, padding):
        result = self
        for d, places in _sources(xp, self, padding, mode):
            result = xp.take(result, places, axis=d)
        return result.copy() if result is self else result

    def backward(xp, grad_output, self, padding):
        # Element after element of the gradient, added where it came from.
        cells = xp.arange(self.size).reshape(self.shape)
        for d, places in _sources(xp, self, padding, mode):
            cells = xp.take(cells, places, axis=d)
        result = xp.zeros(self.size, grad_output.dtype)
        behind(xp).combine("add", result, cells.reshape(-1), grad_output.reshape(-1))
        return result.reshape(self.shape)

    how = "mirrored at the border" if mode == "reflect" else "repeated from the border"
    pad.__doc__ = f"The last {n} dimension{'s' * (n > 1)} padded with elements {how}."
    backward.__doc__ = f"The gradient of {name}."
    op(
        f"{name}(Tensor self, SymInt[{2 * n}] padding) -> Tensor",
        variants="function",
        namespace="nn",
        self=lambda grad, self, padding: getattr(functions, f"{name}_backward")(grad, self, padding),
    )(pad)
    op(
        f"{name}_backward(Tensor grad_output, Tensor self, SymInt[{2 * n}] padding) -> Tensor",
        stepwise=REDUCED,
        variants="function",
        namespace="nn",
        grad_output=lambda grad, padding: getattr(functions, name)(grad, padding),
        self=lambda grad, self_geometry: grad.new_zeros(self_geometry.sizes),
    )(backward)


for _n in (1, 2, 3):
    _declare_pad("reflection", "reflect", _n)
    _declare_pad("replication", "replicate", _n)


@composite("_pad_circular(Tensor self, SymInt[] pad) -> Tensor", variants="function", namespace="nn")
def pad_circular(self, pad):
    """The last dimensions padded with elements from the other end."""
    n = len(pad) // 2
    if self.ndim - n not in (1, 2):
        raise RuntimeError(
            "Invalid padding size, expected 1 or 2 non-padded dimensions, which would be equivalent to padding of length "
            f"{2 * (self.ndim - 1)} or {2 * (self.ndim - 2)} respectively but got {len(pad)}"
        )
    sizes = list(self.geometry.sizes)
    for i in range(n):
        low, high = pad[2 * i], pad[2 * i + 1]
        own = sizes[-1 - i]
        if low > own or high > own:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        sizes[-1 - i] += low + high
        if sizes[-1 - i] < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
    result = self.new_empty(sizes)
    target, source = result, self
    for i in range(n):
        low, high = pad[2 * i], pad[2 * i + 1]
        dim = self.ndim - 1 - i
        target = target.narrow(dim, max(low, 0), sizes[dim] - max(high, 0) - max(low, 0))
        source = source.narrow(dim, max(-low, 0), self.size(dim) - max(-high, 0) - max(-low, 0))
    target.copy_(source)
    for i in range(n):
        low, high = pad[2 * i], pad[2 * i + 1]
        dim = self.ndim - 1 - i
        if low > 0:
            result.narrow(dim, 0, low).copy_(result.narrow(dim, sizes[dim] - low - max(high, 0), low))
        if high > 0:
            result.narrow(dim, sizes[dim] - high, high).copy_(result.narrow(dim, max(low, 0), high))
    return result


@composite(
    'pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor',
    namespace="nn",
    variants="function",
)
def pad(self, pad, mode, value):
    """Elements added around the last dimensions: a constant, or what "reflect", "replicate" and "circular" find."""
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * self.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {self.ndim}"
        )
    if mode == "constant":
        return functions.constant_pad_nd(self, pad, 0.0 if value is None else value)
    if value not in (None, 0):
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    n = len(pad) // 2
    if len(pad) in (2, 4, 6) and self.ndim in (n + 1, n + 2):
        if mode == "circular":
            return functions._pad_circular(self, pad)
        kind = "reflection" if mode == "reflect" else "replication"
        return getattr(functions, f"{kind}_pad{n}d")(self, pad)
    raise NotImplementedError(
        f"Padding size {len(pad)} is not supported for {self.ndim}D input tensor.\n"
        "Supported combinations for non-constant padding:\n"
        "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
        "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
        "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
    )
