"""Both forms give one tree, and the rules say which form a statement is."""

from __future__ import annotations

import ast

import pytest

from tensorcli.language.syntax import CommandCall, Expectation, Statement, span_of, walk

COMMAND_AND_PYTHON = [
    ("t2 = detach t1", "t2 = t1.detach()"),
    ("tensor [1.0, 2.0] requires_grad=true", "torch.tensor([1.0, 2.0], requires_grad=True)"),
    ("copy_ a b", "a.copy_(b)"),
    ("y = sum t1 dim=0 keepdim=true", "y = t1.sum(dim=0, keepdim=True)"),
    ("a = array [[1, 2], [3, 4]]", "a = np.array([[1, 2], [3, 4]])"),
    ("t = from_numpy a", "t = torch.from_numpy(a)"),
    ("c = deepcopy t", "c = copy.deepcopy(t)"),
    ("x = FloatTensor [1.0]", "x = torch.FloatTensor([1.0])"),
    ("backward loss", "loss.backward()"),
    ("n = numpy t", "n = t.numpy()"),
    ("d = data t", "d = t.data"),
    ("y[0] = detach x", "y[0] = x.detach()"),
    ("x.grad = clone g", "x.grad = g.clone()"),
    ("a, b = split x 1", "a, b = x.split(1)"),
    ("a = b = detach x", "a = b = x.detach()"),
    ("sum x -1", "x.sum(-1)"),
    ("sum [1, 2]", "sum([1, 2])"),
    ("y = max -3 2", "y = max(-3, 2)"),
    ("add [1, 2] b", "[1, 2].add(b)"),
    ("sum -x", "(-x).sum()"),
    ("add a * 2 b", "(a * 2).add(b)"),
    ("add a -b", "a.add(-b)"),
    ("add a - b c", "(a - b).add(c)"),
    ("add a-b c", "(a - b).add(c)"),
    ("add f(x) [0]", "f(x).add([0])"),
    ("add x[0] (1, 2)", "x[0].add((1, 2))"),
    ("where a if c else b d e", "torch.where(a if c else b, d, e)"),
    ("where x is not None a b", "torch.where(x is not None, a, b)"),
    ("where x not in y a b", "torch.where(x not in y, a, b)"),
    ('print "a" "b"', "print('a', 'b')"),
    ("print lambda v: v + 1", "print(lambda v: v + 1)"),
    ("print x # a comment", "print(x)"),
    ("ones 2 3", "torch.ones(2, 3)"),
    ("add x none", "x.add(None)"),
    (":sum x", "x.sum()"),
    ("sum input=x dim=0", "x.sum(dim=0)"),
    ("print (1) (2) 3", "print(1, 2, 3)"),
    ("max x\u00a0-1", "x.max(-1)"),
]


@pytest.mark.parametrize(("command", "python"), COMMAND_AND_PYTHON)
def test_a_command_means_the_python_form(lowered, command, python):
    assert lowered(command) == python


@pytest.mark.parametrize(("command", "python"), COMMAND_AND_PYTHON)
def test_both_forms_give_the_same_tree(read, command, python):
    mine, theirs = read(command).statements[0], ast.parse(python).body[0]
    assert ast.dump(mine.tree) == ast.dump(theirs)
    assert mine.form == "command"
    assert mine.source == command.split(" #")[0]


@pytest.mark.parametrize(
    "text",
    [
        "x = 5",
        "sum(x)",
        "sum (x)",
        "detach(x) + 1",
        "sum = 3",
        "t.add(1)",
        "t[0]",
        "data - x",
        "data-x",
        "data is None",
        "sum in x",
        "data if x else y",
        "data.sum()",
        "x = data",
        "print * 3",
        "del sum",
        "sum: int = 3",
        "set([1])",
        "s = set(x)",
        "assert sum == 3",
    ],
)
def test_what_is_valid_python_is_python(read, text):
    statement = read(text).statements[0]
    assert statement.form == "python"
    assert ast.dump(statement.tree) == ast.dump(ast.parse(text).body[0])


def test_brackets_and_signs_after_a_verb_are_arguments_only_while_it_is_unbound(lowered):
    assert lowered("t [0]") == "[0].t()"
    assert lowered("t = x\nt [0]") == "t = x\nt[0]"
    assert lowered("data -x") == "(-x).data"
    assert lowered("data = 3\ndata -x") == "data = 3\ndata - x"
    assert lowered("t [0]", bound={"t"}) == "t[0]"


