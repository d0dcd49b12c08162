"""What a prompt needs: colours that survive half a line, completions with their kinds, and hints beside errors."""

from __future__ import annotations

import numpy as np
import pytest

from tensorcli.language.complete import Completion, Known, complete
from tensorcli.language.hints import hint
from tensorcli.language.namespaces import Namespace
from tensorcli.language.nearness import near
from tensorcli.language.tokens import highlight, tokenize

NAMES = {"data_": "(3,) s1", "detached": "(2,) s2", "y": "()", "_hidden": ""}


def attributes(source: str) -> dict[str, str]:
    assert source in ("y", "y.grad", "f(x)", "y[0]", "(a + b)", "torch.nn", "x.T"), source
    return {"detach": "new tensor", "data": "", "dim": "", "_version": "counter"}


def texts(verbs, text, kind=None, cursor=None):
    found = complete(text, len(text) if cursor is None else cursor, Known(verbs, NAMES, attributes))
    return [each.text for each in found if kind is None or each.kind == kind]


def test_names_come_before_verbs_before_keywords(verbs):
    assert texts(verbs, "d")[:2] == ["data_", "detached"]
    assert texts(verbs, "de") == ["detached", "detach", "deepcopy", "def", "del", "delattr"]
    assert texts(verbs, "x = de") == ["detached", "detach", "deepcopy", "def", "del", "delattr"]


def test_a_completion_says_where_it_begins_and_what_it_is(verbs):
    found = complete("x = data_", 8, Known(verbs, NAMES, attributes))
    assert found[0] == Completion("data_", 4, "name", "(3,) s1")


def test_attributes_are_those_of_what_stands_before_the_dot(verbs):
    for owner in ("y", "y.grad", "f(x)", "y[0]", "(a + b)", "torch.nn", "x.T"):
        assert texts(verbs, f"z = 1 + {owner}.d") == ["detach", "data", "dim"]
    assert texts(verbs, "y.") == ["detach", "data", "dim"]
    assert texts(verbs, "y._") == ["_version"]
    assert texts(verbs, "detach y.gr") == []


def test_after_a_verb_come_names_not_verbs(verbs):
    assert texts(verbs, "inspect d") == ["data_", "detached", "delattr", "dict", "divmod"]
    assert texts(verbs, "detach det", "verb") == []


def test_options_and_words_of_a_command(verbs):
    assert texts(verbs, "graph y --m") == ["--mermaid"]
    assert texts(verbs, "storages --", "option") == ["--write", "--around"]
    assert "storages" in texts(verbs, "help sto")
    assert complete("source dem", 10, Known(verbs, NAMES, attributes)) == [Completion("dem", 7, "path")]


def words(command: str) -> dict[str, str]:
    return {
        "explain": {"version counter": "it counts", "views": "", "TSC-E031": ""},
        "compare": {"detach": "y.detach()", "clone": "y.clone()"},
        "goto": {"12": "x = 1", "1": "y = 2"},
        "set": {"rows": "how many"},
    }.get(command, {})


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("explain ver", [("version counter", 8)]),
        ("explain version c", [("version counter", 8)]),
        ("explain tsc-e", [("TSC-E031", 8)]),
        ("explain TSC-", [("TSC-E031", 8)]),
        ("compare detach cl", [("clone", 15)]),
        ("goto 1", [("12", 5), ("1", 5)]),
        ("set ", [("rows", 4)]),
    ],
)
def test_a_command_is_offered_its_own_words_to_where_they_end(verbs, text, offered):
    found = complete(text, len(text), Known(verbs, NAMES, attributes, words_of=words))
    assert [(each.text, each.start) for each in found if each.kind == "argument"] == offered
    assert (
        text != "explain TSC-" or len(found) == 1
    )  # a word of a command's own, which is none of the language


@pytest.mark.parametrize("text", ["vars ", "vars d", "undo ", "goto d", "set rows 5 d"])
def test_where_a_command_takes_no_name_none_is_offered(verbs, text):
    assert texts(verbs, text) == []


