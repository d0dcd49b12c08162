"""The prompt on a terminal: prompt_toolkit set up, and nothing else.

What is complete, what can be completed and what colours mean is the language's and the theme's; here they
meet prompt_toolkit. The terminal is never asked for its cursor position: one that does not answer would hold
up every entry.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER, EditingMode
from prompt_toolkit.filters import Condition, emacs_insert_mode, has_focus, is_searching, vi_insert_mode
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.processors import TabsProcessor
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Style

from tensorcli.language.tokens import highlight
from tensorcli.render.layout import cells
from tensorcli.render.prompts import CONTINUATION, PROMPT
from tensorcli.render.theme import STYLES
from tensorcli.repl.assistance import KEYS, Assistance
from tensorcli.repl.entries import next_indent, still_open, waiting_for

INDENT = 4
_COLOURS = frozenset("red green yellow blue magenta cyan".split())


class QuietTerminal(Vt100_Output):
    """A terminal that is not asked where its cursor is: the toolbar stands right below the entry."""

    def get_rows_below_cursor_position(self) -> int:
        return 1


class TokenLexer(Lexer):
    """Colours from the language's own tokens, those of a long entry once per change."""

    def __init__(self, assistance: Assistance) -> None:
        self._assistance = assistance

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        lines: list[StyleAndTextTuples] = [[] for _ in document.lines]
        position = line = 0
        for start, end, kind in [
            *highlight(document.text, self._assistance.verbs),
            (len(document.text), None, ""),
        ]:
            for text, style in (
                (document.text[position:start], ""),
                (document.text[start:end], f"class:{kind}"),
            ):
                for number, part in enumerate(text.split("\n")):
                    line += number > 0
                    if part:
                        lines[line].append((style, part))
            position = end if end is not None else position
        return lambda number: lines[number] if number < len(lines) else []


class LanguageCompleter(Completer):
    """The language's completions with their descriptions; files where a path is asked for."""

    def __init__(self, assistance: Assistance) -> None:
        self._assistance = assistance
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        try:
            found = [*self._assistance.completions(document.text, document.cursor_position)]
        except Exception:  # what cannot be looked up completes nothing, and does not disturb who types
            return
        for each in found:
            if each.kind == "path":
                yield from self._paths.get_completions(Document(each.text), complete_event)
                continue
            yield Completion(
                each.text, each.start - document.cursor_position, display_meta=each.description or each.kind
            )


def key_bindings(assistance: Assistance, unfinished: list[Document]) -> KeyBindings:
    """Enter, Tab, Backspace, Ctrl-C, F1 and F8; everything else is prompt_toolkit's emacs or vi.

    A key that runs a command leaves what was being typed in `unfinished`.
    """
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER) & ~is_searching & (vi_insert_mode | emacs_insert_mode)

    @keys.add("enter", filter=has_focus(DEFAULT_BUFFER) & ~is_searching)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None
            return
        found = still_open(buffer.text, assistance.known_verbs, assistance.names)
        if found is not None and buffer.document.is_cursor_at_the_end:
            buffer.insert_text("\n" + next_indent(buffer.document.current_line, found.reason))
        elif found is not None:
            buffer.newline(copy_margin=True)
        else:
            buffer.document = Document(buffer.text.rstrip())  # the blank line that ended a block says nothing
            buffer.validate_and_handle()

    @keys.add("tab", filter=typing & Condition(at_indent))
    def _(event: KeyPressEvent) -> None:
        column = event.current_buffer.document.cursor_position_col
        event.current_buffer.insert_text(" " * (INDENT - column % INDENT))

    @keys.add("backspace", filter=typing & Condition(at_indent))
    def _(event: KeyPressEvent) -> None:
        column = event.current_buffer.document.cursor_position_col
        event.current_buffer.delete_before_cursor((column - 1) % INDENT + 1 if column else 1)

    @keys.add(
        "c-c", filter=has_focus(DEFAULT_BUFFER) & Condition(lambda: bool(get_app().current_buffer.text))
    )
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.reset()

    @keys.add("f1")
    @keys.add("f8")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        unfinished.append(buffer.document)
        buffer.text = "help" if event.key_sequence[0].key == Keys.F1 else "undo"
        buffer.validate_and_handle()

    return keys


