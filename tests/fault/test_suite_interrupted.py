"""Suites in which cells crash, diverge, are killed or refused, and suites that are interrupted: called again, they
make what is left, and nothing else."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.checkpoint import FILE, read_checkpoint
from benchmark.predictions import FILE as PREDICTIONS
from benchmark.record import read_record
from benchmark.threads import cores

PLUGIN = '''
"""Strategies that end badly, and one that takes its time where it is told to."""
import os, pathlib, signal, time
from strategies.strategy import Strategy, register

HERE = pathlib.Path(__file__).parent

@register("crashes")
class Crashes(Strategy):
    """Its process ends in the second task."""
    def start_task(self, task):
        if task.index == 1:
            os._exit(7)

@register("raises")
class Raises(Strategy):
    """It has a mistake."""
    def end_task(self, task):
        raise ValueError("half way")

@register("killed")
class Killed(Strategy):
    """Its process is killed in the third task, but only once."""
    def start_task(self, task):
        if task.index == 2:
            try:
                (HERE / "killed-once").touch(exist_ok=False)
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)

@register("slow")
class Slow(Strategy):
    """It waits after each step while a file says so."""
    def start_task(self, task):
        (HERE / f"{os.getpid()}.pid").touch()
    def after_step(self, batch):
        if (HERE / "wait").exists():
            time.sleep(0.05)
'''

SUITE = """
scenarios = ["split-digits:class"]
strategies = ["naive", "hat", "crashes", "killed", "raises"]
iterations = 30
network = "mlp:16"
properties = ["sensitivity"]
class_order = "canonical"
seeds = 2

[[grid]]
strategies = ["rehearsal"]
set.memory = [50, 100]

