"""Contractions named by dimensions or letters: tensordot, einsum, and products of three factors."""

from math import prod

import numpy as np

from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.ops import _registers
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import existing, refuse, wrap, wrap_dims
from tensorcli.engine.ops._moments import widened

# ---- contractions named by dimensions or letters


@composite(
    "tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor",
    variants="function",
    out=True,
)
def tensordot_dims(self, other, dims_self, dims_other):
    """Multiply and add up over pairs of dimensions."""
    if len(dims_self) != len(dims_other):
        raise RuntimeError("both dimension lists should have same length")
    if self.dtype is not other.dtype:
        raise RuntimeError("both inputs should have same dtype")
    size = 1
    for name1, name2 in zip(dims_self, dims_other, strict=True):
        s1, s2 = self.size(name1), other.size(name2)
        d1, d2 = wrap(name1, self.ndim), wrap(name2, other.ndim)
        if s2 == 1:
            self = self.sum(d1, True, dtype=self.dtype)
        elif s1 == 1:
            other = other.sum(d2, True, dtype=other.dtype)
        elif s1 != s2:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {s1} in dim {name1} and second has size {s2} "
                f"in dim {name2}"
            )
        else:
            size *= s1
    summed1 = wrap_dims(dims_self, self.ndim) if dims_self else ()
    summed2 = wrap_dims(dims_other, other.ndim) if dims_other else ()
    free1 = [d for d in range(self.ndim) if d not in summed1]
    free2 = [d for d in range(other.ndim) if d not in summed2]
    rows = [self.size(d) for d in free1]
    columns = [other.size(d) for d in free2]
    left = self.permute([*free1, *dims_self])
    right = other.permute([*dims_other, *free2])
    if prod(rows) == 1 and prod(columns) == 1:
        if left.is_contiguous() and right.is_contiguous():
            product = left.flatten().dot(right.flatten())
        else:
            product = (left.squeeze() * right.squeeze()).sum(dtype=left.dtype)
        return product.reshape([*rows, *columns])
    left, right = left.reshape((prod(rows), size)), right.reshape((size, prod(columns)))
    return direct("mm", left, right).reshape([*rows, *columns])


def _pair(left, right, dims):
    """The product of two operands of equal rank, added up over `dims`, which stay with size 1
    (aten/src/ATen/native/Linear.cpp, sumproduct_pair)."""
    if not dims:
        return left * right
    both, only_left, only_right = [], [], []
    summed = 1
    for d in range(left.ndim):
        in_left, in_right = left.size(d) != 1, right.size(d) != 1
        if d in dims:
            if in_left and in_right:
                summed *= left.size(d)
            elif in_left:
                left = left.sum(d, True)
            elif in_right:
                right = right.sum(d, True)
        elif in_left and in_right:
            both.append(d)
        else:
            (only_left if in_left else only_right).append(d)
    if only_left and only_right and only_right[-1] < only_left[0]:
        # The other way round the product need not be permuted.
        left, right, only_left, only_right = right, left, only_right, only_left
    sizes = (
        [left.size(d) for d in (*both, *only_left)] + [1] * len(dims) + [right.size(d) for d in only_right]
    )
    back = [0] * left.ndim
    for i, d in enumerate((*both, *only_left, *dims, *only_right)):
        back[d] = i
    count = prod([left.size(d) for d in both])
    rows = prod([left.size(d) for d in only_left])
    columns = prod([right.size(d) for d in only_right])
    left = left.permute([*both, *only_left, *dims, *only_right]).reshape((count, rows, summed))
    right = right.permute([*both, *dims, *only_right, *only_left]).reshape((count, summed, columns))
    return left.bmm(right).view(sizes).permute(back)


