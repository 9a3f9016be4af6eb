"""How many threads a run is given where nobody says."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.threads import MOST, WORTH_TWO, cores, threads_for

BIG = 100 * WORTH_TWO


@pytest.mark.parametrize(
    ("parameters", "batch_size", "available", "jobs", "threads"),
    [
        (89_610, 10, 2, 1, 1),  # mlp:100x100 as it comes: two threads took longer than one
        (478_410, 10, 2, 1, 1),  # mlp:400x400, the default: as good as no gain, and a great loss on a busy machine
        (478_410, 128, 2, 1, 2),  # 0.60 of the time of one thread
        (206_922, 128, 2, 1, 2),  # cnn: 0.60
        (1_094_390, 128, 2, 1, 2),  # resnet18: 0.59
        (478_410, 128, 2, 2, 1),  # two runs at a time have a core each
        (478_410, 128, 4, 2, 2),
        (478_410, 128, 1, 1, 1),
        (BIG, 1, 64, 1, MOST),  # no more than were measured
    ],
)
def test_the_rule(parameters: int, batch_size: int, available: int, jobs: int, threads: int) -> None:
    assert threads_for(parameters, batch_size, available, jobs) == threads


def test_it_turns_where_it_says() -> None:
    assert threads_for(WORTH_TWO - 1, 1, available=8) == 1
    assert threads_for(WORTH_TWO, 1, available=8) == 2


@given(st.integers(1, 10**9), st.integers(1, 10**6), st.integers(1, 256), st.integers(1, 512))
def test_runs_never_have_more_threads_than_there_are_cores(
    parameters: int, batch: int, available: int, jobs: int
) -> None:
    threads = threads_for(parameters, batch, available, jobs)
    assert threads >= 1
    assert threads * jobs <= max(available, jobs)


def test_the_cores_are_those_this_process_may_use() -> None:
    asked = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
    asked += "from benchmark.threads import cores; import sys; print(cores(), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]
    assert cores() >= 1
