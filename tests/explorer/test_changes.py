"""The table after each statement. Versions, grad_fn names and values are PyTorch 2.13's, recorded from a run."""

import pytest

SCENE = """\
w = torch.tensor([1., 2., 3.], requires_grad=True)
y = w.exp()
v = y[1:]
d = y.detach()
loss = (y * w).sum()
"""


def rows(step):
    return {each.names[0]: each for each in step.changes if each.names}


def test_a_new_leaf_is_a_row_with_its_storage(last):
    row = rows(last("w = torch.tensor([1., 2., 3.], requires_grad=True)"))["w"]
    assert (row.kind, row.storage, row.note) == ("created", "s1", "new storage 12 B, leaf")
    assert (row.after.shape, row.after.dtype, row.after.version) == ((3,), "float32", 0)
    assert (row.after.requires_grad, row.after.grad_fn, row.after.value) == (True, None, "[1., 2., 3.]")
    assert row.before is None


def test_a_result_says_what_its_node_saved(last):
    row = rows(last("w = torch.ones(3, requires_grad=True)\ny = w.exp()"))["y"]
    assert row.note == "new storage 12 B; node saved y@v0"
    assert row.after.grad_fn == "ExpBackward0"


def test_inner_nodes_say_what_they_saved(run):
    step = run(SCENE)[-1]
    assert rows(step)["loss"].note == "new storage 4 B; MulBackward0 saved w@v0 y@v0"


def test_a_view_says_of_what_and_which_elements(run):
    step = run(SCENE)[2]
    assert rows(step)["v"].note == "view of y, elements 1..2"
    assert rows(step)["y"].kind == "shares"


def test_detach_shares_storage_and_version_counter(run):
    step = run(SCENE)[3]
    assert rows(step)["d"].note == "shares s2 and its version counter with y; cut from the graph"
    assert [each.kind for each in step.changes] == ["created", "shares", "shares"]


def test_data_shares_storage_only(last):
    step = last("y = torch.ones(3)\nd = y.data")
    assert rows(step)["d"].note == "shares s1 with y; own version counter, so autograd's checks miss writes"


def test_a_write_is_shown_through_every_alias(run):
    step = run(SCENE + "d.mul_(10)")[-1]
    found = rows(step)
    assert [(name, row.kind) for name, row in found.items()] == [
        ("d", "written"),
        ("y", "seen"),
        ("v", "seen"),
    ]
    assert [(row.before.version, row.after.version) for row in found.values()] == [(0, 1)] * 3
    assert found["d"].note == "wrote all 3 elements of s2"
    assert (found["v"].before.grad_fn, found["v"].after.grad_fn) == ("SliceBackward0", "AsStridedBackward0")
    (write,) = step.writes
    assert (write.storage, write.version, write.via, write.seen_by) == ("s2", (0, 1), "d", ("y", "v"))
    assert (write.elements, write.silent, write.operator) == (3, False, "mul_")


def test_a_write_makes_saved_tensors_stale(run):
    (alarm,) = run(SCENE + "d.mul_(10)")[-1].alarms
    assert alarm.kind == "stale"
    assert alarm.text == "2 saved tensors are now stale (Exp.result, Mul.self): loss.backward() will raise."
    assert {(each.node, each.slot, each.tensor, each.saved, each.now) for each in alarm.stale} == {
        ("ExpBackward0", "result", "y", 0, 1),
        ("MulBackward0", "self", "y", 0, 1),
    }


def test_a_stale_saved_tensor_is_reported_once(run):
    assert run(SCENE + "d.mul_(10)\nd.mul_(10)")[-1].alarms == ()


def test_the_backward_pass_shows_gradients_and_the_freed_graph(run):
    step = run(SCENE + "loss.backward()")[-1]
    gradient, freed = step.changes
    assert (gradient.kind, gradient.names, gradient.storage) == ("gradient", ("w.grad",), "s4")
    assert gradient.after.value == "[5.4366, 22.1672, 80.3421]"
    assert gradient.after.version == 1  # two edges lead to w: the second gradient was added in place
    assert freed.note == "graph of loss freed: 3 nodes, 3 saved tensors; a second backward would raise"


