"""A stand-in for CuPy: what CuPy has, by the record in cupy.json, computed by numpy so that results can be compared.

`scripts/record_cupy.py` writes the record from an installed CuPy. What is not in it is refused as CuPy refuses it: a
function, a keyword, a ufunc's method, a dtype that the ufunc has no loop for. Arrays are no ndarrays, refuse to become one
unasked and refuse to meet one. Beyond the record stand the differences that CuPy's sources show and no signature does:
an index past the end wraps around, a matrix that LAPACK refuses gives numbers that are not unless `cupyx.errstate` says
otherwise, functions give arrays also of no dimensions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import ml_dtypes
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tensorcli.engine.backends.cupy import CupyBackend

RECORD: Final = json.loads(Path(__file__).with_name("cupy.json").read_text())
HOSTS: Final = {
    "cupy": "numpy",
    "cupy.linalg": "numpy.linalg",
    "cupy.fft": "numpy.fft",
    "cupy.lib": "numpy.lib",
    "cupy.lib.stride_tricks": "numpy.lib.stride_tricks",
    "cupyx.scipy.special": "scipy.special",
    "cupyx.scipy.linalg": "scipy.linalg",
}
refused: set[str] = set()
"""What was asked for and is not there, by full name."""
linalg_raises = [False]
"""Whether `cupyx.errstate(linalg="raise")` holds."""


class Pointer:
    """An address: a buffer and an offset in bytes."""

    def __init__(self, buffer: Any, offset: int = 0) -> None:
        self.buffer = buffer
        self.offset = offset

    def __add__(self, count: int) -> Pointer:
        return Pointer(self.buffer, self.offset + count)


class ndarray(NDArrayOperatorsMixin):
    """An array of the device."""

    def __init__(
        self, shape: Any, dtype: Any = float, memptr: Pointer | None = None, strides: Any = None
    ) -> None:
        check_dtype(np.dtype(dtype))
        if memptr is None:
            self.own = np.zeros(shape, dtype)
        else:
            self.own = np.ndarray(shape, dtype, memptr.buffer, memptr.offset, strides)

    @property
    def data(self) -> Pointer:
        return Pointer(self.own)

    @property
    def base(self) -> Any:
        return None if self.own.base is None else wrap(self.own.base)

    @property
    def T(self) -> Any:
        return wrap(self.own.T)

    @property
    def real(self) -> Any:
        return wrap(self.own.real)

    @real.setter
    def real(self, value: Any) -> None:
        self.own.real = unwrap(value)

    @property
    def imag(self) -> Any:
        return wrap(self.own.imag)

    @imag.setter
    def imag(self, value: Any) -> None:
        self.own.imag = unwrap(value)

    __hash__ = object.__hash__

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """As CuPy's: the ufunc of this name, or the special function."""
        out = options.pop("out", None)
        if out is not None:
            if len(out) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            options["out"] = out[0]
        found = named_as(function)
        if found is None or not hasattr(found, method):
            return NotImplemented
        return getattr(found, method)(*inputs, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """As CuPy's: the function of this name in the module of this name."""
        module = Module(".".join(["cupy", *function.__module__.split(".")[1:]]))
        try:
            found = getattr(module, function.__name__)
        except AttributeError:
            return NotImplemented
        if any(not issubclass(each, ndarray) for each in types):
            return NotImplemented
        return found(*args, **kwargs)

    def __getitem__(self, index: Any) -> Any:
        at = around(self.own, unwrap(index))
        # An element is a view, as numpy's is with an ellipsis.
        element = len(at) == self.own.ndim and all(isinstance(one, (int, np.integer)) for one in at)
        return wrap(self.own[(*at, ...) if element else at])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.own[around(self.own, unwrap(index))] = unwrap(value)

    def __len__(self) -> int:
        return len(self.own)

    def __iter__(self) -> Any:
        return (wrap(each) for each in self.own)

    def __bool__(self) -> bool:
        return bool(self.own)

    def __int__(self) -> int:
        return int(self.own)

    def __float__(self) -> float:
        return float(self.own)

    def __complex__(self) -> complex:
        return complex(self.own)

    def __index__(self) -> int:
        return self.own.__index__()

    def get(self) -> Any:
        return self.own.copy()

    def __getattr__(self, name: str) -> Any:
        if name not in RECORD["ndarray"]:
            if not name.startswith("__"):
                refused.add(f"ndarray.{name}")
            raise AttributeError(f"'ndarray' object has no attribute '{name}'")
        found = getattr(self.own, name)
        if not callable(found):
            return found
        if name == "take":
            return lambda *args, **options: Module("cupy").take(self, *args, **options)
        return method(name, found)


def method(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A method of an array, with the keywords that CuPy's takes."""

    def call(*args: Any, **options: Any) -> Any:
        for word in options:
            if word not in RECORD["ndarray"][name] and word not in (
                "indices",
                "values",
                "shape",
                "v",
                "decimals",
            ):
                refused.add(f"ndarray.{name}({word}=)")
                raise TypeError(f"{name}() got an unexpected keyword argument '{word}'")
        answer = function(*unwrap(args), **unwrap(options))
        if name == "astype":
            check_dtype(answer.dtype)
        return wrap(answer)

    return call


def check_dtype(kind: np.dtype[Any]) -> None:
    """Errors: ValueError for what CuPy has no C type for."""
    char: str = kind.char
    if char not in RECORD["dtypes"] or (char == "E" and kind.name != "bfloat16"):
        raise ValueError(f"Unsupported dtype {kind}")


def around(array: Any, index: Any) -> Any:
    """An index whose arrays of integers wrap around at the end of their dimension, as CuPy's do."""
    if not isinstance(index, tuple):
        index = (index,)
    at, found = 0, []
    taken = sum(_dimensions(one) for one in index)
    for one in index:
        if one is Ellipsis:
            at += array.ndim - taken
        if isinstance(one, list):
            one = np.array(one, None if one else np.int32)
        if isinstance(one, np.ndarray) and one.dtype.kind in "iu" and at < array.ndim and array.shape[at]:
            one = np.mod(one.astype(np.int64), array.shape[at])
        at += _dimensions(one)
        found.append(one)
    return tuple(found)


def _dimensions(one: Any) -> int:
    if one is None or one is Ellipsis or isinstance(one, (bool, np.bool_)):
        return 0
    return one.ndim if isinstance(one, np.ndarray) and one.dtype == bool else 1


def wrap(value: Any) -> Any:
    """numpy's answer as the device's: arrays and scalars become its arrays."""
    if isinstance(value, (np.ndarray, np.generic)):
        made = ndarray.__new__(ndarray)
        made.own = np.asarray(value)
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(wrap(each) for each in value))
    return type(value)(wrap(each) for each in value) if isinstance(value, (list, tuple)) else value


def unwrap(value: Any) -> Any:
    """The device's arrays as numpy's. Errors: TypeError for an array of the host."""
    if isinstance(value, ndarray):
        return value.own
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, (list, tuple)):
        return type(value)(unwrap(each) for each in value)
    return {key: unwrap(each) for key, each in value.items()} if isinstance(value, dict) else value


