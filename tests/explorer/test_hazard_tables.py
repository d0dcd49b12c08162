"""What the hazards know of a thing goes with it, so that no table is looked through for what is gone."""

from typing import Any

import numpy as np

from tensorcli.explorer.hazards.weak import weakly


def test_what_is_known_of_a_thing_goes_with_it() -> None:
    table: dict[int, Any] = {}
    first, second = np.ones(1), np.ones(1)
    for each in (first, second):
        table[id(each)] = weakly(table, each)
    each = first
    kept = id(first)
    del second
    assert list(table) == [kept]
    assert table[kept]() is first


def test_what_was_noted_again_or_taken_out_before_is_no_trouble() -> None:
    table: dict[int, Any] = {}
    thing = np.ones(1)
    for _ in range(2):
        table[id(thing)] = weakly(table, thing)
    assert len(table) == 1
    table.clear()
    del thing
    assert table == {}
