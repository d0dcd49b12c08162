"""Records what PyTorch answers: the transcripts and tables that tests/oracle and tests/programs replay on the engine.

Usage: python scripts/record_oracle.py [NAME ...]        (with PyTorch 2.13.0 installed)

NAME is the name of a record's file: programs of tests/programs (training.txt), transcripts (facts.transcripts) and tables
(bits.json) of tests/oracle. Without a NAME all are made anew.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

# The last bits depend on the width of the vector registers, and the engine's are AVX2's: read when torch is imported.
os.environ["ATEN_CPU_CAPABILITY"] = "avx2"

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.oracle import bits, expressions, transcripts, wrong_calls  # noqa: E402
from tests.programs import records  # noqa: E402

ORACLE = ROOT / "tests" / "oracle"


def alone(text: str) -> str:
    """What a program does on PyTorch in a process of its own: some warnings are given once in a process."""
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(on_torch, (text,))


def on_torch(text: str) -> str:
    """What a program does on PyTorch."""
    import torch

    return records.on_pytorch(torch, text)


def record_programs(path: Path) -> str:
    programs = [replace(each, record=alone(each.text)) for each in records.read(path)]
    records.write(path, programs)
    return f"{len(programs)} programs"


def record_transcripts(path: Path) -> str:
    import torch

    kept = [
        f"# {each.title}\n{transcripts.run(torch, each.blocks)}\n"
        for each in transcripts.read(path.read_text())
    ]
    path.write_text("\n".join(kept))
    return f"{len(kept)} transcripts"


def record_expressions(question: Callable[..., object], path: Path) -> str:
    import torch

    table, failed = {}, []
    for expression in json.loads(path.read_text()):
        try:
            table[expression] = question(torch, expression)
        except Exception as error:
            failed.append(f"{path.name}: {expression}: {type(error).__name__}: {error}")
    if failed:
        sys.exit("\n".join(failed))
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in table.items())
    path.write_text("{\n" + lines + "\n}\n")
    return f"{len(table)} expressions"


def record_bits() -> str:
    import torch

    checksums = bits.record(torch)
    bits.RECORD.write_text(json.dumps(checksums, indent=0) + "\n")
    return f"{len(checksums)} results"


def record_wrong_calls() -> str:
    calls, types, texts = wrong_calls.record()
    return f"{calls} wrong calls, {types} of PyTorch's type, {texts} in its words"


def all_records() -> dict[str, Callable[[], str]]:
    """The name of each record's file, and what makes it.

    Programs come first: what ran in this process would have warned in all that are forked of it.
    """
    programs = sorted([*records.FOLDER.glob("*.txt"), *records.CLASSES.glob("*.txt")])
    return {
        **{path.name: partial(record_programs, path) for path in programs},
        **{path.name: partial(record_transcripts, path) for path in sorted(ORACLE.glob("*.transcripts"))},
        "history.json": partial(record_expressions, expressions.describe, ORACLE / "history.json"),
        "saved.json": partial(record_expressions, expressions.keeps, ORACLE / "saved.json"),
        "bits.json": record_bits,
        "wrong_calls.json": record_wrong_calls,
    }


def main() -> None:
    known = all_records()
    parser = argparse.ArgumentParser(description="Records what PyTorch answers, for the tests to replay.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}; all without one"
    )
    wanted = parser.parse_args().names
    unknown = [name for name in wanted if name not in known]
    if unknown:
        parser.error(f"no record is called {unknown[0]}; there are {', '.join(known)}")
    import torch

    if not torch.__version__.startswith("2.13.0"):
        sys.exit(f"the record is of PyTorch 2.13.0; this is {torch.__version__}")
    for name, record in known.items():
        if not wanted or name in wanted:
            print(f"{name}: {record()}", flush=True)


if __name__ == "__main__":
    main()
