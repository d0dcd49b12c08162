"""Sizes, strides and offset of a tensor over its storage: pure integers.

Everything here counts elements, never bytes. A Geometry is immutable; the functions say what a view is, whether memory is
dense or overlaps, and which strides a fresh result has. This module knows no arrays and no tensors.
"""

from functools import lru_cache
from math import prod
from typing import Any


class Geometry:
    """Sizes, strides and storage offset. Equal by value; treated as immutable (a class, for a cheap constructor)."""

    __slots__ = ("contiguous", "numel", "offset", "row_major", "sizes", "strides")

    def __init__(self, sizes: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> None:
        self.sizes = sizes
        self.strides = strides
        self.offset = offset
        self.numel = prod(sizes)
        self.contiguous = is_contiguous(sizes, strides)
        # A dimension of size 1 may have any stride and be contiguous; row-major strides are those of a fresh tensor, and of
        # what is computed from it. Where there are no elements, a result may have others.
        self.row_major = (
            self.contiguous and 0 not in sizes and (1 not in sizes or strides == contiguous_strides(sizes))
        )

    @property
    def ndim(self) -> int:
        return len(self.sizes)

    @property
    def span(self) -> int:
        """How many elements lie between the first and the last one reached, both included; 0 when there are none."""
        if not self.numel:
            return 0
        return 1 + sum((size - 1) * stride for size, stride in zip(self.sizes, self.strides, strict=True))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Geometry)
            and self.sizes == other.sizes
            and self.strides == other.strides
            and self.offset == other.offset
        )

    def __hash__(self) -> int:
        return hash((self.sizes, self.strides, self.offset))

    def __repr__(self) -> str:
        return f"Geometry(sizes={self.sizes}, strides={self.strides}, offset={self.offset})"

    # ---- views: geometry to geometry

    def swapped(self, dim0: int, dim1: int) -> "Geometry":
        """Two dimensions swapped."""
        order = list(range(self.ndim))
        order[dim0], order[dim1] = order[dim1], order[dim0]
        return self.permuted(order)

    def permuted(self, order: Any) -> "Geometry":
        """The dimensions in another order."""
        return Geometry(
            tuple(self.sizes[d] for d in order), tuple(self.strides[d] for d in order), self.offset
        )

    def selected(self, dim: int, index: int) -> "Geometry":
        """One index of a dimension, which disappears."""
        return Geometry(
            self.sizes[:dim] + self.sizes[dim + 1 :],
            self.strides[:dim] + self.strides[dim + 1 :],
            self.offset + index * self.strides[dim],
        )

    def sliced(self, dim: int, start: int, length: int, step: int = 1) -> "Geometry":
        """`length` indices of a dimension from `start` on, `step` apart."""
        return Geometry(
            (*self.sizes[:dim], length, *self.sizes[dim + 1 :]),
            (*self.strides[:dim], self.strides[dim] * step, *self.strides[dim + 1 :]),
            self.offset + start * self.strides[dim],
        )

    def unsqueezed(self, dim: int) -> "Geometry":
        """A dimension of size 1 put in, with PyTorch's stride for it."""
        stride = self.sizes[dim] * self.strides[dim] if dim < self.ndim else 1
        return Geometry(
            (*self.sizes[:dim], 1, *self.sizes[dim:]),
            (*self.strides[:dim], stride, *self.strides[dim:]),
            self.offset,
        )

    def squeezed(self, dims: Any) -> "Geometry":
        """The dimensions among `dims` that have size 1 taken out."""
        keep = [d for d in range(self.ndim) if d not in dims or self.sizes[d] != 1]
        return Geometry(tuple(self.sizes[d] for d in keep), tuple(self.strides[d] for d in keep), self.offset)

    def expanded(self, sizes: tuple[int, ...]) -> "Geometry":
        """Broadcast to `sizes` (already checked): new and stretched dimensions get stride 0."""
        lead = len(sizes) - self.ndim
        if not self.sizes:
            return Geometry(tuple(sizes), (0,) * lead, self.offset)
        # A new dimension of size 1 in front gets the stride it would have if it were real: PyTorch's inferExpandGeometry.
        strides: list[int] = []
        for i in range(len(sizes) - 1, -1, -1):
            if i >= lead:
                same = self.sizes[i - lead] == sizes[i]
                strides.append(self.strides[i - lead] if same else 0)
            elif sizes[i] == 1:
                strides.append(sizes[i + 1] * strides[-1] if strides else 1)
            else:
                strides.append(0)
        return Geometry(tuple(sizes), tuple(reversed(strides)), self.offset)


@lru_cache(maxsize=4096)
def contiguous(sizes: tuple[int, ...], offset: int = 0) -> Geometry:
    """The row-major geometry of these sizes. The same object each time, so that equal geometries are often identical."""
    return Geometry(sizes, contiguous_strides(sizes), offset)


