"""Writes that PyTorch refuses: into leaves, through views without an edge, into inference tensors, where elements overlap."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tensorcli.explorer.errors import refused_cast
from tensorcli.explorer.graphs import nodes_below
from tensorcli.explorer.memory import overlap, places_text, shared_places, span_text
from tensorcli.explorer.results import Event, plural
from tensorcli.explorer.rewrite import Proposal
from tensorcli.explorer.trees import holds, root_name, write_target
from tensorcli.explorer.why.called import called
from tensorcli.explorer.why.case import Bound, Case, Story
from tensorcli.explorer.why.operands import as_loaded, bound_event, with_operand
from tensorcli.explorer.why.out_of_place import SIGNS, out_of_place
from tensorcli.explorer.why.passes import path_to


def under_no_grad(case: Case, note: str) -> Iterator[Proposal | None]:
    """The failing statement within `with torch.no_grad():`."""
    if isinstance(case.inner, ast.Expr | ast.Assign | ast.AugAssign):
        yield case.instead(f"with torch.no_grad():\n    {case.text_of(case.inner)}", note)


def out_of_the_block(
    case: Case, at: int, note: str, node: ast.AST | None = None
) -> Iterator[Proposal | None]:
    """A `with` statement replaced by its body: the whole statement, or the innermost that an expression of it stands in."""
    tree = case.journal.tree(at)
    around = [each for each in ast.walk(tree) if isinstance(each, ast.With)]
    if node is not None and not isinstance(tree, ast.With):
        around = [each for each in around if holds(each, node)][-1:]
    for block in around[:1] if isinstance(tree, ast.With) or node is not None else ():
        body = "\n".join(ast.unparse(each) for each in block.body)
        yield case.journal.instead(at, block, body, note)


def written(case: Case) -> tuple[str | None, str, Bound | None]:
    """The root name of what is written, its text, and where that name was bound."""
    target, node = case.write_target()
    name = root_name(target)
    if isinstance(node, ast.Assign):
        text = case.text_of(node.targets[0])
    else:
        text = case.text_of(target) if target is not None else "it"
    return name, text, case.bound(name)


def leaf(case: Case) -> Story:
    """A leaf that requires grad is written while grad mode is on."""
    name, text, bound = written(case)
    if name is None:
        return Story(
            "the statement writes in place into a leaf that requires grad.", [case.raised("refused")]
        )
    events: list[Event] = []
    value = case.named(name)
    engine = case.engine
    base = None if value is None else engine.base(value)
    leaf_name = name if base is None else (case.name(base) or "a leaf without a name")
    part = case.tensor(case.write_target()[0]) if value is None else None
    view = (text != name and not _is_leaf(case, part)) or base is not None
    if base is not None:
        where = bound_event(
            case, case.bound(leaf_name), f"{leaf_name} is a leaf and requires grad", events, tensor=base
        )
        bound_event(case, bound, f"{name} is a view of {leaf_name}", events, "shared")
    elif value is None and not view:
        where = bound_event(case, bound, f"{text}, a part of {name}, is a leaf and requires grad", events)
    else:
        where = bound_event(case, bound, f"{name} is a leaf and requires grad", events, tensor=value)
    events.append(case.raised(f"writes {text} in place while grad mode is on"))
    if view:
        title = f"{text} lies in the memory of the leaf {leaf_name}{where}, which requires grad: a write would change it."
    else:
        title = f"{text} is a leaf that requires grad{where}: its values are the user's, and a write cannot be recorded."
    story = Story(title, events)
    unrecorded = list(under_no_grad(case, "write the leaf itself, unrecorded"))
    another = list(
        out_of_place(case, f"a new tensor; {name} is no leaf then" if not view else "a new tensor")
    )
    # Who takes what the write gives wants the result rather than the write.
    taken = isinstance(case.inner, ast.Assign) and isinstance(case.inner.targets[0], ast.Name)
    story.proposals = [
        *([] if bound is None else _of_another(case, bound, name)),
        *(another + unrecorded if taken else unrecorded + another),
        case.before(
            f"{name} = {name}.clone()",
            "write into a copy" if base is not None else f"write a recorded copy; {name} is no leaf then",
        ),
    ]
    return story


def _is_leaf(case: Case, tensor: Any) -> bool:
    """Whether it is a tensor, and a leaf that requires grad: a parameter of a module, an item of a list."""
    look = case.engine.look(tensor) if case.engine.kind(tensor) == "tensor" else None
    return look is not None and bool(look.is_leaf and look.requires_grad)


def _of_another(case: Case, bound: Bound, name: str) -> Iterator[Proposal | None]:
    """`acc = torch.zeros(3, requires_grad=True)`, then `acc += w * x`: what takes the graph of what is written into it need not
    require grad itself.
    """
    _, node = case.write_target()
    given = [node.value] if isinstance(node, ast.AugAssign | ast.Assign) else getattr(node, "args", [])
    leaf = case.named(name)
    if not any(_leads_elsewhere(case, case.tensor(each), leaf) for each in given):
        return
    for call in ast.walk(bound.node or case.journal.tree(bound.at)):
        for keyword in call.keywords if isinstance(call, ast.Call) else ():
            if keyword.arg == "requires_grad" and isinstance(call, ast.Call):
                source = case.journal.source
                parts = [source(bound.at, each) for each in call.args]
                parts += [
                    f"{each.arg}={source(bound.at, each.value)}"
                    for each in call.keywords
                    if each is not keyword
                ]
                new = f"{source(bound.at, call.func)}({', '.join(parts)})"
                note = f"{name} takes the graph of what is written into it"
                yield case.journal.changed(bound.at, [(call, new)], note)


def _leads_elsewhere(case: Case, tensor: Any, leaf: Any) -> bool:
    """Whether the graph of a tensor leads to another leaf than this one."""
    root = None if tensor is None else case.engine.node(tensor)
    leaves = (case.engine.variable(node) for node in nodes_below(case.engine, root))
    return any(each is not None and each is not leaf for each in leaves)


def no_grad_view(case: Case) -> Story:
    """A view made without recording is written while grad mode is on."""
    name, text, bound = written(case)
    events: list[Event] = []
    tensor = case.tensor(case.write_target()[0])
    what = f"{name or text} is a view made without recording"
    where = bound_event(case, bound, what, events, tensor=tensor)
    events.append(case.raised(f"writes {text} while grad mode is on"))
    story = Story(
        f"{name or text} was made under no_grad{where}, and is written outside: it has no edge to its base, so the write "
        "cannot be recorded.",
        events,
    )
    story.proposals = [*under_no_grad(case, "both unrecorded")]
    if bound is not None and bound.node is None:
        story.proposals.extend(out_of_the_block(case, bound.at, "both recorded"))
    story.proposals.extend(out_of_place(case))
    return story


def inference(case: Case) -> Story:
    """An inference tensor is written, saved, or asked for its version."""
    names = []
    for node in ast.walk(case.inner):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load | ast.Store):
            value = case.named(node.id)
            if value is not None and case.engine.look(value).version is None:
                names.append(node.id)
    names = list(dict.fromkeys(names))
    events: list[Event] = []
    where = ""
    proposals: list[Proposal | None] = []
    for name in names:
        bound = case.bound(name)
        where = bound_event(
            case,
            bound,
            f"{name} was made in inference mode: it has no version counter",
            events,
            tensor=case.named(name),
        )
        proposals.append(case.before(f"{name} = {name}.clone()", "a normal tensor with the same values"))
        at = case.made_at(case.named(name))
        if at is None and bound is not None:
            at = bound.at
        if at is not None:
            tree = case.journal.tree(at)
            proposals.extend(
                case.journal.changed(at, [(node, node_text)], "not recorded, but a normal tensor")
                for node, node_text in _modes(case, at, tree)
            )
    events.append(case.raised(case.failure.message.partition(".")[0]))
    late = "Inplace update" in case.failure.message
    story = Story(
        f"{' and '.join(names) or 'a tensor'} was made in inference mode{where}: it may be read and cloned, but not "
        "written outside, saved for backward, or asked for a version.",
        events,
        ["PyTorch wrote the new values before it raised: they are there."] if late else [],
    )
    story.proposals = proposals
    return story


def _modes(case: Case, at: int, tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and "inference_mode" in case.journal.source(at, node.func):
            yield node, "torch.no_grad()"


def cast(case: Case) -> Story:
    """The result's dtype does not fit what is written. Where the statement writes nothing in place, what it called did."""
    found = refused_cast(case.failure.message)
    assert found is not None
    result, kept = found
    if case.write_target() == (None, None):
        story = called(case)
        story.title = (
            f"what is called here writes {result} into {kept}: what it is given is to be {result} throughout."
        )
        return story
    name, text, bound = written(case)
    events: list[Event] = []
    named = None if name is None else case.named(name)
    where = ""
    if named is not None and case.engine.look(named).dtype == kept:  # of x.long() x has another dtype
        where = bound_event(case, bound, f"{name} is {kept}", events)
    events.append(case.raised(f"the result is {result}; what is written stays {kept}"))
    story = Story(
        f"{text} is {kept}{where} and the result is {result}: in place the dtype stays, and a {result} cannot become "
        f"{kept} unasked.",
        events,
        _decided(case, result, kept),
    )
    story.proposals = [*out_of_place(case)]
    if name is not None:
        story.proposals.append(case.before(f"{name} = {name}.to(torch.{result})", f"make it {result} before"))
        if not case.inside:
            story.proposals = [
                each if each is None else replace(each, shows=name) for each in story.proposals
            ]
    return story


