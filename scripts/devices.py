"""Measures the operators on a CUDA device, or against the record of CuPy, and writes docs/devices.md from the run.

Usage: python scripts/devices.py                  on a card: operators and times; rewrites "On a GPU"
       python scripts/devices.py --record         with the stand-in for CuPy, no card; rewrites "What CuPy lacks"
       python scripts/devices.py --only linalg    operators whose names contain this; prints, and writes nothing

The samples are those of PyTorch's operator database: PyTorch has to be installed, of any version and build, and computes
nothing. Where it finds a card too, the times are compared with its own. scripts/test-cuda calls this on a machine with a
card; exits with 69 where there is none.
"""

import argparse
import multiprocessing
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "devices.md"
sys.path.insert(0, str(ROOT))

CARD, RECORD = "card", "record"
UNREACHED: Final = "not reached"
PATIENCE: Final = 90.0
"""How many seconds an operator may take, with the kernels that CuPy compiles for it, before its process is ended."""
Outcome = tuple[str, str, int, list[str], list[str]]
"""An operator's name and verdict, how many samples agreed, and what is lacking and what differs, in words."""


def prepare(where: str) -> None:
    """Let there be the CUDA device that is measured."""
    from tensorcli.engine import backends, devices

    warnings.simplefilter("ignore")
    if where == RECORD:
        from tests.engine import strict_arrays

        backends.simulate(2)
        backends._REGISTERED["cuda"] = strict_arrays.backend(2)
    elif not devices.cuda_devices():
        sys.exit("CuPy finds no CUDA device")


def measured(title: str, most: int) -> Outcome:
    """The outcome of one operator, in a process that was prepared."""
    import numpy as np

    from tests.oracle import on_cuda, opinfo

    info = next(info for info in on_cuda.operators(title) if opinfo.title(info) == title)
    with np.errstate(all="ignore"):
        tally = on_cuda.measure(info, most)
    if not (tally.agreed or tally.lacking or tally.differing):
        return title, "", 0, [], []
    return title, tally.verdict, tally.agreed, list(tally.lacking), list(tally.differing)


class Worker:
    """A process that measures one operator after the other. What a kernel does to it (a crash, a hang, a card that
    refuses everything from then on) ends it, and no other."""

    def __init__(self, where: str, most: int) -> None:
        # A process that has begun to use a card cannot be forked.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, where, most), daemon=True)
        self.process.start()
        theirs.close()
        self.title = ""
        self.since = 0.0

    def begin(self, title: str) -> None:
        self.pipe.send(title)
        self.title, self.since = title, time.monotonic()

    def outcome(self) -> Outcome | None:
        """What it has to say of its operator; None while it works. It is of no use any more where `spent` says so."""
        try:
            if self.pipe.poll():
                found: Outcome = self.pipe.recv()
                return found
        except (EOFError, OSError):
            self.process.join(5)
            return self.title, "differs", 0, [], [f"the process ended ({self.process.exitcode})"]
        if time.monotonic() - self.since > PATIENCE:
            return self.title, "differs", 0, [], [f"no answer in {PATIENCE:g} s"]
        return None

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def spent(outcome: Outcome) -> bool:
    """Whether a process cannot go on after this outcome: it is gone, or the card refuses all that it asks."""
    words = " ".join(outcome[4])
    return words.startswith(("the process ended", "no answer")) or any(
        sign in words for sign in ("CUDARuntimeError", "CUDADriverError")
    )


def serve(pipe: Connection, where: str, most: int) -> None:
    """What a worker runs: the outcome of each title that comes through the pipe."""
    prepare(where)
    while True:
        pipe.send(measured(pipe.recv(), most))