def at_indent() -> bool:
    """Whether only white space stands before the cursor, on a line after the first: there Tab indents, and Backspace
    takes a step of it away.
    """
    document = get_app().current_buffer.document
    return document.cursor_position_row > 0 and not document.current_line_before_cursor.strip()


def toolbar(assistance: Assistance) -> StyleAndTextTuples:
    """One line: what the entry waits for, else the state of the session."""
    text = get_app().current_buffer.text
    if "\n" in text and (found := still_open(text.rstrip(), assistance.verbs, assistance.names)):
        return [("class:bottom-toolbar.text", f" {waiting_for(found, text)}")]
    parts: StyleAndTextTuples = []
    for segment in with_room(assistance.segments(), get_app().output.get_size().columns):
        parts.append(("class:bottom-toolbar.text", " │ " if parts else " "))
        parts.append(("class:alarm" if segment.startswith("!") else "class:bottom-toolbar.text", segment))
    return parts


def with_room(segments: list[str], width: int) -> list[str]:
    """The segments that a line has room for: the keys are left out first, then the widest; an alarm stays."""
    kept = list(segments)
    while cells(" │ ".join(kept)) >= width and len(kept) > 1:
        spare = [each for each in kept if not each.startswith("!")]
        kept.remove(KEYS if KEYS in kept else max(spare or kept, key=cells))
    return kept


def prompt_style(colour: bool) -> Style:
    """The theme in prompt_toolkit's words."""
    rules = {"bottom-toolbar": "noreverse", "bottom-toolbar.text": "noreverse fg:ansibrightblack"}
    if colour:
        rules |= {name: in_prompt_words(style) for name, style in STYLES.items()}
    else:
        rules |= {"bottom-toolbar.text": "noreverse", "alarm": "bold"}
    return Style.from_dict(rules)


def in_prompt_words(style: str) -> str:
    """A style of the theme in the words of prompt_toolkit."""
    return " ".join(
        f"fg:ansi{word}" if word in _COLOURS else "fg:ansibrightblack" if word == "dim" else word
        for word in style.split()
    )


def terminal_output(stream: TextIO) -> Output:
    """The terminal as prompt_toolkit writes to it, without questions to it."""
    if sys.platform == "win32":
        from prompt_toolkit.output import create_output

        return create_output(stream)
    output = QuietTerminal.from_pty(stream)
    output.enable_cpr = False
    return output


def make_prompt(
    assistance: Assistance, history: History, *, vi: bool, colour: bool, drawn: Callable[[], object]
) -> Callable[[], str]:
    """What reads an entry; `drawn` is called once, when the prompt is on the screen for the first time."""
    unfinished: list[Document] = []
    prompt: PromptSession[str] = PromptSession(
        [("class:prompt", PROMPT)],
        multiline=True,
        prompt_continuation=[("class:muted", CONTINUATION)],
        lexer=TokenLexer(assistance) if colour else None,
        completer=LanguageCompleter(assistance),
        input_processors=[TabsProcessor(4, " ", " ")],
        complete_while_typing=False,
        complete_in_thread=False,
        auto_suggest=AutoSuggestFromHistory(),
        enable_history_search=True,
        enable_open_in_editor=True,
        enable_suspend=True,
        tempfile_suffix=".py",
        editing_mode=EditingMode.VI if vi else EditingMode.EMACS,
        history=history,
        key_bindings=key_bindings(assistance, unfinished),
        bottom_toolbar=lambda: toolbar(assistance),
        style=prompt_style(colour),
        include_default_pygments_style=False,
        color_depth=None if colour else ColorDepth.DEPTH_1_BIT,
        output=terminal_output(sys.stdout),
    )

    def once(_: object) -> None:
        prompt.app.after_render -= once
        drawn()

    prompt.app.after_render += once
    return lambda: prompt.prompt(default=unfinished.pop() if unfinished else "")
