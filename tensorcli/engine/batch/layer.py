"""A running vmap, and the tensors that belong to it.

Each running vmap is a `Layer`. A tensor of a layer looks like one example. Behind it is a tensor below, its value, which has all
examples along the dimension that is mapped; the geometry that is shown is the value's without this dimension. The value has the
bytes, and the history of what runs outside; the tensor of the layer has a history of its own, for the transforms that run inside
the layer. A tensor from below that meets those of a layer is lifted into it: a tensor of the layer with nothing mapped.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.autograd.modes import forward, mode, set_as_outside, transforms
from tensorcli.engine.devices import Device
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.tensor import Tensor

layers: list["Layer"] = []
"""The vmaps that run, outermost first."""


class Behind:
    """The storage of a tensor of a layer: where its bytes lie nobody may ask, and what they are only where nothing is mapped."""

    __slots__ = ("mapped", "storage")

    generation = -1

    def __init__(self, storage: Any, mapped: bool) -> None:
        self.storage = storage
        self.mapped = mapped

    @property
    def device(self) -> Device:
        found: Device = self.storage.device
        return found

    @property
    def nbytes(self) -> int:
        return int(self.storage.nbytes)

    def window(self, *wanted: Any) -> Any:
        """The elements, where all examples have the same. Errors: RuntimeError, in other words where no vmap runs any more."""
        if not self.mapped:
            return self.storage.window(*wanted)
        raise RuntimeError(messages.WRAPPED_POINTER if layers else messages.ESCAPED)

    @property
    def data(self) -> Any:
        """The buffer beneath, for who asks what memory it is."""
        return self.storage.data

    def __getattr__(self, name: str) -> Any:
        """Errors: NotImplementedError for whatever else a storage knows of its memory."""
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotImplementedError(messages.WRAPPED_BATCH)


class Batch:
    """How a tensor of a layer stands for a tensor below: which one (`value`), and which dimension of it is mapped (None where
    none is).
    """

    __slots__ = ("dim", "layer", "value")

    def __init__(self, layer: "Layer", value: Tensor, dim: int | None) -> None:
        self.layer = layer
        self.value = value
        self.dim = dim

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of one example."""
        sizes = self.value.geometry.sizes
        return sizes if self.dim is None else (*sizes[: self.dim], *sizes[self.dim + 1 :])

    @property
    def rank(self) -> int:
        """How many dimensions one example has."""
        return len(self.value.geometry.sizes) - (self.dim is not None)

    def __repr__(self) -> str:
        return f"<batch {self.value.geometry.sizes} along {self.dim}>"


