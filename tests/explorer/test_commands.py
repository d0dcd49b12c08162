"""The commands: what each answers."""

from dataclasses import replace

import pytest

from tensorcli.explorer.commands import CATEGORIES, COMMANDS
from tensorcli.explorer.commands.registry import SECOND_NAMES
from tensorcli.explorer.explain.concepts import CONCEPTS
from tensorcli.explorer.results import RESULTS, Answer, Explanation, Run
from tensorcli.explorer.session import Session
from tensorcli.language.invocations import flag_usage
from tensorcli.language.syntax import LanguageError

SCENE = """\
w = torch.tensor([1., 2., 3.], requires_grad=True)
y = w.exp()
v = y[1:]
d = y.detach()
loss = (y * w).sum()
d.mul_(10)
"""


def answer(last, text, **options):
    step = last(text, **options)
    assert step.error is None
    return step.result


def line(inspection, label):
    return next(each for each in inspection.lines if each.label == label)


def values(inspection, label):
    return {field.key: field.value for field in line(inspection, label).fields}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_function_and_help(name):
    command = COMMANDS[name]
    assert callable(command.run)
    assert command.category in CATEGORIES
    assert command.summary
    assert command.run.__doc__


def test_every_answer_is_listed():
    assert {each.__name__ for each in RESULTS} == {each.__name__ for each in Answer.__subclasses__()}


# ---- inspect


def test_inspect_a_view_tells_all(last):
    found = answer(last, SCENE + "inspect v")
    assert (found.kind, found.name, found.tags) == ("tensor", "v", ("float32", "cpu"))
    assert (found.origin, found.line) == ("y[1:]", 3)
    assert values(found, "values") == {"values": "[73.8906, 200.8554]"}
    assert line(found, "values").note == "n=2  min 73.89  max 200.9  mean 137.4"
    assert values(found, "layout") == {"shape": "(2,)", "stride": "(1,)", "offset": 1}
    assert line(found, "layout").note == "contiguous · covers 2 of 3 in s2"
    assert values(found, "storage") == {"storage": "s2", "nbytes": 12, "version": 1}
    assert line(found, "storage").note == "written at line 6 via d"
    assert [field.text for field in line(found, "shared with").fields] == ["y [█ █ █]", "d [█ █ █]"]
    assert values(found, "view of") == {"view_of": "y", "base": "y"}
    assert values(found, "autograd") == {"requires_grad": True, "is_leaf": False}
    assert values(found, "grad_fn") == {"grad_fn": "AsStridedBackward0"}
    assert line(found, "grad_fn").note == "was SliceBackward0 until its base was written"
    assert values(found, "leads to") == {"leads_to": "ExpBackward0 (line 2) → AccumulateGrad (w)"}


@pytest.mark.parametrize(
    ("what", "origin", "line"),
    [
        ("d", "y.detach()", 4),
        ("n", "d.numpy()", 7),
        ("w.grad", "", 8),
        ("u", "", 3),
        ("z", "", 10),
        ("l[0]", "[y[0], y[1]]", 11),
        ("y[1:]", "", None),
        ("s2", "y = w.exp()", 2),
    ],
)
def test_inspect_names_the_statement_that_made_what_is_asked_and_not_that_of_its_memory(
    last, what, origin, line
):
    scene = SCENE.replace("d.mul_(10)\n", "e = y.data\nn = d.numpy()\nloss.backward()\nu = v\n")
    found = answer(last, scene + f"for i in range(2): z = y[i]\nl = [y[0], y[1]]\ninspect {what}")
    assert (found.origin, found.line) == (origin, line)


def test_inspect_tells_arrays_nodes_storages_and_lists_apart(last):
    assert answer(last, "n = np.zeros(3)\ninspect n").kind == "ndarray"
    node = answer(last, SCENE + "inspect loss.grad_fn.next_functions[0][0]")
    assert node.kind == "node"
    saved = {field.text for each in node.lines if each.label == "saved" for field in each.fields}
    assert saved == {"self = y@v0", "other = w@v0"}
    storage = answer(last, SCENE + "inspect s2")
    assert (storage.kind, storage.name, storage.origin) == ("storage", "s2", "y = w.exp()")
    several = answer(last, SCENE + "inspect [w, y, 3]")
    assert [each.kind for each in several.items] == ["tensor", "tensor", "other"]
    assert answer(last, "inspect 'text'").kind == "other"


