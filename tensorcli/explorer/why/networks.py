"""What layers and losses refuse for the values that they were given, and what they would take."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.results import Edit
from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.trees import called_name, calls_in, loaded, operand_of, receiver_of, root_name
from tensorcli.explorer.why.called import called, given, module_name, whole_numbers
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.cuts import where_cut
from tensorcli.explorer.why.operands import behind, operand, operands, with_operand
from tensorcli.explorer.why.parameters import close
from tensorcli.explorer.why.slopes import scores_of

if TYPE_CHECKING:
    from tensorcli.explorer.results import HazardRow
    from tensorcli.explorer.rewrite import Proposal

SQUASHED: Final = ("SoftmaxBackward0", "SigmoidBackward0")


def class_weights(case: Case) -> Story:
    """One-hot rows of whole numbers in the place of probabilities, or of classes; classes in the place of scores."""
    story = called(case)
    for each in operands(case):
        for cut in where_cut(case, each.value):
            scores = scores_of(case, cut)
            if scores is not None:
                chosen = f"{each.text} has the classes that argmax chose, and the loss takes the scores."
                at = cut.step.number - 1
                story.title = chosen
                story.events.insert(0, case.event(at, "chooses", "cut", culprit=True, node=cut.node))
                story.proposals.append(case.changed([(each.node, scores)], "the scores themselves"))
                return story
        if each.look.dtype.startswith(("int", "uint")):
            note = f"the class of each row of {each.text}"
            story.proposals.append(with_operand(case, each.node, ".argmax(1)", note))
    return story


def probabilities(case: Case) -> Story:
    """Scores in the place of probabilities."""
    story = given(case, values=lambda _: True)
    for each in operands(case):
        elements = case.engine.elements(each.value)
        if each.look.numel and (elements.min() < 0 or elements.max() > 1):
            story.proposals.append(
                with_operand(case, each.node, ".sigmoid()", f"{each.text} as probabilities")
            )
    return story


def one_value(case: Case) -> Story:
    """Batch norm in training mode over one value."""
    story = given(case)
    name = module_name(case)
    if name is not None:
        story.proposals.append(case.before(f"{name}.eval()", "the running mean and variance"))
    return story


def parameter(case: Case) -> Story:
    """A tensor in the place of a parameter."""
    story = given(case)
    node = case.inner
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return story
    found = operand(case, node.value)
    if found is not None:
        target = case.text_of(node.targets[0])
        story.proposals.append(
            case.changed(
                [(node.value, f"torch.nn.Parameter({found.text})")],
                "another parameter, which optimizers of before do not know",
            )
        )
        written = f"with torch.no_grad():\n    {target}.copy_({found.text})"
        story.proposals.append(case.instead(written, "the same parameter with other values"))
    return story


def state(case: Case) -> Story:
    """A saved state of other names: those of a module that was wrapped, or only some of them."""
    story = given(case)
    call = case.call("load_state_dict")
    if call is None or not call.args or call.keywords:
        return story
    saved, whole = call.args[0], case.text_of(call)
    value = case.value(saved)
    outer = _outer(value)
    if outer:
        text = case.text_of(saved)
        story.title = (
            f"Each name of {text} begins with {outer!r}: the module that was saved stood in another one."
        )
        new = f"{{name.removeprefix({outer!r}): each for name, each in {behind(saved, text, '.items()')}}}"
        story.proposals.append(case.changed([(saved, new)], "the names without the outer module's"))
        return story
    receiver = receiver_of(call)
    if receiver is not None and (others := _of_other_shapes(case, receiver, value)):
        owner, text = case.text_of(receiver), case.text_of(saved)
        shown = "; ".join(f"{name} is {has}, and {owner} has {wants}" for name, has, wants in others[:3])
        story.title = f"{shown}{'; …' if len(others) > 3 else ''}."
        fits = f"name in {owner}.state_dict() and each.shape == {owner}.state_dict()[name].shape"
        new = f"{{name: each for name, each in {behind(saved, text, '.items()')} if {fits}}}"
        kept = with_argument(f"{case.text_of(call.func)}({new})", "strict=False")
        if len(others) < len(value):
            story.proposals.append(
                case.changed([(call, kept)], "what has the same shape; the rest stays as it is")
            )
        story.proposals.extend(_of_saved_sizes(case, owner, others))
        return story
    lenient = with_argument(whole, "strict=False")
    story.proposals.append(case.changed([(call, lenient)], "what both have; the rest stays as it is"))
    return story


def without_batch(case: Case) -> Story | None:
    """Scores that lost a batch of one, `fc(h.squeeze())`, and a target that has it: the loss runs, and its pass does not."""
    failed = case.trace.session.failed
    made = [
        (step.number - 1, save.node_at)
        for step in case.trace.steps
        for save in step.saves
        if save.node == failed and isinstance(save.node_at, ast.Call) and save.node_at.args
    ]
    if not made:
        return None
    at, call = made[0]
    assert isinstance(call, ast.Call)
    scores, text = call.args[0], case.journal.source(at, call.args[0])
    story = Story(
        f"{text} are the scores of one example, without a batch, and the target has one: the loss ran, and its backward pass "
        "does not.",
        [
            case.event(at, f"{text} has no batch", "made", culprit=True, node=call),
            case.raised("the sizes differ"),
        ],
    )
    places = [at, *(each for name in sorted(loaded(scores)) if (each := case.bound_at(name)) is not None)]
    for place in places:
        for node in calls_in(case.journal.tree(place), "squeeze"):
            owner = receiver_of(node)
            if owner is not None and not node.args:
                new = f"{case.journal.source(place, owner)}.squeeze(0)"
                story.proposals.append(case.journal.changed(place, [(node, new)], "a batch of one stays one"))
    new = behind(scores, text, ".unsqueeze(0)")
    story.proposals.append(case.journal.changed(at, [(scores, new)], "a batch of one"))
    return story


def _of_saved_sizes(case: Case, owner: str, others: list[tuple[str, str, str]]) -> Iterator[Proposal | None]:
    """The module, made with one of the saved sizes in the place of one that differs."""
    at = case.bound_at(owner)
    pairs = {
        (has, wants)
        for _, saved, own in others
        for has, wants in zip(ast.literal_eval(saved), ast.literal_eval(own), strict=False)
        if has != wants
    }
    if at is None:
        return
    for has, wants in sorted(pairs):
        for node, number in whole_numbers(case.journal.tree(at)):
            if number == wants:
                yield case.journal.changed(
                    at, [(node, str(has))], f"a module of the saved sizes: {has} instead of {wants}"
                )


def _of_other_shapes(case: Case, module: ast.expr, state: Any) -> list[tuple[str, str, str]]:
    """The names that a saved state and a module both have, with the two shapes where they differ."""
    owner, engine = case.value(module), case.engine
    if not is_module(owner) or not isinstance(state, dict):
        return []
    both = [(name, state[name], own) for name, own in owner.state_dict().items() if name in state]
    sizes = [
        (name, engine.look(each).sizes, engine.look(own).sizes)
        for name, each, own in both
        if engine.kind(each) == "tensor"
    ]
    return [(name, str(has), str(wants)) for name, has, wants in sizes if has != wants]


def _outer(state: Any) -> str:
    """What all names of a state begin with, as those of a module in a wrapper or a container do; empty where they differ."""
    names = [str(name) for name in state] if isinstance(state, dict) else []
    firsts = {name.partition(".")[0] for name in names if "." in name}
    return f"{firsts.pop()}." if len(firsts) == 1 and all("." in name for name in names) else ""


def batch(case: Case) -> Story:
    """An input and a target, or a result and its gradient, of different sizes."""
    story = called(case)
    call = case.call("backward")
    root = receiver_of(call)
    if call is not None and root is not None and len(call.args) == 1:
        text = case.text_of(root)
        story.title = f"a backward pass that begins at {text} takes a gradient of {text}'s shape."
        story.proposals.append(
            case.changed([(call.args[0], f"torch.ones_like({text})")], "a weight for each element")
        )
    return story


def no_forward(case: Case) -> Story:
    """A container of modules that was called: its members are called, one after the other."""
    story = given(case)
    node = case.expression()
    if not isinstance(node, ast.Call):
        return story
    holder, text = case.value(node.func), case.text_of(node.func)
    kind = type(holder).__name__
    story.title = f"{text} is a {kind}: it holds modules and says nothing of how they are applied."
    for at, defined in _nearly_forward(case):
        story.title = f"{text} has no forward pass: {defined.name}, which is nearly forward, is another name."
        story.events.insert(0, case.event(at, "another name", "other", culprit=True, node=defined))
        source = re.sub(rf"\b{defined.name}\b", "forward", case.journal.source(at, case.journal.tree(at)))
        renamed = case.journal.replaced(at, source, "what a call of a module calls")
        edit = Edit(defined.lineno, f"def {defined.name}(", "def forward(")
        story.proposals.append(
            renamed and replace(renamed, text=f"line {edit.line}:  {edit.after}…", edits=(edit,))
        )
        return story
    values = {"ModuleList": text, "ModuleDict": f"{text}.values()"}.get(kind)
    if values is not None:
        chain = f"torch.nn.Sequential(*{values})"
        story.proposals.append(case.changed([(node.func, chain)], "one after the other"))
    return story


def _nearly_forward(case: Case) -> Iterator[tuple[int, ast.FunctionDef]]:
    """The functions within others, which stand for the methods of a class, whose name is nearly `forward`."""
    for at in range(case.at):
        maker = case.journal.tree(at)
        for each in maker.body if isinstance(maker, ast.FunctionDef) else ():
            if isinstance(each, ast.FunctionDef) and each.name != "forward" and close(each.name, ["forward"]):
                yield at, each


def unregistered(case: Case) -> Story:
    """No parameters: plain tensors, layers in a list or a dict of Python's, which a module does not look into."""
    story = given(case)
    for node in ast.walk(case.inner):
        at = case.bound_at(node.id) if isinstance(node, ast.Name) else None
        tree = None if at is None else case.journal.tree(at)
        if at is None or not isinstance(node, ast.Name) or not isinstance(tree, ast.Assign):
            continue
        if isinstance(case.value(node), GeneratorType):
            text = case.journal.source(at, tree.value)
            story.title = f"{node.id} gives each parameter once, and was gone through before."
            story.events.insert(0, case.event(at, f"{node.id} is an iterator, not a list", "made"))
            story.proposals.append(
                case.journal.changed(at, [(tree.value, f"list({text})")], "a list of them")
            )
    for module in _asked_for_parameters(case.inner):
        name, owner = case.text_of(module), case.value(module)
        for attribute, value in vars(owner).items() if is_module(owner) else ():
            if attribute.startswith("_") or not _learns(case, value):
                continue
            if case.engine.kind(value) == "tensor":
                story.title = f"{name}.{attribute} is a plain tensor: a module's parameters are those that are nn.Parameter."
            else:
                kind = type(value).__name__
                story.title = f"{name}.{attribute} is a {kind}: a module looks for parameters in modules, not in what holds them."
            holder, note = holder_for(value)
            story.proposals.append(case.before(f"{name}.{attribute} = {holder}({name}.{attribute})", note))
        held = list(owner.parameters()) if is_module(owner) else []
        if held and not any(case.engine.look(each).requires_grad for each in held):
            _tell_frozen(case, story, module, len(held))
    return story