def _subscripts(equation, operands):
    """The labels of each operand and of the result; Ellipsis stands for the dimensions that have no letter."""
    left, arrow, right = equation.partition("->")
    labels = [[]]
    at = 0
    while at < len(left):
        if left[at] == ",":
            if len(labels) == len(operands):
                raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
            labels.append([])
            at += 1
        else:
            at = _read(
                left,
                at,
                labels[-1],
                0,
                f"for operand {len(labels) - 1}",
                "for which an ellipsis was already found",
            )
    if len(labels) < len(operands):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    for i, (term, operand) in enumerate(zip(labels, operands, strict=True)):
        named = sum(1 for label in term if label is not Ellipsis)
        rule = None
        if Ellipsis in term and named > operand.ndim:
            rule, after = "is more than the number of dimensions", ""
        elif Ellipsis not in term and named != operand.ndim:
            rule, after = "does not match the number of dimensions", " and no ellipsis was given"
        if rule is not None:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) {rule} ({operand.ndim}) for operand "
                f"{i}{after}"
            )
    if not arrow:
        return labels, None
    result = []
    at = 0
    while at < len(right):
        start = len(left) + len(arrow)
        at = _read(
            right, at, result, start, "for output", "but an ellipsis (...) was already found", " (...)"
        )
    return labels, result


def _read(text, at, labels, start, where, again, dots=""):
    """Read a label or an ellipsis, which begins at a place; the place behind it. Errors: RuntimeError."""
    if text[at] == " ":
        return at + 1
    if text[at] == ".":
        if Ellipsis in labels:
            raise RuntimeError(f"einsum(): found '.' {where} {again}")
        if not text.startswith("...", at):
            raise RuntimeError(f"einsum(): found '.' {where} that is not part of any ellipsis{dots}")
        labels.append(Ellipsis)
        return at + 3
    if not (text[at].isascii() and text[at].isalpha()):
        raise RuntimeError(
            f"einsum(): invalid subscript given at index {start + at} in the equation string, subscripts must be in [a-zA-Z]"
        )
    labels.append(text[at])
    return at + 1


@composite("einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor", variants="function")
def einsum(equation, tensors, path):
    """Multiply and add up over the dimensions that an equation names: `ij,jk->ik` is a matrix product."""
    return contract(equation, list(tensors))


def contract(equation, operands):
    """The contraction that an equation names (aten/src/ATen/native/Linear.cpp, einsum): operands from left to right, in pairs."""
    labels, output = _subscripts(equation, operands)
    hidden = max(
        (o.ndim - len(t) + 1 for t, o in zip(labels, operands, strict=True) if Ellipsis in t), default=0
    )
    order, kept = _order(labels, output, hidden)
    position = {label: i for i, label in enumerate(order)}
    aligned = [
        _aligned(o, t, i, hidden, position, len(order))
        for i, (t, o) in enumerate(zip(labels, operands, strict=True))
    ]
    missing = [hidden - o.ndim + len(t) - 1 for t, o in zip(labels, operands, strict=True)]
    _check_sizes(aligned, order, labels, missing)
    result = _multiplied(aligned, kept)
    if len(order) == kept:
        return result
    if len(operands) > 1:
        return result.view(result.geometry.sizes[:kept])
    return result.sum(list(range(kept, len(order))))


def _order(labels, output, hidden):
    """The labels in the order in which the operands are aligned, and how many of them the result keeps: `hidden` stand for each
    ellipsis. Errors: RuntimeError for an output that cannot be made of the inputs."""
    counts = {}
    for term in labels:
        for label in term:
            if label is not Ellipsis:
                counts[label] = counts.get(label, 0) + 1
    if output is None:
        once = sorted(label for label, times in counts.items() if times == 1)
        output = ([Ellipsis] if hidden or any(Ellipsis in t for t in labels) else []) + once
    else:
        for i, label in enumerate(output):
            if label is not Ellipsis and label in output[:i]:
                raise RuntimeError(f"einsum(): output subscript {label} appears more than once in the output")
            if label is not Ellipsis and label not in counts:
                raise RuntimeError(
                    f"einsum(): output subscript {label} does not appear in the equation for any input operand"
                )
    order = []
    for label in output:
        order.extend([(Ellipsis, i) for i in range(hidden)] if label is Ellipsis else [label])
    kept = len(order)
    if hidden and Ellipsis not in output:
        order.extend((Ellipsis, i) for i in range(hidden))
    order.extend(sorted(label for label in counts if label not in order))
    return order, kept