def test_inspect_has_a_python_form(last):
    assert answer(last, "x = torch.ones(2)\ninspect(x)").name == "x"


def test_inspect_says_that_memory_is_uninitialised(last):
    found = answer(last, "x = torch.empty(2)\ninspect x")
    assert "uninitialised" in line(found, "storage").note


def test_what_is_looked_at_only_has_no_id(last):
    found = answer(last, "x = torch.ones(2)\ninspect x + 1")
    assert values(found, "storage")["storage"] is None


# ---- storages


def test_the_memory_map_shows_every_view_slot_by_slot(last):
    text = "m = arange(6.); a = m.view(2, 3); b = a.t(); c = a[:, 1]; e = a[1].clone()\nstorages"
    found = answer(last, text)
    first, second = found.storages
    assert (first.id, first.dtype, first.elements, first.nbytes, first.names) == (
        "s1",
        "float32",
        6,
        24,
        ("m", "a", "b", "c"),
    )
    assert first.cells == ("0.", "1.", "2.", "3.", "4.", "5.")
    assert [(view.names[0], view.operator, view.depth, view.layout) for view in first.views] == [
        ("m", "", 0, "contig"),
        ("a", "view", 1, "contig"),
        ("b", "t", 2, "strided"),
        ("c", "select", 2, "strided"),
    ]
    assert first.views[2].cells == ("0,0", "1,0", "2,0", "0,1", "1,1", "2,1")
    assert first.views[3].cells == ("", "0", "", "", "1", "")
    assert second.names == ("e",)
    assert (found.nbytes, found.unshared_nbytes) == (36, 92)


def test_large_storages_collapse_to_runs_and_open_around(last):
    text = "big = torch.zeros(1024, 1024); row = big[0]\n"
    (storage,) = answer(last, text + "storages").storages
    assert storage.cells == ()
    assert [view.runs for view in storage.views] == [(Run(0, 1048575),), (Run(0, 1023),)]
    (storage,) = answer(last, text + "storages s1 --around 4096").storages
    assert (storage.first_slot, len(storage.cells)) == (4084, 24)


def test_an_expanded_tensor_reads_one_slot_by_many_indices(last):
    (storage,) = answer(last, "x = torch.ones(1)\ny = x.expand(3)\nstorages x").storages
    assert storage.views[1].layout == "expanded"
    assert storage.views[1].cells == ("0 1 2",)
    assert storage.views[1].covered == 1


def test_separate_counters_are_shown(last):
    (storage,) = answer(last, "y = torch.ones(3)\nz = y.data\ny.add_(1)\nstorages").storages
    assert storage.versions == ((1, ("y",)), (0, ("z",)))


# ---- vars, saved, alias


def test_vars_has_one_row_an_object(last):
    found = answer(last, "a = torch.ones(2)\nb = a\nn = 3\nv = a[:1]\nvars")
    assert [(row.names, row.type, row.note) for row in found.rows] == [
        (("a", "b"), "Tensor", "shares s1 with v"),
        (("n",), "int", ""),
        (("v",), "Tensor", "view of a"),
    ]


def test_vars_lists_all_who_share_a_storage_up_to_six(last):
    text = "x = torch.ones(3)\nd = x.data\ne = x.detach()\nn = x.numpy()\nf = x.detach()\ng = x.detach()\n"
    notes = [row.note for row in answer(last, text + "h = x.detach()\nvars").rows]
    assert notes[0] == "shares s1 with d, e, n, f, g, h"
    assert answer(last, text + "h, i = x.detach(), x.detach()\nvars").rows[0].note.endswith("f, g, h, …")


