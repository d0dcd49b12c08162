"""Operators that write some elements of self: the pure one, its in-place twin and their checks."""

import numpy as np

from tensorcli.engine import effects, geometry, messages
from tensorcli.engine.declare import op
from tensorcli.engine.devices import CPU
from tensorcli.engine.effects import Laid
from tensorcli.engine.ops._shared import own_geometry
from tensorcli.engine.tensor import Tensor


def writer(
    line,
    check,
    *,
    preserve=False,
    out=True,
    twin_check=None,
    parts=None,
    stepwise=(),
    tangents=None,
    **formulas,
):
    """Declare an operator that changes some elements of self, and its in-place twin, by one kernel that
    writes.

    `line` is the schema of the operator that returns a new tensor; `preserve` says that its result keeps
    self's strides where they are dense (else it is row-major), `twin_check` what the twin
    refuses instead of the check and of overlapping memory, `stepwise` the reduced dtypes that the kernel adds up in, `tangents`
    the formula of those (see `op`),
    `parts` the arguments with which the kernel writes what PyTorch does before it comes upon an index that is out of range.
    """

    def declare(kernel):
        def changed(xp, self, *rest):
            copy = self.copy()
            kernel(xp, copy, *rest)
            return Laid(
                copy,
                geometry.preserved_strides(own_geometry(self))
                if preserve
                else geometry.contiguous_strides(self.shape),
            )

        changed.__doc__, changed.__module__ = kernel.__doc__, kernel.__module__
        op(line, check=check, out=out, stepwise=stepwise, tangents=tangents, **formulas)(changed)
        checked = twin_check or separate(check)
        if parts is not None:
            checked = writing_before(checked, kernel, parts)
        op(in_place(line), check=checked, stepwise=stepwise, tangents=tangents, **formulas)(kernel)
        return kernel

    return declare


def midway(error):
    """Mark the error of an index that PyTorch finds out of range when it has written what comes before it."""
    error.midway = True
    return error


def writing_before(check, kernel, parts, *, apart=True):
    """A check that, where an index is out of range, writes what PyTorch has written when it says so; `apart`: not over what it
    reads.
    """

    def checked(self, *rest):
        try:
            check(self, *rest)
        except (IndexError, RuntimeError) as error:
            if getattr(error, "midway", False) and self.device is CPU:
                others = [other for other in rest if isinstance(other, Tensor)]
                if apart:
                    effects.check_overlap(self, others)
                    refuse_shared(self, others)
                arrays = [one.values if isinstance(one, Tensor) else one for one in rest]
                for part in parts(self.array, *arrays):
                    kernel(np, *part)
            raise

    return checked


def separate(check):
    """The check of an operator that also refuses to write where elements overlap, or over what it reads."""

    def checked(self, *rest):
        check(self, *rest)
        others = [other for other in rest if isinstance(other, Tensor)]
        effects.check_overlap(self, others)
        refuse_shared(self, others)

    return checked


def refuse_shared(self, others):
    """Refuse to write over what is read, also where both are the very same elements. Errors: RuntimeError."""
    for other in others:
        shared = other._storage is not None and other._storage is self._storage
        if other is self or (
            shared and geometry.overlap(self.geometry, other.geometry) in ("full", "partial")
        ):
            raise RuntimeError(messages.PARTIAL_OVERLAP)


def in_place(line):
    """The schema line of an operator's in-place twin."""
    name, _, rest = line.partition("(")
    base, dot, overload = name.partition(".")
    arguments = rest.rpartition(") -> ")[0].replace("Tensor self", "Tensor(a!) self", 1)
    return f"{base}_{dot}{overload}({arguments}) -> Tensor(a!)"
