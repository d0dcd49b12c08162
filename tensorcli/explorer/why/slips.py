"""Slips of the pen: a name that was meant otherwise, parentheses that are missing or too many, an argument of another kind.

Nothing is known here of the function that is called. Each part of the failing expression is written in the other ways that its
value allows; those with which the expression runs are proposed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import islice
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.trees import atom
from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.operands import behind, operands, parts_of
from tensorcli.explorer.why.parameters import against, close
from tensorcli.language.functions import ScriptFunction

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

TRIES: Final = 80
"""So many ways of writing it are tried."""
WORDS: Final = {
    "append": "cat", "array": "tensor", "astype": "to", "concatenate": "cat", "copy": "clone",
    "expand_dims": "unsqueeze", "ndarray": "tensor", "power": "pow", "repeat": "repeat_interleave",
    "to_numpy": "numpy",
}  # fmt: skip
"""numpy's words, and torch's for the same."""

MAKERS: Final = frozenset(
    {"tensor", "as_tensor", "asarray", "from_numpy", "Tensor", "FloatTensor", "LongTensor"}
)
"""What makes a tensor of values and of nothing else."""
JOINERS: Final = frozenset({"stack", "cat", "concat", "hstack", "vstack"})
"""What joins tensors."""


NOT_ITERABLE: Final = "object is not iterable"
NUMPY: Final = ("np.", "numpy.")


class Slip(NamedTuple):
    """A part of the failing expression, how it may have been meant, and what that is in a word."""

    node: ast.expr
    source: str
    note: str


Form = tuple[str, str]
"""Another source for an expression, and what it is."""


def slips(case: Case) -> Iterator[Proposal | None]:
    """The failing statement without a slip of the pen, for each that can be the one."""
    for group in islice(_slips(case), TRIES):
        for each in group:
            new = _parsed(each.source)
            if new is not None and case.runs((each.node, new)):
                yield case.changed([(each.node, each.source)], each.note)
                break


def _parsed(source: str) -> ast.expr | None:
    try:
        return ast.parse(f"({source})", mode="eval").body
    except SyntaxError:
        return None


def _slips(case: Case) -> Iterator[Sequence[Slip]]:
    """Groups of them: where the first of one can be, the others of it are not wanted."""
    node = case.expression()
    if isinstance(node, ast.Attribute):
        yield from ([each] for each in _attribute(case, node))
    if isinstance(node, ast.Name | ast.Attribute) and is_method(case.value(node)):
        yield [Slip(node, f"{case.text_of(node)}()", "the method is called")]
    if isinstance(node, ast.Call):
        yield from (
            [each]
            for each in (
                *_keywords(case, node),
                *_callee(case, node),
                *torch_s_own(case),
                *_made_of(case, node),
                *_asked_for_later(case, node),
            )
        )
    if "integer" in case.failure.message or "ints" in case.failure.message:
        yield from ([each] for each in _whole_quotients(case, node))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = (node.left, node.right)
        texts = [isinstance(case.value(each), str) for each in sides]
        if any(texts) and not all(texts):
            other = sides[texts.index(False)]
            yield [Slip(other, f"str({case.text_of(other)})", "as text")]
    if isinstance(node, ast.expr) and NOT_ITERABLE in case.failure.message:
        # What a loop goes through, or a call that names nothing else: the expression itself is the wrong kind.
        yield from ([Slip(node, *form) for form in group] for group in _gone_through(case, node))
    # A method's tensor is what it is: another value has other methods. Of two operands the tensor is rather the right one.
    receiver = getattr(node.func, "value", None) if isinstance(node, ast.Call) else None
    parts = [each for each in parts_of(case, node) if each is not receiver]
    several = [each for each in parts if is_result(case.value(each))]
    for part in several or sorted(parts, key=lambda each: case.tensor(each) is not None):
        yield from ([Slip(part, *form) for form in group] for group in _forms(case, part))
    if isinstance(node, ast.Call):
        yield [*_unpacked(case, node)]
        yield [*_packed(case, node)]
        yield from ([each] for each in (*completed(case, node), *_named(case, node), *_without(case, node)))


# ---- names


def _whole_quotients(case: Case, node: ast.AST) -> Iterator[Slip]:
    """`n / 2` as a size, a position or a number of rounds, where a whole number is wanted."""
    for each in ast.walk(node):
        if (
            isinstance(each, ast.BinOp)
            and isinstance(each.op, ast.Div)
            and isinstance(case.value(each), float)
        ):
            new = f"{case.text_of(each.left)} // {case.text_of(each.right)}"
            yield Slip(each, new, "/ gives a float, // a whole number")


def _attribute(case: Case, node: ast.Attribute) -> Iterator[Slip]:
    """An attribute that the value does not have."""
    owner = case.value(node.value)
    if owner is None:
        return
    before = case.text_of(node).removesuffix(node.attr)
    names = [each for each in case.trace.session.attributes_of(owner) if not each.startswith("_")]
    meant = [WORDS[node.attr]] if WORDS.get(node.attr) in names else []
    yield from _method_of_argument(case, node)
    for name in dict.fromkeys([*meant, *close(node.attr, names)]):
        yield Slip(node, f"{before}{name}", f"{name} instead of {node.attr}")


def _method_of_argument(case: Case, node: ast.Attribute) -> Iterator[Slip]:
    """`torch.numpy(x)`, `torch.float(x)`: no function of a module, but a method of tensors."""
    for call in ast.walk(case.inner):
        if isinstance(call, ast.Call) and call.func is node and call.args:
            tensor = call.args[0]
            if case.tensor(tensor) is not None and node.attr in case.engine.method_names():
                text = f"{atom(tensor, case.text_of(tensor))}.{node.attr}"
                yield _call(case, call, "a method of tensors", text=text, without=[0])


def _keywords(case: Case, node: ast.Call) -> Iterator[Slip]:
    """Keywords that the function does not have."""
    found = against(case, node)
    if found is None:
        return
    near = {unknown: close(unknown, found.free) for unknown in found.unknown}
    first = {unknown: names[0] for unknown, names in near.items() if names}
    if len(first) > 1:
        note = ", ".join(f"{name} instead of {unknown}" for unknown, name in first.items())
        yield _call(case, node, note, renamed=first)
    for unknown, names in near.items():
        for name in names:
            yield _call(case, node, f"{name} instead of {unknown}", renamed={unknown: name})


def _callee(case: Case, node: ast.Call) -> Iterator[Slip]:
    """What is called, where that is no function, or a class of modules that was meant to be made first."""
    function = case.value(node.func)
    text = case.text_of(node.func)
    if function is not None and not callable(function):
        if isinstance(node.func, ast.Attribute):
            yield from _method_of_argument(case, node.func)
        if not node.args:
            yield Slip(node, text, "read, not called")
        elif len(node.args) == 1:
            yield Slip(node, f"{text}[{case.text_of(node.args[0])}]", "an index stands in brackets")
    yield from made_first(case, node)


def torch_s_own(case: Case) -> Iterator[Slip]:
    """A function of numpy that was given a tensor: torch's of the same name."""
    for node in ast.walk(case.inner):
        text = case.text_of(node.func) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and text.startswith(NUMPY) and operands(case, node):
            yield _call(case, node, "torch's function, for tensors", text=f"torch.{text.partition('.')[2]}")


