"""Transcripts: blocks of Python at a `>>> ` prompt with what they print, warn and raise.

The same runner makes the record (on PyTorch) and the replay (on the engine), so a record differs from a replay only where
the engines do.
"""

import ast
import contextlib
import copy
import io
import pickle
import re
import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Transcript:
    """One titled transcript: its blocks of source, and the whole text as recorded."""

    title: str
    blocks: tuple[str, ...]
    text: str

    @property
    def key(self) -> str:
        return self.title.split()[0]


def read(text: str) -> list[Transcript]:
    """The transcripts of a file: `# title` lines, each followed by its transcript."""
    found = []
    for part in re.split(r"^# ", text, flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        blocks: list[list[str]] = []
        for line in body.splitlines():
            if line.startswith(">>> "):
                blocks.append([line[4:]])
            elif line.startswith("... "):
                blocks[-1].append(line[4:])
        found.append(Transcript(title.strip(), tuple("\n".join(b) for b in blocks), body.strip()))
    return found


def run(torch: ModuleType, blocks: tuple[str, ...]) -> str:
    """The transcript of these blocks on an engine, in a fresh namespace and with the engine's state reset."""
    names: dict[str, Any] = {
        "torch": torch,
        "np": np,
        "copy": copy,
        "pickle": pickle,
        "F": torch.nn.functional,
    }
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    torch.set_printoptions(profile="default")
    torch.manual_seed(0)
    lines = []
    for block in blocks:
        lines += [(">>> " if i == 0 else "... ") + line for i, line in enumerate(block.splitlines())]
        printed = io.StringIO()
        error = None
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(printed):
            warnings.simplefilter("always")
            # What PyTorch means for itself: its first dual tensor loads what it has compiled once.
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.jit")
            try:
                tree = ast.parse(block, "<s>")
                with np.errstate(all="ignore"):
                    exec(compile(ast.Interactive(tree.body), "<s>", "single"), names)
            except Exception as raised:
                error = f"[error] {type(raised).__name__}: {raised}"
        lines += [f"[warning] {w.category.__name__}: {w.message}" for w in caught]
        if printed.getvalue():
            lines.append(printed.getvalue().rstrip("\n"))
        if error:
            lines.append(error)
    torch.autograd.set_detect_anomaly(False)
    return settle("\n".join(lines))


def settle(text: str) -> str:
    """Without what varies: addresses, C++ file names, the runner's own frames in a traceback, trailing spaces."""
    text = re.sub(r'^  File "(?!<s>)[^\n]*\n(?:    [^\n]*\n)*', "", text, flags=re.M)
    text = re.sub(r" ?\(Triggered internally at [^)]*\)", "", text)
    text = re.sub(r"0x[0-9a-f]+", "0x…", text)
    return re.sub(r"[ \t]+$", "", text, flags=re.M).strip()
