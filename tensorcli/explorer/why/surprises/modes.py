"""Networks that run in training mode where they are evaluated, or frozen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.hazards.steps import BY_MODE
from tensorcli.explorer.names import path_root
from tensorcli.explorer.trees import called_name, loaded, receiver_of, root_name
from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.surprises.surprise import Surprise
from tensorcli.language.syntax import in_order

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

RECORDED_NOT: Final = ("no_grad", "inference_mode")


def in_training(case: Case) -> Iterator[Surprise]:
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


def statistics(case: Case) -> Iterator[Surprise]:
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
