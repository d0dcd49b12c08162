"""Hazards: each at its place, what happened, what to write instead; and as SARIF for pipelines.

SARIF 2.1.0 is the format that code hosts read results of checkers in.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from tensorcli.explorer.results import HazardReport, HazardRow, plural
from tensorcli.render.layout import Line, flowed, line, paragraph

SCRIPTS = (".tsc", ".py")
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def hazard_report(found: HazardReport, width: int | None) -> Iterator[Line]:
    """At the prompt: a paragraph a hazard, and a count."""
    for row in found.rows:
        where = f"line {row.span.line}" if row.name != "<input>" else f"statement {row.index}"
        first = row.source.split("\n")[0]
        named = (" ", ("!", "alarm"), " ", (row.code, "code"), f"  {row.rule}   {where}:  ", (first, "verb"))
        yield from flowed(line(*named), width, "     ")
        yield from paragraph(row.text, width, "", "     ", "     ")
        if row.hint:
            yield from paragraph(row.hint, width, "hint", "     ", "     ")
    statements = plural(found.statements, "statement")
    if found.rows:
        yield line(" ", (f"{plural(len(found.rows), 'hazard')} in {statements}", "title"))
    else:
        yield line(" ", f"no hazards in {statements}")


ASKED = "why"
"""The hint of what `why` tells: in a shell a whole command, which is said once of a script."""


def hazards_in_file(rows: Iterable[HazardRow]) -> Iterator[Line]:
    """As compilers write it, one paragraph a hazard, so that editors can jump; below those of a script, who tells them."""
    scripts = groupby(rows, key=lambda row: row.name)
    for name, found in ((name, list(group)) for name, group in scripts):
        yield from _paragraphs(found)
        if name.endswith(SCRIPTS) and any(row.hint == ASKED for row in found):
            yield line("  ", (f"why, and ways out: tensorcli why {shlex.quote(name)}", "hint"))


def _paragraphs(rows: Iterable[HazardRow]) -> Iterator[Line]:
    for row in rows:
        yield line((f"{place(row)}: ", "title"), (row.code, "alarm"), f": {row.rule}: {row.text}")
        first = row.source.split("\n")[0]
        yield line((f"{row.span.line:>5} | ", "muted"), first) if row.span.line == row.span.end_line else ()
        if row.hint and row.hint != ASKED:
            yield line("  ", (row.hint, "hint"))


def place(row: HazardRow) -> str:
    """`FILE:LINE:COLUMN`, both from 1."""
    return f"{row.name}:{row.span.line}:{row.span.column + 1}"


def sarif(rows: Iterable[HazardRow], rules: Mapping[str, Any], version: str) -> dict[str, Any]:
    """The hazards of a run as a SARIF log. `rules` are the entries of the catalogue by code."""
    numbers = {code: number for number, code in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "tensorcli",
                        "version": version,
                        "rules": [
                            {
                                "id": code,
                                "name": rule.name,
                                "shortDescription": {"text": rule.summary},
                                "fullDescription": {"text": rule.explanation},
                                "help": {"text": f"{rule.explanation}\n\nInstead:\n{rule.instead}"},
                                "defaultConfiguration": {"level": "warning"},
                            }
                            for code, rule in rules.items()
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    {
                        "ruleId": row.code,
                        "ruleIndex": numbers[row.code],
                        "level": "warning",
                        "message": {"text": f"{row.text} {row.hint}".strip()},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": row.name},
                                    "region": {
                                        "startLine": row.span.line,
                                        "startColumn": row.span.column + 1,
                                        "endLine": row.span.end_line,
                                        "endColumn": row.span.end_column + 1,
                                    },
                                }
                            }
                        ],
                    }
                    for row in rows
                ],
            }
        ],
    }