def _decided(case: Case, result: str, kept: str) -> list[str]:
    """Which operand decided the dtype of the result, and by which rule."""
    from tensorcli.explorer.explain.rules import Operand, category, promotion

    node = case.node()
    if isinstance(node, ast.AugAssign):
        parts: list[ast.expr] = [node.target, node.value]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        parts = [node.func.value, *node.args]
    else:
        return []
    operands = []
    for part in parts:
        value = as_loaded(case, part)
        look = None if value is None else case.engine.look(value)
        operands.append(Operand(case.text_of(part), look, case.value(part) if value is None else value))
    default = str(case.trace.session.modules["torch"].members["get_default_dtype"]()).removeprefix("torch.")
    section = promotion(operands, result, default)
    notes = [f"{line}." for line in ([] if section is None else section.text[1:])]
    if category(kept) == "integer" and any(type(each.value) is float for each in operands):
        notes.append(f"a Python int would keep {kept}.")
    return notes


def overlapping(case: Case) -> Story:
    """Several elements of the written tensor lie in one place."""
    name, text, bound = written(case)
    target, _ = case.write_target()
    tensor = case.tensor(target)
    events: list[Event] = []
    if case.inside and case.trace.session.failed is not None:
        return _in_a_hook(case, text)
    bound_event(case, bound, f"{name} was made here", events)
    facts = ""
    notes = []
    if tensor is not None:
        look = case.engine.look(tensor)
        facts = f" {text} has shape {look.sizes} and stride {look.strides}"
        still = [d for d, (size, step) in enumerate(zip(look.sizes, look.strides)) if size > 1 and step == 0]
        if still:
            facts += f": along dimension {still[0]} all {look.sizes[still[0]]} elements lie in one place"
        facts += "."
        where = case.trace.session.allocations.name(look.memory) or "its storage"
        shared = shared_places(case.engine.walk(tensor), max(look.itemsize, 1))
        notes = [f"elements {indices} of {text} lie in slot {slot} of {where}." for slot, indices in shared]
    events.append(case.raised(f"writes {text}"))
    story = Story(
        f"several elements of {text} are one place in memory, and could not be written differently.{facts}",
        events,
        notes,
    )
    story.proposals = [*out_of_place(case)]
    if name is not None:
        story.proposals.append(
            case.before(f"{name} = {name}.clone()", "give each element a place of its own")
        )
    return story


