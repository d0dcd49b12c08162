"""Records what PyTorch answers: the transcripts and tables that tests/oracle and tests/programs replay on the engine.

Usage: python scripts/record_oracle.py        (with PyTorch 2.13.0 installed; rewrites the records in place)
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

ORACLE = ROOT / "tests" / "oracle"


def alone(text: str) -> str:
    """What a program does on PyTorch in a process of its own: some warnings are given once in a process."""
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(on_torch, (text,))


def on_torch(text: str) -> str:
    """What a program does on PyTorch."""
    import torch

    from tests.programs import records

    return records.on_pytorch(torch, text)


def main() -> None:
    import torch

    from tests.oracle import bits, expressions, transcripts, wrong_calls
    from tests.programs import records

    if not torch.__version__.startswith("2.13.0"):
        sys.exit(f"the record is of PyTorch 2.13.0; this is {torch.__version__}")
    # These first: what runs in this process would have warned in all that are forked of it.
    for path in sorted([*records.FOLDER.glob("*.txt"), *records.CLASSES.glob("*.txt")]):
        programs = [replace(each, record=alone(each.text)) for each in records.read(path)]
        records.write(path, programs)
        print(f"{path.name}: {len(programs)} programs")
    for path in sorted(ORACLE.glob("*.transcripts")):
        kept = []
        for transcript in transcripts.read(path.read_text()):
            kept.append(f"# {transcript.title}\n{transcripts.run(torch, transcript.blocks)}\n")
        path.write_text("\n".join(kept))
        print(f"{path.name}: {len(kept)} transcripts")
    for name, question in (("history", expressions.describe), ("saved", expressions.keeps)):
        path = ORACLE / f"{name}.json"
        table, failed = {}, []
        for expression in json.loads(path.read_text()):
            try:
                table[expression] = question(torch, expression)
            except Exception as error:
                failed.append(f"{path.name}: {expression}: {type(error).__name__}: {error}")
        if failed:
            sys.exit("\n".join(failed))
        path.write_text(
            "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in table.items()) + "\n}\n"
        )
        print(f"{path.name}: {len(table)} expressions")
    checksums = bits.record(torch)
    bits.RECORD.write_text(json.dumps(checksums, indent=0) + "\n")
    print(f"{bits.RECORD.name}: {len(checksums)} results")
    calls, types, texts = wrong_calls.record()
    print(f"wrong_calls.json: {calls} wrong calls, {types} of PyTorch's type, {texts} in its words")


if __name__ == "__main__":
    main()