def made_first(case: Case, node: ast.AST) -> Iterator[Slip]:
    """A class of modules that was given the tensors that its module takes."""
    if isinstance(node, ast.Call) and operands(case, node):
        called = case.value(node.func)
        if isinstance(called, type) and hasattr(called, "forward"):
            yield _call(case, node, "a module is made, then called", text=f"{case.text_of(node.func)}()")


# ---- arguments and operands


def _gone_through(case: Case, node: ast.expr) -> Iterator[list[Form]]:
    """What cannot be gone through, so that it can: a number as so many times, a method called."""
    value, text = case.value(node), case.text_of(node)
    if type(value) is int:
        yield [(f"range({text})", "so many times")]
    elif is_method(value):
        yield [(f"{text}()", f"{text} is called")]


def _forms(case: Case, node: ast.expr) -> Iterator[list[Form]]:
    """A value of another kind in the place of one: a dtype for its name, a tensor for a list."""
    value, text = case.value(node), case.text_of(node)
    kind = case.engine.kind(value)
    if is_method(value):
        yield [(f"{text}()", f"{text} is called")]
    elif isinstance(value, str):
        yield [(f"torch.{value}{end}", "torch's object, not its name") for end in ("", "_format")]
        if value.isdigit():
            yield [(value, "the number, not its digits")]
        if value in case.trace.session.names:
            yield [(value, "what the name stands for, not its letters")]
    elif is_result(value):
        for name in type(value).__match_args__:
            yield [(behind(node, text, f".{name}"), f"the {name} of the result")]
    elif isinstance(value, list | tuple):
        kinds = [case.engine.kind(each) == "tensor" for each in value]
        given = isinstance(node, ast.Call) or (isinstance(node, ast.Name) and not all(kinds))
        if isinstance(value, tuple) and kinds[:1] == [True] and given:
            yield [(behind(node, text, "[0]"), "the first of what it gives")]
        yield from _forms_of_list(case, node, value)
    elif isinstance(value, dict) and all(case.engine.kind(each) == "tensor" for each in value.values()):
        yield [(behind(node, text, ".values()"), "its tensors, and not their names")]
    elif isinstance(value, GeneratorType):
        yield [(f"list({text})", "its elements as a list")]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and value.is_integer():
            yield [(str(int(value)), "a whole number")]
        yield [(f"({text},)", "a tuple of one"), *_as_tensor(case, text)]
    elif is_uncalled(value):
        yield [(f"{text}()", f"{text} is called")]
    elif is_module(value):
        yield [(each.source, each.note) for each in made_first(case, node)]
        yield [(behind(node, text, ".parameters()"), "the module's parameters")]
    elif kind == "ndarray":
        yield [(f"torch.from_numpy({text})", "as a tensor over the same memory"), *_as_tensor(case, text)]
    elif kind == "tensor":
        # A number, a list and an array would leave the graph in silence.
        leaves = not case.engine.look(value).requires_grad
        if leaves:
            yield [(behind(node, text, ".item()"), "as a number of Python's")]
        if isinstance(getattr(case.expression(), "func", None), ast.Attribute):
            yield [(f"[{text}]", "in a list")]
        if leaves:
            yield [(behind(node, text, ".tolist()"), "as a list")]
            yield [(behind(node, text, ".numpy()"), "as an array over the same memory")]


