"""The name that was meant by one that is not there."""

import pytest

from tensorcli.language.nearness import near

METHODS = "detach detach_ det sum sub sin sgn size mean numpy view unsqueeze unsqueeze_ requires_grad item ne".split()


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("detatch", ["detach", "detach_"]),
        ("unsqeeze", ["unsqueeze", "unsqueeze_"]),
        ("requiresgrad", ["requires_grad"]),
        ("Mean", ["mean"]),
        ("maen", ["mean"]),
        ("itme", ["item"]),
        ("szie", ["size"]),
        ("sums", ["sum"]),
    ],
)
def test_a_slip_of_the_pen_is_told_from_what_is_near_to_it(word: str, meant: list[str]) -> None:
    assert near(word, METHODS) == meant


def test_of_short_names_those_are_meant_that_differ_in_one_letter() -> None:
    assert near("sun", METHODS) == ["sub", "sum"]


@pytest.mark.parametrize("word", ["nope", "q", "pd", "x", "", "transformer", "resume", "n" * 100])
def test_what_nothing_is_near_to_was_not_meant_otherwise(word: str) -> None:
    assert near(word, METHODS) == []


def test_letters_that_changed_places_are_nearer_than_one_that_is_missing() -> None:
    assert near("fro", ["from", "for"], 1) == ["for"]
