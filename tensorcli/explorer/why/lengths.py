"""Tensors, arrays or rows of different lengths, where one tensor was to hold them all."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.trees import called_name
from tensorcli.explorer.why.arguments import arguments
from tensorcli.explorer.why.called import called
from tensorcli.explorer.why.case import Case, Story

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

PAD = "torch.nn.utils.rnn.pad_sequence({}, batch_first=True)"
PADDED = "filled up with zeros to the greatest length"


def joined(case: Case) -> Story:
    """`torch.stack` of tensors of other lengths, and a data loader's batch of them."""
    node, story = case.expression(), called(case)
    if called_name(node) == "stack" and isinstance(node, ast.Call) and node.args:
        text = case.text_of(node.args[0])
        sizes = _sizes(case, case.value(node.args[0]))
        if sizes:
            listed = ", ".join(map(str, sizes[:4]))
            story.title = (
                f"{text} has tensors of the sizes {listed}: stack lays tensors of one size together."
            )
        story.proposals = [
            *story.proposals,
            case.changed([(node, f"torch.cat({text})")], "one behind the other, along the first dimension"),
            case.changed([(node, PAD.format(text))], PADDED),
        ]
    if called_name(node) in ("cat", "concat", "concatenate") and isinstance(node, ast.Call) and node.args:
        sizes = _sizes(case, case.value(node.args[0]))
        if sizes == [()]:
            text = case.text_of(node.args[0])
            story.title = f"{text} has single numbers: cat joins along a dimension, and they have none. stack gives them one."
            story.proposals.append(case.changed([(node, f"torch.stack({text})")], "a row of the numbers"))
    loader = _loader(case)
    if loader is not None:
        story.title = "The data loader stacks the samples of a batch, and they have different sizes."
        story.proposals.append(loader)
    return story


def _sizes(case: Case, values: Any) -> list[tuple[int, ...]]:
    """The sizes of some tensors, each once."""
    if not isinstance(values, list | tuple) or any(case.engine.kind(each) != "tensor" for each in values):
        return []
    return list(dict.fromkeys(case.engine.look(each).sizes for each in values))


def _loader(case: Case) -> Proposal | None:
    """A data loader told how to make a batch of samples: where the failing statement makes it, or where its name was bound."""
    call = case.call("DataLoader")
    fill = f"collate_fn=lambda samples: {PAD.format('samples')}"
    if call is not None:
        return case.changed([(call, with_argument(case.text_of(call), fill))], PADDED)
    for node in ast.walk(case.inner):
        at = case.bound_at(node.id) if isinstance(node, ast.Name) else None
        for each in ast.walk(case.journal.tree(at)) if at is not None else ():
            if called_name(each) == "DataLoader" and at is not None:
                new = with_argument(case.journal.source(at, each), fill)
                return case.journal.changed(at, [(each, new)], PADDED)
    return None


def ragged(case: Case) -> Story:
    """`torch.tensor` of rows that have different lengths; other data that no tensor can be made of."""
    node, story = case.expression(), arguments(case)
    rows = case.value(node.args[0]) if isinstance(node, ast.Call) and node.args else None
    lengths = _lengths(rows)
    if len(lengths) < 2 or not isinstance(node, ast.Call):
        return story
    text, function = case.text_of(node.args[0]), case.text_of(node.func)
    story.title = f"the rows of {text} have {' and '.join(map(str, lengths[:3]))} elements: a tensor's rows are of one length."
    each = f"[{function}(row) for row in {text}]"
    story.proposals = [
        case.changed([(node, each)], "a tensor for each row"),
        case.changed([(node, PAD.format(each))], PADDED),
    ]
    return story


def _lengths(rows: Any) -> list[int]:
    """How long the rows are, each length once."""
    if not isinstance(rows, list | tuple):
        return []
    return list(dict.fromkeys(len(row) for row in rows if isinstance(row, Sequence) or np.ndim(row)))