def contiguous_strides(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides, with PyTorch's rule that a size of 0 counts as 1."""
    strides = []
    step = 1
    for size in reversed(sizes):
        strides.append(step)
        step *= size if size > 1 else 1
    return tuple(reversed(strides))


def channels_last_strides(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of `torch.channels_last` (four dimensions) or `channels_last_3d` (five)."""
    order = [1, *range(len(sizes) - 1, 1, -1), 0]
    strides = [0] * len(sizes)
    step = 1
    for d in order:
        strides[d] = step
        step *= max(sizes[d], 1)
    return tuple(strides)


def suggests_channels_last(geometry: "Geometry") -> bool:
    """Whether images of this geometry lead to results in `torch.channels_last` (c10's is_channels_last_strides_2d; in five
    dimensions `channels_last_3d`, and _3d).
    """
    sizes, strides = geometry.sizes, geometry.strides
    rank = len(sizes)
    if rank not in (4, 5) or strides[1] == 0:
        return False
    least = 0
    for d in (1, *range(rank - 1, 1, -1), 0):
        if sizes[d] == 0 or strides[d] < least or (d == 0 and least == strides[1]):
            return False
        least = strides[d] * max(sizes[d], 1)
    return True


def format_strides(sizes: tuple[int, ...], name: str) -> tuple[int, ...]:
    """The strides of a memory format by name. Errors: RuntimeError for a rank that the format does not have."""
    if name == "contiguous_format":
        return contiguous_strides(sizes)
    if name == "preserve_format":
        raise RuntimeError("unsupported memory format Preserve")
    rank = 4 if name == "channels_last" else 5
    if len(sizes) != rank:
        raise RuntimeError(f"required rank {rank} tensor to use {name} format")
    return channels_last_strides(sizes)


def is_contiguous(sizes: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Row-major without gaps; strides of dimensions of size 1 do not count, and an empty tensor is contiguous."""
    step = 1
    for size, stride in zip(reversed(sizes), reversed(strides), strict=True):
        if size != 1:
            if size == 0:
                return True
            if stride != step:
                return 0 in sizes
            step *= size
    return True


def is_non_overlapping_and_dense(sizes: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether some permutation of the dimensions is contiguous."""
    # `is_contiguous` of the sorted dimensions, written out: asked of every copy, of which the call would be a tenth.
    step = 1
    for stride, size in sorted((st, sz) for sz, st in zip(sizes, strides, strict=True) if sz != 1):
        if size == 0:
            return True
        if stride != step:
            return 0 in sizes
        step *= size
    return True


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes that all shapes broadcast to.

    Errors: ValueError(a, b, dim) with the two sizes that do not fit and the dimension where.
    """
    result = shapes[0]
    for shape in shapes[1:]:
        if shape == result:
            continue
        ndim = max(len(result), len(shape))
        sizes = []
        for i in range(ndim - 1, -1, -1):
            a = result[i - ndim + len(result)] if i >= ndim - len(result) else 1
            b = shape[i - ndim + len(shape)] if i >= ndim - len(shape) else 1
            if a != b and a != 1 and b != 1:
                raise ValueError(a, b, i)
            sizes.append(b if a == 1 else a)
        result = tuple(reversed(sizes))
    return result


def stretched(sizes: tuple[int, ...], origin: tuple[int, ...]) -> list[int] | None:
    """The dimensions that broadcasting from `origin` to these sizes added or stretched; None where it does not give them."""
    lead = len(sizes) - len(origin)
    if lead < 0 or any(a != b and b != 1 for a, b in zip(sizes[lead:], origin, strict=True)):
        return None
    return [*range(lead), *(d for d, size in enumerate(origin, lead) if size == 1 and sizes[d] != 1)]


def elementwise_strides(sizes: tuple[int, ...], operands: "list[Geometry]") -> tuple[int, ...]:
    """The strides of a fresh element-wise result: PyTorch's TensorIterator, from the operands' geometry.

    Contiguous when all operands are; the operands' common strides when they are dense and agree; else the permutation
    of dimensions that sorts the operands' strides, first operand first (aten/src/ATen/TensorIterator.cpp,
    `compute_fast_setup_type` and `reorder_dimensions`).
    """
    if all(g.contiguous and g.sizes == sizes for g in operands):
        return contiguous_strides(sizes)
    if all(g.sizes == sizes for g in operands):
        if len(sizes) in (4, 5):
            last = channels_last_strides(sizes)
            if all(_matches(sizes, g.strides, last) for g in operands):
                return last
        first = operands[0]
        if is_non_overlapping_and_dense(sizes, first.strides) and all(
            g.strides == first.strides for g in operands
        ):
            return first.strides
    ndim = len(sizes)
    if not ndim:
        return ()
    aligned = [_aligned_strides(g, sizes) for g in operands]
    order = _dimension_order(sizes, aligned)
    if 0 in sizes and order == list(range(ndim - 1, -1, -1)):
        return contiguous_strides(sizes)
    strides = [0] * ndim
    step = 1
    for d in order:
        strides[d] = step
        step *= sizes[d]
    return tuple(strides)


def _matches(sizes: tuple[int, ...], strides: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(s == 1 or a == b for s, a, b in zip(sizes, strides, wanted, strict=True))


def _aligned_strides(geometry: Geometry, sizes: tuple[int, ...]) -> tuple[int, ...]:
    lead = len(sizes) - geometry.ndim
    return (0,) * lead + tuple(
        0 if size == 1 and target != 1 else stride
        for size, stride, target in zip(geometry.sizes, geometry.strides, sizes[lead:], strict=True)
    )


def _dimension_order(sizes: tuple[int, ...], operands: list[tuple[int, ...]]) -> list[int]:
    """Dimensions from the fastest to the slowest: an insertion sort by strides in which ambiguous pairs do not decide."""
    order = list(range(len(sizes) - 1, -1, -1))

    def should_swap(dim0: int, dim1: int) -> int:
        for strides in operands:
            a, b = strides[dim0], strides[dim1]
            if a == 0 or b == 0:
                continue
            if a < b:
                return -1
            if a > b:
                return 1
            if sizes[dim0] > sizes[dim1]:
                return 1
        return 0

    for i in range(1, len(order)):
        dim1 = i
        for dim0 in range(i - 1, -1, -1):
            comparison = should_swap(order[dim0], order[dim1])
            if comparison > 0:
                order[dim0], order[dim1] = order[dim1], order[dim0]
                dim1 = dim0
            elif comparison < 0:
                break
    return order


def preserved_strides(geometry: Geometry) -> tuple[int, ...]:
    """The strides of a copy that preserves its source's format: its own when dense, else as an element-wise result."""
    if not geometry.numel or is_non_overlapping_and_dense(geometry.sizes, geometry.strides):
        return geometry.strides
    return elementwise_strides(geometry.sizes, [geometry])


def dimension_order(geometry: Geometry) -> tuple[int, ...]:
    """The dimensions from the outermost to the innermost in memory; those that memory does not order stay as they are."""
    if geometry.contiguous:
        return tuple(range(geometry.ndim))
    return tuple(reversed(_dimension_order(geometry.sizes, [geometry.strides])))


def view_strides(geometry: Geometry, sizes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The strides with which `sizes` view the same elements in the same order, or None when none do.

    Dimensions merge only while stride[i] == size[i+1] * stride[i+1] (aten/src/ATen/TensorUtils.cpp, computeStride).
    """
    if not geometry.numel:
        return geometry.strides if sizes == geometry.sizes else contiguous_strides(sizes)
    if not geometry.sizes:
        return (1,) * len(sizes)
    view = len(sizes) - 1
    strides = [0] * len(sizes)
    base = geometry.strides[-1]
    tensor_numel = view_numel = 1
    for d in range(geometry.ndim - 1, -1, -1):
        tensor_numel *= geometry.sizes[d]
        if d == 0 or (geometry.sizes[d - 1] != 1 and geometry.strides[d - 1] != tensor_numel * base):
            while view >= 0 and (view_numel < tensor_numel or sizes[view] == 1):
                strides[view] = view_numel * base
                view_numel *= sizes[view]
                view -= 1
            if view_numel != tensor_numel:
                return None
            if d > 0:
                base = geometry.strides[d - 1]
                tensor_numel = view_numel = 1
    return None if view != -1 else tuple(strides)


def has_distinct_elements(geometry: Geometry) -> bool:
    """Whether no two indices reach one element, as far as sorted strides can tell (each steps over all smaller ones)."""
    reach = 0
    for stride, size in sorted(zip(geometry.strides, geometry.sizes, strict=True)):
        if size > 1:
            if stride <= reach:
                return False
            reach += stride * (size - 1)
    return True


def has_internal_overlap(geometry: Geometry) -> bool:
    """Whether PyTorch sees that two indices reach one element: a stride of 0 over more than one index."""
    return geometry.numel > 0 and any(
        size > 1 and stride == 0 for size, stride in zip(geometry.sizes, geometry.strides, strict=True)
    )


def overlap(a: Geometry, b: Geometry) -> str:
    """How two geometries over one storage overlap, as PyTorch decides it: "no", "full", "partial" or "unknown"."""
    return overlap_in_bytes(a, 1, b, 1)


def overlap_in_bytes(a: Geometry, size_a: int, b: Geometry, size_b: int) -> str:
    """`overlap` of geometries whose elements take that many bytes.

    Only dense tensors are compared, by their ranges (aten/src/ATen/MemoryOverlap.cpp, get_overlap_status).
    """
    if not a.numel or not b.numel:
        return "no"
    if not is_non_overlapping_and_dense(a.sizes, a.strides) or not is_non_overlapping_and_dense(
        b.sizes, b.strides
    ):
        return "unknown"
    begin_a, begin_b = a.offset * size_a, b.offset * size_b
    end_a, end_b = begin_a + a.numel * size_a, begin_b + b.numel * size_b
    if begin_a == begin_b and end_a == end_b:
        return "full" if a.strides == b.strides else "partial"
    return "partial" if begin_a < end_b and begin_b < end_a else "no"
