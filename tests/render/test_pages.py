"""Pages of text: complete over all results, in every width, with nothing that matters cut."""

import io
import re
from dataclasses import replace

import pytest

from tensorcli.explorer import results
from tensorcli.render.layout import Page, cells
from tensorcli.render.pages import DRAWN, render
from tensorcli.render.theme import STYLES

WIDTHS = (60, 80, 100, 120, None)


def test_every_result_and_part_is_drawn() -> None:
    assert set(DRAWN) == {*results.RESULTS, *results.PARTS}


def test_there_is_a_sample_of_everything_drawn(samples: dict[type, object]) -> None:
    assert set(samples) == set(DRAWN)


def test_what_is_no_result_is_refused() -> None:
    with pytest.raises(TypeError, match="int is no result"):
        render(3)


@pytest.mark.parametrize("kind", DRAWN, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_ends_in_white_space(samples: dict[type, object], kind: type, width: int | None) -> None:
    page = render(samples[kind], width)
    assert [text for text in page.text().splitlines() if text != text.rstrip()] == []


@pytest.mark.parametrize("kind", DRAWN, ids=lambda kind: kind.__name__)
def test_every_style_is_one_of_the_theme(samples: dict[type, object], kind: type) -> None:
    used = {piece.style for line in render(samples[kind], 80).lines for piece in line}
    assert used <= {"", *STYLES}


# In a file's form a message of PyTorch's is never wrapped.
@pytest.mark.parametrize(
    "kind",
    [kind for kind in DRAWN if kind not in (results.Failure, results.WarningText)],
    ids=lambda kind: kind.__name__,
)
@pytest.mark.parametrize("width", [40, 50, 60, 80, 100, 120])
def test_every_page_fits_its_width(samples: dict[type, object], kind: type, width: int) -> None:
    assert [text for text in render(samples[kind], width).text().splitlines() if cells(text) > width] == []


def test_who_only_sees_a_storage_has_a_version_in_a_narrow_table_too(step: results.Step) -> None:
    _, _, below = render(step, 40).text().partition("   z     (3,)   float32  s2\n")
    assert below.startswith("     version 0   requires_grad False\n     grad_fn None\n")


@pytest.mark.parametrize("width", [40, *WIDTHS])
def test_ids_names_and_versions_are_whole_at_every_width(step: results.Step, width: int | None) -> None:
    text = render(step, width).text()
    for whole in ("params[0]", "AsStridedBackward0", "SliceBackward0", "0 → 1", "s2", "ExpBackward0"):
        assert whole in text


@pytest.mark.parametrize("width", WIDTHS)
def test_a_value_that_fits_a_line_is_not_cut_for_what_stands_beside_it(
    step: results.Step, width: int | None
) -> None:
    assert "[27.1828, 73.8906, 200.8554]" in render(step, width).text()


def test_the_table_in_its_natural_width(step: results.Step) -> None:
    assert render(step).text() == (
        "tensor([ 27.1828,  73.8906, 200.8554])\n"
        "   name  shape  dtype    storage  version  requires_grad  grad_fn                              "
        "value                         note\n"
        " ~ d     (3,)   float32  s2       0 → 1    False          None                                 "
        "[27.1828, 73.8906, 200.8554]  wrote all 3 elements of s2\n"
        " ~ y     (3,)   float32  s2       0 → 1    True           ExpBackward0                         "
        "[27.1828, 73.8906, 200.8554]  sees the write\n"
        " ~ v     (2,)   float32  s2       0 → 1    True           SliceBackward0 → AsStridedBackward0  "
        "[73.8906, 200.8554]           sees the write; also params[0]\n"
        "   z     (3,)   float32  s2       0        False          None                                 "
        "[2.7183, 7.3891, 20.0855]\n"
        " = b   same object as a\n"
        " - x   s1 kept by the graph (MulBackward0), y\n"
        " · hooks ran: lambda g: g * 2 (ExpBackward0)\n"
        " - graph of loss freed: 3 nodes, 3 saved tensors\n"
        " ! 2 saved tensors are now stale (Exp.result, Mul.self): loss.backward() will raise."
        "   why?   TSC-W001\n"
    )


def test_the_table_on_eighty_columns(step: results.Step) -> None:
    assert render(step, 80).text() == (
        "tensor([ 27.1828,  73.8906, 200.8554])\n"
        "   name  shape  dtype    storage  version  requires_grad  grad_fn\n"
        " ~ d     (3,)   float32  s2       0 → 1    False          None\n"
        "     [27.1828, 73.8906, 200.8554]   wrote all 3 elements of s2\n"
        " ~ y     (3,)   float32  s2       0 → 1    True           ExpBackward0\n"
        "     [27.1828, 73.8906, 200.8554]   sees the write\n"
        " ~ v     (2,)   float32  s2       0 → 1    True           AsStridedBackward0\n"
        "     [73.8906, 200.8554]\n"
        "     grad_fn was SliceBackward0; sees the write; also params[0]\n"
        "   z     (3,)   float32  s2       0        False          None\n"
        " = b   same object as a\n"
        " - x   s1 kept by the graph (MulBackward0), y\n"
        " · hooks ran: lambda g: g * 2 (ExpBackward0)\n"
        " - graph of loss freed: 3 nodes, 3 saved tensors\n"
        " ! 2 saved tensors are now stale (Exp.result, Mul.self): loss.backward() will\n"
        "   raise.   why?   TSC-W001\n"
    )


def test_a_long_name_has_what_is_said_of_it_below_where_it_is_narrow() -> None:
    name = "opt.param_groups[0]['params'][0]"
    found = results.Change("bound", (name,), note="same object as net.weight", same_as="net.weight")
    assert render(found, 40).text() == f" = {name}\n     same object as net.weight\n"
    assert render(found, 80).text() == f" = {name}   same object as net.weight\n"


def test_rows_that_are_left_out_are_counted(step: results.Step) -> None:

    assert "… and 7 more" in render(step._replace(more_changes=7)).text()


def test_a_statement_that_changed_nothing_shows_nothing(step: results.Step) -> None:

    assert not render(step._replace(value=None, changes=(), alarms=(), writes=()))


def test_a_device_has_a_column_only_where_one_is_not_the_cpu(step: results.Step) -> None:
    from dataclasses import replace

    change = step.changes[0]
    assert change.after is not None
    on_cuda = replace(change, before=None, after=replace(change.after, device="cuda:0"))
    assert "device" not in render(change).text()
    assert "cuda:0" in render(on_cuda).text()


def test_the_memory_map_shows_the_logical_index_under_each_slot(samples: dict[type, object]) -> None:
    text = render(samples[results.StorageMap], 100).text()
    assert text.startswith(
        " s1   float32[6]   24 B   cpu   version 0   names: m a b c   made by  m = arange(6.)  (line 1)\n"
        "   slot           0    1    2    3    4    5   op      stride  offset  layout\n"
        "   bytes         0.0  1.0  2.0  3.0  4.0  5.0\n"
        "   m (6,)         0    1    2    3    4    5           (1,)    0       contig\n"
        "   └ a (2, 3)    0,0  0,1  0,2  1,0  1,1  1,2  view    (3, 1)  0       contig\n"
        "     ├ b (3, 2)  0,0  1,0  2,0  0,1  1,1  2,1  t       (1, 3)  0       strided\n"
        "     └ c (2,)     ·    0    ·    ·    1    ·   select  (3,)    1       strided\n"
    )


@pytest.mark.parametrize(("width", "bands", "beside"), [(80, 1, True), (66, 1, False), (40, 2, False)])
def test_slots_have_their_facts_beside_them_or_below_and_stand_in_bands(
    samples: dict[type, object], width: int, bands: int, beside: bool
) -> None:
    text = render(samples[results.StorageMap], width).text().partition("s3")[0]
    heads = re.findall(r"^   slot +\d.*$", text, re.MULTILINE)
    assert len(heads) == bands
    assert ("layout" in heads[0]) == beside
    assert ("layout strided" in text) == (width == 40)  # its title stands before each where it is narrow


def test_bytes_in_common_that_are_not_all_listed_end_in_an_ellipsis(samples: dict[type, object]) -> None:
    report = samples[results.AliasReport]
    assert isinstance(report, results.AliasReport)
    some = replace(report, overlapping_bytes=8, overlap=(results.Run(0, 3),))
    assert "8   bytes 0..3 …\n" in render(some).text()
    assert "4   bytes 0..3\n" in render(replace(some, overlapping_bytes=4)).text()


def test_an_inspection_cuts_no_value_for_the_remark_beside_it(samples: dict[type, object]) -> None:
    found = samples[results.Inspection]
    assert isinstance(found, results.Inspection)
    long = replace(
        found, lines=(results.Line("values", (results.Field("values", "[" + "1., " * 14 + "2.]"),), "n=15"),)
    )
    assert [text.strip() for text in render(long, 72).text().splitlines()[-2:]] == [
        "values   [" + "1., " * 14 + "2.]",
        "n=15",
    ]


def test_a_long_statement_is_shortened_in_the_title_of_what_it_made(samples: dict[type, object]) -> None:
    found = samples[results.Inspection]
    assert isinstance(found, results.Inspection)
    long = replace(found, origin=f"f({', '.join('abcdefghijklmnopqrstuvwxyz')})")
    assert (
        render(long, 60).text().splitlines()[0]
        == " v  =  f(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, …)"
    )
    assert long.origin in render(long).text()


def test_a_large_storage_shows_runs_and_coverage(samples: dict[type, object]) -> None:
    text = render(samples[results.StorageMap]).text()
    assert "[0 … 1048575]                    100%  ▕████████████████████████▏" in text
    assert "[0] [1024] [2048] +1021 runs  0.0977%" in text
    assert "version 0 of big, version 2 of n" in text


def test_an_inspection_has_its_remarks_beside_or_below(samples: dict[type, object]) -> None:
    wide = render(samples[results.Inspection], 120).text().splitlines()
    narrow = render(samples[results.Inspection], 80).text().splitlines()
    assert wide[0].startswith(" v  =  y[1:]")
    assert wide[0].endswith("line 3 · float32 · cpu")
    assert wide[3] == (" layout    shape (2,)   stride (1,)   offset 1   contiguous · covers 2 of 3 in s2")
    assert narrow[3] == " layout    shape (2,)   stride (1,)   offset 1"
    assert narrow[4] == "           contiguous · covers 2 of 3 in s2"


def test_a_page_is_a_rich_renderable_that_takes_text_as_text() -> None:
    from tensorcli.render.console import styled_console
    from tensorcli.render.layout import line

    stream = io.StringIO()
    page = Page((line(("x[red]", "id"), " :smile: 3.5 'a' " + "long " * 60 + "end"),))
    styled_console(stream, 40).print(page)
    written = stream.getvalue()
    assert "\x1b[" in written
    assert re.sub(r"\x1b\[[0-9;]*m", "", written) == page.text()


def test_what_is_deeper_than_a_narrow_tree_has_room_for_is_counted() -> None:
    def node(name: str, *following: str) -> results.GraphNode:
        return results.GraphNode(
            name, "AddBackward0", False, (), (), "y + z", 1, (), (), False, "", 0, following
        )

    deep = 30
    nodes = [node(f"a{number}", f"a{number + 1}", f"b{number}") for number in range(deep)]
    nodes += [node(f"a{deep}"), *(node(f"b{number}") for number in range(deep))]
    found = results.Graph("y", (), 1, tuple(nodes), 0, ())
    page = render(found, 60).text()
    assert (
        "⋮ 40 nodes below" in page
    )  # 10 levels of stems, then a10 to a30 and b10 to b29, less the first's own
    assert page.count("AddBackward0  line 1") == 61 - 40
    assert "below" not in render(found, 200).text()
    assert [text for text in page.splitlines() if cells(text) > 60] == []


@pytest.mark.parametrize(("width", "most"), [(80, 22), (120, 19)])
def test_the_page_of_help_fits_a_screen(width: int, most: int) -> None:
    from tensorcli.explorer.commands.help import overview

    page = render(overview(), width).text().splitlines()
    assert len(page) <= most
    assert max(map(cells, page)) <= width
