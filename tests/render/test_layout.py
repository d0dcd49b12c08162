"""Terminal cells, shortening and wrapping."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorcli.explorer.results import brief
from tensorcli.render.layout import (
    NATURAL_VALUE,
    Column,
    Grid,
    Piece,
    cells,
    flowed,
    line,
    line_text,
    listing,
    shorten,
    visible,
    wrap,
)


@pytest.mark.parametrize(
    ("text", "count"),
    [("abc", 3), ("日本", 4), ("e\u0301", 1), ("→", 1), ("", 0), ("ｗ", 2), ("\u200b", 0), ("😀", 2)],
)
def test_cells_are_those_of_the_terminal(text: str, count: int) -> None:
    assert cells(text) == count


@given(st.text(), st.integers(0, 40))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    assert cells(shorten(text, width)) <= width


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("[1., 2., 3.]", 12, "[1., 2., 3.]"),
        ("[1., 2., 3.]", 11, "[1., 2., …]"),
        ("[1., 2., 3.]", 9, "[1., …]"),
        ("[[1., 2.], [3., 4.]]", 19, "[[1., 2.], [3., …]]"),
        ("[[1., 2.], [3., 4.]]", 18, "[[1., 2.], …]"),
        ("[[1., 2.], [3., 4.]]", 12, "[[1., …]]"),
        ("[-123456.5]", 8, "[-12345…"),
        ("[1., 2., 3.]", 1, "…"),
        ("plain words", 6, "plain…"),
        ("日本語", 4, "日…"),
    ],
)
def test_a_shortened_value_says_that_something_is_missing(text: str, width: int, expected: str) -> None:
    assert shorten(text, width) == expected


@given(st.text(alphabet="ab \n日", max_size=80), st.integers(4, 30))
def test_wrapping_keeps_every_word(text: str, width: int) -> None:
    assert "\n".join(wrap(text, width)).split() == text.split()


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=4)), st.integers(4, 30))
def test_wrapped_lines_fit_where_the_words_do(words: list[str], width: int) -> None:
    assert all(cells(part) <= width for part in wrap(" ".join(words), width))


def test_an_indent_stays_when_a_line_is_wrapped() -> None:
    assert wrap("  one two three", 9) == ["  one two", "three"]


@given(st.text())
def test_no_visible_text_can_drive_the_terminal(text: str) -> None:
    assert not set(visible(text)) & {
        chr(code) for code in (*range(9), *range(11, 32), 127, *range(0x80, 0xA0))
    }


def test_no_line_of_a_page_drives_the_terminal() -> None:
    assert line_text(line("a\x1b[1m", ("b\x07", "id"))) == "a\\x1b[1mb\\x07"


def test_control_characters_are_written_out() -> None:
    assert visible("a\x1b[31m\nb\tc\x00") == "a\\x1b[31m\nb\tc\\x00"


def test_a_line_loses_the_white_space_at_its_end_only() -> None:
    assert line_text(line("  a ", ("b  ", "id"), "  ")) == "  a b"


def test_a_wrapped_text_keeps_its_gaps_and_can_be_broken_at_them_only() -> None:
    assert wrap("made by  x = 1  (line 2)", 16) == ["made by  x = 1", "(line 2)"]
    assert wrap("graph VALUE [--depth N] [--dot]", 24, " [") == ["graph VALUE [--depth N]", "[--dot]"]


def test_facts_on_a_line_stay_whole_where_they_fit() -> None:
    text = "requires_grad True   leaf False   a sentence that is longer than the line"
    assert wrap(text, 24, "   ") == [
        "requires_grad True",
        "leaf False",
        "a sentence that is",
        "longer than the line",
    ]


def test_items_side_by_side_stay_whole() -> None:
    lines = listing("see also", ("alias y d", "storages", "explain stride"), 32)
    assert [line_text(each) for each in lines] == [
        " see also  alias y d   storages",
        "           explain stride",
    ]


def test_columns_without_room_stand_below_their_row() -> None:
    grid = Grid(
        (Column("name"), Column("line"), Column("value", flexible=True)),
        [(Piece("a_long_name"), Piece("7"), Piece("[1., 2., 3., 4., 5.]"))],
    )
    assert [line_text(each) for each in grid.folded(24).lines(24)] == [
        " name         line",
        " a_long_name  7",
        "   value [1., 2., 3., …]",
    ]
    assert grid.folded(60) is grid


def test_only_flexible_columns_shrink() -> None:
    grid = Grid(
        (Column("name"), Column("value", flexible=True)),
        [(Piece("a_long_name"), Piece("[1., 2., 3., 4., 5.]"))],
    )
    assert [line_text(each) for each in grid.lines(25)] == [
        " name         value",
        " a_long_name  [1., 2., …]",
    ]
    assert [line_text(each) for each in grid.lines(22)][1] == " a_long_name  [1., …]"


def test_a_table_folds_itself_where_it_cannot_shrink_to_its_width() -> None:
    grid = Grid(
        (Column("name"), Column(""), Column("value")), [(Piece("a_long_name"), Piece("is"), Piece("1.5"))]
    )
    assert [line_text(each) for each in grid.lines(18)] == [" name", " a_long_name  is", "   value 1.5"]
    assert [line_text(each) for each in grid.lines(12)] == [" name", " a_long_name", "   is", "   value 1.5"]


def test_a_wrapped_line_keeps_its_styles() -> None:
    found = line(" ", ("ways out", "title"), " (each was run)", ("   w.grad", "label"))
    assert list(flowed(found, 18)) == [
        line(" ", ("ways out", "title"), " (each"),
        line("   ", "was run)"),
        line("   ", ("w.grad", "label")),
    ]
    assert list(flowed(found, None)) == [found]


def test_a_column_without_text_is_left_out() -> None:
    grid = Grid((Column(), Column("b")), [(Piece(""), Piece("x"))])
    assert [line_text(each) for each in grid.lines(None)] == [" b", " x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1., 2.]", "[1., 2.]"),
        (f"[[{', '.join(['1.5000'] * 20)}]]", f"[[{', '.join(['1.5000'] * 7)}, …]]"),
        ("x" * 80, "x" * 80),
    ],
)
def test_a_value_within_a_sentence_is_short_and_closed(text: str, expected: str) -> None:
    assert brief(text) == expected


def test_where_nothing_limits_the_width_a_value_is_shortened_and_nothing_else() -> None:
    value = f"[{', '.join(['1.'] * 1000)}]"
    columns = (
        Column("by", flexible=True),
        Column("value", flexible=True, natural=NATURAL_VALUE),
        Column("note"),
    )
    grid = Grid(columns, [(Piece("b" * 200), Piece(value), Piece("n" * 200))])
    shown = "".join(piece.text for piece in list(grid.lines(None))[1])
    assert shown.split()[0] == "b" * 200
    assert shown.split()[-1] == "n" * 200
    assert value not in shown
    assert "…]" in shown
    wide = "".join(piece.text for piece in list(grid.lines(10_000))[1])
    assert value in wide
