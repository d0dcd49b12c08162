"""What the hazards know of a thing goes with it, so that no table is looked through for what is gone."""

import numpy as np
import pytest

from tensorcli.explorer.hazards.weak import ByIdentity
from tensorcli.explorer.session import Session


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


@pytest.mark.parametrize("tensor", ["net.weight", "kept[0]", "alone"])
@pytest.mark.parametrize("checking", [False, True])
def test_a_tensor_that_moved_away_is_not_where_it_was(tensor: str, checking: bool) -> None:
    session = Session(checking=checking)
    text = "import torch\nnet, kept, alone = torch.nn.Linear(2, 2), [torch.ones(3)], torch.ones(4)\nold = 0"
    assert all(step.ok for step in session.run(text, "demo.py", "python"))
    assert session.observation is not None
    index, engine = session.observation.index, session.engine
    session.names["old"] = value = eval(tensor, {}, dict(session.names))
    memory = engine.memory(value)
    assert [engine.memory(each.value) for each in index.sharing(id(memory))] == [memory]
    assert all(step.ok for step in session.run(f"{tensor}.data = torch.zeros(5)", "demo.py", "python"))
    assert list(index.sharing(id(memory))) == []
    assert value in [each.value for each in index.sharing(id(engine.memory(value)))]
