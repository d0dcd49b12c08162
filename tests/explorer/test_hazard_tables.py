"""What the hazards know of a thing goes with it, so that no table is looked through for what is gone."""

import numpy as np

from tensorcli.explorer.hazards.weak import ByIdentity


def test_what_is_known_of_a_thing_goes_with_it() -> None:
    table: ByIdentity[str] = ByIdentity()
    first, second = np.ones(1), np.ones(1)
    table.put(first, "first")
    table.put(second, "second")
    del second
    assert table == {id(first): "first"}


def test_what_was_noted_again_or_taken_out_before_is_no_trouble() -> None:
    table: ByIdentity[int] = ByIdentity()
    thing = np.ones(1)
    for number in range(2):
        table.put(thing, number)
    assert table.pop(id(thing)) == 1
    table.put(thing, 2)
    assert table == {id(thing): 2}
    table.clear()
    del thing
    assert table == {}
