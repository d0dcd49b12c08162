"""The prompt as a person sees it, in a pseudo-terminal."""

import stat
import time
from pathlib import Path

ENTER, TAB, ESCAPE = "\r", "\t", "\x1b"
UP, RIGHT, F1, F8 = "\x1b[A", "\x1b[C", "\x1bOP", "\x1b[19~"
BACKSPACE = "\x7f"
CTRL_C, CTRL_D, CTRL_E, CTRL_R = "\x03", "\x04", "\x05", "\x12"


def test_a_session_from_the_start_line_to_ctrl_d(prompt) -> None:
    assert prompt.text.splitlines()[0].startswith("tensorcli 0.1 · torch-2.13 semantics on numpy 2.")
    prompt.entry("x = ones(2)")
    prompt.entry("x.add_(1)")
    assert prompt.text.splitlines()[1:9] == [
        "tensor> x = ones(2)",
        "   name  shape  dtype    storage  version  requires_grad  grad_fn",
        " + x     (2,)   float32  s1       0        False          None",
        "     [1., 1.]   new storage 8 B",
        "tensor> x.add_(1)",
        "tensor([2., 2.])",
        "   name  shape  dtype    storage  version  requires_grad  grad_fn",
        " ~ x     (2,)   float32  s1       0 → 1    False          None",
    ]
    assert "1 tensor · 1 storage · 8 B │ step 2 │ F1 help  F8 undo" in prompt.text
    assert prompt.type(CTRL_D).ended() == 0


def test_the_terminal_is_never_asked_for_its_cursor(prompt) -> None:
    began = time.monotonic()
    for number in range(3):
        prompt.entry(f"{number} + 1")
    assert b"\x1b[6n" not in prompt.received
    assert "CPR" not in prompt.text
    assert time.monotonic() - began < 10


def test_a_caret_stands_under_what_raised(prompt) -> None:
    prompt.entry("x = ones(2)").entry("z = x.detatch()")
    lines = prompt.text.splitlines()
    at = lines.index("tensor> z = x.detatch()")
    assert lines[at + 1] == "              ^^^^^^^"
    assert lines[at + 2] == " AttributeError: 'Tensor' object has no attribute 'detatch'"
    assert "did you mean detach" in lines[at + 3]


def test_an_error_within_a_function_shows_the_line_of_the_entry_that_defined_it(prompt) -> None:
    prompt.entry("double = lambda x: x.doubled").entry("double(ones(2))")
    lines = prompt.text.splitlines()
    at = lines.index("tensor> double(ones(2))")
    assert lines[at + 1 : at + 3] == [
        "      | double = lambda x: x.doubled",
        "      |                      ^^^^^^^",
    ]


def test_a_wrong_line_says_so_at_once(prompt) -> None:
    prompt.entry("x = 5 5")
    assert prompt.text.splitlines()[1:3] == ["tensor> x = 5 5", "              ^"]
    assert "SyntaxError" in prompt.text


def test_a_block_goes_on_until_a_blank_line(prompt) -> None:
    prompt.type("for i in range(2):", ENTER).until("a blank line ends the block")
    prompt.type("print(i + 40)", ENTER).entry("")
    assert prompt.text.splitlines()[1:5] == [
        "tensor> for i in range(2):",
        "    ...     print(i + 40)",
        "40",
        "41",
    ]


def test_an_open_bracket_goes_on_and_a_blank_line_gives_up(prompt) -> None:
    prompt.type("x = (1,", ENTER).until("'(' opened at line 1 is not closed")
    prompt.type("2)", ENTER).until(lambda: prompt.line == "tensor>")
    prompt.entry("x")
    assert "(1, 2)" in prompt.text
    prompt.type("y = [1,", ENTER).until("'[' opened at line 1")
    prompt.entry("")
    assert "'[' is never closed" in prompt.text


