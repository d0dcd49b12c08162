"""How a script is shown while it runs: its statements, and the comments that belong to them."""

from tensorcli.explorer.session import Session
from tensorcli.repl.echo import Echo

SCRIPT = """\
# What this is.

x = 1   # why
# above
# and more

for i in range(2):  # inside
    # of the block
    x += i
# a: b
a = 2; b = 3  # both
"""
SHOWN = """\
tensor> # What this is.
tensor> x = 1   # why
tensor> # above
tensor> # and more
tensor> for i in range(2):  # inside
    ...     # of the block
    ...     x += i
tensor> # a: b
tensor> a = 2
tensor> b = 3  # both
"""


def shown(script: str) -> str:
    echo = Echo(script.encode())
    return "".join(echo.statement(step.source, step.span) for step in Session().run(script))


def test_comments_are_shown_with_the_statement_they_belong_to() -> None:
    assert shown(SCRIPT) == SHOWN


def test_a_blank_line_before_a_comment_stays() -> None:
    assert (
        shown("x = 1\n\n# two\ny = 2\n\nz = 3")
        == "tensor> x = 1\n\ntensor> # two\ntensor> y = 2\ntensor> z = 3\n"
    )


def test_what_was_shown_can_be_run_again_and_looks_the_same() -> None:
    assert shown(SHOWN) == SHOWN


def test_a_script_without_comments_is_its_statements() -> None:
    assert shown("x = '# no comment'\ny = '''\n# nor this'''") == (
        "tensor> x = '# no comment'\ntensor> y = '''\n    ... # nor this'''\n"
    )


def test_a_script_that_is_no_text_has_no_comments() -> None:
    assert Echo(b"\xff").statement("x = 1", None) == "tensor> x = 1\n"
