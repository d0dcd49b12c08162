"""Which attributes a script may read and set, by type: allow-lists, and everything else refused.

`Policy.allows` is asked once for each pair of type and name and remembered by the evaluator. Knows no
engine: the types whose public attributes are open are named by the caller, by the module they come from.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Mapping
from contextlib import nullcontext, suppress
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any
from weakref import WeakSet

from tensorcli.language.vocabulary import (
    OPERATOR_DUNDERS,
    dunder_refused,
    is_dunder,
    is_refused_private,
    private_refused,
)

Names = frozenset[str]


class Open(frozenset[str]):
    """An allow-list that is open but for some names: every public attribute, the private ones that PyTorch
    shows, and what operators call.
    """

    hidden: frozenset[str]

    def __new__(cls, hidden: str = "") -> Open:
        made = super().__new__(cls)
        made.hidden = frozenset(hidden.split())
        return made

    def __contains__(self, name: object) -> bool:
        return (
            isinstance(name, str)
            and name not in self.hidden
            and (name in OPERATOR_DUNDERS if is_dunder(name) else not is_refused_private(name))
        )

    def __or__(self, other: Any) -> Open:
        return self


class Methods(frozenset[str]):
    """What a script may give a class whose objects are its own: these special methods, and any others."""

    def __contains__(self, name: object) -> bool:
        own = isinstance(name, str) and name.isidentifier() and name[0] != "_"
        return own or super().__contains__(name)


def _names(text: str) -> Names:
    return frozenset(text.split())


_NUMBER = _names("real imag conjugate")
_INTEGER = _NUMBER | _names(
    "numerator denominator bit_length bit_count to_bytes from_bytes as_integer_ratio is_integer"
)
_SET = _names(
    "add clear copy difference difference_update discard intersection intersection_update isdisjoint "
    "issubset issuperset pop remove symmetric_difference symmetric_difference_update union update"
)

_BYTES = _names("count decode endswith find fromhex hex index split startswith strip")
_DICT = _names("clear copy fromkeys get items keys pop popitem setdefault update values")

BUILTIN_ATTRIBUTES: Mapping[type, Names] = {
    str: _names(
        "capitalize casefold center count encode endswith expandtabs find format format_map index isalnum "
        "isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle "
        "isupper join ljust lower lstrip partition removeprefix removesuffix replace rfind rindex rjust "
        "rpartition rsplit rstrip split splitlines startswith strip swapcase title translate upper zfill"
    ),
    bytes: _BYTES,
    bytearray: _BYTES | _names("append clear copy pop remove reverse"),
    list: _names("append clear copy count extend index insert pop remove reverse sort"),
    tuple: _names("count index"),
    dict: _DICT,
    set: _SET,
    frozenset: _SET - _names("add clear discard pop remove update"),
    int: _INTEGER,
    bool: _INTEGER,
    float: _NUMBER | _names("as_integer_ratio fromhex hex is_integer"),
    complex: _NUMBER,
    OrderedDict: _DICT | _names("move_to_end _metadata"),  # _metadata: of the state of a module
    defaultdict: _DICT | _names("default_factory"),
    Counter: _DICT | _names("most_common subtract total"),
    deque: _names(
        "append appendleft clear copy count extend extendleft index insert maxlen pop popleft remove reverse rotate"
    ),
    nullcontext: _names("enter_result"),
    suppress: frozenset(),
    range: _names("start stop step"),
    slice: _names("start stop step indices"),
    BaseException: _names("args add_note name value"),
}

ARRAY_ATTRIBUTES = _names(
    "T all any argmax argmin argpartition argsort astype base byteswap choose clip compress conj conjugate "
    "copy cumprod cumsum data device diagonal dot dtype fill flags flat flatten imag item itemsize mT max "
    "mean min nbytes ndim nonzero partition prod put ravel real repeat reshape round searchsorted setflags "
    "shape size sort squeeze std strides sum swapaxes take tobytes tolist trace transpose var view"
)
DTYPE_ATTRIBUTES = _names(
    "alignment base byteorder char fields hasobject isalignedstruct isbuiltin isnative "
    "itemsize kind name names ndim num shape str subdtype type newbyteorder"
)
FLAGS_ATTRIBUTES = _names(
    "aligned behaved c_contiguous carray contiguous f_contiguous farray fnc forc fortran num owndata "
    "writeable writebackifcopy"
)
UFUNC_ATTRIBUTES = _names("reduce accumulate outer at reduceat nin nout nargs types identity")
RANDOM_ATTRIBUTES = _names(
    "bernoulli beta binomial bytes chisquare choice dirichlet exponential gamma geometric gumbel integers "
    "laplace logistic lognormal multinomial multivariate_normal normal permutation permuted poisson power "
    "rand randint randn random random_sample rayleigh seed shuffle standard_normal standard_exponential "
    "triangular uniform vonmises wald weibull zipf"
)
INFO_ATTRIBUTES = _names(
    "bits dtype eps epsneg max min smallest_normal smallest_subnormal tiny precision "
    "resolution maxexp minexp nmant nexp machep negep iexp epsneg kind"
)
FLAT_ATTRIBUTES = _names("base coords copy index")

SETTABLE_ON_ARRAYS = _names("shape dtype real imag flat")

CALLABLES = (
    FunctionType,
    BuiltinFunctionType,
    MethodType,
    type(len),
    type("".join),
    type(str.join),
    type(list.__len__),
)

FUNCTIONS = frozenset({FunctionType, MethodType})
"""The types of functions that are written in Python."""


class RefusedError(AttributeError):
    """An attribute that exists, or may exist, and that a script may not reach. A script sees an AttributeError."""

    __module__ = "builtins"


RefusedError.__name__ = RefusedError.__qualname__ = "AttributeError"


class Policy:
    """The allow-lists of one session.

    `open_modules` are the packages whose types have all public attributes open, and those with one underscore that
    PyTorch shows.
    """

    def __init__(self, open_modules: Iterable[str] = ()) -> None:
        self.types: dict[type, Names] = dict(BUILTIN_ATTRIBUTES)
        """Allow-lists by type, which a subclass inherits."""
        self.open_modules = tuple(open_modules)
        self.settable: dict[type, Names] = {}
        self.bases: dict[str, Names] = {}
        """The classes that a script may make others of, by module and name, and the functions and options that it may give."""
        self.own = WeakSet[type]()
        """Those that it made, where their objects are its own."""
        self._known: dict[type, Names | bool | None] = {}

    def add_numpy(self) -> None:
        """The allow-lists of numpy's arrays, scalars, dtypes, ufuncs and generators."""
        import numpy as np

        self.types.update(
            {
                np.ndarray: ARRAY_ATTRIBUTES,
                np.generic: ARRAY_ATTRIBUTES | _INTEGER | _names("is_integer as_integer_ratio"),
                np.dtype: DTYPE_ATTRIBUTES,
                np.ufunc: UFUNC_ATTRIBUTES,
                np.finfo: INFO_ATTRIBUTES,
                np.iinfo: INFO_ATTRIBUTES,
                np.flatiter: FLAT_ATTRIBUTES,
                **dict.fromkeys((np.errstate, np.ndenumerate, np.ndindex), frozenset()),
                type(np.zeros(0).flags): FLAGS_ATTRIBUTES,
            }
        )
        self.settable.update({np.ndarray: SETTABLE_ON_ARRAYS, type(np.zeros(0).flags): _names("writeable")})

    def list_of(self, kind: type) -> Names | bool | None:
        """The allow-list of a type: names, None for all public ones, False where the type is unknown."""
        if kind not in self._known:
            self._known[kind] = self._look_up(kind)
        return self._known[kind]

    def _look_up(self, kind: type) -> Names | bool | None:
        if self._is_open(kind):
            return None
        for base in kind.__mro__:
            if base in self.types:
                names = self.types[base]
                fields = getattr(kind, "_fields", ()) if issubclass(kind, tuple) else ()
                if fields and kind.__module__ == "__main__":
                    fields = (*fields, "_fields", "_make", "_asdict", "_replace")
                return names | frozenset(fields)
            if base.__module__.startswith("numpy.random"):
                return RANDOM_ATTRIBUTES
        return False

    def _is_open(self, kind: type) -> bool:
        if kind in self.own:
            return True
        module = kind.__module__
        return any(module == name or module.startswith(name + ".") for name in self.open_modules)

    def given(self, base: object) -> Names | None:
        """What a script may give a class that it makes of another; None where it may make none of it."""
        return self.bases.get(f"{base.__module__}.{base.__name__}") if isinstance(base, type) else None

    def knows(self, kind: type) -> bool:
        """Whether objects of a type are part of the language: such a type may be handed out and called."""
        return self.list_of(kind) is not False

    def allows(self, kind: type, name: str) -> bool:
        """Whether `name` may be read on objects of `kind`."""
        operator = name in OPERATOR_DUNDERS
        if is_dunder(name) and not operator:
            return False
        names = self.list_of(kind)
        if names is None:
            return operator or not is_refused_private(name)
        return not isinstance(names, bool) and name in names

    def may_set(self, kind: type, name: str) -> bool:
        """Whether `name` may be assigned on objects of `kind`;

        for what refuses by itself, that is left to it.
        """
        if is_dunder(name) or name.startswith("_"):
            return False
        for base in kind.__mro__:
            if base in self.settable:
                return name in self.settable[base]
        if self._is_open(kind):
            return self.allows(kind, name)
        return kind in BUILTIN_ATTRIBUTES

    def fixed(self, kind: type, name: str) -> str:
        """What an attempt to set a readable attribute is told."""
        return f"attribute '{name}' of '{kind.__name__}' objects cannot be set"

    def readable(self, value: Any) -> list[str]:
        """The names that a script may read on a value, for completion and suggestions."""
        kind = value if isinstance(value, type) else type(value)
        if not self.knows(kind):
            return []
        return [name for name in dir(value) if self.allows(kind, name) and not is_dunder(name)]

    def told(self, owner: Any, name: str) -> str | None:
        """What the repr of a function or method says that its library has in C: `built-in method add of Tensor object`, which
        an address follows; None for another.
        """
        return None

    def refusal(self, value: Any, name: str) -> RefusedError:
        """The error for an attribute that a script may not reach."""
        kind = type(value).__name__
        why = REASONS.get(name)
        if is_dunder(name):
            text = dunder_refused(name)
        elif why is not None:
            text = f"'{kind}' attribute '{name}' is not available: {why}"
        elif is_refused_private(name):
            text = private_refused(name)
        else:
            text = f"attribute '{name}' of '{kind}' objects is not part of the language"
        return RefusedError(text, name=name, obj=None)


REASONS = {
    **dict.fromkeys(
        "tofile dump dumps fromfile save load".split(), "a script does not reach the file system"
    ),
    "ctypes": "a script does not reach the memory's addresses",
    "resize": "it frees memory that others may see; write np.resize(a, shape)",
    **dict.fromkeys(
        "gi_frame gi_code gi_yieldfrom cr_frame f_globals f_locals f_back tb_frame".split(),
        "a script does not reach Python's internals",
    ),
}
