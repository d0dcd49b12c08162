"""Any refusal of an operation: what it was given, and which single change of that it would take.

Nothing is known here of the operation itself. The changes are tried: an operand in another shape or dtype is put into the
failing expression, which is evaluated again where it failed; what succeeds is proposed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from tensorcli.explorer.errors import known_error
from tensorcli.explorer.results import Event
from tensorcli.explorer.trees import called_name, calls_in, holds, receiver_of, root_name, write_target
from tensorcli.explorer.why.case import Bound, Case, Story
from tensorcli.explorer.why.nearest import advised, as_many, in_other_order, nearest
from tensorcli.explorer.why.operands import Operand, behind, bound_event, operands
from tensorcli.explorer.why.out_of_place import out_of_place
from tensorcli.explorer.why.precedence import precedence
from tensorcli.explorer.why.slips import slips

if TYPE_CHECKING:
    from tensorcli.explorer.engines import FailedModule
    from tensorcli.explorer.engines.reading import Look
    from tensorcli.explorer.rewrite import Proposal

TRIES = 60
"""So many changes are tried."""
DTYPES = {
    "Double": "float64",
    "Half": "float16",
    "BFloat16": "bfloat16",
}
"""What errors call the dtypes that a layer may have and most tensors have not."""
OWN_WORDS = ("number", "attention_mask")
"""The errors whose message names what it is about, which no sentence of ours does."""
FURTHER = 3
"""So many that only lead to another error are proposed."""


def called(case: Case) -> Story:
    """What the operation was given, by shape and dtype, and what it would take."""
    bound = precedence(case)
    if bound is not None:
        return bound
    story = given(case)
    slips_first = slips(case) if case.failure.type in ("TypeError", "AttributeError") else ()
    story.proposals = [*slips_first, *_not_squeezed(case), *fits(case), *_other_layers(case)]
    alone = not any(story.proposals)
    story.proposals += [*advised(case), *in_other_order(case)]
    if alone:
        story.proposals += [*nearest(case), *as_many(case)]
    return story


def given(case: Case, title: str = "", values: Callable[[Look], bool] = lambda _: False) -> Story:
    """What the operation was given, by shape and dtype; of which `values` says so, with the least and the greatest element."""
    found = operands(case)
    events: list[Event] = []
    for each in found:
        name = root_name(each.node)
        bound = case.bound(name)
        if name == each.text:
            bound_event(case, bound, f"{name} is {_facts(case, each, values)}", events)
    _tell_module(case, events)
    seen = "  and  ".join(dict.fromkeys(f"{each.text} {_facts(case, each, values)}" for each in found))
    said = case.failure.message.partition("\n")[0].removesuffix(", but expected one of:")
    events.append(case.raised(seen or said))
    return Story(title or _title(case, found), events)


def _title(case: Case, found: list[Operand]) -> str:
    known = known_error(case.failure.type, case.failure.message)
    if known is not None and known.key not in OWN_WORDS:
        return known.sentence
    if known is not None:
        found = []
    if case.failure.type.endswith("Warning"):
        return f"line {case.line} ran, and PyTorch warns."
    if found:
        return "What the operation was given does not fit it."
    words = case.failure.message.partition("\n")[0].rstrip(".")
    return f"line {case.line} raised {case.failure.type}{f': {words}' if words else ''}."


def _facts(case: Case, each: Operand, values: Callable[[Look], bool]) -> str:
    """`float32 (2, 3)`, and what lies in it."""
    facts = each.look.summary
    elements = case.engine.elements(each.value) if values(each.look) and each.look.numel else None
    if elements is None or each.look.dtype == "bool" or each.look.dtype.startswith("complex"):
        return facts
    least, most = (case.engine.shown(part, each.look.dtype) for part in (elements.min(), elements.max()))
    return f"{facts}, {least.rstrip('.')} to {most.rstrip('.')}"


def _tell_module(case: Case, events: list[Event]) -> None:
    """Which module of the one that was called failed, and what it was given."""
    failed = case.trace.session.module
    node = case.expression()
    if failed is None or not isinstance(node, ast.Call):
        return
    called = case.value(node.func)
    if called not in (failed.outer, failed.module):
        return
    engine = case.engine
    given = [engine.look(each) for each in failed.inputs if engine.kind(each) == "tensor"]
    path = "" if called is failed.module else failed.path
    text = f"{case.text_of(node.func)}{path} is {failed.text}"
    if path:
        text += f", and was given {', '.join(look.summary for look in given)}"
    bound_event(case, _assigned(case, node.func) or case.bound(root_name(node.func)), text, events)


def _assigned(case: Case, target: ast.expr) -> Bound | None:
    """Where an attribute (`self.fc`) was assigned to, in a function too; None for what is none."""
    if not isinstance(target, ast.Attribute):
        return None
    for at in range(case.at - 1, -1, -1):
        for node in ast.walk(case.journal.tree(at)):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and node.attr == target.attr
            ):
                return Bound(at, node)
    return None


# ---- what would be taken


class Change(NamedTuple):
    """An operand with something behind it, or without its last call."""

    operand: Operand
    suffix: str
    look: Look
    """What is known of it then."""

    @property
    def node(self) -> ast.expr:
        """The expression that it takes the place of."""
        return self.operand.node

    @property
    def text(self) -> str:
        """The new expression."""
        return behind(self.node, self.operand.text, self.suffix)

    @property
    def note(self) -> str:
        """What it does, in words."""
        return f"{self.operand.text} as {self.look.summary}"


PARTS: Final = (".abs()", ".real")
"""What real numbers are made of complex ones: of one shape and dtype, and yet not the same."""


def fits(case: Case) -> Iterator[Proposal | None]:
    """The failing statement with one operand in another shape or dtype, or with one in another shape and one in another
    dtype, where the failing expression takes it. Where it takes none, those that another error follows.
    """
    yield from out_of_place(case)
    if called_name(case.expression()) == "grad":
        return  # what is differentiated by is the tensor itself: of another shape it is another, which leads nowhere
    found, changes = operands(case), list(_changes(case))
    refusals = [_refusal(case, each) for each in changes]
    taken = [[each] for each, refusal in zip(changes, refusals, strict=True) if refusal is None]
    if not taken:
        taken = [pair for pair in islice(_pairs(changes), TRIES) if _refusal(case, *pair) is None]
    error = known_error(case.failure.type, case.failure.message)
    if not taken and error is not None and error.key == "dimensions":
        taken = next(([each] for each in _alike(found, changes) if _refusal(case, *each) is None), [])
    if not taken:
        known = _words(f"{case.failure.type}: {case.failure.message}")
        further = (each for each, refusal in zip(changes, refusals, strict=True) if _words(refusal) != known)
        taken = [[each] for each in islice(further, FURTHER)]
    if all(len(each) == 1 and each[0].suffix.startswith(".unsqueeze") for each in taken):
        along = _dimension_of(case)
        taken.sort(key=lambda each: (-_likeness(each[0], found), each[0].suffix != f".unsqueeze({along})"))
        if called_name(case.expression()) in ("gather", "take_along_dim") and along is not None:
            yield from _one_of_each(case, taken, along)
            return
    for each in taken:
        yield case.changed([(one.node, one.text) for one in each], ", ".join(one.note for one in each))


def _one_of_each(case: Case, taken: list[list[Change]], along: int) -> Iterator[Proposal | None]:
    """`x.gather(1, i.unsqueeze(1)).squeeze(1)`: one element of each row, by an index that is as long as there are rows. With any
    other dimension it would be taken for a row itself.
    """
    call = case.expression()
    for (each,) in taken:
        if each.suffix == f".unsqueeze({along})" and isinstance(call, ast.Call):
            given = ", ".join(each.text if one is each.node else case.text_of(one) for one in call.args)
            whole = f"{case.text_of(call.func)}({given}).squeeze({along})"
            if each.node in call.args and not call.keywords:
                yield case.changed([(call, whole)], f"{each.note}, and one element of each row")
            yield case.changed([(each.node, each.text)], each.note)


def _dimension_of(case: Case) -> int | None:
    """The dimension that `x.gather(1, index)` goes along: an index with one dimension less lacks that one."""
    call = case.expression()
    first = call.args[0] if isinstance(call, ast.Call) and call.args else None
    along = first.value if isinstance(first, ast.Constant) else None
    return along if isinstance(along, int) else None


def _refusal(case: Case, *changes: Change) -> str | None:
    return case.refusal(*((each.node, ast.parse(each.text, mode="eval").body) for each in changes))


def _words(error: str | None) -> str:
    """An error without its numbers, which another shape changes."""
    return re.sub(r"\d+", "", error or "")


def _changes(case: Case) -> Iterator[Change]:
    """The operands of the failing operation in other shapes and dtypes, each once."""
    found = operands(case)
    written, _ = write_target(case.inner) or (None, None)
    owners = _owners(case.inner)
    named = (name for word, name in DTYPES.items() if re.search(rf"\b{word}\b", case.failure.message))
    dtypes = [*dict.fromkeys([*(each.look.dtype for each in found), *named, "float32", "int64"])]
    if "bool" in case.failure.message and "bool" not in dtypes:
        dtypes.append("bool")
        if "mask" in case.failure.message:  # as floats the yes and no of a mask would be added to the scores
            dtypes = ["bool"]
    seen = {(each.node, each.look.sizes, each.look.dtype, "") for each in found}
    tries = TRIES
    for each in found:
        inner = _without_its_call(case, each)
        if inner is not None and each.node not in owners:
            seen.add((each.node, inner.look.sizes, inner.look.dtype, ""))
            yield inner
    for each, suffix in _nearest_first(found, dtypes):
        if (written is not None and holds(each.node, written)) or each.node in owners:
            continue
        new = ast.parse(behind(each.node, each.text, suffix), mode="eval").body
        changed = case.tensor(new, like=each.node)
        look = None if changed is None else case.engine.look(changed)
        part = suffix if suffix in PARTS else ""
        if look is None or (each.node, look.sizes, look.dtype, part) in seen or not tries:
            continue
        if each.look.requires_grad and not look.requires_grad:
            continue  # it would leave the graph in silence
        seen.add((each.node, look.sizes, look.dtype, part))
        tries -= 1
        yield Change(each, suffix, look)


def _without_its_call(case: Case, each: Operand) -> Change | None:
    """`labels` for `labels.float()`: an operand that a method makes of a tensor of another shape or dtype, without it."""
    receiver = receiver_of(each.node)
    before = case.tensor(receiver, like=each.node)
    if receiver is None or before is None:
        return None
    look = case.engine.look(before)
    if (look.sizes, look.dtype) == (each.look.sizes, each.look.dtype) or look.dtype.startswith("complex"):
        return None
    if each.look.requires_grad and not look.requires_grad:
        return None
    return Change(each._replace(text=case.text_of(receiver)), "", look)


def _owners(statement: ast.stmt) -> list[ast.expr]:
    """What an assignment sets an attribute or an element of: a copy in its place would take what is assigned."""
    found: list[ast.expr] = []
    for each in statement.targets if isinstance(statement, ast.Assign) else ():
        while isinstance(each, ast.Attribute | ast.Subscript):
            each = each.value
            found.append(each)
    return found


def _pairs(changes: list[Change]) -> Iterator[list[Change]]:
    """One operand in another shape and one, it may be the same, in another dtype."""
    dtypes = [each for each in changes if each.look.dtype != each.operand.look.dtype]
    for shape in changes:
        for dtype in dtypes if shape not in dtypes else ():
            if dtype.node is not shape.node:
                yield [shape, dtype]
            else:
                look = shape.look._replace(dtype=dtype.look.dtype)
                yield [Change(shape.operand, dtype.suffix + shape.suffix, look)]


def _likeness(change: Change, found: list[Operand]) -> int:
    """How many sizes of a changed operand are those of another one, in the same place."""
    sizes = change.look.sizes
    others = [
        each.look.sizes for each in found if each is not change.operand and len(each.look.sizes) == len(sizes)
    ]
    return max((sum(map(int.__eq__, sizes, other)) for other in others), default=0)


def _alike(found: list[Operand], changes: list[Change]) -> Iterator[list[Change]]:
    """Every operand changed in one way: `torch.bmm(a.unsqueeze(0), b.unsqueeze(0))`."""
    for suffix in dict.fromkeys(each.suffix for each in changes):
        same = [each for each in changes if each.suffix == suffix]
        if len(same) == len(found) > 1:
            yield same


def _nearest_first(found: list[Operand], dtypes: list[str]) -> Iterator[tuple[Operand, str]]:
    """Each operand with each change of it: the changes that a slip needs most often first, of all operands. Of the two
    factors of a product the right one is rather the one to transpose.
    """
    for kind in zip(*(_suffixes(each.look, dtypes) for each in found), strict=True):
        changes = list(zip(found, kind, strict=True))
        turned = any(suffix in (".T", ".transpose(-2, -1)") for suffixes in kind for suffix in suffixes)
        for each, suffixes in reversed(changes) if turned and len(found) == 2 else changes:
            yield from ((each, suffix) for suffix in suffixes)


def _suffixes(look: Look, dtypes: list[str]) -> Iterator[list[str]]:
    """Other dtypes; a dimension of size 1 less; one more; the transposed; the channels second, of one image first; fewer
    dimensions.
    """
    rank = len(look.sizes)
    if look.dtype.startswith("complex"):
        # A conversion to real numbers drops the imaginary parts: who means that says so by `.real`.
        wider = [f".to(torch.{dtype})" for dtype in dtypes if dtype.startswith("complex")]
        yield [*wider, ".to(torch.complex64)", *PARTS]
    else:
        yield [f".to(torch.{dtype})" for dtype in dtypes]
    yield [f".squeeze({d})" for d, size in enumerate(look.sizes) if size == 1]
    yield [f".unsqueeze({d})" for d in range(rank + 1)]
    yield [".T"] if rank == 2 else []
    image = [".permute(2, 0, 1)"] if rank == 3 else []
    yield (
        [".transpose(-2, -1)", ".transpose(0, 1)", ".movedim(-1, 1)", *image, ".flatten(1)"]
        if rank > 2
        else []
    )
    yield [".flatten()"] if rank > 1 else []


def _not_squeezed(case: Case) -> Iterator[Proposal | None]:
    """`squeeze()` of what an operand is, which takes a batch of one away as well: of the last dimension alone, or none."""
    for each in operands(case):
        bound = case.bound(root_name(each.node)) if isinstance(each.node, ast.Name) else None
        if bound is not None:
            places = [(bound.at, bound.node or case.journal.tree(bound.at))]
        else:
            places = [(case.place_of(each.node), each.node)]
        for at, tree in places:
            for node in calls_in(tree, "squeeze"):
                owner = receiver_of(node)
                if owner is None or node.args or node.keywords:
                    continue
                text, note = case.journal.source(at, owner), "a batch of one stays one"
                yield case.journal.changed(at, [(node, f"{text}.squeeze(-1)")], note)
                yield case.journal.changed(at, [(node, text)], note)


def _other_layers(case: Case) -> Iterator[Proposal | None]:
    """Where a module failed: a statement that made the module, with one of the error's numbers in the place of another."""
    failed = case.trace.session.module
    if failed is None:
        return
    numbers = {int(text) for text in re.findall(r"\d+", case.failure.message)}
    sizes = [case.engine.look(each).sizes for each in failed.inputs if case.engine.kind(each) == "tensor"]
    given = [size for size in dict.fromkeys(size for each in sizes for size in each) if size in numbers]
    for at in dict.fromkeys(_makers(case, failed)):
        numbers_of_layer = whole_numbers(case.journal.tree(at))
        # What the layer wants is rather one of the numbers that its input has not: they come first.
        for node, number in sorted(numbers_of_layer, key=lambda each: each[1] in given):
            if number not in numbers:
                continue
            for size in given:
                if size != number:
                    note = f"a layer for what it is given: {size} instead of {number}"
                    yield case.journal.changed(at, [(node, str(size))], note)


