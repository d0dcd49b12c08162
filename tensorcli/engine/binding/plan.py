"""The fast way through the binder: what the types of the arguments alone decide, as a compiled lambda.

For one shape of call (so many positional arguments, these keywords, these types) a Plan says for a signature
which argument gives which parameter, and what must still be looked at: that an integer fits into 64 bits,
that a list holds nothing but integers. The lambda made of it returns the values, and takes the slow way where
a guard does not hold.
"""

from collections.abc import Callable, Sequence
from keyword import iskeyword
from typing import Any, Final

from tensorcli.engine.binding.parameters import HIGH, INTEGER_LISTS, LOW, defaulted
from tensorcli.engine.binding.signatures import CONSTANT, SELF, Parameter, Signature
from tensorcli.engine.native import type_name

Values = tuple[Any, ...]

_NUMBERS: Final = {int, float, bool, complex}
_KNOWN: Final = frozenset((int, float, bool, complex, str, tuple, list, type(None)))
_KNOWN_NAMES: Final = frozenset(
    ("torch.dtype", "torch.device", "torch.layout", "torch.memory_format", "torch._C.Generator", "torch.Size")
)
"""The types of which the tables below say everything. A call with any other takes the slow way each time."""

_TAKEN: Final[dict[str, tuple[type, ...]]] = {
    "Scalar": (int, float, bool, complex),
    "complex": (complex,),
    "double": (float, int, bool),
    "int64_t": (int,),
    "SymInt": (int,),
    "bool": (bool,),
    "str": (str,),
    "Device": (int, str),
}
_TAKEN_BY_NAME: Final = {
    "ScalarType": "torch.dtype",
    "Device": "torch.device",
    "Layout": "torch.layout",
    "MemoryFormat": "torch.memory_format",
    "Generator": "torch._C.Generator",
}
_TAKES_SOME_TENSORS: Final = ("Scalar", "double", "complex", "int64_t", "SymInt")
_ELEMENTS: Final = {
    "IntArrayRef": "",
    "SymIntArrayRef": "",
    "TensorList": "_tensors",
    "ScalarList": "_numbers",
    "ArrayRef<double>": "_floats",
}
"""The kinds of lists, and the name that the set of their elements' types has in the lambda."""

_IN_RANGE: Final = f"{LOW} <= {{0}} <= {HIGH}"
_EXACT: Final = 2**53  # A larger integer may be rounded, or too large for a float at all.


class Shape:
    """One shape of call. `key` is the binder's: types, keywords, types of the keywords' values."""

    def __init__(
        self, key: tuple[Any, ...], count: int, keywords: tuple[str, ...], tensor: type, method: bool
    ) -> None:
        self.count = count
        self.keywords = keywords
        self.types: tuple[type, ...] = key[:count] + key[count + len(keywords) :]
        self.tensor = tensor
        self.method = method

    def decide(
        self,
        signatures: Sequence[Signature],
        implemented: int,
        again: Callable[[Values, dict[str, Any]], Values],
    ) -> tuple[int, Callable[..., Values]] | None:
        """The number of the overload of every such call, and its lambda; None where types do not decide."""
        if not all(self._knows(cls) for cls in self.types):
            return None
        chosen: tuple[Signature, Plan] | None = None
        for signature in signatures:
            plan = self._plan(signature)
            if plan is None:
                continue
            if chosen is not None:
                # What else a list may hold could be meant for this one.
                if any(plan.lists.get(name) != kind for name, kind in chosen[1].lists.items()):
                    return None
                continue
            if not plan.certain or signature.deprecated or signature.place >= implemented:
                return None
            chosen = signature, plan
            if not plan.lists:
                break
        if chosen is None:
            return None
        return chosen[0].place, self._compiled(*chosen, again)

    def _knows(self, cls: type) -> bool:
        return cls is self.tensor or cls in _KNOWN or type_name(cls) in _KNOWN_NAMES

    def _plan(self, signature: Signature) -> "Plan | None":
        """How this shape of call can be the signature's, or None where it cannot."""
        first = int(self.method)
        parameters = signature.parameters
        plan = Plan(signature, self.tensor)
        given = [(f"_{place}", self.types[place]) for place in range(first, self.count)]
        if signature.packs_integers and given and not issubclass(given[0][1], (tuple, list)):
            if not plan.pack(given):
                return None
            given = given[:1]
        elif len(given) > signature.max_positional:
            return None
        else:
            for place, (name, cls) in enumerate(given):
                if not plan.take(place, name, cls):
                    return None
        left = dict(zip(self.keywords, self.types[self.count :]))
        for place in range(len(given), len(parameters)):
            parameter = parameters[place]
            name = next((n for n in (parameter.name, *parameter.numpy_names) if n in left), "")
            if not name:
                if not parameter.optional:
                    return None
            elif iskeyword(name) or not plan.take(place, name, left.pop(name)):
                # What is a word of Python's (`from`) is taken by no lambda: the slow way.
                plan.certain = False
                if not iskeyword(name):
                    return None
        return None if left else plan

    def _compiled(
        self, signature: Signature, plan: "Plan", again: Callable[[Values, dict[str, Any]], Values]
    ) -> Callable[..., Values]:
        names: dict[str, Any] = {
            "_again": again,
            "_integers": _integers,
            "_all_in": _all_in,
            "_tensors": {self.tensor},
            "_numbers": _NUMBERS,
            "_floats": {float},
        }
        slots = list(zip(signature.slots, signature.constants))
        if any(plan.sources[place] for place in signature.extras):
            slots += ((place, None) for place in signature.extras)
        texts = []
        for number, (slot, constant) in enumerate(slots):
            text = "_0" if slot == SELF else "" if slot == CONSTANT else plan.sources[slot]
            if not text:
                text = f"_default{number}"
                names[text] = defaulted(constant)
            texts.append(text)
        positional = [f"_{place}" for place in range(self.count)]
        values = _tuple(texts)
        if plan.guards:
            given = ", ".join(f"{keyword!r}: {keyword}" for keyword in self.keywords)
            values = f"{values} if {' and '.join(plan.guards)} else _again({_tuple(positional)}, {{{given}}})"
        parameters = [
            *positional,
            *(["/"] if positional else ()),
            *(["*"] if self.keywords else ()),
            *self.keywords,
        ]
        compiled: Callable[..., Values] = eval(f"lambda {', '.join(parameters)}: {values}", names)
        return compiled