def test_a_bound_verb_is_a_command_where_nothing_else_is_valid(lowered):
    assert lowered("t = x\nt y") == "t = x\ny.t()"


@pytest.mark.parametrize(
    "binding",
    [
        "for t in y: pass",
        "with f() as t: pass",
        "import torch as t",
        "from torch import nn as t",
        "def t(): pass",
        "(a, [t, b]) = y",
        "*t, a = y",
        "print(t := 3)",
        "t += 1",
        "t: int = 3",
        "try:\n    pass\nexcept E as t:\n    pass",
        "if (t := 3): pass",
    ],
)
def test_a_name_that_is_bound_in_any_way_is_no_verb_any_more(lowered, binding):
    assert lowered(binding + "\nt [0]").endswith("t[0]")


@pytest.mark.parametrize("other", ["t.a = 1", "t[0] = 1", "f(t=1)", "y = t", "del t", "def f(t): pass"])
def test_what_binds_no_name_does_not_count(lowered, other):
    assert lowered(other + "\nt [0]").endswith("[0].t()")


def test_a_parameter_is_bound_within_its_function_only(lowered):
    text = "def f(t, *sum, **data):\n    return t [0]\nt [0]"
    assert lowered(text) == "def f(t, *sum, **data):\n    return t[0]\n[0].t()"


def test_commands_stand_in_blocks_after_colons_and_between_semicolons(lowered):
    text = "for i in x: y = detach i; backward y\nif y:\n    a = clone y  # why\nelse:\n    b = sum y 0"
    assert lowered(text) == (
        "for i in x:\n    y = i.detach()\n    y.backward()\nif y:\n    a = y.clone()\nelse:\n    b = y.sum(0)"
    )


def test_the_py_form_has_no_commands(refusal, read):
    error = refusal("t2 = detach t1", form="py")
    assert error.message == "the name 't1' cannot stand after the name 'detach'"
    error = refusal("copy_ a b", form="py")
    assert error.hint == "commands belong to the prompt and to .tsc files; here write  a.copy_(b)"
    assert read("sum [0]", form="py").statements[0].form == "python"


# Commands of the explorer


def arguments(read, text):
    command = read(text).statements[0].command
    assert command is not None
    return command.verb, [
        (each.name, ast.unparse(each.value) if isinstance(each.value, ast.AST) else each.value)
        for each in command.arguments
    ]


@pytest.mark.parametrize(
    ("text", "verb", "expected"),
    [
        ("inspect t2", "inspect", [("tensor", "t2")]),
        ("inspect y[0] + 1", "inspect", [("tensor", "y[0] + 1")]),
        ("inspect(t)", "inspect", [("tensor", "t")]),
        ("inspect (t)", "inspect", [("tensor", "t")]),
        ("inspect [1, 2]", "inspect", [("tensor", "[1, 2]")]),
        ("vars", "vars", []),
        ("vars()", "vars", []),
        ("vars ()", "vars", []),
        ("storages", "storages", []),
        ("storages --write c", "storages", [("write", "c")]),
        ("storages s1 --around 4096", "storages", [("storage", "s1"), ("around", 4096)]),
        ("storages --around=12 s1", "storages", [("storage", "s1"), ("around", 12)]),
        ("graph loss -o g.svg", "graph", [("tensor", "loss"), ("output", "g.svg")]),
        (
            "graph loss.x --depth 2 --mermaid",
            "graph",
            [("tensor", "loss.x"), ("depth", 2), ("mermaid", True)],
        ),
        ("graph(loss, depth=2)", "graph", [("tensor", "loss"), ("depth", 2)]),
        ("goto 3", "goto", [("step", 3)]),
        ("goto -1", "goto", [("step", -1)]),
        ("diff 5 6", "diff", [("first", 5), ("second", 6)]),
        (
            "compare detach [:] copy.copy from_numpy",
            "compare",
            [("form", "detach"), ("form", "[:]"), ("form", "copy.copy"), ("form", "from_numpy")],
        ),
        ("explain b.view(6)", "explain", [("what", "b.view(6)")]),
        ("explain TSC-E031", "explain", [("what", "TSC-E031")]),
        ("why", "why", []),
        ("why w.grad", "why", [("target", "w.grad")]),
        ("source demos/a.tsc", "source", [("path", "demos/a.tsc")]),
        ("source /tmp/a.tsc", "source", [("path", "/tmp/a.tsc")]),
        ("source ~/a.tsc", "source", [("path", "~/a.tsc")]),
        ("source ./a.tsc", "source", [("path", "./a.tsc")]),
        ("source ../b/a.tsc", "source", [("path", "../b/a.tsc")]),
        ("source .", "source", [("path", ".")]),
        ('source "a b.tsc"', "source", [("path", "a b.tsc")]),
        ("set colour cuda:0", "set", [("name", "colour"), ("value", "cuda:0")]),
        ("watch y", "watch", [("name", "y")]),
        ("?views", "?", [("topic", "views")]),
        ("t?", "?", [("topic", "t")]),
        ("?", "?", []),
        ("detach", "help", [("topic", "detach")]),
        ("inspect", "help", [("topic", "inspect")]),
    ],
)
def test_commands_read_the_arguments_that_they_declare(read, text, verb, expected):
    assert arguments(read, text) == (verb, expected)


