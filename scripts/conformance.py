"""Measures the engine with PyTorch's own operator database and writes docs/conformance.md from the run.

Usage: python scripts/conformance.py                       all dtypes, five minutes; rewrites docs/conformance.md
       python scripts/conformance.py --dtype int64         one dtype, prints what differs
       python scripts/conformance.py --only 'linalg.*'     operators whose names match, prints what differs
       python scripts/conformance.py --errors [--only …]   the wrong calls, prints what differs

PyTorch 2.13.0 answers first, then the engine; modules of tensorcli that ask for PyTorch meanwhile are refused it. An
operator is right in a dtype when every sample of it agrees in values, dtype, shape, strides, storage sharing, versions,
requires_grad, grad_fn and gradients.
"""

import argparse
import os
import sys
import warnings
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "conformance.md"
sys.path.insert(0, str(ROOT))

FAMILIES: Final = {
    "linalg.": "Linear algebra (torch.linalg)",
    "fft.": "Fourier transforms (torch.fft)",
    "special.": "Special functions (torch.special)",
    "nn.functional.": "Neural network functions (torch.nn.functional)",
}
CHAPTERS: Final = {
    chapter: family
    for family, chapters in {
        "Element-wise arithmetic": (
            "pointwise numbers power elementary rounding limits complex bits activation rectifier smooth piecewise"
        ),
        "Special functions (torch.special)": "special gamma bessel polynomial",
        "Comparison and choice": "compare",
        "Reductions and statistics": "reduce extreme spread segment calculus statistics distance histogram",
        "Cumulative, sorting and searching": "scan order search",
        "Views and copies of views": "shape transpose expand strided replaced view_copies split",
        "Joining and splitting": "join reorder grid",
        "Indexing, gather and scatter": "index gather mask scatter slices",
        "Matrices and linear algebra": "linear matmul contract norms linalg cholesky decompose lu factor inverse solve",
        "Creation, copies and conversions": "create ranges copy fill memory convert random sampling pathwise sobol window",
        "Neural network functions (torch.nn.functional)": (
            "softmax dropout layer_norm batch_norm conv patch pad pool adaptive_pool fractional unpool loss cross_entropy "
            "likelihood margin ctc embedding embedding_bag attention image sampler cells recurrent rnn packing weights"
        ),
        "Fourier transforms (torch.fft)": "fft fft_kernels spectrum",
    }.items()
    for chapter in chapters.split()
}
ELSEWHERE: Final = "Others"
REASONS: Final[tuple[tuple[str, str], ...]] = (
    (
        r"^renorm$",
        "PyTorch takes absolute values by two kernels whose last bits differ, and finds none that is the largest (nan)",
    ),
    (
        r"linalg\.eigh?$|linalg\.svd|^svd",
        "eigenvectors and singular vectors are unique up to a factor that LAPACK's build decides",
    ),
)
"""Why a known deviation is one, by pattern of the operator's name; others are named with what differs."""


@dataclass
class Score:
    """The outcome of an operator in a dtype: samples that agree, samples that count, what differs and how often."""

    right: int = 0
    counted: int = 0
    differences: Counter[str] = field(default_factory=Counter)

    @property
    def whole(self) -> bool:
        return self.right == self.counted


def measure(dtype: str, only: str = "") -> dict[str, Score]:
    """All operators in a dtype, by name."""
    from tests.oracle import opinfo

    warnings.simplefilter("ignore")
    scores: dict[str, Score] = defaultdict(Score)
    for info in opinfo.operators(only):
        for sample in opinfo.samples(info, dtype):
            difference = opinfo.measure(info, sample, dtype)
            if difference is None:
                continue
            score = scores[opinfo.title(info)]
            score.counted += 1
            if difference:
                score.differences[difference] += 1
            else:
                score.right += 1
    return dict(scores)


@dataclass
class Complaints:
    """The outcome of the wrong calls: how many, of the same type, of the same text, and the others."""

    counted: int = 0
    types: int = 0
    texts: int = 0
    others: list[tuple[str, Any, Any]] = field(default_factory=list)


def measure_complaints(only: str = "") -> Complaints:
    """What the wrong calls of the database raise."""
    import torch

    import tensorcli.engine as engine
    from tests.oracle import opinfo

    result = Complaints()
    for info in opinfo.operators(only):
        for sample in opinfo.error_inputs(info):
            try:
                expected = opinfo.complaint(torch, info.op, sample)
            except opinfo.UnsupportedError:
                continue
            if not expected[0]:
                continue
            try:
                with opinfo.torch_is_refused():
                    found = opinfo.complaint(engine, opinfo.resolve(engine, info), sample)
            except (opinfo.UnsupportedError, NotImplementedError) as error:
                found = ("absent", str(error))
            result.counted += 1
            result.types += expected[0] == found[0]
            result.texts += expected == found
            if expected != found:
                result.others.append((opinfo.title(info), expected, found))
    return result


