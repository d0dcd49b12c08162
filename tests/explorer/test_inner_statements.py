"""A trace tells of each statement that ran within a statement."""

from tensorcli.explorer.session import Session


def inner(text, **options):
    *_, step = Session(trace=True, **options).run(text)
    return [
        (each.span.line, [(change.kind, change.names[0]) for change in each.changes if change.names])
        for each in step.inner
    ]


def test_a_trace_tells_of_each_statement_in_a_loop():
    text = "x = torch.zeros(2)\nfor i in range(2):\n    y = x + i\n    x.add_(y)"
    assert inner(text) == [
        (3, [("created", "y")]),
        (4, [("written", "x")]),
        (3, [("created", "y")]),
        (4, [("written", "x")]),
    ]


def test_a_trace_puts_a_write_down_to_the_statement_that_wrote():
    text = (
        "def g(a):\n    b = a * 2\n    b[0] = 7\n    return b\n"
        "def f(a):\n    c = g(a).add_(1)\n    return c\nz = f(torch.ones(2))"
    )
    assert inner(text) == [(2, [("created", "b")]), (3, [("written", "b")]), (6, [("created", "c")])]


def test_a_trace_knows_local_names_from_those_of_the_session():
    text = "x = torch.zeros(2)\ndef f():\n    x = torch.ones(2)\n    x.mul_(3)\nf()\n"
    assert inner(text + "x.add_(1)") == []
    assert inner(text) == [(3, [("created", "x")]), (4, [("written", "x")])]


def test_a_trace_puts_no_gradient_down_to_a_statement_that_only_reads_it():
    once = "w = torch.ones(2, requires_grad=True)\n"
    round_ = "w.exp().sum().backward()\nwith torch.no_grad():\n    w -= 0.1 * w.grad\nw.grad = None\n"
    steps = list(Session(trace=True).run(once + 3 * round_))
    told = [
        [(change.kind, change.names[0]) for change in each.changes] for step in steps for each in step.inner
    ]
    assert told == 3 * [[("written", "w")]]


def test_a_trace_changes_no_id_and_no_table():
    text = "x = torch.zeros(2)\nfor i in range(2):\n    y = x + i\nz = y * 2\nx.add_(1)"
    plain = [(step.changes, step.writes) for step in Session().run(text)]
    assert [(step.changes, step.writes) for step in Session(trace=True).run(text)] == plain
