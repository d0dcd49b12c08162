"""Hand-made results, one of each kind, as a session would give them for small programs."""

from dataclasses import replace

import pytest

from tensorcli.explorer import results
from tensorcli.explorer.results import Change, Facts, Field, HelpRow, HelpSection, Line, Run, StaleSave, Write
from tensorcli.language.syntax import Span

Y = Facts(
    kind="tensor",
    shape=(3,),
    stride=(1,),
    offset=0,
    dtype="float32",
    device="cpu",
    storage="s2",
    version=0,
    requires_grad=True,
    is_leaf=False,
    grad_fn="ExpBackward0",
    value="[2.7183, 7.3891, 20.0855]",
)
D = replace(Y, requires_grad=False, is_leaf=True, grad_fn=None)
V = replace(Y, shape=(2,), offset=1, grad_fn="SliceBackward0", value="[7.3891, 20.0855]")
WRITTEN = {"version": 1, "value": "[27.1828, 73.8906, 200.8554]"}
STALE = StaleSave("MulBackward0", "self", "y", 0, 1, "s2")


def view(
    names: tuple[str, ...], operator: str, depth: int, facts: Facts, cells: tuple[str, ...], layout: str
) -> results.ViewRow:
    return results.ViewRow(
        names, facts, operator, depth, layout, cells, (), 0, len([cell for cell in cells if cell])
    )


ROOT = replace(D, shape=(6,), storage="s1", value="[0., 1., 2., 3., 4., 5.]")
MAP = results.StorageMap(
    (
        results.StorageRow(
            id="s1",
            dtype="float32",
            elements=6,
            nbytes=24,
            device="cpu",
            versions=((0, ("m", "a", "b", "c")),),
            names=("m", "a", "b", "c"),
            made_by="m = arange(6.)",
            line=1,
            first_slot=0,
            cells=("0.0", "1.0", "2.0", "3.0", "4.0", "5.0"),
            views=(
                view(("m",), "", 0, ROOT, tuple("012345"), "contig"),
                view(
                    ("a",),
                    "view",
                    1,
                    replace(ROOT, shape=(2, 3), stride=(3, 1)),
                    ("0,0", "0,1", "0,2", "1,0", "1,1", "1,2"),
                    "contig",
                ),
                view(
                    ("b",),
                    "t",
                    2,
                    replace(ROOT, shape=(3, 2), stride=(1, 3)),
                    ("0,0", "1,0", "2,0", "0,1", "1,1", "2,1"),
                    "strided",
                ),
                view(
                    ("c",),
                    "select",
                    2,
                    replace(ROOT, shape=(2,), stride=(3,), offset=1),
                    ("", "0", "", "", "1", ""),
                    "strided",
                ),
            ),
        ),
        results.StorageRow(
            id="s3",
            dtype="float32",
            elements=1048576,
            nbytes=4194304,
            device="cpu",
            versions=((0, ("big",)), (2, ("n",))),
            names=("big", "n"),
            made_by="big = zeros(1024, 1024)",
            line=4,
            first_slot=0,
            cells=(),
            views=(
                results.ViewRow(
                    ("big",),
                    replace(ROOT, shape=(1024, 1024), stride=(1024, 1)),
                    "",
                    0,
                    "contig",
                    (),
                    (Run(0, 1048575),),
                    0,
                    1048576,
                ),
                results.ViewRow(
                    ("col",),
                    replace(ROOT, shape=(1024,), stride=(1024,)),
                    "select",
                    1,
                    "strided",
                    (),
                    tuple(Run(1024 * slot, 1024 * slot) for slot in range(16)),
                    1008,
                    1024,
                ),
            ),
        ),
    ),
    nbytes=4194328,
    unshared_nbytes=4198500,
)

