"""Which values a parameter takes, and what becomes of them.

Checked here is what PyTorch's argument parser checks when it chooses an overload; what it finds out only when
it unpacks the values of the chosen one (an integer beyond 64 bits, the second element of a list) is found out
by `convert`.

This module knows a tensor by `shape`, `ndim`, `dtype`, `requires_grad` and `item()`, everything else by its
type's name, so that it serves any class of tensors.
"""

from collections.abc import Sequence
from operator import index
from typing import Any, Final

import numpy as np

from tensorcli.engine import dtypes
from tensorcli.engine.binding.signatures import Parameter, Signature
from tensorcli.engine.messages import DISCARDS_IMAGINARY, warn
from tensorcli.engine.native import type_name

LOW, HIGH = -(2**63), 2**63 - 1
INTEGER_LISTS: Final = ("IntArrayRef", "SymIntArrayRef")

# ---- which values a parameter takes

_NUMBER_CLASSES: Final = (int, float, complex, np.number, np.bool_)
_NAMED: Final = {
    "Layout": ("torch.layout",),
    "MemoryFormat": ("torch.memory_format",),
    "Generator": ("torch._C.Generator",),
    "Storage": ("torch.storage.UntypedStorage", "torch.storage.TypedStorage"),
    "Stream": ("torch.Stream",),
    "QScheme": ("torch.qscheme",),
}
PYTHON_DTYPES: Final = {
    float: dtypes.float64,
    bool: dtypes.bool_,
    int: dtypes.int64,
    complex: dtypes.complex128,
}


def accepts(signature: Signature, parameter: Parameter, value: Any, tensor: Any, argument: int) -> bool:
    """Whether PyTorch lets the value stand for the parameter, which is number `argument` of its signature.

    Errors: TypeError for a list of tensors that holds something else, whatever other signatures there are.
    """
    kind = parameter.kind
    match kind:
        case "Tensor":
            return isinstance(value, tensor) or (
                signature.numbers_as_tensors and isinstance(value, _NUMBER_CLASSES)
            )
        case "Scalar" | "double" | "complex":
            if isinstance(value, tensor):
                return not value.requires_grad and value.ndim == 0
            if isinstance(value, complex):
                return kind != "double" or isinstance(value, np.number)
            return isinstance(value, _NUMBER_CLASSES)
        case "int64_t":
            if isinstance(value, tensor):
                return _is_integral(value) and not value.requires_grad and value.ndim == 0
            return is_long(value)
        case "SymInt":
            return is_integer(value, tensor)
        case "IntArrayRef" | "SymIntArrayRef":
            if isinstance(value, (tuple, list)):
                return not value or is_integer(value[0], tensor)
            return parameter.size > 0 and is_integer(value, tensor)
        case "TensorList":
            if not isinstance(value, (tuple, list)):
                return False
            for place, element in enumerate(value):
                if not isinstance(element, tensor):
                    complaints().not_a_tensor(element, place, argument)
            return True
        case "ArrayRef<double>":
            return isinstance(value, (tuple, list)) and (not value or isinstance(value[0], _NUMBER_CLASSES))
        case "ScalarList":
            return isinstance(value, (tuple, list)) and all(isinstance(v, _NUMBER_CLASSES) for v in value)
        case "bool":
            return isinstance(value, bool)
        case "str":
            return isinstance(value, (str, bytes))
        case "ScalarType":
            return type_name(type(value)) == "torch.dtype" or (
                isinstance(value, type) and value in PYTHON_DTYPES
            )
        case "Device":
            return (
                isinstance(value, (str, bytes)) or is_long(value) or type_name(type(value)) == "torch.device"
            )
        case "PyObject*":
            return True
    return type_name(type(value)) in _NAMED[kind]


