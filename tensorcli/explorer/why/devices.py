"""Devices that do not fit: tensors of two of them, one that this session has not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.trees import called_name, holds, loaded, receiver_of, root_name, stored
from tensorcli.explorer.why.called import given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import at_odds, behind, operands, place_of
from tensorcli.explorer.why.registered import layers_in_lists

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal


def device(case: Case) -> Story | None:
    """Tensors of two devices, or of another one than a module's."""
    rule = "one operation takes one device."
    story = at_odds(case, "device", "is on", rule, '.to("{}")', "a copy of {} on {}") or given(case)
    moved = [*_taken(case), *_as_buffers(case), *_held_layers(case), *_with_the_module(case, story)]
    story.proposals = [*moved, *story.proposals]
    return story


def _taken(case: Case) -> Iterator[Proposal | None]:
    """`x.to(device)` alone, as a statement before the failing one, bound to x."""
    names = {root_name(each.node) for each in operands(case)}
    for at in range(case.at + 1):
        for node in ast.walk(case.journal.tree(at)):
            call = node.value if isinstance(node, ast.Expr) else None
            owner = receiver_of(call) if called_name(call) in ("to", "cuda", "cpu") else None
            if isinstance(node, ast.Expr) and isinstance(owner, ast.Name) and owner.id in names:
                source = f"{owner.id} = {case.journal.source(at, node)}"
                yield case.journal.instead(at, node, source, f"{owner.id} is the copy that it gives")


def _as_buffers(case: Case) -> Iterator[Proposal | None]:
    """`self.mask = torch.ones(3)` of a module, which its `to()` leaves where it is, as a buffer."""
    for node in (each.node for each in operands(case)):
        owner = case.value(node.value) if isinstance(node, ast.Attribute) else None
        if not isinstance(node, ast.Attribute) or not is_module(owner) or node.attr not in vars(owner):
            continue
        for at in range(case.at + 1):
            for each in ast.walk(case.journal.tree(at)):
                target = each.targets[0] if isinstance(each, ast.Assign) else None
                if isinstance(each, ast.Assign) and getattr(target, "attr", "") == node.attr:
                    of = case.journal.source(at, target.value) if isinstance(target, ast.Attribute) else ""
                    value = case.journal.source(at, each.value)
                    source = f"{of}.register_buffer({node.attr!r}, {value})"
                    yield case.journal.instead(at, each, source, "a buffer goes where its module goes")


def _held_layers(case: Case) -> Iterator[Proposal | None]:
    """A layer that `self.layers` holds, a list that a module's `to()` does not look into: a ModuleList."""
    call = case.expression()
    if not isinstance(call, ast.Call) or not is_module(case.value(call.func)):
        return
    names = {each.attr for each in ast.walk(call.func) if isinstance(each, ast.Attribute)}
    for loop in ast.walk(case.tree):
        if isinstance(loop, ast.For) and holds(loop, call) and stored(loop.target) & loaded(call.func):
            names |= {each.attr for each in ast.walk(loop.iter) if isinstance(each, ast.Attribute)}
    for name in sorted(names):
        yield from layers_in_lists(case, name)


def _with_the_module(case: Case, story: Story) -> Iterator[Proposal | None]:
    """What a module is given on its own device, and the module on that of what it is given."""
    call = case.expression()
    module = case.value(call.func) if isinstance(call, ast.Call) else None
    first = next(iter(module.parameters()), None) if module is not None and is_module(module) else None
    if first is None or not isinstance(call, ast.Call):
        return
    home, text = case.engine.look(first).device, case.text_of(call.func)
    others = [each for each in operands(case) if each.look.device != home]
    if others:
        listed = ", ".join(f"{each.text} is on {each.look.device}" for each in others)
        story.title = f"{text} is on {home}, {listed}: one operation takes one device."
    changes = [(each.node, behind(each.node, each.text, f'.to("{place_of(home)}")')) for each in others]
    if changes:
        yield case.changed(changes, f"what {text} is given, on {place_of(home)}")
    if len({each.look.device for each in others}) == 1 and text.isidentifier():
        where = place_of(others[0].look.device)
        yield case.before(f'{text}.to("{where}")', f"{text} on {where}")


def no_cuda(case: Case) -> Story:
    """A CUDA device where there is none: the same on the CPU."""
    story = given(case)
    story.notes.append("--simulate-cuda lets devices of numpy stand in for cards.")
    story.proposals = [*_on_the_cpu(case)]
    return story


def _on_the_cpu(case: Case) -> Iterator[Proposal | None]:
    """Without `.cuda()`; with "cpu" where "cuda" was written, in the statement or where its name was bound."""
    for node in ast.walk(case.inner):
        owner = receiver_of(node)
        if owner is not None and called_name(node) == "cuda":
            yield case.changed([(node, case.text_of(owner))], "stay on the CPU")
        elif _names_cuda(node):
            yield case.changed([(node, '"cpu"')], "on the CPU")
        elif isinstance(node, ast.Name) and (at := case.bound_at(node.id)) is not None:
            for each in ast.walk(case.journal.tree(at)):
                if _names_cuda(each):
                    yield case.journal.changed(at, [(each, '"cpu"')], f"{node.id} is the CPU")


def _names_cuda(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and str(node.value).startswith("cuda")
