"""What does not parse is said in our words, at a token; what the language refuses says what to write instead."""

from __future__ import annotations

import pytest

from tensorcli.language.parse import incomplete
from tensorcli.language.syntax import LanguageError, Span

SYNTAX = [
    ("x = 5 5", "the number 5 cannot stand after the number 5", (1, 6, 7)),
    ("x y", "the name 'y' cannot stand after the name 'x'", (1, 2, 3)),
    ("y = x.exp(", "'(' is never closed", (1, 9, 10)),
    ("x = (1,\n 2", "'(' is never closed", (1, 4, 5)),
    ("y = x.exp(\nz = 3\n", "'(' is never closed", (1, 9, 10)),
    ("x = )", "')' closes nothing", (1, 4, 5)),
    ("x = (1]", "']' does not close the '(' at line 1, column 5", (1, 6, 7)),
    ("f(a b)", "expected ',' or ')', found the name 'b'", (1, 4, 5)),
    ("f(a,, b)", "expected a value between two commas", (1, 4, 5)),
    ("[1, 2 3]", "expected ',' or ']', found the number 3", (1, 6, 7)),
    ("y = 3 +", "expected a value after '+', found the end of the statement", (1, 7, 7)),
    ("x == = 3", "expected a value after '==', found '='", (1, 5, 6)),
    ("x = 1 if", "expected a value after the keyword 'if', found the end of the statement", (1, 8, 8)),
    ("x = 1 if y", "expected 'else' after the condition, found the end of the statement", (1, 10, 10)),
    ("x. = 3", "expected a name after '.', found '='", (1, 3, 4)),
    ("x.class", "'class' is a keyword and cannot be an attribute", (1, 2, 7)),
    ("if x = 3:\n    pass", "expected ':' to end the line that begins with 'if', found '='", (1, 5, 6)),
    (
        "for i in x\n    pass",
        "expected ':' to end the line that begins with 'for', found the end of the statement",
        (1, 10, 10),
    ),
    ("for i on x:\n    pass", "expected 'in' after the loop's names, found the name 'on'", (1, 6, 8)),
    ("while:\n    pass", "expected a condition after 'while', found ':'", (1, 5, 6)),
    ("def (x):\n    pass", "expected a name for the function, found '('", (1, 4, 5)),
    ("def f(1):\n    pass", "expected a name for a parameter, found the number 1", (1, 6, 7)),
    ("if x:\npass", "expected an indented line after 'if' at line 1", (2, 0, 4)),
    ("if x:", "expected an indented line after 'if' at line 1", (1, 5, 5)),
    ("x\n  y", "this line is indented, but no block begins above it", (2, 0, 2)),
    ("if x:\n    y\n  z", "this line's indent matches no block above it", (3, 0, 2)),
    ("if x:\n    y\n\tz", "this line is indented with tabs, the block above it with spaces", (3, 0, 1)),
    ("if x:\n\ty\n    z", "this line is indented with spaces, the block above it with tabs", (3, 0, 4)),
    ("if x:\n\ty\n \tz", "tabs and spaces are mixed in this line's indent", (3, 0, 2)),
    ("%matplotlib inline", "a line that begins with % is a command of a notebook, not Python", (1, 0, 1)),
    ("%%time\nx = 1", "a line that begins with % is a command of a notebook, not Python", (1, 0, 1)),
    ("!ls", "a line that begins with ! is a command of a notebook, not Python", (1, 0, 1)),
    ("!pip install torch", "a line that begins with ! is a command of a notebook, not Python", (1, 0, 1)),
    ("else:\n    pass", "'else' belongs to no 'if', 'for', 'while' or 'except'", (1, 0, 4)),
    ("x\nelif y:\n    pass", "'elif' belongs to no 'if'", (2, 0, 4)),
    ("try:\n    x\ny", "'try' needs an 'except' or a 'finally'", (3, 0, 1)),
    ("try:\n    x", "'try' needs an 'except' or a 'finally'", (2, 5, 5)),
    ("if x: for i in y: z", "'for' cannot stand on the line of another block", (1, 6, 9)),
    ("@f\nx", "a decorator stands above a 'def'", (2, 0, 1)),
    ("; x", "expected a statement before ';'", (1, 0, 1)),
    ("import", "expected a name of a module, found the end of the statement", (1, 6, 6)),
    ("from x y", "expected 'import' after the module's name, found the name 'y'", (1, 7, 8)),
    ("1 = x", "this cannot be assigned to", (1, 0, 1)),
    ("f() = 3", "this cannot be assigned to", (1, 0, 3)),
    ("f() += 3", "this cannot be assigned to", (1, 0, 3)),
    ("del f()", "this cannot be deleted", (1, 4, 7)),
    ("x = 08", "a whole number does not begin with zeros", (1, 4, 6)),
    ("x := 3", "':=' stands in brackets only", (1, 2, 4)),
    ("y = 1; (a, b) += 1", "this cannot be assigned to", (1, 7, 13)),
    ("if y:\n    for 1 in y: pass", "this cannot be assigned to", (2, 8, 9)),
    ("x = 5a", "'5a' is neither a number nor a name", (1, 4, 6)),
    ("f(a=1, 2)", "an argument without a name stands after one with a name", (1, 0, 9)),
    ("f(a=1, a=2)", "the argument 'a' is given twice", (1, 7, 10)),
    ("def f(a, a): pass", "two parameters have the name 'a'", (1, 9, 10)),
    ("def f(a=1, b): pass", "a parameter without a default stands after one with a default", (1, 11, 12)),
    ('"abc', 'the string that " opens here is not closed', (1, 0, 1)),
    ("x = 'abc\ny = 1", "the string that ' opens here is not closed", (1, 4, 5)),
    ('x = """abc\ny', 'the string that """ opens here is not closed', (1, 4, 7)),
    ("x = “a”", "the character “ (U+201C) is not part of the language", (1, 4, 5)),
    ("f（x）", "the character （ (U+FF08) is not part of the language", (1, 1, 2)),
    ("x = 3 − 1", "the character − (U+2212) is not part of the language", (1, 6, 7)),
    ("x = $y", "'$' has no meaning here", (1, 4, 5)),
    ("*a", "a starred value stands in a list, a tuple or a call", (1, 0, 2)),
    ("*a, *b = c", "an assignment has one starred target at most", (1, 4, 6)),
    ("return 3", "'return' stands outside a function", (1, 0, 8)),
    ("break", "'break' stands outside a loop", (1, 0, 5)),
    ("def f():\n    continue", "'continue' stands outside a loop", (2, 4, 12)),
    ("nonlocal x", "'nonlocal' stands outside a function", (1, 0, 10)),
    ("def f():\n    nonlocal x", "no function around this one binds 'x'", (2, 4, 14)),
    ("def f(x):\n    global x", "'x' is a parameter and cannot be global", (2, 4, 12)),
    ("def f():\n    x = 1\n    global x", "'x' is used before it is declared global", (3, 4, 12)),
    ("def f():\n    def g(a: x): pass\n    global x", "'x' is used before it is declared global", (3, 4, 12)),
    (
        "def f():\n    def g() -> x: pass\n    global x",
        "'x' is used before it is declared global",
        (3, 4, 12),
    ),
    ("f'{x y}'", "an expression inside this f-string is not valid", (1, 0, 8)),
    ("detach x y=1 z", "an argument without a name stands after one with a name", (1, 13, 14)),
    ("add a, b", "unexpected ',' between the arguments of a command", (1, 5, 6)),
    ("data x y", "data takes one argument", (1, 7, 8)),
    ("undo 3", "undo takes no arguments; the number 3 is one too many", (1, 5, 6)),
    ("goto x", "goto wants a whole number here, not the name 'x'", (1, 5, 6)),
    ("diff 5", "diff needs a number (second)", (1, 0, 4)),
    ("storages --wrong x", "storages has no option --wrong", (1, 9, 16)),
    ("watch y.grad", "watch wants a name here", (1, 6, 12)),
    ("inspect x y=1", "inspect takes one argument; the name 'y' is one too many", (1, 10, 11)),
    ("inspect(a, b)", "inspect takes no more arguments", (1, 11, 12)),
    (":foo x", "there is no command 'foo'", (1, 1, 4)),
    ("dry x y z w", "the name 'y' cannot stand after the name 'x'", (1, 6, 7)),
    (
        'expect raises "x" y',
        "expected ': STATEMENT' after the text that 'expect raises' looks for",
        (1, 17, 17),
    ),
]


