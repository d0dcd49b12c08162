"""What the engine says of operators beside their declarations, it says of operators that there are."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import tensorcli.engine as engine
from tensorcli.engine import ops, placement
from tensorcli.engine.autograd import dual, recording
from tensorcli.engine.batch import drawing, escaped, kinds, refused, slow, writes
from tensorcli.engine.batch.rules import ELEMENTWISE, RULES
from tensorcli.engine.batch.shapes import SIZES
from tensorcli.engine.effects import barebones, dispatch, elementwise, inner, writing
from tensorcli.engine.effects.fresh import SUGGESTED
from tensorcli.engine.effects.out import before, draws, factories, history, reduced, words
from tensorcli.engine.effects.out import kinds as out_kinds
from tensorcli.engine.op import IN_PLACE_FUNCTIONS
from tensorcli.engine.table import OPS, PACKETS

TABLES: dict[str, Iterable[str]] = {
    "dispatch": (*dispatch._COMPILED,),
    "barebones": (
        *barebones._OF_UNSIGNED,
        *barebones._OF_FLOAT8,
        *barebones._AS_FOR,
        *barebones._TAKEN,
        *barebones._REFUSED_FIRST,
        *barebones._NOT_FOR_NOTHING,
        *barebones._ONLY_ASKED,
        *barebones._BY_A_NUMBER,
    ),
    "writes within": (*inner.WRITES, *inner.COMPOSED),
    "images": SUGGESTED,
    "elementwise": (
        *elementwise._WRAPPING,
        *elementwise._MADE_LIKE,
        *elementwise._SECOND_FIRST,
        *elementwise._KEEPING,
    ),
    "making": factories._RESIZING,
    "writing": (*writing._RANGES, *writing._SCANS),
    "out=": (
        *out_kinds.CASTING,
        *out_kinds.EXACT_COMPOSITES,
        *out_kinds.OVERLAP_FIRST,
        *out_kinds.OVERLAP_BEFORE_DTYPE,
        *out_kinds.SIZED_SILENTLY,
        *out_kinds.COPIED_FROM_ROWS,
        *out_kinds.FILLED_BY_COLUMN,
        *out_kinds.SIZED_ONCE,
        *out_kinds.ELEMENTWISE_INSIDE,
        *out_kinds.DTYPE_LAST,
        *out_kinds.ALIASING_REFUSED,
        *out_kinds.WRITES_INTO_SELF,
        *out_kinds.ALIASING_ALLOWED,
        *out_kinds.CHECKED_ALONE,
        *out_kinds.FILLED_FIRST,
        *out_kinds.COUNTED,
        *out_kinds.SILENT,
        *out_kinds.DEVICE_AFTER_DTYPE,
        *words.WORDS,
        *words.DEVICE_WORDS,
        *words.CAST_WORDS,
        *before._STEPS,
        *draws.DRAWS,
        *reduced.REDUCED,
    ),
    "history of out=": (
        *history._REFUSED_AS,
        *history._RECORDED,
        *history._COPIED,
        *history._UNRECORDED,
    ),
    "placement": (
        *placement.INDEXED,
        *placement.UNCOUNTED,
        *placement.LENIENT_ON_META,
        *placement.WITHOUT_META_KERNEL,
        *placement.NAMED_ON_META,
        *placement.STRUCTURED,
        *placement.UNSTRUCTURED,
    ),
    "tangents": (*dual._REFUSED, *dual._LINEAR),
    "recording": (*recording._REAL_ONLY, *recording._WITH_NUMBER),
    "vmap": (
        *escaped._RULE,
        *escaped._OF_ALL,
        *escaped._TAKEN,
        *drawing.RANDOM,
        *drawing.DROPPING,
        *drawing._EACH,
        *kinds.WHOLE,
        *refused.REFUSED,
        *ELEMENTWISE,
        *RULES,
        *SIZES,
        *slow.NAMES,
        *writes._BROADCAST,
        *(f"{name}_" for name in writes._NAMES),
    ),
    "functions that write": IN_PLACE_FUNCTIONS,
}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_names_operators_that_there_are(table: str) -> None:
    ops.read_all()
    assert [name for name in TABLES[table] if name not in OPS and name not in PACKETS] == []


def test_each_public_name_is_there() -> None:
    assert [name for name in engine._PUBLIC if not hasattr(engine, name)] == []


def test_what_is_said_to_be_pytorchs_alone_is_that() -> None:
    """In a process of its own: what other tests imported of PyTorch would be listed too."""
    pytest.importorskip("torch")
    script = Path(__file__).parents[2] / "scripts" / "list_absent.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_public_name_is_no_module_of_the_engine_that_is_called_like_it() -> None:
    """Importing a module binds its name in its package, over what the package would look up."""
    first = engine.amp.autocast
    assert isinstance(first, type)
    assert engine.amp.autocast is first
    assert engine.autocast is first
