"""Names that were bound to what a method gives back, where the method was called for what it does."""

from __future__ import annotations

import ast

from tensorcli.explorer.trees import called_name
from tensorcli.explorer.why.case import Case, Story

WORKING = frozenset(
    "backward step zero_grad load_state_dict append extend insert remove sort reverse update clear "
    "register_buffer register_parameter add_module add_param_group manual_seed".split()
)
"""Methods that are called for what they do."""


def of_a_method(case: Case) -> Story | None:
    """`net = net.load_state_dict(state)`, `loss = net(x).mean().backward()`, and then a use of the name; None for another."""
    for name in dict.fromkeys(node.id for node in ast.walk(case.inner) if isinstance(node, ast.Name)):
        found = case.bound_before(case.home, name, case.node())
        if found is None:
            continue
        at, tree, local = found
        tree = tree if local else case.journal.python(at)[0].tree
        call = tree.value if isinstance(tree, ast.Assign) else None
        method = called_name(call)
        if not isinstance(tree, ast.Assign) or not isinstance(call, ast.Call) or method not in WORKING:
            continue
        if not isinstance(call.func, ast.Attribute) or ast.unparse(tree.targets[0]) != name:
            continue
        owner, text = case.journal.source(at, call.func.value), case.journal.source(at, call)
        value = case.value(ast.Name(name, ast.Load()), like=case.node())
        what = "None" if value is None else f"what {method}() gave back"
        gives = ", and gives nothing back" if value is None else ""
        story = Story(f"{name} is {what}: {method}() is called for what it does to {owner}{gives}.")
        event = case.event(at, f"{name} is bound to what {method}() gives", "made", culprit=True, node=tree)
        story.events = [event, case.raised(f"{name} is {what}")]
        source, note = (text, f"{name} stays what it was")
        if owner != name:
            rest = text.removeprefix(owner)
            source, note = f"{name} = {owner}\n{name}{rest}", f"first {name}, then {method}()"
        story.proposals = [case.journal.instead(at, tree, source, note)]
        return story
    return None