@pytest.mark.parametrize(
    ("text", "start", "offered"),
    [
        ("import ", 7, ["torch", "numpy"]),
        ("import torch, nu", 14, ["numpy"]),
        ("from torch.", 11, ["nn", "fft"]),
        ("import torch.n", 13, ["nn"]),
        ("from torch.nn.f", 14, ["functional"]),
        ("from torch ", 11, ["import"]),
        ("from torch.nn import d", 21, ["detach", "data", "dim"]),
    ],
)
def test_behind_a_dot_of_an_import_stand_the_modules_below(verbs, text, start, offered):
    below = {"": ["torch", "numpy"], "torch": ["nn", "fft"], "torch.nn": ["functional"]}
    found = complete(text, len(text), Known(verbs, NAMES, attributes, modules_below=below.__getitem__))
    assert [(each.text, each.start) for each in found] == [(each, start) for each in offered]


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("sd['", ["weight", "in"]),
        ('print(sd["we', ["weight", "we'ird"]),
        ("sd['we", ["weight"]),
        ("sd ['", []),
        ("f('", []),
        ("['", []),
    ],
)
def test_the_keys_of_a_dict_are_offered_between_its_brackets(verbs, text, offered):
    keys = {"sd": {"weight": "(2,) s1", "we'ird": "", "in": ""}}
    found = complete(text, len(text), Known(verbs, NAMES, attributes, items_of=keys.__getitem__))
    assert [each.text for each in found] == offered


def test_behind_the_equals_sign_of_an_argument_stands_no_verb(verbs):
    assert texts(verbs, "f(dim=de") == ["detached", "delattr"]


def test_a_statement_within_a_command_begins_as_any_other(verbs):
    assert texts(verbs, "dry det") == ["detached", "detach"]


@pytest.mark.parametrize("path", ["dem", "./dem", "../", "~/dem", "/tmp/a.b/dem", "demo.t", ""])
@pytest.mark.parametrize("command", ["source ", "x = 1; source ", "graph y -o ", "graph y --output "])
def test_a_path_is_completed_whole_where_one_is_wanted(verbs, command, path):
    text = command + path
    assert complete(text, len(text), Known(verbs, NAMES, attributes)) == [
        Completion(path, len(command), "path")
    ]


def arguments(source: str) -> dict[str, str]:
    return {"f": {"dim": "", "keepdim": "default False"}, "y.sum": {"dim": ""}, "detach": {"dim": ""}}[source]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("f(d", ["dim="]),
        ("z = f(y, k", ["keepdim="]),
        ("f(", ["dim=", "keepdim="]),
        ("f(dim=0, ", ["keepdim="]),
        ("f((1, 2), [3], k", ["keepdim="]),
        ("[f(y.sum(d", ["dim="]),
        ("detach y d", ["dim="]),
        ("f(y k", []),
        ("f(1 + d", []),
        ("f (d", []),
        ("sum(y, d", []),  # Python's, which takes no dim
        ("(d", []),
        ("detach d", []),
        ("inspect y d", []),
    ],
)
def test_where_an_argument_begins_the_keywords_of_the_call_are_offered(verbs, text, names):
    found = complete(text, len(text), Known(verbs, NAMES, attributes, arguments))
    assert [each.text for each in found if each.kind == "argument"] == names


def test_an_import_completes_modules_and_what_is_in_them(verbs):
    def offered(text: str) -> list[str]:
        found = complete(
            text, len(text), Known(verbs, NAMES, attributes, modules_below=lambda _: ("torch", "random"))
        )
        return [each.text for each in found]

    assert offered("import ra") == ["random"]
    assert offered("from torch.nn im") == ["import"]
    assert offered("from torch.nn import de") == ["detach"]
    assert offered("from torch.nn import data, de") == ["detach"]


def test_after_a_value_come_only_joining_words(verbs):
    assert texts(verbs, "print(y i") == ["if", "in", "is"]
    assert texts(verbs, "import to") == ["torch"]


def test_nothing_is_offered_in_strings_and_comments(verbs):
    assert texts(verbs, "x = 'de") == []
    assert texts(verbs, "x = 'de'") == []
    assert texts(verbs, "x  # de") == []


def test_each_statement_begins_anew(verbs):
    for text in ("x = 1; detac", "for i in y: detac", "if y:\n    detac", "x = 1\ndetac"):
        assert texts(verbs, text, "verb") == ["detach"], text