def measure_layers() -> tuple[int, int, int]:
    """Calls of modules that agree, those that count, and the modules."""
    from tests.oracle import layers

    warnings.simplefilter("ignore")
    asked = layers.modules()
    found = sum((layers.measure(info, mode) for info in asked for mode in (True, False)), Counter[str]())
    return found[""], found.total(), len(asked)


def measure_optimisers() -> tuple[int, int, int]:
    """Runs of optimisers that agree, those that count, and the optimisers."""
    from tests.oracle import optimisers

    asked = optimisers.optimisers()
    found = [not optimisers.compared(run) for info in asked for _, run in optimisers.runs(info)]
    return sum(found), len(found), len(asked)


def measure_on_meta() -> tuple[int, int]:
    """Operators that do on meta what PyTorch's do, and those that count."""
    from tests.oracle import on_meta, opinfo

    warnings.simplefilter("ignore")
    found = [on_meta.compared(info) for info in opinfo.operators()]
    return sum(not any(one) for one in found if one), sum(bool(one) for one in found)


def measure_pushed() -> tuple[int, int]:
    """Operators whose tangents are PyTorch's, and those that count."""
    from tests.oracle import opinfo, pushed

    warnings.simplefilter("ignore")
    found = [pushed.compared(info) for info in opinfo.operators() if info.supports_autograd]
    return sum(not any(one.values()) for one in found), len(found)


def measure_graphs() -> tuple[int, int]:
    """Operators whose graphs and whose gradients' graphs agree, and those that count."""
    from tests.oracle import graphs, opinfo

    warnings.simplefilter("ignore")
    found = [graphs.compare(info) for info in opinfo.operators()]
    counted = [not (result or gradient) for compared, result, gradient in found if compared]
    return sum(counted), len(counted)


# ---- the page


def family(name: str) -> str:
    """The family of an operator of the database: its namespace, or the chapter of its declaration."""
    from tensorcli.engine.table import PACKETS

    name = name.partition("/")[0]
    for prefix, title in FAMILIES.items():
        if name.startswith(prefix):
            return title
    found = PACKETS.get(name) or PACKETS.get(name.rpartition(".")[2])
    return CHAPTERS.get(found[0].chapter, ELSEWHERE) if found else ELSEWHERE


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "none"


def _halves(torch: Any) -> str:
    """Which of the half precisions PyTorch computes in on this processor."""
    found = {
        "float16": torch.ops.mkldnn._is_mkldnn_fp16_supported(),
        "bfloat16": torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    }
    return " and ".join(name for name, there in found.items() if there) or "neither"


MEASURE: Final = """\
The measure is PyTorch's own operator database (`torch.testing._internal.common_methods_invocations.op_db`): each
operator's samples (the first 40 in each dtype) run on PyTorch and on the engine, and a sample agrees when values, dtype,
shape, strides, the inputs that the result shares storage with, the inputs' versions afterwards, `requires_grad`, the name
of `grad_fn` and the gradient of every input agree. An operator counts as right only when all of its samples agree.
In float16, bfloat16 and complex32 every bit must agree, since their rounding is visible in what is printed; the other dtypes
have a tolerance for the order of sums. In a dtype that the processor itself computes in, PyTorch leaves convolutions and matrix
products to oneDNN, which sums in another order. On the processor of this run, that is the case for {}."""
SCOPE: Final = """\
Operators that draw random numbers start from the same seed on both. Not measured, because the engine does not claim to have
them, are sparse and nested layouts, `torch.masked` and kernels that only PyTorch itself calls; nor is memory that nothing was
written to (`empty`)."""


