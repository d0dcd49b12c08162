"""What every test runs under: one thread a process, the options and the markers of the suite."""

import gc
import os
from importlib.util import find_spec

import pytest

# Before numpy or PyTorch is imported: two workers share two cores, and results do not depend on threads.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

if find_spec("hypothesis"):  # a machine that has a card may lack it, and its tests need none
    import hypothesis

    # A machine that does other things as well is slow now and then, and the tests are as true on it.
    too_slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile(
        "tensorcli", deadline=None, derandomize="CI" in os.environ, suppress_health_check=too_slow
    )
    hypothesis.settings.load_profile("tensorcli")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-cases", action="store_true", help="rewrite the expected output of tests/cases")


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def update_cases(request: pytest.FixtureRequest) -> bool:
    """Whether a case should write down what it gave instead of comparing."""
    return bool(request.config.getoption("--update-cases"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") and not _has_cuda():
        pytest.skip("no CUDA device with CuPy")


def _has_cuda() -> bool:
    try:
        import cupy
    except ImportError:
        return False
    try:
        return int(cupy.cuda.runtime.getDeviceCount()) > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        return False