@pytest.mark.parametrize("text", ["v = x[:2, 1:]", "v = x.t()[0]", "v = x.view(6).unfold(0, 2, 2)"])
def test_a_view_is_of_the_nearest_that_has_a_name_wherever_it_is_told(run, text):
    made, looked, listed = run(f"x = torch.zeros(2, 3)\n{text}\ninspect v\nvars")[1:]
    assert made.changes[0].note.startswith("view of x")
    assert values(looked.result, "view of") == {"view_of": "x", "base": "x"}
    assert listed.result.rows[1].note == "view of x"


def test_inspect_tells_apart_who_counts_the_writes_of_others(last):
    text = "x = torch.ones(2)\nd = x.data\ne = x.detach()\nn = x.numpy()\ninspect x"
    shared = [
        (" ".join(field.value for field in each.fields), each.note)
        for each in answer(last, text).lines
        if each.label == "shared with"
    ]
    assert shared == [
        ("d", "same storage, another version counter: writes there are not seen by autograd's checks"),
        ("e", "same storage, same version counter"),
        ("n", "same storage; numpy's writes there move no version counter"),
    ]


def test_saved_says_what_is_stale(last):
    found = answer(last, SCENE + "saved loss")
    assert {
        (row.node, row.slot, row.tensor, row.saved, row.now, row.stale, row.line) for row in found.rows
    } == {
        ("MulBackward0", "self", "y", 0, 1, True, 5),
        ("MulBackward0", "other", "w", 0, 0, False, 5),
        ("ExpBackward0", "result", "y", 0, 1, True, 2),
    }
    assert found.nbytes == 24


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = torch.ones(4)\nb = a", (True, True, True, 16)),
        ("a = torch.ones(4)\nb = a.detach()", (False, True, True, 16)),
        ("a = torch.ones(4)\nb = a.data[1:]", (False, True, False, 12)),
        ("a = torch.ones(4)\nb = a.clone()", (False, False, False, 0)),
        # Every second element against the others: the bounding boxes overlap, the bytes do not.
        ("x = torch.ones(8)\na = x[::2]\nb = x[1::2]", (False, True, True, 0)),
        ("x = torch.ones(4, 4)\na = x[:, 0]\nb = x[1]", (False, True, True, 4)),
        ("a = torch.ones(4)\nb = a.numpy()", (False, True, None, 16)),
    ],
)
def test_alias_tells_what_two_tensors_share(last, text, expected):
    found = answer(last, text + "\nalias a b")
    assert (found.same_object, found.same_storage, found.same_counter, found.overlapping_bytes) == expected


def test_alias_tells_the_view_relation(last):
    assert answer(last, "a = torch.ones(4)\nb = a[1:]\nalias a b").view_relation == "b is a view of a"
    found = answer(last, "x = torch.ones(4)\na = x[1:]\nb = x[:2]\nalias a b")
    assert found.view_relation == "both are views of x"
    assert found.overlap == (Run(4, 7),)


# ---- expect


@pytest.mark.parametrize(
    "text",
    [
        "expect x._version == 0",
        "expect d shares x",
        "expect c not shares x",
        "expect v views x",
        "expect vv views x",
        "expect d not views x",
        'expect raises "must match the size": x + torch.ones(7)',
        'expect raises "RuntimeError": x.view(7)',
        'expect warns "UserWarning": torch.tensor(x)',
        'expect warns "copy construct": y = tensor x',
    ],
)
def test_an_expectation_that_holds_is_answered_without_a_warning(last, text):
    scene = "x = torch.ones(3)\nd = x.detach()\nc = x.clone()\nv = x[1:]\nvv = v[1:]\n"
    step = last(scene + text)
    assert step.error is None
    assert step.result.holds
    assert step.warnings == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("expect x._version == 3", "found 0"),
        ("expect c shares x", "they lie in s2 and s1"),
        ("expect x not shares x", "both lie in s1"),
        ("expect c views x", "it is no view"),
        ('expect raises "no": x + 1', "nothing was raised"),
        ('expect raises "zzz": x + torch.ones(7)', "it raised RuntimeError: The size of tensor a (3)"),
        ('expect warns "no": x + 1', "there was no warning"),
    ],
)
def test_expectations_that_fail_say_what_was_found(run, text, found):
    step = run("x = torch.ones(3)\nc = x.clone()\n" + text)[-1]
    assert step.error.kind == "expectation"
    assert not step.result.holds
    assert step.result.found.startswith(found)


