"""`why` of archives that torch.load refuses: what they hold, where they were saved, and from where they are read."""

import pytest

from tests.explorer.why_of import asked

NET = "net = torch.nn.Linear(2, 1)\n"
BUFFER = "import io\nbuf = io.BytesIO()\ntorch.save(torch.ones(2), buf)\n"


@pytest.mark.parametrize(
    ("saved", "load", "ways"),
    [
        (
            "torch.save(net, 'n.pt')",
            "again = torch.load('n.pt')",
            [
                "line 3:  again = torch.load('n.pt', weights_only=False)",
                "line 2:  torch.save(net.state_dict(), 'n.pt')",
            ],
        ),
        (
            "torch.save({'net': net, 'epoch': 3}, 'n.pt')",
            "torch.load('n.pt', weights_only=True)",
            ["line 3:  torch.load('n.pt', weights_only=False)"],
        ),
    ],
)
def test_an_archive_of_a_whole_module_is_told_with_the_line_that_saved_it(saved, load, ways):
    found = asked(f"{NET}{saved}\n{load}")
    assert found.title.startswith("'n.pt' holds an object of class Linear")
    assert [(event.line, event.text) for event in found.events] == [
        (2, "the whole Linear was saved"),
        (3, "torch.nn.modules.linear.Linear is not among what it makes by default"),
    ]
    assert [each.text for each in found.ways] == ways


@pytest.mark.parametrize("place", ["'a.pt'", "buf"])
def test_an_archive_of_another_protocol_is_told_with_the_line_that_saved_it(place):
    back = "buf.seek(0)" if place == "buf" else "pass"
    found = asked(
        f"{BUFFER}buf = io.BytesIO()\ntorch.save([1], {place}, pickle_protocol=4)\n{back}\nx = torch.load({place},)"
    )
    assert found.title.startswith(f"{place} was saved with pickle protocol 4")
    assert [(event.line, event.role) for event in found.events] == [(5, "cut"), (7, "raised")]
    assert [each.text for each in found.ways] == [
        f"line 5:  torch.save([1], {place}, pickle_protocol=2)",
        f"line 7:  x = torch.load({place}, weights_only=False)",
    ]


@pytest.mark.parametrize("before", ["", "buf.seek(0)\nx = torch.load(buf)\n"])
def test_a_buffer_that_was_written_or_read_is_read_from_its_beginning(before):
    found = asked(f"{BUFFER}{before}y = torch.load(buf)")
    line = 4 + before.count("\n")
    assert found.title.startswith(
        "buf is read from where it stands, which is behind the beginning of its 1577 bytes"
    )
    assert [each.text for each in found.ways] == [f"before line {line}:  buf.seek(0)"]


def test_a_buffer_that_nothing_was_written_into_has_no_way_out():
    found = asked("import io\nbuf = io.BytesIO()\ntorch.load(buf)")
    assert found.title == "nothing was written into buf."
    assert not found.ways