def _in_a_hook(case: Case, text: str) -> Story:
    """A hook writes into the gradient that it was given, which is expanded."""
    failed = case.trace.session.failed
    assert failed is not None
    way = path_to(case, failed)
    giver = f" that {way[-2]} gives" if len(way) > 1 else ""
    home = case.trace.steps[case.home]
    events = [case.event(home.number - 1, "the hook", "made")] if home.line != case.line else []
    events.append(case.raised(f"writes {text} in place"))
    story = Story(
        f"{text} is the gradient{giver}, expanded: several of its elements are one place in memory (stride 0), and a write to "
        "it is refused. A hook changes a gradient by returning a new tensor.",
        events,
    )
    story.proposals = [*out_of_place(case)]
    node = case.node()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        sign = SIGNS.get(node.func.attr)
        inner = case.text_of(node.args[0])
        new = f"{text} {sign} {inner}" if sign else f"{text}.{node.func.attr[:-1]}({inner})"
        if case.scopes and isinstance(case.scopes[-1], ast.Lambda) and case.scopes[-1].body is node:
            story.proposals.append(case.changed([(node, new)], "return a new tensor"))
    return story


def smearing(case: Case, ending: str = ", and the order would matter.") -> Story:
    """What is read and what is written overlap. `ending`: what comes of that."""
    tree = case.inner
    found = write_target(tree)
    source: ast.expr | None = None
    target: ast.expr | None = None
    if isinstance(tree, ast.Assign):
        source, target = tree.value, tree.targets[0]
    elif isinstance(tree, ast.AugAssign):
        source, target = tree.value, tree.target
    elif found is not None and isinstance(found[1], ast.Call) and found[1].args:
        source, target = found[1].args[0], found[0]
    events: list[Event] = []
    title = "the statement reads and writes the same elements of one storage, in an order that would matter."
    proposals: list[Proposal | None] = []
    if source is not None and target is not None:
        read, wrote = case.tensor(source), as_loaded(case, target)
        if read is not None and wrote is not None and case.engine.memory(read) is case.engine.memory(wrote):
            a, b = case.engine.walk(read), case.engine.walk(wrote)
            size = max(a.itemsize, 1)
            both, where = overlap(a, b)
            count = both // size
            title = (
                f"{case.text_of(source)} reads {span_text(a, size)} and {case.text_of(target)} writes "
                f"{span_text(b, size)} of one storage: {plural(count, 'element')} ({places_text(where, size)}) "
                f"{'is' if count == 1 else 'are'} both{ending}"
            )
        proposals.append(with_operand(case, source, ".clone()", "read a copy"))
    events.append(case.raised("refused before anything was written"))
    story = Story(title, events)
    story.proposals = proposals
    return story