def test_a_paste_is_one_entry_run_statement_by_statement(prompt) -> None:
    prompt.paste("a = 1\nfor i in range(2):\n    a = a + i\n\nprint(a)").until("print(a)")
    prompt.entry("")
    lines = prompt.text.splitlines()
    assert lines[-3:-1] == ["2", "tensor>"] or "· print(a)" in lines
    at = lines.index("· print(a)")
    assert lines[at + 1] == "2"


def test_a_pasted_transcript_runs_its_prompt_lines(prompt) -> None:
    prompt.paste(">>> a = 20\n>>> a\n20\n>>> a + 1").until(">>> a + 1")
    prompt.entry("")
    assert prompt.text.splitlines()[-5:-1] == ["20", "· a + 1", "21", "tensor>"]


def test_a_pasted_post_runs_its_code_and_says_what_was_skipped(prompt) -> None:
    prompt.paste("Why is this so?\n```python\na = 20\na + 1\n```\nThanks").until("Thanks")
    prompt.entry("")
    assert prompt.text.splitlines()[-6:-2] == [
        " skipped 2 lines that are not input",
        "· a = 20",
        "· a + 1",
        "21",
    ]


def test_ctrl_c_clears_the_line(prompt) -> None:
    prompt.type("nonsense").until("nonsense").type(CTRL_C).until(lambda: prompt.line == "tensor>")
    prompt.type(CTRL_C).until(lambda: prompt.text.count("tensor>") == 2)
    prompt.entry("40 + 2")
    assert "42" in prompt.text


def test_ctrl_c_stops_a_statement_and_leaves_the_session(prompt) -> None:
    prompt.entry("x = 41").type("print('be' + 'gun') or sum(0 for _ in iter(int, 1))", ENTER).until("begun")
    prompt.type(CTRL_C).until("KeyboardInterrupt: interrupted").until(lambda: prompt.line == "tensor>")
    prompt.entry("x + 1")
    assert "42" in prompt.text


def test_completion_shows_methods_with_what_they_do(prompt) -> None:
    prompt.entry("x = ones(2)").type("x.detac", TAB)
    prompt.until("detach_").until("The same storage and version counter").type(CTRL_C)


def test_keywords_of_a_call_are_completed(prompt) -> None:
    prompt.type("torch.ones(2, dty", TAB).until(lambda: prompt.line == "tensor> torch.ones(2, dtype=")


def test_what_a_network_has_is_said_of_the_network(prompt) -> None:
    prompt.entry("net = nn.Linear(2, 1)").type("net.b", TAB).until("float32 (1,) s2")
    prompt.until("Convert to bfloat16").until("The buffers, each once.").type(CTRL_C)


def test_a_single_completion_is_put_in(prompt) -> None:
    prompt.entry("weights = ones(2)").type("2 * weig", TAB)
    prompt.until(lambda: prompt.line == "tensor> 2 * weights")


def test_a_sourced_statement_is_named_before_what_it_prints(prompt, tmp_path: Path) -> None:
    (tmp_path / "b.tsc").write_text("x = 3\nprint(x + 39)\ny = 5 + nope\n")
    prompt.entry(f"source {tmp_path}/b.tsc")
    lines = prompt.text.splitlines()
    at = lines.index("· print(x + 39)")
    assert lines[at + 1 : at + 3] == ["42", "· y = 5 + nope"]
    assert "b.tsc:3:9: NameError: name 'nope' is not defined" in "".join(lines)
    prompt.entry("undo").entry("x")
    assert "name 'x' is not defined" in prompt.text


def test_a_redo_names_no_statement_of_the_file_that_it_runs_again(prompt, tmp_path: Path) -> None:
    (tmp_path / "b.tsc").write_text("x = 3\n")
    prompt.entry(f"source {tmp_path}/b.tsc").entry("undo").entry("redo")
    assert prompt.text.count("· x = 3") == 1


