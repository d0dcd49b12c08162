"""`torch.nn.utils.rnn`: sequences of several lengths, padded or packed."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tensorcli.engine import dtypes
from tensorcli.engine.callers import functions
from tensorcli.engine.construct import as_tensor
from tensorcli.engine.pickles import Pickled
from tensorcli.engine.tensor import Tensor

__all__ = [
    "PackedSequence",
    "PackedSequence_",
    "Tensor",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence_(NamedTuple):  # noqa: N801 (as it shows itself)
    """The fields of a packed sequence."""

    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(Pickled, PackedSequence_):
    """The steps of several sequences, one after another; how many sequences each step has, and their order."""

    __module__ = "torch.nn.utils.rnn"

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> "PackedSequence":
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is not None:
            if batch_sizes.device.type != "cpu":
                raise ValueError(
                    "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. They "
                    "should be instantiated by functions like pack_sequence and pack_padded_sequences in nn.utils.rnn. "
                    "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
                )
        else:
            if not (isinstance(data, list | tuple) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> "PackedSequence":
        """The sequence in another dtype or on another device; itself where nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        if "copy" in kwargs:
            raise RuntimeError(".to() does not accept copy argument")
        kwargs = {key: value for key, value in kwargs.items() if key not in ("device", "dtype")}
        orders = (
            one if one is None else one.to(data.device, **kwargs)
            for one in (self.sorted_indices, self.unsorted_indices)
        )
        return type(self)(data, self.batch_sizes, *orders)

    def pin_memory(self) -> "PackedSequence":
        """The sequence in pinned memory."""
        orders = (
            one if one is None else one.pin_memory() for one in (self.sorted_indices, self.unsorted_indices)
        )
        return type(self)(self.data.pin_memory(), self.batch_sizes, *orders)

    def cpu(self, *args: Any, **kwargs: Any) -> "PackedSequence":
        """The sequence on the CPU."""
        return self._on("cpu", args, kwargs)

    def cuda(self, *args: Any, **kwargs: Any) -> "PackedSequence":
        """The sequence on a GPU."""
        return self._on("cuda", args, kwargs)

    def _on(self, kind: str, args: Any, kwargs: dict[str, Any]) -> "PackedSequence":
        if self.data[:0].to(*args, **kwargs).device.type != kind:
            kwargs["device"] = kind
        return self.to(*args, **kwargs)

    def double(self) -> "PackedSequence":
        """The sequence in float64."""
        return self.to(dtype=dtypes.float64)

    def float(self) -> "PackedSequence":
        """The sequence in float32."""
        return self.to(dtype=dtypes.float32)

    def half(self) -> "PackedSequence":
        """The sequence in float16."""
        return self.to(dtype=dtypes.float16)

    def long(self) -> "PackedSequence":
        """The sequence in int64."""
        return self.to(dtype=dtypes.int64)

    def int(self) -> "PackedSequence":
        """The sequence in int32."""
        return self.to(dtype=dtypes.int32)

    def short(self) -> "PackedSequence":
        """The sequence in int16."""
        return self.to(dtype=dtypes.int16)

    def char(self) -> "PackedSequence":
        """The sequence in int8."""
        return self.to(dtype=dtypes.int8)

    def byte(self) -> "PackedSequence":
        """The sequence in uint8."""
        return self.to(dtype=dtypes.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data lie on a GPU."""
        return bool(self.data.is_cuda)

    def is_pinned(self) -> bool:
        """Whether the data lie in pinned memory."""
        return bool(self.data.is_pinned())


def invert_permutation(permutation: Any) -> Any:
    """The permutation that takes another back."""
    if permutation is None:
        return None
    found = functions.empty_like(permutation)
    found.scatter_(0, permutation, functions.arange(0, permutation.numel(), device=permutation.device))
    return found


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Any:
    """Sequences of several lengths in one tensor, padded at their ends. Errors: RuntimeError."""
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    found = list(sequences)
    if not found:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    for number, one in enumerate(found):
        if not isinstance(one, Tensor):
            raise TypeError(
                f"expected Tensor as element {number} in argument 0, but got {type(one).__name__}"
            )
    if found[0].dim() == 0:
        raise RuntimeError("ArrayRef: invalid slice, N = 1; size = 0")
    longest = max(one.size(0) for one in found)
    sizes = (len(found), longest) if batch_first else (longest, len(found))
    result = functions.empty(
        (*sizes, *found[0].size()[1:]), dtype=found[0].dtype, device=found[0].device
    ).fill_(padding_value)
    for number, one in enumerate(found):
        length = one.size(0)
        start = longest - length if padding_side == "left" else 0
        row = (
            result.select(0, number).narrow(0, start, length)
            if batch_first
            else result.narrow(0, start, length).select(1, number)
        )
        row.copy_(one)
    return result


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences of a padded tensor, each as long as it is."""
    if not batch_first:
        padded_sequences.transpose_(0, 1)
    places = functions.arange(padded_sequences.shape[1], device=lengths.device)
    return [one[places < length] for one, length in zip(padded_sequences, lengths, strict=True)]


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Padded sequences without their padding. Errors: RuntimeError for lengths that do not fit, or are not sorted."""
    if isinstance(lengths, Tensor):
        lengths = lengths.to(dtype=dtypes.int64)
    else:
        lengths = as_tensor(lengths, dtype=dtypes.int64, device="cpu")
    order = None
    if not enforce_sorted:
        lengths, order = functions.sort(lengths, descending=True)
        order = order.to(input.device)
        input = input.index_select(0 if batch_first else 1, order)
    if lengths.ndim != 1 or lengths.device.type != "cpu":
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.ndim}D {lengths.device} Long tensor"
        )
    data, sizes = functions._pack_padded_sequence(input, lengths, batch_first)
    return PackedSequence(data, sizes.cpu(), order)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Any, Any]:
    """A packed sequence with padding, and the lengths. Errors: ValueError for a total length below the longest."""
    sizes = sequence.batch_sizes.tolist()
    length = len(sizes)
    if total_length is not None and total_length < length:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {length}"
        )
    data = sequence.data
    result = functions.empty(
        (total_length or length, sizes[0], *data.size()[1:]), dtype=data.dtype, device=data.device
    ).fill_(padding_value)
    lengths = [0] * sizes[0]
    start = offset = 0
    before = sizes[0]
    for step, size in enumerate([*sizes, 0]):
        if size == before:
            continue
        count = before * (step - start)
        block = data[offset : offset + count].view(step - start, before, *data.size()[1:])
        result[start:step][:, :before].copy_(block)
        lengths[size:before] = [step] * (before - size)
        start, offset, before = step, offset + count, size
    found = result.transpose(0, 1) if batch_first else result
    counts: Any = as_tensor(lengths, dtype=dtypes.int64, device="cpu")
    order = sequence.unsorted_indices
    if order is None:
        return found, counts
    return found.index_select(0 if batch_first else 1, order), counts[order.cpu()]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Sequences of several lengths, packed."""
    lengths = as_tensor([one.size(0) for one in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The sequences of a packed one."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