def test_a_command_stands_on_the_right_of_an_assignment(read):
    for text in ("z = inspect(t)", "z = inspect t"):
        tree = read(text).statements[0].tree
        assert isinstance(tree, ast.Assign)
        assert isinstance(tree.value, CommandCall)


def test_a_statement_argument_is_in_either_form(read):
    for text in ("dry d.mul_(10)", "dry mul_ d 10"):
        statement = read(text).statements[0].command.get("statement")
        assert isinstance(statement, Statement)
        assert ast.unparse(statement.tree) == "d.mul_(10)"
        assert statement.span.column == 4


@pytest.mark.parametrize(
    ("text", "kind", "negated", "left", "right", "wanted", "inner"),
    [
        ("expect y._version == 1", "condition", False, "y._version == 1", None, None, None),
        ("expect(a == b)", "condition", False, "a == b", None, None, None),
        ("expect (a == b).all()", "condition", False, "(a == b).all()", None, None, None),
        ("expect not a.is_leaf", "condition", False, "not a.is_leaf", None, None, None),
        ("expect d shares y", "shares", False, "d", "y", None, None),
        ("expect d[0] not shares y.grad", "shares", True, "d[0]", "y.grad", None, None),
        ("expect z views y", "views", False, "z", "y", None, None),
        (
            'expect raises "in place": loss.backward()',
            "raises",
            False,
            None,
            None,
            "in place",
            "loss.backward()",
        ),
        ("expect warns 'x': backward loss", "warns", False, None, None, "x", "loss.backward()"),
        ('expect hazard "SILENT": y.data.mul_(2)', "hazard", False, None, None, "SILENT", "y.data.mul_(2)"),
        ('expect raises "x": del y', "raises", False, None, None, "x", "del y"),
    ],
)
def test_expect_has_its_forms(read, text, kind, negated, left, right, wanted, inner):
    found = read(text).statements[0].command.get("expectation")
    assert isinstance(found, Expectation)
    assert (found.kind, found.negated, found.text) == (kind, negated, wanted)
    assert (found.left and ast.unparse(found.left)) == left
    assert (found.right and ast.unparse(found.right)) == right
    assert (found.statement and ast.unparse(found.statement.tree)) == inner


def test_spans_point_into_the_text_as_typed(read):
    text = "x = 1\n" + "é = detach λ ; y = λ . foo"
    tree = read(text).statements
    for statement in tree:
        for node in walk(statement.tree):
            if isinstance(node, ast.Name):
                assert span_of(node).text(text) == node.id
            if isinstance(node, ast.Attribute):
                assert span_of(node).text(text) == node.attr
    assert [statement.source for statement in tree] == ["x = 1", "é = detach λ", "y = λ . foo"]


