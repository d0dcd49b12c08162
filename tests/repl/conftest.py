"""The prompt in a real pseudo-terminal, its screen read back as a person would see it."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pyte = pytest.importorskip("pyte")

PATIENCE = 20.0  # seconds; nothing here takes more than two on a machine that is not busy

ENTER, TAB, ESCAPE = "\r", "\t", "\x1b"
UP, DOWN, RIGHT, F1 = "\x1b[A", "\x1b[B", "\x1b[C", "\x1bOP"


def control(letter: str) -> str:
    """What Ctrl and this letter send."""
    return chr(ord(letter.upper()) - 64)


class Prompt:
    """A process on a terminal of its own, which never answers a question about it."""

    def __init__(self, arguments: list[str], env: dict[str, str], columns: int, rows: int) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.received = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(sys.executable, [sys.executable, "-m", "tensorcli", *arguments], env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.status: int | None = None

    def type(self, *keys: str) -> "Prompt":
        """Sends keys."""
        os.write(self.fd, "".join(keys).encode())
        return self

    def entry(self, text: str) -> "Prompt":
        """Types an entry, runs it, and waits for the next prompt."""
        before = self._prompts()
        self.type(text, ENTER)
        return self.until(lambda: self._prompts() > before and self.line.strip() == "tensor>")

    def paste(self, text: str) -> "Prompt":
        """Pastes a text as a terminal does that brackets what is pasted."""
        return self.type(f"\x1b[200~{text}\x1b[201~")

    def until(self, there: str | Callable[[], bool]) -> "Prompt":
        """Reads the screen until a text, or what a function looks for, is there."""
        seen = (lambda: there in self.text) if isinstance(there, str) else there
        deadline = time.monotonic() + PATIENCE
        while not seen():
            if self.status is not None or time.monotonic() > deadline:
                raise AssertionError(f"{there!r} did not come:\n{self.text}\nstatus {self.status}")
            self._read(0.05)
        return self

    def ended(self) -> int:
        """Waits for the end of the process and gives its exit status."""
        self.until(lambda: self.status is not None or self._read(0.05))
        assert self.status is not None
        return self.status

    @property
    def text(self) -> str:
        """The screen, without the white space at the end of its lines."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    @property
    def line(self) -> str:
        """The line that the cursor is on."""
        return str(self.screen.display[self.screen.cursor.y]).rstrip()

    def _prompts(self) -> int:
        return sum(line.startswith("tensor>") for line in self.screen.display)

    def _read(self, seconds: float) -> bool:
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if data:
                self.received += data
                self._stream.feed(data)
                return False
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
            return True
        return False

    def close(self) -> None:
        """Ends what is left of the process."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The user's folder for state."""
    return tmp_path / "state"


@pytest.fixture
def open_prompt(state: Path, tmp_path: Path) -> Iterator[Callable[..., Prompt]]:
    """Opens a prompt; its history is in `state`."""
    opened: list[Prompt] = []

    def call(*arguments: str, columns: int = 80, rows: int = 40, **env: str) -> Prompt:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parent.parent.parent),
            "HOME": str(tmp_path),
            "XDG_STATE_HOME": str(state),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "OPENBLAS_NUM_THREADS": "1",
            **env,
        }
        prompt = Prompt(list(arguments), environment, columns, rows)
        opened.append(prompt)
        return prompt.until("tensor>")

    yield call
    for prompt in opened:
        prompt.close()


@pytest.fixture
def prompt(open_prompt: Callable[..., Prompt]) -> Prompt:
    """A prompt of 80 columns."""
    return open_prompt()