def test_a_path_is_completed_where_a_command_wants_one(open_prompt, tmp_path: Path) -> None:
    (tmp_path / "lesson.tsc").write_text("x = 3\n")
    prompt = open_prompt(columns=len(str(tmp_path)) + 80)  # the path is not to be broken
    prompt.type(f"source {tmp_path}/less", TAB).until("lesson.tsc").entry("")
    prompt.until("1 statement")
    prompt.type("predict o", TAB, TAB).until("off")


def test_predict_asks_between_the_statement_and_its_table(prompt) -> None:
    prompt.entry("predict on")
    prompt.type("x = ones(2)", ENTER).until("which dtype will x have?").until(lambda: prompt.line == " >")
    prompt.type("float32", ENTER).until("right: x.dtype is float32   1 of 1")
    prompt.until(lambda: prompt.line == "tensor>")
    prompt.type("v = x[1:]", ENTER).until("will v share memory with x?").type("perhaps", ENTER)
    prompt.until(lambda: prompt.text.count("will v share memory") == 2).type("no", ENTER)
    prompt.until("wrong: v and x both lie in s1   1 of 2").until(lambda: prompt.line == "tensor>")


def test_ctrl_c_at_a_question_leaves_the_statement_alone(prompt) -> None:
    prompt.entry("predict on")
    prompt.type("x = ones(2)", ENTER).until(lambda: prompt.line == " >").type(CTRL_C)
    prompt.until(lambda: prompt.line == "tensor>").entry("x")
    assert "name 'x' is not defined" in prompt.text


def test_names_are_completed_with_shape_and_storage(prompt) -> None:
    prompt.entry("weights = ones(2)").entry("weird = 3").type("wei", TAB, TAB)
    prompt.until("float32 (2,) s1").until("int")


def test_up_searches_by_what_is_typed(prompt) -> None:
    prompt.entry("alpha = 1").entry("beta = 2").type("al", UP).until(
        lambda: prompt.line == "tensor> alpha = 1"
    )


def test_ctrl_r_searches_backwards_for_a_part_of_an_entry(prompt) -> None:
    prompt.entry("alpha = 1").entry("beta = 2").type(CTRL_R, "alph").until("alpha = 1")
    prompt.type(ENTER).until(lambda: prompt.line == "tensor> alpha = 1")


def test_a_suggestion_is_taken_with_the_end_key(prompt) -> None:
    prompt.entry("alpha = 1").type("alp").until(lambda: prompt.line == "tensor> alpha = 1")
    prompt.type(CTRL_E, " + 1").until(lambda: prompt.line == "tensor> alpha = 1 + 1")


def test_history_is_kept_for_the_next_prompt_and_for_nobody_else(open_prompt, state: Path) -> None:
    open_prompt().entry("alpha = 12").type(CTRL_D).ended()
    path = state / "tensorcli" / "history"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    later = open_prompt().type(UP)
    later.until(lambda: later.line == "tensor> alpha = 12")