def test_a_hazard_is_expected_by_a_part_of_its_text(run):
    scene = "w = torch.ones(2, requires_grad=True)\ny = w.exp()\nz = y.sum()\n"
    assert run(scene + 'expect hazard "wrong gradients": y.data.mul_(2)')[-1].ok
    assert run(scene + 'expect hazard "silent": y + 1')[-1].error.kind == "expectation"


def test_a_command_within_a_function_reads_the_names_of_the_function(run):
    text = """\
def f(t):
    u = t * 2
    inspect u
    expect u[0] == 2
    expect u not shares t
    expect raises "index 9": u[9]
    return u
"""
    *_, step = run(text + "f(torch.ones(2))")
    assert step.error is None
    assert [each.name for each in step.answers] == ["u"]


def test_an_expectation_within_a_function_is_told_by_its_text(run):
    error = run("def f(t):\n    expect t[0] == 5\nf(torch.ones(2))")[-1].error
    assert error.message == "expected t[0] == 5; found tensor(1.)"
    assert error.lines[0] == "    expect t[0] == 5"


def test_commands_within_a_block_answer_up_to_twenty_times(run):
    step = run("x = torch.ones(2)\nfor i in range(23):\n    inspect x[0]")[-1]
    assert [each.name for each in step.answers] == ["x[0]"] * 20
    assert step.more_answers == 3


def test_an_answer_of_its_own_is_the_result_alone(run):
    step = run("x = torch.ones(2)\ninspect x")[-1]
    assert (step.result.name, step.answers) == ("x", ())


def test_expect_works_within_blocks(run):
    assert run("for i in range(3):\n    expect i < 2")[-1].error.kind == "expectation"


# ---- the session


def test_help_lists_every_command(last):
    page = answer(last, "help")
    usages = [row.usage.split()[0] for section in page.sections for row in section.rows]
    assert set(COMMANDS) - SECOND_NAMES == set(usages) & set(COMMANDS)


@pytest.mark.parametrize("name", [each for each in COMMANDS if each not in SECOND_NAMES])
def test_the_page_of_a_command_says_what_each_option_does(last, name):
    (section,) = answer(last, f"help {name}").sections
    found = {row.usage: row.description for row in section.rows}
    flags = COMMANDS[name].verb.flags
    assert list(found)[: len(flags) + 1] == [COMMANDS[name].short_usage, *map(flag_usage, flags)]
    assert all(found[flag_usage(flag)] for flag in flags)


def test_options_are_shown_with_what_they_take(last):
    (section,) = answer(last, "help graph").sections
    assert {"--depth N", "--mermaid", "-o PATH"} <= {row.usage for row in section.rows}


def test_help_on_an_operator_comes_from_its_declaration(last):
    page = answer(last, "help mul")
    assert "mul.Tensor(Tensor self, Tensor other) -> Tensor" in page.details
    assert any(row.usage == "gradient" for row in page.sections[0].rows)
    assert answer(last, "help storages").title == "storages"


def test_a_question_mark_inspects_values_and_explains_words(last):
    assert answer(last, "x = torch.ones(2)\nx?").kind == "tensor"
    assert answer(last, "?storages").title == "storages"
    assert answer(last, "?why").title == "why"
    assert answer(last, "x = torch.ones(2)\nx??").kind == "tensor"
    assert answer(last, "pair = [torch.ones(2)]\npair[0]?").kind == "tensor"


def test_every_method_and_attribute_of_tensors_says_what_it_is():
    engine = Session().engine
    assert [name for name in engine.method_names() if not engine.help(name).summary] == []