def _makers(case: Case, failed: FailedModule) -> Iterator[int]:
    """The statements that may have said the sizes of a module: that bound its name, that call its class, that made the module
    which holds it.
    """
    kind = failed.text.partition("(")[0]
    yield from _bound_at(case, module_name(case))
    for at in range(case.at - 1, -1, -1):
        if any(calls_in(case.journal.tree(at), kind)):
            yield at
    names = case.trace.session.names
    for node in ast.walk(case.statement.tree):
        if isinstance(node, ast.Name) and names.get(node.id) is failed.outer:
            yield from _bound_at(case, node.id)


def _bound_at(case: Case, name: str | None) -> Iterator[int]:
    at = None if name is None else case.bound_at(name)
    if at is not None:
        yield at


def module_name(case: Case) -> str | None:
    """The name of the module in whose call the statement failed; None where it failed in none."""
    node = case.expression()
    failed = case.trace.session.module is not None
    return root_name(node.func) if failed and isinstance(node, ast.Call) else None


def whole_numbers(tree: ast.AST) -> Iterator[tuple[ast.expr, int]]:
    """The whole numbers that are written in a statement, as such or as a product of such (`4 * 28 * 28`)."""
    for node in ast.walk(tree):
        number = _product(node)
        if number is not None:
            yield node, number  # type: ignore[misc]


def _product(node: ast.AST) -> int | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _product(node.left), _product(node.right)
        return None if left is None or right is None else left * right
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else None
