"""What may not have been meant in statements that all ran: `why` shows it where nothing failed.

These are facts and no hazards: a program may well change what a function is given, or draw a dropout under no_grad. They are
told only where nobody can say that anything is wrong.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate, islice, permutations
from operator import mul
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.hazards.parameters import optimised
from tensorcli.explorer.hazards.steps import BY_MODE
from tensorcli.explorer.names import path_root
from tensorcli.explorer.results import Event, Why
from tensorcli.explorer.rewrite import to_the_end, with_argument
from tensorcli.explorer.trace import traced
from tensorcli.explorer.trees import (
    called_name,
    calls_in,
    holds,
    in_place_nodes,
    loaded,
    receiver_of,
    root_name,
    stored,
)
from tensorcli.explorer.why.case import Case, looking_back
from tensorcli.explorer.why.operands import behind
from tensorcli.explorer.why.prove import WAYS, allowance, numbered, outcome
from tensorcli.language.syntax import in_order

if TYPE_CHECKING:
    from tensorcli.explorer.results.why import Verdict
    from tensorcli.explorer.rewrite import Proposal
    from tensorcli.explorer.session import Session

MOST: Final = 6
"""So many are shown."""
RECORDED_NOT: Final = ("no_grad", "inference_mode")
RECURRENT: Final = ("RNN", "LSTM", "GRU")
COPIES: Final = {"tensor": ".clone()", "ndarray": ".copy()"}


class Surprise(NamedTuple):
    """A fact, and what one would write who did not mean it."""

    event: Event
    proposals: list[Proposal | None]


def surprises(session: Session) -> tuple[Why, list[Proposal]] | None:
    """What may not have been meant, and the proposals that the answer numbers; None where there is nothing."""
    with traced(session, list(session.journal)) as trace:
        case = looking_back(session, trace)
        found = sorted(
            islice((each for look in LOOKS for each in look(case)), MOST), key=lambda each: each.event.line
        )
        allowed = allowance(trace)
    if not found:
        return None
    held: list[tuple[Proposal, str, Verdict]] = []
    for proposal in (to_the_end(each) for surprise in found for each in surprise.proposals):
        gave = None if proposal is None else outcome(session, proposal, allowed)
        if proposal is not None and gave is not None:
            held.append((proposal, "", "runs"))
    ways, kept = numbered(islice(held, WAYS))
    title = "no statement has failed. What may not have been meant:"
    return Why(title, None, "", tuple(each.event for each in found), None, (), tuple(ways)), kept


# ---- memory that changes under another name


def _seen_elsewhere(case: Case) -> Iterator[Surprise]:
    """Statements that change what a name stands for which they do not write to: an argument, another name of the memory."""
    said: set[str] = set()
    for at, step in enumerate(case.trace.steps):
        changed = [
            (change.names, facts)
            for change in step.step.changes
            if change.kind in ("written", "seen")
            and (facts := change.after) is not None
            and not (facts.requires_grad and facts.is_leaf)
        ]
        if not changed:
            continue
        tree = step.record.statement.tree
        targets = {root_name(target) for target, _ in in_place_nodes(tree)}
        for names, facts in changed:
            for name in names:
                if not name.isidentifier() or name in said or name in targets or name in stored(tree):
                    continue
                said.add(name)
                node = next(
                    (each.node_at for each in step.writes if name in step.names.get(each.memory, [])), None
                )
                if name in loaded(tree):
                    text, ways = (
                        f"changes {name}, which it was given",
                        _given_copies(case, at, name, facts.kind),
                    )
                else:
                    others = sorted(filter(None, targets)) or sorted(stored(tree))
                    text = f"changes {name} as well" + (
                        f": {others[0]} is over the same memory" if others else ""
                    )
                    text += _made_once(case, at, node)
                    ways = _own_memory(case, at, {name, *others}, facts.kind)
                yield Surprise(case.event(at, text, "wrote", node=node), ways)


def _made_once(case: Case, at: int, node: ast.AST | None) -> str:
    """That what is written is the default of a function's parameter."""
    function = None if node is None else case.function_around(at, node)
    if node is None or function is None:
        return ""
    arguments = function[1].args
    named = [*arguments.posonlyargs, *arguments.args]
    defaults = {each.arg for each in named[len(named) - len(arguments.defaults) :]}
    written = [
        root_name(target)
        for target, write in in_place_nodes(function[1])
        if write is node or holds(write, node)
    ]
    first = next((each for each in written if each in defaults), None)
    return "" if first is None else f"; {first} was made once, when {function[1].name} was defined"