def page(
    scores: dict[str, dict[str, Score]],
    complaints: Complaints,
    graphs: tuple[int, int],
    layers: tuple[int, int, int],
    optimisers: tuple[int, int, int],
    on_meta: tuple[int, int],
    pushed: tuple[int, int],
) -> str:
    """docs/conformance.md."""
    import torch

    lines = [
        "# Conformance with PyTorch",
        "",
        f"Written by `python scripts/conformance.py` from a run against PyTorch {torch.__version__}.",
        "",
        *MEASURE.format(_halves(torch)).splitlines(),
        "",
        "| dtype | operators right | samples right |",
        "| --- | --- | --- |",
    ]
    for dtype, found in scores.items():
        whole = sum(score.whole for score in found.values())
        right, counted = sum(s.right for s in found.values()), sum(s.counted for s in found.values())
        lines.append(f"| {dtype} | {share(whole, len(found))} | {share(right, counted)} |")
    lines += [
        "",
        f"Of {complaints.counted} wrong calls in the database {share(complaints.types, complaints.counted)} raise",
        f"PyTorch's type of exception and {share(complaints.texts, complaints.counted)} its exact text.",
        "",
        *SCOPE.splitlines(),
        "",
        "The whole graph of a result, and that of its gradient with `create_graph`, are also compared node by node",
        f"(`tests/oracle/graphs.py`): {share(*graphs)} differentiable operators have PyTorch's graphs in float64.",
        "",
        f"On meta, {share(*on_meta)} operators give PyTorch's shapes, strides, dtypes and nodes, for results and their",
        "gradients, or refuse with PyTorch's words (`tests/oracle/on_meta.py`, the first 12 samples in float32).",
        "",
        f"In forward mode, {share(*pushed)} operators give PyTorch's tangents, of results, of gradients and under vmap, or",
        "refuse with PyTorch's words (`tests/oracle/pushed.py`, the first 3 samples in float64).",
        "",
        "PyTorch's databases of modules and of optimisers are run in the same way (`tests/oracle/layers.py`,",
        f"`tests/oracle/optimisers.py`): {share(*layers[:2])} calls of {layers[2]} modules agree in random draws, results,",
        f"state and gradients, and {share(*optimisers[:2])} runs of {optimisers[2]} optimisers in losses, versions, state",
        "and texts.",
        "",
        "## By family",
        "",
        f"| family | {' | '.join(scores)} |",
        f"| --- |{' --- |' * len(scores)}",
    ]
    titles = list(dict.fromkeys([*FAMILIES.values(), *CHAPTERS.values(), ELSEWHERE]))
    for title in sorted(titles, key=lambda t: (t == ELSEWHERE, t)):
        cells = []
        for found in scores.values():
            members = [score for name, score in found.items() if family(name) == title]
            cells.append(f"{sum(s.whole for s in members)} / {len(members)}")
        if any(not cell.endswith("/ 0") for cell in cells):
            lines.append(f"| {title} | {' | '.join(cells)} |")
    lines += [
        "",
        "## Known deviations",
        "",
        "| operator | samples that differ | what differs | reason |",
        "| --- | --- | --- | --- |",
    ]
    names = sorted({name for found in scores.values() for name, score in found.items() if not score.whole})
    for name in names:
        counts, differing = [], Counter[str]()
        for dtype, found in scores.items():
            if (score := found.get(name)) is not None and not score.whole:
                counts.append(f"{score.counted - score.right} of {score.counted} ({dtype})")
                differing += score.differences
        most = differing.most_common(1)[0][0].replace("|", "\\|").replace("\n", " ")
        lines.append(f"| `{name}` | {', '.join(counts)} | {most} | {reason(name, most)} |")
    return "\n".join(lines) + "\n"


def reason(name: str, difference: str) -> str:
    """Why an operator deviates."""
    import re

    for pattern, text in REASONS:
        if re.search(pattern, name):
            return text
    if difference.startswith("NotImplementedError: no "):
        return "not there yet"
    kinds = {
        "strides": "the memory order of PyTorch's library call (LAPACK, pocketfft, MKL) is not reproduced",
        "values": "beyond the tolerance: another algorithm or order of summation",
        "gradients": "beyond the tolerance: another algorithm or order of summation",
        "grad_fn": "PyTorch composes it of other operators",
    }
    return kinds.get(difference.partition(":")[0], "")


def main() -> None:
    from tests.oracle import opinfo

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dtype", choices=opinfo.DTYPES)
    parser.add_argument("--only", default="")
    parser.add_argument("--errors", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.errors:
        complaints = measure_complaints(asked.only)
        for name, expected, found in complaints.others:
            print(f"{name}\n  expected {': '.join(expected)}\n  found    {': '.join(found)}")
        print(
            f"types {share(complaints.types, complaints.counted)}, texts {share(complaints.texts, complaints.counted)}"
        )
        return
    wanted = [asked.dtype] if asked.dtype else list(opinfo.DTYPES)
    whole_page = not asked.dtype and not asked.only
    with ProcessPoolExecutor(min(len(wanted), os.cpu_count() or 1) + 1) as pool:
        others: list[Any] = (
            [
                measure_complaints,
                measure_graphs,
                measure_layers,
                measure_optimisers,
                measure_on_meta,
                measure_pushed,
            ]
            if whole_page
            else []
        )
        running: list[Any] = [pool.submit(one) for one in others]
        scores = dict(zip(wanted, pool.map(measure, wanted, [asked.only] * len(wanted)), strict=True))
        found_of: list[Any] = [one.result() for one in running]
    for dtype, found in scores.items():
        if asked.dtype or asked.only:
            for name, score in sorted(found.items(), key=lambda item: item[1].right - item[1].counted):
                if not score.whole:
                    print(f"  {name:38s} {score.right}/{score.counted} {score.differences.most_common(1)[0]}")
        whole, right = sum(s.whole for s in found.values()), sum(s.right for s in found.values())
        counted = sum(s.counted for s in found.values())
        print(f"{dtype}: operators {share(whole, len(found))}, samples {share(right, counted)}", flush=True)
    if whole_page:
        PAGE.write_text(page(scores, *found_of))
        complaints = found_of[0]
        types, texts = (share(n, complaints.counted) for n in (complaints.types, complaints.texts))
        print(f"wrong calls: types {types}, texts {texts}")
        print(f"{PAGE.relative_to(ROOT)} is written")


if __name__ == "__main__":
    main()
