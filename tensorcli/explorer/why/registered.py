"""What a module was to hold, and does not: parameters that are computed when they are set, layers in a list of Python's, tensors
that are computed once of its parameters.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from tensorcli.explorer.rewrite import Proposal
from tensorcli.explorer.trees import called_name, calls_in, loaded
from tensorcli.explorer.why.case import Case

MODULES = ("self", "torch", "nn", "F")
"""What a forward pass has as well as the constructor."""


def computed_parameters(case: Case) -> Iterator[Proposal | None]:
    """`self.w = nn.Parameter(torch.zeros(2)).to(device)`, which sets what was computed of a parameter, as
    `nn.Parameter(torch.zeros(2).to(device))`.
    """
    for at in range(len(case.trace.steps)):
        for node in ast.walk(case.journal.tree(at)):
            if not isinstance(node, ast.Assign):
                continue
            value = node.value
            if isinstance(value, ast.Call) and called_name(value).startswith("Parameter"):
                continue
            for call in calls_in(value, "Parameter"):
                if len(call.args) != 1 or call.keywords:
                    continue
                whole, inner = (case.journal.source(at, each) for each in (value, call))
                data, maker = (case.journal.source(at, each) for each in (call.args[0], call.func))
                new = f"{maker}({whole.replace(inner, data, 1)})"
                yield case.journal.changed(at, [(value, new)], "a parameter of what is computed")


def layers_in_lists(case: Case, attribute: str) -> Iterator[Proposal | None]:
    """`self.layers = [nn.Linear(2, 2)]` as a ModuleList, which goes where its module goes."""
    for at in range(len(case.trace.steps)):
        for node in ast.walk(case.journal.tree(at)):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if not isinstance(node, ast.Assign) or getattr(target, "attr", "") != attribute:
                continue
            kind = "Dict" if isinstance(node.value, ast.Dict | ast.DictComp) else "List"
            if isinstance(node.value, ast.List | ast.ListComp | ast.Dict | ast.DictComp):
                new = f"torch.nn.Module{kind}({case.journal.source(at, node.value)})"
                yield case.journal.changed(
                    at, [(node.value, new)], f"a Module{kind} goes where its module goes"
                )


def computed_in_forward(case: Case, paths: Sequence[str]) -> Iterator[Proposal | None]:
    """`self.scaled = self.w * 2` of a constructor, computed at the beginning of each forward pass."""
    names = {path.rpartition(".")[2] for path in paths}
    for at in range(len(case.trace.steps)):
        maker = case.journal.tree(at)
        if not isinstance(maker, ast.FunctionDef):
            continue
        forward = next(
            (each for each in maker.body if isinstance(each, ast.FunctionDef) and each.name == "forward"),
            None,
        )
        for node in maker.body if forward is not None else ():
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if (
                not isinstance(node, ast.Assign)
                or not isinstance(target, ast.Attribute)
                or target.attr not in names
            ):
                continue
            known = {*MODULES, *case.trace.session.names}
            if forward is not None and loaded(node.value) <= known and "self" in loaded(node.value):
                body = forward.body[1:] if ast.get_docstring(forward) else forward.body
                source = case.journal.source(at, node)
                yield case.journal.before(
                    at, body[0], source, f"{target.attr} is computed in each forward pass"
                )