def _given_copies(case: Case, at: int, name: str, kind: str) -> list[Proposal | None]:
    return [
        case.journal.changed(at, [(each, f"{name}{COPIES[kind]}")], f"{name} stays as it is")
        for call in in_order(case.journal.tree(at))
        for each in (call.args if isinstance(call, ast.Call) else ())
        if isinstance(each, ast.Name) and each.id == name
    ]


def _own_memory(case: Case, at: int, names: set[str], kind: str) -> list[Proposal | None]:
    """The last of these names bound to a copy."""
    bound = [(place, name) for name in names if (place := case.bound_at(name, at)) is not None]
    if not bound:
        return []
    place, name = max(bound)
    tree = case.journal.tree(place)
    if not isinstance(tree, ast.Assign) or not isinstance(tree.targets[0], ast.Name):
        return []
    value, note = case.trace.session.names.get(name), f"{name} has a memory of its own"
    copy = COPIES.get(case.engine.kind(value) or "", COPIES[kind])
    if len(tree.targets) > 1:  # a = b = zeros(3): a copy of what both are bound to would be bound to both
        return [case.journal.inserted(place + 1, f"{name} = {name}{copy}", note)]
    new = behind(tree.value, case.journal.source(place, tree.value), copy)
    return [case.journal.changed(place, [(tree.value, new)], note)]


def one_object(case: Case) -> Iterator[Surprise]:
    """`target = policy`, where what the two are is changed later."""
    names = case.trace.session.names
    for at, step in enumerate(case.trace.steps):
        tree = step.record.statement.tree
        if not isinstance(tree, ast.Assign) or not isinstance(tree.targets[0], ast.Name):
            continue
        value, name = tree.value, tree.targets[0].id
        if not isinstance(value, ast.Name) or not is_module(names.get(name)):
            continue
        if names.get(name) is not names.get(value.id) or not any(
            name in map(path_root, change.names)
            for later in case.trace.steps[at + 1 :]
            for change in later.step.changes
            if change.kind in ("written", "seen")
        ):
            continue
        text = f"{name} is {value.id} itself, and no copy: what changes the one changes both"
        copied = case.journal.replaced(
            at, f"import copy\n{name} = copy.deepcopy({value.id})", "a module of its own"
        )
        yield Surprise(case.event(at, text, "shared"), [copied])


def _one_layer(case: Case) -> Iterator[Surprise]:
    """`[nn.Linear(3, 3)] * 3`, which is one layer at three places."""
    for at, step in enumerate(case.trace.steps):
        for node in in_order(step.record.statement.tree):
            if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
                continue
            sides = (node.left, node.right)
            layers = next((each for each in sides if isinstance(each, ast.List)), None)
            learning = [] if layers is None else [each for each in layers.elts if _learns(case, each)]
            if layers is None or not learning:
                continue
            count = case.journal.source(at, node.right if layers is node.left else node.left)
            text = f"is one {called_name(learning[0])} at {count} places, and not {count} of them: they learn as one"
            texts = [case.journal.source(at, each) for each in layers.elts]
            new = f"[{texts[0]} for _ in range({count})]"
            if len(texts) > 1:
                new = f"[each for _ in range({count}) for each in ({', '.join(texts)})]"
            made_anew = case.journal.changed(at, [(node, new)], "a layer for each place")
            yield Surprise(case.event(at, text, "shared", node=node), [made_anew])


def _learns(case: Case, node: ast.expr) -> bool:
    """Whether an expression makes a module with parameters."""
    made = case.value(node) if isinstance(node, ast.Call) else None
    return made is not None and is_module(made) and any(True for _ in made.parameters())


