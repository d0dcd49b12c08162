"""Which function tells which error: the one table, and the story of a failing statement that it leads to."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tensorcli.explorer.errors import Known, known_error
from tensorcli.explorer.trees import one_line, stored
from tensorcli.explorer.why.called import called
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.parameters import close

if TYPE_CHECKING:
    from tensorcli.explorer.results import Failure
    from tensorcli.explorer.session import Session
    from tensorcli.explorer.trace import Trace

TELLERS: Final = {
    "version": "saved.version",
    "freed": "freed.freed",
    "leaf": "refused.leaf",
    "leaf_view": "refused.leaf",
    "multi_output": "outputs.multi_output",
    "own_view": "out_of_place.own_view",
    "held_twice": "groups.held_twice",
    "features": "groups.hidden_state",
    "class_weights": "networks.class_weights",
    "no_grad_view": "refused.no_grad_view",
    "inference": "refused.inference",
    "cast": "refused.cast",
    "overlap": "refused.overlapping",
    "smear": "refused.smearing",
    "resize": "refused.resize",
    "no_grad_fn": "gradient.no_grad_fn",
    "scalar": "gradient.scalar",
    "reentrant": "slopes.reentrant",
    "phases": "slopes.phases",
    "own_gradients": "custom.gradients",
    "gradient_shape": "custom.other_shape",
    "legacy_function": "custom.legacy",
    "unused": "gradient.unused",
    "constant": "conversions.constant",
    "not_required": "gradient.unused",
    "non_leaf_flag": "gradient.flag",
    "retain": "gradient.flag",
    "broadcast": "shapes.broadcast",
    "matmul": "shapes.matmul",
    "view": "shapes.view",
    "sizes": "shapes.sizes",
    "same_dtype": "shapes.same_dtype",
    "device": "devices.device",
    "no_cuda": "devices.no_cuda",
    "batch": "networks.batch",
    "numpy_grad": "conversions.numpy",
    "numpy_other": "conversions.numpy",
    "deepcopy": "conversions.deepcopy",
    "negative_stride": "conversions.negative_stride",
    "many": "one_number.many",
    "float_only": "shapes.float_only",
    "detach_view": "refused.detach_view",
    "no_gradient": "gradient.absent",
    "positions": "indices.positions",
    "probabilities": "networks.probabilities",
    "one_value": "networks.one_value",
    "state": "networks.state",
    "parameter": "networks.parameter",
    "no_forward": "networks.no_forward",
    "step": "positions.backwards",
    "not_a_number": "gradient.nan",
    "index": "positions.positions",
    "arguments": "arguments.arguments",
    "data": "lengths.ragged",
    "join": "lengths.joined",
    "optimised": "gradient.optimised",
    "nothing_to_optimise": "networks.unregistered",
    "attribute": "arguments.attribute",
    "kinds": "arguments.misused",
    "unpack": "unpacking.unpacked",
    "opened": "arguments.opened",
    "vmap_random": "transforms.random",
    "one_result": "transforms.one_result",
    "vmap_write": "transforms.written",
    "vmap_escaped": "transforms.escaped",
    "hook_result": "hooks.result",
    "copied": "copies.constructed",
    "read_as_number": "copies.read_as_number",
    "kept_nowhere": "gradient.absent",
    "schedule": "schedules.too_early",
    "of_distribution": "distributions.refused",
    "steps_in_all": "schedules.too_many",
    "mixed_precision": "scaled.told",
    "mask_sign": "one_number.mask_sign",
    "without_batch": "networks.without_batch",
    "few_samples": "values.few_samples",
    "not_full": "hooks.not_full",
    "of_arrays": "conversions.of_arrays",
    "archive": "archives.refused",
    "archive_end": "archives.from_the_end",
}
"""Who tells an error, by its key in `errors.ERRORS`; another is told by what the operation was given."""
BACKWARD: Final = ("version", "freed", "no_grad_fn", "scalar", "unused", "not_required")
"""The errors whose ways out are measured by gradients."""


def tell(session: Session, trace: Trace, failure: Failure) -> tuple[Story, Known | None]:
    """The story of a failing statement, and the row of its error."""
    case = Case(session, trace, failure)
    known = known_error(failure.type, failure.message)
    if known is None and failure.type == "NameError":
        return unbound(case), None
    where = None if known is None else TELLERS.get(known.key)
    story: Story | None = None if where is None else find(where)(case)
    return story or called(case), known


def find(where: str) -> Callable[..., Any]:
    """A teller by its place; its module is imported when it is first asked for."""
    module, _, name = where.partition(".")
    teller: Callable[..., Any] = getattr(import_module(f"tensorcli.explorer.why.{module}"), name)
    return teller


def unbound(case: Case) -> Story:
    """A name that is not bound: because the statement that would have bound it failed?"""
    found = re.search(r"name '(\w+)' is not defined", case.failure.message)
    name = found.group(1) if found else ""
    for step in reversed(case.trace.steps[: case.at]):
        if step.step.error is not None and name in stored(step.record.statement.tree):
            error = step.step.error
            return Story(
                f"{name} has no value: line {step.line}, which would have bound it, failed.",
                [
                    case.event(
                        step.number - 1, f"{error.type}: {one_line(error.message)}", "cut", culprit=True
                    ),
                    case.raised(f"{name} is not bound"),
                ],
            )
    story = Story(f"no statement has bound {name or 'the name'}.", [case.raised(f"{name} is not bound")])
    node = next(
        (each for each in ast.walk(case.inner) if isinstance(each, ast.Name) and each.id == name), None
    )
    if node is not None:
        from tensorcli.language.hints import place_of

        evaluator = case.trace.session.evaluator
        place = place_of(name, evaluator)
        if place is not None and place.statement:
            story.proposals.append(case.before(place.statement, f"{name} is imported"))
        elif place is not None:
            story.proposals.append(
                case.changed([(node, place.instead)], f"{place.instead} instead of {name}")
            )
        for meant in close(name, [*evaluator.names, *evaluator.builtins.table, *evaluator.bare]):
            story.proposals.append(case.changed([(node, meant)], f"{meant} instead of {name}"))
    return story