def test_spans_survive_prompts_indents_and_byte_order_marks(read):
    text = "tensor> y = detach x\n  output\ntensor> inspect y\n"
    program = read(text)
    assert [(each.span.line, each.span.column) for each in program.statements] == [(1, 8), (3, 8)]
    argument = program.statements[1].command.arguments[0]
    assert argument.span.text(text) == "y"
    assert span_of(argument.value).text(text) == "y"
    program = read("\ufeff    a = 1\r\n    b = detach a\r\n")
    assert [each.source for each in program.statements] == ["a = 1", "b = detach a"]
    assert program.statements[1].span.column == 4


def test_the_span_of_a_block_reaches_to_its_last_command(read):
    text = "for i in x:\n    if i:\n        inspect i"
    assert read(text).statements[0].source == text


# Pasted transcripts


def test_a_transcript_runs_its_prompt_lines_and_counts_the_rest(read):
    text = ">>> x = 1\n>>> for i in y:\n...     print(i)\n...\n1\n2\n\n>>> x\n1\n"
    program = read(text)
    assert [each.source for each in program.statements] == ["x = 1", "for i in y:\n...     print(i)", "x"]
    assert program.skipped_lines == 3


@pytest.mark.parametrize(
    "text",
    [
        "In [1]: x = 1\nIn [2]: for i in y:\n   ...:     detach i\nOut[2]: 3\n",
        "tensor> x = 1\ntensor> for i in y:\n   ...     detach i\n + x   (3,)\n",
    ],
)
def test_the_prompts_of_ipython_and_of_the_tool_are_known(lowered, text):
    assert lowered(text) == "x = 1\nfor i in y:\n    i.detach()"


@pytest.mark.parametrize(
    ("text", "run", "skipped"),
    [
        ("In [2]:\nx = y + 1\nx\n\ntensor([0., 1.])\n\nIn [ ]:\nx.grad\n", "x = y + 1\nx\nx.grad", 1),
        ("In [2]:\n\nx = 1\n\nx\nOut[2]:\n1\nIn [3]: y\nOut[3]: 2\n", "x = 1\nx\ny", 3),
        ("In [1]:\ndef f(a):\n    b = a\n\n    return b\n", "def f(a):\n    b = a\n    return b", 0),
        ("In [1]:\nprint(x)\n\nEpoch 0, loss 1\n\n[1, 2]\n", "print(x)", 2),
        ("In [1]: \nIn [2]: x\n", "x", 0),
    ],
)
def test_the_cells_of_a_notebook_run_without_what_they_printed(read, lowered, text, run, skipped):
    assert lowered(text) == run
    assert read(text).skipped_lines == skipped


def test_the_examples_of_a_docstring_make_no_transcript(read):
    text = 'def f(x):\n    """Doubles.\n\n    >>> f(1)\n    2\n    """\n    return x * 2\n'
    program = read(text)
    assert program.skipped_lines == 0
    assert len(program.statements) == 1


@pytest.mark.parametrize(
    ("text", "sources", "skipped"),
    [
        ("```python\nx = 1\nx\n```\n", ["x = 1", "x"], 0),
        ("Hello,\n\n```\nx = 1\n```\nthen it's\n```py\nx\n```\nwhy?", ["x = 1", "x"], 3),
        ("```\n>>> x = 1\n>>> x\n1\n```", ["x = 1", "x"], 1),
        ("  ```\n  x = 1\n  ```", ["x = 1"], 0),
        ("```\nx = 1", ["x = 1"], 0),
        ("x = 1\n```", ["x = 1"], 0),
    ],
)
def test_the_fences_of_markdown_are_taken_away(read, text, sources, skipped):
    program = read(text)
    assert [each.source for each in program.statements] == sources
    assert program.skipped_lines == skipped


def test_a_fence_in_a_string_is_text(read):
    text = 's = """\n```\nx\n```\n"""\nx = 1'
    assert len(read(text).statements) == 2


def test_what_is_fenced_keeps_its_places(read):
    span = read("Look:\n```\n    x = 1\n```").statements[0].span
    assert (span.line, span.column) == (3, 4)


def test_dots_in_old_output_are_no_continuation(read):
    program = read(">>> x\ntensor([0, 1,\n        ..., 9])\n>>> y\n")
    assert [each.source for each in program.statements] == ["x", "y"]


def test_an_empty_text_is_an_empty_program(read):
    for text in ("", "\n\n", "# only a comment", "   \n", "\ufeff"):
        assert read(text).statements == ()