def _left_out(case: Case) -> Iterator[Surprise]:
    """Networks that passes reach and whose parameters no optimizer was given."""
    engine, names = case.engine, case.trace.session.names
    held = {name: found for name, value in names.items() if (found := optimised(engine, value))}
    leaves = [leaf for found in held.values() for leaf in found]
    if not held or any(type(leaf).__name__ != "Parameter" for leaf in leaves):
        return  # what is learned is an input, and no network
    known = set(map(id, leaves))
    optimizer = next(iter(held))
    at = case.bound_at(optimizer)
    for name, value in names.items() if at is not None else ():
        own = list(value.parameters()) if is_module(value) else []
        if any(id(leaf) in known for leaf in own) or all(engine.grad(leaf) is None for leaf in own):
            continue
        assert at is not None
        text = f"{optimizer} does not hold the parameters of {name}, which have gradients: no step changes {name}"
        ways = [
            case.journal.changed(
                at,
                [(call.args[0], f"[*{case.journal.source(at, call.args[0])}, *{name}.parameters()]")],
                f"{name} learns too",
            )
            for call in calls_in(case.journal.tree(at))
            if call.args and "parameters()" in ast.unparse(call.args[0])
        ]
        yield Surprise(case.event(at, text, "made"), ways[:1])


def _one_memory(case: Case) -> Iterator[Surprise]:
    """`b.weight.data = a.weight.data`, after which a step of the one is one of the other."""
    for at, step in enumerate(case.trace.steps):
        for node in in_order(step.record.statement.tree):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            value = node.value if isinstance(node, ast.Assign) else None
            if not isinstance(target, ast.Attribute) or target.attr != "data":
                continue
            owner = value.value if isinstance(value, ast.Attribute) and value.attr == "data" else value
            mine, theirs = (case.tensor(each) for each in (target.value, owner))
            if mine is None or theirs is None or value is None:
                continue
            if case.engine.look(mine).memory != case.engine.look(theirs).memory:
                continue
            of, from_ = case.journal.source(at, target.value), case.journal.source(at, owner or value)
            text = f"lays {of} over the memory of {from_}: what changes the one changes both"
            copied = behind(value, case.journal.source(at, value), ".clone()")
            own = case.journal.changed(at, [(value, copied)], f"{of} has a memory of its own")
            yield Surprise(case.event(at, text, "shared", node=node), [own])


# ---- modes


def _in_training(case: Case) -> Iterator[Surprise]:
    """Networks that are called under no_grad, and were never told that training is over."""
    names = case.trace.session.names
    trees = [step.record.statement.tree for step in case.trace.steps]
    evaluating = [
        (at, tree)
        for at, tree in enumerate(trees)
        if isinstance(tree, ast.With)
        and any(word in ast.unparse(each.context_expr) for each in tree.items for word in RECORDED_NOT)
    ]
    if not evaluating:
        return
    told = {
        root_name(node)
        for tree in trees
        for node in in_order(tree)
        if called_name(node) in ("eval", "train") and isinstance(node, ast.Call)
    }
    for at, tree in evaluating:
        for name in sorted(loaded(tree) - told):
            part = _by_mode(names.get(name))
            if part:
                text = f"{name} is in training mode here: {part} does another thing after {name}.eval()"
                evaluated = case.journal.inserted(at, f"{name}.eval()", "evaluation mode from here on")
                yield Surprise(case.event(at, text, "other"), [evaluated])
                told.add(name)


def _by_mode(value: Any) -> str:
    """What in a network goes by its mode; empty where nothing does, and where evaluation is on."""
    if not is_module(value):
        return ""
    parts = (each for each in value.modules() if type(each).__name__.startswith(BY_MODE))
    return next((type(each).__name__ for each in parts if each.training), "")


