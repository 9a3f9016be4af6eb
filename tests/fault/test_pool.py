"""Runs in processes of their own: what they share, how many there are, and what becomes of one that dies."""

import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from support import tiny_spec

from benchmark.execution import local
from benchmark.execution.local import limits, run_all, run_apart
from benchmark.execution.sharing import SharedScenario
from benchmark.observers.progress import Started
from benchmark.record import read_record
from benchmark.request import RunRequest
from benchmark.run import load_scenario, run
from benchmark.spec import RunSpec
from benchmark.threads import cores


def requests(out: Path, *specs: RunSpec) -> list[RunRequest]:
    return [RunRequest(spec, out / str(number)) for number, spec in enumerate(specs)]


def test_apart_and_here_are_the_same_runs(tmp_path: Path) -> None:
    specs = [tiny_spec("permuted-digits:class,tasks=3", "rehearsal", seed) for seed in range(2)]
    specs.append(tiny_spec("split-digits:task", "hat"))
    here = run_all(requests(tmp_path / "here", *specs), 1, lambda event: None)
    apart = run_apart(requests(tmp_path / "apart", *specs), 2, lambda event: None)
    assert [record.spec for record in apart] == specs
    for one, other in zip(here, apart, strict=True):
        assert one.accuracy == other.accuracy
        assert one.scenario_digest == other.scenario_digest
    for number in range(3):
        name = f"{number}/predictions.safetensors"
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "apart" / name).read_bytes()


def test_a_shared_scenario_is_the_same_and_everybodys_own() -> None:
    scenario = load_scenario("permuted-digits:domain,tasks=3", 4, None)
    shared = SharedScenario(scenario)
    mine, other = shared.load(), shared.load()
    shared.close()
    assert mine.name == scenario.name
    for one, all_ in ((mine.tasks[1].training, scenario.tasks[1].training), (mine.test[2], scenario.test[2])):
        everything = torch.arange(len(all_))
        for a, b in zip(one.batch(everything), all_.batch(everything), strict=True):
            assert torch.equal(a, b)
    del mine.__dict__["digest"]
    assert mine.digest == scenario.digest, "its digest computed anew is that of its content"
    x, y = mine.tasks[0].training.x, other.tasks[0].training.x  # type: ignore[attr-defined]
    before = y.clone()
    x.zero_()
    assert torch.equal(y, before), "what one process changes, another does not see"


def test_tasks_over_the_same_images_still_share_them() -> None:
    shared = SharedScenario(load_scenario("permuted-digits:domain,tasks=3", None, None))
    tasks = shared.load().tasks
    shared.close()
    assert tasks[0].training.x.data_ptr() == tasks[2].training.x.data_ptr()  # type: ignore[attr-defined]


def test_what_is_shared_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shared = SharedScenario(load_scenario("split-digits:task", None, None))
    assert list(tmp_path.iterdir()) == []
    shared.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        shared.close()


COUNTED = '''
"""A scenario that notes down each time it is built."""
import os, pathlib, torch
from scenarios.scenario import register
from scenarios.examples import TensorExamples
from scenarios.task import Scenario, Task

def doubled(x):
    return x * 2

def build(transform):
    with open(pathlib.Path(__file__).with_name("built"), "a") as file:
        file.write(f"{os.getpid()}\\n")
    examples = lambda: TensorExamples(torch.rand(40, 6), torch.arange(40) % 2, 0, transform)
    task = Task(0, "only", (0, 1), (0, 1), examples(), examples())
    return Scenario("", "task", (6,), 2, (task,), (examples(),))

@register("counted")
def counted(seed, *, a: int = 1):
    """Examples that can be handed on."""
    torch.manual_seed(0)
    return build(doubled)

@register("clinging")
def clinging(seed, *, a: int = 1):
    """Examples that cannot: their transform is of a class without a name."""
    class Local:
        __call__ = staticmethod(doubled)
        digest = staticmethod(lambda: "doubled")
    torch.manual_seed(0)
    return build(Local())
'''