def kinds(text, verbs=("detach", "inspect", "t")):
    return [(text[start:end], kind) for start, end, kind in highlight(text, frozenset(verbs))]


def test_highlighting_names_every_kind():
    assert kinds("y = detach t  # why") == [
        ("y", "name"),
        ("=", "operator"),
        ("detach", "verb"),
        ("t", "name"),
        ("# why", "comment"),
    ]
    assert kinds("for i in f'a': 1.5e3") == [
        ("for", "keyword"),
        ("i", "name"),
        ("in", "keyword"),
        ("f'a'", "string"),
        (":", "operator"),
        ("1.5e3", "number"),
    ]
    assert kinds("t = 3")[0] == ("t", "name")
    assert kinds("t.detach()")[:3] == [("t", "name"), (".", "operator"), ("detach", "name")]
    assert kinds("inspect(t)")[0] == ("inspect", "verb")
    assert kinds("x; detach t")[2] == ("detach", "verb")


@pytest.mark.parametrize(
    "text", ["x = (", "'abc", '"""abc\n', "x = “a”", "5a", "\\", "x ?", "é²", "f'{", "\x00", "\n\n", ""]
)
def test_highlighting_survives_half_a_line(text):
    stretches = highlight(text, frozenset())
    assert all(start < end for start, end, _ in stretches)
    assert stretches == sorted(stretches)
    assert "".join(token.text for token in tokenize(text)).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("var", "did you mean vars?"),
        ("whos", "type:  vars"),
        ("cls", "Ctrl-L clears the screen"),
        ("q", "type:  exit"),
        ("p", None),
    ],
)
def test_a_word_that_stands_alone_may_be_meant_for_a_command(make_session, verbs, word, expected):
    session = make_session()
    with pytest.raises(NameError) as caught:
        session.run(word)
    assert hint(caught.value, session.evaluator, verbs) == expected


@pytest.fixture
def hinted(make_session, modules):
    members = {"sum": np.sum, "ones": np.ones, "nn": Namespace("torch.nn", {})}
    torch = Namespace("torch", members)
    session = make_session(modules={**modules, "torch": torch, "torch.nn": members["nn"]}, bare=members)

    def run(text: str) -> str | None:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            session.run("tensor_a = [1]\n" + text)
        return hint(caught.value, session.evaluator)

    return run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tensr_a", "did you mean tensor_a?"),
        ("pritn(1)", "did you mean print?"),
        ("Ones", "did you mean ones?"),
        ("true", "did you mean True?"),
        ("null", "did you mean None?"),
        ("tensor_a.apend", "did you mean append?"),
        ("np.zeross", "did you mean zeros?"),
        ("np.zeros(1).rehsape", "did you mean reshape?"),
        ("from math import sqr", "did you mean sqrt?"),
        ("import torch.nope", "torch has nn"),
        ("open('x')", "open is not part of the language: a script does not reach the file system"),
        ("dir(1)", "dir is not part of the language: type x. and press Tab, or write hasattr(x, 'name')"),
        ("staticmethod(1)", "staticmethod is not part of the language: there are no classes"),
        ("F.relu(1)", "import torch.nn.functional as F"),
        ("sum(tensor_a, dim=0)", "sum is Python's; write  torch.sum(tensor_a, dim=0)"),
        ("1 / 0", None),
        ("np.zeros(1).tofile", None),
        ("zzzzqq", None),
    ],
)
def test_a_hint_says_what_may_have_been_meant(hinted, text, expected):
    assert hinted(text) == expected


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("Relu", "relu elu selu ReLU6", "relu"),  # what differs in case alone is meant before all else
        ("itme", "item times time_", "item"),  # the same letters
        ("ad", "pad add", "add pad"),  # the first letter is right
        ("gradd", "grad _grad", "grad"),
        ("_gradd", "grad _grad", "_grad grad"),
        ("loss", "less loss_fn", "loss_fn"),
        ("mean_squared_error", "mse sum", "mse"),
        ("std_dev", "std", "std"),
        ("forward", "for", ""),
        ("z", "zero_ zeros", ""),  # a letter abbreviates too much
        ("sum", "sum summ", "summ"),  # a name is not meant for itself
    ],
)
def test_the_likeliest_names_are_near(name, known, expected):
    assert near(name, known.split()) == expected.split()