def _forms_of_list(case: Case, node: ast.expr, value: Sequence[Any]) -> Iterator[list[Form]]:
    text = case.text_of(node)
    tensors = [case.engine.kind(each) == "tensor" for each in value]
    if all(tensors):
        yield [(f"torch.stack({text})", "as one tensor")]
        return
    if not any(tensors):
        yield [*_as_tensor(case, text)]
    if isinstance(node, ast.List | ast.Tuple) and len(node.elts) == len(tensors):
        found = []
        for dtype in ("", *_dtypes(case)):
            cast = f", dtype=torch.{dtype})" if dtype else ")"
            parts = [
                case.text_of(part) if tensor else f"torch.tensor({case.text_of(part)}{cast}"
                for part, tensor in zip(node.elts, tensors, strict=True)
            ]
            found.append((f"[{', '.join(parts)}]", "each element as a tensor"))
        yield found


def _as_tensor(case: Case, text: str) -> Iterator[Form]:
    yield f"torch.tensor({text})", "as a tensor"
    for dtype in _dtypes(case):
        yield f"torch.tensor({text}, dtype=torch.{dtype})", f"as a tensor of {dtype}"


def _dtypes(case: Case) -> list[str]:
    """The dtypes of the tensors in the failing expression, and that of most weights."""
    return [*dict.fromkeys([*(each.look.dtype for each in operands(case)), "float32"])]


def is_method(value: Any) -> bool:
    """Whether a value is the method of an object."""
    return callable(value) and hasattr(value, "__self__")


class BoundUncalled(NamedTuple):
    """`criterion = nn.MSELoss`: a name that was bound to what was to be called."""

    at: int
    """The statement, from 0."""
    maker: str
    called: Proposal | None


def bound_uncalled(case: Case, node: ast.expr) -> BoundUncalled | None:
    """Where a name was bound to a method, a class or a function, that may have been meant to be called; None elsewhere."""
    at = case.bound_at(node.id) if isinstance(node, ast.Name) else None
    tree = None if at is None else case.journal.tree(at)
    if at is None or not isinstance(tree, ast.Assign) or not isinstance(tree.value, ast.Attribute | ast.Name):
        return None
    maker = case.journal.source(at, tree.value)
    called = case.journal.changed(at, [(tree.value, f"{maker}()")], f"{maker} is called")
    return BoundUncalled(at, maker, called)


def is_uncalled(value: Any) -> bool:
    """Whether a value is a class of modules, or a function of the script: a call of it gives what may have been meant."""
    return isinstance(value, ScriptFunction) or (isinstance(value, type) and hasattr(value, "forward"))


def is_result(value: Any) -> bool:
    """Whether a value is what an operator with several named results returns."""
    return isinstance(value, tuple) and "return_types" in type(value).__module__


# ---- how many arguments


def _unpacked(case: Case, node: ast.Call) -> Iterator[Slip]:
    """A list whose elements were meant as the arguments."""
    for place, each in enumerate(node.args):
        if isinstance(case.value(each), list | tuple):
            text = case.text_of(each)
            parts = (
                ", ".join(map(case.text_of, each.elts))
                if isinstance(each, ast.List | ast.Tuple)
                else f"*{text}"
            )
            yield _call(case, node, "one by one", places={place: parts})