[[grid]]
strategies = ["naive"]
lr = 1e30
seeds = [0]
"""


def suite(folder: Path, *arguments: str, jobs: int = 2) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments, jobs=jobs), cwd=folder, capture_output=True, text=True, timeout=170, check=False
    )


def command(*arguments: str, jobs: int = 2) -> list[str]:
    options = ("--plugin", "plugin.py", "--jobs", str(jobs), *arguments)
    return [sys.executable, "-m", "forgetless", "suite", "suite.toml", *options]


def contents(folder: Path) -> dict[str, tuple[dict[str, Any], bytes]]:
    """What each run came to: all of its record but the times, and its predictions."""
    found = {}
    for path in sorted(folder.rglob("record.json")):
        record = json.loads(path.read_text())
        del record["environment"]
        for cost in record["costs"]:
            del cost["seconds"]
        predictions = b""
        if record["accuracy"]:
            predictions = (path.parent / PREDICTIONS).read_bytes()
        found[str(path.parent.relative_to(folder))] = (record, predictions)
    return found


def files(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_whatever_befalls_a_cell_the_others_go_on_and_only_it_runs_again(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "suite.toml").write_text(SUITE)
    first = suite(tmp_path)
    assert first.returncode == 1, first.stderr
    assert "Traceback" not in first.stderr
    assert first.stderr.count("refused: hat cannot learn split-digits:class") == 1
    records = [read_record(path) for path in sorted((tmp_path / "runs").rglob("record.json"))]
    status: dict[str, list[str]] = {}
    for record in records:
        status.setdefault(record.spec.strategy, []).append(record.status)
    assert {name: sorted(each) for name, each in status.items()} == {
        "naive": ["completed", "completed", "diverged"],
        "crashes": ["failed", "failed"],
        "killed": ["completed", "failed"],
        "raises": ["failed", "failed"],
        "rehearsal": ["completed"] * 4,
    }
    reasons = {record.spec.strategy: record.reason for record in records if record.status != "completed"}
    assert reasons["crashes"] == "its process ended with exit code 7 before the run was over"
    assert reasons["killed"] == "its process was killed by signal 9 (SIGKILL); the system kills so when memory runs out"
    assert reasons["raises"] == "ValueError: half way"
    for name, reason in reasons.items():
        if name != "naive":
            assert (
                f"{name} seed 0 failed: {reason}" in first.stderr or f"{name} seed 1 failed: {reason}" in first.stderr
            )
    planned = json.loads(suite(tmp_path, "--dry-run", "--json").stdout)["runs"]
    states = [(run["strategy"], run["state"]) for run in planned]
    assert states.count(("hat", "refused")) == 2
    assert states.count(("killed", "to resume")) == 1
    assert sum(state in ("completed", "diverged") for _, state in states) == 8
    before = files(tmp_path / "runs")
    done = {Path(run["folder"]) for run in planned if run["state"] in ("completed", "diverged")}
    # Its second seed is new to the group of "killed": churn is between both, and so joins the record of the first.
    alone = {folder for folder in done if "killed" in str(folder)}
    again = suite(tmp_path, "--json")
    assert again.returncode == 1
    document = json.loads(again.stdout)
    assert all(run["reason"].startswith("hat cannot learn") for run in document["refused"])
    assert len(document["records"]) == 13
    after = files(tmp_path / "runs")
    for folder in done - alone:
        for path in (tmp_path / folder).iterdir():
            assert after[path] == before[path], f"{path} was touched"
    assert suite(tmp_path, "--out", "whole").returncode == 1
    whole = contents(tmp_path / "whole")
    assert contents(tmp_path / "runs") == whole
    assert sum(record["status"] == "failed" for record, _ in whole.values()) == 4


INTERRUPTED = """
scenarios = ["split-digits:domain"]
strategies = ["naive", "slow"]
iterations = 40
network = "mlp:16,dropout=0.2"
seeds = 3
"""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], bytes]]:
    """What the runs of that suite come to when nothing interferes."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "suite.toml").write_text(INTERRUPTED)
    assert suite(folder).returncode == 0
    return contents(folder / "runs")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_comes_to_the_records_of_one_that_was_not(
    tmp_path: Path, number: signal.Signals, uninterrupted: dict[str, tuple[dict[str, Any], bytes]]
) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "suite.toml").write_text(INTERRUPTED)
    (tmp_path / "wait").touch()
    abreast = min(2, cores())
    with subprocess.Popen(
        command("--checkpoint-every", "1000"), cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        until(lambda: len(list(tmp_path.glob("*.pid"))) == abreast, process)
        time.sleep(0.5)  # some steps into the first task
        os.killpg(process.pid, number)  # as a terminal does, or a batch system: to everybody
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.endswith("3 runs are left: the same call goes on with them\nforgetless: interrupted\n")
    pids = list(tmp_path.glob("*.pid"))
    assert len(pids) == abreast, "nothing is begun any more"
    assert not any(Path(f"/proc/{path.stem}").exists() for path in pids), "nobody is left behind"
    kept = [read_checkpoint(path.parent).facts["position"] for path in (tmp_path / "runs").rglob(FILE)]
    assert len(kept) == abreast
    assert all(position["step"] > 0 or position["task"] > 0 for position in kept), "they are of where it was"
    before = files(tmp_path / "runs")
    finished = [path for path in before if path.name == "record.json"]
    assert len(finished) == 3
    (tmp_path / "wait").unlink()
    again = suite(tmp_path)
    assert again.returncode == 0, again.stderr
    assert "3 of 6 runs are there already" in again.stderr
    after = files(tmp_path / "runs")
    assert all(after[path] == before[path] for path in finished)
    assert not [path for path in after if path.name == FILE]
    assert contents(tmp_path / "runs") == uninterrupted
    third = suite(tmp_path)
    assert third.returncode == 0
    assert "6 of 6 runs are there already" in third.stderr
    assert files(tmp_path / "runs") == after


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN.replace("time.sleep(0.05)", "time.sleep(600)"))
    (tmp_path / "suite.toml").write_text(INTERRUPTED.replace('"naive", ', ""))
    (tmp_path / "wait").touch()
    with subprocess.Popen(
        command(), cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        until(lambda: len(list(tmp_path.glob("*.pid"))) == min(2, cores()), process)
        process.send_signal(signal.SIGINT)
        time.sleep(1)
        assert process.poll() is None, "the first waits for the step to end"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not any(Path(f"/proc/{path.stem}").exists() for path in tmp_path.glob("*.pid"))


def until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
