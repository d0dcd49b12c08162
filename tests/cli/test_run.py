"""`tensorcli run`: sources, formats, errors and exit statuses."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

STALE = """\
w = ones(3, requires_grad=True)
y = w.exp()
d = y.detach()
expect d shares y
loss = (y * w).sum()
d.mul_(10)
expect y._version == 1
expect raises "modified by an inplace operation": loss.backward()
"""


def test_quiet_prints_only_what_print_printed(run, tmp_path: Path) -> None:
    Path("a.py").write_text("import torch\nx = torch.ones(2)\nx\nprint(x)\nx.add_(1)\n")
    done = run("run", "--quiet", "a.py")
    assert (done.status, done.out, done.err) == (0, "tensor([1., 1.])\n", "")


def test_old_output_of_a_transcript_is_skipped_with_a_count(run) -> None:
    Path("a.txt").write_text(">>> x = 1\n>>> print(x)\n9\n\n>>> x\n9\n")
    done = run("run", "--quiet", "a.txt")
    assert (done.status, done.out) == (0, "1\n")
    assert done.err == "tensorcli: a.txt: skipped 2 lines that are not input\n"


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--seed=x", "'x' is not a whole number"),
        ("--simulate-cuda=65", "65 is not between 0 and 64"),
        ("--simulate-cuda=-1", "-1 is not between 0 and 64"),
    ],
)
def test_what_is_no_whole_number_is_wrong_usage(run, flag: str, said: str) -> None:
    done = run("run", flag, "-c", "1")
    assert (done.status, done.out) == (2, "")
    assert done.err.endswith(f"{said}\n")


def test_a_file_alone_is_run(run) -> None:
    Path("a.tsc").write_text("print(1)\n")
    assert run("a.tsc") == run("run", "a.tsc")
    assert run("a.tsc").out == "1\n"


def test_options_without_a_command_are_for_run(run) -> None:
    assert run("--quiet", "-c", "x = ones(2); print(x)").out == "tensor([1., 1.])\n"


def test_standard_input_is_run_where_it_is_no_terminal(run) -> None:
    assert run(stdin=b"print(1)\n").out == "1\n"
    assert run("run", stdin=b"print(1)\n").out == "1\n"
    assert run("-", stdin=b"print(1)\n").out == "1\n"


def test_run_without_a_script_on_a_terminal_is_wrong_usage(run) -> None:
    done = run("run", stdin=None)
    assert done.status == 2
    assert "name a script" in done.err


def test_the_text_form_shows_values_and_what_changed(run) -> None:
    done = run("-c", "x = ones(2)\nx.add_(1)")
    head = "   name  shape  dtype    storage  version  requires_grad  grad_fn  value     note\n"
    assert done.out == (
        f"{head}"
        " + x     (2,)   float32  s1       0        False          None     [1., 1.]  new storage 8 B\n"
        f"tensor([2., 2.])\n{head}"
        " ~ x     (2,)   float32  s1       0 → 1    False          None     [2., 2.]  "
        "wrote all 2 elements of s1\n"
    )


def test_echo_shows_each_statement_before_its_results(run) -> None:
    done = run("--echo", "-c", "for i in range(2):\n    print(i)\n3 + 4")
    assert done.out == "tensor> for i in range(2):\n    ...     print(i)\n0\n1\ntensor> 3 + 4\n7\n"


def test_an_echoed_session_can_be_run_again(run) -> None:
    first = run("--echo", "-c", "x = 3\nfor i in range(2): print(i)\n\nx")
    Path("again.tsc").write_text(first.out)
    assert run("--echo", "again.tsc").out == first.out


def test_a_pipe_gets_no_escapes_and_a_terminal_colour(run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in run("-c", "x = ones(2)").out
    assert "\x1b[" in run("-c", "x = ones(2)", terminal=True).out
    assert "\x1b" not in run("--color", "never", "-c", "x = ones(2)", terminal=True).out
    assert "\x1b[" in run("--color", "always", "-c", "x = ones(2)").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("-c", "x = ones(2)", terminal=True).out


def test_a_terminal_sets_the_width(run) -> None:
    done = run("--color", "never", "-c", "x = ones(2, 3, requires_grad=True) * 2", terminal=True)
    assert max(map(len, done.out.splitlines())) <= 80


def test_the_plain_form_is_for_grep(run) -> None:
    Path("stale.tsc").write_text(STALE)
    done = run("run", "stale.tsc", "--format", "plain")
    assert done.status == 0
    assert [line for line in done.out.splitlines() if line.startswith("s2.version")] == [
        "s2.version: 0 -> 1 (via d, seen by y)"
    ]


def test_json_is_an_object_a_statement(run) -> None:
    Path("stale.tsc").write_text(STALE)
    done = run("run", "stale.tsc", "--json")
    steps = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 0
    assert [step["step"] for step in steps] == list(range(1, 9))
    writes = [step["source"] for step in steps if any(each["kind"] == "write" for each in step["changes"])]
    assert writes == ["d.mul_(10)"]


def test_a_json_error_is_in_the_object_and_on_standard_error(run) -> None:
    done = run("--json", "-c", "print(1)\nx = nothing")
    first, second = map(json.loads, done.out.splitlines())
    assert (first["ok"], first["output"]) == (True, "1\n")
    assert second["ok"] is False
    error = second["error"]
    assert (error["type"], error["line"], error["column"]) == ("NameError", 2, 5)
    assert done.err.startswith("<command>:2:5: NameError: name 'nothing' is not defined\n")
    assert done.status == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_json_in_every_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    from tensorcli.cli import main

    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
    assert main(["run", "--json", "-c", "x = 'é你😀'\nprint(x, '\\ud800')"]) == 0
    first, second = map(json.loads, written.getvalue().decode(encoding).splitlines())
    assert first["source"] == "x = 'é你😀'"
    assert second["output"] == "é你😀 \ud800\n"


def test_quiet_and_another_format_exclude_each_other(run) -> None:
    assert run("--quiet", "--json", "-c", "1").status == 2
    assert run("--json", "--format", "plain", "-c", "1").status == 2
    assert run("-c", "1", "a.tsc").status == 2


def test_an_error_is_one_that_an_editor_can_jump_to(run) -> None:
    Path("demo.py").write_text(
        "import torch\ndef f(x):\n    return x.foo\n\nfor i in [1]:\n    f(torch.ones(2))\n"
    )
    done = run("run", "--quiet", "demo.py")
    assert (done.status, done.out) == (1, "")
    lines = done.err.splitlines()
    assert lines[0] == "demo.py:3:14: AttributeError: 'Tensor' object has no attribute 'foo'"
    assert lines[1:3] == ["    3 |     return x.foo", "      |              ^^^"]
    assert lines[3:5] == ["  in the statement at line 5", "  TSC-E082: tensorcli explain TSC-E082"]


def test_what_was_printed_before_an_error_is_printed(run) -> None:
    done = run("-c", "print(1)\n1/0\nprint(2)")
    assert (done.status, done.out) == (1, "1\n")
    assert done.err.startswith("<command>:2:1: ZeroDivisionError: division by zero\n")


def test_keep_going_goes_on_and_the_first_failure_decides(run) -> None:
    done = run("--keep-going", "-c", "1/0\nprint(2)\nassert False\nprint(3)")
    assert (done.status, done.out) == (1, "2\n3\n")
    assert run("--keep-going", "-c", "assert False\n1/0").status == 3


def test_each_file_is_a_session_of_its_own(run) -> None:
    Path("a.tsc").write_text("x = 1\nprint('a')\n")
    Path("b.tsc").write_text("print('b')\nprint(x)\n")
    done = run("run", "a.tsc", "b.tsc")
    assert (done.status, done.out) == (1, "a\nb\n")
    assert "b.tsc:2:7: NameError" in done.err


def test_a_failing_file_ends_the_run_unless_it_keeps_going(run) -> None:
    Path("a.tsc").write_text("assert False\n")
    Path("b.tsc").write_text("print('b')\n")
    assert (run("run", "a.tsc", "b.tsc").status, run("run", "a.tsc", "b.tsc").out) == (3, "")
    kept = run("run", "--keep-going", "a.tsc", "b.tsc")
    assert (kept.status, kept.out) == (3, "b\n")


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("print(1)", 0, ""),
        ("1/0", 1, "ZeroDivisionError: division by zero"),
        ("raise SystemError('x')", 1, ""),
        ("assert 1 == 2, 'no'", 3, "AssertionError: no"),
        ("x = ones(2)\nexpect x._version == 1", 3, "expected x._version == 1"),
        ("print(1", 65, "'(' is never closed"),
        ("print(1)\nclass A: pass", 65, "class is not part of the language"),
        ("x = 5 5", 65, ""),
        ("torch.ones(2).cuda()", 69, "Torch not compiled with CUDA enabled"),
        ("exit 7", 7, ""),
        ("", 0, ""),
    ],
)
def test_each_kind_of_end_has_its_exit_status_and_its_words(run, text: str, status: int, said: str) -> None:
    done = run("-c", text)
    assert done.status == status, done.err
    assert said in done.err


def test_nothing_runs_where_a_line_does_not_parse(run) -> None:
    done = run("-c", "print(1)\nx = (")
    assert (done.status, done.out) == (65, "")
    assert done.err.splitlines()[:3] == [
        "<command>:2:5: SyntaxError: '(' is never closed",
        "    2 | x = (",
        "      |     ^",
    ]


def test_a_missing_file_is_66(run) -> None:
    done = run("run", "missing.tsc")
    assert (done.status, done.err) == (66, "tensorcli: missing.tsc: no such file\n")


def test_a_folder_is_no_script(run) -> None:
    Path("folder.tsc").mkdir()
    done = run("folder.tsc")
    assert (done.status, done.err) == (66, "tensorcli: folder.tsc: is a directory, not a script\n")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_66(run) -> None:
    path = Path("secret.tsc")
    path.write_text("print(1)")
    path.chmod(0)
    assert run("secret.tsc").status == 66


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that is in use cannot be removed there")
def test_a_session_goes_on_where_its_folder_is_gone(
    run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    done = run("repl", stdin=f"x = 1\nsave x.tsc\nsave {tmp_path}/y.tsc\nx\n".encode())
    assert done.out == f" wrote {tmp_path}/y.tsc: 1 statement\n1\n"
    assert "the folder in which this was started is gone: write a full path" in done.err
    assert run("run", "--allow-files", ".", "-c", "save x.tsc").status == 65
    monkeypatch.chdir(tmp_path)


def test_closed_standard_input_is_said(run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorcli.cli import main

    monkeypatch.setattr(sys, "stdin", None)
    assert main(["run", "-"]) == 66


@pytest.mark.parametrize("text", [b"\xff\xfe\x00\x01", b"\x7fELF\x02\x01\x01\x00\x00", b"\x00" * 100])
def test_a_binary_file_is_refused_and_not_shown(run, text: bytes) -> None:
    Path("a.tsc").write_bytes(text)
    done = run("a.tsc")
    assert (done.status, done.out) == (65, "")
    assert done.err.isascii()
    assert done.err.startswith("a.tsc:1:")


def test_utf_16_is_named_where_a_file_begins_so(run) -> None:
    Path("a.tsc").write_text("x = ones(2)\n", encoding="utf-16")
    done = run("a.tsc")
    assert (done.status, done.out) == (65, "")
    assert "UTF-16" in done.err


def test_an_empty_file_does_nothing(run) -> None:
    Path("a.tsc").write_bytes(b"")
    assert run("a.tsc") == type(run("a.tsc"))(0, "", "")


def test_a_byte_order_mark_and_crlf_are_read(run) -> None:
    Path("a.tsc").write_bytes(b"\xef\xbb\xbfx = 1\r\nif x:\r\n    print(x)\r\n")
    assert run("a.tsc").out == "1\n"


def test_a_line_of_a_megabyte_is_answered_with_an_excerpt(run) -> None:
    Path("a.tsc").write_text("x = [" + "1.000000, " * 105_000 + "2]\nprint(len(x))\n")
    assert run("a.tsc").out == "105001\n"
    Path("b.tsc").write_text("x = " + "(1 + " * 200_000)
    done = run("b.tsc")
    assert done.status == 65
    assert max(map(len, done.err.splitlines())) < 250


def test_a_warning_names_file_and_line_once(run) -> None:
    Path("w.tsc").write_text("import torch\nfor i in range(2):\n    ones(2, 3, 4).T\n")
    done = run("--quiet", "w.tsc")
    assert done.status == 0
    assert done.err.count("w.tsc:3: warning: UserWarning: The use of `x.T` on tensors of dimension") == 1


def test_a_command_of_the_prompt_is_said_to_be_one(run) -> None:
    done = run("inspect")
    assert done.status == 2
    assert "inspect is a command of the prompt" in done.err


def test_a_misspelt_command_is_wrong_usage(run) -> None:
    done = run("rnu", "a.tsc")
    assert done.status == 2
    assert "did you mean run?" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bogus"],
        ["run", "--seed", "x", "a"],
        ["run", "--seed", str(2**64), "a"],
        ["run", "--seed", str(-(2**63) - 1), "a"],
        ["run", "--max-bytes", "lots", "a"],
    ],
)
def test_wrong_usage_is_2_and_says_how_to_get_help(run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "--help" in done.err


def test_the_largest_tensor_can_be_set(run) -> None:
    done = run("--max-bytes", "1K", "-c", "x = ones(1000)")
    assert done.status == 1
    assert run("--max-bytes", "1M", "-c", "x = ones(1000)").status == 0


def test_the_seed_decides_the_random_numbers(run) -> None:
    draw = ("--quiet", "-c", "print(torch.rand(2))")
    assert run("--seed", "3", *draw).out == run("--quiet", "-c", "torch.manual_seed(3)\n" + draw[2]).out
    for seed in ("-1", str(2**64 - 1), str(-(2**63))):
        assert run("--seed", seed, "--quiet", "-c", "print(torch.rand(2), np.random.rand())").status == 0
    assert run(*draw).out == run("--seed", "0", *draw).out != run("--seed", "3", *draw).out


@pytest.mark.parametrize("form", [[], ["--json"], ["--format", "plain"], ["--quiet"], ["--echo"]])
def test_the_same_script_prints_the_same_bytes(run, form: list[str]) -> None:
    Path("stale.tsc").write_text(STALE + "print(id(w), w)\ntorch.rand(3)\nstorages\nvars\ninspect y\n")
    assert run("run", *form, "stale.tsc") == run("run", *form, "stale.tsc")


@pytest.mark.parametrize(
    ("form", "script"),
    [
        (["--quiet"], "i = 0\nwhile i < 10**9: print(i); i += 1"),  # stopped within a statement
        ([], "ones(2)\n" * 5000),
        (["--json"], "print(1)\n" * 5000),
    ],
)
def test_a_reader_that_goes_away_ends_the_run_quietly(tmp_path: Path, form: list[str], script: str) -> None:
    (tmp_path / "long.tsc").write_text(script)
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorcli", "run", *form, str(tmp_path / "long.tsc")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 141


def test_an_interrupt_stops_any_loop_with_130(tmp_path: Path) -> None:
    (tmp_path / "loop.tsc").write_text("print('begun')\nwhile True: pass\n")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "tensorcli", "run", str(tmp_path / "loop.tsc")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err


def test_an_interrupt_that_was_handled_does_not_end_the_process_later() -> None:
    text = (
        "from tensorcli.repl.interrupts import Interrupts\n"
        "try:\n    with Interrupts():\n        exec('raise KeyboardInterrupt')\n"
        "except KeyboardInterrupt:\n    print('handled')\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n")


def test_several_texts_are_one_script(run) -> None:
    done = run("run", "-q", "-c", "x = 40", "-c", "for i in range(2): x += 1", "-c", "print(x); y")
    assert (done.status, done.out) == (1, "42\n")
    assert done.err.startswith("<command>:3:11: NameError: name 'y' is not defined")


def test_a_statement_that_met_a_limit_says_that_it_was_taken_back(run) -> None:
    done = run("run", "--max-bytes", "100", "-c", "x = ones(2)\nx.add_(1); y = ones(100)")
    assert "the limit is 100 (--max-bytes)" in done.err
    assert "the statement was taken back: nothing was changed" in done.err


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts so")
@pytest.mark.parametrize(
    "taken",
    ["[0] * 10**6", "'a' * 10**6", "np.ones(10**6)", "torch.ones(10**6)"],
    ids=lambda taken: taken[:6],
)
def test_what_no_guard_foresaw_ends_where_the_free_memory_does(taken: str) -> None:
    text = f"x = 1; kept = []\nwhile True: kept.append({taken})\nprint(x, kept)"
    program = (
        "import sys\nfrom tensorcli.cli import main\nfrom tensorcli.repl import memory\n"
        "memory._most = lambda: memory._number('/proc/self/status', 'VmData') + (400 << 20)\n"
        f"sys.exit(main(['run', '--quiet', '--keep-going', '-c', {text!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "1 []\n")
    assert "MemoryError: " in done.stderr


def test_the_limit_of_memory_ends_with_the_statements() -> None:
    from tensorcli.repl.memory import free_memory_alone

    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with free_memory_alone():
        assert (
            resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY or sys.platform != "linux"
        )
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({"memory.max": "max", "memory.current": "5"}, None),
        (
            {
                "memory.max": "1000",
                "memory.current": "900",
                "memory.stat": "inactive_file 300\nactive_file 100",
            },
            500,
        ),
        ({"memory/memory.limit_in_bytes": str(1 << 62), "memory/memory.usage_in_bytes": "9"}, None),
        ({"memory/memory.limit_in_bytes": "100", "memory/memory.usage_in_bytes": "90"}, 10),
        ({}, None),
    ],
)
def test_a_container_has_the_memory_that_it_was_given(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, str], left: int | None
) -> None:
    from tensorcli.repl import memory

    monkeypatch.setattr(memory, "_text", lambda path: files.get(path.removeprefix("/sys/fs/cgroup/"), ""))
    assert memory._of_group() == left