@pytest.mark.parametrize(("text", "message", "place"), SYNTAX)
def test_errors_name_the_token_and_its_place(refusal, text, message, place):
    error = refusal(text)
    line, column, end = place
    assert error.message == message
    assert (error.span.line, error.span.column) == (line, column)
    if error.span.end_line == line:
        assert error.span.end_column == end


HINTS = [
    ("!x", "leave the line out; for a negation write 'not'"),
    ("y = !x", "write 'not'"),
    ("%load_ext autoreload", "leave the line out"),
    ("%whos", "type:  vars"),
    ("%run model.py", "type:  source FILE"),
    ("%%timeit", "write the statement alone"),
    (".tables", "type:  vars"),
    (".help", "type:  help"),
    ("\\q", "type:  exit"),
    (":wq", "type:  exit"),
    ("p x", "type:  inspect VALUE"),
    ("expect x shares", "type:  expect A shares B"),
    ("expect raises: x", 'type:  expect raises "text": STATEMENT'),
    ("expect raises x: y", 'type:  expect raises "text": STATEMENT'),
    ("display x", "type:  watch VALUE"),
    ("% whos", "leave the line out"),
    ("if x = 3:\n    pass", "'=' assigns; '==' compares"),
    ("else if x:\n    pass", "write 'elif'"),
    ("x++", "write x += 1"),
    ("x--", "write x -= 1"),
    ("a && b", "write 'and'"),
    ("f(a b)", "is a comma missing?"),
    ("fro i in x:", "did you mean 'for'?"),
    ("improt torch", "did you mean 'import'?"),
    ("retrun x", "did you mean 'return'?"),
    ("pritn x", "did you mean print?"),
    ("copy.deepcopy x", "a call is written copy.deepcopy(…)"),
    ("y = torch.nn.functional.relu x", "a call is written torch.nn.functional.relu(…)"),
    ("detatch x", "did you mean detach?"),
    (":detatch x", "did you mean detach?"),
    ("x = “a”", 'type " instead'),
    ("x = 3 ≤ 4", "type <= instead"),
    ("add a, b", "separate them with white space, as in: add a b"),
    ("return 3", "write the value alone to show it"),
    ("x = (1]", "type ')'"),
]