def _tuple(parts: Sequence[str]) -> str:
    return f"({', '.join(parts)}{',' if parts else ''})"


class Plan:
    """How a shape of call gives a signature its values.

    `sources` has a source text for each parameter ("" where nothing or None is given), `guards` the
    conditions, `lists` the kind of list that each argument must be. `certain`: no other value of these types
    could be refused.
    """

    __slots__ = ("certain", "guards", "lists", "signature", "sources", "tensor")

    def __init__(self, signature: Signature, tensor: type) -> None:
        self.signature = signature
        self.tensor = tensor
        self.sources = [""] * len(signature.parameters)
        self.guards: list[str] = []
        self.lists: dict[str, str] = {}
        self.certain = True

    def take(self, place: int, name: str, cls: type) -> bool:
        """Let the argument `name` of type `cls` be the parameter's. False: it never can."""
        parameter = self.signature.parameters[place]
        kind = parameter.kind
        if cls is type(None) and parameter.allow_none:
            return True
        self.sources[place] = name
        if cls is self.tensor and kind != "Tensor":
            self.certain = kind == "PyObject*"
            return self.certain or kind in _TAKES_SOME_TENSORS or parameter.size > 0
        if kind == "PyObject*" or (cls is self.tensor and kind == "Tensor"):
            return True
        if kind == "Tensor" and self.signature.numbers_as_tensors:
            kind = "Scalar"
        if cls in _TAKEN.get(kind, ()):
            self._take_number(place, name, cls, kind)
            return True
        if kind in _ELEMENTS:
            return self._take_list(place, name, cls, parameter)
        self.certain = self.certain and kind != "complex"
        return kind == "complex" or type_name(cls) == _TAKEN_BY_NAME.get(kind)

    def pack(self, given: Sequence[tuple[str, type]]) -> bool:
        """Let all positional arguments be the one list of integers. False: they never can."""
        size = self.signature.parameters[0].size
        if given[0][1] is not int and given[0][1] is not self.tensor:
            return False
        if size and len(given) > 1:
            return False  # The first integer is the whole list.
        names = [name for name, _ in given]
        self.sources[0] = _tuple(names * (size or 1))
        self.guards += (_IN_RANGE.format(name) for name in names)
        self.certain = all(cls is int for _, cls in given)
        return True

    def _take_number(self, place: int, name: str, cls: type, kind: str) -> None:
        if kind == "double" and cls is not float:
            self.sources[place] = f"float({name})"
            if cls is int:
                self.guards.append(f"-{_EXACT} <= {name} <= {_EXACT}")
        elif cls is int:
            self.guards.append(f"0 <= {name} <= {HIGH}" if kind == "Device" else _IN_RANGE.format(name))

    def _take_list(self, place: int, name: str, cls: type, parameter: Parameter) -> bool:
        kind, size = parameter.kind, parameter.size
        if cls is int and kind in INTEGER_LISTS and size:
            self.sources[place] = _tuple([name] * size)
            self.guards.append(_IN_RANGE.format(name))
            return True
        if cls is not tuple and cls is not list and type_name(cls) != "torch.Size":
            return False
        self.lists[name] = kind
        self.sources[place] = unpacked = f"_list{place}"
        checked = (
            f"_integers({name})" if kind in INTEGER_LISTS else f"_all_in({_ELEMENTS[kind]}, {name}, {size})"
        )
        self.guards.append(f"({unpacked} := {checked}) is not None")
        return True


def _integers(values: Sequence[Any]) -> tuple[int, ...] | None:
    for value in values:
        if type(value) is not int or not LOW <= value <= HIGH:
            return None
    return tuple(values)


def _all_in(classes: set[type], values: Sequence[Any], size: int) -> Values | None:
    if (size and len(values) != size) or not classes.issuperset(map(type, values)):
        return None
    if classes is _NUMBERS and any(type(value) is int and not LOW <= value <= HIGH for value in values):
        return None
    return tuple(values)
