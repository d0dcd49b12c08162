"""`export` shows a session as text, as Markdown and as a page, and changes nothing."""

import json

from tensorcli.explorer.results import Written
from tensorcli.explorer.session import Session
from tensorcli.explorer.snapshot import snapshot
from tests.explorer.desk import Desk, errors, ran


def test_a_transcript_shows_what_each_statement_showed(desk: Desk) -> None:
    session = desk.session()
    steps = ran(session, "x = ones(2)\nprint(x)\nx + ones(3)\ninspect x\nx[0] = 5\nx")
    assert errors(ran(session, "export s.json")) == []
    lines = [json.loads(line) for line in desk.read("s.json").splitlines()]
    assert [line["source"] for line in lines] == [step.source for step in steps]
    from tensorcli.render.json import step_object

    for line, step in zip(lines, steps, strict=True):
        assert line == json.loads(json.dumps(step_object(step)))


def test_a_transcript_can_be_pasted_into_a_session(desk: Desk) -> None:
    desk.write("b.tsc", "w = ones(2)\nfor i in range(2):\n    w.add_(1)\n")
    session = desk.session()
    text = (
        "x = ones(2, requires_grad=True)\nx + ones(3)\nsource b.tsc\nsum x\ngraph x * 2 -o x.dot\nsave s.tsc"
    )
    ran(session, text)
    before = snapshot(session)
    assert errors(ran(session, "export s.txt\nexport s.md")) == []
    for name in ("s.txt", "s.md"):
        again = Session()
        (*_, last) = ran(again, desk.read(name))
        assert last.index > 0, "the transcript does not parse"
        assert snapshot(again) == before


def test_markdown_is_one_fenced_block_whatever_was_printed(desk: Desk) -> None:
    session = desk.session()
    ran(session, "print('```')\nexport s.md")
    fence, *body = desk.read("s.md").splitlines()[2:]
    assert fence == "````text"
    assert body[-1] == "````"


def test_a_page_has_no_tag_of_the_sessions_and_needs_nothing_else(desk: Desk) -> None:
    from html.parser import HTMLParser

    session = desk.session()
    ran(
        session, "print('<script>alert(1)</script> & co')\nx = ones(2)\nx.add_(1)\nx + ones(3)\nexport s.html"
    )
    page = desk.read("s.html")
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append(tag)
            assert not {"src", "href"} & {name for name, _ in attrs}

    Tags().feed(page)
    assert "script" not in tags
    assert tags.count("section") == 4
    assert "prefers-color-scheme: dark" in page
    assert "&lt;script&gt;" in page


def test_a_transcript_of_a_session_that_asked_shows_that_it_was_asked(desk: Desk) -> None:
    session = desk.session()
    session.ask = lambda question: "yes"
    ran(session, "set rows 5\npredict on\nx = ones(2)\nexport s.txt")
    assert " predict is on   no answers yet\n" in desk.read("s.txt")


def test_every_colour_of_the_page_can_be_read_on_it() -> None:
    import re

    from tensorcli.render.transcript import COLOURS, PAGE

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (
            each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(one: str, other: str) -> float:
        high, low = sorted((luminance(one), luminance(other)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    light, dark = re.findall(r"--page: (#\w+)", PAGE)
    for on_light, on_dark in COLOURS.values():
        assert contrast(on_light, light) >= 4.5, on_light
        assert contrast(on_dark, dark) >= 4.5, on_dark


def test_a_table_of_a_transcript_fits_its_width(desk: Desk) -> None:
    session = desk.session()
    ran(
        session,
        "w = torch.randn(6, 20, requires_grad=True)\ny = w.exp()\nd = y.detach()\nd.mul_(2)\nexport s.md",
    )
    lines = desk.read("s.md").splitlines()
    assert max(len(line) for line in lines if not line.startswith(("tensor(", "        ["))) <= 100
    assert not [line for line in lines if line != line.rstrip()]


def test_exporting_changes_nothing_and_writes_nothing_else(desk: Desk) -> None:
    session = desk.session()
    ran(session, "x = torch.rand(2, requires_grad=True)\ngraph x -o x.dot\nsave s.tsc")
    (desk.folder / "x.dot").unlink()
    before = snapshot(session)
    (step,) = ran(session, "export s.txt")
    assert step.result == Written("s.txt", "transcript", 3)
    assert snapshot(session) == before
    assert sorted(each.name for each in desk.folder.iterdir()) == ["s.tsc", "s.txt"]
    assert " wrote s.tsc: 2 statements\n" in desk.read("s.txt")
    assert ran(session, "torch.rand(1)")[0].value.text == "tensor([0.0885])"
