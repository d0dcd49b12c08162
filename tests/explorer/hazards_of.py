"""Which hazards a text has."""

from pathlib import Path

from tensorcli.explorer.session import Session

TRAININGS = sorted((Path(__file__).parent / "trainings").glob("*.tsc"))


def check(text, **options):
    """The hazards of a text as (code, line)."""
    session = Session(checking=True, **options)
    steps = list(session.run(text, "demo.tsc", keep_going=True))
    assert [each.error for each in steps if each.error and each.error.kind == "language"] == []
    return [(each.code, each.span.line) for each in session.hazards]


def texts(text, code, **options):
    session = Session(checking=True, **options)
    list(session.run(text, "demo.tsc", keep_going=True))
    return [each.text for each in session.hazards if each.code == code]


def agreed(text):
    """The hazards of a text, which a session that only checks words as one with tables does."""
    tables, checking = Session(), Session(checking=True)
    for session in (tables, checking):
        list(session.run(text, "demo.tsc", keep_going=True))
    assert tables.hazards == checking.hazards
    return [(each.code, each.span.line) for each in checking.hazards]


TRAIN = "w = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