def _statistics(case: Case) -> Iterator[Surprise]:
    """Normalisations whose parameters are frozen, and whose running statistics go on moving."""
    names, said = case.trace.session.names, set[str]()
    for at, step in enumerate(case.trace.steps):
        for change in step.step.changes:
            path = next((each for each in change.names if each.endswith(".running_mean")), "")
            part = path.removesuffix(".running_mean")
            if change.kind not in ("written", "seen") or not part or part in said:
                continue
            module = case.value(ast.parse(part, mode="eval").body) if path_root(part) in names else None
            own = list(module.parameters()) if module is not None and is_module(module) else []
            if own and not any(each.requires_grad for each in own):
                said.add(part)
                text = f"moves the running statistics of {part}, whose parameters are frozen: it is in training mode"
                node = next(
                    (each.node_at for each in step.writes if path in step.names.get(each.memory, [])), None
                )
                yield Surprise(case.event(at, text, "wrote", node=node), [_evaluated(case, at, part)])


def _evaluated(case: Case, at: int, part: str) -> Proposal | None:
    """A part of a network told that it is in evaluation: before a statement, or behind what tells it to train there."""
    owners = {part, path_root(part)}
    for node in ast.walk(case.journal.tree(at)):
        if not isinstance(node, ast.Expr) or called_name(node.value) != "train":
            continue
        if root_name(receiver_of(node.value)) in owners:
            source = f"{case.journal.source(at, node)}\n{part}.eval()"
            return case.journal.instead(at, node, source, "its statistics stay as they are")
    return case.journal.inserted(at, f"{part}.eval()", "its statistics stay as they are")


# ---- dimensions


def _last_of_the_batch(case: Case) -> Iterator[Surprise]:
    """`out, h = lstm(x)` and `out[:, -1]`, where the steps are dimension 0 and the examples dimension 1."""
    makers: dict[str, tuple[int, ast.Call]] = {}
    outputs: dict[str, str] = {}
    for at, step in enumerate(case.trace.steps):
        for node in in_order(step.record.statement.tree):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            call = node.value if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) else None
            if call is not None and target is not None:
                if called_name(call) in RECURRENT:
                    makers[_last_part(target)] = at, call
                elif isinstance(target, ast.Tuple) and isinstance(target.elts[0], ast.Name):
                    outputs[target.elts[0].id] = _last_part(call.func)
            name = root_name(node) if isinstance(node, ast.Subscript) else ""
            place, maker = makers.get(outputs.get(name or "", ""), (0, None))
            first = maker is not None and all(each.arg != "batch_first" for each in maker.keywords)
            if (
                maker is None
                or not first
                or not isinstance(node, ast.Subscript)
                or not _is_last_of_the_second(node)
            ):
                continue
            text = (
                f"takes the last example of {name}, and not the last step: the steps are its first dimension"
            )
            new = with_argument(case.journal.source(place, maker), "batch_first=True")
            ways = [
                case.journal.changed(place, [(maker, new)], "the examples first"),
                case.journal.changed(at, [(node, f"{name}[-1]")], "the last step of each example"),
            ]
            yield Surprise(case.event(at, text, "other", node=node), ways)


def _in_the_order_of_memory(case: Case) -> Iterator[Surprise]:
    """`heads.reshape(B, T, H * D)` of (B, H, T, D), which has the sizes that were wanted, and mixes what they stand for."""
    sizes: dict[int, tuple[int, ...]] = {}
    said: set[ast.AST] = set()
    for step in case.trace.steps:
        for made in step.made:
            old, node = sizes.get(made.inputs[0]) if made.inputs else None, made.node_at
            sizes[made.tensor] = new = made.look.sizes
            owner = receiver_of(node) if called_name(node) in ("view", "reshape") else None
            if owner is None or not isinstance(node, ast.Call) or node in said:
                continue
            given = case.tensor(owner) if old is None else None
            old = old if given is None else case.engine.look(given).sizes
            order = None if old is None else permuted(old, new)
            home = None if order is None else case.holder_of(node)
            if order is None or home is None:
                continue
            said.add(node)
            text = f"cuts {old} anew in the order of memory to get {new}, and moves no dimension"
            whole, function = (case.journal.source(home, each) for each in (node, node.func))
            inner = f".permute({', '.join(map(str, order))}).reshape{whole.removeprefix(function)}"
            moved = behind(owner, case.journal.source(home, owner), inner)
            moves = case.journal.changed(home, [(node, moved)], "move the dimensions first")
            yield Surprise(case.event(step.number - 1, text, "other", node=node), [moves])


