"""Kernels and their arrays: what runs a kernel, and what it gives in the sizes, dtype and device that PyTorch has."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tensorcli.engine import dtypes, geometry, messages
from tensorcli.engine.conversion import check_number
from tensorcli.engine.devices import CPU, Device
from tensorcli.engine.dtypes import BARE, FEW_KERNELS, dtype
from tensorcli.engine.storage import backend
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


ndarray = np.ndarray


def tensors_of(op: "Op", values: Sequence[Any]) -> Iterator[Tensor]:
    """The tensors that a call was given, those in lists too."""
    for i in op.tensors:
        value = values[i]
        for one in value if type(value) in (list, tuple) else (value,):
            if isinstance(one, Tensor):
                yield one


def run_kernel(op: "Op", arguments: Sequence[Any], device: Device, reduced: dtype | None = None) -> Any:
    """A kernel's answer: on the CPU with numpy, elsewhere by the device's backend. `reduced` is the dtype that arrays were
    widened from, if any.
    """
    if device is CPU:
        widened = reduced if reduced in FEW_KERNELS else None
        try:
            for one in arguments:
                kind = one.__class__
                if (
                    widened
                    or (kind is ndarray and one.dtype.char in BARE)
                    or (kind is dtype and one in FEW_KERNELS)
                ):
                    from tensorcli.engine.effects.barebones import refuse

                    refuse(op, widened, arguments)
                    break
            return op.kernel(np, *arguments)
        except NotImplementedError as error:
            if reduced is None:
                raise
            # The kernel saw a wider dtype; PyTorch names the dtype itself.
            text = str(error).replace(f"'{reduced.computes_as.scalar_type}'", f"'{reduced.scalar_type}'")
            raise NotImplementedError(text) from None
        except ValueError as error:
            raise (_sizes_that_differ(error) or error) from None
        except TypeError:
            _refuse_complex(arguments)
            raise
    return backend(device).run(op.base, op.kernel, list(arguments), device)


def _refuse_complex(arguments: Sequence[Any]) -> None:
    """PyTorch's complaint in place of numpy's that a complex number does not fit a kernel's real dtype. Errors: RuntimeError."""
    first = next((one for one in arguments if one.__class__ is ndarray), None)
    if first is None or first.dtype.kind == "c":
        return
    for one in arguments:
        if type(one) is complex:
            check_number(one, dtypes.from_numpy_dtype(first.dtype))


def _sizes_that_differ(error: ValueError) -> RuntimeError | None:
    """PyTorch's complaint for numpy's that two shapes do not broadcast, or that there are too many dimensions; else None."""
    if "maximum supported dimension" in str(error):
        return RuntimeError(messages.TOO_MANY_DIMENSIONS)
    if "broadcast" not in str(error):
        return None
    shapes = [tuple(map(int, re.findall(r"\d+", shape))) for shape in re.findall(_SHAPE, str(error))]
    try:
        broadcast_sizes(shapes[:2])
    except RuntimeError as found:
        return found
    return None


_SHAPE: Final = r"\((\d*,[\d, ]*)\)"


def as_array(answer: Any, device: Device) -> Any:
    """A kernel's answer as an array of the device: numpy makes scalars of what has no dimensions."""
    if device is not CPU:
        return backend(device).settled(answer, device)
    return answer if type(answer) is ndarray else np.asarray(answer)


def broadcast_sizes(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The common sizes. Errors: RuntimeError with PyTorch's text."""
    try:
        return geometry.broadcast(*shapes)
    except ValueError as error:
        raise messages.broadcast(*error.args) from None


def device_of(op: "Op", values: Sequence[Any]) -> Device:
    """The device that the tensors share. Errors: RuntimeError for tensors that lie on several."""
    for i in op.tensors:
        value = values[i]
        for one in value if type(value) in (list, tuple) else (value,):
            if isinstance(one, Tensor) and one.device is not CPU:
                from tensorcli.engine.placement import common_device

                return common_device(op, values)
    return CPU


def check_castable(kind: dtype, target: Tensor) -> None:
    """Errors: RuntimeError for a dtype whose category the tensor that is written cannot hold."""
    if not dtypes.can_cast(kind, target.dtype):
        raise messages.result_cast(kind.scalar_type, target.dtype.scalar_type)


def check_output_shape(target: Tensor, sizes: tuple[int, ...]) -> None:
    """Errors: RuntimeError where a tensor that is written in place does not have the sizes of the result."""
    if sizes != target.geometry.sizes:
        raise messages.output_shape(target.geometry.sizes, sizes)