def _made_of(case: Case, node: ast.Call) -> Iterator[Slip]:
    """Values that were to become a tensor, by the function for values of another kind."""
    called = getattr(node.func, "attr", "")
    if node.keywords and node.args and called.endswith("Tensor"):
        yield _call(case, node, "tensor takes dtype and requires_grad", text="torch.tensor")
    if len(node.args) == 1 and not node.keywords and called in MAKERS:
        value, text = case.value(node.args[0]), case.text_of(node.args[0])
        if isinstance(value, list | tuple) and value and case.engine.kind(value[0]) == "tensor":
            yield Slip(node, f"torch.stack({text})", "stack joins tensors")
        elif isinstance(value, list | tuple | int | float):
            yield Slip(node, f"torch.tensor({text})", "tensor takes values")
    elif node.args and called in JOINERS:
        value = case.value(node.args[0])
        if isinstance(value, list | tuple) and value and all(isinstance(each, int | float) for each in value):
            yield Slip(node, f"torch.tensor({case.text_of(node.args[0])})", "tensor takes values")


def _asked_for_later(case: Case, node: ast.Call) -> Iterator[Slip]:
    """`requires_grad=True` given to what does not take it: the result can be asked for a gradient."""
    for place, each in enumerate(node.keywords):
        if each.arg == "requires_grad" and case.value(each.value) is True:
            made = _call(case, node, "", without=[len(node.args) + place]).source
            yield Slip(node, f"{made}.requires_grad_()", "asked for a gradient when it is made")


def _packed(case: Case, node: ast.Call) -> Iterator[Slip]:
    """Arguments that were meant as one tuple."""
    count = len(node.args)
    for size in range(count, 1, -1):
        for first in range(count - size + 1):
            packed = f"({', '.join(map(case.text_of, node.args[first : first + size]))})"
            without = range(first + 1, first + size)
            yield _call(case, node, "in one tuple", places={first: packed}, without=without)


def completed(case: Case, node: ast.Call) -> Iterator[Slip]:
    """A dimension that was not given."""
    ranks = [len(each.look.sizes) for each in operands(case, node)]
    names = {
        each.name: None
        for signature in case.engine.takes(case.value(node.func))
        for each in signature[len(node.args) :]
        if each.name.startswith("dim")
    }
    there = [case.value(each) for each in node.args]
    for name in names if ranks else ():
        for dim in range(max(1, ranks[0])):
            if not any(type(each) is int and each in (dim, dim - ranks[0]) for each in there):
                yield _call(case, node, f"of dimension {dim}", added=f"{name}={dim}")


def _named(case: Case, node: ast.Call) -> Iterator[Slip]:
    """An argument that is taken by its name only."""
    found = against(case, node)
    sizes = found is not None and any(each.several for each in found.signature)
    if found is None or not node.args or (found.extra != 1 and not sizes):
        return
    last, text = len(node.args) - 1, case.text_of(node.args[-1])
    for each in found.signature:
        if each.keyword_only and each.name in found.free:
            yield _call(case, node, f"{each.name} by its name", without=[last], added=f"{each.name}={text}")


def _without(case: Case, node: ast.Call) -> Iterator[Slip]:
    """Arguments that the function has no place for."""
    found = against(case, node)
    if found is None or found.missing:
        return
    unknown = [each for each in found.unknown if not close(each, found.known)]
    if len(unknown) < len(found.unknown):
        return  # a name that is nearly right was meant, not one too many
    places = [place for place, each in enumerate(node.keywords) if each.arg in unknown]
    if places or found.extra:
        extra = range(len(node.args) - found.extra, len(node.args))
        left = ", ".join([*(case.text_of(node.args[each]) for each in extra), *unknown])
        yield _call(
            case, node, f"without {left}", without=[*extra, *(len(node.args) + each for each in places)]
        )


def _call(
    case: Case,
    node: ast.Call,
    note: str,
    text: str = "",
    renamed: dict[str, str] | None = None,
    places: dict[int, str] | None = None,
    without: Sequence[int] = (),
    added: str = "",
) -> Slip:
    """A call with keywords renamed, arguments written otherwise, left out or added."""
    parts = [case.text_of(each) for each in node.args]
    for each in node.keywords:
        value = case.text_of(each.value)
        name = (renamed or {}).get(each.arg or "", each.arg)
        parts.append(f"**{value}" if name is None else f"{name}={value}")
    for place, source in (places or {}).items():
        parts[place] = source
    kept = [part for place, part in enumerate(parts) if place not in without]
    return Slip(
        node, f"{text or case.text_of(node.func)}({', '.join([*kept, *([added] if added else [])])})", note
    )
