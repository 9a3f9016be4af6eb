"""Processes that are killed, disks that are full, files that are damaged: nothing is lost, nothing lies."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmark.checkpoint import FILE, read_checkpoint
from benchmark.keeping import claimed
from benchmark.predictions import FILE as PREDICTIONS
from scenarios.errors import RequestError

KILLS = int(os.environ.get("FORGETLESS_KILLS", "4"))
"""How many runs are killed: a few in `make test`, a hundred in `make fault`."""

RUNS = [
    ("split-digits:task", "hat", "all"),
    ("split-digits:class", "rehearsal", "seen"),
    ("permuted-digits:domain,tasks=6", "ewc", "sample=2"),
    ("permuted-digits:class,tasks=4", "naive", "sample=1"),
    ("rotated-digits:domain,tasks=4", "joint", "all"),
]
OPTIONS = ("--epochs", "3", "--network", "mlp:64x64,dropout=0.1", "--properties", "adversarial:steps=3", "--quiet")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "forgetless", *arguments]


def content(folder: Path) -> tuple[dict[str, Any], bytes]:
    """What a run came to: all of its record but the times, and its predictions."""
    (path,) = folder.rglob("record.json")
    record = json.loads(path.read_text())
    del record["environment"]
    for cost in record["costs"]:
        del cost["seconds"]
    return record, (path.parent / PREDICTIONS).read_bytes()


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_resumes_to_the_record_of_one_never_killed(tmp_path: Path, number: int) -> None:
    chance = random.Random(number)
    scenario, strategy, evaluate = RUNS[number % len(RUNS)]
    seeds = f"{number // len(RUNS)},"
    arguments = ("run", scenario, strategy, "--seeds", seeds, "--evaluate", evaluate, *OPTIONS)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    start = time.monotonic()
    subprocess.run(command(*arguments, "--out", str(whole)), check=True, stdout=subprocess.DEVNULL, timeout=120)
    long = time.monotonic() - start
    process = subprocess.Popen(
        command(*arguments, "--out", str(broken), "--checkpoint-every", "0"), stdout=subprocess.DEVNULL
    )
    until_begun(broken, process)
    time.sleep(chance.random() * long * 0.5)
    process.kill()
    process.wait()
    kills = 1
    resume = command("resume", str(broken), "--quiet")
    while list(broken.rglob(FILE)):
        # Killed a second time while it resumes, every other time.
        again = subprocess.Popen(resume, stdout=subprocess.DEVNULL)
        try:
            again.wait(timeout=chance.uniform(0.4, 1) * long if (number + kills) % 2 == 0 else 120)
        except subprocess.TimeoutExpired:
            again.kill()
            again.wait()
            kills += 1
    assert content(broken) == content(whole), f"{scenario} {strategy} is another run after {kills} kills"
    left = {path.name for path in broken.rglob("*") if path.is_file()}
    assert left == {"record.json", PREDICTIONS}, "something is left lying about"


def until_begun(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait for the first checkpoint, or the end."""
    deadline = time.monotonic() + 60
    while not list(folder.rglob(FILE)) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    """The folder of a run that was stopped after its first task."""
    arguments = ("run", "split-digits:task", "naive", *OPTIONS[:4], "--epochs", "60", "--out", str(tmp_path / "runs"))
    process = subprocess.Popen(command(*arguments, "--quiet"), stderr=subprocess.DEVNULL)
    until_begun(tmp_path / "runs", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (found,) = (tmp_path / "runs").rglob(FILE)
    return found.parent


def resumed(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command("resume", str(folder), "--quiet"), capture_output=True, text=True, check=False)


def test_a_damaged_checkpoint_is_one_line_and_nothing_is_lost(interrupted: Path, forgetless: Any) -> None:
    whole = (interrupted / FILE).read_bytes()
    flipped = bytearray(whole)
    flipped[-5] ^= 1
    for content, says in (
        (whole[:100], "cannot be read"),
        (whole[:-10], "cannot be read"),
        (b"", "cannot be read"),
        (b"not a checkpoint at all", "cannot be read"),
        (bytes(flipped), "a checksum differs"),
    ):
        (interrupted / FILE).write_bytes(content)
        done = forgetless("resume", str(interrupted), "--quiet")
        assert done.code == 2
        assert done.err.count("\n") == 1
        assert done.err.startswith("forgetless: ")
        assert says in done.err
        assert (interrupted / FILE).read_bytes() == content
    (interrupted / FILE).write_bytes(whole)
    assert resumed(interrupted).returncode == 0
    again = forgetless("resume", str(interrupted), "--quiet")
    assert (again.code, again.err.count("\n")) == (2, 1)
    assert "nothing to resume" in again.err


def test_a_folder_in_use_is_refused(interrupted: Path) -> None:
    with claimed(interrupted), pytest.raises(RequestError, match="in use by another process"), claimed(interrupted):
        pass
    with claimed(interrupted):
        done = resumed(interrupted)
    assert done.returncode in (1, 2)
    assert "in use by another process" in done.stderr
    assert read_checkpoint(interrupted).facts["position"]["task"] >= 1
    assert not (interrupted / "record.json").exists()


def test_a_plugin_that_changed_since_is_refused(tmp_path: Path) -> None:
    source = (
        "import os\nfrom strategies.strategy import Strategy, register\n\n\n"
        '@register("stops")\nclass Stops(Strategy):\n    """It stops."""\n\n'
        "    def start_task(self, task):\n        if task.index == 2:\n            os._exit(9)\n"
    )
    (tmp_path / "stops.py").write_text(source)
    arguments = ("run", "split-digits:task", "stops", "--plugin", "stops.py", "--iterations", "5", "--quiet")
    assert subprocess.run(command(*arguments), cwd=tmp_path, check=False).returncode == 9
    (found,) = tmp_path.rglob(FILE)
    (tmp_path / "stops.py").write_text(source + "\n# a second thought\n")
    done = resumed(found.parent)
    assert done.returncode in (1, 2)
    assert "the source of stops has changed since it began" in done.stderr
    assert found.exists()


@pytest.mark.parametrize("what", ["checkpoint.Checkpoint.write", "journal.Journal.add"])
def test_where_no_checkpoint_can_be_written_it_is_said_once_and_the_run_goes_on(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from support import tiny_spec

    from benchmark.request import RunRequest
    from benchmark.run import run

    def full(*_: Any) -> None:
        raise OSError(28, os.strerror(28))

    spec = tiny_spec("split-digits:task", "naive")
    run(RunRequest(spec, tmp_path / "whole"))
    monkeypatch.setattr(f"benchmark.{what}", full)
    record = run(RunRequest(spec, tmp_path / "run"))
    assert record.status == "completed"
    assert capsys.readouterr().err.count("a checkpoint cannot be written: No space left on device") == 1
    assert (tmp_path / "run" / PREDICTIONS).read_bytes() == (tmp_path / "whole" / PREDICTIONS).read_bytes()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"record.json", PREDICTIONS}