def _multiplied(aligned, kept):
    """The product of aligned operands, from left to right: a dimension behind the kept ones is summed as soon as no other
    operand has it."""
    dims = aligned[0].ndim
    remaining = [sum(1 for o in aligned if o.size(d) != 1) for d in range(dims)]
    stack = list(aligned)
    while len(stack) > 1:
        a, b = stack.pop(0), stack.pop(0)
        now, of_a, of_b = [], [], []
        for d in range(kept, dims):
            if a.size(d) != 1 and b.size(d) != 1:
                remaining[d] -= 1
                if remaining[d] == 1:
                    now.append(d)
                    remaining[d] = 0
            elif remaining[d] == 1 and (a.size(d) != 1 or b.size(d) != 1):
                (of_a if a.size(d) != 1 else of_b).append(d)
                remaining[d] = 0
        a = a.sum(of_a, True) if of_a else a
        b = b.sum(of_b, True) if of_b else b
        stack.insert(0, _pair(a, b, now))
    return stack[0]


def _check_sizes(operands, order, labels, hidden):
    seen = [1] * len(order)
    for i, operand in enumerate(operands):
        for d, size in enumerate(operand.geometry.sizes):
            if size != 1 and seen[d] not in (1, size):
                if isinstance(order[d], tuple):
                    # Counted among the operand's own dimensions, before which the ellipsis stands for broadcast ones.
                    place = labels[i].index(Ellipsis) + order[d][1] - hidden[i]
                    raise RuntimeError(
                        f"einsum(): dimension {place} covered by ellipsis in operand {i}has size {size} which does not "
                        f"broadcast with previously seen ellipsis with size {seen[d]} for the respective dimension"
                    )
                raise RuntimeError(
                    f"einsum(): subscript {order[d]} has size {size} for operand {i} which does not broadcast with previously "
                    f"seen size {seen[d]}"
                )
            if size != 1:
                seen[d] = size


def _aligned(operand, term, number, hidden, position, rank):
    """The operand with one dimension for each label of the whole contraction, size 1 where it has none."""
    places = []
    dim = 0
    covered = operand.ndim - sum(1 for label in term if label is not Ellipsis)
    for label in term:
        if label is Ellipsis:
            for i in range(covered):
                places.append(position[Ellipsis, hidden - covered + i])
                dim += 1
        elif position[label] in places:
            earlier = places.index(position[label])
            if operand.size(dim) != operand.size(earlier):
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {number} but the sizes don't match, "
                    f"{operand.size(dim)} != {operand.size(earlier)}"
                )
            operand = operand.diagonal(0, earlier, dim).movedim(-1, earlier)
        else:
            places.append(position[label])
            dim += 1
    order = [-1] * rank
    for own, place in enumerate(places):
        order[place] = own
    own = len(places)
    for place in range(rank):
        if order[place] == -1:
            operand = operand.unsqueeze(own)
            order[place] = own
            own += 1
    return operand.permute(order)


# ---- three factors


def _trilinear_backward(grad, i1, i2, i3, expand1, expand2, expand3, sumdim, needs):
    """The same product with the gradient in place of one factor (aten/src/ATen/native/Linear.cpp)."""
    product = functions._trilinear
    return (
        product(grad, i2, i3, sumdim, expand2, expand3, expand1) if needs[0] else None,
        product(i1, grad, i3, expand1, sumdim, expand3, expand2) if needs[1] else None,
        product(i1, i2, grad, expand1, expand2, sumdim, expand3) if needs[2] else None,
    )