def test_help_is_had_on_what_stands_behind_a_dot(last):
    scene = "x = torch.ones(2)\nnet = nn.Linear(2, 1)\n"
    assert "mul.Tensor(Tensor self, Tensor other) -> Tensor" in answer(last, scene + "x.mul?").details
    assert answer(last, scene + "help x.grad").summary.startswith("The gradient that backward passes")
    assert answer(last, scene + "net.forward?").details == ("forward(input)",)
    assert answer(last, scene + "net.weight?").kind == "tensor"


@pytest.mark.parametrize(
    ("topic", "summary"),
    [
        ("grad", "The gradient that backward passes added up in a leaf"),
        ("+", "Add other"),
        ("@", "Multiply vectors, matrices"),
        ("for", "for is a word of Python's"),
        ("hazards", "A hazard is a trap"),
        ("tsc-e031", "A value that was saved"),
        ("MulBackward0", "grad_fn is the node"),
        ("F.relu", "Each element, or 0"),
        ("torch.float64", "torch.float64 is a dtype"),
        ("np", "np is a module"),
        ("torch.cuda", "torch.cuda is a module"),
        ("s2", "s2 is a storage"),
        ("d", "d is a Tensor"),
        ("'version counter'", "A version counter counts"),
    ],
)
def test_help_is_had_on_every_kind_of_word(last, topic, summary):
    found = answer(last, f"{SCENE}help {topic}")
    said = found.verdict if isinstance(found, Explanation) else found.summary
    assert said.startswith(summary)


@pytest.mark.parametrize(
    ("topic", "advice"),
    [("nothing_of_the_kind", "help lists the commands"), ("inspct", "did you mean inspect?")],
)
def test_help_on_what_nobody_knows_is_refused_with_what_is_near(run, topic, advice):
    error = run(f"help {topic}")[-1].error
    assert (error.type, error.message) == ("ValueError", f"there is no help on '{topic}'; {advice}")


@pytest.mark.parametrize("topic", ["bump", "memory", "counter", "replace_memory"])
def test_help_knows_no_attribute_that_only_this_engine_has(run, topic):
    for command in ("help", "explain"):
        assert (
            f"under '{topic}'" in (said := run(f"{command} {topic}")[-1].error.message) or "no help" in said
        )


def test_a_verb_of_numpy_has_the_page_of_its_function(last):
    assert answer(last, "help array").title == "np.array"
    page = answer(last, "explain array")
    assert page.what == "np.array"
    assert ("shares storage with y", "no") in page.sections[1].rows


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("detach", "t.detach(…)"),
        ("data", "t.data"),
        ("cat", "torch.cat(…)"),
        ("gelu", "torch.nn.functional.gelu(…)"),
        ("linalg_inv", "torch.linalg.inv(…)"),
    ],
)
def test_a_page_names_the_call_that_works(last, name, call):
    page = answer(last, f"explain {name}")
    (text,) = next(each.text for each in page.sections if each.title == "on your own tensors")
    assert text.startswith(f"explain {call} runs it")


def test_a_function_for_networks_is_a_verb_too(last):
    assert (
        last(
            "x = ones(2); y = softplus x beta=2; y.equal(torch.nn.functional.softplus(x, beta=2))"
        ).value.text
        == "True"
    )


@pytest.mark.parametrize(
    ("text", "otherwise"),
    [("diff x", "torch.diff(…)"), ("device x", "x.device"), ("seed x", "torch.seed(…)"), ("undo x", "")],
)
def test_a_command_that_hides_a_name_of_pytorchs_says_how_that_is_typed(run, text, otherwise):
    (hint,) = run(f"x = ones(2)\n{text}")[-1].error.hints
    assert hint.startswith("type:  ")
    assert hint.endswith(f"is {otherwise} here)" if otherwise else "undo [COUNT]")


