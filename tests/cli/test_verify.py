"""`tensorcli verify`: exit statuses and forms."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

SAME = b"w = tensor([1., 2.], requires_grad=True)\nw.add_(1)\n(w * 2).sum().backward()\nw.grad\n"
APART = b"shape = [1] * 65\nx = torch.ones(shape)\ny = 1\n"
"""PyTorch's tensors have any number of dimensions, numpy's arrays 64."""
SAID = "RuntimeError: only tensors with up to 64 dims are supported"


def test_scripts_that_agree_give_0_errors_and_all(run, tmp_path) -> None:
    (tmp_path / "same.tsc").write_bytes(SAME)
    done = run("verify", "same.tsc")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(" same.tsc: 4 statements, no difference from PyTorch 2.")


def test_a_difference_gives_5_with_its_place(run) -> None:
    done = run("verify", "-", stdin=APART)
    assert done.status == 5
    assert done.out.splitlines()[:4] == [
        "<stdin>:2:1: error differs",
        "    2 | x = torch.ones(shape)",
        "  PyTorch    no error",
        f"  tensorcli  {SAID}",
    ]


def test_the_document_shows_what_comes_out(run, tmp_path) -> None:
    text = (Path(__file__).parent.parent.parent / "docs/command-line.md").read_text("utf-8")
    (block,) = re.findall(r"```text\n\$ cat deep\.tsc\n(.*?)```", text, re.DOTALL)
    script, _, shown = block.partition("$ tensorcli verify deep.tsc; echo $?\n")
    (tmp_path / "deep.tsc").write_text(script)
    done = run("verify", "deep.tsc")
    version = re.compile(r"PyTorch 2\S+")
    assert version.sub("", f"{done.out}{done.status}\n") == version.sub("", shown)


def test_json_is_one_object_a_script(run, tmp_path) -> None:
    (tmp_path / "same.tsc").write_bytes(SAME)
    done = run("verify", "--json", "same.tsc", "-", stdin=APART)
    same, apart = map(json.loads, done.out.splitlines())
    assert (same["name"], same["rows"]) == ("same.tsc", [])
    (row,) = apart["rows"]
    assert {key: row[key] for key in ("index", "where", "fact", "pytorch", "ours")} == {
        "index": 2,
        "where": "error",
        "fact": "",
        "pytorch": "no error",
        "ours": SAID,
    }
    assert same["schema"] == 1


def test_plain_is_a_fact_a_line(run) -> None:
    lines = run("verify", "--format", "plain", "-", stdin=APART).out.splitlines()
    assert lines[:3] == [
        "<stdin>.line 2.error: PyTorch no error",
        f"<stdin>.line 2.error: tensorcli {SAID}",
        "<stdin>.statements: 3",
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("nope.tsc",), 66, "nope.tsc: no such file"),
        (("-c", "x = = 1"), 65, "<command>:1:5: SyntaxError"),
        (("-c", "source x.tsc"), 65, "source names a file, and this run allows none"),
        (("-c", "1", "x.tsc"), 2, "not both"),
        (("--json", "--format", "plain", "-c", "1"), 2, "exclude each other"),
    ],
)
def test_what_cannot_be_verified(run, arguments: tuple[str, ...], status: int, said: str) -> None:
    done = run("verify", *arguments)
    assert done.status == status
    assert said in done.err


def test_without_pytorch_it_says_what_to_install(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = run("verify", "-c", "1")
    assert (done.status, done.out) == (69, "")
    assert "pip install 'tensorcli[torch]'" in done.err


def test_the_first_failure_decides_over_several_files(run, tmp_path) -> None:
    (tmp_path / "apart.tsc").write_bytes(APART)
    (tmp_path / "wrong.tsc").write_bytes(b"x = = 1")
    assert run("verify", "apart.tsc", "wrong.tsc").status == 5
    assert run("verify", "wrong.tsc", "apart.tsc").status == 65
