"""Measures the operators on a CUDA device, or against the record of CuPy, and writes docs/devices.md from the run.

Usage: python scripts/devices.py                  on a card: operators and times; rewrites "On a card"
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
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "devices.md"
sys.path.insert(0, str(ROOT))

CARD, RECORD = "card", "record"
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


def measured_all(where: str, only: str, most: int, minutes: float) -> Iterator[Outcome]:
    """The outcomes of the operators, a few at a time, until all are there or the time is over."""
    from tests.oracle import on_cuda, opinfo

    titles = [opinfo.title(info) for info in on_cuda.operators(only)]
    end = time.monotonic() + minutes * 60
    jobs = max(1, min(8, (os.cpu_count() or 2) // 2 if where == CARD else os.cpu_count() or 1))
    # A process that has begun to use a card cannot be forked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=prepare, initargs=(where,)) as pool:
        waiting = [pool.submit(measured, title, most) for title in titles]
        for future in waiting:
            try:
                outcome = future.result(max(end - time.monotonic(), 0))
            except TimeoutError:
                pool.shutdown(wait=False, cancel_futures=True)
                return
            if outcome[1]:
                yield outcome


# ---- the page


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "none"


def counted(outcomes: list[Outcome]) -> list[str]:
    """How many operators agree."""
    verdicts = Counter(outcome[1] for outcome in outcomes)
    agreed, whole = sum(outcome[2] for outcome in outcomes), verdicts.total()
    samples = agreed + sum(len(outcome[3]) + len(outcome[4]) for outcome in outcomes)
    return [
        f"Operators that agree with the CPU in every sample: {share(verdicts['agrees'], whole)}. Samples that agree: {agreed}",
        f"of {samples}. Refused, with an error that names operator and device: {verdicts['lacks']} operators whole and",
        f"{verdicts['partly']} in part. With another answer: {verdicts['differs']}.",
    ]


def listed(outcomes: list[Outcome]) -> list[str]:
    """The operators that do not agree, and why."""
    rows = [
        (title, verdict, (differing or lacking)[0])
        for title, verdict, _, lacking, differing in outcomes
        if verdict != "agrees"
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
            ours, theirs = (cell.rpartition("  ")[2] for cell in (row.ours, row.theirs))
            lines.append(
                f"| `{row.ours.partition(': ')[2].rpartition('  ')[0]}` | {ours} | {theirs} | {row.ratio} |"
            )
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

    return [bench.measured(one) for one in bench.cuda_measurements()]


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
    outcomes: list[Outcome] = []
    try:
        import torch  # noqa: F401
    except ImportError:
        print("PyTorch is not installed: the operators are not measured.", file=sys.stderr)
    else:
        for outcome in measured_all(where, asked.only, asked.most, asked.minutes):
            outcomes.append(outcome)
            if outcome[1] != "agrees":
                print(f"{outcome[1]:8s} {outcome[0]}: {(outcome[4] or outcome[3])[0]}", flush=True)
        print("\n".join(counted(outcomes)))
    if asked.only:
        return
    if where == RECORD:
        rewrite("record", record_section(outcomes))
    else:
        rewrite("card", card_section(outcomes, times_on_card()))


if __name__ == "__main__":
    main()