def test_help_on_an_in_place_twin_says_whether_the_version_is_bumped(last):
    def twin(name):
        return next(
            row.description
            for row in answer(last, f"help {name}").sections[0].rows
            if row.usage == "in place"
        )

    assert twin("exp") == "exp_ writes into the tensor and bumps its version"
    assert twin("t").endswith("no element is written, and the version is bumped")
    assert twin("detach").endswith("no element is written, and the version stays")
    moved = last(
        "x = ones(2, 2); x.exp_(); a = x._version; x.t_(); b = x._version; x.detach_(); (a, b, x._version)"
    )
    assert moved.value.text == "(1, 2, 2)"


def test_help_on_a_term_points_to_its_concept(last):
    assert "explain requires_grad" in answer(last, "help requires_grad").see_also


def test_help_on_a_function_of_the_session_is_what_it_says_of_itself(last):
    scene = 'def doubled(x):\n    """Twice x."""\n    return 2 * x\n'
    assert answer(last, scene + "doubled?").summary == "Twice x."
    assert answer(last, "f = lambda x: x\nf?").summary == "a function of this session"


def test_help_knows_the_concepts_that_explain_tells_of(last):
    assert answer(last, "?views").what == "views"
    assert answer(last, "help aliasing").what == "storage"


def test_help_on_pythons_and_numpys_functions_is_their_own(last):
    assert answer(last, "math.sqrt?").summary == "Return the square root of x."
    assert answer(last, "np.arange?").summary.startswith("Return evenly spaced values")
    assert answer(last, "len?").details == ("len(obj, /)",)
    assert (
        answer(last, "torch.ones(2)\nhelp H").summary
        == "The matrix transposed and conjugated: a view. Errors: RuntimeError on any but two dimensions."
    )


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("undo 0", 1),
        ("undo -1", 1),
        ("redo(0)", 1),
        ("fix 0", 1),
        ("goto -1", 0),
        ("diff 0 -1", 0),
        ("graph x --depth=-1", 0),
        ("graph(x, depth=-1)", 0),
        ("storages x --around -1", 0),
        ("exit -1", 0),
    ],
)
def test_a_number_that_means_nothing_is_refused_in_both_forms(text, least):
    with pytest.raises(LanguageError, match=f"wants a whole number from {least} on here, not"):
        Session().read(text)


def test_what_is_shown_with_the_settings_and_is_fixed_says_where_it_is_given(run):
    assert "given with --seed" in run("set seed 3")[-1].error.message
    assert "given with --engine" in run("set engine pytorch")[-1].error.message


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("explain qqq", "qqq"),
        ("tour dtach", "dtach"),
        ("compare detach clnoe", "clnoe"),
        ("storages s99", "s99"),
        ("diff 0 99", "99"),
        ("graph loss --focus nobody", "nobody"),
        ("saved 5", "5"),
        ("alias y 5", "alias y 5"),  # nothing says which
    ],
)
def test_a_complaint_stands_under_the_argument_that_it_is_about(run, text, at):
    error = run(SCENE + text)[-1].error
    assert error.spans[0].text(SCENE + text) == at


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("tour dtach", "detach"),
        ("compare clnoe", "clone"),
        ("set row 5", "rows"),
        ("explain strdie", "stride"),
    ],
)
def test_a_word_that_a_command_does_not_know_has_a_near_one(run, text, meant):
    assert run(text)[-1].error.message.endswith(f"; did you mean {meant}?")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("set max_bytes 2M", {"max_bytes": 2 << 20}),
        ("set rows = 5", {"rows": 5}),
        ("set rows=5", {"rows": 5}),
        ("set seed", {"seed": 0}),
    ],
)
def test_set_shows_the_setting_that_it_changed(last, text, rows):
    assert {row.key: row.value for row in answer(last, text).rows} == rows


@pytest.mark.parametrize("text", ["set rows 0", "set rows x", "set max_bytes 12", "set max_bytes 1e400"])
def test_a_setting_that_means_nothing_is_refused(run, text):
    assert "is a whole number from" in run(text)[-1].error.message


def test_the_concepts_are_listed_with_what_they_say(last):
    (section,) = answer(last, "explain concepts").sections
    assert set(dict(section.rows)) == set(CONCEPTS)


