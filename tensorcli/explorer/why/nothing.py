"""Names bound to what a call gave back, where something else was wanted: a method called for what it does, a function that
returns nothing.
"""

from __future__ import annotations

import ast

from tensorcli.explorer.trees import called_name, receiver_of
from tensorcli.explorer.why.case import Case, Story

WORKING = frozenset(
    "backward step zero_grad load_state_dict append extend insert remove sort reverse update clear "
    "register_buffer register_parameter add_module add_param_group manual_seed".split()
)
"""Methods that are called for what they do."""


def of_a_call(case: Case) -> Story | None:
    """A name that is what a call gave back, and not what was wanted of it; None for another mistake."""
    for name in dict.fromkeys(node.id for node in ast.walk(case.inner) if isinstance(node, ast.Name)):
        found = case.bound_before(case.home, name, case.node())
        if found is None:
            continue
        at, tree, local = found
        tree = tree if local else case.journal.tree(at)
        if not isinstance(tree, ast.Assign) or not isinstance(tree.value, ast.Call):
            continue
        if ast.unparse(tree.targets[0]) == name:
            story = _of_a_method(case, at, tree, name) or _of_a_function(case, at, tree, name)
            if story is not None:
                return story
    if "NoneType" in case.failure.message:
        for node in ast.walk(case.inner):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):
                story = _without_return(case, node.value, f"{case.text_of(node.value)}")
                if story is not None:
                    story.events.append(case.raised(f"{case.text_of(node.value)} is None"))
                    return story
    return None


def _of_a_method(case: Case, at: int, tree: ast.Assign, name: str) -> Story | None:
    """`net = net.load_state_dict(state)`, `loss = net(x).mean().backward()`, and then a use of the name."""
    call, method, receiver = tree.value, called_name(tree.value), receiver_of(tree.value)
    if method not in WORKING or receiver is None:
        return None
    owner, text = case.journal.source(at, receiver), case.journal.source(at, call)
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


def _of_a_function(case: Case, at: int, tree: ast.Assign, name: str) -> Story | None:
    """`out = net(x)` of a function, or of a module's forward pass, that does not end with `return`."""
    assert isinstance(tree.value, ast.Call)
    if case.value(ast.Name(name, ast.Load()), like=case.node()) is not None:
        return None
    story = _without_return(case, tree.value, name)
    if story is not None:
        function = story.events[0].text.removeprefix("the end of ")
        made = case.event(at, f"{name} is bound to what {function} gives: None", "made", node=tree)
        story.events.extend([made, case.raised(f"{name} is None")])
    return story


def _without_return(case: Case, call: ast.Call, text: str) -> Story | None:
    """A call of a function, or of a module with a forward pass, that does not end with `return`; None for any other. `text`: what
    is None for that.
    """
    function = case.value(call.func, like=call)
    function = getattr(function, "forward", function)
    defined = getattr(getattr(function, "func", function), "tree", None)  # of a partial, what it calls
    if not isinstance(defined, ast.FunctionDef) or isinstance(defined.body[-1], ast.Return):
        return None
    home = case.holder_of(defined)
    if home is None:
        return None
    last = defined.body[-1]
    story = Story(f"{text} is None: {defined.name}() reached its end without a return.")
    story.events = [case.event(home, f"the end of {defined.name}()", "other", culprit=True, node=last)]
    made = last.targets[0] if isinstance(last, ast.Assign) else None
    if isinstance(made, ast.Name):
        source = f"{case.journal.source(home, last)}\nreturn {made.id}"
        story.proposals.append(
            case.journal.instead(home, last, source, f"{defined.name}() returns {made.id}")
        )
    elif isinstance(last, ast.Expr):
        source = f"return {case.journal.source(home, last)}"
        story.proposals.append(
            case.journal.instead(home, last, source, f"{defined.name}() returns what it computes")
        )
    return story
