"""`tensorcli compare`, `explain` and `tour`, and files that a run may write."""

import json
from pathlib import Path
from typing import Any

import pytest

from tensorcli.cli import main

SCRIPT = "w = ones(3, requires_grad=True)\ny = w.exp()\ngraph y -o "


def test_compare_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "detach", "data", "="]) == 0
    out = capsys.readouterr().out
    assert "then y.sum().backward() is" in out
    assert "WRONG" in out


def test_explain_takes_several_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "version", "counter"]) == 0
    assert capsys.readouterr().out.startswith(" version counter\n")
    assert main(["explain", "tsc-e31"]) == 0
    assert capsys.readouterr().out.startswith(" TSC-E031\n")
    assert main(["explain", "ones(2, 3).t().view(6)"]) == 0
    assert "would raise" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["explain", "nonsense"], "there is nothing to explain under 'nonsense'; try an operator"),
        (
            ["explain", "version", "conter"],
            "there is nothing to explain under 'version conter'; did you mean version counter?",
        ),
        (
            ["explain", "TSC-X001"],
            "there is no code TSC-X001; `explain errors` and `explain hazards` list them",
        ),
        (["explain", "x +"], "explain x +: expected a value after '+', found the end of the statement"),
        (["explain", "f(1"], "explain f(1: '(' is never closed"),
        (["explain", "x.sum()"], "explain x.sum(): name 'x' is not defined"),
        (["compare", "nonsense"], "compare knows no form 'nonsense'; write it as an expression of y"),
        (["tour", "nonsense"], "there is no tour 'nonsense'; the tours are tour, "),
    ],
)
def test_a_question_that_has_no_answer_is_wrong_usage(
    command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"tensorcli: {said}")
    assert err.count("\n") == 1


def test_a_tour_tells_its_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tour", "detach"]) == 0
    out = capsys.readouterr().out
    assert "# detach()" in out
    assert "tensor> d = detach y" in out


@pytest.mark.parametrize("format", ["plain", "json"])
@pytest.mark.parametrize("command", [["tour"], ["compare", "detach"], ["explain", "view"]])
def test_programs_can_read_them(command: list[str], format: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--format", format]) == 0
    out = capsys.readouterr().out
    if format == "json":
        assert json.loads(out)["result"]["type"] in ("tour", "comparison", "explanation")
    else:
        assert ": " in out


def test_a_run_writes_only_below_the_folder_it_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-c", f"{SCRIPT}g.svg"]) == 65
    assert "--allow-files" in capsys.readouterr().err
    assert main(["run", "--allow-files", str(tmp_path), "-c", f"{SCRIPT}g.svg"]) == 0
    assert (tmp_path / "g.svg").read_text("utf-8").lstrip().startswith("<?xml")
    inside = tmp_path / "inside"
    inside.mkdir()
    assert main(["run", "--allow-files", str(inside), "-c", f"{SCRIPT}../h.svg"]) == 65
    (inside / "link").symlink_to(tmp_path)
    assert main(["run", "--allow-files", str(inside), "-c", f"{SCRIPT}link/h.svg"]) == 65
    assert not (tmp_path / "h.svg").exists()
    assert main(["run", "--allow-files", str(tmp_path / "none"), "-c", "1"]) == 2


def test_a_file_that_cannot_be_written_is_the_statements_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[Any]
) -> None:
    (tmp_path / "g.svg").mkdir()
    assert main(["run", "--allow-files", str(tmp_path), "-c", f"{SCRIPT}g.svg --force"]) == 1
    assert "IsADirectoryError: g.svg cannot be written: is a directory" in capsys.readouterr().err


def test_a_graph_that_a_quiet_run_writes_names_tensors_and_statements(tmp_path: Path) -> None:
    assert main(["run", "--quiet", "--allow-files", str(tmp_path), "-c", f"{SCRIPT}g.json"]) == 0
    assert "y = w.exp()" in (tmp_path / "g.json").read_text("utf-8")


@pytest.mark.parametrize("command", ["run", "check"])
def test_commands_that_name_files_need_a_folder(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[Any]
) -> None:
    text = "x = ones(2)\nsave s.tsc"
    assert main([command, "-c", text]) == 65
    assert "--allow-files DIR" in capsys.readouterr().err
    assert main([command, "--allow-files", str(tmp_path), "-c", text]) == 0
    assert (tmp_path / "s.tsc").read_text("utf-8").endswith("\nx = ones(2)\n")
    assert main([command, "--allow-files", str(tmp_path), "-c", text]) == 1
    assert main([command, "--allow-files", str(tmp_path), "-c", f"{text} --force"]) == 0