def test_help_calls_nothing(run):
    asked = run("x = torch.ones(2)\nx.add_(1)?\nx.sum().item?\nx", keep_going=True)
    assert asked[-1].value.text == "tensor([1., 1.])"


@pytest.mark.parametrize(("text", "said"), [("blame q", ()), ("ones(2).add_(q)", ("nothing was changed",))])
def test_what_only_looks_does_not_say_that_it_changed_nothing(run, text, said):
    assert run(text)[-1].error.hints == said


def test_history_tells_how_statements_ended(run):
    steps = run("x = 1\ny = z\nhistory", keep_going=True)
    assert [(row.index, row.source, row.outcome) for row in steps[-1].result.rows] == [
        (1, "x = 1", ""),
        (2, "y = z", "NameError"),
    ]


def test_seed_seeds_both_generators(run):
    steps = run("seed 3\ntorch.rand(1)\nnp.random.rand()\nseed 3\ntorch.rand(1)\nnp.random.rand()")
    assert steps[1].value.text == steps[4].value.text == "tensor([0.0043])"  # torch.manual_seed(3)
    assert steps[2].value.text == steps[5].value.text


def test_set_changes_the_number_of_rows(run):
    step = run("set rows 3\nxs = [torch.ones(1) for i in range(10)]")[-1]
    assert (len(step.changes), step.more_changes) == (3, 7)
    assert run("set colour 3")[-1].error.type == "ValueError"


def test_code_is_a_script_that_prints_the_same(run):
    text = """\
t = ones 3
u = detach t
u.mul_(4)
print(t.sum(), rand(2))
inspect t
def f(x):
    return zeros(2) + x
print(f(1))"""
    steps = run(text + "\ncode")
    code = steps[-1].result.text
    assert "t = torch.ones(3)" in code
    assert "# inspect t" in code
    again = list(Session().run(code, "code.py", "py"))
    assert [each.error for each in again if each.error] == []
    assert "".join(each.output for each in again) == "".join(each.output for each in steps)


def test_a_name_that_was_not_there_is_a_comment_in_code(run):
    steps = run("x = ones 2\nnope\nx + nope\ncode", keep_going=True)
    assert steps[-1].result.text.splitlines()[4:6] == ["# nope", "try:"]


@pytest.mark.parametrize(
    ("text", "first_lines"),
    [
        ("x = ones 2", ["import torch", "", "torch.manual_seed(0)"]),
        ("x = math.pi", ["import math", "", "import torch", "", "torch.manual_seed(0)"]),
        (
            "x = numpy.ones(2)",
            [
                "import numpy",
                "import numpy as np",
                "import torch",
                "",
                "torch.manual_seed(0)",
                "np.random.seed(0)",
            ],
        ),
    ],
)
def test_code_imports_and_seeds_what_the_session_used(run, text, first_lines):
    code = run(text + "\ncode")[-1].result.text
    assert code.splitlines()[: len(first_lines)] == first_lines


def test_device_lists_what_is_here(last):
    assert [(row.key, row.value) for row in answer(last, "device").rows][:2] == [
        ("cpu", True),
        ("meta", True),
    ]


def test_help_on_a_category_says_what_each_of_its_commands_does(last):
    page = answer(last, "help")
    assert [section.title for section in page.sections if section.brief] == list(CATEGORIES)
    (section,) = answer(last, "help time").sections
    assert section == replace(page.sections[CATEGORIES.index("time")], brief=False)
    every = answer(last, "help commands").sections
    assert [(each.title, each.brief) for each in every] == [(name, False) for name in CATEGORIES]


def test_a_page_of_a_large_tensor_is_narrow_in_a_pipe(last):
    from tensorcli.render.layout import line_text
    from tensorcli.render.pages import render

    for command in ("inspect q", "blame q", "watch q", "vars", "saved"):
        step = last(f"q = torch.ones(2, 3, 4, 5, 6, 7, requires_grad=True)\nl = [q, q * q]\n{command}")
        assert max(len(line_text(line)) for line in render(step, None).lines) < 250