@op(
    "_trilinear(Tensor i1, Tensor i2, Tensor i3, int[] expand1, int[] expand2, int[] expand3, int[] sumdim, "
    "int unroll_dim=1) -> Tensor",
    variants="function",
    out=False,
    stepwise=REDUCED,
    i1__i2__i3=_trilinear_backward,
)
def trilinear(xp, i1, i2, i3, expand1, expand2, expand3, sumdim, unroll_dim):
    """The product of three tensors with new dimensions, summed over some."""
    if i1.size and i2.size and i3.size:
        refuse(i1, "bmm", "b")
    if _registers.is_reduced(i1):
        return _trilinear_in_steps((i1, i2, i3), (expand1, expand2, expand3), sumdim, unroll_dim)
    own = i1.dtype
    i1, i2, i3 = widened(i1, i2, i3)
    total = i1.ndim + len(expand1)
    terms = []
    for array, new in ((i1, expand1), (i2, expand2), (i3, expand3)):
        terms += [array, [d for d in range(total) if d not in new]]
    kept = [d for d in range(total) if d not in sumdim]
    held = {d for labels in terms[1::2] for d in labels}
    result = xp.einsum(*terms, [d for d in kept if d in held])
    for d in kept:
        if d not in held:
            result = xp.expand_dims(result, kept.index(d))
    return result.astype(own, copy=False)


def _trilinear_in_steps(arrays, expands, sumdim, unroll_dim):
    """The product one index of a dimension after the other, the first two factors first: each step is rounded."""
    own = arrays[0].dtype
    arrays = [np.expand_dims(each, tuple(new)) for each, new in zip(arrays, expands, strict=True)]
    sizes = np.broadcast_shapes(*(each.shape for each in arrays))
    last = [d for d in sumdim if d != unroll_dim and d not in expands[2]]
    first = [d for d in sumdim if d != unroll_dim and d in expands[2]]

    def product(a, b, dims):
        return (a.astype(np.float32) * b.astype(np.float32)).sum(tuple(dims), keepdims=True).astype(own)

    result = np.zeros([1 if d in sumdim else size for d, size in enumerate(sizes)], own)
    for k in range(sizes[unroll_dim] if all(each.size for each in arrays) else 0):
        a, b, c = (each.take([min(k, each.shape[unroll_dim] - 1)], unroll_dim) for each in arrays)
        place = (slice(None),) * unroll_dim + (slice(None) if unroll_dim in sumdim else slice(k, k + 1),)
        result[place] += product(product(a, b, first), c, last)
    return result.squeeze(tuple(sumdim))


@composite(
    "bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor", variants="function"
)
def bilinear(input1, input2, weight, bias):
    """For each output the product of two inputs through a matrix of weights, plus bias."""
    given = {"input1": input1, "input2": input2, "weight": weight, "bias": bias}
    kinds = {name: one.dtype for name, one in given.items() if one is not None}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{name}: {kind.cpp_name}" for name, kind in kinds.items())
        raise RuntimeError(f"All tensors must have the same dtype, got {listed}")
    first, second = input1.geometry.sizes, input2.geometry.sizes
    if len(first) != len(second):
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {len(first)} and {len(second)}")
    for d, (a, b) in enumerate(zip(first[:-1], second[:-1], strict=True)):
        if a != b:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {d}: got {a} and {b}")
    existing(1, weight.ndim)
    for number, size in enumerate((first[-1], second[-1]), 1):
        if size != weight.size(number):
            raise RuntimeError(
                f"bilinear(): input{number} size does not match weight size: got {size} but expected {weight.size(number)}"
            )
    if bias is not None and bias.size(0) != weight.size(0):
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.size(0)} but expected {weight.size(0)}"
        )
    rows1, rows2 = input1.reshape((-1, first[-1])), input2.reshape((-1, second[-1]))
    found = functions._trilinear(rows1, weight, rows2, [1, 3], [0], [1, 2], [2, 3])
    result = found.reshape((*first[:-1], weight.size(0)))
    return result if bias is None else result + bias
