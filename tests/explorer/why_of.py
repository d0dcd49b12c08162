"""What `why` answers about a text that fails."""

from tensorcli.explorer.results import Why
from tensorcli.explorer.session import Session


def asked(text: str, what: str = "", session: Session | None = None) -> Why:
    """The answer of `why`, or of `why WHAT`, as the last line of the text."""
    *_, last = (session or Session()).run(f"{text}\nwhy {what}", "program.tsc", keep_going=True)
    assert isinstance(last.result, Why)
    return last.result