def _tell_frozen(case: Case, story: Story, module: ast.expr, count: int) -> None:
    """All parameters of a network were told not to require grad, those of the new layer among them."""
    name = case.text_of(module)
    story.title = f"all {count} parameters of {name} are frozen, and the list is of those that require grad."
    froze = [
        (at, node) for at in range(case.home) for node in ast.walk(case.journal.tree(at)) if _freezes(node)
    ]
    for at, node in froze[-1:]:
        story.events.insert(
            0, case.event(at, "tells them not to require grad", "cut", culprit=True, node=node)
        )
        for earlier in range(at - 1, -1, -1):
            tree = case.journal.tree(earlier)
            path = ast.unparse(tree.targets[0]) if isinstance(tree, ast.Assign) else ""
            if path.startswith(f"{name}.") and is_module(case.value(ast.parse(path, mode="eval").body)):
                note = f"{path} is new, and is not frozen"
                story.proposals.append(case.journal.moved_below(earlier, at, note))
                break
    parts = [part for part, value in case.value(module).named_children() if list(value.parameters())]
    for part in parts[-1:]:
        path = f"{name}[{part}]" if part.isdigit() else f"{name}.{part}"
        story.proposals.append(case.before(f"{path}.requires_grad_()", "the last layer learns"))


def _freezes(node: ast.AST) -> bool:
    """`p.requires_grad = False`, and `net.requires_grad_(False)`."""
    match node:
        case ast.Assign(targets=[ast.Attribute(attr="requires_grad")], value=ast.Constant(value=False)):
            return True
        case ast.Call(func=ast.Attribute(attr="requires_grad_"), args=[ast.Constant(value=False)]):
            return True
    return False