def resize(case: Case) -> Story:
    """Memory that cannot change its size."""
    name, text, bound = written(case)
    events: list[Event] = []
    where = bound_event(case, bound, f"{name} was made here", events)
    events.append(case.raised(f"wants to resize {text}"))
    tensor = None if name is None else case.named(name)
    if "require grad" in case.failure.message:
        title = f"{text} requires grad{where}, and a resize is not recorded: PyTorch refuses it."
        proposals = [
            case.before(f"{name} = {name}.detach().clone()", "resize a copy outside the graph"),
        ]
    else:
        mates = []
        observation = case.trace.session.observation
        if observation is not None and tensor is not None:
            memory = id(case.engine.memory(tensor))
            mates = [
                observation.index.names(each)[0]
                for each in observation.index.sharing(memory)
                if case.engine.kind(each.value) == "ndarray"
            ]
        owner = f"the numpy array {mates[0]}" if mates else "numpy"
        title = f"the memory of {text}{where} is shared with {owner}: it cannot move, and so it cannot grow."
        proposals = [case.before(f"{name} = {name}.clone()", "resize memory of its own")]
    story = Story(title, events)
    story.proposals = list(proposals) if name is not None else []
    return story


def detach_view(case: Case) -> Story:
    """`detach_()` on a view."""
    _, text, bound = written(case)
    events: list[Event] = []
    where = bound_event(case, bound, "made as a view", events)
    events.append(case.raised("detach_() refused"))
    story = Story(
        f"{text} is a view{where}: detached in place, it would no longer follow its base's history.", events
    )
    story.proposals = [*out_of_place(case)]
    return story