@pytest.mark.parametrize(("scenario", "times"), [("counted", 1), ("clinging", 4)])
def test_a_scenario_is_built_once_for_all_processes_where_it_can_be(tmp_path: Path, scenario: str, times: int) -> None:
    (tmp_path / "mine.py").write_text(COUNTED)
    options = ("--plugin", "mine.py", "--network", "mlp:4", "--iterations", "3", "--jobs", "2", "--json")
    command = [sys.executable, "-m", "forgetless", "run", scenario, "naive", "--seeds", "3", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "built").read_text().split()) == times
    records = [read_record(tmp_path / path) for path in json.loads(done.stdout)["records"]]
    assert len(records) == 3
    assert len({record.scenario_digest for record in records}) == 1


def test_never_more_threads_than_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.run.cores", lambda: 4)
    monkeypatch.setattr(local, "cores", lambda: 4)
    wide = [tiny_spec("split-digits:task,tasks=1", "naive", seed, iterations=2, threads=2) for seed in range(3)]
    narrow = [tiny_spec("split-digits:task,tasks=1", "naive", seed, iterations=2) for seed in range(3)]
    specs = [*wide, *narrow]
    used: list[int] = []

    class Watched(local._Pool):
        def start(self, team: list[int]) -> None:
            super().start(team)
            used.append(sum(specs[child.team[0]].threads for child in self.running))

    records = Watched(requests(tmp_path, *specs), 6, lambda event: None).work()
    assert max(used) == 4
    assert [record.status for record in records] == ["completed"] * 6


def test_a_run_never_has_more_threads_than_there_are_cores(tmp_path: Path) -> None:
    (request,) = requests(tmp_path, tiny_spec("split-digits:task,tasks=1", "naive", iterations=1, threads=1000))
    record = run(request)
    assert record.spec.threads == 1000
    assert record.environment.threads == cores()


@pytest.mark.parametrize(
    ("threads", "jobs", "runs", "says"),
    [
        (1, 1, 5, None),
        (1, 4, 5, None),
        (4, 1, 5, None),
        (2, 2, 5, None),
        (1, 8, 3, None),
        (4, 9, 1, None),
        (1, 5, 9, "5 runs at a time are more than the 4 cores here: 4 run"),
        (2, 4, 9, "4 runs of 2 threads at a time are more than the 4 cores here: 2 run"),
        (8, 1, 9, "8 threads are more than the 4 cores here: 4 are used"),
        (
            8,
            2,
            9,
            (
                "8 threads are more than the 4 cores here: 4 are used; "
                "2 runs of 4 threads at a time are more than the 4 cores here: 1 run"
            ),
        ),
    ],
)
def test_what_does_not_fit_is_said(
    monkeypatch: pytest.MonkeyPatch, threads: int, jobs: int, runs: int, says: str | None
) -> None:
    monkeypatch.setattr(local, "cores", lambda: 4)
    spec = tiny_spec("split-digits:task", "naive", threads=threads)
    assert limits([RunRequest(spec, Path())] * runs, jobs) == says


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (3, "its process ended with exit code 3 before the run was over"),
        (0, "its process ended with exit code 0 before the run was over"),
        (-9, "its process was killed by signal 9 (SIGKILL); the system kills so when memory runs out"),
        (-11, "its process was killed by signal 11 (SIGSEGV); it touched memory that is not its own"),
        (-15, "its process was killed by signal 15 (SIGTERM)"),
        (-99, "its process was killed by signal 99"),
    ],
)
def test_why_a_process_died_is_said_in_words(code: int, says: str) -> None:
    assert local._last_words(code).startswith(says)


def test_messages_cut_short_by_death_are_let_pass(tmp_path: Path) -> None:
    """What a killed process had begun to tell cannot be read: it is as if it had said nothing."""
    ours, theirs = os.pipe()
    message = pickle.dumps(Started("0", "naive", 5))
    os.write(theirs, len(message).to_bytes(4, "big") + message[:7])
    os.close(theirs)
    pool = local._Pool(
        requests(tmp_path, tiny_spec("split-digits:task", "naive")), 1, lambda event: pytest.fail("told")
    )
    child = local._Child(0, None, local.Connection(ours, writable=False))  # type: ignore[arg-type]
    pool.hear(child)
    assert child.silent


def test_out_of_the_main_thread_it_works_as_well(tmp_path: Path) -> None:
    found = []
    asked = requests(tmp_path, tiny_spec("split-digits:task", "naive"))
    thread = threading.Thread(target=lambda: found.extend(run_apart(asked, 1, lambda event: None)))
    thread.start()
    thread.join(60)
    assert [record.status for record in found] == ["completed"]