@pytest.mark.parametrize(("text", "hint"), HINTS)
def test_errors_say_what_to_type(refusal, text, hint):
    assert refusal(text).hint == hint


REFUSED = [
    ("class A:\n    pass", "class is not part of the language", "a def takes what self would hold"),
    ("class A(nn.Module): pass", "class is not part of the language", "a function can make the module"),
    ("class A(B, Function): pass", "class is not part of the language", "its functions make it"),
    ("class A(ValueError): pass", "class is not part of the language", "raise one of Python's exceptions"),
    ("async def f():\n    pass", "async is not part of the language", "write a plain 'def'"),
    (
        "match x:\n    case 1:\n        pass",
        "match is not part of the language",
        "write 'if', 'elif' and 'else'",
    ),
    ("def f():\n    yield 1", "yield is not part of the language", "collect the values in a list"),
    ("x = lambda: (yield)", "yield is not part of the language", "collect the values in a list"),
    ("def f():\n    yield from x", "yield is not part of the language", "collect the values in a list"),
    ("def f():\n    await x", "await is not part of the language", "call the function"),
    ("[x async for x in y]", "async is not part of the language", "write a plain 'for'"),
    ("from torch import *", "import * is not part of the language", "name what you need"),
    ("from . import x", "a script has no package to import from", "write import torch"),
    ("try:\n    x\nexcept* E:\n    y", "except* is not part of the language", "write 'except'"),
    ("x.__class__", "__class__ stands only in .__class__.__name__", "write type(x)"),
    (
        "x.__dict__",
        "names with two underscores on both sides, such as __dict__, are not part of the language",
        "",
    ),
    (
        "__import__('os')",
        "names with two underscores on both sides, such as __import__",
        "write import torch",
    ),
    ("x.__name__ = 1", "names with two underscores on both sides, such as __name__", ""),
    ("__name__ = 1", "names with two underscores on both sides, such as __name__", ""),
    ("def __f__(): pass", "names with two underscores on both sides, such as __f__", ""),
    ("f(__x__=1)", "names with two underscores on both sides, such as __x__", ""),
    ("lambda __x__: 1", "names with two underscores on both sides, such as __x__", ""),
    ("import __main__", "names with two underscores on both sides, such as __main__", ""),
    ("import os", "os cannot be imported here: a script has torch, numpy, copy and math", ""),
    (
        "import torhc.nn",
        "torhc.nn cannot be imported here: a script has torch, numpy, copy and math",
        "did you mean torch?",
    ),
    ("from torch import y as __z__", "names with two underscores on both sides, such as __z__", ""),
    ("try:\n    x\nexcept E as __e__:\n    y", "names with two underscores on both sides, such as __e__", ""),
    ("def f():\n    global __x__", "names with two underscores on both sides, such as __x__", ""),
    ("x._private", "attributes that begin with an underscore are private", ""),
    ("inspect x.__dict__", "names with two underscores on both sides, such as __dict__", ""),
    ("expect raises 'x': x.__dict__", "names with two underscores on both sides, such as __dict__", ""),
    ("x.__ｃlass__", "__class__ stands only in .__class__.__name__", ""),
]


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED)
def test_the_language_refuses_before_anything_runs(refusal, text, message, hint):
    error = refusal("ok = 1\n" + text)
    assert error.message.startswith(message)
    assert (error.hint or "").startswith(hint)


