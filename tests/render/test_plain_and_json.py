"""The forms that programs read."""

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from tensorcli.explorer import results
from tensorcli.render.json import SCHEMA, json_line, step_object
from tensorcli.render.plain import plain_text

KINDS = (*results.RESULTS, *results.PARTS)
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "json.md"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_plain_line_is_a_key_and_a_value_or_a_text(samples: dict[type, object], kind: type) -> None:
    if kind in (results.Code, results.Notice, results.Help):
        pytest.skip("its text is for reading")
    for text in plain_text(samples[kind]).splitlines():
        assert re.fullmatch(r"[\w.()\[\]', ]+:( .*)?", text), text


def test_a_write_is_one_line_that_grep_finds(step: results.Step) -> None:
    found = [text for text in plain_text(step).splitlines() if text.startswith("s2.version")]
    assert found == ["s2.version: 0 -> 1 (via d, seen by y v)"]


def test_plain_shows_only_the_facts_that_changed(step: results.Step) -> None:
    found = [text for text in plain_text(step).splitlines() if text.startswith("v.")]
    assert found == [
        "v.version: 0 -> 1",
        "v.grad_fn: SliceBackward0 -> AsStridedBackward0",
        "v.value: [7.3891, 20.0855] -> [73.8906, 200.8554]",
        "v.seen: sees the write",
        "v.also: params[0]",
    ]


def test_an_inspection_is_a_line_a_fact(samples: dict[type, object]) -> None:
    lines = plain_text(samples[results.Inspection]).splitlines()
    assert {"v.storage: s2", "v.version: 1", "v.shape: (2,)", "v.origin: y[1:]"} <= set(lines)


def test_a_text_of_several_lines_has_its_key_on_each() -> None:
    value = results.Value("tensor([[1.],\n        [2.]])", "Tensor")
    assert plain_text(value) == "value: tensor([[1.],\nvalue:         [2.]])\n"


def test_a_json_step_says_what_it_wrote(step: results.Step) -> None:
    found = json.loads(json_line(step))
    assert found["schema"] == SCHEMA
    assert (found["step"], found["line"], found["source"], found["ok"]) == (6, 6, "d.mul_(10)", True)
    assert found["changes"][0] == {
        "kind": "write",
        "storage": "s2",
        "version": [0, 1],
        "via": "d",
        "seen_by": ["y", "v"],
        "operator": "mul_",
        "elements": 3,
        "silent": False,
    }
    assert found["changes"][1]["kind"] == "stale"
    assert [change["kind"] for change in found["changes"][2:]] == [change.kind for change in step.changes]


def test_a_json_error_names_its_place_from_one(step: results.Step, failure: results.Failure) -> None:

    found = json.loads(json_line(step._replace(error=failure)))
    assert found["ok"] is False
    error = found["error"]
    assert (error["type"], error["line"], error["column"], error["code"]) == (
        "RuntimeError",
        9,
        9,
        "TSC-E014",
    )


@pytest.mark.parametrize("kind", results.RESULTS, ids=lambda kind: kind.__name__)
def test_every_result_is_json_of_one_line(samples: dict[type, Any], step: results.Step, kind: type) -> None:

    text = json_line(step._replace(result=samples[kind]))
    assert "\n" not in text
    assert json.loads(text, parse_constant=pytest.fail)["result"]["type"]


def test_nan_and_infinities_are_strings(step: results.Step) -> None:

    numbers = [float("nan"), float("inf"), float("-inf"), 1.5]
    result = results.Settings(tuple(results.Field("x", number) for number in numbers))
    rows = json.loads(json_line(step._replace(result=result)))["result"]["rows"]
    assert [row["value"] for row in rows] == ["NaN", "Infinity", "-Infinity", 1.5]


def test_the_document_names_every_key(samples: dict[type, object]) -> None:
    text = DOCUMENT.read_text("utf-8")
    keys = {key for kind in KINDS if is_dataclass(kind) for key in (field.name for field in fields(kind))}
    assert sorted(key for key in keys if f"`{key}`" not in text) == []
    assert f'"schema": {SCHEMA}' in text


def test_the_document_names_every_key_of_a_step(step: results.Step, failure: results.Failure) -> None:

    text = DOCUMENT.read_text("utf-8")
    found = step_object(
        step._replace(error=failure, warnings=(results.WarningText("A", "b", None),), more_changes=1)
    )
    keys = {*found, *found["error"], *found["warnings"][0]}
    assert sorted(key for key in keys if f"`{key}`" not in text) == []