def test_a_write_that_the_counter_cannot_see_is_an_alarm(run):
    step = run(SCENE + "y.data.mul_(10)\nloss.backward()")[-2]
    (alarm,) = step.alarms
    assert alarm.kind == "silent"
    assert "loss.backward() will succeed with wrong gradients" in alarm.text
    assert rows(step)["y"].note == "bytes changed, version stayed 0"
    assert rows(step)["y"].after.version == 0
    assert step.writes[0].silent


def test_a_silent_write_before_saving_is_no_alarm(run):
    text = "w = torch.ones(2, requires_grad=True)\nw.data.mul_(3)\ny = (w * w).sum()"
    assert [each.alarms for each in run(text)] == [(), (), ()]


def test_the_update_of_a_training_loop_is_no_alarm(run):
    text = """\
w = torch.ones(2, requires_grad=True)
for i in range(3):
    loss = (w * w).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
"""
    assert run(text)[-1].alarms == ()
    assert rows(run(text)[-1])["w"].after.version == 3


def test_a_second_backward_adds_in_place(run):
    text = "w = torch.ones(2, requires_grad=True)\nw.sum().backward()\nw.sum().backward()"
    row = rows(run(text)[-1])["w.grad"]
    assert (row.kind, row.before.version, row.after.version) == ("gradient", 1, 2)  # the first was copied
    assert row.after.value == "[2., 2.]"


def test_a_second_name_is_the_same_object(last):
    (row,) = last("a = torch.ones(2)\nb = a").changes
    assert (row.kind, row.names, row.same_as) == ("bound", ("b",), "a")


def test_rebinding_frees_the_old_storage(last):
    step = last("a = torch.ones(2)\na = a + 1")
    assert [(each.kind, each.storage) for each in step.changes] == [("created", "s2"), ("unbound", "s1")]
    assert step.changes[1].note == "s1 freed"


def test_deleting_says_who_keeps_the_storage(last):
    text = "w = torch.ones(2, requires_grad=True)\ny = w.exp()\nz = (y * w).sum()\nd = y.detach()\ndel y"
    (row,) = last(text).changes
    assert row.kind == "unbound"
    assert row.kept_by == ("the graph (ExpBackward0, MulBackward0)", "d")


def test_tensors_in_containers_stand_under_their_path(run):
    steps = run(
        "xs = [torch.ones(2), torch.zeros(2)]\nxs.append(torch.ones(1))\nsd = {'w': torch.ones(1)}\nxs.pop(0)\ndel xs"
    )
    assert list(rows(steps[0])) == ["xs[0]", "xs[1]"]
    assert list(rows(steps[1])) == ["xs[2]"]
    assert list(rows(steps[2])) == ["sd['w']"]
    assert [(each.kind, each.note) for each in steps[3].changes] == [("unbound", "s1 freed")]
    assert [each.note for each in steps[4].changes] == ["s2 freed", "s3 freed"]


def test_a_gradient_that_is_dropped_is_a_row(run):
    step = run("w = torch.ones(2, requires_grad=True)\nw.sum().backward()\nw.grad = None")[-1]
    assert [(each.kind, each.names, each.note) for each in step.changes] == [
        ("unbound", ("w.grad",), "s2 freed")
    ]


def test_a_write_through_a_nameless_view_names_its_base(last):
    step = last("x = torch.zeros(2, 3)\nx[1, 0] = 7")
    row = rows(step)["x"]
    assert (row.kind, row.note) == ("written", "wrote element 3 of s1, through a view without a name")
    assert row.after.value == "[[0., 0., 0.], [7., 0., 0.]]"


def test_numpy_writes_change_bytes_and_no_version(run):
    steps = run("n = np.zeros(3)\nt = torch.from_numpy(n)\nn[0] = 5\nt.add_(1)\nt.numpy()[1] = 9")
    assert rows(steps[1])["t"].note == "shares s1 with n; writes through n move no version counter"
    assert rows(steps[2])["t"].note == "bytes changed, version stayed 0"
    assert rows(steps[2])["n"].kind == "written"
    assert steps[2].writes[0].silent
    assert rows(steps[3])["n"].note == "sees the write"
    assert rows(steps[4])["t"].note == "bytes changed, version stayed 1"


def test_a_numpy_write_into_saved_bytes_is_an_alarm(run):
    text = "w = torch.ones(2, requires_grad=True)\ny = w.exp()\nz = y.sum()\nn = y.detach().numpy()\nn[0] = 5"
    (alarm,) = run(text)[-1].alarms
    assert alarm.kind == "silent"