def permuted(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...] | None:
    """The order of dimensions in which sizes only have to be merged to give others, where they do not as they stand; None where
    there is no such order, or no need of one.
    """
    if not 2 < len(old) <= 5 or 0 in old or _aligned(old, new):
        return None
    orders = permutations(range(len(old)))
    return next((each for each in orders if _merges([old[at] for at in each], new)), None)


def _aligned(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    """Whether dimensions that stand together are merged, or one is cut, and nothing else."""
    old, new = (tuple(size for size in each if size > 1) for each in (old, new))
    ends = set(accumulate(old, mul)) & set(accumulate(new, mul))
    return all(min(_within(old, ends)[each], _within(new, ends)[each]) == 1 for each in ends)


def _within(sizes: tuple[int, ...], ends: set[int]) -> Counter[int]:
    """How many sizes there are up to each of these products, from the one before."""
    ordered = sorted(ends)
    return Counter(
        next(end for end in ordered if product <= end) for product in accumulate(sizes, mul) if ordered
    )


def _merges(old: list[int], new: tuple[int, ...]) -> bool:
    """Whether each of the new sizes is a product of old ones that stand together."""
    waiting = [size for size in old if size > 1]
    for size in new:
        product = 1
        while product < size and waiting:
            product *= waiting.pop(0)
        if product != size:
            return False
    return not waiting


def _last_part(node: ast.expr) -> str:
    """`lstm` of `self.lstm`."""
    return ast.unparse(node).rpartition(".")[2]


def _is_last_of_the_second(node: ast.Subscript) -> bool:
    """Whether an index is `[:, -1]` or `[:, -1, :]`."""
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
    return len(parts) > 1 and ast.unparse(parts[0]) == ":" and ast.unparse(parts[1]) == "-1"


# ---- values


def _counted(case: Case) -> Iterator[Surprise]:
    """`x[mask]` of a mask of whole numbers: they are positions, the rows 0 and 1 again and again."""
    engine = case.engine
    for at, step in enumerate(case.trace.steps):
        for node in in_order(step.record.statement.tree):
            if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Name):
                continue
            given, mask = (case.value(each) for each in (node.value, node.slice))
            if engine.kind(given) != "tensor" or engine.kind(mask) != "tensor":
                continue
            look, sizes = engine.look(mask), engine.look(given).sizes
            if (
                look.dtype not in ("int64", "int32")
                or look.sizes != sizes[: len(look.sizes)]
                or look.numel < 3
            ):
                continue
            if set(engine.elements(mask).ravel().tolist()) == {0, 1}:
                name = node.slice.id
                text = f"{name} is {look.dtype}: its zeros and ones are the positions 0 and 1, not yes and no"
                masked = case.journal.changed(at, [(node.slice, f"{name}.bool()")], "as a mask")
                yield Surprise(case.event(at, text, "other"), [masked])


def _no_numbers(case: Case) -> Iterator[Surprise]:
    """The first statement after which a name holds nan, or infinity."""
    for at, step in enumerate(case.trace.steps):
        for change in step.step.changes:
            words = [
                each for each in ("nan", "inf") if change.after is not None and each in change.after.value
            ]
            if (
                words
                and change.kind in ("created", "written", "seen")
                and not _is_given(step.record.statement.tree)
            ):
                yield Surprise(case.event(at, f"{change.names[0]} holds {words[0]} after it", "other"), [])
                return


def _is_given(tree: ast.stmt) -> bool:
    """Whether a statement says that it wants such numbers."""
    return any(word in ast.unparse(tree) for word in ("nan", "inf"))


LOOKS: Final = (
    one_object,
    _seen_elsewhere,
    _one_layer,
    _one_memory,
    _left_out,
    _in_training,
    _statistics,
    _last_of_the_batch,
    _in_the_order_of_memory,
    _counted,
    _no_numbers,
)