# ---- ufuncs


def named_as(ufunc: np.ufunc) -> Any:
    """What has the name of a ufunc of the host, in CuPy or among its special functions."""
    for module in ("cupy", "cupyx.scipy.special"):
        for kind in ("ufuncs", "functions"):
            if ufunc.__name__ in RECORD["modules"][module][kind]:
                return getattr(Module(module), ufunc.__name__)
    refused.add(f"{ufunc.__name__} (ufunc)")
    return None


class Ufunc:
    """A ufunc, with CuPy's loops and the methods that CuPy has for it."""

    def __init__(self, module: str, name: str, entry: dict[str, Any] | None = None) -> None:
        entry = entry or RECORD["modules"][module]["ufuncs"][name]
        self.name = name
        self.full_name = f"{module}.{name}"
        self.methods = entry["methods"]
        self.loops = loops(entry["loops"])
        self.function = getattr(import_module(HOSTS[module]), name)

    def __call__(self, *args: Any, out: Any = None, dtype: Any = None, **options: Any) -> Any:
        wrong = {key: value for key, value in options.items() if key != "casting"}
        if wrong:
            refused.add(f"{self.full_name}({', '.join(wrong)}=)")
            raise TypeError(f"Wrong arguments {wrong}")
        count = len(self.loops[0][0])
        if len(args) > count:
            args, out = args[:count], args[count:]
        inputs = [operand(one) for one in args]
        into, ends = self.resolve(inputs, dtype)
        inputs = [
            one.astype(kind) if isinstance(one, np.ndarray) else kind.type(one)
            for one, kind in zip(inputs, into, strict=True)
        ]
        with np.errstate(all="ignore"):
            answer = self.function(*inputs)
        several = isinstance(answer, tuple)
        answers = [
            np.asarray(one).astype(kind)
            for one, kind in zip(answer if several else (answer,), ends, strict=True)
        ]
        outs = out if isinstance(out, tuple) else (out,)
        if any(one is not None for one in outs):
            for one, made in zip(outs, answers, strict=True):
                np.copyto(operand(one), made, casting=options.get("casting", "same_kind"))
            return out if several else outs[0]
        return wrap(tuple(answers) if several else answers[0])

    def resolve(self, inputs: list[Any], dtype: Any) -> tuple[list[np.dtype[Any]], list[np.dtype[Any]]]:
        """The first loop that the inputs can be cast to, as CuPy looks for it."""
        if not weakly(inputs):
            inputs = [one if hasattr(one, "dtype") else np.asarray(one) for one in inputs]
        for into, ends in self.loops:
            if dtype is not None:
                if all(kind == dtype for kind in ends):
                    return into, ends
            elif all(fits(one, kind) for one, kind in zip(inputs, into, strict=True)):
                return into, ends
        kinds = [getattr(one, "dtype", type(one)) for one in inputs]
        refused.add(f"{self.full_name}{kinds}")
        raise TypeError(f"Wrong type ({kinds}) of arguments for cupy_{self.name}")

    def __getattr__(self, name: str) -> Any:
        if name not in ("at", "reduce", "accumulate", "outer", "reduceat"):
            raise AttributeError(name)
        if name not in self.methods:
            refused.add(f"{self.full_name}.{name}")
            return self.lacking(name)
        if name == "at":
            return self.scatter
        function = getattr(self.function, name)
        allowed = {"outer": ()}.get(name, ("axis", "dtype", "out", "keepdims"))

        def call(*args: Any, **options: Any) -> Any:
            for word in options:
                if word not in allowed:
                    refused.add(f"{self.full_name}.{name}({word}=)")
                    raise TypeError(f"{name}() got an unexpected keyword argument '{word}'")
            return wrap(function(*unwrap(args), **unwrap(options)))

        return call

    def lacking(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            raise NotImplementedError(f"`cupy_{self.name}.{name}` is not supported yet")

        return call

    def scatter(self, array: Any, index: Any, values: Any) -> None:
        own = unwrap(array)
        if own.dtype.char not in RECORD["scattered"][self.name]:
            refused.add(f"{self.full_name}.at({own.dtype})")
            raise TypeError(f"cupy.{self.name}.at only supports some dtypes as data type")
        values = unwrap(values)
        if isinstance(values, np.ndarray):
            values = values.astype(own.dtype)
        self.function.at(own, around(own, unwrap(index)), values)


@cache
def loops(text: str) -> list[tuple[list[np.dtype[Any]], list[np.dtype[Any]]]]:
    """`"ff->f dd->d"` as dtypes."""
    pairs = (each.partition("->") for each in text.split())
    return [([code_dtype(c) for c in before], [code_dtype(c) for c in after]) for before, _, after in pairs]


def code_dtype(code: str) -> np.dtype[Any]:
    return np.dtype(ml_dtypes.bfloat16 if code == "E" else code)


def operand(value: Any) -> Any:
    """An input of a ufunc: an array of the device, or a number."""
    if isinstance(value, ndarray):
        return value.own
    if isinstance(value, (bool, int, float, complex, np.generic)):
        return value
    raise TypeError(f"Unsupported type {type(value)}")


def weakly(inputs: list[Any]) -> bool:
    """Whether CuPy lets the arrays' dtypes decide over Python's numbers: where no number is of a higher kind."""
    numbers = [type(one) for one in inputs if not hasattr(one, "dtype")]
    arrays = [one.dtype.type for one in inputs if hasattr(one, "dtype")]
    return bool(numbers and arrays) and max(map(_rank, arrays)) >= max(map(_rank, numbers))


def _rank(kind: type) -> int:
    for rank, kinds in enumerate(((np.bool_, bool), (np.integer, int), (np.inexact, float, complex))):
        if issubclass(kind, kinds):
            return rank
    return 3  # bfloat16


def fits(value: Any, kind: np.dtype[Any]) -> bool:
    """Whether CuPy gives a value to a loop of this dtype; Python's numbers are weak."""
    if isinstance(value, (np.ndarray, np.generic)):
        return np.can_cast(value.dtype, kind)
    try:
        return bool(np.result_type(type(value)(0), kind) == kind)
    except TypeError:
        return False


# ---- modules and their functions


class Module:
    """A module of CuPy's, by the record."""

    def __init__(self, name: str = "cupy") -> None:
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        full = f"{self.__name__}.{name}"
        if full in HOSTS:
            return Module(full)
        entry = RECORD["modules"].get(self.__name__, {"ufuncs": {}, "functions": {}, "others": []})
        if name in entry["ufuncs"]:
            return Ufunc(self.__name__, name)
        if name in entry["functions"]:
            return function(self.__name__, name)
        if name in entry["others"]:
            return getattr(import_module(HOSTS[self.__name__]), name)
        if not name.startswith("__"):
            refused.add(full)
        raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")


@cache
def function(module: str, name: str) -> Callable[..., Any]:
    """A function over the device's arrays, with the parameters of CuPy's."""
    parameters = RECORD["modules"][module]["functions"][name]
    host = getattr(import_module(HOSTS[module]), name)
    compute = _OTHERWISE.get(f"{module}.{name}", host)
    matrices = module.endswith("linalg")

    def call(*args: Any, **options: Any) -> Any:
        if parameters is not None:
            try:
                binder(name, parameters)(*args, **options)
            except TypeError:
                refused.update(
                    f"{module}.{name}({word}=)" for word in options if f"{word}=" not in parameters
                )
                raise
        own, given = unwrap(args), unwrap(options)
        given.pop("blocking", None)
        if not matrices:
            return wrap(checked(compute(*own, **given)))
        if any(isinstance(one, np.ndarray) and one.dtype.char in "eE" for one in own):
            raise TypeError("float16 is unsupported in linalg")
        try:
            return wrap(compute(*own, **given))
        except np.linalg.LinAlgError:
            if linalg_raises[0] or own[0].ndim < 2 or own[0].shape[-1] != own[0].shape[-2]:
                raise
            return wrap(np.full(own[-1].shape, np.nan, own[0].dtype))

    call.__name__ = name
    return call


def checked(answer: Any) -> Any:
    if isinstance(answer, np.ndarray):
        check_dtype(answer.dtype)
    return answer


@cache
def binder(name: str, parameters: str) -> Callable[..., Any]:
    """A function that does nothing but take these parameters, and complains as Python does."""
    scope: dict[str, Any] = {}
    text = ", ".join(f"{each}None" if each.endswith("=") else each for each in parameters.split(", "))
    exec(f"def {name}({text}): pass", scope)
    found: Callable[..., Any] = scope[name]
    return found


def _inner(name: str) -> Any:
    """A function that is a ufunc inside, with the ufunc's loops."""
    return Ufunc("cupy", name, {"loops": RECORD["inner"][name], "methods": []})


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        return np.nonzero(condition)
    return unwrap(_inner("where")(wrap(condition.astype(bool)), wrap(x), wrap(y)))


def _clip(array: Any, low: Any = None, high: Any = None, out: Any = None) -> Any:
    limits = np.iinfo(array.dtype) if array.dtype.kind in "iu" else SimpleNamespace(min=-np.inf, max=np.inf)
    low, high = (limits.min if low is None else low), (limits.max if high is None else high)
    return unwrap(_inner("clip")(wrap(array), wrap(low), wrap(high), out=None if out is None else wrap(out)))


def _triangle(function: Callable[..., Any]) -> Callable[..., Any]:
    """Of a triangle, which CuPy cuts out by `where`."""

    def call(array: Any, k: int = 0) -> Any:
        return _where(function(np.ones(array.shape[-2:], bool), k), array, array.dtype.type(0))

    return call


def _sorting(function: Callable[..., Any]) -> Callable[..., Any]:
    """What Thrust sorts: CuPy gives it no dtype of ml_dtypes', and `sort` no array without dimensions."""

    def call(array: Any, *args: Any, **options: Any) -> Any:
        if array.dtype.name == "bfloat16":
            raise NotImplementedError(f"Sorting arrays with dtype '{array.dtype}' is not supported")
        return function(array, *args, **options)

    return call


def _scanning(function: Callable[..., Any]) -> Callable[..., Any]:
    """A running sum or product: the kernel adds up in the array's dtype by `+=`, which CuPy's bfloat16 does not have."""

    def call(array: Any, *args: Any, **options: Any) -> Any:
        if np.dtype(options.get("dtype") or array.dtype).name == "bfloat16":
            raise Exception('k.cu(28): error: no operator "+=" matches these operands')
        return function(array, *args, **options)

    return call


def _einsum(*operands: Any, **options: Any) -> Any:
    if any(isinstance(one, np.ndarray) and one.dtype.name == "bfloat16" for one in operands):
        raise TypeError("data type 'E' not understood")
    return np.einsum(*operands, **options)


def _take(array: Any, indices: Any, axis: Any = None, out: Any = None) -> Any:
    size = array.size if axis is None else array.shape[axis] if array.ndim else 1
    return np.take(array, np.mod(indices, size) if size else indices, axis if array.ndim else None, out)


_OTHERWISE: dict[str, Callable[..., Any]] = {
    "cupy.take": _take,
    "cupy.where": _where,
    "cupy.clip": _clip,
    "cupy.einsum": _einsum,
    **{f"cupy.{name}": _triangle(getattr(np, name)) for name in ("tril", "triu")},
    **{
        f"cupy.{name}": _sorting(getattr(np, name))
        for name in ("sort", "argsort", "partition", "argpartition")
    },
    **{f"cupy.{name}": _scanning(getattr(np, name)) for name in ("cumsum", "cumprod")},
}
"""Functions that answer otherwise than numpy's."""


# ---- the package


@contextmanager
def errstate(*, linalg: str | None = None) -> Iterator[None]:
    before = linalg_raises[0]
    linalg_raises[0] = linalg == "raise"
    try:
        yield
    finally:
        linalg_raises[0] = before


class Cupy(Module):
    """What `import cupy` gives."""

    __version__ = RECORD["cupy"]
    ndarray = ndarray

    def __init__(self) -> None:
        super().__init__("cupy")
        self.runtime = SimpleNamespace(
            memGetInfo=lambda: (1 << 30, 2 << 30),
            getDeviceProperties=lambda index: {"name": b"A card"},
            deviceCanAccessPeer=lambda device, peer: 0,
        )
        self.cuda = SimpleNamespace(Device=Current, runtime=self.runtime)

    def asarray(self, value: Any, dtype: Any = None, **options: Any) -> Any:
        made = np.array(value.own if isinstance(value, ndarray) else _listed(value), dtype)
        check_dtype(made.dtype)
        return wrap(made)

    array = asarray

    def asnumpy(self, value: Any) -> Any:
        return value.own.copy() if isinstance(value, ndarray) else np.asarray(value)

    def get_default_memory_pool(self) -> Any:
        return SimpleNamespace(free_all_blocks=lambda: None)


class Cupyx:
    """What `import cupyx` gives; `Module` loads its parts."""

    errstate = staticmethod(errstate)


def _listed(value: Any) -> Any:
    """Lists of the device's arrays, which CuPy makes one of."""
    return [_listed(each) for each in value] if isinstance(value, (list, tuple)) else unwrap_host(value)


def unwrap_host(value: Any) -> Any:
    return value.own if isinstance(value, ndarray) else value


class Current(AbstractContextManager[None]):
    """`cupy.cuda.Device`."""

    compute_capability = "90"

    def __init__(self, index: int) -> None:
        self.context = nullcontext()

    def __enter__(self) -> None:
        self.context.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.context.__exit__(*error)

    def synchronize(self) -> None:
        pass


def backend(count: int) -> CupyBackend:
    """CuPy's backend with all of this behind it."""
    return CupyBackend(Cupy(), Cupyx, count, lambda name: Module(f"cupyx.scipy.{name}"))
