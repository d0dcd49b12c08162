"""A step as one line of JSON, in the schema that docs/json.md describes.

Keys are the fields of `explorer.results` under their own names; what is only for the eye (a row that merely
shares a storage) is there too. NaN and infinities are strings, so that every reader of JSON can read them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final

from tensorcli.explorer import results

SCHEMA: Final = 1


def json_line(step: results.Step) -> str:
    """The step as one JSON object, without a line end."""
    return json.dumps(step_object(step), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def step_object(step: results.Step) -> dict[str, Any]:
    """A step as `run --json` prints it (docs/json.md)."""
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "step": step.index,
        "file": step.name,
        "line": step.span.line if step.span is not None else None,
        "source": step.source,
        "ok": step.ok,
        "output": step.output,
        "changes": list(changes(step)),
    }
    if step.value is not None:
        found["value"] = data(step.value)
    if step.result is not None:
        found["result"] = typed(step.result)
    if step.answers:
        found["answers"] = [typed(answer) for answer in step.answers]
    if step.more_answers:
        found["more_answers"] = step.more_answers
    if step.more_changes:
        found["more_changes"] = step.more_changes
    if step.inner:
        found["inner"] = [data(inner) for inner in step.inner]
    if step.more_inner:
        found["more_inner"] = step.more_inner
    if step.alarms:
        found["alarms"] = [data(alarm) for alarm in step.alarms]
    if step.warnings:
        found["warnings"] = [warning_object(warning) for warning in step.warnings]
    if step.watched:
        found["watched"] = [data(each) for each in step.watched]
    if step.prediction is not None:
        found["prediction"] = data(step.prediction)
    if step.error is not None:
        found["error"] = error_object(step.error)
    return found


def typed(answer: results.Answer) -> dict[str, Any]:
    """An answer with its type."""
    return {"type": snake_case(type(answer).__name__), **data(answer)}


def changes(step: results.Step) -> Iterator[dict[str, Any]]:
    """The writes, the saved tensors that they made stale, then the rows of the table."""
    for write in step.writes:
        yield {"kind": "write", **data(write)}
    for alarm in step.alarms:
        for stale in alarm.stale:
            yield {"kind": "stale", **data(stale)}
    for change in step.changes:
        yield data(change)


def warning_object(warning: results.WarningText) -> dict[str, Any]:
    """A warning as a step's object holds it."""
    return {
        "category": warning.category,
        "message": warning.message,
        "file": warning.name,
        "line": warning.span.line if warning.span is not None else None,
    }


def error_object(error: results.Failure) -> dict[str, Any]:
    """The failure with its place flattened: line and column, both from 1, of the innermost expression."""
    at = error.spans[0] if error.spans else error.statement
    return {
        "type": error.type,
        "message": error.message,
        "line": at.line if at is not None else None,
        "column": at.column + 1 if at is not None else None,
        "code": error.code,
        "kind": error.kind,
        "file": error.name,
        "statement": error.statement.line if error.statement is not None else None,
        "hints": list(error.hints),
    }


def data(value: Any) -> Any:
    """A result as what JSON has: objects, arrays for tuples, strings for NaN and infinities."""
    if is_dataclass(value):
        return {each.name: data(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, results.Step):
        return {name: data(each) for name, each in zip(value._fields, value)}
    if isinstance(value, tuple | list):
        return [data(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def snake_case(name: str) -> str:
    """`hazard_report` of `HazardReport`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
