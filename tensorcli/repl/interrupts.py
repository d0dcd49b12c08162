"""Ctrl-C while a statement runs: the first raises KeyboardInterrupt, one more within a kernel ends the
process.

Python sees a signal only between two of its own instructions, and a long kernel has none. So a thread reads the signals from
a pipe: if the first has not been handled when the second arrives, it ends the process with status 130.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType, TracebackType

INTERRUPTED = 130


class Interrupts:
    """A context in which statements run; it needs the main thread, and does nothing on any other."""

    def __init__(self) -> None:
        self._unheard = 0
        self._active = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Interrupts:
        if self._active:
            self._read, self._write = os.pipe()
            os.set_blocking(self._write, False)
            self._handler = signal.signal(signal.SIGINT, self._heard)
            self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
            threading.Thread(target=self._watch, args=(self._read,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._active:
            signal.set_wakeup_fd(self._wakeup)
            signal.signal(signal.SIGINT, self._handler)
            os.close(self._write)
            # CPython notes that a KeyboardInterrupt left a text which was being executed (a dataclass in the making, for
            # one), and ends the process by the signal, whoever handled it since. The next text makes it forget.
            exec("")

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self._unheard = 0
        raise KeyboardInterrupt

    def _watch(self, read: int) -> None:
        while signals := os.read(read, 16):
            self._unheard += signals.count(signal.SIGINT)
            if self._unheard > 1:
                sys.stderr.write("\n")
                os._exit(INTERRUPTED)
        os.close(read)