ALARM = results.Alarm(
    "stale",
    "2 saved tensors are now stale (Exp.result, Mul.self): loss.backward() will raise.",
    "why?",
    "TSC-W001",
    (STALE,),
)
FAILURE = results.Failure(
    kind="statement",
    type="RuntimeError",
    message="The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 1",
    spans=(Span(9, 8, 9, 19), Span(7, 0, 9, 3)),
    lines=("    p = a + ones(2)", "for i in range(3):"),
    statement=Span(7, 0, 9, 19),
    name="demo.tsc",
    hints=("ones(2).unsqueeze(1) is (2, 1) and broadcasts to (2, 3)",),
    code="TSC-E014",
)
WARNING = results.WarningText("UserWarning", "the text of it, whole", Span(4, 0, 4, 9), "demo.tsc")
STEP = results.Step(
    index=6,
    name="demo.tsc",
    source="d.mul_(10)",
    span=Span(6, 0, 6, 10),
    output="",
    value=results.Value("tensor([ 27.1828,  73.8906, 200.8554])", "Tensor"),
    changes=(
        Change("written", ("d",), D, replace(D, **WRITTEN), "wrote all 3 elements of s2", "s2"),
        Change("seen", ("y",), Y, replace(Y, **WRITTEN), "sees the write", "s2"),
        Change(
            "seen",
            ("v", "params[0]"),
            V,
            replace(V, version=1, grad_fn="AsStridedBackward0", value="[73.8906, 200.8554]"),
            "sees the write",
            "s2",
        ),
        Change("shares", ("z",), D, D, "", "s2"),
        Change("bound", ("b",), note="same object as a", same_as="a"),
        Change("unbound", ("x",), note="s1 kept by the graph (MulBackward0), y", kept_by=("y",)),
        Change("hooks_ran", (), note="hooks ran: lambda g: g * 2 (ExpBackward0)"),
        Change("graph_freed", ("loss",), note="graph of loss freed: 3 nodes, 3 saved tensors"),
    ),
    writes=(Write("s2", (0, 1), "d", ("y", "v"), "mul_", 3),),
    alarms=(ALARM,),
)
INSPECTION = results.Inspection(
    kind="tensor",
    name="v",
    origin="y[1:]",
    line=3,
    tags=("float32", "cpu"),
    lines=(
        Line("values", (Field("values", "[73.8906, 200.8554]"),), "n=2  min 73.9  max 200.9  mean 137.4"),
        Line(
            "layout",
            (
                Field("shape", "(2,)", "shape (2,)"),
                Field("stride", "(1,)", "stride (1,)"),
                Field("offset", 1, "offset 1"),
            ),
            "contiguous · covers 2 of 3 in s2",
        ),
        Line(
            "storage",
            (Field("storage", "s2"), Field("nbytes", 12, "12 B"), Field("version", 1, "version 1")),
            "v0 at birth; written at line 6 via d",
        ),
    ),
)

GRAPH = results.Graph(
    "loss",
    (),
    5,
    (
        results.GraphNode(
            "n0",
            "SumBackward0",
            False,
            ("loss",),
            (),
            "loss = (y * w).sum()",
            5,
            (),
            (),
            False,
            "",
            0,
            ("n1",),
        ),
        results.GraphNode(
            "n1",
            "MulBackward0",
            False,
            (),
            (3,),
            "y * w",
            5,
            (
                results.GraphSave("self", "y", "s2", (3,), 12, 0, 1),
                results.GraphSave("other", "w", "s1", (3,), 12, 0, 0),
            ),
            ("alpha=3",),
            False,
            "",
            0,
            ("n2", "n3"),
        ),
        results.GraphNode(
            "n2",
            "ExpBackward0",
            False,
            ("y",),
            (3,),
            "y = w.exp()",
            2,
            (results.GraphSave("result", "y", "s2", (3,), 12, 0, 1),),
            (),
            False,
            "",
            2,
            ("n3",),
        ),
        results.GraphNode("n3", "AccumulateGrad", True, ("w",), (3,), "", 1, (), (), False, "None", 0, ()),
    ),
    0,
    ("s2 is at v1 (written at line 6 via d); also over it: v d",),
)

QUESTION = results.Question(
    "sharing", "will d share memory with y?", "yes or no", "yes", "d and y both lie in s2"
)