def _learns(case: Case, value: Any) -> bool:
    """Whether an attribute was to be learned: a tensor, or a list or dict of tensors or of layers."""
    items = list(value.values()) if isinstance(value, dict) else value
    if isinstance(items, list | tuple):
        return any(is_module(each) or case.engine.kind(each) == "tensor" for each in items)
    return case.engine.kind(value) == "tensor"


def holder_for(value: Any) -> tuple[str, str]:
    """What makes parameters of a module of an attribute's value, and why."""
    items = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(items, list | tuple):
        return "torch.nn.Parameter", "a parameter of the module"
    kind = "Module" if any(map(is_module, items)) else "Parameter"
    holder = f"{kind}{'Dict' if isinstance(value, dict) else 'List'}"
    return f"torch.nn.{holder}", f"a {holder} is a module"


def _asked_for_parameters(tree: ast.AST) -> Iterator[ast.expr]:
    """`net` of `net.parameters()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("parameters", "named_parameters"):
            yield node.value


def squashed_twice(case: Case, row: HazardRow) -> Story:
    """A loss of scores that was given probabilities: it is to be given the scores."""
    story = Story(f"line {case.line}: {row.text}")
    found = next((each for each in operands(case) if each.look.grad_fn in SQUASHED), None)
    if found is None:
        return story
    made = case.made(found.value)
    node: ast.AST | None = found.node
    if made is not None:
        step, one = made
        node = one.node_at
        text = f"{found.text} comes out of {found.look.grad_fn}"
        story.events.append(case.event(step.number - 1, text, "made", node=node))
    story.proposals.extend(_scores(case, node))
    return story


def _scores(case: Case, node: ast.AST | None) -> Iterator[Proposal | None]:
    """Without the softmax or the sigmoid: its operand in the place of its call; in a network a module that does nothing."""
    for at, made in squashing(case, node, ("softmax", "sigmoid")):
        layer = called_name(made)
        if layer[0].islower() and receiver_of(made) is not None:
            scores = case.journal.source(at, operand_of(made))
            yield case.journal.changed(at, [(made, scores)], "the scores themselves")
        else:
            identity = ast.unparse(made.func).removesuffix(layer) + "Identity()"
            yield case.journal.changed(at, [(made, identity)], "the network gives scores")


def squashing(case: Case, node: ast.AST | None, functions: Sequence[str]) -> Iterator[tuple[int, ast.Call]]:
    """Where a call squashes scores, and the statement that this stands in: the call itself, where it is one of these
    functions, or the calls that made the modules of their names in the network, or the part of one, that was called.
    """
    if not isinstance(node, ast.Call):
        return
    layers = [name.capitalize() for name in functions]
    if isinstance(node.func, ast.Attribute):
        made = [
            (at, each) for at, value in _set_as(case, node.func.attr) for each in calls_in(value, *layers)
        ]
        if made:
            yield from made
            return
    if called_name(node) in functions and receiver_of(node) is not None:
        at = case.holder_of(node)
        if at is not None:
            yield at, node
        return
    bound = case.bound_at(root_name(node.func) or "")
    if bound is not None:
        yield from ((bound, each) for each in calls_in(case.journal.tree(bound), *layers))


def _set_as(case: Case, attribute: str) -> Iterator[tuple[int, ast.expr]]:
    """What the statements of the journal set attributes of a name to: `nn.Softmax(dim=1)` of `self.out = nn.Softmax(dim=1)`."""
    for at in range(len(case.trace.steps)):
        for node in ast.walk(case.journal.tree(at)):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "attr", "") == attribute:
                yield at, node.value