def test_a_state_folder_that_cannot_be_made_costs_only_the_history(open_prompt, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    prompt = open_prompt(XDG_STATE_HOME=str(tmp_path / "file"))
    prompt.entry("40 + 2")
    assert "42" in prompt.text


def test_exit_leaves_with_its_status(prompt) -> None:
    assert prompt.type("exit 3", ENTER).ended() == 3


def test_quit_leaves_as_exit_does(prompt) -> None:
    assert prompt.type("quit", ENTER).ended() == 0


def test_f1_shows_help_and_gives_the_prompt_back(prompt) -> None:
    prompt.type(F1).until("expect EXPECTATION").until(lambda: prompt.line == "tensor>")


def test_a_key_that_runs_a_command_leaves_what_is_being_typed(prompt) -> None:
    prompt.entry("x = 1").type("y = x + ", F8).until("undid line 1: x = 1")
    prompt.until(lambda: prompt.line == "tensor> y = x +")
    prompt.type(CTRL_C)


def test_vi_keys_edit_the_line_where_they_are_asked_for(open_prompt) -> None:
    prompt = open_prompt("repl", "--vi")
    prompt.type("42 + ", ESCAPE)
    time.sleep(0.7)  # an escape alone is known only when nothing follows
    prompt.type("xx0i100").until(lambda: prompt.line == "tensor> 10042")
    prompt.type(CTRL_C)


def test_without_colour_there_are_no_colours(open_prompt) -> None:
    prompt = open_prompt(NO_COLOR="1")
    prompt.entry("x = ones(2)")
    assert {cell.fg for row in prompt.screen.buffer.values() for cell in row.values()} == {"default"}


def test_the_language_is_coloured(prompt) -> None:
    prompt.type("x = 'text'").until("'text'")
    row = prompt.screen.buffer[prompt.screen.cursor.y]
    assert row[12].fg == "green"
    prompt.type(CTRL_C)


def test_a_dumb_terminal_gets_plain_lines(open_prompt) -> None:
    prompt = open_prompt(TERM="dumb")
    prompt.type("x = ones(2)\n").until(" + x ")
    prompt.until(lambda: prompt.line.startswith("tensor>"))
    assert b"\x1b" not in prompt.received
    prompt.type(CTRL_D).ended()
    assert prompt.received.endswith(b"tensor> \r\n")


def test_the_toolbar_leaves_its_keys_out_where_they_have_no_room(open_prompt) -> None:
    prompt = open_prompt(columns=50).until("tensor>").entry("x = ones(2)").until("step 1")
    assert "1 tensor · 1 storage · 8 B │ step 1" in prompt.text
    assert "F1" not in prompt.text


def test_wide_characters_have_their_caret_in_the_right_cell(prompt) -> None:
    prompt.entry("x = ones(2)").entry("'日本' + x.foo")
    lines = prompt.screen.display
    at = next(number for number, line in enumerate(lines) if "日" in line)
    buffer = prompt.screen.buffer[at + 1]
    carets = [column for column in range(80) if buffer[column].data == "^"]
    dot = next(column for column in range(80) if prompt.screen.buffer[at][column].data == ".")
    assert carets == [dot + 1, dot + 2, dot + 3]


def test_an_alarm_stays_in_a_toolbar_without_room(open_prompt) -> None:
    prompt = open_prompt(columns=40).entry("w = ones(2, requires_grad=True)").entry("y = w.exp()")
    prompt.entry("y.detach().zero_()").until("step 3 │ ! 1 stale save")
    assert "2 tensors" not in prompt.text.splitlines()[-1]


def test_a_tour_that_is_longer_than_the_screen_goes_on_by_chapters(open_prompt) -> None:
    prompt = open_prompt(rows=34)  # the first chapter fits
    prompt.type("tour", ENTER).until("First a leaf").until("q ends the tour")
    assert "backward() gives w its gradient" not in prompt.text
    prompt.type(ENTER).until("backward() gives w its gradient").until("q ends the tour")
    prompt.type("q", ENTER).until(lambda: prompt.line == "tensor>")
    assert "One write" not in prompt.text
    assert "q ends" not in prompt.text
    prompt.type("tour", ENTER).until("q ends the tour").type(CTRL_C)
    prompt.until(lambda: prompt.line == "tensor>").type("40 + 2", ENTER).until("42")


def test_a_tour_in_the_shell_goes_on_by_chapters(open_prompt) -> None:
    prompt = open_prompt("tour", "views", rows=24).until("q ends the tour")
    assert "more: tour" not in prompt.text
    assert prompt.type(ENTER * 20).ended() == 0
    assert "more: tour" in prompt.text


def test_backspace_takes_a_step_of_the_indent_away(prompt) -> None:
    prompt.type("try:", ENTER, "1/0", ENTER, BACKSPACE, "except ZeroDivisionError:", ENTER, "print(40 + 2)")
    prompt.until("    ...     print(40 + 2)").type(ENTER, ENTER).until(lambda: prompt.line == "tensor>")
    assert "\n42\n" in prompt.text
    prompt.type("if x:", ENTER, BACKSPACE, BACKSPACE).until(lambda: prompt.line == "tensor> if x:")
    prompt.type(CTRL_C)
