"""Coverage and overlap, against sets of bytes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tensorcli.explorer.engines.reading import Walk
from tensorcli.explorer.memory import bounds, cells, covered, layout, overlap, runs, span_text
from tensorcli.explorer.results import Run


def reached(walk):
    starts = [walk.start]
    for size, stride in zip(walk.sizes, walk.strides):
        starts = [start + i * stride for start in starts for i in range(size)]
    return {byte for start in starts for byte in range(start, start + walk.itemsize)}


@st.composite
def walks(draw):
    itemsize = draw(st.sampled_from([1, 2, 4, 8]))
    dimensions = draw(st.integers(0, 3))
    sizes = tuple(draw(st.integers(0, 4)) for _ in range(dimensions))
    strides = tuple(draw(st.integers(-6, 6)) * itemsize for _ in range(dimensions))
    return Walk(200 + draw(st.integers(0, 8)) * itemsize, sizes, strides, itemsize)


@settings(max_examples=150, deadline=None)
@given(walks(), walks())
def test_overlap_counts_the_bytes_of_both(a, b):
    common = reached(a) & reached(b)
    count, ranges = overlap(a, b)
    assert count == len(common)
    assert {byte for each in ranges for byte in range(each.first, each.last + 1)} <= common or len(
        ranges
    ) == 16


@settings(max_examples=150, deadline=None)
@given(walks())
def test_coverage_counts_each_byte_once(walk):
    bytes_reached = reached(walk)
    assert covered(walk) == len(bytes_reached)
    if bytes_reached:
        assert bounds(walk) == (min(bytes_reached), max(bytes_reached) + 1)
    found, more = runs(walk, 1)
    if not more:
        assert {byte for each in found for byte in range(each.first, each.last + 1)} == bytes_reached


def test_a_layout_is_told_by_its_strides():
    assert layout(Walk(0, (2, 3), (12, 4), 4)) == "contig"
    assert layout(Walk(0, (3, 2), (4, 12), 4)) == "strided"
    assert layout(Walk(0, (4, 3), (0, 4), 4)) == "expanded"
    assert layout(Walk(0, (3, 2), (4, 4), 4)) == "overlapping"
    assert layout(Walk(0, (0, 2), (8, 4), 4)) == "empty"


def test_cells_name_the_logical_index_of_each_slot():
    assert cells(Walk(4, (2,), (12,), 4), 4, 0, 6) == ("", "0", "", "", "1", "")
    assert cells(Walk(0, (3, 2), (4, 4), 4), 4, 0, 4) == ("0,0", "0,1 1,0", "1,1 2,0", "2,1")


def test_the_elements_of_a_walk_are_told_in_runs_and_in_words():
    assert runs(Walk(4, (2,), (4,), 4), 4) == ((Run(1, 2),), 0)
    assert span_text(Walk(4, (2,), (4,), 4), 4) == "elements 1..2"
    assert span_text(Walk(4, (2,), (12,), 4), 4) == "2 elements of 1..4"
    assert span_text(Walk(8, (), (), 4), 4) == "element 2"