def test_metadata_changes_are_rows(last):
    row = rows(last("x = torch.ones(2)\nv = x[:1]\nx.requires_grad_()"))
    assert (row["x"].kind, row["x"].before.requires_grad, row["x"].after.requires_grad) == (
        "changed",
        False,
        True,
    )
    assert row["v"].note == "through its base x"


def test_a_statement_that_changes_nothing_has_no_rows(run):
    for text in (
        "x = torch.ones(2)\nx + 1",
        "x = torch.ones(2)\nprint(x)",
        "x = torch.ones(2)\nx.sum().item()",
    ):
        assert run(text)[-1].changes == ()


def test_more_rows_than_twenty_fold(last):
    step = last("xs = [torch.ones(1) for i in range(50)]")
    assert (len(step.changes), step.more_changes) == (20, 30)


def test_what_only_a_function_names_is_seen_too(last):
    step = last("x = torch.ones(2)\ndef f():\n    x.add_(1)\nf()")
    assert rows(step)["x"].kind == "written"


def test_looking_regenerates_no_node(run):
    """In PyTorch, reading v.grad_fn after a write to its base makes its node anew, in the order of reading."""
    text = SCENE + "d.mul_(10)\ninspect v\nstorages\nvars\nsaved"
    from tensorcli.explorer.session import Session

    session = Session()
    for _ in session.run(text):
        pass
    assert session.names["v"].view_of.version == 0
    assert type(session.names["v"].node).__name__ == "SliceBackward0"


def test_observing_changes_no_result(run):
    text = SCENE + "loss.backward()\nprint(w.grad, y._version)\nv.mul_(2)\nprint(v, y)"
    observed = "".join(each.output for each in run(text))
    quiet = "".join(each.output for each in run(text, quiet=True))
    assert observed == quiet != ""


def test_a_failing_statement_says_that_nothing_changed(run):
    step = run("x = torch.ones(3)\nx + torch.ones(2)")[-1]
    assert step.error is not None
    assert "nothing was changed" in step.error.hints


@pytest.mark.parametrize(
    "text",
    [
        "for i in range(2): seen.append(i); 1 / 0",
        "if True: n = 1; 1 / 0",
        "f()",
        "with torch.no_grad():\n    f()",
    ],
)
def test_a_block_or_a_function_that_failed_says_no_more_than_that_it_changed_no_tensor(run, text):
    (*_, step) = run(f"seen = []\ndef f():\n    seen.append(1)\n    1 / 0\n{text}")
    assert step.error is not None
    assert step.error.hints[-1] == "no tensor was changed"


@pytest.mark.parametrize("quiet", [True, False])
def test_ids_are_given_in_order_of_creation(quiet):
    from tensorcli.explorer.session import Session

    session = Session(quiet=quiet)
    for _ in session.run("x = torch.ones(2)\nx * 2\ny = (x * 3) + 1"):
        pass
    assert session.allocations.count == (0 if quiet else 2)  # temporaries get no id


def test_a_statement_costs_no_walk_over_all_names():
    """Four times as many statements make four times as many calls, whatever they share: each as many as any other."""
    import sys

    from tensorcli.explorer.session import Session

    def calls(count):
        text = f"x = torch.ones({count})\n" + "\n".join(f"v{i} = x[{i}]" for i in range(count))
        session = Session()
        program = session.read(text)
        found = 0

        def seen(frame, event, argument):
            nonlocal found
            found += 1

        sys.setprofile(seen)
        try:
            for statement in program.statements:
                session.execute(statement, text)
        finally:
            sys.setprofile(None)
        return found

    calls(50)
    assert calls(800) < 4.2 * calls(200)


def test_names_that_are_exchanged_are_told_as_the_objects_that_they_were(last):
    step = last("a = torch.ones(2)\nb = torch.zeros(2)\na, b = b, a")
    assert [(each.kind, each.names, each.note) for each in step.changes] == [
        ("bound", ("a",), "the object that was b"),
        ("bound", ("b",), "the object that was a"),
    ]


def test_a_write_into_other_elements_moves_only_the_counter(last):
    step = last("x = torch.zeros(4)\na = x[:2]\nb = x[2:]\na += 1")
    assert rows(step)["x"].note == "sees the write"
    assert rows(step)["b"].note == "other elements; the counter moved"
    assert [each.seen_by for each in step.writes] == [("x",)]


