"""Errors and warnings with carets, for files and for the prompt."""

from dataclasses import replace

from tensorcli.explorer.results import Failure, WarningText
from tensorcli.language.syntax import Span
from tensorcli.render.failures import failure_at_prompt, warning_at_prompt
from tensorcli.render.layout import page
from tensorcli.render.pages import render


def at_prompt(failure: Failure, typed: str | None, width: int = 60) -> str:
    return page(failure_at_prompt(failure, width, len("tensor> "), typed)).text()


def simple(source: str, start: int, end: int, message: str = "broken") -> Failure:
    span = Span(1, start, 1, end)
    return Failure("statement", "ValueError", message, (span,), (source,), span, "a.tsc")


def test_an_error_in_a_file_is_one_a_program_can_jump_to(failure: Failure) -> None:
    assert render(failure, 40).text() == (
        "demo.tsc:9:9: RuntimeError: The size of tensor a (3) must match the size of tensor b (2) "
        "at non-singleton dimension 1\n"
        "    9 |     p = a + ones(2)\n"
        "      |         ^^^^^^^^^^^\n"
        "  ones(2).unsqueeze(1) is (2, 1) and broadcasts to (2, 3)\n"
        "  in the statement at line 7\n"
        "  TSC-E014: tensorcli explain TSC-E014\n"
    )


def test_a_message_of_several_lines_stays_whole() -> None:
    text = render(simple("f()", 0, 3, "one\n  two\n\nthree")).text()
    assert text.startswith("a.tsc:1:1: ValueError: one\n  two\n\nthree\n    1 | f()\n")


def test_an_error_without_text_ends_with_its_type() -> None:
    assert render(simple("f()", 0, 3, "")).text().startswith("a.tsc:1:1: ValueError\n")


def test_a_caret_counts_terminal_cells() -> None:
    assert render(simple("日本 = ones(2)", 5, 12)).text().splitlines()[1:3] == [
        "    1 | 日本 = ones(2)",
        "      |        ^^^^^^^",
    ]


def test_characters_without_a_place_of_their_own_are_written_out_above_the_caret() -> None:
    source = "x = '\N{WOMAN}\u200d\N{GIRL}\u202e' + 1"
    assert render(simple(source, 4, len(source))).text().splitlines()[1:] == [
        "    1 | x = '\N{WOMAN}\\u200d\N{GIRL}\\u202e' + 1",
        "      |     " + "^" * (len("'' + 1") + 2 * 2 + 2 * len("\\u200d")),
    ]
    assert len(render(simple("x\x1b[0m = 1", 0, 1)).text().splitlines()) == 1


def test_tabs_are_widened_above_and_beside_the_caret() -> None:
    assert render(simple("\tx = y", 5, 6)).text().splitlines()[1:3] == [
        "    1 |     x = y",
        "      |         ^",
    ]


def test_a_place_at_the_end_of_a_line_has_a_caret() -> None:
    assert render(simple("x = ", 4, 4)).text().splitlines()[2] == "      |     ^"


def test_a_span_over_lines_is_marked_to_the_end_of_its_first() -> None:
    failure = replace(simple("f(1,", 0, 0), spans=(Span(1, 0, 2, 5),))
    assert render(failure).text().splitlines()[2] == "      | ^^^^"


def test_a_very_long_line_is_shown_around_its_caret() -> None:
    source = "x = " + "1 + " * 100_000 + "oops" + " + 1" * 100_000
    start = source.index("oops")
    shown, carets = render(simple(source, start, start + 4)).text().splitlines()[1:3]
    assert len(shown) < 200
    assert shown[carets.index("^") :][:4] == "oops"
    assert carets.count("^") == 4


def test_an_escape_sequence_in_a_message_is_shown_not_sent() -> None:
    assert "\x1b" not in render(simple("f()", 0, 3, "\x1b]0;title\x07")).text()


def test_at_the_prompt_the_caret_stands_under_the_typed_line() -> None:
    assert at_prompt(simple("z = y.detatch()", 6, 13, "no such attribute"), "z = y.detatch()") == (
        "              ^^^^^^^\n ValueError: no such attribute\n"
    )


def test_at_the_prompt_an_entry_of_several_lines_shows_the_line_again() -> None:
    failure = replace(simple("    1/0", 4, 7), spans=(Span(2, 4, 2, 7),))
    assert (
        at_prompt(failure, "for i in x:\n    1/0")
        == "      |     1/0\n      |     ^^^\n ValueError: broken\n"
    )


def test_at_the_prompt_the_line_is_shown_again_when_it_is_no_longer_the_last() -> None:
    assert at_prompt(simple("1/0", 0, 3), None).startswith("      | 1/0\n      | ^^^\n")


def test_at_the_prompt_messages_are_wrapped() -> None:
    text = at_prompt(simple("f()", 0, 3, "a long message " * 10), "f()", 40)
    assert max(map(len, text.splitlines())) <= 40


def test_a_warning_names_file_line_and_category() -> None:
    warning = WarningText("UserWarning", "the text", Span(4, 0, 4, 3), "demo.tsc")
    assert render(warning).text() == "demo.tsc:4: warning: UserWarning: the text\n"
    assert page(warning_at_prompt(warning, 80)).text() == " UserWarning: the text\n"