SAMPLES: dict[type, object] = {
    results.Step: STEP,
    results.Value: STEP.value,
    results.Change: STEP.changes[0],
    results.Alarm: ALARM,
    results.WarningText: WARNING,
    results.Failure: FAILURE,
    results.Inspection: INSPECTION,
    results.HazardReport: results.HazardReport(
        (
            results.HazardRow(
                "TSC-H003",
                "lost-write",
                4,
                "demo.tsc",
                results.Span(4, 0, 4, 7),
                "x[m][0] = 5",
                "the write went into a copy of x (index) that nobody holds: x keeps its values.",
                "explain x[m]",
            ),
        ),
        6,
    ),
    results.Variables: results.Variables(
        (
            results.Variable(("y", "z"), "Tensor", Y, "", "shares s2 with d, v"),
            results.Variable(("n",), "int", None, "3"),
        )
    ),
    results.StorageMap: MAP,
    results.SavedTable: results.SavedTable(
        "loss",
        (
            results.SavedRow(
                "ExpBackward0",
                "result",
                "y",
                "s2",
                (3,),
                "float32",
                12,
                0,
                1,
                True,
                2,
                "[2.7183, 7.3891, 20.0855]",
            ),
        ),
        12,
    ),
    results.AliasReport: results.AliasReport(
        "a",
        "b",
        False,
        True,
        None,
        16,
        (Run(0, 15),),
        "b is a view of a",
        ("s1", "s1"),
        "a and b share 16 bytes: a write to one is seen in the other.",
    ),
    results.History: results.History(
        (
            results.HistoryRow(1, 1, "w = ones(3)", ""),
            results.HistoryRow(2, 2, "for i in w:\n    print(i", "SyntaxError"),
        )
    ),
    results.Help: results.Help(
        "inspect T",
        "Everything about one value.",
        (HelpSection("look", (HelpRow("storages [S] [--write T] [--around N]", "the memory map"),)),),
        ("In the Python form: inspect(t).",),
        ("vars", "alias"),
    ),
    results.Settings: results.Settings((Field("seed", 0), Field("max_bytes", 1 << 30, "1.0 GiB"))),
    results.Devices: results.Devices((Field("cpu", "numpy"), Field("nan", float("nan")))),
    results.Code: results.Code("import torch\nw = torch.ones(3)\n"),
    results.Expectation: results.Expectation(False, "y._version == 2", "y._version is 1"),
    results.Notice: results.Notice("seed 3"),
    results.Question: QUESTION,
    results.Prediction: results.Prediction(QUESTION, "no", False, (2, 5)),
    results.Predictions: results.Predictions(
        True, 2, 5, 1, (results.PredictionRow("sharing", 2, 3), results.PredictionRow("version", 0, 2))
    ),
    results.Verified: results.Verified(
        "demo.tsc",
        7,
        (results.Divergence(6, "demo.tsc", Span(6, 0, 6, 10), "d.mul_(10)", "y", "version", "1", "0"),),
        "2.13.0+cpu",
    ),
    results.Written: results.Written("session.md", "transcript", 6),
    results.SourcedFile: results.SourcedFile("model.tsc", 1),
    results.Transcript: results.Transcript((STEP,), "embedded"),
    results.Exit: results.Exit(3),
    results.Tour: results.Tour("detach", (results.TourStep("What it shares.", STEP),), ("clone", "tour")),
    results.Explanation: results.Explanation(
        "b.view(6)",
        "would raise: b is (3, 2) with stride (1, 3), and no strides for the new shape visit the same slots",
        (
            results.Section("", (("", "shape", "stride"), ("b", "(3, 2)", "(1, 3)")), True),
            results.Section(
                "instead", (("b.reshape(6)", "copies: writes do not reach b"),), text=("a sentence " * 12,)
            ),
        ),
        "RuntimeError: view size is not compatible with input tensor's size and stride",
        ("explain view", "storages b"),
    ),
    results.Comparison: results.Comparison(
        "y = w.exp(); then r = each form",
        ("detach", "clone", "data"),
        ("y.detach()", "torch.empty_like(y).copy_(y)", "y.data"),
        (
            results.ComparisonRow("shares storage with y", ("yes", "no", "yes")),
            results.ComparisonRow("then y.sum().backward() is", ("RAISES [1]", "correct", "WRONG")),
        ),
        ("RuntimeError: one of the variables needed for gradient computation has been modified",),
        ("memory of their own, and the gradient goes on to w: clone",),
    ),
    results.Graph: GRAPH,
    results.Hooks: results.Hooks(
        "loss",
        (
            results.HookRow(
                "y", "register_hook", "show", "ExpBackward0 (line 2)", "the gradient of y, on its way"
            ),
        ),
    ),
    results.Witnesses: results.Witnesses(
        "d",
        "s2",
        (
            results.WitnessRow("y", "shares the storage", 3, 3, "moves"),
            results.WitnessRow("n", "array over the same memory", 3, 3, "has none"),
        ),
        ("ExpBackward0 (line 2) saved result=y at version 0: a backward pass through it will raise",),
        "it is a leaf that requires grad: PyTorch refuses in-place operations outside of no_grad",
    ),
    results.Travelled: results.Travelled("undid line 6: d.mul_(10)", STEP.changes[:2], 5, 6),
    results.Difference: results.Difference(5, 6, STEP.changes[:2]),
    results.Blame: results.Blame(
        "y",
        "s2",
        (
            results.BlameRow(2, 2, (0, 0), "y = w.exp()", None, "[2.7183, 7.3891, 20.0855]"),
            results.BlameRow(6, 6, (1, 1), "d.data.mul_(10)", "d", "[27.1828, 73.8906, 200.8554]", True),
        ),
    ),
    results.Watching: results.Watching((("y[0]", "2.7183"),)),
    results.Dry: results.Dry(STEP),
    results.Why: results.Why(
        "line 6 wrote over a value that line 5 had saved for backward.",
        "TSC-E031",
        "RuntimeError: one of the variables needed for gradient computation has been modified",
        (
            results.Event(2, "y = w.exp()", "ExpBackward0 saved result = y", "saved", "s2 at v0"),
            results.Event(6, "d.mul_(10)", "wrote all 3 elements of s2 through d", "wrote", "v0 → v1", True),
            results.Event(7, "loss.backward()", "ExpBackward0 unpacked result: wants v0, finds v1", "raised"),
        ),
        results.Timeline(
            "s2",
            (
                results.Mark(2, 0, "saved", "saved: Exp"),
                results.Mark(6, 1, "wrote", "write via d"),
                results.Mark(7, 1, "raised", "Exp unpacks v0, finds v1"),
            ),
        ),
        ("a false alarm: written were elements 0..1, saved element 2.",),
        (
            results.Way(
                1,
                "line 4:  d = y.detach().clone()",
                "write into a copy",
                "[5.4366, 22.1672, 80.3421]",
                "ok",
                (results.Edit(4, "d = y.detach()", "d = y.detach().clone()"),),
            ),
            results.Way(None, "line 4:  d = y.data", "no error, but wrong", "[54.3656]", "wrong", ()),
        ),
        "w.grad",
    ),
    results.Fixed: results.Fixed(
        "fixed: line 4:  d = y.detach().clone()",
        (results.Edit(4, "d = y.detach()", "d = y.detach().clone()"),),
        "w.grad",
        "[5.4366, 22.1672, 80.3421]",
    ),
}


@pytest.fixture(scope="session")
def samples() -> dict[type, object]:
    """A result of each kind that there is, and a part of each kind that a step has."""
    return SAMPLES


@pytest.fixture(scope="session")
def step() -> results.Step:
    """`d.mul_(10)` of the interface's scene, with every kind of row."""
    return STEP


@pytest.fixture(scope="session")
def failure() -> results.Failure:
    """An error within a block."""
    return FAILURE