def measured_all(where: str, only: str, most: int, minutes: float) -> Iterator[Outcome]:
    """The outcomes of the operators, a few at a time, until all are there or the time is over."""
    from tests.oracle import on_cuda, opinfo

    end = time.monotonic() + minutes * 60
    waiting = [opinfo.title(info) for info in on_cuda.operators(only)][::-1]
    jobs = max(1, min(8, (os.cpu_count() or 2) // 2 if where == CARD else os.cpu_count() or 1))
    workers: list[Worker] = []
    try:
        while (waiting or workers) and time.monotonic() < end:
            while waiting and len(workers) < jobs:
                workers.append(Worker(where, most))
                workers[-1].begin(waiting.pop())
            wait([worker.pipe for worker in workers], 1)
            for worker in list(workers):
                outcome = worker.outcome()
                if outcome is None:
                    continue
                if waiting and not spent(outcome):
                    worker.begin(waiting.pop())
                else:
                    workers.remove(worker)
                    worker.end()
                yield outcome
        for title in [*waiting, *(worker.title for worker in workers)]:
            yield title, UNREACHED, 0, [], []
    finally:
        for worker in workers:
            worker.end()


# ---- the page


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "none"


def counted(outcomes: list[Outcome]) -> list[str]:
    """How many operators agree."""
    verdicts = Counter(outcome[1] for outcome in outcomes if outcome[1])
    unreached = verdicts.pop(UNREACHED, 0)
    agreed, whole = sum(outcome[2] for outcome in outcomes), verdicts.total()
    samples = agreed + sum(len(outcome[3]) + len(outcome[4]) for outcome in outcomes)
    return [
        f"Operators that agree with the CPU in every sample: {share(verdicts['agrees'], whole)}. Samples that agree: {agreed}",
        f"of {samples}. Refused, with an error that names operator and device: {verdicts['lacks']} operators whole and",
        f"{verdicts['partly']} in part. With another answer: {verdicts['differs']}.",
        *([f"Not reached before the time was over: {unreached}."] if unreached else []),
    ]


def listed(outcomes: list[Outcome]) -> list[str]:
    """The operators that do not agree, and why."""
    rows = [
        (title, verdict, (differing or lacking)[0])
        for title, verdict, _, lacking, differing in outcomes
        if verdict not in ("", "agrees", UNREACHED)
    ]
    if not rows:
        return []
    lines = ["", "| operator | outcome | the first reason |", "| --- | --- | --- |"]
    for title, verdict, words in sorted(rows):
        short = words.partition(" with CuPy: ")[2] or words
        lines.append(
            f"| `{title}` | {verdict} | {' '.join(short.split())[:160].replace('|', chr(92) + '|')} |"
        )
    return lines


def record_section(outcomes: list[Outcome]) -> list[str]:
    """What a run with the stand-in says."""
    from tests.engine import strict_arrays
    from tests.oracle import on_cuda

    return [
        f"Written by `python scripts/devices.py --record` from a run over the record of CuPy {strict_arrays.RECORD['cupy']}",
        f"(`tests/engine/cupy.json`), in {', '.join(on_cuda.DTYPES)}.",
        "",
        *counted(outcomes),
        *listed(outcomes),
    ]


def card_section(outcomes: list[Outcome], times: list[Any]) -> list[str]:
    """What a run on a card says."""
    from tensorcli.engine.backends import of
    from tensorcli.engine.devices import cuda_devices

    device = cuda_devices()[0]
    what = of(device).describe(device)
    day = datetime.now(UTC).date().isoformat()
    lines = [
        f"Written by `scripts/test-cuda` on {day}: {what.card}, {what.library} {what.version}{_pytorch()}.",
        "",
        *(
            counted(outcomes)
            if outcomes
            else ["The operators were not measured: PyTorch, whose samples they are, is not there."]
        ),
        *listed(outcomes),
    ]
    if times:
        lines += ["", "| what | tensorcli, CuPy | PyTorch | ratio |", "| --- | --- | --- | --- |"]
        for row in times:
            what, _, ours = row.ours.partition(": ")[2].partition("  ")
            theirs = row.theirs.rpartition("  ")[2] if ours else ""
            words = " ".join(row.verdict.split()).replace("|", chr(92) + "|")
            lines.append(f"| `{what}` | {ours or words} | {theirs} | {row.ratio} |")
    return lines


def _pytorch() -> str:
    try:
        import torch
    except ImportError:
        return ""
    return f", PyTorch {torch.__version__}" if torch.cuda.is_available() else ""


def rewrite(title: str, lines: list[str]) -> None:
    """Put lines between the page's marks for a section."""
    text = PAGE.read_text()
    begin, end = f"<!-- {title}: begin -->\n", f"<!-- {title}: end -->\n"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"{PAGE.name} has no marks for {title}")
    PAGE.write_text(before + begin + "\n".join(lines) + "\n" + end + after)
    print(f"{PAGE.relative_to(ROOT)} is written: {title}")


def times_on_card() -> list[Any]:
    """The rows of `scripts/bench.py --cuda`; PyTorch's side only where it finds a card."""
    sys.path.insert(0, str(ROOT / "scripts"))
    import bench

    rows = []
    for one in bench.cuda_measurements():
        rows.append(bench.measured(one))
        print(bench.shown(rows[-1]), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", action="store_true", help="with the stand-in for CuPy")
    parser.add_argument("--only", default="", metavar="TEXT")
    parser.add_argument(
        "--most", type=int, default=3, metavar="N", help="samples of an operator in each dtype"
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="no operator is waited for after this")
    asked = parser.parse_args()
    where = RECORD if asked.record else CARD
    if where == CARD:
        from tensorcli.engine.devices import cuda_devices

        if not cuda_devices():
            print("CuPy finds no CUDA device: nothing was measured.", file=sys.stderr)
            sys.exit(69)
    # The times first: they are there in seconds, whatever the operators do to the card.
    times = [] if where == RECORD or asked.only else times_on_card()
    outcomes: list[Outcome] = []
    try:
        import torch  # noqa: F401
    except ImportError:
        print("PyTorch is not installed: the operators are not measured.", file=sys.stderr)
    else:
        for outcome in measured_all(where, asked.only, asked.most, asked.minutes):
            outcomes.append(outcome)
            if outcome[1] not in ("", "agrees", UNREACHED):
                print(f"{outcome[1]:8s} {outcome[0]}: {(outcome[4] or outcome[3])[0]}", flush=True)
        print("\n".join(counted(outcomes)))
    if asked.only:
        return
    if where == RECORD:
        rewrite("record", record_section(outcomes))
    else:
        rewrite("card", card_section(outcomes, times))


if __name__ == "__main__":
    main()
