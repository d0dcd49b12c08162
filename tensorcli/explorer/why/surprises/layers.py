"""One layer at several places of a network, which was to have as many."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.trees import called_name, statement_around, stored
from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.surprises.surprise import Surprise
from tensorcli.language.functions import ScriptFunction

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

LEARNING: Final = (
    "Linear",
    "Conv",
    "BatchNorm",
    "LayerNorm",
    "GroupNorm",
    "Embedding",
    "RNN",
    "LSTM",
    "GRU",
    "Bilinear",
    "Transformer",
    "MultiheadAttention",
    "PReLU",
)
"""How the names of the layers begin that have parameters."""


def one_layer(case: Case) -> Iterator[Surprise]:
    """A layer that stands at several places of a network."""
    written = list(_repeated(case))
    yield from written or _held_again(case)


def _held_again(case: Case) -> Iterator[Surprise]:
    """`[layer for _ in range(3)]` of a layer that was made before, as the network that holds them tells."""
    for name, value in case.trace.session.names.items():
        found = _several_times(value) if is_module(value) else None
        bound = None if found is None else case.bound_at(name)
        if found is None or bound is None:
            continue
        path, layer, count = found
        text = f"{name}{path} holds one {type(layer).__name__} at {count} places: they learn as one"
        for at, step in enumerate(case.trace.steps):
            for node in step.nodes:
                if isinstance(node, ast.ListComp) and isinstance(node.elt, ast.Name):
                    each = node.elt.id
                    if called_name(node.generators[0].iter) == "range" and each not in stored(node):
                        ways = [_copied_in(case, at, node, each)]
                        yield Surprise(case.event(at, text, "shared", node=node, called=False), ways)
                        return
        yield Surprise(case.event(bound, text, "shared"), [])
        return


def _copied_in(case: Case, at: int, node: ast.ListComp, name: str) -> Proposal | None:
    """`[copy.deepcopy(layer) for _ in range(3)]`, with the import that it takes."""
    tree = case.journal.tree(at)
    home = statement_around(tree, node)
    items = case.journal.source(at, node)
    copied = f"[copy.deepcopy({name}){items.removeprefix('[').lstrip().removeprefix(name)}"
    source = f"import copy\n{case.journal.source(at, home).replace(items, copied, 1)}"
    return case.journal.instead(at, home, source, "a layer for each place")


def _several_times(network: Any) -> tuple[str, Any, int] | None:
    """The first part of a network that holds a layer with parameters more than once: its path, the layer, how often."""
    for path, part in network.named_modules():
        held = Counter(map(id, part._modules.values()))
        for each in part._modules.values():
            if each is not None and held[id(each)] > 1 and any(True for _ in each.parameters()):
                return f".{path}" * bool(path), each, held[id(each)]
    return None


def _repeated(case: Case) -> Iterator[Surprise]:
    """`[nn.Linear(3, 3)] * 3`, which is one layer at three places."""
    for at, step in enumerate(case.trace.steps):
        for node in step.nodes:
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
            yield Surprise(case.event(at, text, "shared", node=node, called=False), [made_anew])


def _learns(case: Case, node: ast.expr) -> bool:
    """Whether an expression makes a module with parameters: as its value tells, or, in a function, what it calls."""
    if not isinstance(node, ast.Call):
        return False
    made = case.value(node)
    if made is not None:
        return is_module(made) and any(True for _ in made.parameters())
    maker = case.value(node.func)
    if isinstance(maker, ScriptFunction):  # what stands for a class of modules
        return any(called_name(each) == "Module" for each in ast.walk(maker.tree))
    return isinstance(maker, type) and maker.__name__.startswith(LEARNING)