@pytest.mark.parametrize(
    "text",
    [
        "x.__class__.__name__",
        "__name__ == '__main__'",
        "torch.__version__",
        "_ = 1",
        "_x = a_b",
        "__half = 1",
    ],
)
def test_the_names_that_scripts_need_are_let_through(read, text):
    assert read(text).statements


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = '\0'", "a NUL character cannot stand in a script"),
        ("x = 1\x1b[0m", "the character U+001B cannot stand in a script"),
        ("x = '\u2028'", "the character U+2028 cannot stand in a script"),
        (b"x = '\xff'", "byte 0xff at offset 5 is not UTF-8 text"),
        (b"\x7fELF\x02\x01\x01\x00", "the character U+007F cannot stand in a script"),
        (b"\x89PNG\r\n\x1a\n", "byte 0x89 at offset 0 is not UTF-8 text"),
        ("(" * 10_000, "brackets are nested more than 100 deep"),
        ("[" * 10_000 + "]" * 10_000, "brackets are nested more than 100 deep"),
        ("x = " + "-" * 20_000 + "1", "this is nested too deeply"),
        ("x = " + "not " * 20_000 + "1", "this is nested too deeply"),
        ("x = 1" + " + 1" * 2_000, "this is nested more than 600 deep"),
        ("a" + ".b" * 2_000, "this is nested more than 600 deep"),
        ("x = " + "lambda: " * 2_000 + "1", "this is nested"),
        ("x = " + "lambda: " * 20_000 + "1", "this is nested too deeply"),
        ("x = " + "1 if 1 else " * 8_000 + "1", "this is nested too deeply"),
        ("dry " * 2_000 + "x = 1", "this is nested too deeply"),
        ("expect raises 'x': " * 2_000 + "x = 1", "this is nested too deeply"),
        ("x" * 1_000_000 + " y", "the name 'y' cannot stand after"),
        ("x = 9" + "9" * 10_000, "this number has too many digits"),
        ("".join("\n" + " " * i + "if x:" for i in range(100)), "blocks are nested more than 18 deep"),
        ("x" * (9 << 20), "the text has 9,437,184 characters"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_hostile_input_is_a_clear_error(refusal, text, message):
    assert refusal(text).message.startswith(message)


def test_a_line_of_a_megabyte_is_read(read):
    assert read("x = [" + "1.000000, " * 100_000 + "]").statements[0].span.end_column == 1_000_006


@pytest.mark.parametrize("form", ["tsc", "py"])
def test_a_form_feed_begins_its_line_anew_and_is_a_space_elsewhere(lowered, form):
    text = "x = 1\n\f\n\fif x:\n\f    y = 2\n  \f    y = 3\n  \f\fz =\f4\n"
    assert lowered(text, form=form) == "x = 1\nif x:\n    y = 2\n    y = 3\nz = 4"


def test_a_long_list_of_commands_is_read(read):
    assert len(read("detach x\n" * 2_000).statements) == 2_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = (1,", "bracket"),
        ("y = w.exp(", "bracket"),
        ("for i in x:", "block"),
        ("for i in x:\n    y", "block"),
        ("for i in x:\n    detach y", "block"),
        ("if x: y", "block"),
        ("@torch.no_grad()", "block"),
        ("try:\n    x\nexcept:", "block"),
        ("x = '''a", "string"),
        ("x = 1 + \\", "line"),
        ("print(1, \\", "line"),
    ],
)
def test_what_may_go_on_is_incomplete(verbs, text, reason):
    waiting = incomplete(text, verbs)
    assert waiting is not None
    assert waiting.reason == reason


@pytest.mark.parametrize(
    "text",
    ["x = 1", "detach x", "for i in x:\n    y\n", "if x: y\n", "", "# c", "x = 1 # \\", "vars", "(\n)"],
)
def test_what_is_whole_is_complete(verbs, text):
    assert incomplete(text, verbs) is None


@pytest.mark.parametrize(
    "text",
    ["x = (1 2", "x = )", "x = 'a", "x = (“", "x y", "f(a b,", "for i in x:\n    y y", "class A:", "[1,,"],
)
def test_what_nothing_can_make_right_says_so_at_once(verbs, text):
    with pytest.raises(LanguageError):
        incomplete(text, verbs)


def test_an_open_bracket_is_pointed_at(verbs):
    waiting = incomplete("y = f([1, 2", verbs)
    assert waiting is not None
    assert waiting.span == Span(1, 6, 1, 7)