class Layer:
    """One running vmap, as a context that `dispatch.begun` gives: how many examples there are, and how they draw numbers."""

    before = None
    batched = True
    """It tracks no gradients (see func.levels)."""

    def __init__(self, size: int, randomness: str) -> None:
        self.size = size
        self.randomness = randomness
        self.legacy = randomness == "none"
        """Whether it is the vmap of `torch.autograd`, which is not one of `torch.func`'s transforms."""
        self.number = 0
        self.depth = 0
        """How many vmaps it runs in."""

    def __enter__(self) -> "Layer":
        from tensorcli.engine.func.marking import mark

        mark()
        transforms.append(self)
        self.depth = len(layers)
        layers.append(self)
        self.number = len(transforms)
        return self

    def __exit__(self, *error: Any) -> None:
        from tensorcli.engine.func.marking import unmark

        layers.pop()
        transforms.pop()
        unmark()

    def inside(self) -> list[Any]:
        """The transforms that run inside this one."""
        return transforms[transforms.index(self) + 1 :] if self in transforms else []

    def wrap(self, value: Tensor, dim: int | None) -> Tensor:
        """The tensor of this layer that looks like one example of `value`, along one of its dimensions."""
        found: Tensor = object.__new__(Tensor)
        found._dtype = value._dtype
        found.lazy = value.lazy
        found._storage = Behind(value.memory, dim is not None)  # type: ignore[assignment]
        if value.wrapped:
            found.wrapped = True
        if value.inference:
            found.inference = True
        else:
            found._counter = value.counter
        found.batch = Batch(self, value, dim)
        found.geometry = hidden(value.geometry, dim)
        found.levels = tuple(each for each in self.inside() if not each.batched)
        return found

    def batch_of(self, tensor: Tensor) -> Batch | None:
        """How a tensor of this layer stands for one below; None for a tensor that is not of this layer."""
        batch: Batch | None = tensor.batch
        return batch if batch is not None and batch.layer is self else None

    def maps(self, tensor: Tensor) -> bool:
        """Whether a tensor is of this layer, with a dimension mapped."""
        batch = self.batch_of(tensor)
        return batch is not None and batch.dim is not None

    def lift(self, tensor: Tensor) -> Tensor:
        """A tensor as one of this layer."""
        if self.batch_of(tensor) is not None:
            return tensor
        found = self.wrap(tensor, None)
        carry(found, tensor)
        return found

    @contextmanager
    def below(self) -> Iterator[None]:
        """What runs in here, runs as if neither this vmap nor what runs inside it were there."""
        at, depth = transforms.index(self), layers.index(self)
        above, inner, levels = transforms[at:], layers[depth:], forward[:]
        grad, inference = mode.grad, mode.inference
        del transforms[at:], layers[depth:]
        forward[:] = [each for each in levels if not each.inside(self)]
        set_as_outside(above)
        # Inside a transform that differentiates inference mode is off, and below it too.
        mode.set(mode.grad, inference)
        try:
            yield
        finally:
            transforms.extend(above)
            layers.extend(inner)
            forward[:] = levels
            mode.set(grad, inference)


def carry(handle: Tensor, tensor: Tensor, change: Callable[[Tensor], Tensor] | None = None) -> None:
    """Let another handle on what a tensor is have its tangents, or what becomes of them."""
    for level in forward:
        if handle.batch is None or level.inside(handle.batch.layer):
            tangent = level.tangent_of(tensor)
            if tangent is not None:
                level.give(handle, tangent if change is None else change(tangent))


def hidden(geometry: Geometry, dim: int | None) -> Geometry:
    """A geometry without one of its dimensions."""
    if dim is None:
        return geometry
    sizes, strides = geometry.sizes, geometry.strides
    return Geometry((*sizes[:dim], *sizes[dim + 1 :]), (*strides[:dim], *strides[dim + 1 :]), geometry.offset)


def whole(tensor: Tensor) -> Tensor:
    """The tensor behind all vmaps, which has the bytes of all examples; a tensor of no vmap is its own."""
    while tensor.batch is not None:
        tensor = tensor.batch.value
    return tensor


def asks_gradient(tensor: Tensor) -> bool:
    """Whether a tensor requires a gradient, for whoever looks at it in its layer or below."""
    return tensor.requires_grad or (tensor.batch is not None and asks_gradient(tensor.batch.value))


def roomy(tensor: Tensor, *others: Tensor) -> Tensor:
    """A tensor that was just made and is to be written into: a batch of it for each vmap that maps one of the others, else
    itself.
    """
    layer = layers[-1] if layers else None
    if layer is None:
        return tensor
    made = layer.lift(tensor).batch
    beneath = [layer.lift(one).batch.value for one in others]
    with layer.below():
        value = roomy(made.value, *beneath)
        if made.dim is not None or not any(map(layer.maps, others)):
            return tensor if value is made.value else layer.wrap(value, made.dim)
        batch: Any = value.expand((layer.size, *value.geometry.sizes))
        return layer.wrap(batch.clone(), 0)


def lifted(tensor: Tensor) -> Tensor:
    """A tensor as one of the innermost vmap that runs, if any."""
    return layers[-1].lift(tensor) if layers else tensor
