"""The pickles of weights: what `weights_only=True` reads, and how little of it may call anything.

After torch/_weights_only_unpickler.py: few opcodes, which make tensors, plain values and containers of them. What an archive
names it may call only where it is on the list of what archives may name, and attributes are set only on objects of such classes.
"""

import pickle
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from tensorcli.engine import messages
from tensorcli.engine.copies import is_own
from tensorcli.engine.native import Native
from tensorcli.engine.nn.parameter import Parameter
from tensorcli.engine.tensor import Tensor

_InPython: Any = pickle._Unpickler
"""The unpickler in Python: the one in C has no table of opcodes."""
_PLAIN: Final = [
    getattr(pickle, name)[0]
    for name in "MARK TUPLE TUPLE1 TUPLE2 TUPLE3 NONE NEWFALSE NEWTRUE EMPTY_TUPLE EMPTY_LIST EMPTY_DICT EMPTY_SET BININT "
    "BININT1 BININT2 BINFLOAT BINUNICODE SHORT_BINSTRING BINGET LONG_BINGET BINPUT LONG_BINPUT LONG1 GLOBAL STOP".split()
]
"""What does nothing but put values in their places: read as Python reads it, and names as the reader looks them up."""
_BLOCKED: Final = ("sys", "os", "posix", "nt")
"""Modules of which nothing may be named, whatever a script allows."""
_FILLED: Final = (dict, OrderedDict, Counter)


def of_python_3(module: str, name: str) -> tuple[str, str]:
    """A name of Python 2, which protocol 2 has, as it is now."""
    return NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))


class _Opcodes(dict[int, Callable[[Any], None]]):
    """What each opcode does; the others are refused."""

    def __missing__(self, opcode: int) -> Callable[[Any], None]:
        raise pickle.UnpicklingError(f"Unsupported operand {opcode}")


class WeightsUnpickler(_InPython):  # type: ignore[misc]
    """Reads a pickle that names only what is `allowed`, by full names. Who inherits it says what storages are."""

    def __init__(self, file: Any, allowed: Mapping[str, Any]) -> None:
        super().__init__(file, encoding="utf-8")
        self.allowed = allowed
        self.called = {id(each) for each in allowed.values()}
        """Identities of what may be called."""

    def find_class(self, module: str, name: str) -> Any:
        module, name = of_python_3(module, name)
        if module in _BLOCKED:
            raise pickle.UnpicklingError(
                f"Trying to load unsupported GLOBAL {module}.{name} whose module {module} is blocked."
            )
        full = f"{module}.{name}"
        if full in self.allowed:
            return self.allowed[full]
        full = full.removeprefix("builtins.")
        raise pickle.UnpicklingError(
            f"Unsupported global: GLOBAL {full} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{full}])` or the `torch.serialization.safe_globals([{full}])` context "
            "manager to allowlist this global if you trust this class/function."
        )

    def load_proto(self) -> None:
        self.proto = self.read(1)[0]
        if self.proto != 2:
            messages.warn(
                f"Detected pickle protocol {self.proto} in the checkpoint, which was not the default pickle protocol used by "
                "`torch.load` (2). The weights_only Unpickler might not support all instructions implemented by this protocol, "
                "please file an issue for adding support if you encounter this."
            )

    # ---- what calls something

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if id(function) not in self.called:
            raise pickle.UnpicklingError(f"Trying to call reduce for unrecognized function {function}")
        _check_bytes(function, arguments)
        self.stack[-1] = function(*arguments)

    def load_newobj(self) -> None:
        arguments = self.stack.pop()
        kind = self.stack.pop()
        if not isinstance(kind, type) or id(kind) not in self.called:
            raise pickle.UnpicklingError(
                "Can only create new object for nn.Parameter or classes allowlisted via `add_safe_globals` but got "
                f"{kind}"
            )
        _check_bytes(kind, arguments)
        self.append(kind.__new__(kind, *arguments))

    def load_build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if type(made) is Tensor:
            made.set_(*state)  # as archives were long ago
            return
        if type(made) is not Parameter and id(type(made)) not in self.called:
            raise pickle.UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got "
                f"{type(made)}"
            )
        state, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        if hasattr(made, "__setstate__"):
            check_names(state or ())
            made.__setstate__(state)
        else:
            give(made, state or {})
            give(made, slots or {})

    # ---- what fills containers

    def load_append(self) -> None:
        item = self.stack.pop()
        self._list("append to").append(item)

    def load_appends(self) -> None:
        items = self.pop_mark()
        self._list("extend").extend(items)

    def _list(self, what: str) -> list[Any]:
        found: Any = self.stack[-1]
        if type(found) is not list:
            raise pickle.UnpicklingError(f"Can only {what} lists, but got {type(found)}")
        return found

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._mapping("SETITEM")[key] = value

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self._mapping("SETITEMS").update(zip(items[::2], items[1::2], strict=True))

    def _mapping(self, opcode: str) -> Any:
        found = self.stack[-1]
        if type(found) not in _FILLED:
            raise pickle.UnpicklingError(
                f"Can only {opcode} for dict, collections.OrderedDict, collections.Counter, but got {type(found)}"
            )
        return found

    dispatch: Final = _Opcodes(
        {
            **{code: _InPython.dispatch[code] for code in _PLAIN},
            pickle.PROTO[0]: load_proto,
            pickle.BINPERSID[0]: _InPython.load_binpersid,
            pickle.REDUCE[0]: load_reduce,
            pickle.NEWOBJ[0]: load_newobj,
            pickle.BUILD[0]: load_build,
            pickle.APPEND[0]: load_append,
            pickle.APPENDS[0]: load_appends,
            pickle.SETITEM[0]: load_setitem,
            pickle.SETITEMS[0]: load_setitems,
        }
    )


def _check_bytes(kind: Any, arguments: tuple[Any, ...]) -> None:
    """Refuse bytes of a length, which would fill the memory: archives have those that they are made of."""
    if (kind is bytes or kind is bytearray) and arguments and isinstance(arguments[0], int):
        raise pickle.UnpicklingError("bytes are not made of a number here")


def check_names(names: Any) -> None:
    """Refuse attributes of such names that Python itself asks for: an archive says what objects hold, not what they do."""
    for name in names:
        if not isinstance(name, str) or (name.startswith("__") and name.endswith("__")):
            raise pickle.UnpicklingError(f"an archive may not set the attribute {name!r}")


def give(made: Any, state: Mapping[str, Any]) -> None:
    """Set attributes of an object. Errors: AttributeError for those that PyTorch keeps out of reach, which are its own here."""
    check_names(state)
    for name, value in state.items():
        if isinstance(made, Native) or (isinstance(made, Tensor) and is_own(name)):
            raise AttributeError(f"attribute '{name}' of '{type(made).__name__}' objects is not writable")
        setattr(made, name, value)