def test_a_leaf_that_loses_its_name_is_told(last):
    step = last("w = torch.ones(2, requires_grad=True)\nw = w * 2")
    note = "the leaf of line 1 has no name any more; s1 kept by the graph that leads to it"
    assert [each.note for each in step.changes if each.kind == "unbound"] == [note]


def test_a_write_that_harms_nothing_says_so(run):
    steps = run("w = torch.ones(2, requires_grad=True)\ny = w + 1\ny *= 2\nz = y.exp()\nz += 1")
    assert rows(steps[2])["y"].note.endswith("; no node had saved the old values")
    assert rows(steps[4])["z"].note == "wrote all 2 elements of s3"


def test_memory_that_is_exchanged_leaves_old_views_and_the_counter(last):
    step = last("x = torch.zeros(2)\nv = x[:1]\ny = torch.ones(2)\nx.data = y")
    note = "now in s2, shared with y; keeps its version counter, as does v, still in s1"
    assert rows(step)["x"].note == note


def test_the_hooks_of_a_pass_are_told_in_the_order_in_which_they_ran(last):
    step = last(
        "x = torch.ones(2, requires_grad=True)\na = x.clone()\nh = a.register_hook(lambda g: g * 2)\n"
        "a.retain_grad()\na *= 3\na.sum().backward()"
    )
    ran = "hooks ran: retain_grad of a (MulBackward0) → lambda g: g * 2 (CloneBackward0)"
    assert [each.note for each in step.changes if each.kind == "hooks_ran"] == [ran]


def test_what_torch_save_wrote_is_told_with_the_storages_saved_for_a_part_of_them(run):
    steps = run(
        "big = torch.zeros(1000)\ns = big[:2]\ntorch.save(s, 's.pt')\ntorch.save([s, big], 'both.pt')"
    )
    kept = "is kept in this session, and no file is written"
    notes = [[each.note for each in step.changes if each.kind == "archived"] for step in steps]
    assert notes[2:] == [
        [f"'s.pt' {kept}: 5.2 KiB, 1 tensor; s has 8 B of a storage of 3.9 KiB, all of which is saved"],
        [f"'both.pt' {kept}: 5.5 KiB, 2 tensors"],
    ]


def test_a_tensor_at_the_address_of_the_one_before_is_another():
    from tensorcli import engine as torch
    from tensorcli.explorer.engines.opening import open_engine
    from tensorcli.explorer.journal import Names
    from tensorcli.explorer.names import Index

    for _ in range(100):
        names = Names()
        names["s"] = torch.ones(2)
        index = Index(open_engine("embedded"), names)
        index.bind("s", names["s"])
        index.begin(2)
        address = id(names["s"])
        first = index.entries[address]
        names["s"] = None
        names["s"] = torch.zeros(2)
        if id(names["s"]) == address:
            index.bind("s", names["s"])
            assert index.removed == [("s", first)]
            assert [(path, entry.value is names["s"]) for path, entry in index.added] == [("s", True)]
            return
    pytest.skip("no address was used again")


def test_each_item_that_a_loop_replaces_is_a_row_though_another_gets_its_address(run):
    loop = "for i in range(3):\n    s = (torch.zeros(1) + i, torch.ones(1) * i)\n"
    _, *steps = run("s = (torch.zeros(1), torch.zeros(1))\n" + 20 * loop)
    for step in steps:
        assert [each.names for each in step.changes if each.kind == "unbound"] == [("s[0]",), ("s[1]",)]


def test_what_shares_is_named_by_the_name_that_the_statement_uses(run):
    steps = run("a = np.ones(2); t = torch.from_numpy(a); n = t.numpy(); d = t.data; e = n[1:]")
    assert rows(steps[2])["n"].note.startswith("shares s1 with t;")
    assert rows(steps[3])["d"].note.startswith("shares s1 with t;")
    assert rows(steps[4])["e"].note.startswith("shares s1 with n;")


def test_integers_take_no_gradient_from_what_is_written_into_them(run):
    steps = run(
        "k = torch.zeros(2).long(); g = torch.ones(2, requires_grad=True); k.copy_(g); k.copy_(g.detach())"
    )
    assert rows(steps[2])["k"].note.endswith("; int64 takes no gradient")
    assert not rows(steps[3])["k"].note.endswith("gradient")