def is_long(value: Any) -> bool:
    """Whether the value is an integer, Python's or numpy's; a bool does not count."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_integral(value: Any, with_bool: bool = False) -> bool:
    # `dtype` is asked what both the engine's and PyTorch's own answer.
    kind = value.dtype
    if kind.is_floating_point or kind.is_complex:
        return False
    return with_bool or repr(kind) != "torch.bool"


def _one_element(value: Any) -> bool:
    return all(size == 1 for size in value.shape)


def is_integer(value: Any, tensor: Any) -> bool:
    """Whether a size may be given so: what has `__index__` (no bool), or a tensor of one integer."""
    if isinstance(value, tensor):
        return _one_element(value) and _is_integral(value, with_bool=True)
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return True
    try:
        index(value)
    except TypeError:
        return False
    return True


# ---- what becomes of them


def convert(signature: Signature, parameter: Parameter, value: Any, tensor: Any) -> Any:
    """An accepted value as operators get it. Errors: PyTorch's, for a value that does not fit after all."""
    match parameter.kind:
        case "Tensor":
            return value if isinstance(value, tensor) else _scalar(value, tensor)
        case "Scalar":
            return _scalar(value, tensor)
        case "double":
            return _double(value, tensor)
        case "complex":
            return complex(_scalar(value, tensor))
        case "int64_t":
            return _long(value.item() if isinstance(value, tensor) else value)
        case "SymInt":
            return _symbolic(value, tensor)
        case "IntArrayRef" | "SymIntArrayRef":
            return _integers(signature, parameter, value, tensor)
        case "TensorList":
            if parameter.size and len(value) != parameter.size:
                raise TypeError(f"expected tuple of {parameter.size} elements but got {len(value)}")
            return tuple(value)
        case "ArrayRef<double>":
            return tuple(_floats(signature, parameter, value))
        case "ScalarList":
            return tuple(_scalar(element, tensor) for element in value)
        case "str":
            return value.decode() if isinstance(value, bytes) else value
        case "ScalarType":
            return PYTHON_DTYPES[value] if isinstance(value, type) else value
        case "Device":
            return _device(value)
    return value


def _scalar(value: Any, tensor: Any) -> Any:
    """A number as Python's own. Errors: OverflowError beyond the 64 bits of a signed or unsigned integer."""
    if isinstance(value, tensor):
        return value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, np.integer)):
        found = int(value)
        if not LOW <= found <= HIGH and not isinstance(value, int):
            raise TypeError("an integer is required")
        if found > 2**64 - 1:
            raise OverflowError("int too big to convert")
        if found < LOW:
            raise OverflowError("can't convert negative int to unsigned")
        return found
    return complex(value) if isinstance(value, complex) else _float(value)


def _float(value: Any) -> float:
    """A number as C makes a double of it, with numpy's warning in the name of who called."""
    if isinstance(value, np.complexfloating):
        warn(DISCARDS_IMAGINARY, np.exceptions.ComplexWarning)
        value = value.real
    return float(value)


def _double(value: Any, tensor: Any) -> float:
    if isinstance(value, tensor):
        value = value.item()
        if isinstance(value, complex):
            if value.imag:
                raise RuntimeError(complaints().NOT_DOUBLE)
            return value.real
    return _float(value)


def _long(value: Any) -> int:
    found = int(value)
    if not LOW <= found <= HIGH:
        raise ValueError(complaints().OVERFLOW)
    return found


def _symbolic(value: Any, tensor: Any) -> int:
    if isinstance(value, tensor):
        value = value.item()
        if isinstance(value, bool):
            raise RuntimeError(complaints().NOT_SYMBOLIC)
    return _long(index(value))


def _integers(signature: Signature, parameter: Parameter, value: Any, tensor: Any) -> tuple[int, ...]:
    if not isinstance(value, (tuple, list)):
        if isinstance(value, tensor):
            return (_long(value.item()),) * parameter.size
        if not is_long(value):
            complaints().not_a_list(parameter)
        return (_long(value),) * parameter.size
    found = []
    for place, element in enumerate(value):
        number = element
        if isinstance(element, tensor):
            if not (_one_element(element) and _is_integral(element, with_bool=True)):
                complaints().not_an_integer(signature, parameter, element, place)
            number = element.item()
            if isinstance(number, bool) and parameter.kind == "SymIntArrayRef":
                raise RuntimeError(complaints().NOT_INTEGRAL)
        try:
            found.append(_long(index(number)))
        except ValueError:
            complaints().not_an_integer(signature, parameter, element, place, complaints().OVERFLOW)
        except TypeError:
            complaints().not_an_integer(signature, parameter, element, place)
    return tuple(found)


def _floats(signature: Signature, parameter: Parameter, values: Sequence[Any]) -> list[float]:
    found = []
    for place, element in enumerate(values):
        try:
            found.append(_float(element))
        except TypeError:
            complaints().not_a_float(signature, parameter, element, place)
    return found


def defaulted(constant: Any) -> Any:
    """The default of a schema as a value: its only dtype is spelt `long`."""
    return dtypes.int64 if constant == "long" else constant


def _device(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if is_long(value):
        number = _long(value)
        if number < 0:
            raise RuntimeError(complaints().NEGATIVE_DEVICE)
        return number
    return value


def complaints() -> Any:
    """The texts about wrong calls, imported with the first of them: most programs never need one."""
    from tensorcli.engine.binding import messages

    return messages
